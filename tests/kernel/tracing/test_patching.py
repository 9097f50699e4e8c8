"""Tables of activation patching and ablation, cell by cell: against plain traces, and against plain hooks."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attrium_kernel.running import Cancelled
from attrium_kernel.tracing import (
    Intervention,
    LogitDifference,
    LogProbability,
    Mean,
    Patch,
    Resample,
    Site,
    Table,
    Trace,
    TraceError,
    Zero,
    ablation_sweep,
    activation_patching,
    trace,
)
from attrium_kernel.tracing.patching import KINDS

from . import models, oracles
from .closeness import assert_close
from .test_hygiene import Boom, busy, untouched_all
from .test_sweeps import BATCH, IDS, LENGTH, METRICS, OTHER, everything, given, prefix

PER_HEAD = {"heads": "attn.z", "q": "attn.q", "k": "attn.k", "v": "attn.v", "patterns": "attn.pattern"}
CASES = [case for case in models.CASES if case[0] != "vit"]


def cells_of(kind: str, name: str) -> dict[tuple[int, ...], Site]:
    """The site of each cell of a table, from the words of the contract."""
    stack = models.SUBJECTS[name].stacks[-1]
    layers, heads = range(stack.layers), stack.attention.kv_heads if kind in ("k", "v") else stack.attention.heads
    block = f"{stack.prefix}blocks.{{}}."
    if kind == "heads_by_position":
        return {
            (i, h, p): Site(f"{block.format(i)}attn.z", head=h, position=p)
            for i, h, p in itertools.product(layers, range(heads), range(LENGTH))
        }
    if kind in PER_HEAD:
        return {(i, h): Site(f"{block.format(i)}{PER_HEAD[kind]}", head=h) for i in layers for h in range(heads)}
    return {(i, p): Site(f"{block.format(i)}{kind}", position=p) for i in layers for p in range(LENGTH)}


def shape_of(kind: str, name: str) -> tuple[int, ...]:
    """Of the table."""
    return tuple(n + 1 for n in max(cells_of(kind, name)))


@functools.cache
def clean_trace(name: str, implementation: str) -> Trace:
    """The clean run, whole."""
    return trace(models.shared(name, implementation), given(name, IDS))


def run_with(name: str, implementation: str, intervention: Intervention) -> Tensor:
    """Logits of one plain run of the corrupt texts."""
    return trace(
        models.shared(name, implementation), given(name, OTHER), capture=(), interventions=[intervention]
    ).logits


def assert_cells(found: Table, name: str, right: Callable[[Site], Tensor], every: int = 1) -> None:
    """Every n-th cell, and the last, is the mean of what a run of its own gives."""
    cells = list(cells_of(found.kind, name).items())
    wrong = []
    for at, site in [*cells[::every], cells[-1]]:
        value, expected = found.values[at], right(site).mean()
        if not (value - expected).abs() <= 1e-5:
            wrong.append(f"{site}: {value:.6g}, not {expected:.6g}")
    assert not wrong, f"{len(wrong)} cells are wrong: " + "; ".join(wrong[:5])


def has(name: str, kind: str) -> bool:
    """Whether a family has what a kind is about."""
    stack = models.SUBJECTS[name].stacks[-1]
    return not (kind == "resid_mid" and stack.form == "parallel")


@pytest.mark.parametrize(("name", "implementation"), CASES)
def test_every_kind_in_every_architecture_is_a_loop_of_traces(name: str, implementation: str) -> None:
    model, there = models.shared(name, implementation), clean_trace(name, implementation)
    every = implementation == models.SUBJECTS[name].implementations[-1]
    for n, kind in enumerate(KINDS if every else ("resid_mid", "attn_out", "heads", "k", "patterns")):
        metric = list(METRICS.values())[(n + len(name)) % len(METRICS)]
        if not has(name, kind):
            with pytest.raises(TraceError, match=r"resid_mid.*same stream"):
                activation_patching(model, given(name, IDS), given(name, OTHER), metric, kind)
            continue
        found = activation_patching(model, given(name, IDS), given(name, OTHER), metric, kind)
        assert found.values.shape == shape_of(kind, name), kind
        assert_cells(
            found,
            name,
            lambda site, m=metric: m(run_with(name, implementation, Patch(site, there))),
            9 if kind != "heads_by_position" else 31,
        )


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_every_cell_of_every_kind_with_every_metric(name: str, kind: str, metric: str) -> None:
    measure, there = METRICS[metric], clean_trace(name, "sdpa")
    found = activation_patching(models.shared(name, "sdpa"), given(name, IDS), given(name, OTHER), measure, kind)
    assert found.kind == kind
    assert found.axes == {"heads_by_position": ("layer", "head", "position")}.get(
        kind, ("layer", "head" if kind in PER_HEAD else "position")
    )
    assert_cells(found, name, lambda site: measure(run_with(name, "sdpa", Patch(site, there))))
    assert_close(found.before, measure(oracles.plain(models.shared(name, "sdpa"), given(name, OTHER)).logits))
    assert found.source is not None
    assert_close(found.source, measure(oracles.plain(models.shared(name, "sdpa"), given(name, IDS)).logits))


# ---- against plain hooks: nothing of the package below but the table under test


class ByHooks:
    """Activation patching of GPT-2 and Llama with forward hooks of torch, one cell at a time."""

    def __init__(self, name: str, implementation: str, clean: Tensor) -> None:
        self.name, self.model = name, models.shared(name, implementation)
        self.gpt2 = name == "gpt2"
        eager = models.shared(name, "eager")
        self.patterns = oracles.plain(eager, {"input_ids": clean}, output_attentions=True).attentions
        with oracles.Recording().of(self.model) as recording:
            oracles.plain(self.model, {"input_ids": clean})
        self.clean, self.handles = recording, []

    def block(self, i: int) -> str:
        return f"transformer.h.{i}" if self.gpt2 else f"model.layers.{i}"

    def attention(self, i: int) -> str:
        return f"{self.block(i)}.{'attn' if self.gpt2 else 'self_attn'}"

    def o(self, i: int) -> str:
        return f"{self.attention(i)}.{'c_proj' if self.gpt2 else 'o_proj'}"

    def at_input(self, path: str, change: Callable[[Tensor], Tensor]) -> None:
        """Change what a module is given."""
        hook = lambda module, args: (change(args[0].clone()), *args[1:])  # noqa: E731
        self.handles.append(self.model.get_submodule(path).register_forward_pre_hook(hook))

    def at_output(self, path: str, change: Callable[[Tensor], Tensor]) -> None:
        """Change what a module returns."""

        def hook(module: nn.Module, args: Any, output: Any) -> Any:
            return (change(output[0].clone()), *output[1:]) if isinstance(output, tuple) else change(output.clone())

        self.handles.append(self.model.get_submodule(path).register_forward_hook(hook))

    def logits(self, kind: str, cell: tuple[int, ...], corrupt: Tensor) -> Tensor:
        """Of the corrupt texts with one cell from the clean ones."""
        try:
            self.patch(kind, *cell)
            return oracles.plain(self.model, {"input_ids": corrupt}).logits
        finally:
            while self.handles:
                self.handles.pop().remove()

    def patch(self, kind: str, i: int, j: int, p: int | None = None) -> None:
        block, clean = self.block(i), self.clean

        def at(source: Tensor) -> Callable[[Tensor], Tensor]:
            def change(value: Tensor) -> Tensor:
                value[:, j] = source[:, j]
                return value

            return change

        if kind == "resid_pre":
            self.at_input(block, at(clean.inputs[block][0]))
        elif kind == "resid_post":
            self.at_output(block, at(clean.outputs[block][0]))
        elif kind == "attn_out":
            self.at_output(self.attention(i), at(clean.outputs[self.attention(i)][0]))
        elif kind == "mlp_out":
            self.at_output(f"{block}.mlp", at(clean.outputs[f"{block}.mlp"][0]))
        elif kind == "resid_mid":  # a sum that no module returns: what is added is made to lead to it
            norm = f"{block}.{'ln_2' if self.gpt2 else 'post_attention_layernorm'}"
            seen: list[Tensor] = []
            self.at_input(block, lambda value: (seen.append(value), value)[1])

            def lead(value: Tensor) -> Tensor:
                value[:, j] = clean.inputs[norm][0][:, j] - seen[-1][:, j]
                return value

            self.at_output(self.attention(i), lead)
        elif kind in ("heads", "heads_by_position", "patterns"):
            self.patch_mix(kind, i, j, p)
        else:
            self.patch_projection(kind, i, j)

    def patch_mix(self, kind: str, i: int, head: int, p: int | None) -> None:
        """A head's mixed values, taken over or mixed again by the clean pattern."""
        d, values = (6 if self.gpt2 else 10), []
        rows = slice(None) if p is None else slice(p, p + 1)
        if kind == "patterns":
            path = f"{self.attention(i)}.{'c_attn' if self.gpt2 else 'v_proj'}"
            self.at_output(path, lambda value: (values.append(value[..., -24:] if self.gpt2 else value), value)[1])

        def change(flat: Tensor) -> Tensor:
            if kind == "patterns":
                key_head = head if self.gpt2 else head // 2
                v = values[-1][..., key_head * d : (key_head + 1) * d]
                flat[..., head * d : (head + 1) * d] = self.patterns[i][:, head] @ v
            else:
                source = self.clean.inputs[self.o(i)][0]
                flat[:, rows, head * d : (head + 1) * d] = source[:, rows, head * d : (head + 1) * d]
            return flat

        self.at_input(self.o(i), change)

    def patch_projection(self, kind: str, i: int, head: int) -> None:
        """Queries, keys or values as they leave their projection."""
        path = f"{self.attention(i)}.{'c_attn' if self.gpt2 else kind + '_proj'}"
        first = "qkv".index(kind) * 24 + head * 6 if self.gpt2 else head * 10
        columns = slice(first, first + (6 if self.gpt2 else 10))

        def change(value: Tensor) -> Tensor:
            value[..., columns] = self.clean.outputs[path][0][..., columns]
            return value

        self.at_output(path, change)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_tables_are_those_of_plain_hooks(name: str, implementation: str, kind: str) -> None:
    hand = ByHooks(name, implementation, IDS)
    cells = list(cells_of(kind, name))
    right = [hand.logits(kind, cell, OTHER) for cell in cells]
    for metric in (METRICS["difference at the end"], METRICS["probability"], everything):
        found = activation_patching(models.shared(name, implementation), IDS, OTHER, metric, kind)
        expected = torch.stack([metric(logits).mean() for logits in right]).reshape(shape_of(kind, name))
        assert_close(found.values, expected)
        assert expected.std() > 1e-3


