"""Names that a model has for its own parts: residual dimensions, heads, hidden units, outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import DataError

DEPTHS = {"dimensions": 1, "outputs": 1, "positions": 1, "heads": 2, "units": 2, "compared": 3, "moved": 3}
"""Kinds of names, and how deep their lists are nested: by block, and by head."""
LONGEST = 80
"""Characters of a name; longer ones are cut."""
MOST = 20_000
"""Names of one kind; of more, none is kept."""

Names = dict[str, list[Any]]


def names_of(model: Any, given: Mapping[str, Any] | None = None) -> Names:
    """What a model's parts are called, as far as that can be read; kinds without names are not in it.

    Names are in the attribute `axis_names` of the model, or of its config: a mapping of

    | kind | names |
    | --- | --- |
    | dimensions | one for each dimension of the residual stream |
    | outputs | one for each logit |
    | positions | one for each position |
    | heads | for each block, one for each head |
    | units | for each block, one for each hidden unit of its MLP |
    | compared | for each block and head, one for each number of a query and a key |
    | moved | for each block and head, one for each number of a value |

    An empty name is none, and so is what is missing at the end of a list.

    Args:
        model: any.
        given: the mapping, instead of the model's own.
    """
    found = given
    for holder in (model, _attribute(model, "config")):
        found = _attribute(holder, "axis_names") if found is None else found
    if not isinstance(found, Mapping):
        return {}
    read = {kind: _read(found.get(kind), depth) for kind, depth in DEPTHS.items()}
    return {kind: names for kind, names in read.items() if names and 0 < _count(names) <= MOST}


def check_names(given: Any) -> None:
    """Raises a `DataError` for a `names=` that is no mapping, or has kinds that there are not."""
    kinds = ", ".join(DEPTHS)
    if given is not None and not isinstance(given, Mapping):
        raise DataError(f"names is a {type(given).__name__}; pass a mapping with some of {kinds}")
    if unknown := [kind for kind in given or () if kind not in DEPTHS]:
        raise DataError(f"names has {unknown[0]!r}; its kinds are {kinds}")


def fitting(names: Names, sizes: Mapping[str, tuple[int, ...]]) -> Names:
    """Names without the kinds that have more of them than there are parts.

    Args:
        names: see `names_of`.
        sizes: by kind, how long its lists may be, the outermost first; kinds that are left out may be any length.
    """
    return {kind: given for kind, given in names.items() if kind not in sizes or _fits(given, sizes[kind])}


def _attribute(holder: Any, name: str) -> Any:
    try:
        return getattr(holder, name, None)
    except Exception:  # a property of a model that is not ours
        return None


def _read(given: Any, depth: int) -> list[Any]:
    """Nested lists of texts; empty lists for what are none."""
    if not isinstance(given, Sequence) or isinstance(given, (str, bytes)):
        return []
    if depth > 1:
        return [_read(item, depth - 1) for item in given]
    return [_text(item) for item in given]


def _text(given: Any) -> str:
    if not isinstance(given, (str, int, float)):
        return ""
    text = " ".join(str(given).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _count(names: list[Any]) -> int:
    return sum(_count(item) if isinstance(item, list) else 1 for item in names)


def _fits(names: list[Any], sizes: tuple[int, ...]) -> bool:
    return len(names) <= sizes[0] and all(_fits(item, sizes[1:]) for item in names if isinstance(item, list))
