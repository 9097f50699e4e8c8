"""Causal tracing against the procedure of Meng et al. 2022 with plain hooks on GPT-2, and its table."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attrium_kernel.running import Cancelled
from attrium_kernel.tracing import (
    LogitDifference,
    LogProbability,
    Patch,
    Site,
    Steer,
    Table,
    TraceError,
    causal_tracing,
    trace,
)

from . import models, oracles
from .closeness import assert_close
from .test_hygiene import busy, untouched_all
from .test_sweeps import everything

LENGTH = 6
IDS = models.ids(1, LENGTH, seed=21)
SUBJECT = [1, 2]
MODULES = {
    "gpt2": {
        "resid_post": "transformer.h.{i}",
        "attn_out": "transformer.h.{i}.attn",
        "mlp_out": "transformer.h.{i}.mlp",
    },
    "llama": {
        "resid_post": "model.layers.{i}",
        "attn_out": "model.layers.{i}.self_attn",
        "mlp_out": "model.layers.{i}.mlp",
    },
}
EMBEDDING = {"gpt2": "transformer.wte", "llama": "model.embed_tokens"}
LAYERS = {"gpt2": 3, "llama": 2}


def noise_of(model: Any, name: str, samples: int, noise: float, seed: int, subject: list[int]) -> Tensor:
    """`(sample, position, d_model)` the draws as documented: standard normal from a generator of that seed, in standard
    deviations of the token embeddings of this text, at the subject's positions.
    """
    embedded = model.get_submodule(EMBEDDING[name]).weight.detach()[IDS]
    drawn = torch.randn(samples, LENGTH, models.WIDTH, generator=torch.Generator().manual_seed(seed))
    keep = torch.zeros(LENGTH, 1)
    keep[subject] = 1
    return drawn * keep * noise * embedded.std()


def rome(
    name: str, kind: str, window: int, samples: int, noise: float, seed: int, metric: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """`(table, corrupted metric, clean metric)`: `trace_with_patch` of Meng et al. 2022 written again, cell by cell.

    The layers of a window are those of their `trace_important_window`: from `layer - window // 2` up to but without
    `layer - (-window // 2)`.
    """
    model: Any = models.shared(name, "sdpa")
    with oracles.Recording().of(model) as recording:
        clean = metric(oracles.plain(model, {"input_ids": IDS}).logits)
    kept = {i: recording.outputs[MODULES[name][kind].format(i=i)][0] for i in range(LAYERS[name])}
    blur = noise_of(model, name, samples, noise, seed, SUBJECT)

    def run(restored: list[tuple[int, int]]) -> Tensor:
        handles = [
            model.get_submodule(EMBEDDING[name]).register_forward_hook(lambda module, args, output: output + blur)
        ]
        for layer, position in restored:

            def restore(module: nn.Module, args: Any, output: Any, layer: int = layer, position: int = position) -> Any:
                first = (output[0] if isinstance(output, tuple) else output).clone()
                first[:, position] = kept[layer][0, position]
                return (first, *output[1:]) if isinstance(output, tuple) else first

            handles.append(model.get_submodule(MODULES[name][kind].format(i=layer)).register_forward_hook(restore))
        try:
            logits = oracles.plain(model, {"input_ids": IDS.repeat(samples, 1)}).logits
        finally:
            for handle in handles:
                handle.remove()
        return metric(logits)

    table = torch.empty(LAYERS[name], LENGTH)
    for layer in range(LAYERS[name]):
        layers = range(max(0, layer - window // 2), min(LAYERS[name], layer - (-window // 2)))
        for position in range(LENGTH):
            table[layer, position] = run([(each, position) for each in layers]).mean()
    return table, run([]), clean


def assert_is_rome(
    name: str, kind: str, window: int, metric: Any, noise: float = 3.0, seed: int = 0, samples: int = 4, **how: Any
) -> Table:
    found = causal_tracing(
        models.shared(name, "sdpa"),
        IDS,
        metric,
        SUBJECT,
        kind=kind,
        window=window,
        noise=noise,
        samples=samples,
        seed=seed,
        **how,
    )
    table, corrupted, clean = rome(name, kind, window, samples, noise, seed, metric)
    assert found.axes == ("layer", "position") and found.kind == kind
    assert_close(found.before, corrupted)
    assert found.source is not None
    assert_close(found.source, clean)
    assert_close(found.values, table)
    assert table.std() > 1e-3, "nothing was restored"
    return found


@pytest.mark.parametrize(
    "metric",
    [LogProbability(7), LogitDifference(5, 6), LogProbability(7, -2), everything],
    ids=["probability", "difference", "one before the end", "callable"],
)
@pytest.mark.parametrize("kind", ["resid_post", "attn_out", "mlp_out"])
@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_it_is_the_procedure_by_hand(name: str, kind: str, metric: Any) -> None:
    assert_is_rome(name, kind, 1, metric)


@pytest.mark.parametrize("window", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("kind", ["attn_out", "mlp_out", "resid_post"])
def test_windows_of_layers_are_restored_together(kind: str, window: int) -> None:
    assert_is_rome("gpt2", kind, window, LogProbability(7))


@pytest.mark.parametrize(("noise", "samples", "seed"), [(0.5, 1, 0), (3.0, 7, 5), (10.0, 2, 1)])
def test_noise_samples_and_seed_are_as_documented(noise: float, samples: int, seed: int) -> None:
    assert_is_rome("gpt2", "mlp_out", 1, LogitDifference(5, 6), noise, seed, samples)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_the_size_of_a_batch_changes_nothing(size: int) -> None:
    assert_is_rome("gpt2", "mlp_out", 3, LogitDifference(5, 6), batch_size=size)


@functools.cache
def cells(seed: int) -> Tensor:
    """A table with its seed."""
    return causal_tracing(models.shared("gpt2"), IDS, LogProbability(7), SUBJECT, seed=seed).values


def test_a_seed_gives_the_same_table_and_another_one_another() -> None:
    again = causal_tracing(models.shared("gpt2"), IDS, LogProbability(7), SUBJECT, seed=0).values
    assert_close(again, cells(0), 0.0)
    assert (cells(1) - cells(0)).abs().max() > 1e-3


def test_the_randomness_of_the_process_is_left_alone() -> None:
    torch.manual_seed(3)
    right = torch.randn(4)
    torch.manual_seed(3)
    causal_tracing(models.shared("gpt2"), IDS, LogProbability(7), SUBJECT)
    assert_close(torch.randn(4), right, 0.0)


@pytest.mark.parametrize("kind", ["resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out"])
@pytest.mark.parametrize("name", ["gpt2", "llama", "bert", "opt", "gemma3", "granite", "olmo2"])
def test_every_family_is_what_a_loop_of_traces_gives(name: str, kind: str) -> None:
    model, metric = models.shared(name, "sdpa"), LogitDifference(5, 6)
    clean = trace(model, IDS)
    drawn = torch.randn(3, LENGTH, models.WIDTH, generator=torch.Generator().manual_seed(2))
    keep = torch.zeros(LENGTH, 1)
    keep[SUBJECT] = 1
    blur = Steer("embed", drawn * keep * 2.0 * clean["embed"].std())
    many = IDS.repeat(3, 1)
    found = causal_tracing(model, IDS, metric, SUBJECT, kind=kind, noise=2.0, samples=3, seed=2)
    for layer in range(found.values.shape[0]):
        for position in (0, 2, LENGTH - 1):
            patch = Patch(Site(f"blocks.{layer}.{kind}", position=position), clean)
            right = metric(trace(model, many, capture=(), interventions=[blur, patch]).logits).mean()
            assert_close(found.values[layer, position], right)


def test_restoring_the_whole_stream_at_the_last_position_of_the_last_layer_restores_all() -> None:
    found = causal_tracing(models.shared("gpt2"), IDS, LogProbability(7), SUBJECT)
    assert_close(found.recovered()[-1, -1], torch.tensor(1.0), 1e-4)
    assert_close(found.recovered()[-1, :-1], torch.zeros(LENGTH - 1), 1e-4)  # others are not read
    assert_close(found.recovered()[:, 0], torch.zeros(3), 1e-4)  # nothing before the subject is blurred


def test_negative_subjects_count_from_the_end() -> None:
    model = models.shared("gpt2")
    found = causal_tracing(model, IDS, LogProbability(7), [-2, -1])
    assert_close(found.values, causal_tracing(model, IDS, LogProbability(7), [LENGTH - 2, LENGTH - 1]).values, 0.0)


def test_a_token_for_the_one_text_is_that_of_all_its_draws() -> None:
    """One text, so one token for each example is one, however many draws of the noise there are."""
    found = causal_tracing(models.shared("gpt2"), IDS, LogProbability((7,)), SUBJECT)
    assert_close(found.values, cells(0))


def test_a_mapping_of_one_text() -> None:
    model = models.shared("gpt2")
    given = {"input_ids": IDS, "attention_mask": torch.ones_like(IDS)}
    assert_close(causal_tracing(model, given, LogProbability(7), SUBJECT).values, cells(0))


# ---- streaming and refusals


def test_the_table_fills_in() -> None:
    seen: list[Table] = []
    done: list[tuple[int, int]] = []
    found = causal_tracing(
        models.shared("gpt2"),
        IDS,
        LogProbability(7),
        SUBJECT,
        batch_size=4,
        on_result=seen.append,
        progress=lambda *at: done.append(at),
    )
    missing = [int(t.values.isnan().sum()) for t in seen]
    assert missing == sorted(missing, reverse=True) and missing[-1] == 0 and missing[0] > 0
    assert [n + left for (n, _), left in zip(done, missing)] == [3 * LENGTH] * len(seen)
    for t in seen:
        known = ~t.values.isnan()
        assert_close(t.values[known], found.values[known], 0.0)


def test_a_cancel_stops_and_leaves_no_mark() -> None:
    model = busy("gpt2")
    trace(model, IDS)
    done: list[int] = []
    with untouched_all(model), pytest.raises(Cancelled):
        causal_tracing(
            model,
            IDS,
            LogProbability(7),
            SUBJECT,
            batch_size=2,
            cancel=lambda: len(done) >= 2,
            progress=lambda n, total: done.append(n),
        )
    assert len(done) == 2


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"inputs": models.ids(2, LENGTH)}, "one text, not 2"),
        ({"kind": "heads"}, "kind='heads'; pass one of"),
        ({"subject": [99]}, "subject position 99 is out of range: there are 6"),
        ({"subject": []}, "subject"),
        ({"window": 0}, "window"),
        ({"window": -2}, "window"),
        ({"samples": 0}, "samples"),
        ({"noise": float("nan")}, "noise|finite"),
    ],
    ids=repr,
)
def test_what_makes_no_sense_is_refused_by_name(wrong: dict[str, Any], words: str) -> None:
    call: dict[str, Any] = {"inputs": IDS, "metric": LogProbability(7), "subject": SUBJECT} | wrong
    with pytest.raises(TraceError, match=words):
        causal_tracing(models.shared("gpt2"), **call)


def test_a_parallel_model_has_no_stream_between_its_sublayers() -> None:
    with pytest.raises(TraceError, match="resid_mid"):
        causal_tracing(models.shared("phi"), IDS, LogProbability(7), SUBJECT, kind="resid_mid")


# ---- tables


def table(values: Tensor, before: Tensor, source: Tensor | None = None) -> Table:
    return Table(values, ("layer", "position"), "resid_post", before, source)


def test_effects_and_shares_are_those_of_the_means() -> None:
    values, before, source = models.randn(2, 3), models.randn(4, seed=1), models.randn(4, seed=2)
    t = table(values, before, source)
    assert_close(t.effects(), values - sum(before.tolist()) / 4, 1e-6)
    assert_close(t.recovered(), (values - before.mean()) / (source.mean() - before.mean()), 1e-5)


def test_cells_that_are_not_computed_yet_stay_so() -> None:
    values = models.randn(2, 3)
    values[1] = torch.nan
    t = table(values, torch.zeros(2), torch.ones(2))
    assert t.effects().isnan().equal(values.isnan()) and t.recovered().isnan().equal(values.isnan())


def test_equal_runs_have_nothing_to_recover() -> None:
    with pytest.raises(TraceError, match="same metric"):
        table(models.randn(2, 3), torch.ones(2), torch.ones(2)).recovered()
    with pytest.raises(TraceError, match="same metric"):
        table(models.randn(2, 3), torch.tensor([1.0, -1.0]), torch.tensor([-1.0, 1.0])).recovered()
    found = causal_tracing(models.shared("gpt2"), IDS, LogProbability(7), SUBJECT, noise=0.0)
    assert_close(found.effects(), torch.zeros(3, LENGTH), 1e-5)


def test_runs_that_differ_by_rounding_only_have_nothing_to_recover() -> None:
    """A share of 1e-7 of a metric of 10 is a share of rounding."""
    found = causal_tracing(models.shared("gpt2"), IDS, LogitDifference(5, 6), SUBJECT, noise=0.0)
    with pytest.raises(TraceError, match="same metric"):
        found.recovered()


def test_an_ablation_has_no_source() -> None:
    with pytest.raises(TraceError, match=r"no source run.*effects\(\)"):
        table(models.randn(2, 3), torch.ones(2)).recovered()


def test_errors_are_a_correlation_and_differences() -> None:
    ours, theirs = models.randn(3, 4), models.randn(3, 4, seed=1)
    error = table(ours, torch.zeros(1)).error(table(theirs + 2, torch.full((2,), 2.0)))
    a, b = ours.flatten().double(), theirs.flatten().double()
    a0, b0 = a - a.mean(), b - b.mean()
    assert error["correlation"] == pytest.approx(float((a0 * b0).sum() / (a0.norm() * b0.norm())), abs=1e-5)
    assert error["largest"] == pytest.approx(float((a - b).abs().max()), abs=1e-5)
    assert error["mean"] == pytest.approx(float((a - b).abs().mean()), abs=1e-5)


def test_a_table_has_no_error_to_itself() -> None:
    t = table(models.randn(3, 4), torch.zeros(1))
    assert t.error(t) == pytest.approx({"correlation": 1.0, "largest": 0.0, "mean": 0.0}, abs=1e-6)


def test_tables_of_other_shapes_are_refused_by_their_shapes() -> None:
    with pytest.raises(TraceError, match=r"\(2, 3\) and \(3, 2\)"):
        table(models.randn(2, 3), torch.zeros(1)).error(table(models.randn(3, 2), torch.zeros(1)))


@pytest.mark.parametrize(("ours", "theirs"), [(1.0, 1.0), (0.0, None), (None, 2.0)], ids=["both", "ours", "theirs"])
def test_constant_tables_have_differences_but_no_correlation(ours: float | None, theirs: float | None) -> None:
    values = [models.randn(2, 3, seed=n) if v is None else torch.full((2, 3), v) for n, v in enumerate((ours, theirs))]
    error = table(values[0], torch.zeros(1)).error(table(values[1], torch.zeros(1)))
    assert error["correlation"] != error["correlation"]  # NaN, and no warning
    assert error["largest"] == pytest.approx(float((values[0] - values[1]).abs().max()), abs=1e-6)


def test_a_table_of_one_cell_has_an_error() -> None:
    error = table(torch.ones(1, 1), torch.zeros(1)).error(table(torch.zeros(1, 1), torch.zeros(1)))
    assert error["largest"] == error["mean"] == 1.0
