"""Tracing: one forward of GPT-2 with everything captured, beside the plain forward and the other ways to see inside."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from attrium_kernel.tracing import Capture, Trace, trace

from . import rivals
from .case import Case, Contender, Limit
from .networks import Scale, gpt2

RIVALS = rivals.PACKAGES


class Forward:
    """The model with its ids, and what the rivals make of it; each is built when first used, all share parameters."""

    counted = None

    def __init__(self, scale: Scale) -> None:
        """The ids are of `min(scale.tokens, scale.most_tokens)` tokens."""
        model, self.x = gpt2(dataclasses.replace(scale, tokens=min(scale.tokens, scale.most_tokens)))
        self.eager = rivals.twin(model, "eager")
        self.sdpa = rivals.twin(model, "sdpa")
        self.heads: int = model.config.n_head
        self.layers: int = model.config.n_layer

    @cached_property
    def hooked(self) -> Any:
        """The copy for plain hooks."""
        return rivals.twin(self.eager, "eager")

    @cached_property
    def bridge(self) -> Any:
        """TransformerLens around a copy."""
        return rivals.bridge(self.eager)

    @cached_property
    def nnsight(self) -> Any:
        """Nnsight around a copy."""
        return rivals.nnsight(self.eager)


def on(work: Forward, run: Callable[[Tensor], Any], values: Callable[[Any], Mapping[str, Tensor]]) -> Contender:
    """A contender without gradients, that is warm after four tokens."""

    def without_gradients(ids: Tensor) -> Any:
        with torch.no_grad():
            return run(ids)

    return Contender(partial(without_gradients, work.x), warm=partial(without_gradients, work.x[:, :4]), values=values)


# ---- how values are read for the comparison


def all_of(result: Any) -> Mapping[str, Tensor]:
    """The result itself is a mapping from name to tensor."""
    kept: Mapping[str, Tensor] = result
    return kept


def logits_of(output: Any) -> dict[str, Tensor]:
    """A model's output."""
    return {"logits": output.logits}


def read_from(names: list[str]) -> Callable[[Trace], dict[str, Tensor]]:
    """These names and the logits of a trace."""
    return lambda traced: {name: traced[name] for name in names} | {"logits": traced.logits}


# ---- everything


def with_patterns(traced: Trace) -> tuple[Trace, list[Tensor]]:
    """The trace and every pattern, read."""
    return traced, [traced[name] for name in traced.names if name.endswith(".attn.pattern")]


def capturing_everything(work: Forward) -> dict[str, Contender]:
    """Ours on both kinds of attention, and the others on what shows them a pattern: eager attention."""
    places = rivals.everything(work.hooked)
    ours = read_from(rivals.content(*range(work.layers)))
    same = Capture(names=tuple(rivals.content("*")), patterns="keep")
    return rivals.installed(
        {
            "plain eager": on(work, lambda ids: work.eager(ids, use_cache=False), logits_of),
            "plain sdpa": on(work, lambda ids: work.sdpa(ids, use_cache=False), logits_of),
            "ours": on(work, lambda ids: trace(work.eager, ids), ours),
            "ours, equal content": on(work, lambda ids: trace(work.eager, ids, capture=same), ours),
            "ours, patterns read": on(
                work, lambda ids: with_patterns(trace(work.eager, ids)), lambda result: ours(result[0])
            ),
            "ours, sdpa": on(work, lambda ids: trace(work.sdpa, ids), ours),
            "ours, sdpa, patterns read": on(
                work, lambda ids: with_patterns(trace(work.sdpa, ids)), lambda result: ours(result[0])
            ),
            "hooks": on(work, lambda ids: rivals.hooked(work.hooked, ids, places), all_of),
            "outputs": on(work, lambda ids: rivals.outputs(work.eager, ids), rivals.outputs_by_name),
            "transformer_lens": on(
                work, lambda ids: work.bridge.run_with_cache(ids, use_cache=False), rivals.cache_by_name
            ),
            "nnsight": on(work, lambda ids: rivals.traced_by_nnsight(work.nnsight, ids, work.heads), all_of),
        }
    )


def of_tokens(tokens: int) -> Callable[[Scale], Forward]:
    """GPT-2 of the scale's size on this many tokens."""
    return lambda scale: Forward(dataclasses.replace(scale, tokens=tokens))


def narrow(scale: Scale) -> Forward:
    """12 layers of width 48 on 32 tokens: almost no arithmetic, so what is left is the fixed cost."""
    return Forward(dataclasses.replace(scale, layers=12, width=48, vocabulary=2003, tokens=32, most_tokens=1024))


# ---- less than everything

LAYER = 5


