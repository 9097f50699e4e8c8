"""Hidden units that write elementwise nodes.

Products: a unit per joint value of one-hot vectors, `relu(2 (x + y) - 3)`, which is 1 where both are and
0 where one is not, even if they are a little off.

Steps: a number s takes steps from 0 to 1, `relu(L (s - t)) - relu(L (s - t) - 1)`, halfway between neighbouring values,
with L a power of two of at least 2 / (their distance). L s is then exact in float32, and since numbers are stored with
an offset that puts them on an even grid, so are the differences: the step is 0 or 1, not nearly.

At BOS every unit is off.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .affine import is_number
from .craft import MLP, Direction, Linear, Space, Unit
from .errors import CompileError
from .expressions import SOp, Value
from .heads import put
from .plan import Planner, Write
from .readings import BOS, Reading, Readings, power_of_two, total
from .values import UNDEFINED, in_order


@dataclass(eq=False)
class Hidden:
    """A hidden unit before it has a place."""

    label: Unit
    reads: Reading
    bias: float
    at_bos: float  # what is taken off at BOS
    writes: dict[Direction, float]
    most: float = 1.0  # the largest it can be


Outcome = tuple[tuple[float, Value], ...]


class Hiddens:
    """Makes the hidden units of one MLP half."""

    def __init__(self, readings: Readings, planner: Planner) -> None:
        self.readings, self.values, self.planner = readings, readings.values, planner
        self.units: list[Hidden] = []
        self.wrote: list[tuple[Write, dict[Value, Direction]]] = []

    def add(self, write: Write) -> None:
        """The units of a node."""
        (self._steps if write.carrier is not None else self._products)(write)

    # What a node is, for joint values of what it is read from

    def _classes(self, write: Write) -> list[list[list[Value]]]:
        """For each base, its values in groups that the node does not tell apart."""
        found = []
        for base in write.bases:
            groups: dict[object, list[Value]] = {}
            if self.values.steps(base) is None:
                kinds = self.planner.class_of(write.node, base, write.carrier, write.bases)
            else:
                kinds = {value: value for value in self.values.listed(base)}
            for value, kind in kinds.items():
                groups.setdefault(kind, []).append(value)
            found.append(list(groups.values()))
        return found

    def _outcomes(self, write: Write, rows: list[tuple[Value, ...]]) -> list[Value]:
        """The node's value for each row of (carrier, base, ...) values."""
        heads = ([write.carrier] if write.carrier is not None else []) + list(write.bases)
        found = self.values.results(write.node, heads, rows)
        if write.form == "number" or write.carrier is None:
            return found
        listed = [v for v in self.values.listed(write.node) if is_number(v)]
        return [_nearest(listed, v) if isinstance(v, float) else v for v in found]

    def _possible(self, write: Write, groups: Sequence[Sequence[Value]]) -> bool:
        """Whether some members of the groups can occur together."""
        heads = ([write.carrier] if write.carrier is not None else []) + list(write.bases)
        for (i, a), (j, b) in itertools.combinations(enumerate(heads), 2):
            test = self.values.relation(a, b)
            if test is not None and not any(test(x, y) for x in groups[i] for y in groups[j]):
                return False
        return True

    # Units

    def _products(self, write: Write) -> None:
        classes = self._classes(write)
        rows = [chosen for chosen in itertools.product(*classes) if self._possible(write, chosen)]
        results = self._outcomes(write, [tuple(group[0] for group in chosen) for chosen in rows])
        directions = self._directions(write, results)
        readings = [self.readings.one_hot(base) for base in write.bases]
        label = self.values.label(write.node)
        for chosen, result in zip(rows, results, strict=True):
            writes = self._written(write, directions, result)
            if writes:
                reads = self._gate(readings, chosen)
                text = " & ".join(self._text(b, group) for b, group in zip(write.bases, chosen, strict=True))
                self.units.append(
                    Hidden(Unit(label, text), Reading().add(reads, 2.0), 1.0 - 2 * len(chosen), 0.0, writes)
                )
        self._noted(write, directions, 2 * sum(self.readings.one_hot_error(base) for base in write.bases), 0.0)

    def _gate(self, readings: Sequence[Mapping[Value, Reading]], chosen: Sequence[Sequence[Value]]) -> Reading:
        return total(r[value] for r, group in zip(readings, chosen, strict=True) for value in group if value in r)

    def _text(self, base: SOp, group: Sequence[Value]) -> str:
        shown = "|".join(map(str, group[:4])) + ("|..." if len(group) > 4 else "")
        return f"{self.values.label(base)}={shown}"

    def _steps(self, write: Write) -> None:
        assert write.carrier is not None and write.sum is not None
        number = self.readings.sum(write.sum, self.values.sources(write.carrier))
        error = self.readings.number_error(write.carrier)
        classes = self._classes(write)
        held = [
            source
            for source in self.values.sources(write.carrier)
            if self.values.of(source).absent and not any(source is base for base in write.bases)
        ]
        gates = [self.readings.present(source) for source in held]
        readings = [self.readings.one_hot(base) for base in write.bases]
        beside = list(itertools.product(*classes))
        noise = sum(self.readings.one_hot_error(base) for base in (*write.bases, *held))
        error += 2 * self._highest(write) * noise  # a gate that is a little off moves the carrier by so much
        plans = [(chosen, self._outcome(write, chosen)) for chosen in beside]
        directions = self._directions(write, [value for _, outcome in plans for _, value in outcome])
        rounding = 0.0
        for chosen, outcome in plans:
            count = len(chosen) + len(gates)
            gate = self._gate(readings, chosen)
            for each in gates:
                gate.add(each)
            texts = [self._text(base, group) for base, group in zip(write.bases, chosen, strict=True)]
            first = len(self.units)
            self._staircase(write, directions, outcome, number, gate, count, texts, error)
            rounding = max(rounding, self._rounding(write, self.units[first:]))
        self._noted(write, directions, 2 * noise, rounding)

    def _outcome(self, write: Write, chosen: Sequence[Sequence[Value]]) -> Outcome:
        """The node's value for each value of the carrier, for one choice of the rest."""
        along = [s for s in write.along if self._possible(write, [[s], *chosen])]
        rest = [group[0] for group in chosen]
        values = self._outcomes(write, [(s, *rest) for s in along])
        if write.joint:
            self._decided(write, along, rest, values)
        return tuple((s, value) for s, value in zip(along, values, strict=True) if value is not UNDEFINED)

    def _decided(self, write: Write, along: list[float], rest: list[Value], values: list[Value]) -> None:
        """Sums of means come with a rounding of their own; refuse a function that it would decide."""
        if write.carrier is write.node:
            return
        for factor in (1 - 1e-12, 1 + 1e-12):
            near = self._outcomes(write, [(s * factor, *rest) for s in along])
            for s, value, other in zip(along, values, near, strict=True):
                if value is not UNDEFINED and not isinstance(value, float) and value != other:
                    assert write.carrier is not None
                    raise CompileError(
                        f"it asks whether {self.values.label(write.carrier)}, a sum of means, is exactly {s:g}, which "
                        "the rounding of the sum decides; round it first, or compare with a number between two of its "
                        "values",
                        self.values.label(write.node),
                    )

    def _staircase(
        self,
        write: Write,
        directions: Mapping[Value, Direction],
        outcome: Outcome,
        number: Reading,
        gate: Reading,
        gates: int,
        texts: list[str],
        error: float,
    ) -> None:
        """From the lowest value's output, a step for each place along the carrier where the output changes."""
        if not outcome:
            return
        label = self.values.label(write.node)
        carrier = self.values.label(write.carrier) if write.carrier is not None else ""
        now = self._written(write, directions, outcome[0][1])
        if now:
            reads, bias, off = (Reading().add(gate, 2.0), 1.0 - 2 * gates, 0.0) if gates else (Reading(), 1.0, 1.0)
            self.units.append(Hidden(Unit(label, " & ".join(texts) or "always"), reads, bias, off, now))
        for (low, _), (high, value) in itertools.pairwise(outcome):
            after = self._written(write, directions, value)
            change = {d: after.get(d, 0.0) - now.get(d, 0.0) for d in {**now, **after}}
            now, change = after, {d: w for d, w in change.items() if w}
            if not change:
                continue
            steep = power_of_two(2 / (high - low))
            start = (low + high) / 2 - 0.5 / steep
            self._margin(write, error, (high - low - 1 / steep) / 2)
            most = power_of_two(max(1.0, steep * (self._highest(write) - start) + 2))
            reads = Reading().add(number, steep)
            bias = -steep * start
            if gates:
                reads.add(gate, most)
                bias -= most * gates
            text = " & ".join([f"{carrier}>={_short(high)}", *texts])
            off = 0.0 if gates else most
            back = {d: -w for d, w in change.items()}
            self.units.append(Hidden(Unit(label, text), reads, bias, off, change, most))
            self.units.append(Hidden(Unit(label, f"{text}, top"), reads, bias - 1.0, off, back, most))

    def _rounding(self, write: Write, units: Sequence[Hidden]) -> float:
        """How far a number made of steps can be off, each being the difference of two units that may be far above 0."""
        if write.form != "number":
            return 0.0  # steps of 1 are exact
        total = sum(abs(w) * unit.most for unit in units for w in unit.writes.values())
        whole = all(s == round(s) for s in write.along)
        whole = whole and all(16 * w == round(16 * w) for unit in units for w in unit.writes.values())
        return 0.0 if whole and 16 * total * self.readings.eps < 1 else total * self.readings.eps

    def _highest(self, write: Write) -> float:
        """The most that the carrier can read as, also at BOS and where parts of it are absent and count as 0."""
        assert write.sum is not None
        found = 0.0
        for key, factor in write.sum.factors.items():
            own = self.values.of(write.sum.nodes[key])
            found += max(0.0, factor * own.low, factor * own.high)
        found += sum(max(0.0, *table.values()) for table in write.sum.tables.values() if table)
        return max(0.0, found + write.sum.const, found)

    def _margin(self, write: Write, error: float, margin: float) -> None:
        if error >= margin:
            assert write.carrier is not None
            raise CompileError(
                f"it must tell values of {self.values.label(write.carrier)} apart that lie about {2 * margin:.2g} from "
                f"one another, and that number can be off by {error:.2g}; pass dtype=torch.float64, lower "
                "max_length, or compare with fewer thresholds",
                self.values.label(write.node),
            )

    # Outputs

    def _directions(self, write: Write, results: Sequence[Value]) -> dict[Value, Direction]:
        label = self.values.label(write.node)
        if write.form == "number":
            return {None: Direction(label, "number")}
        seen = in_order(value for value in results if value is not None and value is not UNDEFINED)
        return {value: Direction(label, "value", value) for value in seen}

    def _written(self, write: Write, directions: Mapping[Value, Direction], value: Value) -> dict[Direction, float]:
        if value is None or value is UNDEFINED:
            return {}
        if write.form == "number":
            return {directions[None]: float(value)} if is_number(value) and value else {}
        return {directions[value]: 1.0}

    def _noted(self, write: Write, directions: dict[Value, Direction], error: float, rounding: float) -> None:
        """Note what was written, and how far it can be off: by a share of its size, and by its rounding."""
        self.wrote.append((write, directions))
        if write.form == "number":
            found = self.values.of(write.node)
            size = max(abs(found.low), abs(found.high))
            whole = all(v == round(v) for v in found.values or (0.5,) if is_number(v))
            error = error * max(size, 1.0) + rounding + (0.0 if whole else size * self.readings.eps)
        self.readings.errors[(id(write.node), write.form)] = error

    def done(self) -> None:
        """The nodes can be read from here on."""
        for write, directions in self.wrote:
            self.readings.wrote(write.node, write.form, directions)


