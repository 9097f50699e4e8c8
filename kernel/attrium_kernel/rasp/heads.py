"""Attention heads from cubes.

A cube of m tables has the score `SCORE * (how many of the tables take the pair)`, so the pairs that all of them take
stand SCORE above the rest. BOS is a key with a score of its own:

- half a SCORE below the top where values are averaged: it gets the attention where nothing is selected;
- `log(B)` above the top where keys are counted: then each selected key has the weight 1 / (B + w), and B times their
  sum is w * B / (B + w), which is the number w up to w^2 / B. Counts and sums of several heads can be added.

BOS as a query sees only itself, so that nothing but defaults is ever written there; PAD as a key is far below all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from .affine import is_number
from .craft import Direction, Head, Linear, Space
from .expressions import Aggregate, Constant, SOp, Value
from .plan import Fetch
from .readings import ALWAYS, BOS, PAD, Reading, Readings, power_of_two, total
from .selectors import Cube, Term
from .values import in_order

SCORE = 64.0
COUNT_NOISE = 4096  # B = COUNT_NOISE * (length squared), so that w^2 / B is at most 1 / COUNT_NOISE


@dataclass(eq=False)
class Draft:
    """A head before it has places in a space: one inner dimension per entry of `compared`."""

    name: str
    compared: list[tuple[Reading, Reading, str]]  # query, key, what it is
    rest: tuple[float, float, float]  # score of BOS, what BOS as a query adds to it, score of PAD
    gap: float
    scale: float  # what is moved is multiplied by this: how many selected keys the BOS weighs where keys are counted
    moved: list[tuple[Reading, str, dict[Direction, float]]] = field(default_factory=list)
    nodes: list[str] = field(default_factory=list)


class Heads:
    """Makes the heads of one attention half."""

    def __init__(self, readings: Readings) -> None:
        self.readings, self.values, self.eps = readings, readings.values, readings.eps
        self.drafts: dict[tuple[object, ...], Draft] = {}
        self.offsets: dict[Direction, float] = {}

    def add(self, fetch: Fetch) -> None:
        """The heads of a source; a head that is there already for the same pairs moves more."""
        node = fetch.node
        outputs = self._moved(fetch)
        reduce = node.reduce if isinstance(node, Aggregate) else "sum"
        for number, cube in enumerate(fetch.cubes):
            key, draft = self._draft(fetch, cube, number, reduce)
            draft = self.drafts.setdefault(key, draft)
            label = self.values.label(node)
            draft.nodes.extend([label] if label not in draft.nodes else [])
            draft.moved.extend(
                (reading, text, {d: w * draft.scale for d, w in to.items()}) for reading, text, to in outputs
            )
        self._default_of_sum(fetch)
        self._error(fetch)

    def _default_of_sum(self, fetch: Fetch) -> None:
        """A sum of nothing that is not 0: one more head takes the default away where something is selected."""
        node = fetch.node
        selector = self.values.program.inputs(node)[0]
        if not isinstance(node, Aggregate) or node.reduce != "sum" or not node.default:
            return
        if self.values.selectors.never_empty(selector):
            return
        direction = self.readings.number_direction(fetch)
        self._offset(direction, float(node.default))
        if not fetch.cubes:
            return  # nothing is ever selected
        key, draft = self._draft(replace(fetch, x=Constant(1), moved="number"), fetch.cubes[0], 0, "mean")
        draft = self.drafts.setdefault(key, draft)
        draft.nodes.append(self.values.label(node))
        taken = Reading().add(ALWAYS, -float(node.default))
        draft.moved.append((taken, f"{self.values.label(node)} default", {direction: 1.0}))

    # Scores

    def _draft(self, fetch: Fetch, cube: Cube, number: int, reduce: str) -> tuple[tuple[object, ...], Draft]:
        ordered = reduce in ("max", "min")
        selector = self.values.program.inputs(fetch.node)[0]
        name = self.values.program.label(selector)
        if len(fetch.cubes) > 1:
            name = f"{name}.{number}"
        x = fetch.x if ordered else None
        steps = max(0, len(self.values.listed(x)) - 1) if x is not None else 0
        score = SCORE * (steps + 2) if ordered else SCORE
        compared = [each for term in cube.terms for each in self._compared(term, score)]
        top = score * max(1, len(cube.terms))
        if not cube.terms:
            compared.append((Reading({}, score), ALWAYS, "any"))
        if x is not None:
            compared.append((Reading({}, SCORE), self._rank(x, reduce), f"{reduce} {self.values.label(x)}"))
        if reduce == "sum":
            heavy = float(torch.tensor(top + math.log(self._weight()), dtype=torch.float32))
            rest, gap, scale = heavy, 0.6 * SCORE, math.exp(heavy - top)
        elif ordered:
            rest, gap, scale = top - SCORE, SCORE / 2, 1.0
        else:
            rest, gap, scale = top - SCORE / 2, SCORE / 4, 1.0
        mode = reduce if ordered else "count" if reduce == "sum" else "mean"
        far = top + SCORE * (steps + 2)
        return (id(cube), mode, id(x)), Draft(name, compared, (rest, 4 * far, -2 * far), gap, scale)

    def _weight(self) -> float:
        return power_of_two(COUNT_NOISE * self.values.max_length**2)

    def _rank(self, x: SOp, reduce: str) -> Reading:
        """0, 1, 2, ... for the values from the least wanted to the most."""
        listed = self.values.listed(x)
        found = Reading()
        for value, reading in self.readings.one_hot(x).items():
            place = listed.index(value) if value in listed else 0  # a dimension for what cannot be
            found.add(reading, float(place if reduce == "max" else len(listed) - 1 - place))
        return found

    def _compared(self, term: Term, score: float) -> list[tuple[Reading, Reading, str]]:
        """The dimensions of a table: one per kind of key, or per kind of query if these are fewer."""
        keys = self._side(term.keys, term.key_values)
        queries = self._side(term.queries, term.query_values)
        by_key, by_query = _groups(term.table.T), _groups(term.table)
        name_k = self.values.label(term.keys) if term.keys is not None else "any"
        name_q = self.values.label(term.queries) if term.queries is not None else "any"
        found = []
        if len(by_key) <= len(by_query):
            for members in by_key:
                wanted = [i for i in range(len(queries)) if term.table[i, members[0]]]
                text = f"{name_k}={_shown([term.key_values[i] for i in members])}"
                found.append((_sum(queries, wanted, score), _sum(keys, members), text))
        else:
            for members in by_query:
                taken = [i for i in range(len(keys)) if term.table[members[0], i]]
                text = f"{name_q}={_shown([term.query_values[i] for i in members])}"
                found.append((_sum(queries, members, score), _sum(keys, taken), text))
        return found

    def _side(self, node: SOp | None, values: Sequence[Value]) -> list[Reading]:
        """A reading for each value of a key or query, None (absent) among them."""
        if node is None:
            return [ALWAYS]
        one_hot = self.readings.one_hot(node)
        missing = Reading().add(ALWAYS).add(total(one_hot.values()), -1.0)
        return [missing if value is None else one_hot.get(value, Reading()) for value in values]

    # What is moved

    def _moved(self, fetch: Fetch) -> list[tuple[Reading, str, dict[Direction, float]]]:
        node, label = fetch.node, self.values.label(fetch.node)
        default = node.default if isinstance(node, Aggregate) else None
        selector = self.values.program.inputs(node)[0]
        if fetch.counts or self.values.selectors.never_empty(selector):
            default = None
        moved: list[tuple[Reading, str, dict[Direction, float]]] = []
        if fetch.form == "value":
            assert fetch.x is not None
            one_hot = self.readings.one_hot(fetch.x)
            for value, direction in self.readings.value_directions(node).items():
                reading = Reading().add(one_hot.get(value, Reading()))
                if default is not None and value == default:
                    reading.add(ALWAYS, -1.0)
                    self._offset(direction, 1.0)
                moved.append((reading, f"{label}:{value}", {direction: 1.0}))
            return moved
        direction = self.readings.number_direction(fetch)
        reading = ALWAYS if fetch.x is None else self.readings.number(fetch.x)
        if direction.offset:
            self._offset(direction, direction.offset)
        if default is not None and default != 0:
            reading = Reading().add(reading).add(ALWAYS, -float(default))
            self._offset(direction, float(default))
        moved.append((reading, label, {direction: 1.0}))
        if self.values.of(node).absent:
            assert fetch.x is not None
            here = Reading().add(self.readings.present(fetch.x))
            present = self.readings.present_direction(node)
            if default is not None:
                here.add(ALWAYS, -1.0)
                self._offset(present, 1.0)
            moved.append((here, f"{label} present", {present: 1.0}))
        return moved

    def _offset(self, direction: Direction, amount: float) -> None:
        """Add a constant everywhere; what stands at BOS is noted, so that readers can take it off."""
        self.offsets[direction] = self.offsets.get(direction, 0.0) + amount
        self.readings.at_bos[direction] = self.readings.at_bos.get(direction, 0.0) + amount

    # How exact it is

    def _error(self, fetch: Fetch) -> None:
        """The error bound of what a source's directions hold."""
        values, length = self.values, self.values.max_length
        terms = [[t.keys, t.queries] for cube in fetch.cubes for t in cube.terms]
        off = sum(self.readings.one_hot_error(node) for pair in terms for node in pair if node is not None)
        ordered = isinstance(fetch.node, Aggregate) and fetch.node.reduce in ("max", "min")
        steps = len(values.listed(fetch.x)) + 1 if ordered and fetch.x is not None else 1
        noise = min(2 * SCORE * steps * off, 50.0)  # between the scores of two selected keys
        # one key, or keys of one value: then it does not matter how they share the attention
        moved = None if fetch.x is None else values.of(fetch.x).values
        alone = ordered or (moved is not None and len(moved) == 1)
        alone = alone or values.selectors.at_most_one(values.program.inputs(fetch.node)[0])
        rounding = (8 + math.log2(length + 1)) * self.eps
        weights = rounding + (0.0 if alone else math.expm1(noise))  # how far their weights are from equal
        found = values.of(fetch.node)
        size = max(abs(found.low), abs(found.high), 1.0)
        heads = len(fetch.cubes)
        if fetch.counts:
            scores = (SCORE * max((len(cube.terms) for cube in fetch.cubes), default=1) + 40) * self.eps
            most = length / self._weight()  # a count w is w / (1 + w / B)
            own = 0.0 if fetch.x is None else self.readings.number_error(fetch.x) * length
            own += 0.0 if fetch.x is None else self.readings.error_at_bos(fetch.x) * self._weight() * heads
            bound = size * (most + weights + scores + math.expm1(noise)) * heads + own
        else:
            assert fetch.x is not None
            leak = heads * length * math.exp(-SCORE / 4 + noise) ** 2 if noise < SCORE / 4 else 1.0
            inner = (
                self.readings.one_hot_error(fetch.x) if fetch.form == "value" else self.readings.number_error(fetch.x)
            )
            bound = inner + (1.0 if fetch.form == "value" else size) * (weights * heads + leak)
        if fetch.form == "number":
            bound += max(self.readings.number_direction(fetch).offset, abs(found.high), abs(found.low)) * self.eps
        self.readings.errors[(id(fetch.node), fetch.form)] = bound


