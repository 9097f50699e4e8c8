"""Heat maps: attributions of any layer as one number for each pixel of a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .errors import PictureError
from .source import to_numpy


def sum_channels(values: Any) -> Tensor:
    """Attributions of one picture as `(height, width)`, channels summed.

    Args:
        values: `(height, width)`, `(channels, height, width)` or `(1, channels, height, width)`, real numbers.

    Shapes: float64 stays, all else becomes float32.
    Raises: `PictureError` for another shape.
    """
    array = to_numpy(values)
    tensor = torch.as_tensor(array, dtype=torch.float64 if array.dtype == np.float64 else torch.float32)
    if tensor.dim() == 4 and tensor.shape[0] == 1:
        tensor = tensor[0]
    if tensor.dim() not in (2, 3) or tensor.numel() == 0:
        raise PictureError(
            f"the values have shape {tuple(array.shape)}; expected (height, width), (channels, height, width) or "
            "(1, channels, height, width): pick one example with values[i]"
        )
    return tensor.sum(0) if tensor.dim() == 3 else tensor


def fit_heat(heat: Tensor, size: tuple[int, int]) -> Tensor:
    """A map `(h, w)` on the pixels of a picture `(height, width)`: as it is, or spread by bilinear interpolation.

    Interpolation takes cells as areas (`align_corners=False`), as the map of a convolution covers its picture.

    Raises: `PictureError` if the map is larger than the picture.
    """
    shape = (heat.shape[0], heat.shape[1])
    if shape == size:
        return heat
    if shape[0] > size[0] or shape[1] > size[1]:
        raise PictureError(
            f"the values are {shape[0]} x {shape[1]} but the image {size[0]} x {size[1]} (height x width); "
            "pass the image at the model's input size"
        )
    return functional.interpolate(heat[None, None], size=size, mode="bilinear", align_corners=False)[0, 0]
