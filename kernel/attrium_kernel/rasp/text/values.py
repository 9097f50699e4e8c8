"""What a value in a text is, and how a message calls it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import RaspError
from ..expressions import Selector, SOp

ATOMS = (bool, int, float, str)


def has_sop(value: Any) -> bool:
    """Whether a value is an s-op, or a list or dict with one in it."""
    if isinstance(value, (list, tuple)):
        return any(map(has_sop, value))
    if isinstance(value, dict):
        return any(map(has_sop, value.values()))
    return isinstance(value, SOp)


def kind_of(value: Any) -> str:
    """What sort of value it is: number, string, bool, list, dict, s-op, selector or function."""
    names = ((bool, "bool"), ((int, float), "number"), (str, "string"), ((list, tuple, range), "list"), (dict, "dict"),
             (SOp, "s-op"), (Selector, "selector"))  # fmt: skip
    for types, name in names:
        if isinstance(value, types):
            return name
    return "nothing" if value is None else "function"


def described(value: Any) -> str:
    """A value in a message: its kind, and the value itself where it is short."""
    kind = kind_of(value)
    if kind in ("s-op", "selector"):
        article = "an" if kind == "s-op" else "a"
        return f"{article} {kind}" + (f" ({value.name})" if value.name else "")
    if kind in ("number", "string", "bool"):
        text = repr(value)
        return f"{text if len(text) <= 40 else text[:37] + '...'} (a {kind})"
    return kind if kind == "nothing" else f"a {kind}"


def checked_items(values: Any, what: str) -> Sequence[Any]:
    """The things to go through in a `for`, a comprehension or a zip."""
    if isinstance(values, (list, str, dict)):
        return list(values)
    raise RaspError(f"{what} goes through {described(values)}; expected a list, a dict or a string")
