"""The one evaluator: takes a plan, runs its rows in chunks that fit, and hands each chunk to the method's reducer."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from attrium_kernel.running import Cancelled, ChunkSizer, Meter

from .forward import Forward
from .structure import Tensors

Progress = Callable[[int, int], object]
Cancel = Callable[[], bool]


@dataclass(frozen=True)
class Plan:
    """Which points to evaluate.

    Args:
        examples: `(rows,)` the example that each row belongs to.
        points: gives the points of a run of rows, `(start, stop) -> tensors of stop - start rows`, called once for each
            run and in order, so that random points can be drawn there; or `(points, carry)` to pass something on to
            the reducer. None: the examples as they are.
        gradient: whether gradients at the points are wanted, or scores alone.
    """

    examples: Tensor
    points: Callable[[int, int], Tensors | tuple[Tensors, Any]] | None = None
    gradient: bool = False


@dataclass(frozen=True)
class Chunk:
    """Some evaluated rows of a plan: row numbers `start` to `stop`, their examples, points, scores and gradients."""

    start: int
    stop: int
    examples: Tensor
    points: Tensors
    scores: Tensor
    grads: Tensors
    carry: Any = None


class Run:
    """What all evaluations of one `attribute` call share: the memory budget, progress, cancel, the random generator."""

    def __init__(
        self,
        budget: Callable[[], int],
        generator: torch.Generator,
        progress: Progress | None,
        cancel: Cancel | None,
    ) -> None:
        self._choose_budget = budget
        self.sizer = ChunkSizer()
        self.generator = generator
        self.rows = 0
        self.calls = 0
        self.largest_chunk = 0
        self.share = 1.0
        self._expected = 0.0
        self._progress = progress
        self._cancel = cancel

    @functools.cached_property
    def budget(self) -> int:
        """Bytes that one chunk of rows may need; chosen when it first matters."""
        return self._choose_budget()

    def expect(self, rows: int) -> None:
        """Announce rows to come, so that progress knows its total."""
        self._expected += rows * self.share

    def advance(self, rows: int) -> None:
        """Note that so many rows are done."""
        self.rows += rows
        self.calls += 1
        self.largest_chunk = max(self.largest_chunk, rows)
        if self._progress and self.rows < round(self._expected):  # full only when `finish` says so
            self._progress(self.rows, round(self._expected))

    def finish(self) -> None:
        """Say that all is done."""
        if self._progress:
            total = max(round(self._expected), self.rows)
            self._progress(total, total)

    def check_cancelled(self) -> None:
        """Raise `Cancelled` if the caller wants to stop."""
        if self._cancel and self._cancel():
            raise Cancelled(f"cancelled after {self.rows} rows")


def evaluate(forward: Forward, plan: Plan, run: Run, reduce: Callable[[Chunk], object]) -> None:
    """Evaluate all rows of `plan` in order, chunk by chunk, and give each chunk to `reduce`."""
    start, rows = 0, len(plan.examples)
    while start < rows:
        run.check_cancelled()
        count = run.sizer.wants_count(rows - start, plan.gradient) and forward.countable
        stop = start + run.sizer.rows(rows - start, plan.gradient)
        _evaluate_chunk(forward, plan, run, reduce, start, stop, count)
        start = stop


def _evaluate_chunk(
    forward: Forward, plan: Plan, run: Run, reduce: Callable[[Chunk], object], start: int, stop: int, count: bool
) -> None:
    examples = plan.examples[start:stop]
    points, carry = _points(plan, start, stop)
    if count:
        with Meter() as meter:
            done = forward(examples, points, plan.gradient)
        run.sizer.learn(meter, stop - start, plan.gradient, run.budget)
    else:
        done = forward(examples, points, plan.gradient)
    run.advance(stop - start)
    reduce(Chunk(start, stop, examples, done.points, done.scores, done.grads or (), carry))


def _points(plan: Plan, start: int, stop: int) -> tuple[Tensors | None, Any]:
    if plan.points is None:
        return None, None
    made = plan.points(start, stop)
    if len(made) == 2 and isinstance(made[0], tuple):
        return made[0], made[1]
    return made, None
