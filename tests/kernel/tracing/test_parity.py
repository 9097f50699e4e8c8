"""A traced model gives what the plain model gives, its patterns are the library's own, and its stream adds up."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import Tensor

from attrium_kernel.tracing import Trace, trace

from . import models, oracles
from .closeness import assert_close

ENCODER_DECODERS = [case for case in models.CASES if len(models.SUBJECTS[case[0]].stacks) == 2]


@functools.cache
def traced(name: str, implementation: str, side: str | None = None) -> Trace:
    """One whole trace of a family, shared by the tests."""
    return trace(models.shared(name, implementation), inputs(name, side))


def inputs(name: str, side: str | None = None) -> dict[str, Tensor]:
    """What the family takes; padded on a side if one is given."""
    return models.SUBJECTS[name].inputs() if side is None else models.padded(side)


def attentions(name: str, side: str | None = None) -> dict[str, tuple[Tensor, ...]]:
    """The library's own patterns, by the prefix of our names."""
    output = oracles.plain(models.shared(name, "eager"), inputs(name, side), output_attentions=True)
    if "encoder_attentions" in output:
        return {
            "encoder.blocks.{}.attn.pattern": output.encoder_attentions,
            "decoder.blocks.{}.attn.pattern": output.decoder_attentions,
            "decoder.blocks.{}.cross.pattern": output.cross_attentions,
        }
    return {"blocks.{}.attn.pattern": output.attentions}


def test_ten_architectures_and_more_are_covered() -> None:
    assert len(models.SUBJECTS) >= 30


@pytest.mark.parametrize(("name", "implementation"), models.CASES)
def test_logits_of_a_traced_run_are_the_plain_models_to_the_last_bit(name: str, implementation: str) -> None:
    plain = oracles.plain(models.shared(name, implementation), inputs(name)).logits
    t = traced(name, implementation)
    assert_close(t.logits, plain, 0.0)
    assert_close(t["logits"], plain, 0.0)
    assert_close(t.output.logits, plain, 0.0)


@pytest.mark.parametrize(("name", "implementation"), models.CASES)
def test_a_trace_that_keeps_nothing_gives_the_same_logits(name: str, implementation: str) -> None:
    plain = oracles.plain(models.shared(name, implementation), inputs(name)).logits
    assert_close(trace(models.shared(name, implementation), inputs(name), capture=()).logits, plain, 0.0)


@pytest.mark.parametrize(("name", "implementation"), models.CASES)
def test_logits_are_those_of_a_run_with_a_kv_cache_but_for_rounding(name: str, implementation: str) -> None:
    with torch.no_grad():
        plain = models.shared(name, implementation)(**inputs(name)).logits
    assert_close(traced(name, implementation).logits, plain, 5e-6)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("name", "implementation"), models.TEXT_ONLY)
def test_padded_batches_give_the_plain_models_logits(name: str, implementation: str, side: str) -> None:
    plain = oracles.plain(models.shared(name, implementation), inputs(name, side)).logits
    assert_close(traced(name, implementation, side).logits, plain, 0.0)


@pytest.mark.parametrize(("name", "implementation"), models.CASES)
def test_everything_the_model_returns_is_returned(name: str, implementation: str) -> None:
    plain = oracles.plain(models.shared(name, implementation), inputs(name))
    output = traced(name, implementation).output
    assert type(output) is type(plain) and list(output.keys()) == list(plain.keys())


@pytest.mark.parametrize(("name", "implementation"), models.CASES)
def test_patterns_are_those_of_output_attentions(name: str, implementation: str) -> None:
    t = traced(name, implementation)
    for template, layers in attentions(name).items():
        for i, pattern in enumerate(layers):
            assert_close(t[template.format(i)], pattern, 1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("name", "implementation"), models.TEXT_ONLY)
