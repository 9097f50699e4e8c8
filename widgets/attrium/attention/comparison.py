"""What is on screen: one run or several, their tensors by name, and how they differ on the tokens that they share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from attrium_kernel.arrays import Lazy, Pooling

from ..channel import Source
from ..errors import DataError
from .alignment import Pairs, align, partners
from .kinds import Kind
from .measures import MEASURES, ROW_CELLS, Measure, Measures
from .runs import Run
from .scales import SCALES, Scale, scaled

NAME = re.compile(
    r"attention/(?P<shown>\d+)(-(?P<minus>\d+))?/(?P<kind>[^/]+)/(?P<layer>\d+)/(?P<measure>\w+)/(?P<scale>\w+)"
)
EXACT_CELLS = 2**19
"""Answers of up to this many cells are not quantised."""
T = TypeVar("T")


@dataclass(frozen=True)
class Address:
    """Which attention is meant.

    Args:
        shown: number of the run.
        minus: number of the run that is subtracted, -1 for none.
        kind: name of the kind.
        layer: the block.
        measure, scale: what of it.
    """

    shown: int
    minus: int
    kind: str
    layer: int
    measure: Measure = "pattern"
    scale: Scale = "linear"

    @property
    def name(self) -> str:
        """As the screen asks for it."""
        run = f"{self.shown}" if self.minus < 0 else f"{self.shown}-{self.minus}"
        return f"attention/{run}/{self.kind}/{self.layer}/{self.measure}/{self.scale}"

    @property
    def signed(self) -> bool:
        """Values may be below zero on both sides of a neutral zero."""
        return self.minus >= 0 or (self.measure == "scores" and self.scale == "linear")

    @property
    def pooling(self) -> Pooling:
        """How cells share a pixel: the one that matters most shows."""
        return "min" if self.scale == "rank" else "absmax" if self.signed else "max"


def scales_of(measure: str, minus: int) -> tuple[Scale, ...]:
    """Scales that say something: differences and scores have signs."""
    if minus >= 0:
        return ("linear",)
    return ("linear", "rank") if measure == "scores" else SCALES


class Comparison:
    """Runs that agree in their layers and heads.

    Args:
        runs: at least one.

    Raises:
        DataError: if they do not agree.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = tuple(runs)
        self.measures = tuple(Measures(run) for run in runs)
        self._known: dict[Any, Any] = {}
        for run in self.runs[1:]:
            _check_agreement(self.runs[0], run)

    @property
    def kinds(self) -> dict[str, Kind]:
        """Of the first run: layers and heads are those of all."""
        return dict(self.runs[0].kinds)

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """What `make` gives, made at the first call with this key."""
        if key not in self._known:
            self._known[key] = make()
        return cast(T, self._known[key])

    def kind(self, run: int, kind: str) -> Kind:
        """A kind of one run.

        Raises:
            DataError: if there is no such run or kind.
        """
        if not 0 <= run < len(self.runs):
            raise DataError(f"run {run}, but there are {len(self.runs)}; pass 0 <= run < {len(self.runs)}")
        if kind not in self.kinds:
            raise DataError(f"kind={kind!r}; pass one of {', '.join(map(repr, self.kinds))}")
        return self.runs[run].kinds[kind]

    def offered(self, kind: str) -> list[Measure]:
        """Measures that all runs have."""
        each = [measures.offered(run.kinds[kind]) for measures, run in zip(self.measures, self.runs)]
        return [measure for measure in MEASURES if all(measure in one for one in each)]

    def aligned(self, shown: int, minus: int, kind: str) -> tuple[Pairs, Pairs]:
        """Pairs of queries and of keys with equal tokens."""
        self.kind(shown, kind), self.kind(minus, kind)
        ours, theirs = self.runs[shown], self.runs[minus]

        def make() -> tuple[Pairs, Pairs]:
            queries = align(ours.queries[kind], theirs.queries[kind])
            same = ours.keys[kind] == ours.queries[kind] and theirs.keys[kind] == theirs.queries[kind]
            return queries, queries if same else align(ours.keys[kind], theirs.keys[kind])

        return self.once(("aligned", shown, minus, kind), make)

    def address(self, name: str) -> Address | None:
        """What a tensor's name means; None for another name.

        Raises:
            DataError: if it means what is not there.
        """
        match = NAME.fullmatch(name)
        if match is None:
            return None
        measure, scale = match["measure"], match["scale"]
        if measure not in MEASURES or scale not in SCALES:
            raise DataError(f"{name}: measures are {', '.join(MEASURES)}; scales are {', '.join(SCALES)}")
        minus = -1 if match["minus"] is None else int(match["minus"])
        return Address(int(match["shown"]), minus, match["kind"], int(match["layer"]), measure, scale)

    def source(self, address: Address) -> Source:
        """A tensor as the screen draws it: `(head, query, key)`."""
        return Source(self.lazy(address), pooling=address.pooling, quantise=True, exact_cells=EXACT_CELLS)

    def lazy(self, address: Address) -> Lazy:
        """`(head, query, key)` float32, computed for the rows that are read.

        Raises:
            DataError: for what is not there, or a scale that says nothing of the measure.
        """
        kind = self.kind(address.shown, address.kind)
        heads = self.measures[address.shown].heads(kind, address.layer, address.measure)
        if address.minus >= 0:
            self.kind(address.minus, address.kind)
        if address.scale not in scales_of(address.measure, address.minus):
            what = "a difference" if address.minus >= 0 else "scores, which have signs,"
            raise DataError(f"the scale {address.scale!r} says nothing of {what}; pass 'linear'")

        def read(ranges: tuple[tuple[int, int], ...]) -> Tensor:
            (h0, h1), (q0, q1), (k0, k1) = ranges
            out = torch.empty(h1 - h0, q1 - q0, k1 - k0)
            if out.numel() == 0:
                return out
            step = max(1, ROW_CELLS // ((h1 - h0) * kind.keys))
            for start in range(q0, q1, step):
                stop = min(start + step, q1)
                rows = self.rows(address, slice(h0, h1), torch.arange(start, stop))
                out[:, start - q0 : stop - q0] = rows[..., k0:k1]
            return out

        holes = address.minus >= 0 or address.measure == "scores" or address.scale in ("rank", "no_sink")
        return Lazy((heads, kind.queries, kind.keys), read, holes)

    def rows(self, address: Address, heads: slice, queries: Tensor) -> Tensor:
        """`(head, query, key)`: whole rows of the queries asked for."""
        ours = self._rows(address, address.shown, heads, queries)
        if address.minus < 0:
            run = self.runs[address.shown]
            return scaled(ours, address.scale, run.sink(run.kinds[address.kind]))
        pairs, key_pairs = self.aligned(address.shown, address.minus, address.kind)
        kind = self.kind(address.shown, address.kind)
        mine, theirs = partners(pairs, kind.queries)[queries], partners(key_pairs, kind.keys)
        found = torch.full_like(ours, math.nan)
        with_query, with_key = (mine >= 0).nonzero()[:, 0], (theirs >= 0).nonzero()[:, 0]
        if len(with_query) and len(with_key):
            other = self._rows(address, address.minus, heads, mine[with_query])[..., theirs[with_key]]
            place = (slice(None), with_query[:, None], with_key)
            found[place] = ours[place] - other
        return found

    def _rows(self, address: Address, run: int, heads: slice, queries: Tensor) -> Tensor:
        kind = self.kind(run, address.kind)
        return self.measures[run].rows(kind, address.layer, address.measure, heads, queries)


def _check_agreement(first: Run, other: Run) -> None:
    for kind in (*first.kinds, *other.kinds):
        one, two = first.kinds.get(kind), other.kinds.get(kind)
        if one is None or two is None or one.layers != two.layers or one.heads != two.heads:
            raise DataError(
                f"{first.label!r} has {_described(one)} and {other.label!r} has {_described(two)} of kind {kind!r}; "
                "runs that are compared need the same layers and heads"
            )


def _described(kind: Kind | None) -> str:
    if kind is None:
        return "no attention"
    heads = sorted(set(kind.heads))
    return f"{len(kind.layers)} layers of {' or '.join(map(str, heads))} heads"
