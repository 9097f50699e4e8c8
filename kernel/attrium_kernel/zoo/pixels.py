"""From stored pictures to what the models take."""

from __future__ import annotations

import torch
from numpy import uint8
from numpy.typing import NDArray
from torch import Tensor

SCENE_MEAN, SCENE_STD = 0.5, 0.25


def scene_pixels(images: NDArray[uint8]) -> Tensor:
    """Scenes `(n, 64, 64, 3)` or one `(64, 64, 3)`, uint8, to float32 `(n, 3, 64, 64)`: (value / 255 - 0.5) / 0.25."""
    values = torch.from_numpy(_batch(images, axes=3, form="(64, 64, 3)")).permute(0, 3, 1, 2)
    return (values.float() / 255 - SCENE_MEAN) / SCENE_STD


def digit_pixels(images: NDArray[uint8]) -> Tensor:
    """Digits `(n, 8, 8)` or one `(8, 8)`, uint8, to ink in [0, 1], float32 `(n, 1, 8, 8)`."""
    return torch.from_numpy(_batch(images, axes=2, form="(8, 8)"))[:, None].float() / 255


def _batch(images: NDArray[uint8], axes: int, form: str) -> NDArray[uint8]:
    if images.dtype != uint8 or images.ndim not in (axes, axes + 1):
        raise ValueError(
            f"got pictures of shape {images.shape} and dtype {images.dtype}, expected dtype uint8 and"
            f" shape {form} or (n, {form[1:]}"
        )
    return (images if images.ndim == axes + 1 else images[None]).copy()