def test_patterns_of_padded_batches_are_those_of_output_attentions(name: str, implementation: str, side: str) -> None:
    keep = inputs(name, side)["attention_mask"].bool()
    t = traced(name, implementation, side)
    for template, layers in attentions(name, side).items():
        for i, pattern in enumerate(layers):
            found = t[template.format(i)].transpose(1, 2)[keep]  # what a padding token looks at is nobody's business
            assert_close(found, pattern.transpose(1, 2)[keep], 1e-5)


@pytest.mark.parametrize(("name", "implementation"), models.CASES)
def test_the_residual_stream_adds_up(name: str, implementation: str) -> None:
    t = traced(name, implementation)
    for stack in models.SUBJECTS[name].stacks:
        for i in range(stack.layers):
            p = f"{stack.prefix}blocks.{i}."
            if stack.form == "parallel":
                assert_close(t[p + "resid_pre"] + t[p + "attn_out"] + t[p + "mlp_out"], t[p + "resid_post"], 1e-4)
                continue
            assert_close(t[p + "resid_pre"] + t[p + "attn_out"], t[p + "resid_mid"], 1e-4)
            after = t[p + "ln1.out"] if stack.form == "post-norm" else t[p + "resid_mid"]
            if stack.cross is not None:
                assert_close(after + t[p + "cross_out"], t[p + "resid_cross"], 1e-4)
                after = t[p + "ln_cross.out"] if stack.form == "post-norm" else t[p + "resid_cross"]
            assert_close(after + t[p + "mlp_out"], t[p + "resid_post"], 1e-4)


@pytest.mark.parametrize(("name", "implementation"), models.CASES)
def test_what_one_block_leaves_the_next_receives(name: str, implementation: str) -> None:
    t = traced(name, implementation)
    for stack in models.SUBJECTS[name].stacks:
        for i in range(stack.layers - 1):
            left = "ln2.out" if stack.form == "post-norm" else "resid_post"
            assert_close(t[f"{stack.prefix}blocks.{i}.{left}"], t[f"{stack.prefix}blocks.{i + 1}.resid_pre"], 0.0)


@pytest.mark.parametrize(
    "name", [n for n, s in models.SUBJECTS.items() if s.stacks[-1].form != "post-norm" and n != "vit"]
)
def test_all_writers_together_are_the_last_stream(name: str) -> None:
    t, stack = traced(name, "eager"), models.SUBJECTS[name].stacks[-1]
    total = t[f"{stack.prefix}blocks.0.resid_pre"].clone()
    for writer in ("attn_out", "mlp_out", *(["cross_out"] if stack.cross else [])):
        total += t.stack(writer, stack=stack.name).sum(0)
    assert_close(total, t[f"{stack.prefix}blocks.{stack.layers - 1}.resid_post"], 1e-4)


@pytest.mark.parametrize(("name", "implementation"), models.CASES)
def test_heads_and_bias_together_are_what_the_attention_gives(name: str, implementation: str) -> None:
    t, model = traced(name, implementation), models.shared(name, implementation)
    for stack in models.SUBJECTS[name].stacks:
        for i in range(stack.layers):
            for part, attention in (("attn", stack.attention), ("cross", stack.cross)):
                if attention is None:
                    continue
                o: Any = model.get_submodule(f"{stack.blocks.format(i=i)}.{attention.o}")
                bias = 0 if o.bias is None else o.bias.detach()
                p = f"{stack.prefix}blocks.{i}.{part}"
                assert_close(t[f"{p}.result"].sum(2) + bias, t[f"{p}.out"], 1e-5)


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2", "bert", "t5", "mixtral"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_precisions_run_as_they_are(name: str, dtype: torch.dtype) -> None:
    if name == "mixtral" and dtype is torch.float64:
        pytest.skip("the library's experts do not run in double precision")
    model = models.build(name).to(dtype)
    plain = oracles.plain(model, inputs(name))
    t = trace(model, inputs(name))
    assert t.logits.dtype == plain.logits.dtype
    assert_close(t.logits, plain.logits, 0.0)
    prefix = models.SUBJECTS[name].stacks[-1].prefix
    assert t[f"{prefix}blocks.1.resid_post"].dtype == dtype
    pattern, right = t[f"{prefix}blocks.1.attn.pattern"], traced(name, "eager")[f"{prefix}blocks.1.attn.pattern"]
    assert_close(pattern.float(), right.float(), 1e-5 if dtype is torch.float64 else 0.15)


