"""Feature ablation: hide one feature at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .ablation import drops, values_dtype
from .case import Case
from .masks import Features
from .method import Explained, Method
from .structure import Tensors, column, take


@dataclass(frozen=True)
class FeatureAblation(Method):
    """How far the target falls when a feature is replaced by its baseline; `mask` says which elements are a feature.

    Each element of a feature carries the feature's whole score. No gradient is needed.

    Shapes: `(n, *features)` -> the same. Units: those of the target.
    Source: Zeiler and Fergus 2014, section 4.2, with free features.
    """

    label: ClassVar[str] = "Feature ablation"
    needs_gradient: ClassVar[bool] = False
    uses_mask: ClassVar[bool] = True

    def explain(self, case: Case) -> Explained:
        """One forward for each feature that differs from its baseline, and one for the example."""
        x, base, features = case.points(), case.baselines(), case.features()

        def hide(examples: Tensor, parts: Tensor) -> Tensors:
            return tuple(
                torch.where(take(ids, examples) == column(parts, ids), take(z, examples), take(p, examples))
                for p, z, ids in zip(x, base, features.ids, strict=True)
            )

        table = drops(case, _changed(x, base, features), hide)
        return Explained(tuple(_spread(table, ids, p) for p, ids in zip(x, features.ids, strict=True)))


def _changed(x: Tensors, base: Tensors, features: Features) -> Tensor:
    """`(n, features)` whether a feature differs from its baseline anywhere."""
    found = torch.zeros(x[0].shape[0], features.count, dtype=torch.int32, device=x[0].device)
    for p, z, ids in zip(x, base, features.ids, strict=True):
        rows = len(p)
        found.scatter_reduce_(1, ids.expand_as(p).reshape(rows, -1), (p != z).reshape(rows, -1).int(), "amax")
    return found.bool()


def _spread(table: Tensor, ids: Tensor, like: Tensor) -> Tensor:
    """Each element gets the drop of its feature."""
    values = table.gather(1, ids.expand_as(like).reshape(len(like), -1)).reshape(like.shape)
    return values.to(values_dtype(like, table))
