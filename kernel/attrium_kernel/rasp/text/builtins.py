"""What a text finds defined before its first line: s-ops, and functions on s-ops, selectors and plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import RaspError
from ..expressions import Aggregate, Map, Select, Selector, SelectorWidth, SOp, full, indices, length, sop, tokens
from .elementwise import binary, chosen, elementwise
from .values import ATOMS, checked_items, described, has_sop

LONGEST_LIST = 10_000
TRUE_WORDS = ("True", "true", "T", "1", True)
SOPS: Mapping[str, SOp] = {
    "tokens": tokens,
    "tokens_asis": tokens,
    "tokens_str": Map("str(x)", tokens).named("tokens_str"),
    "tokens_int": Map("int(x)", tokens).named("tokens_int"),
    "tokens_float": Map("float(x)", tokens).named("tokens_float"),
    "tokens_bool": Map(f"x in {TRUE_WORDS!r}", tokens).named("tokens_bool"),
    "indices": indices,
    "length": length,
}
BASE = frozenset(("tokens", "tokens_asis", "indices"))


@dataclass(frozen=True)
class Comparison:
    """A sign of comparison that was passed as an argument."""

    sign: str


@dataclass(frozen=True)
class Builtin:
    """A function of the language.

    Attributes:
        name: what it is called.
        parameters: names of its arguments, as those of `call`.
        optional: how many of them, counted from the end, may be left out.
        call: what it does; raises `RaspError` for arguments that it does not take.
    """

    name: str
    parameters: tuple[str, ...]
    optional: int
    call: Callable[..., Any]


def _select(keys: Any, queries: Any, comparison: Any) -> Selector:
    if not isinstance(comparison, Comparison):
        raise RaspError(f"select was given {described(comparison)} as its comparison; expected == != < <= > or >=")
    for given in (keys, queries):
        if not isinstance(given, (SOp, *ATOMS)):
            raise RaspError(f"select was given {described(given)}; expected s-ops or plain values as keys and queries")
    if isinstance(keys, SOp) or isinstance(queries, SOp):
        return Select(keys, queries, comparison.sign)
    return full if binary(comparison.sign, keys, queries) else ~full


def _aggregate(selector: Any, x: Any, default: Any = 0) -> SOp:
    if not isinstance(selector, Selector):
        raise RaspError(f"aggregate was given {described(selector)} first; expected a selector")
    if not isinstance(x, (SOp, *ATOMS)):
        raise RaspError(f"aggregate was given {described(x)} to take values of; expected an s-op")
    if isinstance(default, SOp):
        return chosen(binary(">", SelectorWidth(selector), 0), Aggregate(selector, x, 0), default)
    if default is not None and not isinstance(default, ATOMS):
        raise RaspError(f"aggregate was given {described(default)} as its default; expected a plain value or an s-op")
    return Aggregate(selector, x, default)


def _selector_width(selector: Any, assume_bos: Any = False) -> SOp:
    if not isinstance(selector, Selector):
        raise RaspError(f"selector_width was given {described(selector)}; expected a selector")
    if not isinstance(assume_bos, bool):
        raise RaspError(f"assume_bos is {described(assume_bos)}; expected True or False")
    return SelectorWidth(selector & ~Select(indices, 0, "==") if assume_bos else selector)


def _round(x: Any) -> Any:
    return _of_number("round", x, "round({})", round)


def _indicator(x: Any) -> Any:
    if isinstance(x, SOp):
        return chosen(x, 1, 0)
    if not isinstance(x, bool):
        raise RaspError(f"indicator was given {described(x)}; expected True, False or an s-op of these")
    return int(x)


def _of_number(name: str, x: Any, template: str, call: Callable[[Any], Any]) -> Any:
    if isinstance(x, SOp):
        return elementwise(template, x)
    if isinstance(x, bool) or not isinstance(x, (int, float)):
        raise RaspError(f"{name} was given {described(x)}; expected a number or an s-op of numbers")
    return call(x)


def _range(start: Any, stop: Any = None, step: Any = 1) -> list[int]:
    given = (0, start, step) if stop is None else (start, stop, step)
    if any(isinstance(value, bool) or not isinstance(value, int) for value in given):
        raise RaspError(f"range was given {', '.join(map(described, given))}; expected whole numbers")
    if step == 0:
        raise RaspError("range was given a step of 0")
    found = range(*given)
    if len(found) > LONGEST_LIST:
        raise RaspError(f"a range of {len(found):,} numbers; at most {LONGEST_LIST:,} are made")
    return list(found)


def _zip(*lists: Any) -> list[list[Any]]:
    return [list(group) for group in zip(*(checked_items(one, "zip") for one in lists), strict=False)]


def _len(x: Any) -> int:
    if isinstance(x, (list, dict, str)):
        return len(x)
    hint = "; how many positions an input has is the s-op length" if has_sop(x) else ""
    raise RaspError(f"len was given {described(x)}; expected a list, a dict or a string{hint}")


def negative(x: Any) -> Any:
    """`-x`."""
    return _of_number("'-'", x, "-{}", lambda value: -value)


def positive(x: Any) -> Any:
    """`+x`."""
    return _of_number("'+'", x, "+{}", lambda value: value)


def at_position(x: SOp, position: int) -> SOp:
    """The value of one position, everywhere; a negative position counts from the end."""
    where = position if position >= 0 else binary("+", length, position)
    return _aggregate(Select(indices, sop(where), "=="), x)


def found_in(x: Any, sequence: SOp) -> SOp:
    """Whether a value stands anywhere in a sequence."""
    if not isinstance(x, (SOp, *ATOMS)):
        raise RaspError(f"{described(x)} is looked for in an s-op; expected a plain value or an s-op")
    return binary(">", SelectorWidth(Select(sequence, x, "==")), 0)  # type: ignore[no-any-return]


FUNCTIONS: Mapping[str, Builtin] = {
    built.name: built
    for built in (
        Builtin("select", ("keys", "queries", "comparison"), 0, _select),
        Builtin("aggregate", ("selector", "x", "default"), 1, _aggregate),
        Builtin("selector_width", ("selector", "assume_bos"), 1, _selector_width),
        Builtin("round", ("x",), 0, _round),
        Builtin("indicator", ("x",), 0, _indicator),
        Builtin("range", ("start", "stop", "step"), 2, _range),
        Builtin("len", ("x",), 0, _len),
    )
}
ZIP = Builtin("zip", ("lists",), 0, _zip)
VALUES: Mapping[str, Any] = {**SOPS, "full_s": full, **FUNCTIONS, "zip": ZIP}
