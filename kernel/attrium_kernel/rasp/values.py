"""Which values each node of a program can have, for a vocabulary and a maximum length.

Nodes are of two kinds. *Sources* bring something to a position: the tokens, the indices, and what attention fetched
(aggregates and widths). All other s-ops are *elementwise*: functions of sources at the same position. The reachable set
of an elementwise node is taken over joint values of its sources, so `indices - indices` is 0 and nothing else; what is
known of how sources hang together (an index is below the length, a width is at most the length) is used as well.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

from .affine import Affine, Sums, is_number
from .errors import CompileError
from .expressions import (
    Aggregate,
    Constant,
    Elementwise,
    Expression,
    SelectorWidth,
    SOp,
    Value,
    indices,
)
from .functions import exactly
from .interpreter import fraction, is_value
from .program import Program

MOST_VALUES = 4096
MOST_COMBINATIONS = 300_000
MOST_JOINT = 20_000


class Undefined:
    """What a function that raises gives during the analysis; no input that has a value leads there."""

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED = Undefined()


@dataclass(frozen=True)
class ValueSet:
    """Values that a node can have.

    Attributes:
        values: all of them in order, without None; None if they are too many to list.
        absent: whether the node can be without a value.
        low, high: bounds, for numbers.
        averages: whether some of them are means of several values, which no one-hot vector can carry on.
        variants: values that are equal and not the same, such as 2 and 2.0: one dimension stands for both.
    """

    values: tuple[Value, ...] | None
    absent: bool = False
    low: float = -math.inf
    high: float = math.inf
    averages: bool = False
    variants: tuple[tuple[Value, Value], ...] = ()

    @property
    def numeric(self) -> bool:
        """Whether all values are numbers."""
        if self.values is None:
            return math.isfinite(self.low) and math.isfinite(self.high)
        return all(is_number(value) for value in self.values)


class Steps(NamedTuple):
    """An elementwise node: what it is made from and how."""

    inputs: tuple[SOp, ...]
    call: Callable[..., Value]


def in_order(values: Iterable[Value]) -> tuple[Value, ...]:
    """Distinct values: numbers by size, then the rest by type and text. Values that are equal (True and 1) are one."""
    distinct = list(dict.fromkeys(values))
    numbers = sorted(value for value in distinct if is_number(value))
    others = [value for value in distinct if not is_number(value)]
    try:
        others = sorted(others)
    except TypeError:
        others = sorted(others, key=lambda value: (type(value).__name__, repr(value)))
    return (*numbers, *others)


def means(values: Sequence[float], most: int) -> tuple[float, ...] | None:
    """All numbers that can be the mean of 1 to `most` of the values; None if they are too many."""
    return _folded(values, most, lambda total, count: total / count)


def sums(values: Sequence[float], most: int) -> tuple[float, ...] | None:
    """All numbers that can be the sum of 1 to `most` of the values; None if they are too many."""
    return _folded(values, most, lambda total, count: total)


def _folded(values: Sequence[float], most: int, fold: Callable[[Fraction, int], Fraction]) -> tuple[float, ...] | None:
    """Values lie on a lattice low + step * m, so sums of k of them lie on k * low + step * (0 .. k * largest m)."""
    exact = sorted({fraction(value) for value in values})
    low = exact[0]
    step = Fraction(0)
    for value in exact[1:]:
        step = _gcd(step, value - low)
    widest = int((exact[-1] - low) / step) if step else 0
    if widest * most * (most + 1) // 2 > 40 * MOST_VALUES:
        return None
    found = {fold(count * low + step * m, count) for count in range(1, most + 1) for m in range(count * widest + 1)}
    if len(found) > MOST_VALUES:
        return None
    return tuple(sorted({int(v) if v.denominator == 1 else float(v) for v in found}))


def _gcd(a: Fraction, b: Fraction) -> Fraction:
    while b:
        a, b = b, a % b
    return abs(a)


class Values:
    """The value sets of a program, computed when asked for.

    Args:
        program: the program.
        vocabulary: the input values.
        max_length: the most tokens an input has.
        causal: whether queries see only keys up to their own position.
    """

    def __init__(self, program: Program, vocabulary: Sequence[Value], max_length: int, causal: bool) -> None:
        self.program, self.max_length, self.causal = program, max_length, causal
        self.vocabulary = tuple(vocabulary)
        self._sets: dict[int, ValueSet] = {}
        self._sources: dict[int, tuple[SOp, ...]] = {}
        self._columns: dict[int, tuple[Value, ...]] = {}
        self._joints: dict[int, list[Value]] = {}
        self._joint_rows: dict[tuple[int, ...], list[tuple[Value, ...]]] = {}

    def __reduce__(self) -> Any:
        """A copy or pickle finds its sets again, since nodes are known by their ids."""
        return (Values, (self.program, self.vocabulary, self.max_length, self.causal))

    @cached_property
    def selectors(self) -> Any:
        """What selectors select (see `selectors.Selectors`)."""
        from .selectors import Selectors  # the two look at one another: a width's values, a select's keys

        return Selectors(self)

    @cached_property
    def listed_tokens(self) -> tuple[Value, ...]:
        """The input values in order."""
        return in_order(self.vocabulary)

    def steps(self, node: SOp) -> Steps | None:
        """How an elementwise node is made; None for a source."""
        if isinstance(node, Constant):
            return Steps((), lambda: node.value)
        if isinstance(node, Elementwise):
            return Steps(tuple(self.program.inputs(node)), node.f.call)  # type: ignore[arg-type]
        if self.causal and isinstance(node, SelectorWidth) and self.selectors.all_true(self._selector(node)):
            return Steps((self.indices,), lambda i: i + 1)
        return None

    @cached_property
    def indices(self) -> SOp:
        """The indices, whether the program has them or not."""
        found = [node for node in self.program.nodes if node.kind == "indices"]
        return found[0] if found else indices  # type: ignore[return-value]

    def _selector(self, node: SOp) -> Expression:
        return self.program.inputs(node)[0]

    def label(self, node: Expression) -> str:
        """A node's label."""
        return node.name or node.kind if node.kind == "indices" else self.program.label(node)

    def sources(self, node: SOp) -> tuple[SOp, ...]:
        """The sources that an s-op is a function of; a source is its own."""
        for each in self.cone(node, self._sources):
            how = self.steps(each)
            if how is None:
                self._sources[id(each)] = (each,)
            else:
                met = [source for child in how.inputs for source in self._sources[id(child)]]
                self._sources[id(each)] = tuple({id(source): source for source in met}.values())
        return self._sources[id(node)]

    def cone(self, node: SOp, known: dict[int, Any], stop: frozenset[int] = frozenset()) -> list[SOp]:
        """Elementwise nodes under a node that are not known yet, inputs first, ending at sources or `stop`."""
        ordered: list[SOp] = []
        done: set[int] = set()
        stack: list[tuple[SOp, bool]] = [(node, False)]
        while stack:
            each, ready = stack.pop()
            if id(each) in done or id(each) in known:
                continue
            if ready:
                done.add(id(each))
                ordered.append(each)
                continue
            stack.append((each, True))
            how = None if id(each) in stop else self.steps(each)
            if how is not None:
                stack.extend((child, False) for child in how.inputs)
        return ordered

    def of(self, node: SOp) -> ValueSet:
        """The values a node can have."""
        for each in self.cone(node, self._sets):
            self._sets[id(each)] = self._set_of(each)
        return self._sets[id(node)]

    def _set_of(self, node: SOp) -> ValueSet:
        """The values of a node whose inputs are known."""
        if self.steps(node) is None:
            found = self._source(node)
        else:
            found = self._elementwise(node)
            found = replace(found, variants=_distinct(found.variants, self._carried_variants(node)))
        if node.encoding == "numerical" and not found.numeric:
            raise CompileError(
                f"it is numerical and has values that are not numbers ({_some(found.values or ())}); make it "
                "categorical, or map its values to numbers",
                self.label(node),
            )
        return found

    def _carried_variants(self, node: SOp) -> list[tuple[Value, Value]]:
        """Variants that come of those of a node's inputs, as (2, "a") and (2.0, "a") do.

        Raises:
            CompileError: the function tells apart what is one value here, as `str` tells 2 from 2.0.
        """
        how = self.steps(node)
        assert how is not None
        sets = [self.of(child) for child in how.inputs]
        carried: list[tuple[Value, Value]] = []
        for i, found in enumerate(sets):
            for value, other in found.variants:
                rest = [[None] if j == i else list(each.values or ())[:8] for j, each in enumerate(sets)]
                for row in itertools.islice(itertools.product(*rest), 64):
                    kept, varied = (_called(how.call, [*row[:i], each, *row[i + 1 :]]) for each in (value, other))
                    if kept != varied:
                        raise self.tells_apart(node, "function", value, other)
                    carried.append((kept, varied))
        return [pair for pair in carried if exactly(pair[0]) != exactly(pair[1])]

    def tells_apart(self, node: Expression, what: str, value: Value, other: Value) -> CompileError:
        """The error for a function or predicate that tells apart what is one value in the residual stream."""
        return CompileError(
            f"its {what} tells {value!r} from {other!r}, which are one value in the residual stream; convert it "
            "first, with int(x), float(x) or bool(x)",
            self.label(node),
        )

    def listed(self, node: SOp) -> tuple[Value, ...]:
        """The values a node can have.

        Raises:
            CompileError: they are too many to list.
        """
        found = self.of(node)
        if found.values is None:
            between = f" (between {found.low:g} and {found.high:g})" if found.numeric else ""
            raise CompileError(
                f"it can have more than {MOST_VALUES:,} values{between}, too many for a dimension each; round it, make "
                "it a comparison, or lower max_length or the vocabulary",
                self.label(node),
            )
        return found.values

    def _source(self, node: SOp) -> ValueSet:
        if node.kind == "tokens":
            return ValueSet(self.listed_tokens, False, *_bounds(self.vocabulary))
        if node.kind == "indices":
            return ValueSet(tuple(range(self.max_length)), low=0, high=self.max_length - 1)
        if isinstance(node, SelectorWidth):
            low = 1 if self.selectors.never_empty(self._selector(node)) else 0
            high = self.max_length - 1 if self.selectors.ranks(self._selector(node)) else self.max_length
            return ValueSet(tuple(range(low, high + 1)), low=low, high=high)
        assert isinstance(node, Aggregate)
        return self._aggregate(node)

    def _aggregate(self, node: Aggregate) -> ValueSet:
        selector, x = self.program.inputs(node)
        inner = self.of(x)  # type: ignore[arg-type]
        empty = not self.selectors.never_empty(selector)
        absent = inner.absent or (empty and node.default is None)
        absent = absent and node.reduce != "sum"  # the sum of nothing is a number, and of an absent value an error
        extra = () if node.default is None or not empty else (node.default,)
        if node.reduce == "sum" and empty and node.default != 0 and len(self.selectors.cubes(selector)) > 1:
            raise CompileError(
                f"it is a sum over several heads whose default is {node.default!r}, and heads that are added give 0 "
                f"where nothing is selected; use default 0 and where(selector_width(...) == 0, {node.default!r}, sum)",
                self.label(node),
            )
        one = self.selectors.at_most_one(selector)
        if node.reduce == "sum" or (node.reduce == "mean" and not one):
            return self._several(node, inner, extra, absent)
        values = None if inner.values is None else in_order((*inner.values, *extra))
        numbers = [value for value in extra if is_number(value)]
        low, high = min([inner.low, *numbers]), max([inner.high, *numbers])
        variants = _distinct(inner.variants, _variants((*(inner.values or ()), *extra)))
        return ValueSet(values, absent, low, high, inner.averages and values is None, variants)

    def _several(self, node: Aggregate, inner: ValueSet, extra: tuple[Value, ...], absent: bool) -> ValueSet:
        """Where several keys may be selected: a mean or a sum."""
        if inner.values is not None and not all(is_number(value) for value in inner.values):
            if sum(map(is_number, inner.values)) > 1 or node.reduce == "sum":
                raise CompileError(
                    f"several positions may be selected, and the values mix numbers with others "
                    f"({_some(inner.values)}), so that their mean is not one of them; select one position, or map the "
                    "values to numbers",
                    self.label(node),
                )
            return ValueSet(in_order((*inner.values, *extra)), absent)
        if inner.values is not None and len(inner.values) == 1 and node.reduce == "mean":
            values = in_order((*inner.values, *extra))
            return ValueSet(values, absent, *_bounds(values), variants=self._folded_variants(values, inner, extra))
        if any(not is_number(value) for value in extra):
            raise CompileError(
                "several positions may be selected, so that its values are means, and its default is "
                f"{node.default!r}; pass a number or None",
                self.label(node),
            )
        most = self.max_length
        if node.reduce == "sum":
            found = None if inner.values is None else sums(inner.values, most)
            low, high = min(0, inner.low * most), max(0, inner.high * most)
            extra = (0, *extra)
        else:
            found = None if inner.values is None else means(inner.values, most)
            low, high = inner.low, inner.high
        if inner.values:
            low, high = (
                _bounds(inner.values) if node.reduce == "mean" else _bounds([*(v * most for v in inner.values), 0])
            )
        numbers = [value for value in extra if is_number(value)]
        several = node.reduce == "mean"
        low, high = min([low, *numbers]), max([high, *numbers])
        if found is None:
            return ValueSet(None, absent, low, high, several)
        values = in_order((*found, *extra))
        return ValueSet(values, absent, low, high, several, self._folded_variants(values, inner, extra))

    def _folded_variants(
        self, values: Sequence[Value], inner: ValueSet, extra: Sequence[Value]
    ) -> tuple[tuple[Value, Value], ...]:
        """Variants of a mean or sum: of one key it is that key's value, of several it may be a float."""
        others = [other for _, other in inner.variants]
        as_floats = [float(value) for value in values if isinstance(value, int)]
        return _variants((*values, *(inner.values or ()), *others, *as_floats, *extra))

    def _elementwise(self, node: SOp) -> ValueSet:
        sources = self.sources(node)
        absent = any(self.of(source).absent for source in sources)
        if len(sources) <= 1:
            if sources and self.of(sources[0]).values is None:
                return self._through_inputs(node, absent)
            column = self.column(node)
            return _set(column[:-1] if sources else column, absent)
        together = [s for s in sources if self.of(s).averages]
        if len({id(self._selector(s)) for s in together}) < len(together):  # means of the same positions
            joint = self.positions(node)
            return self._through_inputs(node, absent) if joint is None else _set(joint, absent)
        sizes = [self.of(source).values for source in sources]
        if any(found is None for found in sizes) or math.prod(len(found or ()) for found in sizes) > MOST_JOINT:
            return self._through_inputs(node, absent)
        return _set([value for _, value in self.table(node, sources)], absent)

    @cached_property
    def sums(self) -> Sums:
        """Which nodes are sums of what attention fetched, besides tables over tokens and indices."""
        return Sums(self, lambda source: source.kind not in ("tokens", "indices") and self.of(source).numeric)

    def positions(self, node: SOp) -> tuple[float, ...] | None:
        """The values of a sum of means; means over one selector hang together: they are of the same positions."""
        total = self.sums.of(node)
        if total is None:
            return None
        groups: dict[int, list[Aggregate]] = {}
        sets: list[Sequence[float]] = [(total.const,)]
        for key, factor in total.factors.items():
            source = total.nodes[key]
            if isinstance(source, Aggregate) and source.reduce == "mean" and self.of(source).averages:
                groups.setdefault(id(self._selector(source)), []).append(source)
                continue
            listed = self.of(source).values
            if listed is None:
                return None
            sets.append([factor * v for v in listed])
        for group in groups.values():
            joint = self._joint_means(group, total)
            if joint is None:
                return None
            sets.append(joint)
        sets.extend(tuple(table.values()) for table in total.tables.values())
        return _sums_of(sets)

    def _joint_means(self, group: Sequence[Aggregate], total: Affine) -> tuple[float, ...] | None:
        """Values of `sum(factor * mean)` for means over the same keys: the means of `sum(factor * x)`."""
        inner: list[SOp] = [self.program.inputs(source)[1] for source in group]  # type: ignore[misc]
        sources = list({id(s): s for x in inner for s in self.sources(x)}.values())
        columns = [dict(self.table(x, sources)) for x in inner]
        factors = [total.factors[id(source)] for source in group]
        rows = [[column[key] for column in columns] for key in columns[0]]
        sums = {sum(f * v for f, v in zip(factors, row, strict=True)) for row in rows if all(map(is_number, row))}
        found = means(sorted(sums), self.max_length) if sums else ()
        defaults = [source.default for source in group]
        if found is not None and all(is_number(default) for default in defaults):
            found = (*found, sum(f * d for f, d in zip(factors, defaults, strict=True)))
        return found

    def _through_inputs(self, node: SOp, absent: bool) -> ValueSet:
        """From the sets of a node's direct inputs, where its sources have too many joint values."""
        how = self.steps(node)
        assert how is not None
        sets = [self.of(child) for child in how.inputs]
        size = math.prod(len(found.values) if found.values is not None else MOST_COMBINATIONS + 1 for found in sets)
        if size > MOST_COMBINATIONS:
            return self._bounded(node, absent)
        return _set(
            [_called(how.call, each) for each in itertools.product(*(found.values or () for found in sets))], absent
        )

    def _bounded(self, node: SOp, absent: bool) -> ValueSet:
        """Too many values to list: for a sum its bounds are known, for others only that it may be anything."""
        total = self.sums.of(node)
        if total is None:
            return ValueSet(None, True)
        low = high = total.const
        parts = [(f * self.of(total.nodes[k]).low, f * self.of(total.nodes[k]).high) for k, f in total.factors.items()]
        parts += [(min(table.values()), max(table.values())) for table in total.tables.values()]
        for a, b in parts:
            low, high = low + min(a, b), high + max(a, b)
        return ValueSet(None, absent, low, high)

    def column(self, node: SOp) -> tuple[Value, ...]:
        """An s-op of one source (or none): its value for each value of the source, in order, then for an absent one."""
        for each in self.cone(node, self._columns):
            how = self.steps(each)
            if how is None:
                self._columns[id(each)] = (*self.listed(each), None)
                continue
            sources = self.sources(each)
            if len(sources) > 1:
                continue
            count = len(self.listed(sources[0])) + 1 if sources else 1
            columns = [self._broadcast(child, count) for child in how.inputs]
            rows = zip(*columns, strict=True) if columns else iter([()] * count)
            self._columns[id(each)] = tuple(_called(how.call, row) for row in rows)
        return self._columns[id(node)]

    def _broadcast(self, node: SOp, count: int) -> tuple[Value, ...]:
        column = self._columns[id(node)]
        return column if len(column) == count else column * count

    def table(self, node: SOp, bases: Sequence[SOp]) -> list[tuple[tuple[Value, ...], Value]]:
        """A node's value for every joint value of the bases it is a function of (None for absent ones left out).

        Raises:
            CompileError: there are too many joint values.
        """
        sets = [self.listed(base) for base in bases]
        if math.prod(map(len, sets)) > MOST_COMBINATIONS:
            shown = " x ".join(f"{self.label(base)} {len(s)}" for base, s in zip(bases, sets, strict=True))
            raise CompileError(
                f"it depends on {len(bases)} things with too many joint values ({shown}; at most "
                f"{MOST_COMBINATIONS:,}); make it from parts that have fewer values",
                self.label(node),
            )
        own = self.sources(node)
        if len(own) > 1 and len(own) == len(bases) and all(a is b for a, b in zip(own, bases, strict=True)):
            return list(zip(self._rows(own), self._joint(node), strict=True))
        rows = self.reachable(bases, sets)
        return list(zip(rows, self.results(node, bases, rows), strict=True))

    def _rows(self, sources: tuple[SOp, ...]) -> list[tuple[Value, ...]]:
        key = tuple(map(id, sources))
        if key not in self._joint_rows:
            self._joint_rows[key] = self.reachable(sources, [self.listed(source) for source in sources])
        return self._joint_rows[key]

    def _joint(self, node: SOp) -> list[Value]:
        """A node's values over the joint values of its sources; every node under it is called once, and kept."""
        for each in self.cone(node, self._joints):
            sources, how = self.sources(each), self.steps(each)
            if how is None or len(sources) < 2:
                self._joints[id(each)] = []
                continue
            inputs = [self._spread(child, sources) for child in how.inputs]
            self._joints[id(each)] = [_called(how.call, row) for row in zip(*inputs, strict=True)]
        return self._joints[id(node)]

    def _spread(self, node: SOp, sources: tuple[SOp, ...]) -> Sequence[Value]:
        """A node's values over the joint values of more sources than its own."""
        own, rows = self.sources(node), self._rows(sources)
        if not own:
            return [self.column(node)[0]] * len(rows)
        if len(own) == len(sources) and all(a is b for a, b in zip(own, sources, strict=True)):
            return self._joints[id(node)]
        places = [next(i for i, each in enumerate(sources) if each is source) for source in own]
        if len(own) == 1:
            single = dict(zip(self.listed(own[0]), self.column(node), strict=False))
            return [single[row[places[0]]] for row in rows]
        known = dict(zip(self._rows(own), self._joints[id(node)], strict=True))
        return [known.get(tuple(row[i] for i in places), UNDEFINED) for row in rows]

    def results(self, node: SOp, bases: Sequence[SOp], rows: Sequence[tuple[Value, ...]]) -> list[Value]:
        """A node's value for each row of values of the bases that it is a function of."""
        order = self.cone(node, {}, frozenset(map(id, bases)))
        columns: dict[int, Sequence[Value]] = {id(base): [row[i] for row in rows] for i, base in enumerate(bases)}
        for each in order:
            if id(each) in columns:
                continue
            how = self.steps(each)
            assert how is not None, f"{self.label(each)} is a source outside the bases"
            inputs = [columns[id(child)] for child in how.inputs]
            if not inputs:
                columns[id(each)] = [how.call()] * len(rows)
            else:
                columns[id(each)] = [_called(how.call, row) for row in zip(*inputs, strict=True)]
        return list(columns[id(node)])

    def reachable(self, bases: Sequence[SOp], sets: Sequence[Sequence[Value]]) -> list[tuple[Value, ...]]:
        """Joint values of the bases, without those that cannot occur together."""
        tests = [
            (i, j, test)
            for i, j in itertools.combinations(range(len(bases)), 2)
            if (test := self.relation(bases[i], bases[j])) is not None
        ]
        rows = itertools.product(*sets)
        if not tests:
            return list(rows)
        return [row for row in rows if all(test(row[i], row[j]) for i, j, test in tests)]

    def relation(self, a: SOp, b: SOp) -> Callable[[Value, Value], bool] | None:
        """What is known of two sources at one position."""
        if a.kind == "indices" and isinstance(b, SelectorWidth):
            if self.causal:
                return lambda i, w: w <= i + 1
            if self.selectors.all_true(self._selector(b)):
                return lambda i, n: i < n
        if isinstance(a, SelectorWidth) and b.kind == "indices":
            test = self.relation(b, a)
            return None if test is None else (lambda w, i: test(i, w))
        if isinstance(a, SelectorWidth) and isinstance(b, SelectorWidth):
            whole = [self.selectors.all_true(self._selector(each)) for each in (a, b)]
            if whole[0] != whole[1]:
                return (lambda n, w: w <= n) if whole[0] else (lambda w, n: w <= n)
        return None

    def determines(self, node: SOp, source: SOp) -> bool:
        """Whether a node's value tells the source's."""
        sources = self.sources(node)
        if not any(each is source for each in sources):
            return False
        try:
            table = self.table(node, sources)
        except CompileError:
            return False
        place = next(i for i, each in enumerate(sources) if each is source)
        seen: dict[Value, Value] = {}
        return all(value is UNDEFINED or seen.setdefault(value, row[place]) == row[place] for row, value in table)

    def permutes(self, node: SOp) -> bool:
        """Whether the values at the positions of any input are 0, 1, 2, ... in some order."""
        if node.kind == "indices":
            return True
        return isinstance(node, SelectorWidth) and self.selectors.ranks(self._selector(node))

    def distinct(self, node: SOp) -> bool:
        """Whether the values at any two positions of an input are known to differ."""
        for source in self.sources(node):
            if self.permutes(source) and (source is node or self.determines(node, source)):
                return True
        return False


