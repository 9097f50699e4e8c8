"""From a plan with a time for each part to a `Craft`: labelled matrices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch

from .craft import ABSENT, Craft, Direction, Layer, Linear, Space
from .decode import SHARPNESS
from .expressions import SOp, Value, tokens
from .heads import Draft, Heads, placed, put
from .mlps import Hidden, Hiddens, placed_units
from .plan import Plan, Planner
from .readings import BOS, PAD, Reading, Readings, total
from .values import in_order


class Half(NamedTuple):
    """One layer before it has places."""

    heads: list[Draft]
    offsets: dict[Direction, float]
    units: list[Hidden]


@dataclass(eq=False)
class Drafted:
    """A transformer whose parts are known and have no places yet: enough to say how large it will be.

    Attributes:
        layers: heads and hidden units per layer.
        space: the residual stream.
        outputs: the unembedding's readings, by what they stand for.
        bound: how far the output can be off: a one-hot entry, or the number.
    """

    layers: list[Half]
    space: Space
    readings: Readings
    outputs: list[tuple[Value, Reading, float]]
    numerical: bool
    bound: float
    vocabulary: tuple[Value, ...]

    @property
    def d_head(self) -> int:
        """The widest head, of queries, keys and values."""
        widths = [max(len(d.compared) + 1, len(d.moved)) for layer in self.layers for d in layer.heads]
        return max(widths, default=1)


def draft(
    plan: Plan, planner: Planner, times: Mapping[int, int], layers: int, *, bos: str, pad: str, dtype: torch.dtype
) -> Drafted:
    """Make the parts of a plan at their times.

    Args:
        plan: the parts.
        planner: what made the plan.
        times: the half-layer of each part, by node id.
        layers: how many layers there are.
        bos, pad: names of the two marks.
        dtype: what the model will compute in.
    """
    readings = Readings(plan, dtype)
    made: list[Half] = []
    order = {id(node): i for i, node in enumerate(plan.values.program.nodes)}
    for number in range(layers):
        heads = Heads(readings)
        for fetch in sorted(plan.fetches.values(), key=lambda f: order.get(id(f.node), -1)):
            if times[id(fetch)] == 2 * number + 1:
                heads.add(fetch)
        hiddens = Hiddens(readings, planner)
        for write in sorted(plan.writes.values(), key=lambda w: order.get(id(w.node), -1)):
            if times[id(write)] == 2 * number + 2:
                hiddens.add(write)
        hiddens.done()
        made.append(Half(list(heads.drafts.values()), heads.offsets, hiddens.units))
    output = plan.values.program.output
    assert isinstance(output, SOp)
    numerical = plan.output_form == "number"
    vocabulary, outputs = _outputs(plan, readings, output, bos, pad)
    space = Space(_directions(plan, made, [reading for _, reading, _ in outputs]))
    bound = readings.number_error(output) if numerical else readings.one_hot_error(output)
    return Drafted(made, space, readings, outputs, numerical, bound, vocabulary)


def _outputs(
    plan: Plan, readings: Readings, output: SOp, bos: str, pad: str
) -> tuple[tuple[Value, ...], list[tuple[Value, Reading, float]]]:
    """The vocabulary, and for each output what it stands for, how it is read, and its factor."""
    own = (bos, pad, *plan.values.listed(_tokens(plan)))
    if plan.output_form == "number":
        return own, [(plan.values.label(output), readings.number(output), 1.0)]
    one_hot = readings.one_hot(output)
    known = set(own[2:])
    extra = [value for value in one_hot if value not in known]
    absent = (ABSENT,) if plan.values.of(output).absent else ()
    vocabulary = (*own, *extra, *absent)
    outputs: list[tuple[Value, Reading, float]] = []
    for i, value in enumerate(vocabulary):
        if value is ABSENT:
            reading = Reading({}, 1.0).add(total(one_hot.values()), -1.0)
        elif i >= 2 and value in one_hot:
            reading = one_hot[value]
        else:
            reading = Reading({}, -1.0)
        outputs.append((value, reading, SHARPNESS))
    return vocabulary, outputs


def _tokens(plan: Plan) -> SOp:
    found = [node for node in plan.values.program.nodes if node.kind == "tokens"]
    return found[0] if found else tokens  # type: ignore[return-value]


def _directions(plan: Plan, layers: Iterable[Half], outputs: Iterable[Reading]) -> list[Direction]:
    """All directions that are written or read, whole groups of them: marks, tokens, indices, then nodes in order."""
    used: dict[Direction, None] = {}
    for layer in layers:
        for head in layer.heads:
            for asks, answers, _ in head.compared:
                used.update(dict.fromkeys((*asks.weights, *answers.weights)))
            for reading, _, to in head.moved:
                used.update(dict.fromkeys((*reading.weights, *to)))
        used.update(dict.fromkeys(layer.offsets))
        for unit in layer.units:
            used.update(dict.fromkeys((*unit.reads.weights, *unit.writes)))
    for reading in outputs:
        used.update(dict.fromkeys(reading.weights))
    groups: dict[str, list[Direction]] = {}
    for direction in used:
        if direction not in (BOS, PAD):
            groups.setdefault(direction.node, []).append(direction)
    program = plan.values.program
    places = {program.label(node): i for i, node in enumerate(program.nodes)}
    places.update({"tokens": -2, "indices": -1})
    found = [BOS, PAD]
    for label in sorted(groups, key=lambda label: places.get(label, -1)):
        mine = groups[label]
        if label in ("tokens", "indices") and places[label] < 0:
            node = _tokens(plan) if label == "tokens" else plan.values.indices
            mine = [Direction(label, "value", value) for value in plan.values.listed(node)]
        else:
            ranked = {value: i for i, value in enumerate(_ranked(mine))}
            mine = sorted(mine, key=lambda d: (d.role == "value", d.role, ranked.get(d.value, -1)))
        found.extend(mine)
    return found


def _ranked(directions: Iterable[Direction]) -> tuple[Value, ...]:
    return in_order(d.value for d in directions if d.role == "value")


def place(drafted: Drafted, plan: Plan, positions: int) -> Craft:
    """Give every part its place: the labelled matrices."""
    space, at_bos = drafted.space, drafted.readings.at_bos
    layers = tuple(
        Layer(
            tuple(placed(head, space, at_bos) for head in half.heads),
            {space.index(direction): amount for direction, amount in half.offsets.items()},
            placed_units(half.units, space, at_bos) if half.units else None,
        )
        for half in drafted.layers
    )
    weights: dict[tuple[int, int], float] = {}
    bias: dict[int, float] = {}
    for column, (_, reading, factor) in enumerate(drafted.outputs):
        scaled = Reading().add(reading, factor)
        put(weights, bias, Reading(scaled.weights), column, space, {}, marks=False)
        if scaled.const:
            bias[column] = scaled.const
    tokens: dict[tuple[int, int], float] = {(0, space.index(BOS)): 1.0, (1, space.index(PAD)): 1.0}
    for number, value in enumerate(drafted.vocabulary):
        direction = Direction("tokens", "value", value)
        if number >= 2 and value is not ABSENT and direction in space:
            tokens[(number, space.index(direction))] = 1.0
    indices = {
        (i + 1, space.index(d)): 1.0 for i in range(positions - 1) if (d := Direction("indices", "value", i)) in space
    }
    return Craft(
        space=space,
        vocabulary=drafted.vocabulary,
        token_table=tokens,
        position_table=indices,
        positions=positions,
        layers=layers,
        unembedding=Linear((len(space), len(drafted.outputs)), weights, bias),
        outputs=tuple(value for value, _, _ in drafted.outputs),
        numerical=drafted.numerical,
        causal=plan.values.causal,
        inputs=plan.values.listed_tokens,
    )
