"""What is kept: which names, in which form, within how much memory; and that it stays what it was."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attrium_kernel.tracing import Capture, CaptureError, Scale, SiteError, Trace, TraceError, trace

from . import models, oracles
from .closeness import assert_close, assert_same
from .test_parity import inputs, traced

IDS = models.text()["input_ids"]


@pytest.mark.parametrize(
    ("capture", "right"),
    [
        ("blocks.1.attn.pattern", ["blocks.1.attn.pattern"]),
        ("blocks.*.resid_post", [f"blocks.{i}.resid_post" for i in range(3)]),
        (["embed", "blocks.2.*_out"], ["embed", "blocks.2.attn_out", "blocks.2.mlp_out"]),
        (("blocks.0.attn.z",), ["blocks.0.attn.z"]),
        (Capture(names=("blocks.0.attn.scores", "blocks.1.ln1.scale")), ["blocks.0.attn.scores", "blocks.1.ln1.scale"]),
        (Capture(names="blocks.*.attn.result"), [f"blocks.{i}.attn.result" for i in range(3)]),
        ("blocks.1.resid_mid", ["blocks.1.resid_mid"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_what_is_asked_for_is_kept_and_is_what_a_whole_trace_has(
    implementation: str, capture: Any, right: list[str]
) -> None:
    t = trace(models.shared("gpt2", implementation), IDS, capture=capture)
    whole = traced("gpt2", implementation)
    assert [name for name in t.names if name != "logits"] == right
    for name in right:
        assert_close(t[name], whole[name], 0.0)
    assert_close(t.logits, whole.logits, 0.0)


@pytest.mark.parametrize("name", ["gpt2", "llama", "bert", "t5", "gpt-neox", "bloom", "mixtral", "gemma2", "falcon"])
def test_any_name_can_be_had_alone(name: str) -> None:
    whole = traced(name, "eager")
    for each in whole.names:
        t = trace(models.shared(name), inputs(name), capture=each)
        assert set(t.names) <= {each, "logits"}, each
        assert_close(t[each].nan_to_num(neginf=-1e9), whole[each].nan_to_num(neginf=-1e9), 0.0)


def test_what_was_not_captured_says_so() -> None:
    t = trace(models.shared("gpt2"), IDS, capture="blocks.0.resid_post")
    with pytest.raises(SiteError, match=r"(?s)blocks\.1\.resid_post.*captur"):
        t["blocks.1.resid_post"]
    assert "captur" in t.why("blocks.1.resid_post")


def test_less_captured_is_less_kept() -> None:
    sizes = [
        trace(models.shared("gpt2"), IDS, capture=c).bytes
        for c in ((), "blocks.0.resid_post", "blocks.*.resid_post", "all")
    ]
    assert sizes == sorted(sizes) and len(set(sizes)) == 4
    one = models.BATCH * models.LENGTH * models.WIDTH * 4
    assert sizes[2] - sizes[1] == 2 * one


def test_one_tensor_under_two_names_is_counted_once() -> None:
    model, one = models.shared("gpt2"), models.BATCH * models.LENGTH * models.WIDTH * 4
    alone = trace(model, IDS, capture="blocks.0.resid_post")
    both = trace(model, IDS, capture=["blocks.0.resid_post", "blocks.1.resid_pre"])
    assert both.bytes == alone.bytes
    assert both["blocks.0.resid_post"].data_ptr() == both["blocks.1.resid_pre"].data_ptr()
    other = trace(model, IDS, capture=["blocks.0.resid_post", "blocks.1.resid_pre", "blocks.1.resid_post"])
    assert other.bytes == alone.bytes + one


def test_bytes_are_those_of_the_storages_that_can_be_reached() -> None:
    t = trace(models.shared("gpt2"), IDS, capture=["blocks.*.resid_post", "blocks.*.mlp.post"])
    storages = {
        t[name].untyped_storage().data_ptr(): t[name].untyped_storage().nbytes() for name in t.names if name != "logits"
    }
    logits = t.logits.untyped_storage().nbytes()
    assert t.bytes in (sum(storages.values()), sum(storages.values()) + logits)


def test_patterns_cost_nothing_until_they_are_kept() -> None:
    model, ids = models.shared("gpt2", "sdpa"), models.ids(1, 31)
    lazy = trace(model, ids, capture=Capture(names=("blocks.*.attn.pattern",)))
    kept = trace(model, ids, capture=Capture(names=("blocks.*.attn.pattern",), patterns="keep"))
    matrices = 3 * models.HEADS * 31 * 31 * 4
    assert kept.bytes >= matrices > lazy.bytes / 2
    for i in range(3):
        assert_close(lazy[f"blocks.{i}.attn.pattern"], kept[f"blocks.{i}.attn.pattern"], 1e-6)


@pytest.mark.parametrize(
    ("name", "implementation"),
    [c for c in models.CASES if c[0] in ("gpt2", "llama", "gemma2", "gpt-oss", "t5", "bloom", "mpt", "falcon", "bert")],
)
def test_kept_patterns_are_the_librarys(name: str, implementation: str) -> None:
    t = trace(models.shared(name, implementation), inputs(name), capture=Capture(patterns="keep"))
    whole = traced(name, "eager")
    for each in (n for n in whole.names if n.endswith("pattern")):
        assert_close(t[each], whole[each], 1e-5)


def test_values_are_kept_in_another_precision() -> None:
    t = trace(models.shared("llama"), IDS, capture=Capture(dtype=torch.float16))
    whole = traced("llama", "eager")
    assert t["blocks.0.resid_post"].dtype == torch.float16
    assert_close(t["blocks.0.resid_post"], whole["blocks.0.resid_post"].half(), 0.0)
    assert t.bytes < 0.62 * whole.bytes
    for name in whole.names:
        if not name.endswith("masked_scores"):
            assert_close(t[name].float(), whole[name], 0.05)
    assert_close(t.logits.float(), whole.logits, 0.01)


def test_values_are_kept_on_another_device() -> None:
    t = trace(
        models.shared("gpt2"),
        IDS,
        capture=Capture(names=("blocks.*.resid_post", "blocks.0.attn.pattern"), device="cpu"),
    )
    assert t["blocks.0.resid_post"].device.type == "cpu"
    assert_same(t, {n: traced("gpt2", "eager")[n] for n in t.names}, 1e-6)


def test_a_budget_that_is_too_small_says_how_much_is_needed_and_what_to_do() -> None:
    with pytest.raises(CaptureError) as caught:
        trace(models.shared("gpt2"), IDS, capture=Capture(memory_budget=1000))
    for word in ("budget", "MiB", "capture"):
        assert word in str(caught.value)
    enough = traced("gpt2", "eager").bytes
    assert trace(models.shared("gpt2"), IDS, capture=Capture(memory_budget=enough)).bytes == enough


# ---- what was captured stays what it was


class InPlace(nn.Module):
    """A block that writes over nearly everything that it computes."""

    def __init__(self) -> None:
        super().__init__()
        width, heads = models.WIDTH, models.HEADS
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc, self.act, self.out = nn.Linear(width, 40), nn.ReLU(inplace=True), nn.Linear(40, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, n, width = x.shape
        q, k, v = (t.view(batch, n, self.heads, -1).transpose(1, 2) for t in self.qkv(self.ln_1(x)).chunk(3, -1))
        z = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        z = self.proj(z.transpose(1, 2).reshape(batch, n, width))
        x += z
        z.zero_()
        h = self.out(self.act(self.fc(self.ln_2(x))))
        x += h
        h.mul_(0)
        return x


class Careful(InPlace):
    """The same, nothing written over."""

    def forward(self, x: Tensor) -> Tensor:
        batch, n, width = x.shape
        q, k, v = (t.view(batch, n, self.heads, -1).transpose(1, 2) for t in self.qkv(self.ln_1(x)).chunk(3, -1))
        z = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(z.transpose(1, 2).reshape(batch, n, width))
        return x + self.out(self.fc(self.ln_2(x)).relu())


class Language(nn.Module):
    """Embedding, blocks, norm, head."""

    def __init__(self, block: type[nn.Module]) -> None:
        super().__init__()
        self.embed = nn.Embedding(models.VOCAB, models.WIDTH)
        self.blocks = nn.ModuleList([block() for _ in range(2)])
        self.norm = nn.LayerNorm(models.WIDTH)
        self.head = nn.Linear(models.WIDTH, models.VOCAB)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def both() -> tuple[nn.Module, nn.Module]:
    """A model that writes over its values, and its careful twin."""
    careful = models.randomise(Language(Careful))
    overwriting = Language(InPlace).eval()
    overwriting.load_state_dict(careful.state_dict())
    return overwriting, careful


def test_values_that_the_model_writes_over_are_those_before_it_did() -> None:
    overwriting, careful = both()
    found, right = trace(overwriting, IDS), trace(careful, IDS)
    assert_close(found.logits, right.logits, 1e-6)
    for name in (n for n in right.names if n in found.names):
        assert_close(found[name], right[name], 1e-5)
    for name in ("resid_pre", "attn_out", "mlp_out", "resid_post", "mlp.pre", "mlp.post", "attn.z", "ln1.out"):
        assert f"blocks.1.{name}" in found.names


def test_interventions_on_a_model_that_writes_over_its_values() -> None:
    overwriting, careful = both()
    for site in ("resid_pre", "attn_out", "mlp_out", "resid_post", "mlp.pre", "mlp.post", "attn.z", "attn.q"):
        edit = [Scale(f"blocks.0.{site}", -0.5)]
        right = trace(careful, IDS, interventions=edit)
        assert_close(trace(overwriting, IDS, interventions=edit).logits, right.logits, 1e-5)


def test_falcon_adds_its_attention_to_its_mlp_in_place() -> None:
    t, model = traced("falcon", "sdpa"), models.shared("falcon", "sdpa")
    block: Any = model.get_submodule("transformer.h.0")
    with torch.no_grad():
        right = block.mlp.dense_4h_to_h(t["blocks.0.mlp.post"])
    assert_close(t["blocks.0.mlp_out"], right, 1e-6)


@pytest.mark.parametrize("name", ["gpt2", "llama", "bert"])
def test_a_trace_read_after_its_models_weights_changed_is_right_or_says_so(name: str) -> None:
    model = copy.deepcopy(models.shared(name))
    right = traced(name, "eager")
    t = trace(model, models.text())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.7)
    wrong, said = [], []
    for each in right.names:
        try:
            found = t[each]
        except TraceError as error:
            said.append(str(error))
            continue
        if not torch.allclose(found, right[each], atol=2e-5):
            wrong.append(each)
    assert not wrong, f"silently wrong: {wrong[:8]}"
    assert all("weight" in message or "changed" in message for message in said)


def test_a_trace_stays_what_it_was_when_the_model_runs_again() -> None:
    model = models.build("gpt2")
    t = trace(model, IDS)
    before = {name: t[name].clone() for name in t.names}
    trace(model, models.ids(3, 9, seed=5), interventions=[Scale("blocks.0.resid_pre", 3.0)])
    model(models.ids(2, 4))
    for name, value in before.items():
        assert torch.equal(t[name], value), name


def test_an_architecture_may_be_given() -> None:
    from attrium_kernel.tracing import Architecture

    model = models.build("gpt2")
    architecture = Architecture.of(model)
    t: Trace = trace(model, IDS, architecture=architecture)
    assert t.architecture is architecture
    assert_close(t["blocks.1.attn.z"], traced("gpt2", "eager")["blocks.1.attn.z"], 0.0)


def test_kept_in_half_precision_and_patched_back() -> None:
    from attrium_kernel.tracing import Patch

    model = models.shared("gpt2")
    half = trace(model, models.ids(3, 9, seed=9), capture=Capture(names=("blocks.0.resid_pre",), dtype=torch.float16))
    t = trace(model, IDS, interventions=[Patch("blocks.0.resid_pre", half)])
    assert_close(t.logits, oracles.plain(model, {"input_ids": models.ids(3, 9, seed=9)}).logits, 0.02)
    assert t["blocks.0.resid_pre"].dtype == torch.float32


def test_the_error_of_a_pattern_is_that_of_pattern_times_value_against_the_layers_own_output():
    t = traced("gpt2", "sdpa")
    name = "blocks.0.attn.pattern"
    mixed = torch.einsum("bhqk,bkhd->bqhd", t[name], t["blocks.0.attn.v"])
    by_hand = ((mixed - t["blocks.0.attn.z"]).abs().max() / t["blocks.0.attn.z"].abs().max()).item()
    assert t.pattern_error(name) == pytest.approx(by_hand, abs=1e-6)
    assert t.pattern_error("blocks.0.attn.z") is None