def test_ids_as_a_tensor_are_the_first_argument() -> None:
    ids = models.text()["input_ids"]
    assert_close(trace(models.shared("gpt2"), ids).logits, traced("gpt2", "eager").logits, 0.0)
    pixels = models.pictures()["pixel_values"]
    assert_close(trace(models.shared("vit"), pixels).logits, traced("vit", "eager").logits, 0.0)


def test_further_arguments_of_the_model_are_passed_on() -> None:
    model, ids = models.build("llama"), models.text()["input_ids"]
    positions = torch.arange(models.LENGTH)[None].expand(models.BATCH, -1) + 5
    plain = oracles.plain(model, {"input_ids": ids}, position_ids=positions, output_hidden_states=True)
    t = trace(model, {"input_ids": ids, "position_ids": positions, "output_hidden_states": True})
    assert_close(t.logits, plain.logits, 0.0)
    assert len(t.output.hidden_states) == 3
    assert_close(t["blocks.1.resid_pre"], plain.hidden_states[1], 0.0)


def test_embeddings_in_place_of_ids_are_traced() -> None:
    model = models.build("llama")
    embedded = models.randn(2, 5, models.WIDTH)
    t = trace(model, {"inputs_embeds": embedded})
    assert_close(t.logits, oracles.plain(model, {"inputs_embeds": embedded}).logits, 0.0)
    assert_close(t["blocks.0.resid_pre"], embedded, 0.0)


def test_one_token_is_enough() -> None:
    for name in ("gpt2", "llama", "bert"):
        for implementation in ("eager", "sdpa"):
            model, ids = models.build(name, implementation), models.ids(1, 1)
            t = trace(model, ids)
            assert_close(t.logits, oracles.plain(model, {"input_ids": ids}).logits, 0.0)
            assert_close(t["blocks.0.attn.pattern"], torch.ones(1, models.HEADS, 1, 1), 0.0)


def test_a_second_trace_of_the_same_model_is_the_same() -> None:
    model = models.build("gemma2")
    first, second = trace(model, models.text()), trace(model, models.text())
    assert first.names == second.names
    for name in first.names:
        assert torch.equal(first[name], second[name]), name


def test_other_lengths_and_batches_follow_on_the_first() -> None:
    model = models.build("llama", "sdpa")
    for shape in ((1, 3), (4, 7), (2, 12)):
        ids = models.ids(*shape)
        t = trace(model, ids)
        assert_close(t.logits, oracles.plain(model, {"input_ids": ids}).logits, 0.0)
        assert t["blocks.1.attn.pattern"].shape == (shape[0], 4, shape[1], shape[1])


def test_gradients_flow_where_they_are_asked_for() -> None:
    model = models.build("gpt2")
    t = trace(model, models.text(), grad=True)
    (mine,) = torch.autograd.grad(t.logits[:, -1, 7].sum(), t["blocks.1.resid_post"])

    def hook(module: Any, args: Any, output: Tensor) -> None:
        seen.append(output)

    seen: list[Tensor] = []
    handle = model.transformer.h[1].register_forward_hook(hook)  # type: ignore[union-attr,operator,index]
    logits = model(**models.text()).logits
    (right,) = torch.autograd.grad(logits[:, -1, 7].sum(), seen[0])
    handle.remove()
    assert_close(mine, right, 1e-6)
    assert mine.abs().max() > 1e-3
    assert not trace(model, models.text()).logits.requires_grad
