"""What a case of the benchmark on screen is: rows of measured numbers, and what the project promises about them."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from .networks import Scale

Unit = Literal["ms", "s", "fps", "nodes", "MB", "%"]


@dataclass(frozen=True)
class Bound:
    """What the project promises of a row's median.

    Args:
        at_most, at_least: in the row's unit.
        beyond: so many times what the row is measured against is taken off first, round by round.
    """

    at_most: float | None = None
    at_least: float | None = None
    beyond: float = 0.0


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        what: it is.
        values: one for each round, at least one.
        against: what was measured beside it in the same rounds, in the same unit, and `named` so.
    """

    what: str
    unit: Unit
    values: list[float]
    against: list[float] | None = None
    named: str = ""
    bound: Bound | None = None

    def judged(self) -> dict[str, Any] | None:
        """The bound with its measured number."""
        if self.bound is None:
            return None
        base = self.against if self.against and self.bound.beyond else [0.0] * len(self.values)
        found = statistics.median(
            value - self.bound.beyond * other for value, other in zip(self.values, base, strict=True)
        )
        share = f" beyond {self.bound.beyond:g} times the {self.named}" if self.bound.beyond else ""
        says = f"{self.what}: {shown(found, self.unit)}{share}"
        if self.bound.at_most is not None:
            holds, bound, wanted = found <= self.bound.at_most, self.bound.at_most, "at most"
        else:
            assert self.bound.at_least is not None
            holds, bound, wanted = found >= self.bound.at_least, self.bound.at_least, "at least"
        text = f"{says}, {wanted} {shown(bound, self.unit)} wanted"
        return {"text": text, "found": found, "bound": bound, "holds": holds}


def shown(value: float, unit: Unit) -> str:
    """A number with its unit, at the precision that it is measured to."""
    digits = {"ms": 1 if abs(value) < 100 else 0, "s": 2, "fps": 1, "nodes": 0, "MB": 2 if value < 10 else 1, "%": 0}
    return f"{value:,.{digits[unit]}f} {unit}"


@dataclass(frozen=True)
class Drawing:
    """What it cost somebody to draw the attention of a prompt.

    Args:
        who: drew what.
        size_mb: of what the browser gets.
        python_s: for the call, one for each round.
        drawn_s: until it is painted, one for each round; empty if that took too long or was not tried, see `not_drawn`.
        nodes: elements of the page or the widget.
    """

    who: str
    tokens: int
    size_mb: float
    python_s: list[float]
    drawn_s: list[float] = field(default_factory=list)
    nodes: int | None = None
    not_drawn: str = ""


@dataclass
class Found:
    """What a case measured: rows, drawings, notes below the table, what was left out and why, or why it failed.

    Args:
        load: the machine's load averages before and after, over one minute.
    """

    rows: list[Row] = field(default_factory=list)
    drawings: list[Drawing] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    versions: dict[str, str | None] = field(default_factory=dict)
    failed: str = ""
    load: tuple[float, ...] = ()

    @property
    def limits(self) -> list[dict[str, Any]]:
        """The bounds with their measured numbers."""
        return [limit for row in self.rows if (limit := row.judged())]

    def as_dict(self) -> dict[str, Any]:
        """For the JSON, with the limits."""
        return asdict(self) | {"limits": self.limits}


@dataclass(frozen=True)
class Setting:
    """With what a case is run.

    Args:
        rounds: of what takes a second; what takes long is done less often.
        peers: the Python that has the rivals, where it is there.
    """

    scale: Scale
    rounds: int
    quick: bool
    peers: Path


@dataclass(frozen=True)
class ScreenCase:
    """A block of the table on screen."""

    name: str
    title: str
    run: Callable[[Setting], Found]