def placed(draft: Draft, space: Space, at_bos: dict[Direction, float]) -> Head:
    """A head in a space."""
    width = len(draft.compared) + 1
    query: dict[tuple[int, int], float] = {}
    key: dict[tuple[int, int], float] = {}
    query_bias: dict[int, float] = {}
    key_bias: dict[int, float] = {}
    for column, (asks, answers, _) in enumerate(draft.compared):
        put(query, query_bias, asks, column, space, at_bos, marks=False)
        put(key, key_bias, answers, column, space, at_bos, marks=True)
    bos, pad, last = space.index(BOS), space.index(PAD), width - 1
    rest, more, low = draft.rest
    query_bias[last] = rest
    query[(bos, last)] = more
    key[(bos, last)] = 1.0
    key[(pad, last)] = low / rest
    value: dict[tuple[int, int], float] = {}
    value_bias: dict[int, float] = {}
    output: dict[tuple[int, int], float] = {}
    for column, (reading, _, to) in enumerate(draft.moved):
        put(value, value_bias, reading, column, space, at_bos, marks=True)
        for direction, weight in to.items():
            output[(column, space.index(direction))] = weight
    size, moved = len(space), len(draft.moved)
    return Head(
        name=draft.name,
        nodes=tuple(draft.nodes),
        query=Linear((size, width), query, query_bias),
        key=Linear((size, width), key, key_bias),
        value=Linear((size, moved), value, value_bias),
        output=Linear((moved, size), output),
        compared=(*(text for _, _, text in draft.compared), "bos"),
        moved=tuple(text for _, text, _ in draft.moved),
        gap=draft.gap,
    )


