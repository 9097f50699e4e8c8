"""Gaussian noise, drawn so that the same seed gives the same noise whatever the chunks."""

from __future__ import annotations

import torch

from .errors import SettingError
from .structure import Tensors

Stdevs = float | tuple[float, ...]


def spread(stdevs: Stdevs, tensors: int) -> tuple[float, ...]:
    """One standard deviation for each tensor."""
    if isinstance(stdevs, (int, float)):
        return (float(stdevs),) * tensors
    if len(stdevs) != tensors:
        raise SettingError(
            f"stdevs={stdevs} has {len(stdevs)} entries for {tensors} inputs; pass one number, or one for each input"
        )
    return tuple(float(s) for s in stdevs)


def draw(like: Tensors, rows: int, stdevs: tuple[float, ...], generator: torch.Generator) -> Tensors:
    """Noise of `rows` rows for each tensor, row by row and tensor by tensor, on the CPU and then moved."""
    noise = tuple(torch.empty(rows, *t.shape[1:], dtype=t.dtype) for t in like)
    for row in range(rows):
        for out, stdev in zip(noise, stdevs, strict=True):
            out[row] = torch.randn(out.shape[1:], dtype=out.dtype, generator=generator) * stdev
    return tuple(e.to(t.device) for e, t in zip(noise, like, strict=True))