# ---- batches, texts that begin alike, padding


@pytest.mark.parametrize("size", [1, 3, 10_000])
@pytest.mark.parametrize("kind", ["resid_pre", "heads", "patterns", "mlp_out", "heads_by_position"])
@pytest.mark.parametrize("name", ["gpt2", "bert"])
def test_the_size_of_a_batch_changes_nothing(name: str, kind: str, size: int) -> None:
    model, metric = models.shared(name, "sdpa"), METRICS["difference at the end"]
    right = activation_patching(model, given(name, IDS), given(name, OTHER), metric, kind)
    found = activation_patching(model, given(name, IDS), given(name, OTHER), metric, kind, batch_size=size)
    assert_close(found.values, right.values)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["gpt2", "llama", "mistral", "gpt-j"])
def test_texts_that_differ_in_one_word(name: str, kind: str) -> None:
    """The usual case: the same sentence with another name in the middle."""
    if not has(name, kind):
        pytest.skip("a parallel block has no stream in its middle")
    implementation = models.SUBJECTS[name].implementations[-1]
    model, corrupt = models.shared(name, implementation), IDS.clone()
    corrupt[:, 3] = OTHER[:, 3]
    there = clean_trace(name, implementation)
    for metric in (LogitDifference((5, 6), (7, 8)), LogProbability(9, -2), LogProbability(9, 1)):
        found = activation_patching(model, IDS, corrupt, metric, kind)
        for n, (at, site) in enumerate(cells_of(kind, name).items()):
            if n % 9 == 0:
                logits = trace(model, corrupt, capture=(), interventions=[Patch(site, there)]).logits
                assert_close(found.values[at], metric(logits).mean())


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma3", "bert"])
def test_padded_texts(name: str, side: str) -> None:
    model, metric = models.shared(name, "sdpa"), LogitDifference(5, 6, -1 if side == "left" else 5)
    clean = models.padded(side) | {"input_ids": models.ids(models.BATCH, models.LENGTH, seed=4)}
    there = trace(model, clean)
    for kind in ("resid_post", "heads", "patterns"):
        found = activation_patching(model, clean, models.padded(side), metric, kind)
        for at in [(0, 0), (1, 1), (0, 3)]:
            name_of = {"resid_post": "resid_post", "heads": "attn.z", "patterns": "attn.pattern"}[kind]
            site = Site(f"blocks.{at[0]}.{name_of}", **{"position" if kind == "resid_post" else "head": at[1]})
            logits = trace(model, models.padded(side), capture=(), interventions=[Patch(site, there)]).logits
            assert_close(found.values[at], metric(logits).mean())