def put(
    entries: dict[tuple[int, int], float],
    bias: dict[int, float],
    reading: Reading,
    column: int,
    space: Space,
    at_bos: dict[Direction, float],
    *,
    marks: bool,
) -> None:
    """Write a reading into a column: with `marks` nothing at BOS and PAD, else only without what BOS holds."""
    held = 0.0
    for direction, weight in reading.weights.items():
        if weight:
            place = (space.index(direction), column)
            entries[place] = entries.get(place, 0.0) + weight
            held += weight * at_bos.get(direction, 0.0)
    if reading.const:
        bias[column] = bias.get(column, 0.0) + reading.const
    at = held + (reading.const if marks else 0.0)
    for mark, amount in ((BOS, at), (PAD, reading.const if marks else 0.0)):
        if amount:
            place = (space.index(mark), column)
            entries[place] = entries.get(place, 0.0) - amount


def _groups(rows: np.ndarray) -> list[list[int]]:
    """Rows that are alike, without those that are all false."""
    alike: dict[bytes, list[int]] = {}
    for i, row in enumerate(rows):
        if row.any():
            alike.setdefault(np.ascontiguousarray(row).tobytes(), []).append(i)
    return list(alike.values())


def _sum(readings: Sequence[Reading], chosen: Sequence[int], factor: float = 1.0) -> Reading:
    found = Reading()
    for i in chosen:
        found.add(readings[i], factor)
    return found


def _shown(values: Sequence[Value]) -> str:
    texts = ["absent" if value is None else str(value) for value in values]
    if len(texts) > 4 and all(is_number(v) for v in values) and list(values) == list(in_order(values)):
        return f"{texts[0]}..{texts[-1]}"
    return "|".join(texts[:4]) + ("|..." if len(texts) > 4 else "")
