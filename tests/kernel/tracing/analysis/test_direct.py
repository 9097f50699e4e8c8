"""Direct logit attribution against shares written out by hand from a plain forward."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from attrium_kernel.tracing import Architecture, Patch, SiteError, Trace, Zero, trace
from attrium_kernel.tracing.analysis import direct_logits, direct_neurons
from attrium_kernel.tracing.analysis.frozen import norm_parts

from ..closeness import assert_close
from ..models import BATCH, LENGTH, SUBJECTS, VOCAB, WIDTH, build, ids, randn, randomise, shared
from ..oracles import Recording, expected

SUMS = [
    "gpt2", "gpt-neo", "gpt-j", "gpt-neox", "mpt", "opt", "llama", "qwen3", "gemma", "gemma2", "gemma3", "phi",
    "granite", "olmo2", "cohere", "stablelm parallel", "mixtral", "t5", "t5 gated",
]  # fmt: skip


def traced(name: str) -> Trace:
    return trace(shared(name), SUBJECTS[name].inputs())


@pytest.mark.parametrize("name", SUMS)
def test_components_add_up_to_the_output_of_the_unembedding(name: str) -> None:
    model, subject = shared(name), SUBJECTS[name]
    with Recording().of(model) as recording, torch.no_grad():
        model(**subject.inputs())
    right = recording.outputs[subject.unembed][0]
    found = direct_logits(traced(name), [5, 9])
    assert "rest" not in found.labels
    assert_close(found.values.sum(0), right[..., [5, 9]], 1e-4)
    assert_close(found.unembed, right[..., [5, 9]], 1e-5)
    assert found.gap.abs().max() < 1e-4


def normed(x: Tensor, scale_of: Tensor, norm: str, weight: Tensor, eps: float) -> Tensor:
    """A norm without its bias whose scale is that of another tensor."""
    if norm == "layer":
        scale = (scale_of.var(-1, unbiased=False, keepdim=True) + eps).sqrt()
        return (x - x.mean(-1, keepdim=True)) / scale * weight
    return x / (scale_of.square().mean(-1, keepdim=True) + eps).sqrt() * weight


@pytest.mark.parametrize("name", ["gpt2", "gpt-neox", "opt", "llama", "gemma2", "olmo2", "granite", "t5 gated"])
def test_each_share_is_what_was_written_through_the_frozen_norms(name: str) -> None:
    model, subject = shared(name), SUBJECTS[name]
    stack = subject.stacks[-1]
    values = expected(subject, model, subject.inputs())
    gain = 1.0 if not name.startswith("gemma") else 0.0

    def weight(path: str) -> Tensor:
        found = model.get_submodule(path).weight.detach()
        return found if gain else 1 + found

    last = values[f"{stack.prefix}blocks.{stack.layers - 1}.resid_post"]
    column = model.get_submodule(subject.unembed).weight[7].detach()

    def share(written: Tensor) -> Tensor:
        return normed(written, last, stack.norm, weight(str(stack.ln_final)), stack.eps) @ column

    found = direct_logits(traced(name), 7)
    for layer in range(stack.layers):
        p, path = f"{stack.prefix}blocks.{layer}", stack.blocks.format(i=layer)
        for writer, post in (("attn", stack.attn_post), ("cross", None)):
            if f"{p}.{writer}.result" not in values:
                continue
            results, out = values[f"{p}.{writer}.result"], values[f"{p}.{writer}.out"]
            for head in range(results.shape[2]):
                written = results[:, :, head] * stack.multiplier
                if post is not None:
                    written = normed(written, out, stack.norm, weight(f"{path}.{post}"), stack.eps)
                assert_close(found.of(f"{p}.{writer}.head.{head}"), share(written), 1e-4)
        assert_close(found.of(f"{p}.mlp"), share(values[f"{p}.mlp_out"]), 1e-4)
    if f"{stack.prefix}pos_embed" in values:
        positions = values[f"{stack.prefix}pos_embed"]
        assert_close(found.of("pos_embed"), share(positions.expand_as(last)), 1e-4)
        first = values[f"{stack.prefix}blocks.0.resid_pre"]
        assert_close(found.of("embed"), share(first - positions), 1e-4)


def test_biases_are_components_of_their_own() -> None:
    model = shared("gpt2")
    found, run = direct_logits(traced("gpt2"), 7), traced("gpt2")
    column = model.lm_head.weight[7].detach()
    assert_close(found.of("ln_final.bias"), (model.transformer.ln_f.bias @ column).detach().expand(BATCH, LENGTH), 1e-5)
    bias = model.transformer.h[1].attn.c_proj.bias.detach()
    last = run["blocks.2.resid_post"]
    right = normed(bias.expand_as(last), last, "layer", model.transformer.ln_f.weight.detach(), 1e-5) @ column
    assert_close(found.of("blocks.1.attn.bias"), right, 1e-5)
    assert "unembed.bias" not in found.labels
    assert float(direct_logits(traced("phi"), 7).of("unembed.bias")[0, 0]) == pytest.approx(
        shared("phi").lm_head.bias[7].item()
    )


def test_a_pair_is_the_difference_and_a_place_may_have_its_own_token() -> None:
    run = traced("gpt2")
    one, other, pair = direct_logits(run, 7), direct_logits(run, 11), direct_logits(run, 7, minus=11)
    assert_close(pair.values, one.values - other.values, 1e-5)
    several = direct_logits(run, [7, 3], minus=11)
    assert_close(several.values[..., 0], pair.values, 1e-5)
    one_against_two = direct_logits(run, 7, minus=[11, 3]).values
    assert_close(one_against_two[..., 0], pair.values, 1e-5)
    following = ids(BATCH, LENGTH, seed=8)
    each = direct_logits(run, following)
    for b, p in ((0, 0), (2, 5)):
        right = direct_logits(run, int(following[b, p])).values[:, b, p]
        assert_close(each.values[:, b, p], right, 1e-6)
        assert float(each.unembed[b, p]) == pytest.approx(float(run["unembed"][b, p, following[b, p]]))
    part = direct_logits(run, following[:, [2, -1]], positions=[2, -1])
    assert part.positions == (2, LENGTH - 1)
    assert_close(part.values, each.values[:, :, [2, -1]], 1e-6)


def test_heads_come_as_a_table() -> None:
    found = direct_logits(traced("gpt2"), 7)
    assert found.heads().shape == (3, 4, BATCH, LENGTH)
    assert torch.equal(found.heads()[2, 1], found.of("blocks.2.attn.head.1"))
    assert direct_logits(traced("t5"), [7, 8]).heads("cross").shape == (2, 4, BATCH, 7, 2)


def test_a_head_set_to_zero_has_no_share_and_the_sum_still_holds() -> None:
    from attrium_kernel.tracing import Site

    run = trace(shared("gpt2"), SUBJECTS["gpt2"].inputs(), interventions=[Zero(Site("blocks.1.attn.z", head=2))])
    found = direct_logits(run, 7)
    assert found.of("blocks.1.attn.head.2").abs().max() == 0
    assert found.of("blocks.1.attn.head.1").abs().max() > 1e-3
    assert "rest" not in found.labels
    assert found.gap.abs().max() < 1e-4


def test_what_was_put_into_the_stream_is_the_rest() -> None:
    put = randn(BATCH, LENGTH, WIDTH)
    run = trace(shared("gpt2"), SUBJECTS["gpt2"].inputs(), interventions=[Patch("blocks.1.resid_pre", put)])
    found = direct_logits(run, 7)
    assert found.labels[-1] == "rest"
    assert_close(found.values.sum(0), run["unembed"][..., 7], 1e-4)


@pytest.mark.parametrize("name", ["gpt2", "gemma2", "granite", "llama"])
@torch.no_grad()
def test_neurons_and_the_output_bias_add_up_to_the_mlp(name: str) -> None:
    model, run = shared(name), traced(name)
    layer = 1
    neurons = direct_neurons(run, layer, 7)
    assert neurons.shape == run[f"blocks.{layer}.mlp.post"].shape
    total = direct_logits(run, 7).of(f"blocks.{layer}.mlp")
    stack = SUBJECTS[name].stacks[0]
    bias = getattr(model.get_submodule(f"{stack.blocks.format(i=layer)}.{stack.down}"), "bias", None)
    if bias is not None:
        last = run[f"blocks.{stack.layers - 1}.resid_post"]
        weight = model.get_submodule(str(stack.ln_final)).weight
        total = total - normed(bias.expand_as(last), last, stack.norm, weight, stack.eps) @ model.lm_head.weight[7]
    assert_close(neurons.sum(-1), total.detach(), 1e-4)
    several = direct_neurons(run, layer, [7, 9], minus=3)
    assert_close(several[..., 0], neurons - direct_neurons(run, layer, 3), 1e-4)


def test_only_a_model_that_changes_its_logits_afterwards_says_so() -> None:
    assert direct_logits(traced("llama"), 7).is_logits
    for name in ("gemma2", "cohere"):  # a softcap, a scale
        found, run = direct_logits(traced(name), 7), traced(name)
        assert not found.is_logits
        assert (run.logits[..., 7] - found.unembed).abs().max() > 1e-3


@pytest.mark.parametrize("name", ["bert", "bart", "opt post-norm"])
def test_post_norm_models_are_refused_with_the_reason(name: str) -> None:
    with pytest.raises(SiteError, match="is a post-norm model: .* no sum over what components wrote"):
        direct_logits(traced(name), 7)


def test_a_replaced_final_norm_is_refused() -> None:
    run = trace(
        shared("gpt2"),
        SUBJECTS["gpt2"].inputs(),
        interventions=[Patch("ln_final.out", randn(BATCH, LENGTH, WIDTH))],
    )
    with pytest.raises(SiteError, match="the trace was changed there by an intervention"):
        direct_logits(run, 7)


@pytest.mark.parametrize(
    ("tokens", "how", "message"),
    [
        (VOCAB, {}, f"token {VOCAB}, but the vocabulary has {VOCAB} tokens; pass 0 <= token < {VOCAB}"),
        (0.5, {}, "whole numbers"),
        (torch.zeros(2, 3, dtype=torch.long), {}, r"tokens of shape \(2, 3\).*an id for each"),
        ([1, 2], {"minus": [1, 2, 3]}, r"lists of \[2, 3\] tokens"),
        (1, {"positions": 9}, "position 9, but there are 9 positions"),
        (1, {"positions": [0, -10]}, "position -10"),
    ],
)
def test_bad_tokens_and_positions_are_refused(tokens: Any, how: dict[str, Any], message: str) -> None:
    with pytest.raises(SiteError, match=message):
        direct_logits(traced("gpt2"), tokens, **how)


def test_half_precision_adds_up_to_its_rounding() -> None:
    model = build("llama").bfloat16()
    run = trace(model, SUBJECTS["llama"].inputs())
    found = direct_logits(run, 7)
    assert "rest" not in found.labels
    assert found.values.dtype == torch.float32
    assert found.gap.abs().max() < 0.05 * run["unembed"].abs().max()


class Sandwich(torch.nn.Module):
    """A block with LayerNorms, biases and all, before and after attention and MLP."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = torch.nn.ModuleList([torch.nn.LayerNorm(WIDTH) for _ in range(4)])
        self.qkv, self.o = torch.nn.Linear(WIDTH, 3 * WIDTH), torch.nn.Linear(WIDTH, WIDTH)
        self.up, self.down = torch.nn.Linear(WIDTH, 40), torch.nn.Linear(40, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (t.unflatten(-1, (4, -1)).transpose(1, 2) for t in self.qkv(self.norms[0](x)).chunk(3, -1))
        mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.norms[1](self.o(mixed.transpose(1, 2).flatten(2)))
        return x + self.norms[3](self.down(torch.relu(self.up(self.norms[2](x)))))


class HomeMade(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(VOCAB, WIDTH)
        self.blocks = torch.nn.ModuleList([Sandwich(), Sandwich()])
        self.last, self.head = torch.nn.LayerNorm(WIDTH), torch.nn.Linear(WIDTH, VOCAB)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(self.last(x))


def test_norms_with_biases_after_a_sublayer_are_held_fixed_too() -> None:
    model = randomise(HomeMade())
    run = trace(model, ids(BATCH, LENGTH))
    found = direct_logits(run, [7, 8], minus=3)
    assert "rest" not in found.labels
    right = run["unembed"]
    assert_close(found.values.sum(0), right[..., [7, 8]] - right[..., [3]], 1e-4)
    post = model.blocks[1].norms[1]
    raw, last = run["blocks.1.attn.out"], run["blocks.1.resid_post"]
    bias = normed(model.blocks[1].o.bias.expand_as(raw), raw, "layer", post.weight, 1e-5) + post.bias
    column = model.head.weight[7] - model.head.weight[3]
    share = normed(bias, last, "layer", model.last.weight, 1e-5) @ column
    assert_close(found.of("blocks.1.attn.bias")[..., 0], share.detach(), 1e-4)


def test_shares_carry_gradients_where_the_trace_does() -> None:
    run = trace(shared("gpt2"), SUBJECTS["gpt2"].inputs(), grad=True)
    found = direct_logits(run, 7, positions=-1)
    (gradient,) = torch.autograd.grad(found.of("blocks.0.mlp").sum(), run["blocks.0.mlp_out"])
    assert gradient[:, :-1].abs().max() == 0
    assert gradient[:, -1].abs().min() > 0


class OddNorm(torch.nn.Module):
    """A norm with names of its own, `1 + gain` and a shift."""

    def __init__(self) -> None:
        super().__init__()
        self.gain, self.shift = torch.nn.Parameter(0.3 * randn(WIDTH)), torch.nn.Parameter(randn(WIDTH, seed=1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.layer_norm(x, (WIDTH,), 1 + self.gain, self.shift, 1e-3)


def test_the_parts_of_a_norm_are_found_by_what_it_does() -> None:
    odd = OddNorm()
    found = norm_parts(odd, WIDTH)
    assert found.centred
    assert found.weight is not None and found.bias is not None
    assert_close(found.weight, (1 + odd.gain).detach())
    assert_close(found.bias, odd.shift.detach())
    bare = norm_parts(torch.nn.RMSNorm(WIDTH, elementwise_affine=False), WIDTH)
    assert bare.weight is None and bare.bias is None and not bare.centred
    with pytest.raises(SiteError, match="Tanh is no LayerNorm or RMSNorm"):
        norm_parts(torch.nn.Tanh(), WIDTH)


def test_a_picture_is_explained_at_its_class_token() -> None:
    run = traced("vit")
    found = direct_logits(run, 3)
    assert found.positions == (0,)
    assert "rest" not in found.labels
    assert_close(found.values.sum(0)[:, 0], run.logits[:, 3], 1e-4)


def test_the_zoo_model_explains_its_answer() -> None:
    from attrium_kernel import zoo

    bundle = zoo.load("tiny_gpt2")
    architecture = Architecture.of(bundle.model)
    tokens = bundle.encode("The keys to the cabinet").input_ids
    run = trace(bundle.model, tokens, architecture=architecture)
    first, second = run.logits[0, -1].topk(2).indices.tolist()
    found = direct_logits(run, first, minus=second, positions=-1)
    assert "rest" not in found.labels
    assert float(found.values.sum()) == pytest.approx(
        float(run.logits[0, -1, first] - run.logits[0, -1, second]), abs=1e-4
    )