@pytest.mark.parametrize(("clean", "corrupt"), [(1, 2), (3, 1), (2, 4), (3, 2)])
@pytest.mark.parametrize("kind", ["mlp_out", "heads", "patterns"])
def test_clean_texts_of_another_number_are_refused(clean: int, corrupt: int, kind: str) -> None:
    with pytest.raises(TraceError, match=rf"\b{clean}\b"):
        activation_patching(
            models.shared("gpt2"),
            models.ids(clean, LENGTH),
            models.ids(corrupt, LENGTH, seed=5),
            LogProbability(5),
            kind,
        )


@pytest.mark.parametrize("kind", ["mlp_out", "heads", "patterns", "heads_by_position"])
@pytest.mark.parametrize("length", [LENGTH - 1, LENGTH + 2])
def test_clean_texts_of_another_length_are_refused(kind: str, length: int) -> None:
    with pytest.raises(TraceError, match=rf"\b{length}\b"):
        activation_patching(models.shared("gpt2"), models.ids(BATCH, length), OTHER, LogProbability(5), kind)


def test_patching_a_text_into_itself_changes_nothing() -> None:
    for kind in KINDS:
        found = activation_patching(models.shared("llama", "sdpa"), OTHER, OTHER, LogitDifference(5, 6), kind)
        assert_close(found.values, found.before.mean().expand_as(found.values))
        with pytest.raises(TraceError, match="same metric"):
            found.recovered()


