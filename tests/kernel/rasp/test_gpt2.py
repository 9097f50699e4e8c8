"""The same program as a GPT-2 of transformers."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2LMHeadModel

from attrium_kernel.rasp import select, selector_width, tokens
from attrium_kernel.rasp.compiling import agree, compile
from attrium_kernel.rasp.craft import Craft
from attrium_kernel.rasp.decode import decode_batch
from attrium_kernel.rasp.errors import CompileError
from attrium_kernel.rasp.gpt2 import EXTRA, ExportError, to_gpt2
from attrium_kernel.rasp.library import PROGRAMS
from attrium_kernel.tracing import load, trace

from . import crafts

INPUTS = [list(itertools.product(crafts.LETTERS, repeat=n)) for n in range(1, crafts.LENGTH + 1)]


CRAFTS = {
    "previous_token": lambda: crafts.previous_token(True),
    "histogram": lambda: crafts.histogram(True),
    "deep": lambda: crafts.deep(True),
}


def ids_of(bundle: Any, xs: list[tuple[str, ...]]) -> torch.Tensor:
    return torch.tensor([bundle.tokenizer.encode_values(x) for x in xs])


@pytest.mark.parametrize("name", list(CRAFTS))
def test_every_input_gives_the_same_output_after_a_round_trip(name: str, tmp_path: Path) -> None:
    bundle = crafts.bundle(CRAFTS[name]())
    model, tokenizer = to_gpt2(bundle)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    opened: Any = AutoModelForCausalLM.from_pretrained(tmp_path)
    reader: Any = AutoTokenizer.from_pretrained(tmp_path)
    assert isinstance(opened, GPT2LMHeadModel)
    for xs in INPUTS:
        ids = ids_of(bundle, xs)
        assert reader(["".join(x) for x in xs])["input_ids"] == ids.tolist()
        wanted = bundle.model(ids).logits
        for exported in (model, opened):
            found = exported(input_ids=ids).logits
            torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)
            assert decode_batch(bundle.craft, found) == decode_batch(bundle.craft, wanted)


@pytest.mark.parametrize("name", list(CRAFTS))
def test_the_stream_is_the_same_beside_the_extra_dimensions(name: str) -> None:
    bundle = crafts.bundle(CRAFTS[name]())
    model = to_gpt2(bundle).model
    ids, width = ids_of(bundle, INPUTS[-1]), bundle.model.config.d_model
    mine = bundle.model(ids, output_hidden_states=True).hidden_states
    theirs = model(input_ids=ids, output_hidden_states=True).hidden_states
    for a, b in zip(mine[:-1], theirs[:-1], strict=True):  # GPT-2's last one is after its last norm
        torch.testing.assert_close(b[..., :width], a, atol=1e-5, rtol=0)
        assert b.sum(-1).abs().max() < 1e-5  # the balance
    assert model.config.residual_labels == [*bundle.model.labels, *EXTRA]


@pytest.mark.parametrize("offset", [192.0, 3072.0])
def test_what_rounding_leaves_of_the_mean_is_not_read(offset: float) -> None:
    """A number that is stored with an offset and read with a steep slope."""
    craft = crafts.histogram(True)
    layer = craft.layers[0]
    assert layer.mlp is not None
    bias = {unit: value - 1000 * offset for unit, value in layer.mlp.input.bias.items()}
    mlp = replace(layer.mlp, input=replace(layer.mlp.input, bias=bias))
    compare_on_all(raised(replace(craft, layers=(replace(layer, mlp=mlp),)), craft.space.of("inverse")[0], offset))


def test_a_large_variance_is_nothing_beside_the_epsilon() -> None:
    """A number of 16 million in a dimension that nothing reads."""
    craft = crafts.histogram(True)
    compare_on_all(raised(craft, craft.space.of("indices")[0], 2.0**24))


def raised(craft: Craft, dimension: int, offset: float) -> Craft:
    """With an offset on a dimension, at every token."""
    tokens = range(len(craft.vocabulary))
    return replace(craft, token_table={**craft.token_table, **{(i, dimension): offset for i in tokens}})


def compare_on_all(craft: Craft) -> None:
    """The exported histogram, on every input."""
    bundle = crafts.bundle(craft)
    model = to_gpt2(bundle).model
    for xs in INPUTS:
        ids = ids_of(bundle, xs)
        wanted = bundle.model(ids).logits
        assert decode_batch(craft, wanted) == [[x[: i + 1].count(x[i]) for i in range(len(x))] for x in xs]
        torch.testing.assert_close(model(input_ids=ids).logits, wanted, atol=1e-5, rtol=0)


CAUSAL = [name for name, example in PROGRAMS.items() if example.causal or example.prefix]


@pytest.mark.parametrize("name", CAUSAL)
def test_programs_of_the_library_are_the_same_gpt2(name: str, seed: int) -> None:
    """On every input of up to 4 tokens, and on some of 20."""
    example, chance = PROGRAMS[name], random.Random(seed)
    short, long = (compile(example.build(n), example.vocabulary, n, causal=True) for n in (4, 20))
    batches = [(short, list(itertools.product(example.vocabulary, repeat=n))) for n in range(1, 5)]
    batches.append((long, [tuple(chance.choices(example.vocabulary, k=20)) for _ in range(20)]))
    for compiled, xs in batches:
        if compiled.craft.numerical:
            with pytest.raises(ExportError, match="the output is a number"):
                to_gpt2(compiled)
            continue
        ids = compiled.ids(xs)
        with torch.no_grad():
            found = decode_batch(compiled.craft, to_gpt2(compiled).model(input_ids=ids).logits)
        for mine, wanted in zip(found, compiled.decode_batch(xs), strict=True):
            assert all(map(agree, wanted, mine))


def test_padding_changes_nothing_before_it() -> None:
    bundle = crafts.bundle(crafts.histogram(True))
    model, tokenizer = to_gpt2(bundle)
    out: Any = tokenizer(["abb", "a", "babab"], padding=True, return_tensors="pt")
    found = decode_batch(bundle.craft, model(**out).logits, [3, 1, 5])
    assert found == [[1, 1, 2], [1], [1, 1, 2, 2, 3]]


def test_it_can_be_loaded_and_traced_like_any_gpt2() -> None:
    bundle = crafts.bundle(crafts.previous_token(True))
    exported = to_gpt2(bundle)
    mine, theirs = trace(bundle, "abab"), trace(load((exported.model, exported.tokenizer)), "abab")
    torch.testing.assert_close(theirs["blocks.0.attn.pattern"], mine["blocks.0.attn.pattern"], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("craft", "options", "words"),
    [
        (crafts.previous_token(False), {}, "GPT-2 sees only earlier positions; compile with causal=True"),
        (crafts.share_of_a(True), {}, "the output is a number; make it categorical"),
        (crafts.previous_token(True), {"attention": "hard"}, "no hard attention; compile with attention='soft'"),
    ],
)
def test_what_gpt2_cannot_do_is_refused(craft: Craft, options: Any, words: str) -> None:
    with pytest.raises(ExportError, match=words) as caught:
        to_gpt2(crafts.bundle(craft, **options))
    assert isinstance(caught.value, CompileError)


@pytest.mark.parametrize("length", [5, 40])
def test_counts_of_counts_are_the_same_or_refused(length):
    """What layer norm leaves at the BOS, times the weight of the BOS: at length 40 float32 does not carry it."""
    first = selector_width(select(tokens, tokens))
    second = selector_width(select(first, first))
    compiled = compile(selector_width(select(second, second)) + second, "ab", length, causal=True)
    if length == 40:
        with pytest.raises(ExportError, match="logits are off"):
            compiled.to_gpt2()
        return
    model, _ = compiled.to_gpt2()
    for xs in ("abaab"[:length], "a" * length, "ab" * (length // 2)):
        with torch.no_grad():
            assert compiled.decode(model(compiled.ids([xs])).logits) == compiled(xs)
