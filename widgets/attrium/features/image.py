"""Data sets of pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from attrium_kernel.arrays import Frame, fit_heat, make_frame, to_picture
from attrium_kernel.arrays.pictures import channels_last
from attrium_kernel.attribution import At, Method, PlaceError

from ..channel import Source
from ..errors import DataError
from ..places import device_of, last_convolution
from ..predictions import logits
from ..tensors import picture_scores
from .base import Case, Feature, Model

CARD_PIXELS = (256, 256)
"""Most pixels of a picture on a card, and of its heat map."""


class ImageFeature(Feature):
    """Pictures, attributed at the model's input, or by Grad-CAM at a layer.

    Args:
        images: uint8 `(n, h, w, 3)`, `(n, 3, h, w)`, `(n, h, w)`, floats in [0, 1], or a list of pictures.
        preprocess: one picture, as `images[i]` gives it, to the model's input `(c, h, w)` or `(1, c, h, w)`. By default
            a picture becomes floats in [0, 1], `(3, h, w)`; floats keep their values, and a tensor of them its shape.
        layer: where Grad-CAM looks; by default the convolution that is defined last.
        baselines: what the inputs are compared with, as for `Method.attribute`; by default zero.
        patch: side of the squares, in elements of the input, that feature ablation hides.
        mean, std: what floats were normalised with, to show them.
    """

    kind: ClassVar[str] = "image"

    def __init__(
        self,
        images: Any,
        *,
        preprocess: Callable[[Any], Tensor] | None = None,
        layer: nn.Module | str | At | None = None,
        baselines: Any = None,
        patch: int = 8,
        mean: Any = None,
        std: Any = None,
    ) -> None:
        if len(images) == 0:
            raise DataError("the data set is empty; pass at least one image")
        if patch < 1:
            raise DataError(f"patch={patch}; pass the side of the hidden squares, at least 1")
        self.images = images
        self._preprocess = preprocess
        self._layer = layer
        self._baselines = baselines
        self._patch = patch
        self._mean, self._std = mean, std

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, indices: Sequence[int], size: int) -> list[list[int]]:
        """Consecutive groups."""
        return [list(indices[start : start + size]) for start in range(0, len(indices), size)]

    def inputs(self, indices: Sequence[int]) -> Tensor:
        """The model's input for some pictures, `(n, c, h, w)`."""
        rows = [self._input(index) for index in indices]
        if len({row.shape for row in rows}) > 1:
            shapes = sorted({tuple(row.shape) for row in rows})
            raise DataError(f"the pictures become inputs of different shapes, {shapes}; resize them in preprocess")
        return torch.stack(rows)

    def _input(self, index: int) -> Tensor:
        image = self.images[index]
        if self._preprocess is not None:
            made = self._preprocess(image)
            if not isinstance(made, Tensor):
                raise DataError(f"preprocess returned a {type(made).__name__}; return the model's input as a tensor")
        elif isinstance(image, Tensor) and image.is_floating_point():
            made = image
        elif isinstance(image, np.ndarray) and image.dtype.kind == "f":
            made = torch.from_numpy(channels_last(image).astype(np.float32)).permute(2, 0, 1)
        else:
            made = torch.from_numpy(np.array(to_picture(image))).permute(2, 0, 1).float() / 255
        return made[0] if made.dim() == 4 and made.shape[0] == 1 else made

    def scores(self, model: Model, indices: Sequence[int]) -> Tensor:
        """The model's output."""
        return logits(model, self.inputs(indices).to(device_of(model)))

    def card(self, index: int) -> dict[str, Any]:
        """The picture."""
        picture = self._picture(index)
        return {"image": make_frame(picture, f"image/{index}", pixels=CARD_PIXELS, axes=(0, 1), pooling="mean")}

    def case(self, model: Model, method: Method, indices: Sequence[int]) -> Case:
        """At the inputs, or at the layer for a method that needs one."""
        inputs = self.inputs(indices).to(device_of(model))
        if method.needs_layer:
            return Case(inputs, {"at": self._place(model)})
        options: dict[str, Any] = {}
        if method.uses_baselines:
            options["baselines"] = self._baselines
        if method.uses_mask and inputs.dim() > 2:
            grid = patch_mask(inputs.shape[-2], inputs.shape[-1], self._patch)
            options["mask"] = grid.reshape(*[1] * (inputs.dim() - 2), *grid.shape)
        return Case(inputs, options)

    def heat(self, drawn: Tensor, index: int) -> Frame:
        """Pooled to the card."""
        return make_frame(drawn, f"heat/{index}", pixels=CARD_PIXELS)

    def picture(self, index: int) -> Source:
        """All its pixels."""
        return Source(self._picture(index), axes=(0, 1), pooling="mean")

    def scores_drawn(self, values: Tensor, index: int, method: Method) -> Tensor:
        """One score for each pixel, a smaller map spread over the picture."""
        heat = picture_scores(values, method)
        height, width, _ = self._picture(index).shape
        fits = heat.shape[0] <= height and heat.shape[1] <= width
        return fit_heat(heat, (height, width)) if fits else heat  # of a model that looks at more pixels than there are

    def _picture(self, index: int) -> npt.NDArray[np.uint8]:
        return to_picture(self.images[index], mean=self._mean, std=self._std)

    def needs(self, model: Model, cls: type[Method]) -> str | None:
        """The layer that Grad-CAM takes, by name."""
        if cls.needs_layer is not True:  # a property where an inner method decides
            return None
        place = self._layer or last_convolution(model)
        if place is None:
            return "feature maps: this model has no convolution, so pass layer= to Insights"
        return f"feature maps: those of layer {_name(place)}"

    def _place(self, model: Model) -> nn.Module | str | At:
        place = self._layer or last_convolution(model)
        if place is None:
            raise PlaceError("no convolution was found in the model; pass layer=, a layer of feature maps, to Insights")
        return place


def patch_mask(height: int, width: int, patch: int) -> Tensor:
    """Feature ids of a grid of squares, `(height, width)`; squares at the far edges may be smaller."""
    rows = torch.arange(height) // patch
    columns = torch.arange(width) // patch
    return rows[:, None] * (int(columns[-1]) + 1) + columns


def _name(place: nn.Module | str | At) -> str:
    place = place.module if isinstance(place, At) else place
    return place if isinstance(place, str) else type(place).__name__
