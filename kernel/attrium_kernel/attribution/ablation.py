"""What ablation methods share: how far the target falls when a part of the input is hidden."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .case import Case
from .evaluate import Chunk, Plan
from .structure import Tensors


def drops(case: Case, changed: Tensor, hide: Callable[[Tensor, Tensor], Tensors]) -> Tensor:
    """`(n, parts)` score of the example minus score with the part hidden.

    Args:
        changed: `(n, parts)` whether hiding the part changes the example. Where it does not, the drop is exactly 0 and
            nothing is evaluated.
        hide: `(examples, parts) -> points` with one part hidden in each row.
    """
    pairs = changed.nonzero().cpu()
    case.run.expect(len(pairs) + case.n)
    full = case.scores()
    table = torch.zeros(changed.shape, dtype=full.dtype, device=full.device)

    def points(a: int, b: int) -> Tensors:
        return hide(pairs[a:b, 0], pairs[a:b, 1])

    def reduce(chunk: Chunk) -> None:
        rows, parts = pairs[chunk.start : chunk.stop].to(full.device).unbind(1)
        table[rows, parts] = full[rows] - chunk.scores

    case.fold(Plan(pairs[:, 0], points), reduce)
    return table


def values_dtype(points: Tensor, scores: Tensor) -> torch.dtype:
    """Values have the type of what is attributed, or of the scores where that is whole numbers."""
    return points.dtype if points.is_floating_point() else scores.dtype
