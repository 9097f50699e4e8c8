"""Small crafts written by hand, so that the module is tested without the compiler."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from attrium_kernel.rasp.craft import ABSENT, MLP, Craft, Direction, Head, Layer, Linear, Space, Unit
from attrium_kernel.rasp.model import CompiledTransformer, assemble
from attrium_kernel.rasp.tokenizer import ProgramTokenizer, tokenizer_for

CERTAIN = 100.0  # the score of what is selected
LETTERS = ("a", "b")
LENGTH = 5


@dataclass(frozen=True, eq=False)
class Bundle:
    """What `compile` gives, as far as a model is concerned."""

    craft: Craft
    model: CompiledTransformer
    tokenizer: ProgramTokenizer


def bundle(craft: Craft, **options: Any) -> Bundle:
    """A craft with its model and tokenizer."""
    tokenizer = tokenizer_for(LETTERS, extra=craft.vocabulary[2 + len(LETTERS) :], max_length=LENGTH)
    return Bundle(craft, assemble(craft, **options), tokenizer)


def _space(*more: Direction) -> Space:
    letters = [Direction("tokens", "value", letter) for letter in LETTERS]
    places = [Direction("indices", "value", i) for i in range(LENGTH)]
    return Space([Direction("bos", "bos"), Direction("pad", "pad"), *letters, *places, *more])


def _tables(space: Space, vocabulary: tuple) -> dict:
    marks = {(0, 0): 1.0, (1, 1): 1.0}
    letters = {(2 + i, space.index(Direction("tokens", "value", x))): 1.0 for i, x in enumerate(LETTERS)}
    places = {(i + 1, space.index(Direction("indices", "value", i))): 1.0 for i in range(LENGTH)}
    return {
        "space": space,
        "vocabulary": vocabulary,
        "token_table": marks | letters,
        "position_table": places,
        "positions": LENGTH + 1,
    }


def _readout(space: Space, node: str, outputs: tuple) -> Linear:
    """Logits 20 p, 20 (1 - sum p) for "absent", -20 for what is no output."""
    values = {space.directions[i].value: i for i in space.of(node)}
    entries = {(values[v], j): 20.0 for j, v in enumerate(outputs) if v in values}
    absent = [j for j, v in enumerate(outputs) if v is ABSENT]
    entries |= {(i, j): -20.0 for i in values.values() for j in absent}
    bias = {j: 20.0 if j in absent else -20.0 for j, v in enumerate(outputs) if v not in values}
    return Linear((len(space), len(outputs)), entries, bias)


def previous_token(causal: bool = False) -> Craft:
    """The token before each position, absent at the first: one head, which rests on BOS."""
    space = _space(*[Direction("previous", "value", letter) for letter in LETTERS])
    size, places = len(space), space.of("indices")
    query = Linear(
        (size, LENGTH + 1),
        {(places[i + 1], i): CERTAIN for i in range(LENGTH - 1)},
        {LENGTH: 1.0},
    )
    key = Linear((size, LENGTH + 1), {(places[i], i): 1.0 for i in range(LENGTH)} | {(0, LENGTH): CERTAIN / 2})
    value = Linear((size, 2), {(i, n): 1.0 for n, i in enumerate(space.of("tokens"))})
    output = Linear((2, size), dict.fromkeys(enumerate(space.of("previous")), 1.0))
    compared = (*[f"indices:{i}" for i in range(LENGTH)], "bos")
    head = Head("select", ("previous",), query, key, value, output, compared, ("tokens:a", "tokens:b"), CERTAIN / 4)
    outputs = ("BOS", "PAD", *LETTERS, ABSENT)
    return Craft(
        **_tables(space, outputs),
        layers=(Layer((head,), {}, None),),
        unembedding=_readout(space, "previous", outputs),
        outputs=outputs,
        numerical=False,
        causal=causal,
    )


def histogram(causal: bool = False) -> Craft:
    """How often each token occurs: a head gives 1 / (count + 1), an MLP reads the count from it."""
    counts = range(1, LENGTH + 1)
    space = _space(Direction("inverse", "number"), *[Direction("hist", "value", k) for k in counts])
    size, inverse, hist = len(space), space.of("inverse")[0], space.of("hist")
    letters = space.of("tokens")
    query = Linear((size, 4), {(i, n): CERTAIN for n, i in enumerate(letters)}, {2: CERTAIN, 3: -2 * CERTAIN})
    key = Linear((size, 4), {(i, n): 1.0 for n, i in enumerate(letters)} | {(0, 2): 1.0, (1, 3): 1.0})
    head = Head(
        "same", ("hist",), query, key, Linear((size, 1), {(0, 0): 1.0}), Linear((1, size), {(0, inverse): 1.0}),
        ("tokens:a", "tokens:b", "bos", "pad"), ("bos",), CERTAIN / 2,
    )  # fmt: skip
    edges = [(1 / (k + 1) + 1 / (k + 2)) / 2 for k in range(LENGTH + 1)]  # between the levels of 0, 1, 2, ...
    slope = 1000.0
    into, bias, out, units = {}, {}, {}, []
    for k in range(LENGTH + 1):
        for half in (0, 1):
            unit = len(units)
            into[(inverse, unit)] = slope
            bias[unit] = -slope * edges[k] + half
            sign = 1.0 if half else -1.0
            if k >= 1:  # above edge k: the count is k or less
                out[(unit, hist[k - 1])] = sign
            if k < LENGTH:
                out[(unit, hist[k])] = -sign
            units.append(Unit("hist", f"inverse > {edges[k]:.3f} + {half}"))
    mlp = MLP(Linear((size, len(units)), into, bias), Linear((len(units), size), out), tuple(units))
    outputs = ("BOS", "PAD", *LETTERS, *counts)
    return Craft(
        **_tables(space, outputs),
        layers=(Layer((head,), {}, mlp),),
        unembedding=_readout(space, "hist", outputs),
        outputs=outputs,
        numerical=False,
        causal=causal,
    )


def share_of_a(causal: bool = True) -> Craft:
    """The share of "a" among the tokens (so far, if causal): one head, a number, stored one above itself."""
    number = Direction("share", "number", offset=1.0)
    space = _space(number)
    size = len(space)
    query = Linear((size, 1), {}, {0: CERTAIN})
    key = Linear((size, 1), {(i, 0): 1.0 for i in space.of("tokens")})
    value = Linear((size, 1), {(space.of("tokens")[0], 0): 1.0})
    output = Linear((1, size), {(0, space.index(number)): 1.0})
    head = Head("all", ("share",), query, key, value, output, ("one",), ("tokens:a",), CERTAIN / 2)
    return Craft(
        **_tables(space, ("BOS", "PAD", *LETTERS)),
        layers=(Layer((head,), {space.index(number): 1.0}, None),),
        unembedding=Linear((size, 1), {(space.index(number), 0): 1.0}, {0: -1.0}),
        outputs=("share",),
        numerical=True,
        causal=causal,
    )


def nothing() -> Craft:
    """The input as it is: no layer at all."""
    space = _space()
    outputs = ("BOS", "PAD", *LETTERS)
    return Craft(
        **_tables(space, outputs),
        layers=(),
        unembedding=_readout(space, "tokens", outputs),
        outputs=outputs,
        numerical=False,
        causal=False,
    )


def nothing_layer() -> Layer:
    """A layer that is idle."""
    return Layer((), {}, None)


def deep(causal: bool = True) -> Craft:
    """The previous token in three layers, one of them idle; heads that write nothing stand beside the one that does."""
    craft = previous_token(causal)
    head = craft.layers[0].heads[0]
    bare = replace(head, output=replace(head.output, entries={}))
    return replace(craft, layers=(Layer((bare, head), {}, None), nothing_layer(), Layer((bare,), {}, None)))
