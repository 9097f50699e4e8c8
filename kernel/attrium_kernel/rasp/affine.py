"""Which s-ops are sums: a number per source times a factor, plus a table over one-hot sources, plus a constant.

Such a sum can be read from the residual stream by a linear map, however many sources it has. Whether a function is
linear is found by calling it with forms instead of numbers, or tried out on all values of its inputs, so it does not
matter how it was written.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from .expressions import LinearSequenceMap, SOp, Value

if TYPE_CHECKING:
    from .values import Values

MOST_TRIED = 50_000
MOST_JOINT = 10_000
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
        for each in self.values.cone(node, self._known):
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
            return self._separable(node, sources)
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

    def _separable(self, node: SOp, sources: Sequence[SOp]) -> Affine | None:
        """A sum over sources through what is no number, such as `x[0] + x[1]` of a pair: tried on all joint values."""
        if any(self.values.of(source).values is None for source in sources):
            return None
        sets = [self.values.listed(source) for source in sources]
        if not 0 < math.prod(map(len, sets)) <= MOST_JOINT:
            return None
        values = dict(self.values.table(node, sources))
        if len(values) < math.prod(map(len, sets)) or not all(is_number(value) for value in values.values()):
            return None
        base = tuple(found[0] for found in sets)
        tables = [
            {v: values[(*base[:i], v, *base[i + 1 :])] - values[base] for v in found} for i, found in enumerate(sets)
        ]
        for row, value in values.items():
            total = values[base] + sum(table[v] for table, v in zip(tables, row, strict=True))
            if abs(total - value) > CLOSE * max(1.0, abs(value)):
                return None
        factors: dict[int, float] = {}
        kept: dict[int, dict[Value, float]] = {}
        const = float(values[base])
        for source, table, found in zip(sources, tables, sets, strict=True):
            if not self.as_number(source):
                kept[id(source)] = {v: float(x) for v, x in table.items()}
                continue
            factor = table[found[-1]] / (found[-1] - found[0]) if len(found) > 1 else 0.0
            if any(abs(factor * (v - found[0]) - x) > CLOSE * max(1.0, abs(x)) for v, x in table.items()):
                return None
            factors[id(source)] = factor
            const -= factor * found[0]
        return Affine(factors, kept, const, {id(source): source for source in sources})

    def _fit(self, call: Callable[..., Value], inputs: Sequence[SOp]) -> tuple[list[float], float] | None:
        """Factors and constant of a function that is linear, as it is written or on all values of its inputs."""
        written = _as_written(call, len(inputs))
        sets = [self._numbers(child) for child in inputs]
        first = [next(j for j in range(len(inputs)) if inputs[j] is inputs[i]) for i in range(len(inputs))]
        own = sorted(set(first))  # an input that occurs twice has one value
        rows = ([chosen[own.index(j)] for j in first] for chosen in itertools.product(*(sets[j] for j in own)))
        if written is not None:  # a function of Python may still do otherwise by type, so a few are tried
            if not _is_sum(call, written.factors, written.const, itertools.islice(rows, 64)):
                return None
            # what is the same everywhere is added now, where float64 does it
            same = [found[0] if len(found) == 1 else None for found in sets]
            const = written.const + sum(f * v for f, v in zip(written.factors, same, strict=True) if v is not None)
            return [0.0 if v is not None else f for f, v in zip(written.factors, same, strict=True)], const
        if not 0 < math.prod(len(sets[j]) for j in own) <= MOST_TRIED:
            return None
        fitted = _through_corners(call, sets, first)
        return fitted if fitted is not None and _is_sum(call, *fitted, rows) else None

    def _numbers(self, node: SOp) -> Sequence[float]:
        """All values of a node; none if they cannot be listed or are not all numbers."""
        found = self.values.of(node)
        return found.values if found.values is not None and found.numeric else ()


def _rounded(x: float) -> float:
    """A factor without the dust of a division: 1/3 stays, 0.9999999999999999 is 1."""
    return round(x) if abs(x - round(x)) < 1e-12 * max(1.0, abs(x)) else x


def _through_corners(
    call: Callable[..., Value], sets: Sequence[Sequence[float]], first: Sequence[int]
) -> tuple[list[float], float] | None:
    """The sum that a function would be by its values at the ends of each input's set.

    Args:
        call: the function.
        sets: the values of each input, in order.
        first: for each input the place where it first occurs.
    """
    base = [found[0] for found in sets]
    start = _number(call, base)
    if start is None:
        return None
    factors: list[float] = []
    for i, found in enumerate(sets):
        if found[-1] == found[0] or first[i] != i:
            factors.append(0.0)
            continue
        moved = _number(call, [found[-1] if first[j] == i else v for j, v in enumerate(base)])
        if moved is None:
            return None
        factors.append((moved - start) / (found[-1] - found[0]))
    const = start - sum(factor * v for factor, v in zip(factors, base, strict=True))
    return [_rounded(factor) for factor in factors], _rounded(const)


def _is_sum(
    call: Callable[..., Value], factors: Sequence[float], const: float, rows: Iterable[Sequence[float]]
) -> bool:
    """Whether a function is the sum, up to rounding, on some values of its arguments."""
    for row in rows:
        parts = [const, *(factor * v for factor, v in zip(factors, row, strict=True))]
        value = _number(call, row)
        if value is None or abs(value - sum(parts)) > CLOSE * min(max(1.0, abs(value)), sum(map(abs, parts))):
            return False
    return True


def _refused(*_: object) -> NoReturn:
    raise TypeError("a form has no value")


class _Form:
    """`const + sum(factor * argument)`, to call a function with in place of numbers: what is not linear raises."""

    def __init__(self, factors: Sequence[float], const: float) -> None:
        self.factors, self.const = tuple(factors), const

    def _scaled(self, factor: object) -> _Form:
        if not isinstance(factor, (int, float)):
            _refused()
        return _Form([factor * own for own in self.factors], factor * self.const)

    def __add__(self, other: object) -> _Form:
        if isinstance(other, (int, float)):
            return _Form(self.factors, self.const + other)
        if not isinstance(other, _Form):
            _refused()
        return _Form([a + b for a, b in zip(self.factors, other.factors, strict=True)], self.const + other.const)

    def __neg__(self) -> _Form:
        return self._scaled(-1)

    def __pos__(self) -> _Form:
        return self

    def __sub__(self, other: object) -> _Form:
        return self + (-other if isinstance(other, (int, float, _Form)) else other)

    def __rsub__(self, other: object) -> _Form:
        return -self + other

    def __truediv__(self, other: object) -> _Form:
        return self._scaled(1 / other if isinstance(other, (int, float)) else other)

    __mul__ = __rmul__ = _scaled
    __radd__ = __add__
    __bool__ = __eq__ = __ne__ = __str__ = __repr__ = __format__ = __hash__ = _refused


def _as_written(call: Callable[..., Value], count: int) -> _Form | None:
    """A function as a form of its arguments; None if it does anything with them that is not linear."""
    arguments = [_Form([float(i == j) for j in range(count)], 0.0) for i in range(count)]
    try:
        made = call(*arguments)
    except Exception:
        return None
    return made if isinstance(made, _Form) else None


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
