"""The state of a TransformerExplorer: what is run, where the reader is, what is changed; each value checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import traitlets as t

from attrium_kernel.tracing import Intervention, Sampler
from attrium_kernel.tracing.errors import TraceError

from ..frames import AnswerTrait
from ..selection import IndicesTrait
from ..tour import Tour
from .edits import read_edits

VIEWS = ["", "embedding", "qkv", "attention", "output", "mlp", "logits", "lens", "contributions", "heads"]


def _positions(widget: ExplorerTraits) -> tuple[int]:
    return (len(widget.tokens),)


class TextTrait(t.Unicode[str, str]):
    """A text that runs when it is set, also to what it was if that is not what is on show."""

    def set(self, obj: Any, value: Any) -> None:
        """Take a value, and tell observers of an equal one too where it is news."""
        before = obj._trait_values.get(self.name)
        super().set(obj, value)
        if obj._trait_values[self.name] == before and obj.has_left_text():
            obj._notify_trait(self.name, before, before)


class ExplorerTraits(t.HasTraits):
    """What both sides of a TransformerExplorer know; protocol.ts has the same names.

    A block, head, position or token that is not there is refused once a run tells what there is.
    """

    _own: dict[str, Intervention]

    # The input
    text = TextTrait("", help="The prompt; setting it runs the model.").tag(sync=True)
    examples = t.List(t.Unicode(), help="Prompts to choose from.").tag(sync=True)
    ids = t.List(t.Int(), help="Token ids, generated ones included; setting them runs the model.").tag(sync=True)
    tokens = t.List(t.Dict(), help="id, text, span, special and generated of each position.").tag(sync=True)
    # The run
    model = t.Dict(help="What the model is: sizes, norms, activation, rotary, ties.").tag(sync=True)
    run = t.Int(0, help="Counts the runs; every answer belongs to one.").tag(sync=True)
    flow = AnswerTrait(help="The flow through the present block, as the last run left it.")
    facts = t.Dict(help="forward_ms, bytes, edited and checked of the last run.").tag(sync=True)
    # Where the reader is
    block = t.Int(0, min=0, help="The block on show, from 0.").tag(sync=True)
    head = t.Int(0, min=0, help="The head on show, from 0.").tag(sync=True)
    position = t.Int(0, min=0, help="The position whose lane is followed.").tag(sync=True)
    view = t.Enum(VIEWS, "", help="What is open below the flow.").tag(sync=True)
    selection = IndicesTrait(_positions, help="Positions that the reader selected, ascending.")
    token = t.Int(None, allow_none=True, help="Id of the token followed; None for the likeliest.").tag(sync=True)
    versus = t.Int(None, allow_none=True, help="Id of a token to subtract, or None.").tag(sync=True)
    which = t.Enum(["run", "base"], "run", help="The run with interventions, or the one without.").tag(sync=True)
    head_order = t.Unicode("", help="Score by which the field of heads is sorted; empty for by layer.").tag(sync=True)
    # What is changed, and how tokens are drawn
    edits: t.List[Any] = t.List(help="Interventions as dicts: kind, part, block, head, neuron, position, on, ...").tag(
        sync=True
    )
    sampler = t.Dict(help="temperature, top_k, top_p, min_p, greedy.").tag(sync=True)
    seed = t.Int(0, min=0, max=2**32 - 1, help="Of generation and of resampling.").tag(sync=True)
    # The story
    tour = t.Any(None, help="A guided tour as data: see Tour.").tag(sync=True)
    step = t.Int(-1, min=-1, help="Step of the tour, from 0; -1 for none.").tag(sync=True)
    language = t.Unicode("en", help="Of the tour.").tag(sync=True)
    title = t.Unicode("", help="Heading.").tag(sync=True)

    def has_left_text(self) -> bool:
        """Whether what is on show is no longer what was written."""
        return False

    @t.validate("edits")
    def _read_edits(self, proposal: Any) -> list[dict[str, Any]]:
        return read_edits(proposal["value"], self._own)

    @t.validate("sampler")
    def _read_sampler(self, proposal: Any) -> dict[str, Any]:
        wanted = {"temperature": 1.0, "top_k": None, "top_p": None, "min_p": None, "greedy": False, **proposal["value"]}
        try:
            Sampler(**wanted)
        except (TypeError, TraceError) as error:
            raise t.TraitError(f"sampler={proposal['value']!r}: {error}") from error
        return wanted

    @t.validate("tour")
    def _read_tour(self, proposal: Any) -> dict[str, Any] | None:
        return tour_facts(proposal["value"])

    @t.validate("step")
    def _step_exists(self, proposal: Any) -> int:
        step, count = int(proposal["value"]), _steps(self.tour)
        if step >= count and self.tour is not None:
            raise t.TraitError(f"step={step}, but the tour has {count} steps; pass 0 <= step < {count}, or -1 for none")
        return step

    @t.validate("position")
    def _position_exists(self, proposal: Any) -> int:
        position, count = int(proposal["value"]), len(self.tokens)
        if count and position >= count:
            raise t.TraitError(f"position={position}, but there are {count} tokens; pass 0 <= position < {count}")
        return position

    @t.validate("block", "head")
    def _part_exists(self, proposal: Any) -> int:
        name, value = proposal["trait"].name, int(proposal["value"])
        count = self.model.get(f"{name}s", 0) if self.model else 0
        if count and value >= count:
            raise t.TraitError(f"{name}={value}, but there are {count} {name}s; pass 0 <= {name} < {count}")
        return value

    @t.validate("token", "versus")
    def _token_exists(self, proposal: Any) -> int | None:
        name, value = proposal["trait"].name, proposal["value"]
        count = self.model.get("vocab", 0) if self.model else 0
        if value is not None and (value < 0 or (count and value >= count)):
            there = f"the vocabulary has {count}" if count else "ids begin at 0"
            most = f" < {count}" if count else ""
            raise t.TraitError(f"{name}={value}, but {there}; pass 0 <= {name}{most}, or None")
        return None if value is None else int(value)


def tour_facts(tour: Any) -> dict[str, Any] | None:
    """A tour as data, from a `Tour`, its name, its file, or data.

    Raises:
        TraitError: for what is none.
    """
    if tour is None or (isinstance(tour, dict) and _steps(tour)):
        return tour
    if isinstance(tour, (str, Path)):
        tour = Tour.load(tour)
    if not isinstance(tour, Tour):
        raise t.TraitError(f"tour={tour!r}; pass a Tour, the name or file of one, Tour(...).facts(), or None")
    return tour.facts()


def _steps(tour: Any) -> int:
    """How many steps a tour as data has; 0 for what is no tour."""
    languages = tour.get("languages") if isinstance(tour, dict) else None
    told: Any = next(iter(languages.values()), {}) if isinstance(languages, dict) else {}
    return len(told["steps"]) if isinstance(told, dict) and isinstance(told.get("steps"), list) else 0
