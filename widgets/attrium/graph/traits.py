"""The state of a RaspGraph: the program, the input, where the reader is; each value checked."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import traitlets as t

from attrium_kernel.rasp import RaspError
from attrium_kernel.rasp.compiling import LARGEST_LENGTH
from attrium_kernel.rasp.expressions import Value

from ..selection import IndicesTrait
from .inputs import read_tokens, read_vocabulary, spelled, write_tokens

PANELS = ["values", "weights", "stream", "check", "code", "bridges", "compression"]
NEED_A_KERNEL = ("tokens", "vocabulary", "max_length", "causal", "keep", "code", "language", "example", "ablated")
PLACES = ("node", "focus", "position", "cell", "selection", "step", "ablated", "side")
"""Traits that point into a program or an input; set once that is there."""


def _positions(widget: RaspTraits) -> tuple[int]:
    return (len(widget.tokens),)


class RaspTraits(t.HasTraits):
    """What both sides of a RaspGraph know; protocol.ts has the same names.

    A node, position or token that is not there is refused once a program tells what there is.
    """

    _settled: tuple[Value, ...] = ()
    _spelled: Mapping[tuple[str, ...], tuple[Value, ...]] = MappingProxyType({})
    _labels: tuple[frozenset[str], ...] = ()

    _needs_kernel = t.List(t.Unicode(), default_value=[*NEED_A_KERNEL]).tag(sync=True)

    # What was computed
    version = t.Int(0, help="Counts the programs: every change of one, or of how it is compiled.").tag(sync=True)
    run = t.Int(0, help="Counts the values: every change of program, input or ablation.").tag(sync=True)
    # The program and its input
    tokens = t.Any(help="The input, spelled; takes values, and a text, too.").tag(sync=True)
    vocabulary = t.Any(help="The values of inputs, spelled; setting it compiles.").tag(sync=True)
    max_length = t.Int(10, min=1, max=LARGEST_LENGTH, help="Longest input; setting it compiles.").tag(sync=True)
    causal = t.Bool(False, help="Whether a query sees only keys up to its own position.").tag(sync=True)
    keep = t.Enum(["needed", "all"], "all", help="Which s-ops are in the residual stream.").tag(sync=True)
    code = t.Unicode("", help="The program as code.").tag(sync=True)
    language = t.Enum(["python", "rasp"], "python", help="Of the code.").tag(sync=True)
    problem = t.Dict(None, allow_none=True, help="message, line, column and node of what is wrong, or None.").tag(
        sync=True
    )
    examples = t.List(t.Dict(), help="Programs that come along: name, family, doc.").tag(sync=True)
    example = t.Unicode("", help="The one on show, if it is one of these; setting it loads it.").tag(sync=True)
    programs = t.List(t.Unicode(), help="Labels of the programs: one, or two that are compared.").tag(sync=True)
    checked = t.Dict(None, allow_none=True, help="inputs, wrong, seed, example and first of the last check.").tag(
        sync=True
    )
    trained = t.List(t.Dict(), help="Widths trained: side, width, steps, accuracy and number of each.").tag(sync=True)
    # Where the reader is
    side = t.Int(0, min=0, help="Which of the programs is on show.").tag(sync=True)
    node = t.Unicode("", help="The selected node.").tag(sync=True)
    position = t.Int(-1, min=-1, help="The pinned position; -1 for none.").tag(sync=True)
    cell: t.TraitType[Any, Any] = t.List(
        t.Int(), None, allow_none=True, minlen=2, maxlen=2, help="Pinned query and key of the selected selector."
    ).tag(sync=True)
    selection = IndicesTrait(_positions, help="Positions that the reader selected, ascending.")
    step = t.Int(-1, min=-1, help="Half-layers that are done; -1 for all, 0 for the embedding only.").tag(sync=True)
    panel = t.Enum(PANELS, "values", help="What is open beside the graph.").tag(sync=True)
    arrangement = t.Enum(["lanes", "written"], "lanes", help="Nodes by half-layer, or as they are written.").tag(
        sync=True
    )
    unfolded = t.Bool(False, help="Whether minor nodes are drawn too.").tag(sync=True)
    width = t.Int(0, min=0, help="Dimensions of the compressed stream on show; 0 for the first trained.").tag(sync=True)
    focus = t.Unicode("", help="The node whose inputs and readers alone are drawn; empty for all.").tag(sync=True)
    ablated = t.List(t.Unicode(), help="Nodes that are taken out of the model.").tag(sync=True)
    title = t.Unicode("", help="Heading.").tag(sync=True)

    @property
    def _values(self) -> tuple[Value, ...]:
        """The values that `vocabulary` spells: nothing else is kept, since a change of it may be taken back."""
        names = tuple(self.vocabulary)
        return self._spelled[names] if names in self._spelled else read_vocabulary(names, self._settled)

    def _spell(self, values: tuple[Value, ...]) -> list[str]:
        """Spell a vocabulary, to be read back as the same values."""
        names = spelled(values)
        self._spelled = MappingProxyType({**self._spelled, tuple(names): values})
        return names

    @t.default("tokens")
    def _no_tokens(self) -> list[str]:
        return []

    @t.default("vocabulary")
    def _no_vocabulary(self) -> list[str]:
        return []

    @t.validate("tokens")
    def _read_tokens(self, proposal: Any) -> list[str]:
        given = proposal["value"]
        try:
            return write_tokens(read_tokens(given, self._values, self.max_length), self._values) if self._values else []
        except (RaspError, TypeError) as error:
            raise t.TraitError(f"tokens={given!r}: {error}") from error

    @t.validate("vocabulary")
    def _read_vocabulary(self, proposal: Any) -> list[str]:
        given = proposal["value"]
        try:
            known = self._spelled.get(tuple(given))
            wanted = read_vocabulary(given, self._settled) if known is None else known
            words = self._spell(wanted)
        except (RaspError, TypeError) as error:
            raise t.TraitError(f"vocabulary={given!r}: {error}") from error
        if self._settled and not wanted:
            raise t.TraitError("the vocabulary is empty; pass the values that an input is made of")
        return words

    @t.validate("node", "focus")
    def _node_exists(self, proposal: Any) -> str:
        name, value = proposal["trait"].name, str(proposal["value"])
        self._check_labels(name, [value] if value else [])
        return value

    @t.validate("ablated")
    def _ablated_exist(self, proposal: Any) -> list[str]:
        self._check_labels("ablated", proposal["value"])
        return list(dict.fromkeys(proposal["value"]))

    def _check_labels(self, name: str, labels: list[str]) -> None:
        known = frozenset[str]().union(*self._labels)
        for label in labels:
            if known and label not in known:
                raise t.TraitError(f"{name}={label!r}, but the nodes are {', '.join(sorted(known))}")

    @t.validate("position")
    def _position_exists(self, proposal: Any) -> int:
        value, count = int(proposal["value"]), len(self.tokens)
        if count and value >= count:
            raise t.TraitError(f"position={value}, but there are {count} tokens; pass 0 <= position < {count}, or -1")
        return value

    @t.validate("cell")
    def _cell_exists(self, proposal: Any) -> list[int] | None:
        value, count = proposal["value"], len(self.tokens)
        if value is not None and count and not all(0 <= place < count for place in value):
            raise t.TraitError(f"cell={value!r}, but there are {count} tokens; pass [query, key], or None")
        return None if value is None else list(value)

    @t.validate("side")
    def _side_exists(self, proposal: Any) -> int:
        value, count = int(proposal["value"]), len(self._labels)
        if count and value >= count:
            raise t.TraitError(f"side={value}, but there {'is 1 program' if count == 1 else 'are 2 programs'}")
        return value
