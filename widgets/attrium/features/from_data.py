"""Which kind of data it is that someone passed."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import DataError
from .base import Feature
from .image import ImageFeature
from .text import TextFeature


def feature_of(data: Any, options: Mapping[str, Any], traits: Iterable[str]) -> tuple[Feature, Any]:
    """The data as a feature, and the labels that came with it (or None).

    Args:
        data: images, texts, an object that has `images` or `texts` (and `labels`), or a feature.
        options: keywords of `ImageFeature` or `TextFeature`.
        traits: names of the widget's traits, to tell what a misspelt keyword was meant to be.

    Raises:
        DataError: for data of no known kind.
        TypeError: for an unknown keyword.
    """
    labels = getattr(data, "labels", None)
    for name in ("images", "texts"):
        data = getattr(data, name, data)
    if isinstance(data, Feature):
        _check(options, [], traits)
        return data, labels
    if isinstance(data, (str, bytes)):
        raise DataError(f"data is one text, {data[:40]!r}; pass a list of texts, or of images that you have loaded")
    if not hasattr(data, "__len__") or not hasattr(data, "__getitem__"):
        raise DataError(
            f"data is a {type(data).__name__}; pass images (an array, a tensor or a list), a list of texts, or an "
            "object with images or texts and labels"
        )
    cls = TextFeature if len(data) and all(isinstance(item, str) for item in data) else ImageFeature
    _check(options, [p.name for p in inspect.signature(cls).parameters.values() if p.kind is p.KEYWORD_ONLY], traits)
    return cls(data, **options), labels


def _check(options: Mapping[str, Any], known: list[str], traits: Iterable[str]) -> None:
    candidates = [*known, *(trait for trait in traits if not trait.startswith("_"))]
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, candidates, 1)
            hint = (
                f"did you mean {near[0]!r}?" if near else f"for this data it takes {', '.join(known) or 'traits only'}"
            )
            raise TypeError(f"Insights() got an unknown keyword {name!r}; {hint}")
