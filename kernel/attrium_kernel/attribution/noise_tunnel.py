"""Averaging any method over noisy copies of the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from . import noise
from .case import Case
from .method import Explained, Method
from .places import require_float
from .saliency import Saliency
from .settings import setting
from .structure import Tensors, accumulator_dtype


@dataclass(frozen=True)
class NoiseTunnel(Method):
    """Any method, averaged over noisy copies of the input.

    `smoothgrad` is the mean of the values, `smoothgrad_sq` the mean of their squares, `vargrad` their (biased)
    variance.
    Noise is drawn copy by copy, example by example.

    Shapes: those of the inner method. Units: those of the inner method (squared for smoothgrad_sq and vargrad).
    Source: Smilkov et al. 2017 (smoothgrad); Hooker et al. 2019, section 3 (smoothgrad_sq); Adebayo et al. 2018
    (vargrad).
    """

    label: ClassVar[str] = "Noise tunnel"
    draws: ClassVar[bool] = True
    method: Method = setting(Saliency(), doc="The method to average.")
    kind: Literal["smoothgrad", "smoothgrad_sq", "vargrad"] = setting(
        "smoothgrad", doc="Mean, mean square or variance."
    )
    n_samples: int = setting(5, low=1, high=10_000, doc="Noisy copies of each example.")
    stdevs: float | tuple[float, ...] = setting(
        0.1, low=0.0, doc="Standard deviation of the noise, in units of the input."
    )
    where: Literal["inputs", "place"] = setting("inputs", doc="Noise on the model's inputs, or on what is attributed.")

    @property
    def needs_gradient(self) -> bool:  # type: ignore[override]  # a class's constant, here a property
        """That of the inner method."""
        return self.method.needs_gradient

    @property
    def needs_layer(self) -> bool:  # type: ignore[override]  # as above
        """That of the inner method."""
        return self.method.needs_layer

    @property
    def uses_mask(self) -> bool:  # type: ignore[override]  # as above
        """That of the inner method."""
        return self.method.uses_mask

    @property
    def uses_baselines(self) -> bool:  # type: ignore[override]  # as above
        """That of the inner method."""
        return self.method.uses_baselines

    def explain(self, case: Case) -> Explained:
        """The inner method on every noisy copy."""
        case.run.expect(case.n)  # for the scores at the clean examples
        noised = case.forward.inputs if self.where == "inputs" else case.points()
        for tensor in noised:
            require_float(tensor, "noise goes onto the inputs (where='inputs'), and one")
        stdevs = noise.spread(self.stdevs, len(noised))
        moments = _Moments(case.n, centred=self.kind == "vargrad")
        copies = case.n * self.n_samples
        # a method that draws takes its numbers between those of the noise: whole samples keep their order fixed
        block = case.n if self.method.draws else _block_rows(case.run.budget, noised, copies)
        for start in range(0, copies, block):
            numbers = torch.arange(start, min(start + block, copies))
            rows = numbers % case.n
            case.run.share = copies / len(rows) if start == 0 else 0.0  # the first block announces all of them
            noisy = case.noisy(rows, noise.draw(noised, len(rows), stdevs, case.run.generator), self.where)
            moments.add(self.method.explain(noisy).values, numbers)
        case.run.share = 1.0
        return Explained(moments.result(self.kind, self.n_samples))


class _Moments:
    """Sums of values and of their squares, for each example.

    Centred sums are taken around each example's first copy: a large mean would drown a small variance.
    """

    def __init__(self, examples: int, centred: bool) -> None:
        self.examples = examples
        self.centred = centred
        self.dtypes: list[torch.dtype] = []
        self.centres: list[Tensor] = []
        self.sums: list[Tensor] = []
        self.squares: list[Tensor] = []

    def add(self, values: Tensors, copies: Tensor) -> None:
        """Add the values of these copies; copy `i` is of example `i % examples`."""
        wide = [v.to(accumulator_dtype(v.dtype)) for v in values]
        if not self.sums:
            self.dtypes = [v.dtype for v in values]
            self.sums = [torch.zeros_like(v[:1]).repeat(self.examples, *[1] * (v.dim() - 1)) for v in wide]
            self.squares = [torch.zeros_like(s) for s in self.sums]
            self.centres = [torch.zeros_like(s) for s in self.sums]
        for value, total, square, centre in zip(wide, self.sums, self.squares, self.centres, strict=True):
            rows = (copies % self.examples).to(value.device)
            if self.centred:
                first = copies < self.examples
                centre[copies[first]] = value[first]
                value = value - centre[rows]
            total.index_add_(0, rows, value)
            square.index_add_(0, rows, value**2)

    def result(self, kind: str, copies: int) -> Tensors:
        """The mean, mean square or variance over `copies`."""
        means = [s / copies for s in self.sums]
        squares = [q / copies for q in self.squares]
        if kind == "smoothgrad":
            found = means
        elif kind == "smoothgrad_sq":
            found = squares
        else:
            found = [(q - m**2).clamp_min(0) for q, m in zip(squares, means, strict=True)]
        return tuple(f.to(dtype) for f, dtype in zip(found, self.dtypes, strict=True))


def _block_rows(budget: int, noised: Tensors, copies: int) -> int:
    """Copies at once: noisy input, point, gradient and value of a block take at most half the budget."""
    bytes_per_copy = sum(t[0].numel() * t.element_size() for t in noised)
    return max(1, min(copies, budget // max(1, 8 * bytes_per_copy)))
