"""Attention patterns of all layers, one at a time, from a trace or from tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..errors import SiteError
from ..trace import Trace
from .places import architecture_of

Patterns = Trace | Tensor | Sequence[Tensor]


def each_pattern(source: Patterns, stack: str | None = None) -> Iterator[Tensor]:
    """`(batch, head, query, key)` in float32, layer by layer, so that only one need be in memory; blocks
    without attention are left out.

    Args:
        source: a trace, a tensor `(layer, batch, head, query, key)`, or one tensor for each layer.
        stack: of a trace: "", "encoder" or "decoder"; None is the one whose logits are read.
    """
    if not isinstance(source, Trace):
        for pattern in source:
            if pattern.dim() != 4:
                raise SiteError(
                    f"a pattern of shape {tuple(pattern.shape)}; pass (batch, head, query, key) for each layer"
                )
            yield pattern.float()
        return
    for block in architecture_of(source).stack(stack).blocks:
        if block.attention is not None:
            yield source[f"{block.name}.attn.pattern"].float()


def square(pattern: Tensor) -> Tensor:
    """The same, or an error for a pattern whose queries and keys are not the same positions."""
    if pattern.shape[-1] != pattern.shape[-2]:
        raise SiteError(
            f"a pattern of {pattern.shape[-2]} queries and {pattern.shape[-1]} keys: this follows attention from layer "
            "to layer, which needs the same positions on both sides (no cross-attention, no cached keys)"
        )
    return pattern


def fuse_heads(pattern: Tensor, how: str) -> Tensor:
    """`(batch, head, query, key)` -> `(batch, query, key)`, rows adding up to 1 (hidden rows stay 0)."""
    if how not in ("mean", "max", "min"):
        raise SiteError(f"heads={how!r}; pass 'mean', 'max' or 'min'")
    fused = pattern.mean(1) if how == "mean" else pattern.amax(1) if how == "max" else pattern.amin(1)
    return normalised(fused)


def normalised(rows: Tensor) -> Tensor:
    """Rows divided by their sum; rows of zeros stay."""
    total = rows.sum(-1, keepdim=True)
    return torch.where(total > 0, rows / total, 0.0)
