"""Reading s-ops from the residual stream by linear maps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from .affine import Affine, is_number
from .craft import Direction
from .errors import CompileError
from .expressions import SOp, Value
from .plan import Fetch, Plan
from .values import UNDEFINED, in_order

BOS = Direction("bos", "bos")
PAD = Direction("pad", "pad")


@dataclass(eq=False)
class Reading:
    """`sum(weight * direction) + const` at tokens, and nothing at BOS and PAD."""

    weights: dict[Direction, float] = field(default_factory=dict)
    const: float = 0.0

    def add(self, other: Reading, factor: float = 1.0) -> Reading:
        """Add another reading to this one."""
        for direction, weight in other.weights.items():
            self.weights[direction] = self.weights.get(direction, 0.0) + factor * weight
        self.const += factor * other.const
        return self


def total(readings: Iterable[Reading]) -> Reading:
    """The sum of readings."""
    found = Reading()
    for reading in readings:
        found.add(reading)
    return found


ALWAYS = Reading({}, 1.0)


class Readings:
    """What a plan writes, and how to read it.

    Attributes:
        at_bos: what a direction holds at the BOS position, where that is not 0.
        errors: how far a node's directions can be off, by node id and form: for a one-hot vector the sum over its
            dimensions, so that reading groups of them is no worse.
    """

    def __init__(self, plan: Plan, dtype: torch.dtype) -> None:
        self.plan, self.values = plan, plan.values
        self.eps, self.largest = torch.finfo(dtype).eps, torch.finfo(dtype).max / 2**20
        self.at_bos: dict[Direction, float] = {}
        self.errors: dict[tuple[int, str], float] = {}
        self.decoded = {key for write in plan.writes.values() if write.sum is not None for key in write.sum.factors}
        self._written: dict[int, dict[Value, Direction]] = {}
        self._numbers: dict[int, Direction] = {}

    # Directions

    def value_directions(self, source: SOp) -> dict[Value, Direction]:
        """The directions of a source that is written one-hot."""
        label = self.values.label(source)
        return {value: Direction(label, "value", value) for value in self.source_values(source)}

    def source_values(self, source: SOp) -> tuple[Value, ...]:
        """The values that have a direction: what is moved, not its means."""
        fetch = self.plan.fetches.get(id(source))
        if fetch is None or fetch.x is None:
            return self.values.listed(source)
        default = getattr(source, "default", None)
        return in_order((*self.values.listed(fetch.x), *(() if default is None else (default,))))

    def number_direction(self, fetch: Fetch) -> Direction:
        """The direction of a source that is written as a number."""
        offset = 0.0
        if id(fetch.node) in self.decoded:
            found = self.values.of(fetch.node)
            largest = max(abs(found.low), abs(found.high), 1.0)
            offset = 1.5 * power_of_two(8 * largest)  # all of number + offset in one binade, with bits to spare
        return Direction(self.values.label(fetch.node), "number", None, offset)

    def present_direction(self, node: SOp) -> Direction:
        """1 where a number is there."""
        return Direction(self.values.label(node), "present")

    def wrote(self, node: SOp, form: str, directions: Mapping[Value, Direction]) -> None:
        """Note the directions of a node that an MLP has written; a number's is under None."""
        if form == "number":
            self._numbers[id(node)] = directions[None]
        else:
            self._written[id(node)] = dict(directions)

    # Readings

    def one_hot(self, node: SOp) -> dict[Value, Reading]:
        """For each value, what is 1 where the node has it; values that cannot be there are left out."""
        if id(node) in self._written:
            return {value: Reading({direction: 1.0}) for value, direction in self._written[id(node)].items()}
        sources = self.values.sources(node)
        if not sources:
            value = self.values.column(node)[0]
            return {} if value is None or value is UNDEFINED else {value: ALWAYS}
        if id(node) in self.plan.through:
            return self._through(node, self.plan.through[id(node)])
        (source,) = sources
        directions = self.value_directions(source)
        if source is node:  # an averaged one-hot has directions for what it averages
            return {value: Reading({direction: 1.0}) for value, direction in directions.items()}
        listed = self.values.listed(source)
        found: dict[Value, Reading] = {}
        for own, value in zip(listed, self.values.column(node), strict=False):
            if value is not None and value is not UNDEFINED and own in directions:
                found.setdefault(value, Reading()).add(Reading({directions[own]: 1.0}))
        return found

    def _through(self, node: SOp, inner: SOp) -> dict[Value, Reading]:
        """A node read through the only input it varies with."""
        listed = self.values.listed(inner)
        results = dict(zip(listed, self.values.results(node, [inner], [(v,) for v in listed]), strict=True))
        found: dict[Value, Reading] = {}
        for own, reading in self.one_hot(inner).items():
            value = results.get(own)
            if value is not None and value is not UNDEFINED:
                found.setdefault(value, Reading()).add(reading)
        return found

    def present(self, node: SOp) -> Reading:
        """1 where the node has a value."""
        if not self.values.of(node).absent:
            return ALWAYS
        fetch = self.plan.fetches.get(id(node))
        if fetch is not None and fetch.form == "number":
            return Reading({self.present_direction(node): 1.0})
        return total(self.one_hot(node).values())

    def number(self, node: SOp) -> Reading:
        """The node's number; 0 where it is absent."""
        size = self._size(node)
        if size > self.largest:
            raise CompileError(f"it can be {size:.2g}, more than the dtype holds", self.values.label(node))
        if id(node) in self._numbers:
            return Reading({self._numbers[id(node)]: 1.0})
        parts = self.plan.sums.of(node)
        sources = self.values.sources(node)
        gated = len(sources) > 1 and any(self.values.of(source).absent for source in sources)
        if parts is None or gated:
            found = Reading()
            for value, reading in self.one_hot(node).items():
                found.add(reading, float(value))
            return found
        return self.sum(parts, sources)

    def _size(self, node: SOp) -> float:
        found = self.values.of(node)
        return max((abs(v) for v in (found.low, found.high) if math.isfinite(v)), default=0.0)

    def sum(self, parts: Affine, sources: Sequence[SOp]) -> Reading:
        """A sum; where a part is absent, it adds nothing."""
        found = Reading({}, parts.const)
        if len(sources) == 1 and parts.const and self.values.of(sources[0]).absent:
            found = Reading().add(self.present(sources[0]), parts.const)
        for key, factor in parts.factors.items():
            direction = self.number_direction(self.plan.fetches[key])
            found.add(Reading({direction: factor}, -factor * direction.offset))
        for key, table in parts.tables.items():
            for value, reading in self.one_hot(parts.nodes[key]).items():
                found.add(reading, table.get(value, 0.0))
        return found

    # Errors

    def one_hot_error(self, node: SOp) -> float:
        """How far the one-hot vector of a node can be off, summed over its dimensions."""
        if id(node) in self._written:
            return self.errors.get((id(node), "value"), 0.0)
        if id(node) in self.plan.through:
            inner = self.plan.through[id(node)]
            return self.one_hot_error(inner)
        return max((self.errors.get((id(source), "value"), 0.0) for source in self.values.sources(node)), default=0.0)

    def number_error(self, node: SOp) -> float:
        """How far the number of a node can be off."""
        parts = self.plan.sums.of(node)
        if id(node) in self._numbers:
            return self.errors.get((id(node), "number"), 0.0)
        if parts is None:
            largest = max((abs(value) for value in self.values.listed(node) if is_number(value)), default=0.0)
            return self.one_hot_error(node) * largest
        found, added = 0.0, abs(parts.const)  # what is added up, which may be more than what comes of it
        for key, factor in parts.factors.items():
            offset = self.number_direction(self.plan.fetches[key]).offset
            found += abs(factor) * self.errors.get((key, "number"), 0.0)
            added += abs(factor) * (self._size(parts.nodes[key]) + 2 * offset)
        for key, table in parts.tables.items():
            largest = max((abs(x) for x in table.values()), default=0.0)
            found += self.errors.get((key, "value"), 0.0) * largest
            added += largest
        return found + 2 * added * self.eps

    def error_at_bos(self, node: SOp) -> float:
        """How far the reading of a node's number can be from nothing at BOS, where a head that counts weighs it.

        What BOS holds is taken off there, exactly if it is a short number of binary digits and so are the weights.
        """
        reading = self.number(node)
        held = [(weight, self.at_bos[d]) for d, weight in reading.weights.items() if self.at_bos.get(d)]
        if not held:
            return 0.0
        terms = [reading.const, *(weight * amount for weight, amount in held)]
        added = sum(map(abs, terms))
        short = all(64 * x == round(64 * x) for x in (*terms, *(weight for weight, _ in held)))
        return 0.0 if short and 64 * added * self.eps < 1 else 2 * added * self.eps


def power_of_two(x: float) -> float:
    """The smallest power of two that is at least `x`."""
    power = 1.0
    while power < x:
        power *= 2
    while power / 2 >= x:
        power /= 2
    return power
