"""Calling built-in functions, and s-ops and selectors on an input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import RaspError
from ..expressions import Expression, Selector
from ..interpreter import evaluate
from .builtins import ZIP, Builtin
from .values import described, has_sop


def matched(name: str, names: Sequence[str], arguments: Sequence[Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name. Raises: `RaspError` for one too many, an unknown one, one given twice."""
    takes = f"{name}({', '.join(names)})"
    if len(arguments) > len(names):
        raise RaspError(f"{takes} was given {len(arguments)} arguments; it takes {len(names)}")
    found = dict(zip(names, arguments, strict=False))
    for key, value in keywords.items():
        if key not in names:
            raise RaspError(f"{takes} has no argument {key!r}")
        if key in found:
            raise RaspError(f"{takes} was given {key!r} twice")
        found[key] = value
    return found


def call_builtin(f: Builtin, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
    """What a built-in function gives. Raises: `RaspError` for arguments that it does not take."""
    if f is ZIP:
        if keywords:
            raise RaspError("zip takes no arguments by name")
        return f.call(*arguments)
    found = matched(f.name, f.parameters, arguments, keywords)
    needed = f.parameters[: len(f.parameters) - f.optional]
    missing = [name for name in needed if name not in found]
    if missing:
        raise RaspError(f"{f.name}({', '.join(f.parameters)}) was not given {', '.join(missing)}")
    return f.call(**found)


def on_input(x: Expression, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> list[Any]:
    """An s-op or a selector on an input."""
    if len(arguments) != 1 or keywords or not isinstance(arguments[0], (str, list)) or has_sop(arguments[0]):
        raise RaspError(f"{described(x)} is called with {', '.join(map(described, arguments)) or 'nothing'}; "
                        "expected one input, a string or a list of plain values")  # fmt: skip
    found = evaluate(x, arguments[0])
    return [[bool(cell) for cell in row] for row in found] if isinstance(x, Selector) else list(found)
