"""Which s-ops are sums: a number per source times a factor, plus a table over one-hot sources, plus a constant.

Such a sum can be read from the residual stream by a linear map, however many sources it has. Whether a function is
linear is tried out on its inputs' values, so it does not matter how it was written.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .expressions import LinearSequenceMap, SOp, Value

if TYPE_CHECKING:
    from .values import Values

MOST_TRIED = 2000
CLOSE = 1e-9


def is_number(value: Value) -> bool:
    """Whether a value is an int, a float or a bool."""
    return isinstance(value, (int, float)) and math.isfinite(value)


@dataclass(frozen=True, eq=False)
class Affine:
    """`const + sum(factor * number) + sum(table[value])`.

    Attributes:
        factors: sources that are read as numbers, by id, with their factor.
        tables: sources that are read as one-hot vectors, by id, with what each value adds.
        const: the constant.
        nodes: the sources by id.
    """

    factors: Mapping[int, float]
    tables: Mapping[int, Mapping[Value, float]]
    const: float
    nodes: Mapping[int, SOp]


class Sums:
    """Finds sums.

    Args:
        values: value sets of the program.
        is_number: whether a source is in the residual stream as a number (else one-hot).
    """

    def __init__(self, values: Values, as_number: Callable[[SOp], bool]) -> None:
        self.values, self.as_number = values, as_number
        self._known: dict[int, Affine | None] = {}

    def of(self, node: SOp) -> Affine | None:
        """A node as a sum over its sources, None if it is not one."""
        for each in self.values._cone(node, self._known):
            self._known[id(each)] = self._one(each)
        return self._known[id(node)]

    def _one(self, node: SOp) -> Affine | None:
        sources = self.values.sources(node)
        if not sources:
            value = self.values.column(node)[0]
            return Affine({}, {}, float(value), {}) if is_number(value) else None
        if len(sources) == 1:
            return self._single(node, sources[0])
        how = self.values.steps(node)
        assert how is not None
        parts = [self._known[id(child)] for child in how.inputs]
        if any(part is None for part in parts):
            return None
        if isinstance(node, LinearSequenceMap):
            fitted: tuple[list[float], float] | None = (list(node.factors), 0.0)
        else:
            fitted = self._fit(how.call, how.inputs)
        return None if fitted is None else _combined([part for part in parts if part is not None], *fitted)

    def _single(self, node: SOp, source: SOp) -> Affine | None:
        if self.as_number(source):
            if node is source:
                return Affine({id(source): 1.0}, {}, 0.0, {id(source): source})
            how = self.values.steps(node)
            assert how is not None
            parts = [self._known[id(child)] for child in how.inputs]
            if any(part is None for part in parts):
                return None
            fitted = (
                (list(node.factors), 0.0) if isinstance(node, LinearSequenceMap) else self._fit(how.call, how.inputs)
            )
            return None if fitted is None else _combined([part for part in parts if part is not None], *fitted)
        listed = self.values.listed(source)
        column = self.values.column(node)[: len(listed)]
        table = {v: result for v, result in zip(listed, column, strict=True) if is_number(result)}
        missing = [result for result in column if not is_number(result) and repr(result) != "undefined"]
        if missing or not table:
            return None
        return Affine({}, {id(source): {v: float(x) for v, x in table.items()}}, 0.0, {id(source): source})

    def _fit(self, call: Callable[..., Value], inputs: Sequence[SOp]) -> tuple[list[float], float] | None:
        """Factors and constant of a function that is linear on all values tried."""
        sets = [self._samples(child) for child in inputs]
        if any(not found for found in sets):
            return None
        base = tuple(found[0] for found in sets)
        start = _number(call, base)
        if start is None:
            return None
        factors: list[float] = []
        for i, found in enumerate(sets):
            if found[-1] == found[0] or any(inputs[i] is inputs[j] for j in range(i)):
                factors.append(0.0)
                continue
            same = [j for j in range(len(inputs)) if inputs[j] is inputs[i]]
            moved = _number(call, tuple(found[-1] if j in same else v for j, v in enumerate(base)))
            if moved is None:
                return None
            factors.append((moved - start) / (found[-1] - found[0]))
        const = start - sum(factor * v for factor, v in zip(factors, base, strict=True))
        factors, const = [_rounded(factor) for factor in factors], _rounded(const)
        for row in _rows(sets, inputs):
            value = _number(call, row)
            guess = const + sum(factor * v for factor, v in zip(factors, row, strict=True))
            if value is None or abs(value - guess) > CLOSE * max(1.0, abs(value)):
                return None
        return factors, const

    def _samples(self, node: SOp) -> list[float]:
        found = self.values.of(node)
        if found.values is not None:
            return [v for v in found.values if is_number(v)] if found.numeric else []
        if not (math.isfinite(found.low) and math.isfinite(found.high)):
            return []
        step = (found.high - found.low) / 7
        return [found.low + step * i for i in range(8)]


def _rounded(x: float) -> float:
    """A factor without the dust of a division: 1/3 stays, 0.9999999999999999 is 1."""
    return round(x) if abs(x - round(x)) < 1e-12 * max(1.0, abs(x)) else x


def _rows(sets: Sequence[Sequence[float]], inputs: Sequence[SOp]) -> list[tuple[float, ...]]:
    """All joint values, or the corners and a fixed choice of others; an input that occurs twice has one value."""
    first = [next(j for j in range(len(inputs)) if inputs[j] is inputs[i]) for i in range(len(inputs))]
    own = sorted(set(first))
    size = math.prod(len(sets[j]) for j in own)
    if size <= MOST_TRIED:
        chosen = list(itertools.product(*(sets[j] for j in own)))
    else:
        draw = random.Random(0)
        chosen = list(itertools.product(*({sets[j][0], sets[j][-1]} for j in own)))
        chosen += [tuple(draw.choice(sets[j]) for j in own) for _ in range(MOST_TRIED)]
    return [tuple(row[own.index(j)] for j in first) for row in chosen]


def _number(call: Callable[..., Value], row: Sequence[Value]) -> float | None:
    try:
        value = call(*row)
    except Exception:
        return None
    return float(value) if is_number(value) else None


def _combined(parts: Sequence[Affine], factors: Sequence[float], const: float) -> Affine:
    numbers: dict[int, float] = {}
    tables: dict[int, dict[Value, float]] = {}
    nodes: dict[int, SOp] = {}
    for part, factor in zip(parts, factors, strict=True):
        const += factor * part.const
        nodes.update(part.nodes)
        for key, own in part.factors.items():
            numbers[key] = numbers.get(key, 0.0) + factor * own
        for key, table in part.tables.items():
            mine = tables.setdefault(key, {})
            for value, x in table.items():
                mine[value] = mine.get(value, 0.0) + factor * x
    return Affine(numbers, tables, const, nodes)
