"""Feature masks: which elements of the inputs are hidden together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import ShapeError
from .structure import Layout, Tensors, match


@dataclass(frozen=True)
class Features:
    """Ids 0 to count - 1 for every element.

    Args:
        ids: one tensor for each input, `(1 or examples, ...)`, broadcastable to it.
        count: number of features, over all inputs.
    """

    ids: Tensors
    count: int


def resolve(mask: Any, layout: Layout, inputs: Tensors) -> Features:
    """A mask as the user gives it (integers broadcastable to each input, an id shared by inputs is one feature).

    None makes every element a feature of its own.
    """
    if mask is None:
        ids, start = [], 0
        for tensor in inputs:
            size = tensor[0].numel()
            ids.append(torch.arange(start, start + size, device=tensor.device).reshape(1, *tensor.shape[1:]))
            start += size
        return Features(tuple(ids), start)
    given = match(mask, layout, "mask")
    parts = [_check(part, tensor, name) for part, tensor, name in zip(given, inputs, layout.names, strict=True)]
    found = torch.unique(torch.cat([p.reshape(-1) for p in parts]))
    return Features(tuple(torch.searchsorted(found, p) for p in parts), len(found))


def _check(mask: Any, tensor: Tensor, name: str) -> Tensor:
    if not isinstance(mask, Tensor):
        raise ShapeError(f"the mask for {name} is a {type(mask).__name__}; pass a tensor of whole numbers")
    if mask.is_floating_point() or mask.is_complex():
        raise ShapeError(
            f"the mask for {name} has dtype {mask.dtype}; feature ids must be whole numbers: pass mask.long()"
        )
    shape = tuple(tensor.shape)
    try:
        fits = tuple(np.broadcast_shapes(mask.shape, shape)) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            f"the mask for {name} has shape {tuple(mask.shape)}, which does not broadcast to {shape}; "
            f"pass (1, {', '.join(map(str, shape[1:]))})"
        )
    ids: Tensor = mask.to(tensor.device).long()
    return ids.reshape(*[1] * (tensor.dim() - ids.dim()), *ids.shape)
