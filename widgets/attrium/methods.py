"""Methods as the screen offers them: every method there is, with controls drawn from its own fields."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from attrium_kernel.attribution import Method, Setting, SettingError, all_methods, settings_of

DEFAULT_INNER = "Saliency"
"""What a setting that is a method, and has no default, starts with."""


def offered(chosen: Sequence[str | type[Method]] | None) -> dict[str, type[Method]]:
    """The methods to offer by name: those chosen, or all there are, the user's own too.

    Raises:
        SettingError: for a name that is no method.
    """
    known = all_methods()
    if chosen is None:
        return known
    return {cls.__name__: cls for cls in (_class_of(item, known) for item in chosen)}


def _class_of(item: str | type[Method], known: Mapping[str, type[Method]]) -> type[Method]:
    if isinstance(item, type) and issubclass(item, Method):
        return item
    if item not in known:
        raise SettingError(f"{item!r} is no attribution method; pass some of {', '.join(sorted(known))}")
    return known[str(item)]


def method_of(given: str | Method | type[Method]) -> Method:
    """The method that is meant: an instance, or a name or class with its default settings.

    Raises:
        SettingError: for a name that is no method.
    """
    if isinstance(given, Method):
        return given
    return build(_class_of(given, known := all_methods()).__name__, {}, known)


def describe(cls: type[Method], overrides: Mapping[str, Any], needs: str | None) -> dict[str, Any]:
    """One entry of the `methods` trait.

    Args:
        cls: the method.
        overrides: defaults that fit the data better than the method's own, by setting.
        needs: what it needs beside the example, in words.
    """
    return {
        "name": cls.__name__,
        "label": cls.label or cls.__name__,
        "doc": inspect.getdoc(cls).split("\n\n")[0].replace("\n", " ") if cls.__doc__ else "",  # type: ignore[union-attr]
        "settings": [_setting_json(setting, overrides) for setting in settings_of(cls)],
        "needs": needs,
    }


def defaults(cls: type[Method], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a method starts with, as JSON."""
    return {setting.name: _default(setting, overrides) for setting in settings_of(cls)}


def values_of(method: Method) -> dict[str, Any]:
    """The settings of a method as JSON, as the `settings` trait has them."""
    return {field.name: _json(getattr(method, field.name)) for field in fields(method)}


def build(name: str, settings: Mapping[str, Any], known: Mapping[str, type[Method]]) -> Method:
    """The method of a name with settings as they come from the screen; what is missing keeps its default.

    Raises:
        SettingError: for an unknown method or setting, or a value that does not fit.
    """
    cls = _class_of(name, known)
    allowed = {setting.name: setting for setting in settings_of(cls)}
    if unknown := sorted(set(settings) - set(allowed)):
        raise SettingError(f"{name} has no setting {unknown[0]!r}; its settings are {', '.join(allowed) or 'none'}")
    given = {key: _value(allowed[key], value, known) for key, value in settings.items()}
    missing = [
        s.name for s in allowed.values() if s.kind == "method" and s.default is None and given.get(s.name) is None
    ]
    given.update({key: build(DEFAULT_INNER, {}, known) for key in missing})
    try:
        return cls(**given)
    except TypeError as error:
        raise SettingError(f"{name} cannot be made from {given}: {error}; give every setting a value") from error


def _value(setting: Setting, value: Any, known: Mapping[str, type[Method]]) -> Any:
    if setting.kind == "method" and isinstance(value, str):
        return build(value, {}, known)
    if isinstance(value, list):
        return tuple(value)
    if setting.kind in ("int", "ints") and isinstance(value, float) and value.is_integer():
        return int(value)  # JavaScript has one kind of number
    return value


def _setting_json(setting: Setting, overrides: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": setting.name,
        "kind": setting.kind,
        "default": _default(setting, overrides),
        "low": setting.low,
        "high": setting.high,
        "choices": list(setting.choices) or None,
        "doc": setting.doc,
    }


def _default(setting: Setting, overrides: Mapping[str, Any]) -> Any:
    if setting.name in overrides:
        return overrides[setting.name]
    if setting.kind == "method" and setting.default is None:
        return DEFAULT_INNER
    return _json(setting.default)


def _json(value: Any) -> Any:
    if isinstance(value, Method):
        return type(value).__name__
    return list(value) if isinstance(value, tuple) else value