def placed_units(units: Sequence[Hidden], space: Space, at_bos: dict[Direction, float]) -> MLP:
    """An MLP in a space."""
    entries: dict[tuple[int, int], float] = {}
    bias: dict[int, float] = {}
    output: dict[tuple[int, int], float] = {}
    for column, unit in enumerate(units):
        reads = Reading(unit.reads.weights, unit.reads.const + unit.bias)
        put(entries, bias, Reading(reads.weights), column, space, at_bos, marks=False)
        if reads.const:
            bias[column] = reads.const
        off = unit.at_bos + unit.reads.const  # a reading is nothing at BOS, its constant included
        if off:
            place = (space.index(BOS), column)
            entries[place] = entries.get(place, 0.0) - off
        for direction, weight in unit.writes.items():
            output[(column, space.index(direction))] = weight
    size = len(space)
    return MLP(
        input=Linear((size, len(units)), entries, bias),
        output=Linear((len(units), size), output),
        units=tuple(unit.label for unit in units),
    )


def _nearest(listed: Sequence[float], value: float) -> float:
    """A number of an ordered list that a computed one is up to rounding; itself if there is none."""
    place = bisect.bisect_left(listed, value)
    close = listed[max(0, place - 1) : place + 1]
    if not close:
        return value
    found = min(close, key=lambda v: abs(v - value))
    return found if math.isclose(found, value, rel_tol=1e-9, abs_tol=1e-12 * max(map(abs, listed))) else value


def _short(x: float) -> str:
    return f"{x:.6g}"
