"""Pooling: a window of cells becomes one, and no NaN or infinity is lost on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Pooling = Literal["mean", "absmax", "max"]


def window_starts(size: int, length: int) -> npt.NDArray[np.intp]:
    """Where `length` windows over `size` cells begin: `floor(i * size / length)`. Widths differ by one at most."""
    return np.arange(length) * size // length


def pool(array: npt.NDArray[Any], shape: Sequence[int], kind: Pooling) -> npt.NDArray[Any]:
    """Fold an array into a smaller shape, window by window (`window_starts` along each axis).

    A window that holds a NaN gives NaN; infinities count as the numbers they are. `absmax` gives the value of largest
    magnitude with its sign, the positive one of two equals. A mean of integers is rounded.

    Shapes: `array.shape` -> `shape`, no axis longer than before and none empty; same dtype.
    """
    if kind == "mean":
        return _mean(array, shape)
    high = _reduce(np.maximum, array, shape)
    if kind == "max":
        return high
    low = _reduce(np.minimum, array, shape)
    with np.errstate(invalid="ignore"):
        return np.where(-low.astype(np.float64) > high, low, high)


def _mean(array: npt.NDArray[Any], shape: Sequence[int]) -> npt.NDArray[Any]:
    with np.errstate(invalid="ignore"):  # infinities of both signs make a NaN
        total = _reduce(np.add, array, shape, dtype=np.float64).astype(np.float64, copy=False)
    for axis, (size, length) in enumerate(zip(array.shape, shape)):
        if length < size:
            cells = np.diff(np.append(window_starts(size, length), size))
            total /= cells.reshape([-1 if a == axis else 1 for a in range(array.ndim)])
    return np.rint(total).astype(array.dtype) if array.dtype.kind in "iu" else total.astype(array.dtype)


def _reduce(
    ufunc: np.ufunc, array: npt.NDArray[Any], shape: Sequence[int], dtype: type[np.float64] | None = None
) -> npt.NDArray[Any]:
    for axis, length in enumerate(shape):
        if length < array.shape[axis]:
            starts = window_starts(array.shape[axis], length)
            array = ufunc.reduceat(array, starts, axis=axis, dtype=dtype)
    return array
