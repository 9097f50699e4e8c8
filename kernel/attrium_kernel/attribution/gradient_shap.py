"""GradientShap: expected gradients over a distribution of baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from . import noise
from .case import Case
from .evaluate import Chunk, Plan
from .integrated_gradients import sum_features
from .method import Explained, Method
from .settings import setting
from .structure import Tensors, accumulator_dtype, column, rows_of, take


@dataclass(frozen=True)
class GradientShap(Method):
    """Gradients at random points between the (noisy) input and random baselines, times their difference, averaged.

    An unbiased estimate of SHAP values where features are independent and the model is close to linear.
    Draws `alphas (n_samples, n)`, then baseline numbers `(n_samples, n)`, then noise, sample by sample.

    Shapes: `(n, *features)` -> the same. Units: those of the target (per unit of input without `multiply_by_inputs`).
    Source: Lundberg and Lee 2017; Erion et al. 2021, equation 4 (expected gradients).
    """

    label: ClassVar[str] = "Gradient SHAP"
    draws: ClassVar[bool] = True
    n_samples: int = setting(5, low=1, high=10_000, doc="Random points for each example.")
    stdevs: float | tuple[float, ...] = setting(
        0.0, low=0.0, doc="Standard deviation of noise on the input, in its units."
    )
    multiply_by_inputs: bool = setting(True, doc="Times input minus baseline; off gives the average gradient.")

    def explain(self, case: Case) -> Explained:
        """One forward and backward for each sample."""
        x, base = case.float_points(), case.distribution()
        stdevs = noise.spread(self.stdevs, len(x))
        alphas = torch.rand(self.n_samples, case.n, dtype=torch.float64, generator=case.run.generator).reshape(-1)
        choices = max(z.shape[0] for z in base)
        picks = torch.randint(choices, (self.n_samples, case.n), generator=case.run.generator).reshape(-1)
        examples = torch.arange(case.n).repeat(self.n_samples)
        pairs, which = torch.unique(torch.stack([examples, picks], 1), dim=0, return_inverse=True)
        complete = self.multiply_by_inputs and case.whole
        case.run.expect(len(examples) + case.n + (len(pairs) if complete else 0))
        totals = tuple(torch.zeros_like(p, dtype=accumulator_dtype(p.dtype)) for p in x)

        def points(a: int, b: int) -> tuple[Tensors, Tensors]:
            rows = examples[a:b]
            start = tuple(take(z, picks[a:b]) for z in base)
            end = rows_of(x, rows)
            if any(stdevs):
                end = tuple(
                    p + e for p, e in zip(end, noise.draw(x, len(rows), stdevs, case.run.generator), strict=True)
                )
            path = tuple(torch.lerp(z, p, column(alphas[a:b], p)) for z, p in zip(start, end, strict=True))
            return path, tuple(p - z for z, p in zip(start, end, strict=True))

        def reduce(chunk: Chunk) -> None:
            for total, grad, difference in zip(totals, chunk.grads, chunk.carry, strict=True):
                part = grad * difference if self.multiply_by_inputs else grad
                total.index_add_(0, chunk.examples.to(total.device), part.to(total.dtype) / self.n_samples)

        case.fold(Plan(examples, points, gradient=True), reduce)
        values = tuple(total.to(p.dtype) for total, p in zip(totals, x, strict=True))
        if not complete:
            return Explained(values)

        def gap() -> Tensor:
            base_scores = _scores_of_pairs(case, base, pairs)[which].reshape(-1, case.n).mean(0)
            return sum_features(values) - (case.scores() - base_scores)

        return Explained(values, gap)


def _scores_of_pairs(case: Case, base: Tensors, pairs: Tensor) -> Tensor:
    """`(pairs,)` scores of baselines in the place of examples, for each `(example, baseline)`."""
    found: list[Tensor] = []

    def points(a: int, b: int) -> Tensors:
        return rows_of(base, pairs[a:b, 1])

    case.fold(Plan(pairs[:, 0], points), lambda chunk: found.append(chunk.scores))
    return torch.cat(found)
