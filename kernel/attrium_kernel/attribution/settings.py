"""Settings of a method: dataclass fields with bounds, so that a widget can draw the controls of any method."""

from __future__ import annotations

import dataclasses
import functools
import math
import numbers
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from .errors import SettingError

Kind = Literal["int", "float", "bool", "choice", "ints", "method"]


@dataclass(frozen=True)
class Setting:
    """One setting of a method, as a form needs to know it.

    Args:
        name: the dataclass field.
        kind: which control fits. `ints` is one integer or a tuple of them; `method` is another method.
        default: its default, or None if it must be given.
        low, high: inclusive bounds for numbers, or None.
        choices: the allowed values of a `choice`.
        doc: one line for the reader.
        optional: whether None may be given.
        several: whether a tuple of numbers may be given.
    """

    name: str
    kind: Kind
    default: Any
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    doc: str = ""
    optional: bool = False
    several: bool = False


def setting(
    default: Any = dataclasses.MISSING,
    *,
    low: float | None = None,
    high: float | None = None,
    doc: str = "",
) -> Any:
    """A dataclass field that carries its bounds and a line of text; use it for the fields of a `Method`."""
    return dataclasses.field(default=default, metadata={"low": low, "high": high, "doc": doc})


def settings_of(method: Any) -> list[Setting]:
    """The settings of a method, in the order of its fields; of an instance, its values are the defaults."""
    cls = method if isinstance(method, type) else type(method)
    hints = _hints(cls)
    found = []
    for field in dataclasses.fields(cls):
        kind, choices = _kind(field.name, hints[field.name])
        parts = get_args(hints[field.name])
        default = field.default if isinstance(method, type) else getattr(method, field.name)
        meta = field.metadata
        found.append(
            Setting(
                field.name,
                kind,
                None if default is dataclasses.MISSING else default,
                meta.get("low"),
                meta.get("high"),
                choices,
                meta.get("doc", ""),
                optional=type(None) in parts,
                several=any(get_origin(part) is tuple for part in parts),
            )
        )
    return found


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def check_settings(method: Any) -> None:
    """Raise `SettingError` if a field of this method is of the wrong type or out of bounds."""
    for s in settings_of(method):
        value = getattr(method, s.name)
        where = f"{type(method).__name__}({s.name}={value!r})"
        if s.kind == "choice" and value not in s.choices:
            raise SettingError(f"{where}: expected one of {', '.join(map(repr, s.choices))}")
        if s.kind == "bool" and not isinstance(value, bool):
            raise SettingError(f"{where}: expected True or False")
        if s.kind == "method" and (isinstance(value, type) or not hasattr(value, "explain")):
            raise SettingError(f"{where}: expected a method, for example {s.name}=IntegratedGradients()")
        if s.kind in ("int", "float", "ints"):
            for number in _numbers(where, s, value):
                _check_number(where, s, number)


def _check_number(where: str, s: Setting, number: Any) -> None:
    kind: type = numbers.Real if s.kind == "float" else numbers.Integral
    fits = isinstance(number, kind) and not isinstance(number, bool)
    if not fits or not math.isfinite(number):
        raise SettingError(f"{where}: expected {'a number' if s.kind == 'float' else 'whole numbers'}")
    low_ok = s.low is None or number >= s.low
    high_ok = s.high is None or number <= s.high
    if not (low_ok and high_ok):  # also false for NaN
        bounds = " and ".join(
            text
            for text in (f">= {s.low}" if s.low is not None else "", f"<= {s.high}" if s.high is not None else "")
            if text
        )
        raise SettingError(f"{where}: {number} is out of bounds; pass {s.name} {bounds}")


def _numbers(where: str, s: Setting, value: Any) -> tuple[Any, ...]:
    """The numbers to check in a value: itself, those of a tuple where one may be given, none of an allowed None."""
    if value is None and s.optional:
        return ()
    if isinstance(value, tuple) and s.several:
        return value
    if isinstance(value, list) and s.several:
        raise SettingError(f"{where}: pass a tuple, not a list")
    return (value,)


def _kind(name: str, hint: Any) -> tuple[Kind, tuple[str, ...]]:
    """Which control a type annotation asks for."""
    if get_origin(hint) is Literal:
        return "choice", get_args(hint)
    parts = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if any(get_origin(part) is tuple for part in parts) and float not in parts:
        return "ints", ()
    for kind, cls in (("bool", bool), ("float", float), ("int", int)):
        if cls in parts:
            return typing.cast(Kind, kind), ()
    if any(isinstance(part, type) and dataclasses.is_dataclass(part) for part in parts):
        return "method", ()
    raise TypeError(f"setting {name!r} has type {hint!r}; use bool, int, float, Literal, tuple[int, ...] or a Method")
