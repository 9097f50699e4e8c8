"""Values as the screen has them: text, null where absent, and numbers for bars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from attrium_kernel.rasp.affine import is_number
from attrium_kernel.rasp.expressions import Value


def shown(value: Value) -> str | None:
    """A value as text; floats to six digits, None where it is absent."""
    if value is None:
        return None
    if isinstance(value, float):
        return f"{value + 0.0:.6g}"  # no minus before a zero
    return repr(value) if value == "" else str(value)


def all_shown(values: Iterable[Value]) -> list[str | None]:
    """Several values as text."""
    return [shown(value) for value in values]


def model_shown(expected: Sequence[Value], found: Sequence[Value]) -> list[str | None]:
    """What a model says, as text: a number is written as the value it is for, where it is as near as float32 comes."""
    return [
        shown(want if _alike(want, have) else have)
        for want, have in zip([*expected, *[None] * len(found)], found, strict=False)
    ]


def _alike(want: Value, have: Value) -> bool:
    return is_number(want) and is_number(have) and abs(want - have) <= 1e-5 * max(1.0, abs(want))


def numbers(values: Sequence[Value]) -> list[float | None] | None:
    """The values as numbers; None if one of them is none, or all are absent or truth values."""
    there = [value for value in values if value is not None]
    if not there or not all(is_number(value) for value in there) or all(isinstance(value, bool) for value in there):
        return None
    return [None if value is None else float(value) for value in values]


def plain(value: Any) -> str:
    """A value inside a sentence: text with its quotes."""
    return "absent" if value is None else repr(value)
