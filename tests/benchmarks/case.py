"""What a case of the benchmark is: contenders on one workload, and what the project promises about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from torch import Tensor, nn

from .networks import Scale

Run = Callable[[], Any]


class Workload(Protocol):
    """What the contenders of a case work on: the input, and the module where rows are counted (None: they are not)."""

    x: Tensor
    counted: nn.Module | None


def as_values(result: Any) -> dict[str, Tensor]:
    """A contender's values by name, where its result is one tensor or none."""
    return {} if result is None else {"values": result}


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    Args:
        run: does it once; what it returns is what a user would hold.
        at_batch, probe, batches: where the batch size is free, `run` at a batch size, and something shorter to choose
            it by.
        warm: a smaller run before memory is measured, so that what is made once (models, buffers) does not count.
        values: the tensors of a result by name, to compare with those of another contender.
    """

    run: Run
    at_batch: Callable[[int], Run] | None = None
    probe: Callable[[int], Run] | None = None
    batches: tuple[int, ...] = ()
    warm: Run | None = None
    values: Callable[[Any], Mapping[str, Tensor]] = as_values


@dataclass(frozen=True)
class Limit:
    """What the project promises: `mine / other` (or their difference) in median, and its bound.

    Args:
        what: "cpu" and "memory" (extra peak) and "held" (bytes of tensors) are ratios; "cpu ms" is a difference.
        other: the contender to compare with, or several: then the best of those that took part.
        at_most, saves_at_least: the bound of `mine / other`, or of `other / mine`.
        mine: the contender judged.
    """

    what: Literal["cpu", "cpu ms", "memory", "held"]
    other: str | tuple[str, ...]
    at_most: float | None = None
    saves_at_least: float | None = None
    mine: str = "ours"


@dataclass(frozen=True)
class Case:
    """A block of the table.

    Args:
        file: the module of this package that lists it.
        contenders: those that can take part here; rivals that are not installed are left out.
        same_as: the contender (of several, the first that takes part) whose values those of `judged` must equal, to
            `tolerance` of a tensor's largest value.
        over: the contender whose CPU time is the unit of the table's last column.
        rivals: packages beside which this runs; the case is run by the interpreter that has them.
        check: values of ours under the other's own baseline, where that differs.
        repeats: runs in one measurement, for short ones. rounds: share of the asked rounds, for long ones.
        about: what else is to be known, as lines under the table.
    """

    name: str
    title: str
    file: str
    workload: Callable[[Scale], Any]
    contenders: Callable[[Any], dict[str, Contender]]
    same_as: str | tuple[str, ...]
    over: str = "floor"
    judged: tuple[str, ...] = ("ours",)
    tolerance: float = 1e-3
    rivals: tuple[str, ...] = ()
    check: Callable[[Any], Any] | None = None
    repeats: int = 1
    rounds: float = 1.0
    limits: tuple[Limit, ...] = ()
    about: Callable[[Any], list[str]] | None = None

    def reference(self, present: Iterable[str]) -> str:
        """The contender with whose values the others are compared."""
        wanted = (self.same_as,) if isinstance(self.same_as, str) else self.same_as
        return next(name for name in wanted if name in present)
