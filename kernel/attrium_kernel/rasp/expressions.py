"""The language: s-ops (one value per position) and selectors (which keys each query looks at), as an immutable graph.

Every expression is made from others and never changed; using one twice shares it. `tokens == "a"` makes an s-op, so an
s-op has no truth value of its own and is hashed by identity; `Program` tells whether two programs are written alike.

Selectors are written `select(keys, queries, predicate)`, keys first, as in RASP and Tracr. A value may be absent
(`None`): elementwise functions leave it absent without being called, and comparing it is an error.

Sources: Weiss et al. 2021, "Thinking Like Transformers" (the language); Lindner et al. 2023, "Tracr" (encodings).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Literal, Self, TypeAlias

from .errors import RaspError
from .functions import Function, exactly, function, predicate

Encoding: TypeAlias = Literal["categorical", "numerical"]
Reduction: TypeAlias = Literal["mean", "sum", "max", "min"]
Value: TypeAlias = Any  # None, int, float, str, bool, or a tuple of these
Writable: TypeAlias = Function | str | Callable[..., Any]


class Expression:
    """Something in a program: an s-op or a selector."""

    kind = "expression"
    name: str | None = None

    @property
    def inputs(self) -> tuple[Expression, ...]:
        """What it is made from, in order."""
        return ()

    @property
    def settings(self) -> tuple[Hashable, ...]:
        """What tells it from another expression of its kind with the same inputs."""
        return ()

    def named(self, name: str) -> Self:
        """The same expression under a name, which labels its dimensions, heads and hidden units."""
        if not (isinstance(name, str) and name.strip()):  # type: ignore[redundant-expr]
            raise RaspError(f"a name was given as {name!r}; pass a text that is not empty")
        return self.changed(name=name)

    def changed(self, **changes: Any) -> Self:
        """A copy with other attributes, for what rewrites programs."""
        made = copy.copy(self)
        made.__dict__.update(changes)
        return made

    def __setattr__(self, key: str, value: Any) -> None:
        raise AttributeError(f"an expression is not changed; make another one (to set {key!r}, see named and encoded)")

    def __bool__(self) -> bool:
        raise TypeError(
            f"{self!r} has a value per position and no truth value; for a logical 'and', 'or', 'not' write &, | and ~, "
            "for a choice where(condition, x, y), and to compare two programs Program(x).same_as(y)"
        )

    def __call__(self, tokens: Sequence[Value], *, causal: bool = False) -> Any:
        """Evaluate it: a list of values for an s-op, a boolean matrix `(query, key)` for a selector."""
        from .interpreter import evaluate  # the language comes first, what runs it stands on it

        return evaluate(self, tokens, causal=causal)

    def __repr__(self) -> str:
        return self._shown(2)

    def _shown(self, depth: int) -> str:
        """The expression in short: what is deeper than `depth` and has no name is left out."""
        if self.name or (depth == 0 and self.inputs):
            return self.name or f"{self.kind}(...)"
        return f"{self.kind}({', '.join(child._shown(depth - 1) for child in self.inputs)})"


def _fill(expression: Expression, **values: Any) -> None:
    expression.__dict__.update(values)


class SOp(Expression):
    """A sequence operator: one value per position.

    Attributes:
        encoding: "categorical", one residual dimension per value; "numerical", one dimension that holds the number; or
            None, for the compiler to choose.
    """

    encoding: Encoding | None = None

    def encoded(self, encoding: Encoding) -> Self:
        """The same s-op, written into the residual stream as "categorical" or "numerical"."""
        if encoding not in ("categorical", "numerical"):
            raise RaspError(f"encoding is {encoding!r}; pass 'categorical' or 'numerical'")
        return self.changed(encoding=encoding)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> SOp:  # type: ignore[override]
        return _binary(self, other, "==")

    def __ne__(self, other: object) -> SOp:  # type: ignore[override]
        return _binary(self, other, "!=")

    def __lt__(self, other: Any) -> SOp:
        return _binary(self, other, "<")

    def __le__(self, other: Any) -> SOp:
        return _binary(self, other, "<=")

    def __gt__(self, other: Any) -> SOp:
        return _binary(self, other, ">")

    def __ge__(self, other: Any) -> SOp:
        return _binary(self, other, ">=")

    def __add__(self, other: Any) -> SOp:
        return _binary(self, other, "+")

    def __radd__(self, other: Any) -> SOp:
        return _binary(other, self, "+")

    def __sub__(self, other: Any) -> SOp:
        return _binary(self, other, "-")

    def __rsub__(self, other: Any) -> SOp:
        return _binary(other, self, "-")

    def __mul__(self, other: Any) -> SOp:
        return _binary(self, other, "*")

    def __rmul__(self, other: Any) -> SOp:
        return _binary(other, self, "*")

    def __truediv__(self, other: Any) -> SOp:
        return _binary(self, other, "/")

    def __rtruediv__(self, other: Any) -> SOp:
        return _binary(other, self, "/")

    def __floordiv__(self, other: Any) -> SOp:
        return _binary(self, other, "//")

    def __rfloordiv__(self, other: Any) -> SOp:
        return _binary(other, self, "//")

    def __mod__(self, other: Any) -> SOp:
        return _binary(self, other, "%")

    def __rmod__(self, other: Any) -> SOp:
        return _binary(other, self, "%")

    def __pow__(self, other: Any) -> SOp:
        return _binary(self, other, "**")

    def __rpow__(self, other: Any) -> SOp:
        return _binary(other, self, "**")

    def __and__(self, other: Any) -> SOp:
        return _binary(self, other, "and")

    def __rand__(self, other: Any) -> SOp:
        return _binary(other, self, "and")

    def __or__(self, other: Any) -> SOp:
        return _binary(self, other, "or")

    def __ror__(self, other: Any) -> SOp:
        return _binary(other, self, "or")

    def __invert__(self) -> SOp:
        return Map("not x", self)

    def __neg__(self) -> SOp:
        return Map("-x", self)

    def __pos__(self) -> SOp:
        return Map("+x", self)

    def __abs__(self) -> SOp:
        return Map("abs(x)", self)

    def __round__(self, digits: int | None = None) -> SOp:
        return Map("round(x)" if digits is None else f"round(x, {digits!r})", self)

    def __iter__(self) -> Any:
        raise TypeError(f"{self!r} cannot be looped over: how many positions it has is known only for an input")

    def __getitem__(self, place: Any) -> Any:
        raise TypeError(
            f"{self!r} has no item {place!r} before it has an input; to bring the value of one position to all write "
            f"aggregate(select(indices, {place!r}), x), for an item of a tuple Map('x[0]', x)"
        )

    def __contains__(self, value: Any) -> bool:
        raise TypeError(f"'in' gives one truth value; write x.isin([...]) or x == {value!r}, one per position")

    def isin(self, values: Sequence[Value]) -> SOp:
        """True where the value is one of `values`."""
        return Map(f"x in {_literal(tuple(values), 'isin')}", self)


class Selector(Expression):
    """For each query position, which key positions it looks at: a boolean matrix `(query, key)`."""

    def __and__(self, other: Selector) -> Selector:
        return SelectorAnd(self, other)

    def __or__(self, other: Selector) -> Selector:
        return SelectorOr(self, other)

    def __invert__(self) -> Selector:
        return SelectorNot(self)


class _Given(SOp):
    """What every input brings along. There is one of each: named or encoded otherwise, it is a `Map` of it."""

    def changed(self, **changes: Any) -> Any:
        """A `Map` of it with other attributes."""
        return Map("x", self).changed(**changes)


class Tokens(_Given):
    """The input."""

    kind = "tokens"
    name = "tokens"


class Indices(_Given):
    """The positions, from 0."""

    kind = "indices"
    name = "indices"


tokens = Tokens()
indices = Indices()


class Constant(SOp):
    """The same value at every position."""

    kind = "constant"

    def __init__(self, value: Value) -> None:
        _fill(self, value=_plain(value))

    value: Value

    @property
    def settings(self) -> tuple[Hashable, ...]:
        """What tells it from its like."""
        return (exactly(self.value),)

    def _shown(self, depth: int) -> str:
        return self.name or repr(self.value)


class Elementwise(SOp):
    """A function of the values of one or more s-ops at the same position. Absent where any of them is absent.

    Args:
        f: an expression as text in terms of x, y, z (or x0, x1, ...), or a Python function.
        inputs: as many s-ops as `f` has arguments; other values stand for themselves everywhere.
    """

    kind = "elementwise"

    def __init__(self, f: Writable, *inputs: SOp | Value) -> None:
        if not inputs:
            raise RaspError("an elementwise function was given no s-op; pass at least one")
        names = ("x", "y", "z")[: len(inputs)] if len(inputs) <= 3 else tuple(f"x{i}" for i in range(len(inputs)))
        _fill(self, f=function(f, *names), _inputs=tuple(sop(x) for x in inputs))

    f: Function
    _inputs: tuple[SOp, ...]

    @property
    def inputs(self) -> tuple[SOp, ...]:
        """What it is made from, in order."""
        return self._inputs

    @property
    def settings(self) -> tuple[Hashable, ...]:
        """What tells it from its like."""
        return (self.f.key,)


class Map(Elementwise):
    """A function of one s-op: `Map("x + 1", indices)`."""

    kind = "map"

    def __init__(self, f: Writable, x: SOp | Value) -> None:
        super().__init__(f, x)


class SequenceMap(Elementwise):
    """A function of two s-ops: `SequenceMap("x - y", length, indices)`."""

    kind = "sequence_map"

    def __init__(self, f: Writable, x: SOp | Value, y: SOp | Value) -> None:
        super().__init__(f, x, y)


class LinearSequenceMap(SequenceMap):
    """`fx * x + fy * y`, numerical."""

    kind = "linear_sequence_map"

    def __init__(self, x: SOp, y: SOp, fx: float, fy: float) -> None:
        for factor in (fx, fy):
            if isinstance(factor, bool) or not isinstance(factor, (int, float)):
                raise RaspError(f"a factor was given as {factor!r}; pass a number")
        super().__init__(f"{fx!r} * x + {fy!r} * y", x, y)
        _fill(self, factors=(fx, fy), encoding="numerical")

    factors: tuple[float, float]


class Select(Selector):
    """Keys and queries for which a predicate holds.

    Args:
        keys: s-op (or a constant) that is looked at.
        queries: s-op (or a constant) that looks.
        predicate: one of `== != < <= > >= true false` (key first), an expression in `key` and `query`, or a function.
    """

    kind = "select"

    def __init__(self, keys: SOp | Value, queries: SOp | Value, predicate_: Writable = "==") -> None:
        _fill(self, predicate=predicate(predicate_), _inputs=(sop(keys), sop(queries)))

    predicate: Function
    _inputs: tuple[SOp, SOp]

    @property
    def inputs(self) -> tuple[SOp, SOp]:
        """What it is made from, in order."""
        return self._inputs

    @property
    def settings(self) -> tuple[Hashable, ...]:
        """What tells it from its like."""
        return (self.predicate.key,)

    @property
    def keys(self) -> SOp:
        """What is looked at."""
        return self._inputs[0]

    @property
    def queries(self) -> SOp:
        """What looks."""
        return self._inputs[1]


class _Combined(Selector):
    _inputs: tuple[Selector, ...]

    def __init__(self, *selectors: Selector) -> None:
        for given in selectors:
            if not isinstance(given, Selector):
                raise RaspError(f"{self.kind} was given {given!r}; pass selectors, as select(...) makes them")
        _fill(self, _inputs=selectors)

    @property
    def inputs(self) -> tuple[Selector, ...]:
        """What it is made from, in order."""
        return self._inputs


class SelectorAnd(_Combined):
    """Pairs that both selectors have."""

    kind = "selector_and"

    def __init__(self, a: Selector, b: Selector) -> None:
        super().__init__(a, b)


class SelectorOr(_Combined):
    """Pairs that at least one of the selectors has."""

    kind = "selector_or"

    def __init__(self, a: Selector, b: Selector) -> None:
        super().__init__(a, b)


class SelectorNot(_Combined):
    """Pairs that the selector does not have."""

    kind = "selector_not"

    def __init__(self, a: Selector) -> None:
        super().__init__(a)


class SelectorWidth(SOp):
    """How many keys each query looks at."""

    kind = "selector_width"

    def __init__(self, selector: Selector) -> None:
        _fill(self, _inputs=(_selector(selector, self.kind),))

    _inputs: tuple[Selector]

    @property
    def inputs(self) -> tuple[Selector]:
        """What it is made from, in order."""
        return self._inputs

    @property
    def selector(self) -> Selector:
        """Which keys each query looks at."""
        return self._inputs[0]


class Aggregate(SOp):
    """The values at the selected positions, folded into one.

    Where one key is selected its value is taken as it is. Where several are, they must be numbers, and their mean (or
    sum, largest, smallest) is taken. Where none is, `default`.

    Args:
        selector: which keys each query looks at.
        x: the s-op whose values are taken.
        default: the value where nothing is selected; None for an absent value. A sum of nothing is 0.
        reduce: "mean", "sum", "max" or "min".
    """

    kind = "aggregate"

    def __init__(self, selector: Selector, x: SOp | Value, default: Value = None, reduce: Reduction = "mean") -> None:
        if reduce not in ("mean", "sum", "max", "min"):
            raise RaspError(f"reduce is {reduce!r}; pass 'mean', 'sum', 'max' or 'min'")
        if reduce == "sum" and default is None:
            default = 0
        _fill(self, default=_plain(default), reduce=reduce, _inputs=(_selector(selector, self.kind), sop(x)))

    default: Value
    reduce: Reduction
    _inputs: tuple[Selector, SOp]

    @property
    def inputs(self) -> tuple[Selector, SOp]:
        """What it is made from, in order."""
        return self._inputs

    @property
    def settings(self) -> tuple[Hashable, ...]:
        """What tells it from its like."""
        return (self.reduce, exactly(self.default))

    @property
    def selector(self) -> Selector:
        """Which keys each query looks at."""
        return self._inputs[0]

    @property
    def x(self) -> SOp:
        """The s-op whose values are taken."""
        return self._inputs[1]


def select(keys: SOp | Value, queries: SOp | Value, predicate: Writable = "==") -> Selector:
    """`Select`, written small as in RASP."""
    return Select(keys, queries, predicate)


def aggregate(selector: Selector, x: SOp | Value, default: Value = None, reduce: Reduction = "mean") -> SOp:
    """`Aggregate`, written small as in RASP."""
    return Aggregate(selector, x, default, reduce)


def selector_width(selector: Selector) -> SOp:
    """`SelectorWidth`, written small as in RASP."""
    return SelectorWidth(selector)


def where(condition: SOp, x: SOp | Value, y: SOp | Value) -> SOp:
    """`x` where the condition is true, `y` elsewhere."""
    return Elementwise("y if x else z", condition, x, y)


def numerical(x: SOp) -> SOp:
    """The s-op, written into the residual stream as one number."""
    return x.encoded("numerical")


def categorical(x: SOp) -> SOp:
    """The s-op, written into the residual stream with one dimension per value."""
    return x.encoded("categorical")


def sop(given: SOp | Value) -> SOp:
    """An s-op as it is, and any other value as a `Constant`."""
    if isinstance(given, SOp):
        return given
    if isinstance(given, Selector):
        raise RaspError(f"a selector ({given!r}) was given where an s-op is expected; aggregate over it first")
    return Constant(given)


def _selector(given: Selector, kind: str) -> Selector:
    if not isinstance(given, Selector):
        raise RaspError(f"{kind} was given {given!r} as its selector; pass what select(...) makes")
    return given


def _plain(value: Value) -> Value:
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    if isinstance(value, float) and not math.isfinite(value):
        raise RaspError(f"{value!r} is not a value of a program; pass a finite number")
    if value is None or isinstance(value, (int, float, str, bool)):
        return value
    raise RaspError(
        f"{value!r} ({type(value).__name__}) is not a value of a program; pass None, a number, a string, a bool, or a "
        "tuple of these"
    )


def _literal(value: Value, place: str) -> str:
    if not isinstance(value, (int, float, str, bool, tuple, type(None))):
        raise RaspError(f"{place} was given {value!r} ({type(value).__name__}); pass an s-op or a plain value")
    return repr(_plain(value))


def _binary(x: Any, y: Any, sign: str) -> SOp:
    """`x sign y`, one of them or both an s-op; a constant is written into the function."""
    for given in (x, y):
        if isinstance(given, Selector):
            raise RaspError(f"{sign} was given a selector ({given!r}); aggregate over it first")
    if isinstance(x, SOp) and isinstance(y, SOp):
        return SequenceMap(f"x {sign} y", x, y)
    if isinstance(x, SOp):
        return Map(f"x {sign} {_bracketed(y, sign)}", x)
    return Map(f"{_bracketed(x, sign)} {sign} x", y)


def _bracketed(value: Value, sign: str) -> str:
    text = _literal(value, sign)
    return f"({text})" if text.startswith("-") else text


full = Select(Constant(0), Constant(0), "true").named("full")
length = SelectorWidth(full).named("length")
