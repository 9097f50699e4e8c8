"""Integrated gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from .case import Case
from .errors import SettingError
from .evaluate import Chunk, Plan
from .method import Explained, Method
from .settings import setting
from .structure import Tensors, accumulator_dtype, column, take

Rule = Literal["gausslegendre", "riemann_left", "riemann_middle", "riemann_right", "riemann_trapezoid"]


def quadrature(rule: Rule, n_steps: int) -> tuple[Tensor, Tensor]:
    """Nodes in [0, 1] and weights that sum to 1, both `(n_steps,)` in float64."""
    n = n_steps
    if rule == "gausslegendre":
        on_unit, halved = np.polynomial.legendre.leggauss(n)  # on [-1, 1]
        return torch.from_numpy((on_unit + 1) / 2), torch.from_numpy(halved / 2)
    if rule == "riemann_trapezoid":
        if n < 2:
            raise SettingError(
                f"IntegratedGradients(n_steps={n}, rule='riemann_trapezoid'): the trapezoid needs n_steps >= 2"
            )
        weights = torch.full((n,), 1 / (n - 1), dtype=torch.float64)
        weights[[0, -1]] /= 2
        return torch.linspace(0, 1, n, dtype=torch.float64), weights
    offset = {"riemann_left": 0.0, "riemann_middle": 0.5, "riemann_right": 1.0}[rule]
    return (torch.arange(n, dtype=torch.float64) + offset) / n, torch.full((n,), 1 / n, dtype=torch.float64)


@dataclass(frozen=True)
class IntegratedGradients(Method):
    """The gradient averaged over the straight path from the baseline to the input, times their difference.

    Values add up to the difference of the target between input and baseline; the `gap` says how nearly.

    Shapes: `(n, *features)` -> the same. Units: those of the target (per unit of input without `multiply_by_inputs`).
    Source: Sundararajan, Taly, Yan 2017, equation 1.
    """

    label: ClassVar[str] = "Integrated gradients"
    n_steps: int = setting(50, low=1, high=10_000, doc="Points on the path; more lower the completeness gap.")
    rule: Rule = setting("gausslegendre", doc="How the integral is approximated.")
    multiply_by_inputs: bool = setting(True, doc="Times input minus baseline; off gives the average gradient.")

    def explain(self, case: Case) -> Explained:
        """One forward and backward for each step, and two forwards for the gap."""
        nodes, weights = quadrature(self.rule, self.n_steps)
        complete = self.multiply_by_inputs and case.whole
        case.run.expect(case.n * (self.n_steps + (2 if complete else 1)))
        x, base = case.float_points(), case.baselines()
        examples = torch.arange(case.n).repeat_interleave(self.n_steps)
        totals = tuple(torch.zeros_like(p, dtype=accumulator_dtype(p.dtype)) for p in x)

        def steps(a: int, b: int) -> Tensor:
            return torch.arange(a, b) % self.n_steps

        def points(a: int, b: int) -> Tensors:
            rows = examples[a:b]
            return tuple(
                torch.lerp(take(z, rows), take(p, rows), column(nodes[steps(a, b)], p))
                for p, z in zip(x, base, strict=True)
            )

        def reduce(chunk: Chunk) -> None:
            w = weights[steps(chunk.start, chunk.stop)]
            for total, grad in zip(totals, chunk.grads, strict=True):
                total.index_add_(0, chunk.examples.to(total.device), grad.to(total.dtype) * column(w, total))

        case.fold(Plan(examples, points, gradient=True), reduce)
        if self.multiply_by_inputs:
            for total, p, z in zip(totals, x, base, strict=True):
                total.mul_(p - z)
        values = tuple(total.to(p.dtype) for total, p in zip(totals, x, strict=True))

        def gap() -> Tensor:
            score, base_score = case.ends()
            return sum_features(values) - (score - base_score)

        return Explained(values, gap if complete else None)


def sum_features(values: Tensors) -> Tensor:
    """`(n,)` the sum of all values of each example; of half-precision values in float32."""
    return torch.stack([v.reshape(len(v), -1).sum(1, dtype=accumulator_dtype(v.dtype)) for v in values]).sum(0)
