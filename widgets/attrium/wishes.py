"""What the reader wishes to see of a data set, checked: filters and targets."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import traitlets as t

OUTCOMES = ("all", "correct", "wrong")


def read_filter(given: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """A filter with all its parts, classes as indices.

    Args:
        given: some of `outcome`, `classes` and `predicted`, the latter lists of class indices or names.
        classes: the names there are; empty while they are not known.

    Raises:
        TraitError: for unknown words, names or classes.
    """
    wanted = {"outcome": "all", "classes": [], "predicted": [], **given}
    if set(wanted) != {"outcome", "classes", "predicted"} or wanted["outcome"] not in OUTCOMES:
        raise t.TraitError(
            f"filter={given!r}; expected outcome ({', '.join(OUTCOMES)}), classes and predicted (lists of classes)"
        )
    for name in ("classes", "predicted"):
        listed = wanted[name]
        if isinstance(listed, (str, bytes)) or not isinstance(listed, Iterable):
            raise t.TraitError(f"filter[{name!r}]={listed!r}; pass a list of classes, [{listed!r}]")
        wanted[name] = [class_index(item, classes, f"filter[{name!r}]") for item in listed]
    return wanted


def read_targets(given: Mapping[Any, Any], count: int, classes: Sequence[str]) -> dict[str, int]:
    """Targets chosen by hand: class index by the example's index as text, as JSON has it.

    Args:
        given: class indices or names by the example's index, a number or its digits.
        count: number of examples.
        classes: the names there are; empty while they are not known.

    Raises:
        TraitError: for an example or class that is not there.
    """
    found: dict[str, int] = {}
    for key, value in given.items():
        try:
            index = int(key) if isinstance(key, str) else operator.index(key)
        except (TypeError, ValueError):
            index = -1
        if not 0 <= index < count:
            raise t.TraitError(f"targets has the key {key!r}; pass the index of an example, 0 <= index < {count}")
        found[str(index)] = class_index(value, classes, f"targets[{key!r}]")
    return found


def class_index(given: Any, classes: Sequence[str], what: str) -> int:
    """A class as its index, from its index or name.

    Raises:
        TraitError: if there is no such class, or several of that name.
    """
    if isinstance(given, str):
        return _named(given, classes, what)
    try:
        index = operator.index(given)
    except TypeError:
        raise t.TraitError(f"{what}: {given!r} is a {type(given).__name__}; pass a class, by index or name") from None
    if index < 0 or (classes and index >= len(classes)):
        most = f" < {len(classes)}" if classes else ""
        raise t.TraitError(f"{what}: there is no class {index}; pass 0 <= class{most}, or a name")
    return index


def _named(name: str, classes: Sequence[str], what: str) -> int:
    found = [index for index, known in enumerate(classes) if known == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise t.TraitError(f"{what}: the classes {found} are all called {name!r}; pass one of these numbers")
    shown = ", ".join(classes[:10]) + (", ..." if len(classes) > 10 else "")
    names = f"the classes are {shown}" if classes else "class names are not known yet, so pass its index"
    raise t.TraitError(f"{what}: there is no class {name!r}; {names}")
