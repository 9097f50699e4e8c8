"""Pictures: whatever people call an image, as uint8 `(height, width, 3)`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import PictureError
from .pooling import finite_range
from .source import to_numpy

ROUNDING = 1e-3
"""How far floats may lie outside [0, 1] before the picture counts as normalised."""


def to_picture(
    image: Any, *, mean: float | Sequence[float] | None = None, std: float | Sequence[float] | None = None
) -> npt.NDArray[np.uint8]:
    """An image as uint8 `(height, width, 3)`; no copy where it is that already.

    Args:
        image: PIL image, torch tensor or array: `(h, w, 3)`, `(3, h, w)`, `(h, w)` or `(1, h, w)`, with or without an
            alpha channel (dropped) and a leading batch axis of 1; uint8, or floats in [0, 1].
        mean, std: what the picture was normalised with, `(image - mean) / std`, one number or one for each channel.

    Raises:
        PictureError: for another shape, values out of range or NaN.
    """
    if hasattr(image, "convert"):  # PIL
        image = np.asarray(image.convert("RGB"))
    array = channels_last(to_numpy(image))
    if array.dtype.kind == "f" or mean is not None or std is not None:
        return _from_floats(array, mean, std)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    span = finite_range(array)
    if span is not None and not (span[0] >= 0 and span[1] <= 255):
        raise PictureError(f"the image has whole numbers from {span[0]:g} to {span[1]:g}; expected 0 to 255")
    return array.astype(np.uint8, copy=False)


def channels_last(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`(height, width, 3)` from any of the accepted shapes; grey is repeated, alpha dropped."""
    shape = array.shape
    while array.ndim > 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim == 3 and _channels_lead(array.shape):
        array = array.transpose(1, 2, 0)
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        raise PictureError(
            f"the image has shape {shape}; expected (height, width, 3), (3, height, width) or (height, width): "
            "pick one picture of a batch with images[i]"
        )
    return np.broadcast_to(array, (*array.shape[:2], 3)) if array.shape[2] == 1 else array[:, :, :3]


def _channels_lead(shape: tuple[int, ...]) -> bool:
    """Whether the first axis holds the channels; where both ends could, three at the end win."""
    return shape[0] in (1, 3, 4) and shape[2] != 3 and (shape[2] != 1 or (shape[0] == 1 and shape[1] != 1))


def _from_floats(
    array: npt.NDArray[Any], mean: float | Sequence[float] | None, std: float | Sequence[float] | None
) -> npt.NDArray[np.uint8]:
    values = array.astype(np.float64)
    if std is not None:
        values = values * _per_channel(std, "std")
    if mean is not None:
        values = values + _per_channel(mean, "mean")
    if not np.isfinite(values).all():
        raise PictureError("the image holds NaN or infinity; pass finite values, for example image.nan_to_num()")
    low, high = float(values.min()), float(values.max())
    if low < -ROUNDING or high > 1 + ROUNDING:
        given = mean is not None or std is not None
        cure = "pass the mean= and std= it was normalised with, divide it by 255, or give uint8"
        cure = "check mean= and std=" if given else cure
        raise PictureError(f"the image has floats from {low:.3g} to {high:.3g}; expected 0 to 1: {cure}")
    picture: npt.NDArray[np.uint8] = np.rint(values.clip(0, 1) * 255).astype(np.uint8)
    return picture


def _per_channel(numbers: Any, name: str) -> npt.NDArray[np.float64]:
    found = np.asarray(to_numpy(numbers), np.float64).reshape(-1)
    if found.size not in (1, 3):
        raise PictureError(f"{name} has {found.size} numbers; pass one, or one for each of 3 channels")
    return found
