"""Attention followed through the layers: rollout (products) and maximum flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from attrium_kernel.running import Cancelled

from ..errors import SiteError
from .patterns import Patterns, each_pattern, fuse_heads, square
from .places import Positions, chosen_positions

Fusion = Literal["mean", "max", "min"]
UNITS = 2**30
"""Capacity 1 in the whole numbers that scipy's maximum flow takes (int32)."""


@dataclass(frozen=True)
class AttentionFlow:
    """Maximum flow from queries at the top to the input.

    Args:
        flow: `(batch, query, position)`, float64: the most attention that can flow from a query of the last layer to an
            input position, for the queries chosen. A row need not add up to 1: each pair has all capacity to itself.
        queries: which.
        error: capacities are rounded to whole numbers, and `flow` is within `error` of that of the exact ones.
    """

    flow: Tensor
    queries: tuple[int, ...]
    error: float


def attention_rollout(
    patterns: Patterns, *, residual: float = 0.5, heads: Fusion = "mean", stack: str | None = None
) -> Tensor:
    """How much of each input position is in each position after each layer, if attention were all there is.

    Every layer passes on `residual` of a position itself and `1 - residual` of what its heads attend to; layers are
    multiplied. Rows add up to 1. MLPs, values and norms count for nothing here.

    Args:
        patterns: a trace, or `(layer, batch, head, query, key)`.
        residual: share of the residual connection, 0 to 1.
        heads: how the heads of a layer become one pattern; the minimum and maximum are divided by their row sums.
        stack: of a trace; None is the one whose logits are read.

    Returns:
        `(layer, batch, position, input position)`, float32.

    Source: Abnar and Zuidema 2020, "Quantifying attention flow in transformers", equation 1 and section 3.
    """
    rolled: list[Tensor] = []
    for step in _layers(patterns, residual, heads, stack):
        rolled.append(step if not rolled else step @ rolled[-1])
    return torch.stack(rolled)


def attention_flow(
    patterns: Patterns,
    *,
    queries: Positions = None,
    residual: float = 0.5,
    heads: Fusion = "mean",
    stack: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> AttentionFlow:
    """The maximum flow through the attention graph, for every pair of a query at the top and an input position.

    Nodes are (layer, position); the edge from a query to a key one layer below has the same weight as in
    `attention_rollout` as its capacity. One flow problem for each pair: meant for short texts; all pairs
    of 32 tokens in 12 layers take a fraction of a second, and the time for a pair grows with the square of the length.

    Args:
        patterns: a trace, or `(layer, batch, head, query, key)`.
        queries: positions at the top; None is all.
        residual, heads, stack: as for `attention_rollout`.
        progress: called as `progress(done, total)` in pairs.
        cancel: asked before every pair; True raises `Cancelled`.

    Raises:
        Cancelled: when `cancel` said so.

    Source: Abnar and Zuidema 2020, section 3.
    """
    layers = torch.stack(list(_layers(patterns, residual, heads, stack))).double().cpu().numpy()
    _, batch, n, _ = layers.shape
    chosen = chosen_positions(queries, n)
    flow = torch.zeros(batch, len(chosen), n, dtype=torch.float64)
    for b in range(batch):
        for i, query in enumerate(chosen):
            for key in range(n):
                if cancel is not None and cancel():
                    raise Cancelled
                flow[b, i, key] = _maximum_flow(layers[:, b], query, key)
                if progress is not None:
                    progress((b * len(chosen) + i) * n + key + 1, batch * len(chosen) * n)
    # a cut can be chosen among the edges of one layer or any others, at most all of them, each half a unit off
    edges = max(int((layers[:, b] > 0).sum()) for b in range(batch))
    return AttentionFlow(flow, tuple(chosen), edges * 0.5 / UNITS)


def _layers(patterns: Patterns, residual: float, heads: Fusion, stack: str | None) -> Any:
    """`(batch, query, key)` of each layer with its residual connection."""
    if not 0 <= residual <= 1:
        raise SiteError(f"residual={residual}; pass a share between 0 and 1")
    for pattern in each_pattern(patterns, stack):
        fused = fuse_heads(square(pattern), heads)
        empty = fused.sum(-1, keepdim=True) == 0  # a row that attends to nothing (padding) keeps itself
        here = torch.eye(fused.shape[-1], device=fused.device)
        yield torch.where(empty, here, residual * here + (1 - residual) * fused)


def _maximum_flow(layers: np.ndarray[Any, Any], query: int, key: int) -> float:
    """From (top, query) to (bottom, key); `layers` is `(layer, query, key)`, bottom first."""
    # scipy comes with scikit-learn; it ships no types
    from scipy.sparse import csr_array  # type: ignore[import-untyped]
    from scipy.sparse.csgraph import maximum_flow  # type: ignore[import-untyped]

    low, high = _span(layers, query, key)
    if low > high:
        return 0.0
    part = np.rint(layers[:, low : high + 1, low : high + 1] * UNITS).astype(np.int32)
    depth, n = part.shape[:2]
    layer, q, k = np.nonzero(part)
    graph = csr_array(
        (part[layer, q, k], ((layer + 1) * n + q, layer * n + k)), shape=((depth + 1) * n, (depth + 1) * n)
    )
    return float(maximum_flow(graph, depth * n + query - low, key - low).flow_value) / UNITS


def _span(layers: np.ndarray[Any, Any], query: int, key: int) -> tuple[int, int]:
    """Positions that a path from query to key can visit: with causal patterns only those between them."""
    causal = not np.triu(layers, 1).any()
    return (key, query) if causal else (0, layers.shape[1] - 1)
