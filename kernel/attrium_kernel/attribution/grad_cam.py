"""Grad-CAM: where in a layer of feature maps the evidence is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .case import Case
from .errors import PlaceError, ShapeError
from .evaluate import Chunk
from .method import Explained, Method
from .settings import setting


@dataclass(frozen=True)
class GradCAM(Method):
    """The feature maps of a layer, weighted by the mean of their gradient and summed over channels.

    Needs `at=`, a layer with channels and at least one spatial axis. One forward; the backward stops at the layer.

    Shapes: layer `(n, channels, *space)` -> `(n, 1, *space)`. Units: those of the target.
    Raises: `PlaceError` without `at`; `ShapeError` if the layer has no spatial axes.
    Source: Selvaraju et al. 2017, equations 1 and 2.
    """

    label: ClassVar[str] = "Grad-CAM"
    needs_layer: ClassVar[bool] = True
    uses_baselines: ClassVar[bool] = False
    relu: bool = setting(
        True, doc="Keep only evidence for the target, as in the paper; off shows evidence against it too."
    )

    def explain(self, case: Case) -> Explained:
        """One forward; the backward goes from the target to the layer."""
        if case.forward.place is None:
            raise PlaceError("GradCAM explains by a layer of feature maps; pass at=, usually the last convolution")
        maps: list[Tensor] = []

        def reduce(chunk: Chunk) -> None:
            (activation,), (grad,) = chunk.points, chunk.grads
            if activation.dim() < 3:
                raise ShapeError(
                    f"GradCAM at {case.layout.names[0]}: shape {tuple(activation.shape)} has no spatial axes; "
                    "pass a layer whose output is (examples, channels, height, width)"
                )
            weights = grad.mean(dim=tuple(range(2, grad.dim())), keepdim=True)
            maps.append((weights * activation).sum(1, keepdim=True))

        case.run.expect(case.n)
        case.each(reduce, gradient=True)
        found = torch.cat(maps)
        return Explained((found.relu() if self.relu else found,))
