"""Where the reader is: which run, kind, layer, head and cell, in which measure and scale; and what of it there is."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import traitlets as t

from ..errors import DataError
from ..selection import IndicesTrait
from .comparison import Comparison, scales_of
from .kinds import Kind
from .measures import MEASURES
from .scales import SCALES

PLACES = ("kind", "shown", "minus", "layer", "head", "measure", "scale", "heads_on", "selection", "cell")
"""Traits that mean something only once there is data, in the order in which they can be set."""


def _queries(widget: PlaceTraits) -> tuple[int]:
    kind = widget._kind()
    return (0 if kind is None else kind.queries,)


class PlaceTraits(t.HasTraits):
    """Traits that mean something only for a `Comparison`; until there is one, any value will do.

    What the reader changes must exist. What follows from it is brought along: a layer of another kind, a head that the
    layer has, a scale that says something of the measure.
    """

    _comparison: Comparison | None = None

    kind = t.Unicode("", help="self, encoder, decoder or cross: see kinds.").tag(sync=True)
    shown = t.Int(0, min=0, help="The run on show.").tag(sync=True)
    minus = t.Int(-1, min=-1, help="The run that is subtracted; -1 for none.").tag(sync=True)
    layer = t.Int(0, min=0, help="The layer on show, from 0.").tag(sync=True)
    head = t.Int(0, min=0, help="The head on show, from 0.").tag(sync=True)
    measure = t.Enum(MEASURES, "pattern", help="What is shown for each query and key.").tag(sync=True)
    measures = t.List(t.Unicode(), ["pattern"], help="Measures that can be computed here.").tag(sync=True)
    scale = t.Enum(SCALES, "linear", help="How it is shown; differences are linear.").tag(sync=True)
    heads_on: t.List[Any] = t.List(help="[layer, head] pairs drawn together; empty for the current one.").tag(sync=True)
    selection = IndicesTrait(_queries, help="Query tokens that the reader selected, ascending.")
    cell: t.List[Any] | Any = t.List(
        t.Int(), None, minlen=2, maxlen=2, allow_none=True, help="The [query, key] that the reader pinned, or None."
    ).tag(sync=True)

    def _kind(self) -> Kind | None:
        """The kind on show, of the run on show."""
        if self._comparison is None or self.kind not in self._comparison.kinds:
            return None
        runs = self._comparison.runs
        return runs[min(self.shown, len(runs) - 1)].kinds[self.kind]

    @t.observe("kind", "layer", "shown", "minus", "measure")
    def _place_changed(self, _change: Any) -> None:
        self._settle()

    def _settle(self) -> None:
        """Bring the rest to where the reader now is."""
        kind, comparison = self._kind(), self._comparison
        if kind is None or comparison is None:
            return
        if self.minus == self.shown or self.minus >= len(comparison.runs):
            self.minus = -1
        if self.layer not in kind.layers:
            self.layer = min(kind.layers, key=lambda layer: abs(layer - self.layer))
        self.head = min(self.head, kind.heads_of(self.layer) - 1)
        self.measures = list(comparison.offered(self.kind))
        if self.measure not in self.measures:
            self.measure = "pattern"
        if self.scale not in scales_of(self.measure, self.minus):
            self.scale = "linear"
        if self.selection and self.selection[-1] >= kind.queries:
            self.selection = [query for query in self.selection if query < kind.queries]
        if self.cell is not None and not self._has_cell(kind, self.cell):
            self.cell = None

    @staticmethod
    def _has_cell(kind: Kind, cell: Sequence[int]) -> bool:
        return 0 <= cell[0] < kind.queries and 0 <= cell[1] < kind.keys

    @t.validate("kind")
    def _kind_exists(self, proposal: Any) -> str:
        value: str = proposal["value"]
        if self._comparison is not None and value not in self._comparison.kinds:
            raise t.TraitError(f"kind={value!r}; pass one of {', '.join(map(repr, self._comparison.kinds))}")
        return value

    @t.validate("shown", "minus")
    def _run_exists(self, proposal: Any) -> int:
        value: int = proposal["value"]
        name = proposal["trait"].name
        count = None if self._comparison is None else len(self._comparison.runs)
        if count is not None and value >= count:
            raise t.TraitError(f"{name}={value}, but there are {count} runs; pass {name} < {count}")
        if count is not None and name == "minus" and value == self.shown:
            raise t.TraitError(f"minus={value}, the run on show itself; pass another run, or -1 for none")
        return value

    @t.validate("layer")
    def _layer_exists(self, proposal: Any) -> int:
        value: int = proposal["value"]
        if (kind := self._kind()) is not None:
            try:
                kind.heads_of(value)
            except DataError as error:
                raise t.TraitError(str(error)) from None
        return value

    @t.validate("head")
    def _head_exists(self, proposal: Any) -> int:
        value: int = proposal["value"]
        kind = self._kind()
        if kind is not None and self.layer in kind.layers and value >= (count := kind.heads_of(self.layer)):
            raise t.TraitError(f"head={value}, but layer {self.layer} has {count}; pass 0 <= head < {count}")
        return value

    @t.validate("measure")
    def _measure_exists(self, proposal: Any) -> str:
        value: str = proposal["value"]
        if self._comparison is not None and self.kind in self._comparison.kinds:
            offered = self._comparison.offered(self.kind)
            if value not in offered:
                raise t.TraitError(
                    f"measure={value!r} cannot be computed here; pass one of {', '.join(map(repr, offered))}: scores "
                    "and values need a trace of a model, rollout and flow all layers and not too many tokens"
                )
        return value

    @t.validate("scale")
    def _scale_fits(self, proposal: Any) -> str:
        value: str = proposal["value"]
        fitting = scales_of(self.measure, self.minus)
        if self._comparison is not None and value not in fitting:
            what = "a difference" if self.minus >= 0 else f"measure={self.measure!r}"
            raise t.TraitError(f"scale={value!r} says nothing of {what}; pass one of {', '.join(map(repr, fitting))}")
        return value

    @t.validate("cell")
    def _cell_exists(self, proposal: Any) -> list[int] | None:
        value: list[int] | None = proposal["value"]
        kind = self._kind()
        if value is not None and kind is not None and not self._has_cell(kind, value):
            raise t.TraitError(f"cell={value}, but there are {kind.queries} queries and {kind.keys} keys; pass less")
        return value

    @t.validate("heads_on")
    def _heads_exist(self, proposal: Any) -> list[list[int]]:
        kind = self._kind()
        try:
            pairs = [[operator.index(number) for number in pair] for pair in proposal["value"]]
        except TypeError:
            raise t.TraitError(f"heads_on={proposal['value']!r}; pass a list of [layer, head]") from None
        for pair in pairs:
            known = kind is None or (
                len(pair) == 2 and pair[0] in kind.layers and 0 <= pair[1] < kind.heads_of(pair[0])
            )
            if not known:
                raise t.TraitError(f"heads_on holds {pair}, which is no [layer, head] of {self.kind!r}")
        return pairs
