"""Many runs that differ in one intervention each: batched, started where the first of them takes effect, streamed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from attrium_kernel.running import Cancelled

from .architecture import Architecture
from .capture import Capture
from .discover import discover, logits_of
from .errors import InterventionError, SiteError
from .inputs import Inputs
from .interventions import Edge, Intervention, Slice
from .metrics import Metric, measured, reading
from .prefix import cache_names, shareable, unchanged, with_cache
from .prepare import prepared
from .restart import Start, earliest, entries_of, fused_activations, needed, possible, read_only, skip
from .run import Run
from .trace import Trace

Variation = Intervention | Sequence[Intervention]
Progress = Callable[[int, int], object]
Cancel = Callable[[], bool]

ROWS_TIMES_POSITIONS = {"cpu": 384}
"""Tokens in one batch: on a CPU more is no faster and takes more memory. Elsewhere `MANY`."""
MANY = 8192
MOST_AT_ONCE = 8
"""Examples of two base runs that are worth running as one batch."""


@dataclass(frozen=True)
class Step:
    """Results of one batch.

    Args:
        index: which variations.
        values: `(variation, batch)` the metric of each, for each example.
    """

    index: tuple[int, ...]
    values: Tensor


def sweep(
    model: Any,
    inputs: Any,
    variations: Sequence[Variation],
    metric: Metric,
    *,
    tokenizer: Any = None,
    base: Sequence[Intervention] = (),
    architecture: Architecture | None = None,
    batch_size: int | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Tensor:
    """The metric under each of many interventions.

    Args:
        model: as for `trace`.
        inputs: as for `trace`.
        variations: each an intervention, or several that belong together.
        metric: `logits -> (batch,)`; with a `position`, only that position is computed at the end.
        tokenizer: for texts.
        base: interventions that are on in every run.
        architecture: found by default.
        batch_size: variations in one batch; sized to the text by default.
        progress: called with `(done, total)` after every batch.
        cancel: asked before every batch; True stops.

    Returns:
        `(variation, batch)`, float32.

    Raises:
        Cancelled: when `cancel` said so.
        TraceError: one of its kinds.
    """
    found: Tensor | None = None
    done = 0
    steps = iterate(
        model, inputs, variations, metric, tokenizer=tokenizer, base=base, architecture=architecture,
        batch_size=batch_size, cancel=cancel,
    )  # fmt: skip
    for step in steps:
        if found is None:
            with torch.inference_mode(False):
                found = torch.full((len(variations), step.values.shape[1]), float("nan"))
        found[list(step.index)] = step.values
        done += len(step.index)
        if progress is not None:
            progress(done, len(variations))
    return torch.empty(0, 1) if found is None else found


def base_names(
    model: nn.Module, architecture: Architecture, inputs: Inputs, variations: Sequence[Variation], metric: Metric
) -> list[str]:
    """Activations of the base run that a sweep over these variations takes over."""
    plan = _Plan(model, architecture, inputs, [_several(v) for v in variations], (), metric, None)
    return sorted({*plan.names, *(name for start in set(plan.starts) for name in needed(start, plan.stack))})


def _start_of(looking: Run, variation: Sequence[Intervention], architecture: Architecture) -> Start:
    """Where a variation may start."""
    stack = architecture.main
    start = possible(earliest(entries_of(looking, list(variation)), stack), stack, looking.model)
    return Start() if len(architecture.stacks) > 1 and start.layer == 0 else start


def iterate(
    model: Any,
    inputs: Any,
    variations: Sequence[Variation],
    metric: Metric,
    *,
    tokenizer: Any = None,
    base: Sequence[Intervention] = (),
    architecture: Architecture | None = None,
    batch_size: int | None = None,
    cancel: Cancel | None = None,
    known: Trace | None = None,
    fresh: Trace | None = None,
) -> Iterator[Step]:
    """The same as `sweep`, batch by batch: results as they come. Between batches the model is as it was.

    Args:
        known: a trace of the base run with all that is needed, if it is at hand.
        fresh: a plain trace of the model as it is now that variations patch from: up to the first token in which it
            differs from the base run nothing is computed again.
    """
    model, given, _ = prepared(model, inputs, tokenizer)
    architecture = architecture or discover(model, given)
    _refuse_cancelled(cancel)
    plan = _Plan(model, architecture, given, [_several(v) for v in variations], tuple(base), metric, batch_size)
    runs = known or plan.base_run()
    plan.fresh = fresh
    plan.share(runs)
    for start, index in plan.batches(runs):
        _refuse_cancelled(cancel)
        yield plan.step(runs, start, index)


def _refuse_cancelled(cancel: Cancel | None) -> None:
    if cancel is not None and cancel():
        raise Cancelled("the sweep was cancelled")


def _several(variation: Variation) -> tuple[Intervention, ...]:
    given: Any = variation
    found = (given,) if isinstance(given, Intervention) or not isinstance(given, Iterable) else tuple(given)
    if not found or not all(isinstance(v, Intervention) for v in found):
        raise InterventionError(f"a variation is {variation!r}; pass an intervention, or several")
    return found


class _Plan:
    """Which variations run together, and from where."""

    def __init__(
        self,
        model: nn.Module,
        architecture: Architecture,
        inputs: Inputs,
        variations: list[tuple[Intervention, ...]],
        base: tuple[Intervention, ...],
        metric: Metric,
        batch_size: int | None,
    ) -> None:
        self.model, self.architecture, self.inputs = model, architecture, inputs
        self.variations, self.metric, self.batch_size = variations, metric, batch_size
        self.stack = architecture.main
        self.looking = Run(model, architecture)
        self.base = [one for i in base for one in self._by_name(i)]
        self.starts = self._starts()
        self.names = cache_names(architecture) if shareable(model, architecture, inputs, metric) else []
        self.unchanged = [0] * len(variations)
        self.fresh: Trace | None = None
        _check_padding(inputs, metric)

    def _by_name(self, intervention: Intervention) -> list[Intervention]:
        """One intervention for each name that a pattern means."""
        if isinstance(intervention.at, Edge):
            return [intervention]
        names = self.looking.names_of(intervention.site)
        return [replace(intervention, at=replace(intervention.at, name=name)) for name in names]

    def _starts(self) -> list[Start]:
        if any(isinstance(intervention.at, Edge) for intervention in self.base):
            return [Start()] * len(self.variations)  # receivers need what their senders wrote in this very run
        return [_start_of(self.looking, variation, self.architecture) for variation in self.variations]

    def base_run(self) -> Trace:
        """The run that all variations start from."""
        names = {name for start in set(self.starts) for name in needed(start, self.stack)}
        names |= set() if self.base else set(self.names)
        return base_trace(self.model, self.inputs, sorted(names), self.metric, self.architecture, self.base)

    def batches(self, runs: Trace) -> Iterator[tuple[Start, list[int]]]:
        """Variations of one start together, so many that they fit."""
        groups: dict[Start, list[int]] = {}
        for n, start in enumerate(self.starts):
            groups.setdefault(start, []).append(n)
        for start, index in sorted(groups.items()):
            index.sort(key=lambda n: self.unchanged[n])
            size = self._size(runs)
            for first in range(0, len(index), size):
                yield start, index[first : first + size]

    def share(self, runs: Trace) -> None:
        """Find out how many positions each variation leaves as they are, if the model's cache gives what it should."""
        self.unchanged = [0] * len(self.variations)
        if self.base or not self.names or any(name not in runs for name in self.names) or runs.tokens is None:
            return
        longest = runs.tokens.ids.shape[1] + (reading(self.metric)[0] or 0)  # what it reads must be run
        found = [min(unchanged(variation, runs, self.fresh), longest) for variation in self.variations]
        shared = [n for n in found if n]
        if shared and self._trusted(runs, min(shared)):
            self.unchanged = found

    def _trusted(self, runs: Trace, positions: int) -> bool:
        """The base run again, its beginning from a cache, must give the same numbers."""
        assert runs.logits is not None
        inputs = with_cache(self.model, runs, self.inputs, self.names, positions, 1)

        def prepare(run: Run, within: contextlib.ExitStack) -> None:
            read_only(run, self.metric, self.stack, within)

        with Run(self.model, self.architecture, prepare=prepare) as run:
            output, _ = run.forward(inputs, offset=positions)
        again, known = logits_of(output), measured(self.metric, runs.logits.float())
        assert again is not None
        slack = 1e-4 * max(1.0, float(known.abs().max()))
        return bool((measured(self.metric, again.float()) - known).abs().max() <= slack)

    def _size(self, runs: Trace) -> int:
        if self.batch_size is not None:
            return max(1, self.batch_size)
        assert runs.logits is not None
        ids = self.inputs.ids()
        positions = 64 if ids is None else ids.shape[1]
        device = next(self.model.parameters()).device.type
        return max(1, ROWS_TIMES_POSITIONS.get(device, MANY) // (positions * runs.logits.shape[0]))

    def step(self, runs: Trace, start: Start, index: list[int]) -> Step:
        """Run some variations as one batch."""
        assert runs.logits is not None
        examples, repeats = runs.logits.shape[0], len(index)
        first = min(self.unchanged[which] for which in index)
        base = [i for i in self.base if not self._before(i, start)]
        interventions = []
        for n, which in enumerate(index):
            rows = n * examples, (n + 1) * examples
            interventions += [Slice(i.at, i, *rows) for i in (*base, *self.variations[which])]

        def prepare(run: Run, within: contextlib.ExitStack) -> None:
            skip(run, start, self.stack, runs, repeats, within, first)
            fused_activations(run.model, within)
            read_only(run, self.metric, self.stack, within)

        with Run(self.model, self.architecture, interventions, prepare=prepare) as run:
            inputs = self._repeated(repeats, examples)
            if first:
                inputs = with_cache(self.model, runs, inputs, self.names, first, repeats)
            output, _ = run.forward(inputs, offset=first)
            logits = logits_of(output)
            assert logits is not None
            own = logits.float().reshape(repeats, examples, *logits.shape[1:])
            numbers = torch.stack([measured(self.metric, part).cpu() for part in own])
        return Step(tuple(index), numbers)

    def _before(self, intervention: Intervention, start: Start) -> bool:
        """Whether the values taken over hold what an intervention did, so that it must not be done again."""
        if isinstance(intervention.at, Edge):
            return False
        return set(self.looking.names_of(intervention.site)) <= set(needed(start, self.stack))

    def _repeated(self, repeats: int, examples: int) -> Inputs:
        def again(value: Any) -> Any:
            if isinstance(value, Tensor) and value.dim() >= 1 and value.shape[0] == examples:
                return value.repeat(repeats, *[1] * (value.dim() - 1))
            return value

        kwargs = {name: again(value) for name, value in (self.inputs.kwargs or {}).items()}
        return Inputs(tuple(again(value) for value in self.inputs.args), kwargs)


def _check_padding(inputs: Inputs, metric: Metric) -> None:
    """A position counted from the end must be a token's in every text."""
    mask, position = (inputs.kwargs or {}).get("attention_mask"), reading(metric)[0]
    if isinstance(mask, Tensor) and mask.dim() == 2 and position is not None and not bool(mask[:, position].all()):
        raise SiteError(
            f"the metric reads position {position}, which is padding in some of these texts; pass texts of as many "
            "tokens, or a function of the logits that reads each text at its own end"
        )


def base_trace(
    model: nn.Module,
    inputs: Inputs,
    names: Sequence[str],
    metric: Metric,
    architecture: Architecture,
    interventions: Sequence[Intervention] = (),
) -> Trace:
    """A run whose values others take over; of the logits only what the metric reads."""

    def prepare(run: Run, within: contextlib.ExitStack) -> None:
        fused_activations(run.model, within)
        read_only(run, metric, architecture.main, within)

    with Run(model, architecture, interventions, Capture((*names, "logits")), prepare=prepare) as run:
        _, made = run.forward(inputs)
    assert made is not None
    return made


def base_traces(
    model: nn.Module, both: Sequence[Inputs], names: Sequence[str], metric: Metric, architecture: Architecture
) -> tuple[Trace, ...]:
    """`base_trace` of several inputs: as one batch where they are ids of one shape and nothing else."""
    found = [inputs.ids() for inputs in both]
    plain = all(
        ids is not None and len(inputs.args) + len(inputs.kwargs or {}) == 1 for ids, inputs in zip(found, both)
    )
    shapes = {ids.shape for ids in found if ids is not None}
    if not plain or len(shapes) != 1 or next(iter(shapes))[0] * len(both) > MOST_AT_ONCE:
        return tuple(base_trace(model, inputs, names, metric, architecture) for inputs in both)
    count = next(iter(shapes))[0]
    ids = torch.cat([ids for ids in found if ids is not None])
    together = Inputs((ids,), {}) if both[0].args else Inputs((), {"input_ids": ids})
    trace = base_trace(model, together, names, metric, architecture)
    return tuple(trace.examples(n * count, (n + 1) * count) for n in range(len(both)))
