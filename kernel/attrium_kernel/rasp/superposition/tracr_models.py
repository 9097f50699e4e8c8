"""Tracr's own models of two programs, weight by weight, to repeat its experiments at their size.

`attrium_kernel.rasp.compile` makes other, smaller ones: it has biases where Tracr has a dimension `one`, and no
dimension for what can be read off a token. Here all is as in Tracr: scores of 100 for what is selected and 50 for the
BOS, both divided by the square root of Tracr's head size; steps of 1/100 in the MLP; and counts that are read off
1 / (count + 1), the share of a BOS that is always selected.

Source: Lindner et al. 2023, "Tracr", sections 3 and 5.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from ..craft import ABSENT, MLP, Craft, Direction, Head, Layer, Linear, Space, Unit
from ..decode import SHARPNESS
from ..expressions import Value

SELECTED, RESTING, STEPS = 100.0, 50.0, 100.0
BOS, PAD, ONE = Direction("bos", "bos"), Direction("pad", "pad"), Direction("one", "number")

Weights = Mapping[tuple[Direction, Direction], float]


def tracr_frac_prevs(vocabulary: Sequence[Value] = ("w", "x", "y", "z"), of: Value = "x", max_length: int = 5) -> Craft:
    """The share of one token up to and including each position; 14 dimensions for 4 tokens and 5 positions.

    Layer 0 has only an MLP (`is_x`), layer 1 only a head.
    """
    is_x, frac = Direction(f"is_{of}", "number"), Direction("frac_prevs", "number")
    tokens, indices = _values("tokens", vocabulary), _values("indices", range(max_length))
    space = Space([BOS, PAD, *tokens, *indices, is_x, frac, ONE])
    mlp = MLP(
        _linear(space, [ONE], {(tokens[vocabulary.index(of)], ONE): 1.0}),
        _linear([ONE], space, {(ONE, is_x): 1.0}),
        (Unit(is_x.node, f"tokens={of}"),),
    )
    pairs = [(q, k) for i, q in enumerate(indices) for k in indices[: i + 1]]
    head = _head(space, "prevs", pairs, {(is_x, frac): 1.0}, RESTING, max_length + 2)
    readout = _linear(space, [frac], {(frac, frac): 1.0})
    return _craft(space, vocabulary, max_length, [Layer((), {}, mlp), Layer((head,), {}, None)], readout, None)


def tracr_sort_unique(vocabulary: Sequence[int] = (1, 2, 3, 4), max_length: int = 5) -> Craft:
    """Tokens in rising order, for inputs without repetitions; 23 dimensions for 4 tokens and 5 positions."""
    tokens, indices = _values("tokens", vocabulary), _values("indices", range(max_length))
    share = Direction("target_position_selector_width_attn_output", "number")
    places, found = _values("target_position", range(max_length + 1)), _values("sort_unique", vocabulary)
    space = Space([BOS, PAD, *tokens, *indices, share, *places, *found, ONE])
    d_head = max(len(vocabulary), max_length) + 2
    smaller = [(q, k) for i, q in enumerate(tokens) for k in tokens[:i]]
    to_place = [(q, k) for q, k in zip(indices, places, strict=False)]
    layers = [
        Layer((_head(space, "smaller", smaller, {(BOS, share): 1.0}, SELECTED, d_head),), {}, _width(space, share)),
        Layer((_head(space, "to_place", to_place, dict.fromkeys(zip(tokens, found), 1.0), RESTING, d_head),), {}, None),
    ]
    outputs = ("BOS", "PAD", *vocabulary, ABSENT)
    entries = {(space.index(d), 2 + i): SHARPNESS for i, d in enumerate(found)}
    entries |= {(space.index(d), len(outputs) - 1): -SHARPNESS for d in found}
    readout = Linear((len(space), len(outputs)), entries, {0: -SHARPNESS, 1: -SHARPNESS, len(outputs) - 1: SHARPNESS})
    return _craft(space, vocabulary, max_length, layers, readout, outputs)


def _width(space: Space, share: Direction) -> MLP:
    """From 1 / (w + 1) to the one-hot of w: a step at each midpoint; at the BOS all that was written is taken back."""
    places = [space.directions[i] for i in space.of("target_position")]
    units = [Direction("unit", "value", text) for text in ("start", "bos")]
    into: dict[tuple[Direction, Direction], float] = {(ONE, units[0]): 1.0, (BOS, units[1]): 1.0}
    out: dict[tuple[Direction, Direction], float] = {(units[0], places[-1]): 1.0, (units[1], places[0]): -1.0}
    out[units[1], share] = -1.0
    for w in reversed(range(len(places) - 1)):
        middle = (1 / (w + 1) + 1 / (w + 2)) / 2
        for sign, more in ((1.0, 1.0), (-1.0, 0.0)):
            unit = Direction("unit", "value", f"width<={w}{'' if more else ', top'}")
            units.append(unit)
            into |= {(share, unit): STEPS, (ONE, unit): more - STEPS * middle}
            out |= {(unit, places[w]): sign, (unit, places[w + 1]): -sign}
    labels = tuple(Unit("target_position", str(unit.value)) for unit in units)
    return MLP(_linear(space, units, into), _linear(units, space, out), labels)


def _values(node: str, values: Iterable[Value]) -> list[Direction]:
    return [Direction(node, "value", value) for value in values]


def _linear(rows: Space | Sequence[Direction], columns: Space | Sequence[Direction], weights: Weights) -> Linear:
    rows, columns = (each if isinstance(each, Space) else Space(each) for each in (rows, columns))
    entries = {(rows.index(a), columns.index(b)): weight for (a, b), weight in weights.items()}
    return Linear((len(rows), len(columns)), entries)


def _head(
    space: Space,
    name: str,
    pairs: Iterable[tuple[Direction, Direction]],
    moved: Weights,
    resting: float,
    d_head: int,
) -> Head:
    """A head that selects pairs of a query's and a key's direction, and rests on the BOS."""
    scores = dict.fromkeys(pairs, SELECTED / math.sqrt(d_head)) | {(ONE, BOS): resting / math.sqrt(d_head)}
    keys = list(dict.fromkeys(key for _, key in scores))
    sources, targets = (list(dict.fromkeys(each)) for each in zip(*moved, strict=True))
    return Head(
        name,
        tuple(dict.fromkeys(d.node for d in targets)),
        _linear(space, keys, scores),
        _linear(space, keys, {(key, key): 1.0 for key in keys}),
        _linear(space, targets, moved),
        _linear(targets, space, {(d, d): 1.0 for d in targets}),
        tuple(map(str, keys)),
        tuple(map(str, sources)),
        SELECTED / math.sqrt(d_head) / 4,
    )


def _craft(
    space: Space,
    vocabulary: Sequence[Value],
    max_length: int,
    layers: Sequence[Layer],
    readout: Linear,
    outputs: tuple[Value, ...] | None,
) -> Craft:
    marks = [BOS, PAD, *_values("tokens", vocabulary)]
    one = space.index(ONE)
    table = {(i, space.index(d)): 1.0 for i, d in enumerate(marks)} | {(i, one): 1.0 for i in range(len(marks))}
    return Craft(
        space=space,
        vocabulary=("BOS", "PAD", *vocabulary),
        token_table=table,
        position_table={(i + 1, place): 1.0 for i, place in enumerate(space.of("indices"))},
        positions=max_length + 1,
        layers=tuple(layers),
        unembedding=readout,
        outputs=outputs or ("frac_prevs",),
        numerical=outputs is None,
        causal=False,
    )
