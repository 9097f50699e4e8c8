"""Transformers that people write in plain PyTorch: the same names, the same values, the same edits."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # torch's own habit
from torch import Tensor, nn

from attrium_kernel.tracing import Architecture, ArchitectureError, Patch, Replace, Scale, Site, Zero, trace

from . import handwritten, models, oracles
from .closeness import assert_close, assert_same

WIDTH, HEADS, VOCAB, NEURONS = models.WIDTH, models.HEADS, models.VOCAB, models.NEURONS
IDS = models.text()["input_ids"]
OTHER = models.ids(models.BATCH, models.LENGTH, seed=9)
CAUSAL = torch.full((models.LENGTH, models.LENGTH), -torch.inf).triu(1)


class Encoder(nn.Module):
    """`nn.TransformerEncoder` over an embedding with learned positions."""

    def __init__(self, norm_first: bool, causal: bool, batch_first: bool = True) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCAB, WIDTH)
        self.positions = nn.Embedding(32, WIDTH)
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, NEURONS, dropout=0.1, activation="gelu", batch_first=batch_first, norm_first=norm_first
        )
        self.encoder = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(WIDTH), enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, VOCAB)
        self.causal, self.batch_first = causal, batch_first

    def forward(self, ids: Tensor, padding: Tensor | None = None) -> Tensor:
        n = ids.shape[1]
        x = self.tokens(ids) + self.positions(torch.arange(n))
        mask = torch.full((n, n), -torch.inf).triu(1) if self.causal else None
        if not self.batch_first:
            x = x.transpose(0, 1)
        x = self.encoder(x, mask=mask, src_key_padding_mask=padding)
        if not self.batch_first:
            x = x.transpose(0, 1)
        return self.head(x)


class Attended(nn.Module):
    """A user's block around `nn.MultiheadAttention`."""

    def __init__(self) -> None:
        super().__init__()
        self.norm_a, self.norm_b = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, NEURONS), nn.GELU(), nn.Linear(NEURONS, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm_a(x)
        h, _ = self.attention(h, h, h, attn_mask=CAUSAL[: x.shape[1], : x.shape[1]], need_weights=False)
        x = x + h
        return x + self.mlp(self.norm_b(x))


class Fused(nn.Module):
    """A nanoGPT-like block: one projection, `scaled_dot_product_attention`."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.c_attn, self.c_proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.c_fc, self.mlp_proj = nn.Linear(WIDTH, NEURONS), nn.Linear(NEURONS, WIDTH)

    def mix(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    def attend(self, x: Tensor) -> Tensor:
        batch, n, width = x.shape
        q, k, v = (t.view(batch, n, HEADS, -1).transpose(1, 2) for t in self.c_attn(x).split(WIDTH, 2))
        return self.c_proj(self.mix(q, k, v).transpose(1, 2).contiguous().view(batch, n, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attend(self.ln_1(x))
        return x + self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x))))


class ByHand(Fused):
    """softmax(q k^T / sqrt(d) + mask) v, written out."""

    def mix(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        n = q.shape[2]
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        att = att.masked_fill(torch.ones(n, n).tril() == 0, float("-inf"))
        att = F.softmax(att, dim=-1)
        return F.dropout(att, 0.2, self.training) @ v


class Einsum(Fused):
    """The same in Einstein's notation."""

    def mix(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        n = q.shape[2]
        scores = torch.einsum("bhqd,bhkd->bhqk", q, k) / math.sqrt(k.size(-1))
        pattern = (scores + CAUSAL[:n, :n]).softmax(dim=-1)
        return torch.einsum("bhqk,bhkd->bhqd", pattern, v)


class Separate(nn.Module):
    """Heads as modules of their own are not asked for; one projection each for q, k and v is."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.RMSNorm(WIDTH), nn.RMSNorm(WIDTH)
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(3))
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.gate, self.up, self.down = nn.Linear(WIDTH, NEURONS), nn.Linear(WIDTH, NEURONS), nn.Linear(NEURONS, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        batch, n, width = x.shape
        h = self.norm1(x)
        q, k, v = (layer(h).view(batch, n, HEADS, -1).transpose(1, 2) for layer in (self.query, self.key, self.value))
        weights = torch.softmax(torch.matmul(q, k.transpose(2, 3)) / math.sqrt(6) + CAUSAL[:n, :n], dim=-1)
        x = x + self.out(torch.matmul(weights, v).transpose(1, 2).reshape(batch, n, width))
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Language(nn.Module):
    """Embedding, positions, blocks, norm, head."""

    def __init__(self, block: type[nn.Module]) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(VOCAB, WIDTH), nn.Embedding(32, WIDTH)
        self.h = nn.ModuleList([block() for _ in range(2)])
        self.ln_f, self.lm_head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCAB, bias=False)

    def forward(self, idx: Tensor) -> Tensor:
        x = self.wte(idx) + self.wpe(torch.arange(idx.shape[1]))
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


def made(name: str) -> nn.Module:
    """A random model of a kind, in eval mode."""
    kinds: dict[str, Any] = {
        "encoder post-norm": lambda: Encoder(False, False),
        "encoder pre-norm": lambda: Encoder(True, False),
        "encoder causal": lambda: Encoder(True, True),
        "encoder position first": lambda: Encoder(True, True, batch_first=False),
        "multihead": lambda: Language(Attended),
        "fused": lambda: Language(Fused),
        "by hand": lambda: Language(ByHand),
        "einsum": lambda: Language(Einsum),
        "separate": lambda: Language(Separate),
    }
    with models.seeded(0):
        return models.randomise(kinds[name]())


def multihead(prefix: str, model: Any) -> tuple[Tensor, Tensor, Any]:
    """Packed weights `(3 * width, width)`, their bias, and the output projection."""
    attention = model.get_submodule(prefix)
    return attention.in_proj_weight.detach(), attention.in_proj_bias.detach(), attention.out_proj


PARTS: dict[str, dict[str, str]] = {
    "encoder": {
        "block": "encoder.layers.{i}",
        "ln1": "norm1",
        "ln2": "norm2",
        "attention": "self_attn",
        "up": "linear1",
        "down": "linear2",
    },
    "multihead": {
        "block": "h.{i}",
        "ln1": "norm_a",
        "ln2": "norm_b",
        "attention": "attention",
        "up": "mlp.0",
        "down": "mlp.2",
    },
    "fused": {
        "block": "h.{i}",
        "ln1": "ln_1",
        "ln2": "ln_2",
        "qkv": "c_attn",
        "o": "c_proj",
        "up": "c_fc",
        "down": "mlp_proj",
    },
    "separate": {
        "block": "h.{i}",
        "ln1": "norm1",
        "ln2": "norm2",
        "o": "out",
        "gate": "gate",
        "up": "up",
        "down": "down",
    },
}
KINDS = {
    "encoder post-norm": "encoder",
    "encoder pre-norm": "encoder",
    "encoder causal": "encoder",
    "encoder position first": "encoder",
    "multihead": "multihead",
    "fused": "fused",
    "by hand": "fused",
    "einsum": "fused",
    "separate": "separate",
}
MODELS: dict[str, nn.Module] = {}


def shared(name: str) -> Any:
    """One model of each kind."""
    return MODELS.setdefault(name, made(name))


def forward(
    name: str, ids: Tensor = IDS, edit: handwritten.Edit = handwritten.same, padding: Tensor | None = None
) -> handwritten.Values:
    """Every name, written out by hand from the weights."""
    model, parts, run = shared(name), PARTS[KINDS[name]], handwritten.Run(edit)
    batch, n = ids.shape
    encoder = KINDS[name] == "encoder"
    wte, wpe = (model.tokens, model.positions) if encoder else (model.wte, model.wpe)
    causal = not encoder or model.causal
    seen = torch.ones(n, n, dtype=torch.bool).tril() if causal else torch.ones(n, n, dtype=torch.bool)
    seen = seen[None, None] if padding is None else seen[None, None] & ~padding[:, None, None]
    x = run.at("embed", wte.weight.detach()[ids])
    x = x + run.at("pos_embed", wpe.weight.detach()[:n].expand(batch, -1, -1))
    post = name == "encoder post-norm"
    for i in range(2):
        p, path = f"blocks.{i}.", parts["block"].format(i=i)

        def module(part: str, path: str = path) -> Any:
            return model.get_submodule(f"{path}.{parts[part]}")

        def normed(which: str, x: Tensor, p: str = p, module: Any = module) -> Tensor:
            layer = module(which)
            kind = "rms" if name == "separate" else "layer"
            eps = layer.eps if layer.eps is not None else torch.finfo(torch.float32).eps
            run.at(f"{p}{which}.scale", oracles.norm_scale(x, kind, eps))
            norm = handwritten.layer_norm(layer, eps) if kind == "layer" else handwritten.rms_norm(layer, eps)
            return run.at(f"{p}{which}.out", norm(x))

        x = run.at(f"{p}resid_pre", x)
        h = x if post else normed("ln1", x)
        q, k, v, o = projections(name, module, h)
        q, k, v = (run.at(f"{p}attn.{letter}", t.view(batch, n, HEADS, -1)) for letter, t in zip("qkv", (q, k, v)))
        attn_out = handwritten.mixed(run, p, q, k, v, o, seen, 6**-0.5)
        x = run.at(f"{p}resid_mid", x + attn_out)
        if post:
            x = normed("ln1", x)
        h = x if post else normed("ln2", x)
        pre = run.at(f"{p}mlp.pre", handwritten.linear(module("gate" if "gate" in parts else "up"))(h))
        if "gate" in parts:
            up = run.at(f"{p}mlp.pre_linear", handwritten.linear(module("up"))(h))
            activated = handwritten.silu(pre) * up
        else:
            activated = handwritten.gelu(pre)
        down = handwritten.linear(module("down"))(run.at(f"{p}mlp.post", activated))
        x = run.at(f"{p}resid_post", x + run.at(f"{p}mlp_out", down))
        if post:
            x = normed("ln2", x)
    final, head = (model.encoder.norm, model.head) if encoder else (model.ln_f, model.lm_head)
    run.at("ln_final.scale", oracles.norm_scale(x, "layer", 1e-5))
    out = run.at("ln_final.out", handwritten.layer_norm(final, 1e-5)(x))
    run.at("logits", run.at("unembed", handwritten.linear(head)(out)))
    return run.values


def projections(name: str, module: Any, h: Tensor) -> tuple[Tensor, Tensor, Tensor, Any]:
    """q, k, v `(batch, position, width)` and the output projection."""
    parts = PARTS[KINDS[name]]
    if "attention" in parts:
        attention = module("attention")
        q, k, v = (h @ attention.in_proj_weight.detach().T + attention.in_proj_bias.detach()).chunk(3, -1)
        return q, k, v, attention.out_proj
    if "qkv" in parts:
        q, k, v = handwritten.linear(module("qkv"))(h).chunk(3, -1)
        return q, k, v, module("o")
    block = module("o")
    assert block is not None
    owner = next(b for b in shared(name).h if b.out is block)
    q, k, v = (handwritten.linear(layer)(h) for layer in (owner.query, owner.key, owner.value))
    return q, k, v, block


@pytest.mark.parametrize("name", KINDS)
def test_the_forward_by_hand_is_the_model(name: str) -> None:
    with torch.no_grad():
        assert_close(forward(name)["logits"], shared(name)(IDS), 2e-5)


@pytest.mark.parametrize("name", KINDS)
def test_a_traced_run_gives_the_models_logits(name: str) -> None:
    model = shared(name)
    with torch.no_grad():
        plain = model(IDS)
    # nn.TransformerEncoder has a fused path for inference, which computes the same in another order.
    assert_close(trace(model, IDS).logits, plain, 5e-6 if name.startswith("encoder") or name == "multihead" else 0.0)


@pytest.mark.parametrize("name", KINDS)
def test_every_name_is_that_of_the_forward_by_hand(name: str) -> None:
    t, right = trace(shared(name), IDS), forward(name)
    assert_same(t, right, 2e-5)
    assert set(t.names) == set(right)


SITES = (
    "resid_pre resid_mid resid_post ln1.out ln2.out attn.q attn.k attn.v attn.scores attn.pattern attn.z attn.result "
    "attn_out mlp.pre mlp.post mlp_out"
).split()


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("name", KINDS)
def test_every_site_can_be_edited(name: str, site: str) -> None:
    head = {"head": 1} if site.startswith("attn.") else {}
    where = Site(f"blocks.1.{site}", position=(2, -1), **head)

    def edit(each: str, value: Tensor) -> Tensor:
        if each != where.name:
            return value
        value = value.clone()
        at: Any = (slice(None), 1, [2, -1]) if "pattern" in site or "scores" in site else (slice(None), [2, -1])
        if head and not ("pattern" in site or "scores" in site):
            at = (slice(None), [2, -1], 1)
        value[at] = value[at] * -0.5
        return value

    right = forward(name, edit=edit)
    assert (right["logits"] - forward(name)["logits"]).abs().max() > 1e-3
    t = trace(shared(name), IDS, interventions=[Scale(where, -0.5)])
    assert_close(t.logits, right["logits"], 3e-5)
    assert_same(t, right, 3e-5)


@pytest.mark.parametrize("name", KINDS)
def test_a_frozen_pattern_stays(name: str) -> None:
    clean = trace(shared(name), IDS)
    values = forward(name)
    right = forward(name, OTHER, lambda each, value: values[each] if each.endswith("pattern") else value)
    t = trace(shared(name), OTHER, interventions=[Patch("blocks.*.attn.pattern", clean)])
    assert_same(t, {n: v for n, v in right.items() if not n.endswith("scores")}, 3e-5)


@pytest.mark.parametrize("name", ["encoder post-norm", "encoder pre-norm"])
def test_padding_of_an_encoder_hides_its_keys(name: str) -> None:
    padding = torch.zeros(models.BATCH, models.LENGTH, dtype=torch.bool)
    padding[1, -3:] = True
    right = forward(name, padding=padding)
    t = trace(shared(name), {"ids": IDS, "padding": padding})
    assert_same(t, right, 2e-5)
    zero = Zero(Site("blocks.0.attn.z", head=2))
    edited = forward(name, padding=padding, edit=zeroed)
    assert_close(
        trace(shared(name), {"ids": IDS, "padding": padding}, interventions=[zero]).logits, edited["logits"], 3e-5
    )


def zeroed(name: str, value: Tensor) -> Tensor:
    """Head 2 of the first block, silent."""
    if name == "blocks.0.attn.z":
        value = value.clone()
        value[:, :, 2] = 0
    return value


@pytest.mark.parametrize("name", KINDS)
def test_train_mode_and_its_dropout_come_back(name: str) -> None:
    model = made(name).train()
    assert_close(trace(model, IDS).logits, trace(shared(name), IDS).logits, 0.0)
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("name", KINDS)
def test_models_of_users_come_back_as_they_were(name: str) -> None:
    from .test_hygiene import untouched_all

    model = made(name)
    with untouched_all(model, IDS):
        trace(model, IDS, interventions=[Zero("blocks.0.attn.pattern"), Scale("blocks.1.attn.z", 2.0)])


def test_what_multihead_attention_returns_stays_what_it_was() -> None:
    class Watched(Attended):
        def forward(self, x: Tensor) -> Tensor:
            h = self.norm_a(x)
            h, weights = self.attention(
                h, h, h, attn_mask=CAUSAL[: x.shape[1], : x.shape[1]], average_attn_weights=self.mean
            )
            seen.append(weights)
            x = x + h
            return x + self.mlp(self.norm_b(x))

        mean = True

    for mean in (True, False):
        seen: list[Tensor] = []
        Watched.mean = mean
        with models.seeded(0):
            model = models.randomise(Language(Watched))
        with torch.no_grad():
            model(IDS)
        right = [w.clone() for w in seen]
        trace(model, IDS)
        for found, wanted in zip(seen[-2:], right):
            assert_close(found, wanted, 1e-6)


# ---- what else people write


def test_logits_of_the_last_position_and_no_loss_as_nanogpt_returns_them() -> None:
    class Nano(Language):
        def forward(self, idx: Tensor, targets: Tensor | None = None) -> tuple[Tensor, Tensor | None]:  # type: ignore[override]
            x = self.wte(idx) + self.wpe(torch.arange(idx.shape[1]))
            for block in self.h:
                x = block(x)
            x = self.ln_f(x)
            if targets is None:
                return self.lm_head(x[:, [-1], :]), None
            logits = self.lm_head(x)
            return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    with models.seeded(0):
        model = models.randomise(Nano(Fused))
    right = forward("fused")
    t = trace(model, IDS)
    assert_close(t.logits, right["logits"][:, [-1]], 2e-5)
    assert_same(t, {n: v for n, v in right.items() if n.startswith(("blocks", "ln_final"))}, 2e-5)
    whole = trace(model, {"idx": IDS, "targets": OTHER})
    assert_close(whole.logits, right["logits"], 2e-5)
    zero = trace(model, IDS, interventions=[Zero(Site("blocks.0.attn.z", head=2))])
    assert_close(zero.logits, forward("fused", edit=zeroed)["logits"][:, [-1]], 2e-5)


class OneHead(nn.Module):
    """A tutorial's attention: no axis for heads at all."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.q, self.k, self.v, self.o = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.up, self.down = nn.Linear(WIDTH, NEURONS), nn.Linear(NEURONS, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        n, h = x.shape[1], self.ln_1(x)
        scores = self.q(h) @ self.k(h).transpose(-2, -1) / WIDTH**0.5
        x = x + self.o((scores + CAUSAL[:n, :n]).softmax(-1) @ self.v(h))
        return x + self.down(F.relu(self.up(self.ln_2(x))))


def test_an_attention_without_heads_has_one() -> None:
    with models.seeded(0):
        model: Any = models.randomise(Language(OneHead))
    t, block = trace(model, IDS), model.h[1]
    with torch.no_grad():
        h = block.ln_1(t["blocks.1.resid_pre"])
        scores = block.q(h) @ block.k(h).transpose(-2, -1) / WIDTH**0.5
        pattern = (scores + CAUSAL).softmax(-1)
    assert_close(t["blocks.1.attn.pattern"], pattern[:, None], 1e-5)
    assert_close(t["blocks.1.attn.scores"], scores[:, None], 1e-4)
    assert_close(t["blocks.1.attn.q"], block.q(h).detach()[:, :, None], 1e-5)
    assert_close(t["blocks.1.attn.z"], (pattern @ block.v(h)).detach()[:, :, None], 1e-5)
    rows = trace(model, IDS, interventions=[Zero(Site("blocks.1.attn.pattern", head=0, rows=1, position=-1))])
    with torch.no_grad():
        silent = pattern.clone()
        silent[1, -1] = 0
    assert_close(rows["blocks.1.attn.z"], (silent @ block.v(h)).detach()[:, :, None], 1e-5)


class Narrow(nn.Module):
    """One head of one number, whose query says nothing: its weights are zero."""

    def __init__(self, slope: float = 0.0) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(*shape) for shape in ((WIDTH, 1),) * 3 + ((1, WIDTH),))
        self.up, self.down = nn.Linear(WIDTH, NEURONS), nn.Linear(NEURONS, WIDTH)
        self.register_buffer("slope", slope * torch.ones(models.LENGTH, models.LENGTH).triu(1))

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[1]
        scores = self.q(x) @ self.k(x).transpose(-2, -1) + self.slope[:n, :n]
        x = x + self.o(scores.softmax(-1) @ self.v(x))
        return x + self.down(F.relu(self.up(x)))


def test_projections_of_one_number_are_told_apart() -> None:
    """Any number is a multiple of any other, so a factor must not be asked for before the values themselves."""
    with models.seeded(0):
        model: Any = models.randomise(Language(Narrow))
    for block in model.h:
        nn.init.zeros_(block.q.weight)
        nn.init.constant_(block.q.bias, 100.0)
    parts = Architecture.of(model, IDS).main.blocks[0].parts
    assert [parts[f"attn.{letter}"].path for letter in "qkvo"] == [f"h.0.{letter}" for letter in "qkvo"]


def test_scores_that_are_far_apart_are_no_mask() -> None:
    """Later keys get weights of exactly 0 here, but nothing hides them."""
    with models.seeded(0):
        model: Any = models.randomise(Language(lambda: Narrow(-400.0)))
    assert not trace(model, IDS)["blocks.0.attn.pattern"].triu(1).any()
    assert not Architecture.of(model, IDS).main.causal


class HeadByHead(nn.Module):
    """Karpathy's lecture: each head a module of its own."""

    def __init__(self) -> None:
        super().__init__()

        class Head(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.q, self.k, self.v = (nn.Linear(WIDTH, 6, bias=False) for _ in range(3))

            def forward(self, x: Tensor) -> Tensor:
                n = x.shape[1]
                scores = self.q(x) @ self.k(x).transpose(-2, -1) * 6**-0.5
                return (scores + CAUSAL[:n, :n]).softmax(-1) @ self.v(x)

        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.heads = nn.ModuleList([Head() for _ in range(HEADS)])
        self.proj = nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, NEURONS), nn.Linear(NEURONS, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        h = self.ln_1(x)
        x = x + self.proj(torch.cat([head(h) for head in self.heads], -1))
        return x + self.down(F.relu(self.up(self.ln_2(x))))


def test_heads_that_are_modules_are_all_shown_or_refused_by_name() -> None:
    with models.seeded(0):
        model: Any = models.randomise(Language(HeadByHead))
    try:
        t = trace(model, IDS)
    except ArchitectureError as error:
        message = str(error)
    else:
        message = "heads"
        assert t["blocks.1.attn.pattern"].shape == (models.BATCH, HEADS, models.LENGTH, models.LENGTH)
        assert "blocks.1.cross.pattern" not in t.names
    assert "heads" in message


class Bare(nn.Module):
    """Weights that are parameters of the block, and no modules."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.w_qkv, self.w_o = nn.Parameter(torch.empty(3, HEADS, WIDTH, 6)), nn.Parameter(torch.empty(HEADS, 6, WIDTH))
        self.mlp = nn.Sequential(nn.Linear(WIDTH, NEURONS), nn.GELU(), nn.Linear(NEURONS, WIDTH))
        self.hold = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = torch.einsum("bnd,xhde->xbhne", self.ln_1(x), self.w_qkv)
        z = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.hold(torch.einsum("bhne,hed->bnd", z, self.w_o))
        return x + self.mlp(self.ln_2(x))


def test_weights_that_are_no_modules_leave_the_rest_readable() -> None:
    with models.seeded(0):
        model: Any = models.randomise(Language(Bare))
    with torch.no_grad():
        plain = model(IDS)
    t, block = trace(model, IDS), model.h[1]
    assert_close(t.logits, plain, 0.0)
    with torch.no_grad():
        q, k, v = torch.einsum("bnd,xhde->xbhne", block.ln_1(t["blocks.1.resid_pre"]), block.w_qkv)
        pattern = (q @ k.transpose(-2, -1) * 6**-0.5 + CAUSAL).softmax(-1)
        z = (pattern @ v).transpose(1, 2)
    assert_close(t["blocks.1.attn.pattern"], pattern, 1e-5)
    assert_close(t["blocks.1.attn.z"], z, 1e-5)
    assert_close(
        t["blocks.1.resid_pre"] + t["blocks.1.attn_out"] + t["blocks.1.mlp_out"], t["blocks.1.resid_post"], 1e-4
    )
    assert_close(t["blocks.1.mlp.post"], block.mlp[:2](block.ln_2(t["blocks.1.resid_mid"])).detach(), 1e-5)
    silent = trace(model, IDS, interventions=[Zero(Site("blocks.1.attn.z", head=1))])
    with torch.no_grad():
        z[:, :, 1] = 0
        right = t["blocks.1.resid_pre"] + torch.einsum("bnhe,hed->bnd", z, block.w_o)
    assert_close(silent["blocks.1.resid_mid"], right, 1e-5)


def test_chance_in_a_forward_is_the_chance_of_a_plain_run() -> None:
    class Noisy(Fused):
        def forward(self, x: Tensor) -> Tensor:
            return F.dropout(super().forward(x), 0.3, training=True)

    with models.seeded(0):
        model = models.randomise(Language(Noisy))
    torch.manual_seed(5)
    with torch.no_grad():
        right = model(IDS)
    for _ in range(2):
        torch.manual_seed(5)
        try:
            t = trace(model, IDS)
        except ArchitectureError:  # noise is no residual stream, and saying so is fine too
            return
        assert_close(t.logits, right, 0.0)


def test_a_block_that_writes_over_what_the_caller_gave_does_so_once() -> None:
    class Adds(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block, self.second = Fused(), Fused()
            self.head = nn.Linear(WIDTH, VOCAB)

        def forward(self, x: Tensor) -> Tensor:
            for block in (self.block, self.second):
                x += block.attend(block.ln_1(x))
                x += block.mlp_proj(F.gelu(block.c_fc(block.ln_2(x))))
            return self.head(x)

    with models.seeded(0):
        model = models.randomise(Adds())
    given, kept = models.randn(2, 7, WIDTH), models.randn(2, 7, WIDTH)
    with torch.no_grad():
        right = model(given)
    for _ in range(2):
        own = kept.clone()
        try:
            t = trace(model, own)
        except ArchitectureError:  # attentions that no block encloses
            return
        assert_close(t.logits, right, 1e-6)


class Adapted(nn.Module):
    """A low-rank adapter around a linear map, as PEFT wraps one."""

    def __init__(self, base: nn.Module, out: int) -> None:
        super().__init__()
        self.base_layer = base
        into = base.weight.shape[1]
        self.lora_a, self.lora_b = nn.Linear(into, 2, bias=False), nn.Linear(2, out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.base_layer(x) + 2.0 * self.lora_b(self.lora_a(x))


def adapted(*paths: str) -> tuple[nn.Module, nn.Module]:
    """A Llama with adapters, and one with the adapters merged into its weights."""
    model, merged = models.build("llama", "sdpa"), models.build("llama", "sdpa")
    for seed, path in enumerate(f"model.layers.{i}.{p}" for i in range(2) for p in paths):
        base: Any = model.get_submodule(path)
        with models.seeded(seed):
            wrapped = Adapted(base, base.weight.shape[0])
        parent, _, name = path.rpartition(".")
        setattr(model.get_submodule(parent), name, wrapped)
        with torch.no_grad():
            merged.get_submodule(path).weight += 2.0 * wrapped.lora_b.weight @ wrapped.lora_a.weight
    return model.eval(), merged


@pytest.mark.parametrize("path", ["self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj"])
def test_adapters_are_part_of_what_they_adapt(path: str) -> None:
    model, merged = adapted(path)
    t, right = trace(model, IDS), trace(merged, IDS)
    assert_close(t.logits, right.logits, 1e-5)
    assert_same(t, {name: right[name] for name in right.names if name in t.names}, 2e-5)
    missing = set(right.names) - set(t.names)
    assert not {
        n for n in missing if n.endswith(("resid_pre", "resid_post", "pattern", "attn.z", "attn_out", "mlp_out"))
    }
    for site in ("attn.q", "attn.z", "attn_out", "mlp.pre", "mlp.post", "mlp_out"):
        edit = [Scale(f"blocks.0.{site}", -0.5)]
        if f"blocks.0.{site}" in t.names:
            found = trace(model, IDS, interventions=edit).logits
            assert_close(found, trace(merged, IDS, interventions=edit).logits, 2e-5)


def test_hooks_of_the_user_have_their_say() -> None:
    model: Any = models.build("gpt2")
    model.transformer.h[1].mlp.register_forward_hook(lambda module, args, output: output * 2)
    model.transformer.h[0].attn.c_attn.register_forward_hook(lambda module, args, output: output * 0.5)
    with torch.no_grad():
        plain = model(IDS, use_cache=False).logits
    t = trace(model, IDS)
    assert_close(t.logits, plain, 0.0)

    def edit(name: str, value: Tensor) -> Tensor:
        if name in ("blocks.0.attn.q", "blocks.0.attn.k", "blocks.0.attn.v"):
            return value * 0.5
        return value * 2 if name == "blocks.1.mlp_out" else value

    assert_same(t, handwritten.gpt2(models.shared("gpt2"), IDS, edit=edit), 2e-5)


@pytest.mark.parametrize("name", ["by hand", "fused", "multihead"])
def test_attention_inside_an_edit_is_not_the_models(name: str) -> None:
    helper = shared("by hand")

    def attend(value: Tensor) -> Tensor:
        with torch.no_grad():
            helper(IDS)
            models.shared("gpt2", "sdpa")(IDS)
        weights = (value @ value.transpose(1, 2) * 0.01).softmax(-1)
        return weights @ value + 0 * F.scaled_dot_product_attention(value, value, value)

    def edit(each: str, value: Tensor) -> Tensor:
        if each != "blocks.0.mlp_out":
            return value
        return (value @ value.transpose(1, 2) * 0.01).softmax(-1) @ value

    model = made(name)  # a model of its own: `helper` runs while this one is traced
    t = trace(model, IDS, interventions=[Replace("blocks.0.mlp_out", attend)])
    assert_same(t, forward(name, edit=edit), 3e-5)


def test_a_trace_inside_an_edit_is_a_trace_of_its_own() -> None:
    inner: list[Any] = []

    def look(value: Tensor) -> Tensor:
        inner.append(trace(models.shared("llama", "sdpa"), IDS))
        return value

    t = trace(shared("fused"), IDS, interventions=[Replace("blocks.1.attn.pattern", look)])
    assert_same(t, forward("fused"), 2e-5)
    right = trace(models.shared("llama", "sdpa"), IDS)
    assert_same(inner[0], {name: right[name] for name in right.names}, 0.0)
