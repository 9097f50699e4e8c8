"""Occlusion: hide one window at a time."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from .ablation import drops, values_dtype
from .case import Case
from .errors import ShapeError
from .method import Explained, Method
from .settings import setting
from .structure import Tensors, rows_of

Window = tuple[slice, ...]


@dataclass(frozen=True)
class Occlusion(Method):
    """How far the target falls when a window of the input is replaced by the baseline.

    The score of an element is the mean drop over the windows that cover it. Windows start at multiples of the stride
    and end at the edge. With several inputs each is occluded on its own.

    Shapes: `(n, *features)` -> the same. Units: those of the target.
    Raises: `ShapeError` if the window does not fit the features.
    Source: Zeiler and Fergus 2014, section 4.2.
    """

    label: ClassVar[str] = "Occlusion"
    needs_gradient: ClassVar[bool] = False
    window: int | tuple[int, ...] = setting(
        8, low=1, doc="Size of the hidden window, for each feature axis; one number leaves channels whole."
    )
    stride: int | tuple[int, ...] | None = setting(None, low=1, doc="Step between windows; none is the window's size.")

    def explain(self, case: Case) -> Explained:
        """One forward for each window that differs from its baseline, and one for the example."""
        x, base = case.points(), case.baselines()
        places = [(t, window) for t, p in enumerate(x) for window in self._windows(p)]

        def hide(examples: Tensor, parts: Tensor) -> Tensors:
            points = tuple(p.clone() for p in rows_of(x, examples))
            for row, (example, part) in enumerate(zip(examples.tolist(), parts.tolist(), strict=True)):
                t, window = places[part]
                points[t][(row, *window)] = base[t][(min(example, base[t].shape[0] - 1), *window)]
            return points

        table = drops(case, _changed(x, base, places), hide)
        return Explained(tuple(_mean_over_windows(table, places, t, p) for t, p in enumerate(x)))

    def _windows(self, tensor: Tensor) -> list[Window]:
        shape = tuple(tensor.shape[1:])
        size = _per_axis(self.window, shape, "window")
        stride = size if self.stride is None else _per_axis(self.stride, shape, "stride", whole=1)
        for axis, (w, s, length) in enumerate(zip(size, stride, shape, strict=True)):
            if w > length:
                raise ShapeError(
                    f"Occlusion(window={self.window}) is larger than axis {axis} of the features {shape}; pass at most "
                    f"{length} there"
                )
            if s > w:
                raise ShapeError(
                    f"Occlusion(stride={self.stride}) steps over elements on axis {axis}; pass at most the window, {w}"
                )
        starts = [range(0, -(-(length - w) // s) * s + 1, s) for w, s, length in zip(size, stride, shape, strict=True)]
        return [
            tuple(slice(a, min(a + w, length)) for a, w, length in zip(corner, size, shape, strict=True))
            for corner in itertools.product(*starts)
        ]


def _per_axis(setting_: Any, shape: tuple[int, ...], what: str, whole: int | None = None) -> tuple[int, ...]:
    """One number for each axis; a single number leaves a leading channel axis whole (with the step `whole`)."""
    if isinstance(setting_, int):
        if len(shape) < 3:
            return (setting_,) * len(shape)
        return (shape[0] if whole is None else whole, *(setting_,) * (len(shape) - 1))
    if len(setting_) != len(shape):
        raise ShapeError(
            f"Occlusion({what}={setting_}) has {len(setting_)} axes, but the features have {len(shape)}, {shape}; "
            "give one number for each axis, channels included, or a single number"
        )
    return tuple(setting_)


def _changed(x: Tensors, base: Tensors, places: list[tuple[int, Window]]) -> Tensor:
    """`(n, windows)` whether a window differs from its baseline anywhere."""
    differs = [p != z for p, z in zip(x, base, strict=True)]
    return torch.stack(
        [differs[t][(slice(None), *window)].reshape(len(differs[t]), -1).any(1) for t, window in places], 1
    )


def _mean_over_windows(table: Tensor, places: list[tuple[int, Window]], t: int, like: Tensor) -> Tensor:
    total = torch.zeros(like.shape, dtype=table.dtype, device=table.device)
    covered = torch.zeros(like.shape[1:], dtype=table.dtype, device=table.device)
    for part, (tensor, window) in enumerate(places):
        if tensor == t:
            total[(slice(None), *window)] += table[:, part].reshape(-1, *[1] * len(window))
            covered[window] += 1
    return (total / covered).to(values_dtype(like, table))
