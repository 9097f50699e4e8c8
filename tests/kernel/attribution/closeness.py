"""How near two attributions must be: relative to the largest value, per tensor."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}

Nested = Tensor | tuple[Tensor, ...] | Mapping[str, Tensor]


def tensors(nested: Nested) -> list[Tensor]:
    """The tensors of a tensor, a tuple or a dict, in order."""
    if isinstance(nested, Tensor):
        return [nested]
    return list(nested.values()) if isinstance(nested, Mapping) else list(nested)


def distance(ours: Tensor, theirs: Tensor) -> float:
    """Largest absolute difference as a share of the largest absolute value of `theirs`."""
    assert ours.shape == theirs.shape, f"shapes {tuple(ours.shape)} and {tuple(theirs.shape)}"
    scale = theirs.detach().abs().max().double()
    assert scale > 0, "the reference is zero everywhere: this comparison could not fail"
    return float((ours.double() - theirs.detach().double()).abs().max() / scale)


def assert_close(ours: Nested, theirs: Nested, tolerance: float | torch.dtype) -> None:
    """Each tensor within `tolerance` (a dtype names the project's own bound), with the same dtype and no graph."""
    bound = TOLERANCE[tolerance] if isinstance(tolerance, torch.dtype) else tolerance
    ours_list, theirs_list = tensors(ours), tensors(theirs)
    assert len(ours_list) == len(theirs_list)
    for mine, other in zip(ours_list, theirs_list, strict=True):
        assert not mine.requires_grad
        assert mine.dtype == other.dtype
        found = distance(mine, other)
        assert found <= bound, f"relative difference {found:.3g}, allowed {bound:.3g}"