def test_the_whole_stream_at_the_end_recovers_all() -> None:
    found = activation_patching(models.shared("gpt2"), IDS, OTHER, LogitDifference(5, 6), "resid_post")
    assert_close(found.recovered()[-1, -1], torch.tensor(1.0), 1e-4)
    assert_close(found.recovered()[-1, :-1], torch.zeros(LENGTH - 1), 1e-4)


@pytest.mark.parametrize("kind", ["", "resid", "head", "attn.z", "PATTERNS", None])
def test_an_unknown_kind_is_refused_with_those_that_are_known(kind: Any) -> None:
    for run in (
        lambda: activation_patching(models.shared("gpt2"), IDS, OTHER, LogProbability(5), kind),
        lambda: ablation_sweep(models.shared("gpt2"), IDS, LogProbability(5), kind),
    ):
        with pytest.raises(TraceError, match=rf"sites={kind!r}; pass .*one of resid_pre, .*heads_by_position"):
            run()


# ---- ablations

HOW: dict[str, Callable[[Trace], Callable[[Site], Intervention]]] = {
    "zero": lambda there: Zero,
    "mean over positions": lambda there: lambda site: Mean(site, there, over="position"),
    "mean over texts": lambda there: lambda site: Mean(site, there, over="batch"),
    "mean over all": lambda there: lambda site: Mean(site, there),
    "own mean": lambda there: Mean,
    "own mean over positions": lambda there: lambda site: Mean(site, over="position"),
    "resample": lambda there: lambda site: Resample(site, there, seed=5),
    "patch": lambda there: lambda site: Patch(site, there),
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("kind", ["heads", "mlp_out", "heads_by_position", "v", "resid_pre"])
@pytest.mark.parametrize("name", ["llama", "t5"])
def test_ablations_are_a_loop_of_traces(name: str, kind: str, how: str) -> None:
    make, metric = HOW[how](clean_trace(name, "sdpa")), METRICS["difference at the end"]
    found = ablation_sweep(models.shared(name, "sdpa"), given(name, OTHER), metric, kind, how=make)
    assert found.source is None
    assert_cells(
        found, name, lambda site: metric(run_with(name, "sdpa", make(site))), 1 if len(found.values.shape) == 2 else 7
    )


@pytest.mark.parametrize(("name", "implementation"), CASES)
def test_zeroed_heads_of_every_architecture(name: str, implementation: str) -> None:
    for metric in (everything, METRICS["difference in the middle"]):
        found = ablation_sweep(models.shared(name, implementation), given(name, OTHER), metric)
        assert found.axes == ("layer", "head")
        assert_cells(found, name, lambda site, m=metric: m(run_with(name, implementation, Zero(site))), 3)


@pytest.mark.parametrize("size", [1, 3, 10_000])
@pytest.mark.parametrize("how", HOW)
def test_the_size_of_a_batch_changes_no_ablation(how: str, size: int) -> None:
    model, make = models.shared("gpt2", "sdpa"), HOW[how](clean_trace("gpt2", "sdpa"))
    metric = LogitDifference(5, 6)
    for kind in ("heads", "mlp_out"):
        right = torch.stack(
            [metric(run_with("gpt2", "sdpa", make(site))).mean() for site in cells_of(kind, "gpt2").values()]
        )
        found = ablation_sweep(model, OTHER, metric, kind, how=make, batch_size=size)
        assert_close(found.values.flatten(), right)


def test_effects_of_an_ablation_are_against_the_whole_model() -> None:
    model, metric = models.shared("gpt2"), LogitDifference(5, 6)
    found = ablation_sweep(model, OTHER, metric, "mlp_out")
    assert_close(found.effects(), found.values - metric(oracles.plain(model, {"input_ids": OTHER}).logits).mean())


@pytest.mark.parametrize("how", [lambda site: None, lambda site: "zero", lambda site: site])
def test_a_maker_that_makes_no_intervention_is_refused(how: Any) -> None:
    with pytest.raises(TraceError, match="intervention"):
        ablation_sweep(models.shared("gpt2"), OTHER, LogProbability(5), how=how)


# ---- streaming

RUNS: dict[str, Callable[..., Table]] = {
    "patching": lambda model, **how: activation_patching(model, IDS, OTHER, LogitDifference(5, 6), "resid_pre", **how),
    "heads": lambda model, **how: activation_patching(model, IDS, OTHER, LogitDifference(5, 6), "heads", **how),
    "ablation": lambda model, **how: ablation_sweep(model, OTHER, LogitDifference(5, 6), "heads", **how),
}


@pytest.mark.parametrize("size", [1, 4, 5, 1000])
@pytest.mark.parametrize("run", RUNS)
def test_the_table_fills_in(run: str, size: int) -> None:
    seen: list[Table] = []
    done: list[tuple[int, int]] = []
    found = RUNS[run](
        models.shared("gpt2"), batch_size=size, on_result=seen.append, progress=lambda *at: done.append(at)
    )
    total = found.values.numel()
    assert [at for at, _ in done] == [total - int(t.values.isnan().sum()) for t in seen]
    assert all(of == total for _, of in done) and done[-1] == (total, total)
    assert all(0 < b - a <= size for a, b in itertools.pairwise([0, *[at for at, _ in done]]))
    for t in seen:
        known = ~t.values.isnan()
        assert_close(t.values[known], found.values[known], 0.0)
        assert t.values.shape == found.values.shape and t.axes == found.axes and t.kind == found.kind
        assert_close(t.before, found.before, 0.0)


def test_tables_that_were_handed_out_do_not_change_later() -> None:
    seen: list[tuple[Table, Tensor]] = []
    RUNS["patching"](models.shared("gpt2"), batch_size=2, on_result=lambda t: seen.append((t, t.values.clone())))
    for t, values in seen:
        assert t.values.isnan().equal(values.isnan())


def test_writing_into_a_table_does_not_spoil_the_next() -> None:
    right = RUNS["patching"](models.shared("gpt2"))
    found = RUNS["patching"](models.shared("gpt2"), batch_size=2, on_result=lambda t: t.values.zero_())
    assert_close(found.values, right.values)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_cancel_stops_within_one_batch_and_leaves_no_mark(run: str, after: int) -> None:
    model = busy("gpt2")
    trace(model, OTHER)
    done: list[int] = []
    with untouched_all(model), pytest.raises(Cancelled):
        RUNS[run](model, batch_size=2, cancel=lambda: len(done) >= after, progress=lambda n, total: done.append(n))
    assert len(done) == after


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", ["gpt2", "llama", "bloom", "bert"])
def test_a_finished_table_leaves_everything_as_it_was(name: str, run: str) -> None:
    model = busy(name)
    trace(model, OTHER)
    with untouched_all(model, IDS, OTHER):
        RUNS[run](model)


@pytest.mark.parametrize("call", [1, 2, 3, 6])
def test_a_metric_that_raises_leaves_everything_as_it_was(call: int) -> None:
    model = busy("gpt2")
    trace(model, OTHER)
    calls = {"n": 0}

    def metric(logits: Tensor) -> Tensor:
        calls["n"] += 1
        if calls["n"] == call:
            raise Boom("from the metric")
        return logits[:, -1, 0]

    with untouched_all(model), pytest.raises(Boom):
        activation_patching(model, IDS, OTHER, metric, "mlp_out", batch_size=2)


def test_both_runs_are_done_once() -> None:
    """The clean run, the corrupt run, and perhaps one to check; then the cells."""
    model = models.build("gpt2", "sdpa")
    trace(model, OTHER)
    rows: list[int] = []
    model.transformer.ln_f.register_forward_hook(lambda module, args, output: rows.append(output.shape[0]))  # type: ignore[union-attr, operator]
    found = activation_patching(model, IDS, OTHER, LogitDifference(5, 6), "mlp_out")
    assert sum(rows) // BATCH - found.values.numel() in (2, 3)


def test_prefixes_name_the_stack_of_an_encoder_decoder() -> None:
    assert prefix("t5") == "decoder."
    found = activation_patching(
        models.shared("t5"), given("t5", IDS), given("t5", OTHER), LogProbability(5), "resid_pre"
    )
    assert found.values.shape == (2, LENGTH)
