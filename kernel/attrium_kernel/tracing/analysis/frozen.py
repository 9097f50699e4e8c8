"""A norm whose measured scale is held fixed is an affine map; here it is found, applied, and applied backwards."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attrium_kernel.running import untouched

from ..errors import SiteError


@dataclass(frozen=True)
class NormParts:
    """What a norm does apart from dividing by its scale: `out = weight * centred(x) / scale + bias`.

    Args:
        weight: `(d_model,)`, or None for ones.
        bias: `(d_model,)`, or None for zeros.
        centred: the mean over features is subtracted first (LayerNorm, not RMSNorm).
    """

    weight: Tensor | None = None
    bias: Tensor | None = None
    centred: bool = False

    def to(self, device: torch.device) -> NormParts:
        """The same on another device."""
        weight = None if self.weight is None else self.weight.to(device)
        return NormParts(weight, None if self.bias is None else self.bias.to(device), self.centred)

    def times(self, factor: float) -> NormParts:
        """With a multiplier after it: the scale is measured with it, the bias is not."""
        return self if self.bias is None else NormParts(self.weight, self.bias * factor, self.centred)

    def linear(self, x: Tensor) -> Tensor:
        """`(..., d_model)` -> the same: all of it but the scale and the bias."""
        if self.centred:
            x = x - x.mean(-1, keepdim=True)
        return x if self.weight is None else x * self.weight

    def back(self, direction: Tensor) -> Tensor:
        """The transpose: `x` times the result is what `linear` of x times the direction is."""
        if self.weight is not None:
            direction = direction * self.weight
        return direction - direction.mean(-1, keepdim=True) if self.centred else direction


@dataclass(frozen=True)
class FrozenNorm:
    """The affine map that a norm was on one trace.

    Args:
        parts: weight, bias and centring.
        inverse_scale: `(batch, position)` or any leading shape: 1 / scale as measured there.
    """

    parts: NormParts
    inverse_scale: Tensor

    def back(self, direction: Tensor) -> Tensor:
        """Directions after the norm, as directions before it.

        Args:
            direction: `(*leading, ..., d_model)`, the leading axes being those of `inverse_scale`.
        """
        scale = self.inverse_scale
        return self.parts.back(direction) * scale.reshape(*scale.shape, *[1] * (direction.dim() - scale.dim()))

    def constant(self, direction: Tensor) -> Tensor:
        """`(...)` what the norm's bias adds along a direction after the norm."""
        bias = self.parts.bias
        return torch.zeros_like(direction[..., 0]) if bias is None else direction @ bias


def norm_parts(module: nn.Module, d_model: int) -> NormParts:
    """Weight, bias and centring of a norm, found among its parameters by what it does to random vectors.

    Norms differ in the names of their parameters and in whether `weight` stands for itself or for `1 + weight`
    (Gemma). Every reading of its parameters is tried, and the one that the module agrees with is taken.

    Raises: `SiteError` if none explains the module.
    """
    found = [p.detach() for p in (*module.parameters(), *module.buffers()) if p.numel() == d_model]
    like = found[0] if found else torch.empty(0)
    generator = torch.Generator().manual_seed(0)
    # far from zero mean, so that centring shows, and large, so that an epsilon does not
    x = (30 * torch.randn(6, d_model, generator=generator) + 40).to(like.device, like.dtype)
    with torch.no_grad(), untouched(module, False):
        out = module(x)
    vectors = [v.reshape(-1).float() for v in found]
    weights = [None, *vectors, *(1 + v for v in vectors)]
    readings = [
        NormParts(w, b, centred) for w, b, centred in itertools.product(weights, [None, *vectors], (False, True))
    ]
    errors = [freeze(parts, x.float(), out.float())[1] for parts in readings]
    best = min(range(len(readings)), key=errors.__getitem__)
    if errors[best] > tolerance(out.dtype):
        raise SiteError(
            f"{type(module).__name__} is no LayerNorm or RMSNorm: with its scale held fixed it is not weight * x + "
            f"bias for any of its parameters (best error {errors[best]:.1e}), so what goes through it cannot be split"
        )
    return readings[best]


def freeze(parts: NormParts, before: Tensor, after: Tensor) -> tuple[FrozenNorm, float]:
    """Measure a norm's scale from what went in and came out, `(..., d_model)` both.

    The scale is the least-squares one, so no epsilon need be known, and a constant factor after the norm is part of it.

    Returns:
        The map, and the largest error relative to the largest output.
    """
    unscaled = parts.linear(before)
    rest = after if parts.bias is None else after - parts.bias
    inverse = (unscaled * rest).sum(-1) / unscaled.square().sum(-1).clamp(min=torch.finfo(before.dtype).tiny)
    error = (rest - unscaled * inverse[..., None]).abs().amax() / after.abs().amax().clamp(min=1e-30)
    return FrozenNorm(parts, inverse.detach()), float(error.detach())


def tolerance(dtype: torch.dtype) -> float:
    """Largest relative error that rounding explains for a model of this dtype."""
    return max(1e-4, 8 * torch.finfo(dtype).eps)
