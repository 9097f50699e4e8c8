"""Pooling: a window of cells becomes one, and no NaN or infinity is lost on the way."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Pooling = Literal["mean", "absmax", "max", "min"]


def window_starts(size: int, length: int) -> npt.NDArray[np.intp]:
    """Where `length` windows over `size` cells begin: `floor(i * size / length)`. Widths differ by one at most."""
    return np.arange(length) * size // length


def pool(array: npt.NDArray[Any], shape: Sequence[int], kind: Pooling) -> npt.NDArray[Any]:
    """Fold an array into a smaller shape, window by window (`window_starts` along each axis).

    A window that holds a NaN gives NaN; infinities count as the numbers they are. `absmax` gives the value of largest
    magnitude with its sign, the positive one of two equals. A mean of integers is rounded.

    Shapes: `array.shape` -> `shape`, no axis longer than before and none empty; same dtype.
    """
    starts = [None if length == size else window_starts(size, length) for size, length in zip(array.shape, shape)]
    if kind == "mean":
        with np.errstate(invalid="ignore"):  # infinities of both signs make a NaN
            return mean_of(fold(np.add, array, starts, np.float64), array.shape, array.dtype)
    if kind == "min":
        return fold(np.minimum, array, starts)
    high = fold(np.maximum, array, starts)
    return high if kind == "max" else larger(fold(np.minimum, array, starts), high)


def fold(
    ufunc: np.ufunc,
    array: npt.NDArray[Any],
    starts: Sequence[npt.NDArray[np.intp] | None],
    dtype: type[np.float64] | None = None,
) -> npt.NDArray[Any]:
    """Reduce the windows that begin at `starts` along each axis, the last up to the end; None leaves an axis alone."""
    for axis, begins in enumerate(starts):
        if begins is None:
            continue
        if axis == array.ndim - 1:
            array = ufunc.reduceat(array, begins, axis=axis, dtype=dtype)
        else:  # window by window, which is ten times as quick as reduceat where the cells of a window lie apart
            array = _fold_slices(ufunc, array, begins, axis, dtype)
    return array


def _fold_slices(
    ufunc: np.ufunc,
    array: npt.NDArray[Any],
    begins: npt.NDArray[np.intp],
    axis: int,
    dtype: type[np.float64] | None,
) -> npt.NDArray[Any]:
    shape = (*array.shape[:axis], len(begins), *array.shape[axis + 1 :])
    folded = np.empty(shape, array.dtype if dtype is None else dtype)
    cells, windows = np.moveaxis(array, axis, 0), np.moveaxis(folded, axis, 0)
    for n, (start, stop) in enumerate(itertools.pairwise([*begins.tolist(), array.shape[axis]])):
        ufunc.reduce(cells[start:stop], axis=0, dtype=dtype, out=windows[n])
    return folded


def larger(low: npt.NDArray[Any], high: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The one of larger magnitude, `high` of two equals; NaN where there is one."""
    with np.errstate(invalid="ignore"):
        return np.where(-low.astype(np.float64) > high, low, high)


def mean_of(total: npt.NDArray[Any], source: Sequence[int], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Sums of windows over an array of shape `source`, divided by their sizes; rounded where the dtype is whole."""
    total = total.astype(np.float64, copy=True)
    for axis, (size, length) in enumerate(zip(source, total.shape)):
        if length < size:
            cells = np.diff(np.append(window_starts(size, length), size))
            total /= cells.reshape([-1 if a == axis else 1 for a in range(total.ndim)])
    return np.rint(total).astype(dtype) if dtype.kind in "iu" else total.astype(dtype)


def finite_range(array: npt.NDArray[Any]) -> tuple[float, float] | None:
    """Smallest and largest finite number, or None."""
    if array.size == 0:
        return None
    low, high = float(array.min()), float(array.max())
    if math.isfinite(low) and math.isfinite(high):
        return low, high
    finite = array[np.isfinite(array)]
    return (float(finite.min()), float(finite.max())) if finite.size else None
