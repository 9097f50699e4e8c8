"""When each part of a plan is done.

The number of layers is the least there is, since every part knows its earliest half-layer. What is left to choose is
where parts with time to spare go. Aggregates over one selector share a head if they are in one layer; after that, the
layers are levelled, since the widest one sets the size of all. A search with a bound does this, in a fixed number of
steps, starting from "as early as possible".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from .plan import Fetch, Plan, Planner, Write

MOST_STEPS = 4000

Part = Fetch | Write


class Entry(NamedTuple):
    """One part in its half-layer, for reading.

    Attributes:
        node: label of the node that is written.
        layer: the layer.
        half: "attention" or "mlp".
        earliest, latest: layers it could have been in.
        form: "value" (one-hot) or "number".
        reads: labels of what is read.
        units: hidden units, for an MLP; 0 for attention.
        heads: heads, for attention; 0 for an MLP.
    """

    node: str
    layer: int
    half: str
    earliest: int
    latest: int
    form: str
    reads: tuple[str, ...]
    units: int
    heads: int


@dataclass(frozen=True, eq=False)
class Schedule:
    """Which part is done where.

    Attributes:
        layers: number of layers.
        entries: the parts, in order of their half-layers.
        steps: how many placements the search tried.
        complete: whether it tried all of them that could be better.
    """

    layers: int
    entries: tuple[Entry, ...]
    steps: int
    complete: bool
    times: dict[int, int] = field(repr=False)

    def with_units(self, units: Mapping[tuple[int, str], int]) -> Schedule:
        """The schedule with the hidden units that were really made, by layer and node, in place of the estimate."""
        entries = tuple(
            entry._replace(units=units.get((entry.layer, entry.node), 0)) if entry.half == "mlp" else entry
            for entry in self.entries
        )
        return replace(self, entries=entries)

    def __str__(self) -> str:
        lines = []
        for entry in self.entries:
            slack = "" if entry.earliest == entry.latest else f"  (layers {entry.earliest} to {entry.latest})"
            size = f"{entry.heads} heads" if entry.heads else f"{entry.units} units"
            reads = ", ".join(entry.reads) or "all positions"
            lines.append(f"{entry.layer} {entry.half:9}  {entry.node} [{entry.form}, {size}] from {reads}{slack}")
        return "\n".join(lines)


def schedule(plan: Plan, planner: Planner) -> Schedule:
    """Place the parts of a plan."""
    parts: list[Part] = sorted([*plan.fetches.values(), *plan.writes.values()], key=lambda part: part.time)
    layers = max(1, max((part.time + 1) // 2 for part in parts) if parts else 1)
    before = {id(part): [id(each) for each in planner.needs(part)] for part in parts}
    latest = _latest(parts, before, layers)
    search = _Search(parts, before, latest)
    search.run()
    times = search.best
    entries = [_entry(plan, planner, part, times[id(part)], latest[id(part)]) for part in parts]
    entries.sort(key=lambda entry: (entry.layer, entry.half))
    return Schedule(layers, tuple(entries), search.steps, search.steps < MOST_STEPS, times)


def _entry(plan: Plan, planner: Planner, part: Part, time: int, latest: int) -> Entry:
    label = plan.values.label
    reads = tuple(dict.fromkeys(label(node) for node, _ in planner.reads(part)))
    attention = isinstance(part, Fetch)
    return Entry(
        node=label(part.node),
        layer=(time - 1) // 2,
        half="attention" if attention else "mlp",
        earliest=(part.time - 1) // 2,
        latest=(latest - 1) // 2,
        form=part.form,
        reads=reads,
        units=0 if isinstance(part, Fetch) else part.units,
        heads=len(part.cubes) if isinstance(part, Fetch) else 0,
    )


def _latest(parts: Sequence[Part], before: dict[int, list[int]], layers: int) -> dict[int, int]:
    """The latest half-layer of each part that keeps the number of layers."""
    found = {id(part): 2 * layers - 1 if isinstance(part, Fetch) else 2 * layers for part in parts}
    kinds = {id(part): isinstance(part, Fetch) for part in parts}
    for part in sorted(parts, key=lambda part: -part.time):
        for other in before[id(part)]:
            limit = found[id(part)] - 1
            if kinds[other] != (limit % 2 == 1):
                limit -= 1
            found[other] = min(found[other], limit)
    return found


def head_keys(part: Fetch) -> list[tuple[object, ...]]:
    """What two aggregates must have in common to share heads."""
    reduce = getattr(part.node, "reduce", "sum")
    ordered = reduce in ("max", "min")
    mode = reduce if ordered else "count" if part.counts else "mean"
    return [(id(cube), mode, id(part.x) if ordered else None) for cube in part.cubes]


class _Search:
    """Depth first over the parts, with the cost so far as the bound."""

    def __init__(self, parts: Sequence[Part], before: dict[int, list[int]], latest: dict[int, int]) -> None:
        self.parts, self.before, self.latest = parts, before, latest
        self.steps = 0
        self.times: dict[int, int] = {}
        self.heads: dict[int, dict[tuple[object, ...], int]] = {}
        self.units: dict[int, int] = {}
        self.best = {id(part): part.time for part in parts}  # by id of the part, since a node may have two
        self.lowest = self._cost_of(self.best)

    def _cost_of(self, times: dict[int, int]) -> tuple[int, int, int]:
        heads: dict[int, set[tuple[object, ...]]] = {}
        units: dict[int, int] = {}
        for part in self.parts:
            time = times[id(part)]
            if isinstance(part, Fetch):
                heads.setdefault(time, set()).update(head_keys(part))
            else:
                units[time] = units.get(time, 0) + part.units
        counts = [len(found) for found in heads.values()]
        return (max(counts, default=0), sum(counts), max(units.values(), default=0))

    def run(self) -> None:
        """Improve on the earliest times."""
        if all(part.time == self.latest[id(part)] for part in self.parts):
            return
        trail: list[tuple[int, list[int]]] = [(0, self._choices(0))] if self.parts else []
        while trail and self.steps < MOST_STEPS:
            i, choices = trail[-1]
            self._undo(self.parts[i])
            if not choices:
                trail.pop()
                continue
            self._do(self.parts[i], choices.pop(0))
            self.steps += 1
            cost = self._cost()
            if cost >= self.lowest:
                continue
            if i + 1 < len(self.parts):
                trail.append((i + 1, self._choices(i + 1)))
            else:
                self.best, self.lowest = dict(self.times), cost

    def _choices(self, i: int) -> list[int]:
        part = self.parts[i]
        ready = max((self.times[key] + 1 for key in self.before[id(part)]), default=1)
        first = max(ready, part.time)
        if isinstance(part, Fetch) != (first % 2 == 1):
            first += 1
        choices = list(range(first, self.latest[id(part)] + 1, 2))
        if isinstance(part, Fetch):  # where a head of it is already there, it costs nothing
            keys = head_keys(part)
            choices.sort(key=lambda time: -sum(key in self.heads.get(time, {}) for key in keys))
        return choices

    def _do(self, part: Part, time: int) -> None:
        self.times[id(part)] = time
        if isinstance(part, Fetch):
            mine = self.heads.setdefault(time, {})
            for key in head_keys(part):
                mine[key] = mine.get(key, 0) + 1
        else:
            self.units[time] = self.units.get(time, 0) + part.units

    def _undo(self, part: Part) -> None:
        time = self.times.pop(id(part), None)
        if time is None:
            return
        if isinstance(part, Fetch):
            for key in head_keys(part):
                self.heads[time][key] -= 1
                if not self.heads[time][key]:
                    del self.heads[time][key]
        else:
            self.units[time] -= part.units

    def _cost(self) -> tuple[int, int, int]:
        counts = [len(mine) for mine in self.heads.values()]
        return (max(counts, default=0), sum(counts), max(self.units.values(), default=0))