def capturing_one_pattern(work: Forward) -> dict[str, Contender]:
    """The pattern of one layer, in the middle."""
    layer = min(LAYER, work.layers - 1)
    name, places = f"blocks.{layer}.attn.pattern", rivals.one_pattern(work.hooked, layer)
    ours, theirs = read_from([name]), f"blocks.{layer}.attn.hook_pattern"
    return rivals.installed(
        {
            "plain eager": on(work, lambda ids: work.eager(ids, use_cache=False), logits_of),
            "plain sdpa": on(work, lambda ids: work.sdpa(ids, use_cache=False), logits_of),
            "ours": on(
                work, lambda ids: read(trace(work.eager, ids, capture=name), name), lambda result: ours(result[0])
            ),
            "ours, sdpa": on(
                work, lambda ids: read(trace(work.sdpa, ids, capture=name), name), lambda result: ours(result[0])
            ),
            "hooks": on(work, lambda ids: rivals.hooked(work.hooked, ids, places), all_of),
            "transformer_lens": on(
                work,
                lambda ids: work.bridge.run_with_cache(ids, use_cache=False, names_filter=theirs),
                rivals.cache_by_name,
            ),
            "nnsight": on(work, lambda ids: rivals.pattern_by_nnsight(work.nnsight, ids, layer), all_of),
        }
    )


def read(traced: Trace, name: str) -> tuple[Trace, Tensor]:
    """The trace and one of its tensors, read."""
    return traced, traced[name]


def capturing_outputs(work: Forward) -> dict[str, Contender]:
    """The content of `output_attentions` and `output_hidden_states`."""
    names = ["blocks.*.attn.pattern", "blocks.*.resid_pre", "ln_final.out"]
    capture = Capture(names=tuple(names), patterns="keep")
    wanted = [f"blocks.{i}.{name}" for i in range(work.layers) for name in ("attn.pattern", "resid_pre")]
    ours = read_from([*wanted, "ln_final.out"])
    return {
        "plain eager": on(work, lambda ids: work.eager(ids, use_cache=False), logits_of),
        "ours": on(work, lambda ids: trace(work.eager, ids, capture=capture), ours),
        "outputs": on(work, lambda ids: rivals.outputs(work.eager, ids), rivals.outputs_by_name),
    }


MODES = ("ours", "ours, equal content", "ours, patterns read", "ours, sdpa", "ours, sdpa, patterns read")
TIE = 1.02
"""Never slower, measured: two contenders that do the same differ by up to this much from run to run."""
ONCE = 1.001
"""Nothing held twice, measured: beside the tensors there are ids and masks."""

BESIDE = (
    Limit("cpu", RIVALS, at_most=TIE, mine="ours, equal content"),
    Limit("held", "hooks", at_most=ONCE, mine="ours, equal content"),
    Limit("held", RIVALS, at_most=1.0),
    Limit("memory", RIVALS, at_most=1.0),
)


def everything(tokens: int, rounds: float, limits: tuple[Limit, ...] = (), repeats: int = 1) -> Case:
    """The case of everything captured at a length."""
    return Case(
        f"trace-{tokens}",
        f"trace, everything captured, GPT-2, {tokens} tokens",
        "tracing",
        of_tokens(tokens),
        capturing_everything,
        same_as="hooks",
        over="plain eager",
        judged=MODES,
        tolerance=1e-4,
        rivals=RIVALS,
        repeats=repeats,
        rounds=rounds,
        limits=(*limits, *BESIDE),
    )


CASES = [
    everything(32, rounds=2, repeats=2),
    everything(
        256,
        rounds=1.6,
        limits=(
            Limit("cpu", "plain eager", at_most=1.15),
            Limit("cpu", "plain eager", at_most=1.15, mine="ours, sdpa"),
            Limit("cpu", "plain eager", at_most=1.15, mine="ours, equal content"),
        ),
    ),
    everything(1024, rounds=0.6),
    Case(
        "trace-pattern",
        "trace, one layer's pattern, GPT-2, 256 tokens",
        "tracing",
        of_tokens(256),
        capturing_one_pattern,
        same_as="hooks",
        over="plain eager",
        judged=("ours", "ours, sdpa"),
        tolerance=1e-4,
        rivals=RIVALS,
        rounds=1.6,
        limits=(
            Limit("cpu", "plain eager", at_most=1.05),
            Limit("cpu", "plain eager", at_most=1.05, mine="ours, sdpa"),
            Limit("cpu", RIVALS, at_most=TIE),
        ),
    ),
    Case(
        "trace-outputs",
        "trace, what output_attentions and output_hidden_states hold, GPT-2, 256 tokens",
        "tracing",
        of_tokens(256),
        capturing_outputs,
        same_as="outputs",
        over="plain eager",
        tolerance=1e-4,
        rounds=1.6,
        limits=(Limit("cpu", "outputs", at_most=TIE), Limit("held", "outputs", at_most=ONCE)),
    ),
    Case(
        "trace-fixed",
        "trace, everything captured, 12 layers of width 48, 32 tokens",
        "tracing",
        narrow,
        capturing_everything,
        same_as="hooks",
        over="plain eager",
        judged=MODES,
        tolerance=1e-4,
        rivals=RIVALS,
        repeats=5,
        rounds=12,
        limits=(
            Limit("cpu ms", "plain eager", at_most=2.5),
            Limit("cpu ms", "plain sdpa", at_most=2.5, mine="ours, sdpa"),
            Limit("cpu", RIVALS, at_most=TIE, mine="ours, equal content"),
        ),
    ),
]
