"""Values as the interactive RASP prints them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..expressions import Expression, Selector
from ..interpreter import evaluate
from .examples import EXAMPLE
from .values import kind_of

TYPES = {"string": "strings", "bool": "bools"}


def show(value: Any, example: str | Sequence[Any] = EXAMPLE) -> str:
    """A value in one line, a selector as a matrix.

    S-ops: the values on the example with their type, floats to three digits, T and F, `[v]*n` where all are alike:
    `[1, 1, 2, 2, 1] (ints)`. Selectors: keys across the top, queries down the side, 1 where selected.
    """
    if isinstance(value, Selector):
        return matrix(value, example)
    if isinstance(value, Expression):
        return listed(evaluate(value, example))
    if isinstance(value, list) and not any(isinstance(item, (Expression, list, dict)) for item in value):
        return listed(value)
    return atom(value) if kind_of(value) in ("number", "bool", "nothing") else repr(value)


def listed(values: Sequence[Any]) -> str:
    """The values of an s-op in one line."""
    texts = [atom(value) for value in values]
    kind = _type(values)
    suffix = f" ({kind})" if kind else ""
    if len(texts) > 1 and all(value == values[0] and type(value) is type(values[0]) for value in values):
        return f"[{texts[0]}]*{len(texts)}{suffix}"
    return f"[{', '.join(texts)}]{suffix}"


def atom(value: Any) -> str:
    """One value: T and F, floats to three digits."""
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, float):
        rounded = f"{value:.3f}".rstrip("0")
        return f"{rounded}0" if rounded.endswith(".") else rounded
    return str(value)


def _type(values: Sequence[Any]) -> str:
    kinds = {kind_of(value) for value in values if value is not None}
    if len(kinds) != 1:
        return "mixed" if kinds else ""
    kind = kinds.pop()
    if kind == "number":
        return "floats" if any(isinstance(value, float) for value in values) else "ints"
    return TYPES.get(kind, kind)


def matrix(selector: Selector, example: str | Sequence[Any] = EXAMPLE) -> str:
    """A selector on an example: keys across the top, queries down the side."""
    names = [atom(token) for token in example]
    width = max(map(len, names))
    rows = [" " * width + "   " + " ".join(name.rjust(width) for name in names)]
    for name, row in zip(names, evaluate(selector, example), strict=True):
        cells = " ".join(("1" if on else "").rjust(width) for on in row)
        rows.append(f"{name.rjust(width)} | {cells}".rstrip())
    return "\n".join(rows)
