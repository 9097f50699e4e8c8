"""Elementwise functions of s-ops and plain values, as text in the expression language, so that they can be saved."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import RaspError
from ..expressions import Elementwise, Map, Selector, SequenceMap, SOp
from .values import ATOMS, described, has_sop, kind_of

MOST_BITS = 100_000
LONGEST = 10_000
PLAIN: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "%": operator.mod,
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
WRITTEN = {"^": "**"}


def elementwise(template: str, *operands: Any) -> SOp:
    """An elementwise function of a template such as `"{} + {}"`; operands that are no s-ops are written into it.

    Args:
        template: text in the expression language, with a `{}` per operand.
        operands: s-ops and plain values, or lists and dicts of these; at least one s-op among them.
    """
    sops: list[SOp] = []
    for operand in operands:
        _collect(operand, sops)
    names = ("x", "y", "z") if len(sops) <= 3 else tuple(f"x{i}" for i in range(len(sops)))
    known = {id(x): name for x, name in zip(sops, names, strict=False)}
    kind: type[Elementwise] = {1: Map, 2: SequenceMap}.get(len(sops), Elementwise)
    return kind(template.format(*(_written(operand, known) for operand in operands)), *sops)


def _collect(operand: Any, sops: list[SOp]) -> None:
    if isinstance(operand, SOp):
        if all(operand is not other for other in sops):
            sops.append(operand)
    elif isinstance(operand, (list, tuple)):
        for item in operand:
            _collect(item, sops)
    elif isinstance(operand, dict):
        for item in operand.values():
            _collect(item, sops)


def _written(value: Any, names: Mapping[int, str]) -> str:
    if isinstance(value, SOp):
        return names[id(value)]
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_written(item, names) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_written(key, names)}: {_written(item, names)}' for key, item in value.items())}}}"
    if isinstance(value, float) and not math.isfinite(value):
        raise RaspError(f"{value} cannot be written into a program; use finite numbers")
    if not isinstance(value, ATOMS):
        raise RaspError(f"{described(value)} cannot stand in an elementwise expression; use s-ops and plain values")
    text = repr(value)
    return f"({text})" if text.startswith("-") else text


def binary(sign: str, x: Any, y: Any) -> Any:
    """`x sign y` for arithmetic and comparisons."""
    for given in (x, y):
        if isinstance(given, Selector):
            raise RaspError(
                f"{sign!r} was given a selector; aggregate over it first (selectors are joined by and, or, not)"
            )
    if isinstance(x, SOp) or isinstance(y, SOp):
        for given in (x, y):
            if not isinstance(given, (SOp, *ATOMS)):
                raise RaspError(f"{sign!r} was given an s-op and {described(given)}; expected s-ops and plain values")
        return elementwise(f"{{}} {WRITTEN.get(sign, sign)} {{}}", x, y)
    return _plain(sign, x, y)


def _plain(sign: str, x: Any, y: Any) -> Any:
    if sign == "+" and isinstance(x, list) and isinstance(y, list):
        return _limited(x + y)
    if has_sop(x) or has_sop(y):
        raise RaspError(f"{sign!r} was given a list or dict of s-ops; take them one by one")
    if sign in ("==", "!="):
        return PLAIN[sign](x, y)
    both = [kind_of(x), kind_of(y)]
    texts_fit = both == ["string", "string"] and sign in ("+", "<", "<=", ">", ">=")
    if not texts_fit and not set(both) <= {"number", "bool"}:
        raise RaspError(f"{sign!r} was given {described(x)} and {described(y)}; expected two numbers")
    try:
        return _limited(_power(x, y) if sign == "^" else PLAIN[sign](x, y))
    except (ZeroDivisionError, OverflowError) as error:
        raise RaspError(f"{x!r} {sign} {y!r}: {error}") from None


def _limited(value: Any) -> Any:
    """A value that does not fill the memory when a program makes it again and again."""
    if isinstance(value, (str, list)) and len(value) > LONGEST:
        raise RaspError(f"{described(value)} of more than {LONGEST:,} pieces would be made")
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise RaspError(f"a number of more than {MOST_BITS:,} bits would be made")
    return value


def _power(x: Any, y: Any) -> Any:
    if isinstance(x, int) and isinstance(y, int) and x.bit_length() * abs(y) > MOST_BITS:
        raise OverflowError(f"the result has more than {MOST_BITS} bits")
    if x < 0 and not float(y).is_integer():
        raise OverflowError("a negative number has no such power")
    return x**y


def chosen(condition: Any, x: Any, y: Any) -> SOp:
    """`x` where the s-op `condition` is true, `y` elsewhere."""
    return elementwise("{1} if {0} else {2}", condition, x, y)


def looked_up(container: Any, index: SOp) -> SOp:
    """`container[index]` position by position, of a list, a dict or a string."""
    if not isinstance(container, (list, dict, str)) or not container:
        raise RaspError(
            f"{described(container)} is indexed by an s-op; expected a list, a dict or a string that is not empty"
        )
    return elementwise("{}[{}]", container, index)


def among(x: Any, container: Any) -> Any:
    """Whether a value, or each value of an s-op, is in a list, a dict or a string."""
    if not isinstance(x, (SOp, *ATOMS)):
        raise RaspError(f"{described(x)} is looked for in {described(container)}; expected an s-op or a plain value")
    if isinstance(container, dict):
        container = list(container)
    if not isinstance(container, (list, str)):
        raise RaspError(
            f"{described(x)} is looked for in {described(container)}; expected a list, a dict, a string or an s-op"
        )
    if isinstance(x, SOp) or has_sop(container):
        return elementwise("{} in {}", x, container)
    if isinstance(container, str) and not isinstance(x, str):
        raise RaspError(f"{described(x)} is looked for in a string; expected a string")
    return x in container


def joined(sign: str, x: Any, y: Any) -> Any:
    """`x and y`, `x or y`: of s-ops position by position, of selectors pair by pair."""
    if isinstance(x, Selector) and isinstance(y, Selector):
        return x & y if sign == "and" else x | y
    if isinstance(x, SOp) or isinstance(y, SOp):
        for given in (x, y):
            if not isinstance(given, (SOp, *ATOMS)):
                raise RaspError(
                    f"{sign!r} joins {described(x)} and {described(y)}; expected two s-ops or two selectors"
                )
        return elementwise(f"{{}} {sign} {{}}", x, y)
    raise RaspError(f"{sign!r} joins {described(x)} and {described(y)}; expected two s-ops or two selectors")


def negated(x: Any) -> Any:
    """`not x`: of an s-op position by position, of a selector pair by pair."""
    if isinstance(x, Selector):
        return ~x
    if isinstance(x, SOp):
        return elementwise("not {}", x)
    return not x
