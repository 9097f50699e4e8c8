"""Captions: what an attribution says of itself, in words and numbers for a reader."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from torch import Tensor

from attrium_kernel.attribution import Attribution, Method


def caption_of(attribution: Attribution, example: int, classes: Sequence[str] | None = None) -> dict[str, Any]:
    """Target, score, method and completeness gap of one example, for the `caption` trait."""
    place = f" at {attribution.at}" if attribution.at else ""
    gap = attribution.gap
    return {
        "target": target_text(target_of(attribution.target, example), classes),
        "score": finite(attribution.scores[example]),
        "method": method_text(attribution.method) + place,
        "gap": None if gap is None else finite(gap[example]),
    }


def method_text(method: Method) -> str:
    """The method's label and its settings where they are not the defaults: `Integrated gradients (n_steps=20)`."""
    changed = []
    for field in fields(method):
        value = getattr(method, field.name)
        if value != field.default:
            changed.append(f"{field.name}={value.label if isinstance(value, Method) else value}")
    return (method.label or type(method).__name__) + (f" ({', '.join(changed)})" if changed else "")


def interpolation(values: Tensor, drawn: Tensor) -> str:
    """Words on a map `(..., h, w)` that was interpolated to be drawn, or nothing where it was not."""
    if values.dim() < 2 or drawn.dim() != 2 or values.shape[-2:] == drawn.shape:
        return ""
    return f", {values.shape[-2]} × {values.shape[-1]} map, interpolated"


def target_of(target: Any, example: int) -> Any:
    """The target of one example, of any form that the kernel takes."""
    if isinstance(target, (Tensor, np.ndarray)):
        target = target.tolist()
    if isinstance(target, list):
        return target[example] if len(target) > 1 else target[0]
    return target


def target_text(target: Any, classes: Sequence[str] | None = None) -> str | int | None:
    """A target in words: the class by name where names are known."""
    if hasattr(target, "__index__"):  # NumPy's integers too
        target = int(target)
    if classes is not None and isinstance(target, int) and -len(classes) <= target < len(classes):
        return classes[target]
    if target is None or isinstance(target, int):
        return target
    return getattr(target, "__name__", None) or str(target)


def finite(number: Any) -> float | None:
    """A number that JSON can hold, or None."""
    value = float(number)
    return value if math.isfinite(value) else None
