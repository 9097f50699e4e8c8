"""The result of an attribution: values, what they explain, and how they came about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from torch import Tensor

from .structure import Structured

if TYPE_CHECKING:
    from .method import Method


@dataclass(frozen=True)
class Timing:
    """What it cost.

    Args:
        seconds: wall-clock time.
        rows: examples pushed through the model, forwards with and without backward.
        calls: calls of the model.
        chunk: the most rows in one call.
    """

    seconds: float
    rows: int
    calls: int
    chunk: int


@dataclass(frozen=True, eq=False)
class Attribution:
    """How much each part of the inputs (or of a layer) contributed to the target.

    Args:
        values: structured like the inputs, `(examples, *features)`; one tensor when attributed at a layer. Detached.
        scores: `(examples,)` the explained number at the inputs.
        gap: `(examples,)` sum of the values minus (score at the inputs minus score at the baselines); 0 means complete.
            None where the method promises no completeness.
        method: the method with its settings.
        target: as given.
        baselines: the tensors that were used, or None where the method uses none.
        at: name of the layer, or None for the inputs.
        timing: what it cost.
    """

    values: Structured
    scores: Tensor
    gap: Tensor | None
    method: Method
    target: Any
    baselines: Structured | None
    at: str | None
    timing: Timing

    def cpu(self) -> Attribution:
        """The same attribution with all its tensors on the CPU."""

        def move(tensor: Tensor) -> Tensor:
            return tensor.cpu()

        return replace(
            self,
            values=_apply(move, self.values),
            scores=self.scores.cpu(),
            gap=None if self.gap is None else self.gap.cpu(),
            baselines=None if self.baselines is None else _apply(move, self.baselines),
        )

    def __repr__(self) -> str:
        gap = "" if self.gap is None else f", gap={self.gap.abs().max().item():.3g}"
        place = "" if self.at is None else f", at={self.at!r}"
        return (
            f"Attribution({self.method!r}, target={self.target!r}{place}, values={_shapes(self.values)}{gap}, "
            f"{self.timing.rows} rows in {self.timing.seconds:.2f} s)"
        )


def _apply(fn: Callable[[Tensor], Tensor], value: Structured) -> Structured:
    if isinstance(value, Tensor):
        return fn(value)
    if isinstance(value, dict):
        return {name: fn(tensor) for name, tensor in value.items()}
    return tuple(fn(tensor) for tensor in value)


def _shapes(value: Structured) -> str:
    if isinstance(value, Tensor):
        return str(tuple(value.shape))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {tuple(v.shape)}" for k, v in value.items()) + "}"
    return "(" + ", ".join(str(tuple(v.shape)) for v in value) + ")"
