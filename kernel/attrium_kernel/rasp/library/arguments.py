"""Checks of plain arguments."""

from __future__ import annotations

from math import inf

from ..errors import RaspError


def whole(given: object, name: str, least: float = -inf, most: float = inf) -> int:
    """A whole number within its bounds.

    Raises:
        RaspError: it is something else; says what is expected.
    """
    if isinstance(given, int) and not isinstance(given, bool) and least <= given <= most:
        return given
    bounds = f" from {least} to {most}" if most < inf else f" of at least {least}" if least > -inf else ""
    raise RaspError(f"{name} is {given!r}; pass a whole number{bounds}")
