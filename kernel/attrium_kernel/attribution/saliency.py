"""Saliency: the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .case import Case
from .method import Explained, Method
from .settings import setting
from .structure import Tensors


def gradients(case: Case, combine: str) -> Tensors:
    """Gradients at the examples, `plain`, `absolute` or `times_input`; one forward and backward."""
    parts: list[Tensors] = []

    def one(point: Tensor, grad: Tensor) -> Tensor:
        if combine == "times_input":
            return point * grad
        return grad.abs() if combine == "absolute" else grad

    case.run.expect(case.n)
    case.each(
        lambda chunk: parts.append(tuple(one(p, g) for p, g in zip(chunk.points, chunk.grads, strict=True))),
        gradient=True,
    )
    return tuple(torch.cat(tensors) if len(tensors) > 1 else tensors[0] for tensors in zip(*parts, strict=True))


@dataclass(frozen=True)
class Saliency(Method):
    """The gradient of the target, by default its absolute value.

    Shapes: `(n, *features)` -> the same. Units: target per unit of input.
    Source: Simonyan, Vedaldi, Zisserman 2013, section 3.
    """

    label: ClassVar[str] = "Saliency"
    uses_baselines: ClassVar[bool] = False
    absolute: bool = setting(True, doc="Absolute value of the gradient; off keeps its sign.")

    def explain(self, case: Case) -> Explained:
        """One forward and backward."""
        return Explained(gradients(case, "absolute" if self.absolute else "plain"))
