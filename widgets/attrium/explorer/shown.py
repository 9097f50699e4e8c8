"""What is on screen: a prompt, and its runs with and without interventions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from attrium_kernel.tracing import Intervention, Origins, Trace

from ..errors import AttriumError, DataError
from .edits import make_interventions
from .subject import Prompt, Subject

SHUFFLES = 8
"""Random orders of the prompt that resampling draws from."""


@dataclass(frozen=True, eq=False)
class Shown:
    """A prompt and its two runs.

    Args:
        prompt: what was run.
        base: without interventions.
        run: with them; the very same trace if none is on.
        applied: the interventions.
        weights: of the model at the time: see `Subject.weights`.
        forward_ms: how long the run on show took, tracing included.
    """

    prompt: Prompt
    base: Trace
    run: Trace
    applied: tuple[Intervention, ...]
    weights: tuple[Any, ...]
    forward_ms: float
    _origins: dict[str, Origins] = field(default_factory=dict, init=False)

    @property
    def edited(self) -> bool:
        """Whether any intervention was on."""
        return self.run is not self.base

    def trace(self, which: Any) -> Trace:
        """The run with interventions, "run", or the one without, "base"."""
        if which not in ("run", "base"):
            raise AttriumError(f"which={which!r}; pass 'run' or 'base'")
        return self.run if which == "run" else self.base

    def origins(self, which: Any) -> Origins:
        """What made the numbers of one of the runs; kept, since it looks up weights."""
        if which not in self._origins:
            self._origins[which] = Origins(self.trace(which))
        return self._origins[which]


def explore(
    subject: Subject,
    prompt: Prompt,
    edits: Sequence[Mapping[str, Any]],
    own: Mapping[str, Intervention],
    seed: int,
    before: Shown | None,
    check: Callable[[], None],
) -> Shown:
    """Run a model on a prompt, without the edits and with them.

    Args:
        subject: the model.
        prompt: for it.
        edits: complete ones, as `read_edits` returns.
        own: interventions set from Python, by id.
        seed: of resampling.
        before: what was on show: its run without interventions is taken over where it would come out the same.
        check: called between the runs; raises if they are no longer wanted.

    Raises:
        DataError: for inputs of several examples.
    """
    weights = subject.weights
    known = before if before is not None and _is_same(subject, prompt, weights, before) else None
    started = time.perf_counter()
    base = known.base if known is not None else subject.trace(prompt)
    forward_ms = known.forward_ms if known is not None else 1000 * (time.perf_counter() - started)
    check()
    if not subject.reads_text:
        prompt = _places(base)
    applied = tuple(_interventions(subject, prompt, edits, own, seed, base))
    if not applied:
        return Shown(prompt, base, base, applied, weights, forward_ms)
    started = time.perf_counter()
    run = subject.trace(prompt, applied)
    return Shown(prompt, base, run, applied, weights, 1000 * (time.perf_counter() - started))


def _is_same(subject: Subject, prompt: Prompt, weights: tuple[Any, ...], before: Shown) -> bool:
    same = before.prompt.ids == prompt.ids and before.prompt.source == prompt.source
    return same and subject.reads_text and before.weights == weights


def _places(trace: Trace) -> Prompt:
    """Positions of inputs that are no tokens, by number."""
    count = trace.size("batch")
    if count > 1:
        raise DataError(f"inputs hold {count} examples; pass one, inputs[:1] say: the explorer shows a single pass")
    texts = tuple(str(n) for n in range(trace.size("position")))
    return Prompt((), texts)


def _interventions(
    subject: Subject,
    prompt: Prompt,
    edits: Sequence[Mapping[str, Any]],
    own: Mapping[str, Intervention],
    seed: int,
    base: Trace,
) -> list[Intervention]:
    def other(text: str, name: str) -> Trace:
        if not text:
            raise DataError("patching needs a second prompt: write the text to patch from")
        return subject.trace(subject.encode(text), capture=[name])

    def shuffled(name: str) -> Trace:
        return subject.shuffled(prompt, SHUFFLES, seed, [name])

    return make_interventions(edits, own, base, other, shuffled)