def _variants(values: Iterable[Value]) -> tuple[tuple[Value, Value], ...]:
    """Values that equal an earlier one and are not the same, each with that one."""
    first: dict[Value, Value] = {}
    found: dict[Hashable, tuple[Value, Value]] = {}
    for value in values:
        kept = first.setdefault(value, value)
        if exactly(kept) != exactly(value):
            found.setdefault(exactly(value), (kept, value))
    return tuple(found.values())


def _distinct(*parts: Iterable[tuple[Value, Value]]) -> tuple[tuple[Value, Value], ...]:
    """Pairs of variants, each once."""
    return tuple({exactly(pair[1]): pair for part in parts for pair in part}.values())


def _set(column: Iterable[Value], absent: bool) -> ValueSet:
    """The set of what a column holds."""
    known = [value for value in column if value is not UNDEFINED]
    values = in_order(value for value in known if value is not None)
    absent = absent or any(value is None for value in known)
    listed = values if len(values) <= MOST_VALUES else None
    return ValueSet(listed, absent, *_bounds(values), variants=_variants(v for v in known if v is not None))


def _sums_of(sets: Sequence[Sequence[float]]) -> tuple[float, ...] | None:
    """All sums of one value of each set, rounded so that equal ones are equal; None if they are too many."""
    largest = max((abs(x) for values in sets for x in values), default=0.0)
    digits = 12 + (math.ceil(-math.log10(largest)) if 0 < largest < 1 else 0)
    found: set[float] = {0.0}
    for values in sets:
        if len(found) * len(values) > MOST_COMBINATIONS:
            return None
        found = {round(x + y, digits) for x in found for y in values}
    return tuple(int(v) if v.is_integer() else v for v in sorted(found))


def _called(call: Callable[..., Value], row: Sequence[Value]) -> Value:
    if any(value is None for value in row):
        return None
    if any(value is UNDEFINED for value in row):
        return UNDEFINED
    try:
        value = call(*row)
    except Exception:
        return UNDEFINED
    return value if is_value(value) else UNDEFINED


def _bounds(values: Iterable[Value]) -> tuple[float, float]:
    numbers = [value for value in values if is_number(value)]
    return (min(numbers), max(numbers)) if numbers else (-math.inf, math.inf)


def _some(values: Sequence[Value]) -> str:
    return ", ".join(map(repr, values[:5])) + (", ..." if len(values) > 5 else "")
