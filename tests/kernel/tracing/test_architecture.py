"""The parts of a model are found where they are, print as a table, and can be corrected."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from attrium_kernel import tracing
from attrium_kernel.tracing import Architecture, ArchitectureError, TraceError, Zero, trace

from . import models, oracles
from .closeness import assert_close
from .test_parity import inputs, traced


@pytest.mark.parametrize("name", models.SUBJECTS)
def test_stacks_blocks_and_heads_are_those_of_the_family(name: str) -> None:
    subject, architecture = models.SUBJECTS[name], traced(name, "eager").architecture
    assert architecture is not None
    assert [s.name for s in architecture.stacks] == [s.name for s in subject.stacks]
    assert architecture.d_model == models.WIDTH
    assert architecture.n_layers == subject.stacks[-1].layers
    for found, right in zip(architecture.stacks, subject.stacks):
        assert len(found.blocks) == right.layers
        for i, block in enumerate(found.blocks):
            assert block.name == f"{right.prefix}blocks.{i}"
            assert block.path == right.blocks.format(i=i)
            assert block.form == right.form
            for writer in block.sublayers:
                assert block.factors.get(writer, 1.0) == pytest.approx(right.multiplier)
            heads, a = block.attention, right.attention
            assert heads is not None
            if name != "falcon":  # repeats its keys for each query head
                assert heads.n_kv_heads == a.kv_heads
            assert (heads.n_heads, heads.d_head) == (a.heads, a.d_head)
            assert (block.cross is None) == (right.cross is None)


@pytest.mark.parametrize("name", models.SUBJECTS)
def test_stacks_know_whether_they_look_ahead(name: str) -> None:
    architecture = traced(name, "eager").architecture
    assert architecture is not None
    for found, right in zip(architecture.stacks, models.SUBJECTS[name].stacks):
        assert found.causal == right.attention.causal


@pytest.mark.parametrize("name", models.SUBJECTS)
def test_parts_are_the_modules_of_the_family(name: str) -> None:
    model, architecture = models.shared(name), traced(name, "eager").architecture
    assert architecture is not None
    wrong = []

    def check(role: str, part: Any, path: str | None) -> None:
        if path is None:
            return
        if part is None:
            wrong.append(f"{role}: not found, should be {path}")
        elif model.get_submodule(part.path) is not model.get_submodule(path):
            wrong.append(f"{role}: {part.path}, should be {path}")

    for stack, right in zip(architecture.stacks, models.SUBJECTS[name].stacks):
        check("embed", stack.embed, right.embed or None)
        check("pos_embed", stack.pos_embed, right.pos_embed)
        check("ln_final", stack.ln_final, right.ln_final)
        for i, block in enumerate(stack.blocks):
            root = right.blocks.format(i=i)
            roles = {"ln1": right.ln1, "ln2": right.ln2, "ln1_post": right.attn_post, "ln2_post": right.mlp_post}
            roles |= {"mlp.gate": right.gate, "mlp.up": right.up, "mlp.down": right.down, "ln_cross": right.ln_cross}
            for role, attention in (("attn", right.attention), ("cross", right.cross)):
                if attention is not None:
                    for letter in "qkv":
                        if not (attention.q_norm and letter in "qk"):
                            roles[f"{role}.{letter}"] = getattr(attention, letter)
                    roles[f"{role}.o"] = attention.o
            for role, path in roles.items():
                check(f"{block.name}.{role}", block.parts.get(role), None if path is None else f"{root}.{path}")
    check("unembed", architecture.unembed, models.SUBJECTS[name].unembed)
    assert not wrong, "\n".join(wrong[:10])


FUSED = [name for name, s in models.SUBJECTS.items() if s.stacks[-1].attention.layout != "separate"]


@pytest.mark.parametrize("name", FUSED)
def test_columns_of_a_fused_projection_are_those_of_its_layout(name: str) -> None:
    architecture, a = traced(name, "eager").architecture, models.SUBJECTS[name].stacks[-1].attention
    assert architecture is not None
    for block in architecture.stacks[-1].blocks:
        for letter, right in zip("qkv", oracles.columns(a)):
            columns = block.parts[f"attn.{letter}"].columns
            assert columns is not None
            if name == "falcon" and letter in "kv" and len(columns) != len(right):
                pytest.fail(f"falcon's {letter} has {len(right)} features, not {len(columns)}")
            assert list(columns) == right


@pytest.mark.parametrize("name", models.SUBJECTS)
def test_the_table_names_every_role_and_its_module(name: str) -> None:
    architecture = traced(name, "eager").architecture
    text = str(architecture)
    assert len(text.splitlines()) < 70, "a table is looked at"
    stack = models.SUBJECTS[name].stacks[-1]
    for word in ("attn.q", "attn.o", "resid_post", stack.attention.o.split(".")[-1], stack.form):
        assert word in text, f"{word} is missing in\n{text}"


def test_an_architecture_is_found_without_inputs_where_the_configuration_tells() -> None:
    for name in ("gpt2", "llama", "bert", "t5", "vit", "mixtral"):
        found = Architecture.of(models.build(name))
        assert [s.name for s in found.stacks] == [s.name for s in models.SUBJECTS[name].stacks]


def test_a_correction_moves_a_part() -> None:
    model = models.build("gpt2")
    architecture = Architecture.of(model)
    moved = architecture.corrected({"ln1": "transformer.h.{i}.ln_2"})
    assert moved.stacks[0].blocks[2].parts["ln1"].path == "transformer.h.2.ln_2"
    assert architecture.stacks[0].blocks[2].parts["ln1"].path == "transformer.h.2.ln_1", "the first is as it was"
    t = trace(model, models.text(), architecture=moved)
    assert_close(t["blocks.1.ln1.out"], traced("gpt2", "eager")["blocks.1.ln2.out"], 0.0)
    gone = architecture.corrected({"ln1": None})
    assert "blocks.1.ln1.out" not in trace(model, models.text(), architecture=gone).names


# ---- weights that could mislead a search by values


def ordinary(kind: str) -> Any:
    """Models that people have: freshly made, pruned, with silent parts."""
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    if kind == "fresh gpt2":
        with models.seeded(0):
            return GPT2LMHeadModel(GPT2Config(vocab_size=53, n_positions=32, n_embd=24, n_layer=3, n_head=4)).eval()
    if kind == "fresh llama":
        with models.seeded(0):
            return LlamaForCausalLM(LlamaConfig(**models.LLAMA_LIKE)).eval()
    model: Any = models.build("gpt2")
    first = model.transformer.h[0]
    with torch.no_grad():
        if kind == "silent attention":
            first.attn.c_proj.weight.zero_()
            first.attn.c_proj.bias.zero_()
        elif kind == "silent mlp":
            first.mlp.c_proj.weight.zero_()
            first.mlp.c_proj.bias.zero_()
        elif kind == "silent block":
            for module in (first.attn.c_proj, first.mlp.c_proj):
                module.weight.zero_()
                module.bias.zero_()
        elif kind == "pruned head":
            first.attn.c_attn.weight[:, 6:12] = 0
            first.attn.c_attn.weight[:, 30:36] = 0
            first.attn.c_attn.weight[:, 54:60] = 0
            first.attn.c_attn.bias.zero_()
        elif kind == "twin heads":
            for start in (0, 24, 48):
                first.attn.c_attn.weight[:, start + 6 : start + 12] = first.attn.c_attn.weight[:, start : start + 6]
                first.attn.c_attn.bias[start + 6 : start + 12] = first.attn.c_attn.bias[start : start + 6]
        elif kind == "tied q and k":
            first.attn.c_attn.weight[:, 24:48] = first.attn.c_attn.weight[:, :24]
            first.attn.c_attn.bias[24:48] = first.attn.c_attn.bias[:24]
        elif kind == "large":
            first.mlp.c_proj.weight.mul_(1000)
        elif kind == "small":
            first.attn.c_proj.weight.mul_(1e-4)
            first.attn.c_proj.bias.mul_(1e-4)
    return model


@pytest.mark.parametrize(
    "kind",
    [
        "fresh gpt2",
        "fresh llama",
        "silent attention",
        "silent mlp",
        "silent block",
        "pruned head",
        "twin heads",
        "tied q and k",
        "large",
        "small",
    ],
)
def test_unusual_weights_do_not_mislead(kind: str) -> None:
    model = ordinary(kind)
    plain = oracles.plain(model, models.text()).logits
    t = trace(model, models.text())
    assert_close(t.logits, plain, 0.0)
    name = "llama" if "llama" in kind else "gpt2"
    subject = models.SUBJECTS[name]
    if kind == "fresh llama":
        subject = models.SUBJECTS["qwen2"]  # the same blocks, with heads of 6
    right = oracles.expected(subject, model, models.text())
    scale = max(1.0, float(right["blocks.1.resid_post"].abs().max()))
    for each, value in right.items():
        found = t[each]
        found = found.expand_as(value) if each == "pos_embed" else found
        seen = value.isfinite()
        assert float((found - value)[seen].abs().max()) <= 2e-5 * scale, each


def test_a_model_with_sizes_that_agree_by_chance_is_not_mixed_up() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    # One head as wide as the model, as many neurons as dimensions, as many tokens as positions.
    config = GPT2Config(
        vocab_size=8, n_positions=8, n_embd=8, n_layer=2, n_head=1, n_inner=8, bos_token_id=0, eos_token_id=0
    )
    model = models.randomise(GPT2LMHeadModel(config))
    ids = torch.arange(8)[None].expand(8, -1) % 8
    t = trace(model, ids)
    recording = oracles.Recording()
    with recording.of(model):
        oracles.plain(model, {"input_ids": ids})
    for i in range(2):
        path = f"transformer.h.{i}"
        pairs = {
            "ln1.out": recording.outputs[f"{path}.ln_1"][0],
            "ln2.out": recording.outputs[f"{path}.ln_2"][0],
            "attn_out": recording.outputs[f"{path}.attn.c_proj"][0],
            "attn.z": recording.inputs[f"{path}.attn.c_proj"][0][:, :, None],
            "attn.q": recording.outputs[f"{path}.attn.c_attn"][0][:, :, None, :8],
            "attn.v": recording.outputs[f"{path}.attn.c_attn"][0][:, :, None, 16:],
            "mlp.pre": recording.outputs[f"{path}.mlp.c_fc"][0],
            "mlp.post": recording.inputs[f"{path}.mlp.c_proj"][0],
            "mlp_out": recording.outputs[f"{path}.mlp.c_proj"][0],
            "resid_post": recording.outputs[path][0],
        }
        for name, value in pairs.items():
            assert_close(t[f"blocks.{i}.{name}"], value, 1e-5)


def test_a_model_cut_after_its_first_trace_is_traced_as_it_is_or_says_what_to_do() -> None:
    model: Any = models.build("gpt2")
    trace(model, models.text())
    model.transformer.h = nn.ModuleList(list(model.transformer.h)[:2])
    right = oracles.plain(model, models.text()).logits
    try:
        t = trace(model, models.text())
    except ArchitectureError:
        tracing.forget(model)  # as the message says
        t = trace(model, models.text())
    assert_close(t.logits, right, 0.0)
    assert "blocks.2.attn.z" not in t.names and t.architecture is not None and t.architecture.n_layers == 2


def test_a_norm_taken_away_after_the_first_trace_is_not_read_as_if_it_were_there() -> None:
    model: Any = models.build("gpt2")
    trace(model, models.text())
    model.transformer.h[1].ln_1 = nn.Identity()
    right = oracles.plain(model, models.text()).logits
    t = trace(model, models.text())
    assert_close(t.logits, right, 0.0)
    for name in ("blocks.1.ln1.out", "blocks.1.ln1.scale"):
        with pytest.raises(TraceError, match="no norm"):
            t[name]


def test_a_copied_model_has_an_architecture_of_its_own() -> None:
    model = models.build("llama")
    trace(model, models.text())
    twin = copy.deepcopy(model)
    t = trace(twin, models.text(), interventions=[Zero("blocks.0.attn.z")])
    assert t.model is twin
    assert_close(trace(model, models.text()).logits, traced("llama", "eager").logits, 0.0)


def test_the_first_texts_do_not_decide_what_is_found() -> None:
    for first in (models.ids(1, 1), models.ids(1, 2), torch.full((2, 6), 7), models.ids(4, 4), models.ids(24, 24)):
        for name in ("gpt2", "llama", "gpt-neox", "phi3"):
            model = models.build(name)
            trace(model, first)
            t = trace(model, inputs(name))
            assert t.names == traced(name, "eager").names, (name, tuple(first.shape))
            for each in ("blocks.0.attn.q", "blocks.1.attn.k", "blocks.1.resid_post", "blocks.1.mlp.post"):
                assert_close(t[each], traced(name, "eager")[each], 0.0)


@pytest.mark.parametrize("name", ["gpt2", "llama", "gpt-neox", "qwen3", "phi3", "cohere"])
@pytest.mark.parametrize("kind", ["embeddings", "later positions", "one later position"])
def test_other_inputs_that_come_first_do_not_mislead(name: str, kind: str) -> None:
    model = models.build(name)
    later = torch.arange(models.LENGTH)[None].expand(models.BATCH, -1) + 5
    first: dict[str, dict[str, torch.Tensor]] = {
        "embeddings": {"inputs_embeds": models.randn(2, 5, models.WIDTH)},
        "later positions": models.text() | {"position_ids": later},
        "one later position": {"input_ids": models.ids(1, 1), "position_ids": torch.tensor([[7]])},
    }
    trace(model, first[kind])
    t = trace(model, inputs(name))
    assert t.names == traced(name, "eager").names
    for each in ("blocks.0.attn.q", "blocks.1.attn.k", "blocks.1.attn.pattern", "blocks.1.resid_post"):
        assert_close(t[each], traced(name, "eager")[each], 0.0)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", ["gpt2", "llama", "bert", "gpt-neox", "opt", "bloom", "mistral", "gemma3"])
def test_padding_in_the_first_batch_does_not_mislead(name: str, side: str) -> None:
    model, batch = models.build(name), models.padded(side)
    reordered = {key: value[[1, 2, 0]] for key, value in batch.items()}  # the first text is the padded one
    trace(model, reordered)
    t = trace(model, inputs(name))
    assert t.names == traced(name, "eager").names
    for each in ("blocks.0.attn.q", "blocks.1.attn.k", "blocks.1.attn.pattern", "blocks.1.resid_post"):
        assert_close(t[each], traced(name, "eager")[each], 1e-6)
