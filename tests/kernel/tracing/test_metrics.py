"""Metrics are closed forms of the logits, and what does not fit is refused with the numbers in the message."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from attrium_kernel.tracing import (
    LogitDifference,
    LogProbability,
    Patch,
    TraceError,
    Zero,
    ablation_sweep,
    activation_patching,
    attribution_patching,
    causal_tracing,
    gradients,
    sweep,
    trace,
)
from attrium_kernel.tracing.metrics import Selective

from . import models
from .closeness import assert_close

LOGITS = models.randn(3, 5, 11, seed=4)
IDS = models.ids(2, 6)
OTHER = models.ids(2, 6, seed=5)
VOCAB, LENGTH = models.VOCAB, 6


# ---- the numbers


@pytest.mark.parametrize("position", range(-5, 5))
def test_a_logit_difference_is_one_logit_less_another(position: int) -> None:
    assert_close(
        LogitDifference(2, 7, position)(LOGITS), LOGITS[:, position, 2] - LOGITS[:, position, 7], tolerance=0.0
    )


@pytest.mark.parametrize("position", range(-5, 5))
def test_each_example_may_have_tokens_of_its_own(position: int) -> None:
    right = torch.stack(
        [LOGITS[n, position, a] - LOGITS[n, position, b] for n, (a, b) in enumerate([(1, 4), (2, 5), (3, 6)])]
    )
    assert_close(LogitDifference((1, 2, 3), (4, 5, 6), position)(LOGITS), right, 0.0)
    right = torch.stack([LOGITS[n, position, a] - LOGITS[n, position, 9] for n, a in enumerate([1, 2, 3])])
    assert_close(LogitDifference((1, 2, 3), 9, position)(LOGITS), right, 0.0)


@pytest.mark.parametrize("position", range(-5, 5))
def test_a_log_probability_is_the_log_of_the_softmax(position: int) -> None:
    exact = LOGITS.double()[:, position].exp()
    right = (exact / exact.sum(-1, keepdim=True)).log()
    assert_close(LogProbability(3, position)(LOGITS), right[:, 3].float(), 1e-6)
    assert_close(LogProbability((0, 10, 4), position)(LOGITS), right[[0, 1, 2], [0, 10, 4]].float(), 1e-6)


def test_tokens_for_each_example_need_as_many_examples() -> None:
    with pytest.raises(TraceError, match="3 examples.*12"):
        LogitDifference((1, 2, 3), (4, 5, 6), 1)(LOGITS.repeat(4, 1, 1))
    assert_close(LogProbability(1)(LOGITS.repeat(4, 1, 1)), LogProbability(1)(LOGITS).repeat(4), 0.0)


def test_logits_of_whole_examples_need_no_position() -> None:
    assert_close(LogitDifference(2, 7)(LOGITS[:, 0]), LOGITS[:, 0, 2] - LOGITS[:, 0, 7], 0.0)
    assert_close(LogProbability((1, 2, 3))(LOGITS[:, 0]), LOGITS[:, 0].log_softmax(-1)[[0, 1, 2], [1, 2, 3]], 0.0)


@pytest.mark.parametrize("make", [lambda ids: LogitDifference(ids, ids), LogProbability])
@pytest.mark.parametrize(
    "given", [torch.tensor([1, 2, 3]), [1, 2, 3], (1, 2, 3), range(1, 4)], ids=["tensor", "list", "tuple", "range"]
)
def test_token_ids_may_come_as_any_row_of_numbers(make: Callable[[Any], Any], given: Any) -> None:
    assert make(given) == make((1, 2, 3))
    assert hash(make(given)) == hash(make((1, 2, 3)))
    assert make(torch.tensor(4)) == make(4)


def test_a_metric_compares_and_prints_by_its_fields() -> None:
    assert LogitDifference(1, 2) == LogitDifference(torch.tensor(1), 2, -1) != LogitDifference(1, 2, 0)
    assert repr(LogProbability((1, 2), 3)) == "LogProbability(token=(1, 2), position=3)"


# ---- what is refused when a metric is made


@pytest.mark.parametrize(
    "wrong", [1.5, None, "the", [], (), [1.0], torch.tensor([0.5]), [[1], [2]], True, np.nan], ids=repr
)
def test_what_is_no_token_id_is_refused(wrong: Any) -> None:
    for make, field in (
        (lambda: LogitDifference(wrong, 1), "correct"),
        (lambda: LogitDifference(1, wrong), "wrong"),
        (lambda: LogProbability(wrong), "token"),
    ):
        with pytest.raises(TraceError, match=f"(?s){field}=.*pass a token id, or one for each example"):
            make()


# ---- what is refused when it is run: in the metric alone, and in everything that takes one


def runs(metric: Any) -> dict[str, Callable[[], Any]]:
    """All that takes a metric, on a model of 53 tokens and 2 texts of 6."""
    model = models.shared("gpt2", "sdpa")
    return {
        "alone": lambda: metric(trace(model, OTHER, capture=()).logits),
        "sweep": lambda: sweep(model, OTHER, [Zero("blocks.2.mlp_out"), Zero("blocks.0.attn.z")], metric),
        "sweep at the end": lambda: sweep(model, OTHER, [Zero("ln_final.out")], metric),
        "sweep of unembed": lambda: sweep(model, OTHER, [Zero("unembed")], metric),
        "patching": lambda: activation_patching(model, IDS, OTHER, metric, "mlp_out"),
        "ablation": lambda: ablation_sweep(model, OTHER, metric),
        "attribution": lambda: attribution_patching(model, IDS, OTHER, metric),
        "gradients": lambda: gradients(model, OTHER, metric, ["blocks.1.resid_pre"]),
    }


def refuse(metric: Any, *words: str) -> None:
    """Every run of a metric must raise a `TraceError` with these words in it."""
    wrong = []
    for name, run in runs(metric).items():
        try:
            run()
        except TraceError as error:
            missing = [word for word in words if not re.search(word, str(error))]
            if missing:
                wrong.append(f"{name}: {missing} not in {str(error)!r}")
        except Exception as error:
            wrong.append(f"{name}: {type(error).__name__}: {str(error)[:100]!r}")
        else:
            wrong.append(f"{name}: nothing was raised")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("position", [6, 99, -7, -99])
@pytest.mark.parametrize(
    "make", [lambda p: LogitDifference(5, 6, p), lambda p: LogProbability(5, p)], ids=["difference", "probability"]
)
def test_a_position_that_is_not_there_is_named_with_how_many_there_are(
    make: Callable[[int], Any], position: int
) -> None:
    refuse(make(position), rf"position {position}\b", r"\b6\b")


@pytest.mark.parametrize("token", [53, 1_000])
@pytest.mark.parametrize(
    "make",
    [lambda t: LogitDifference(t, 6), lambda t: LogitDifference((5, 6), (7, t)), LogProbability],
    ids=["correct", "wrong", "token"],
)
def test_a_token_beyond_the_vocabulary_is_named_with_its_size(make: Callable[[int], Any], token: int) -> None:
    refuse(make(token), rf"\b{token}\b", r"\b53\b")


@pytest.mark.parametrize(
    "make",
    [lambda t: LogitDifference(t, 6), lambda t: LogitDifference(5, (6, t)), LogProbability],
    ids=["correct", "wrong", "token"],
)
def test_a_negative_token_is_refused_by_name(make: Callable[[int], Any]) -> None:
    for name in runs(None):  # when it is made or when it is run
        with pytest.raises(TraceError, match="-1"):
            runs(make(-1))[name]()


@pytest.mark.parametrize(
    "metric",
    [
        LogitDifference((1, 2, 3), (4, 5, 6)),
        LogitDifference((1, 2, 3), 4),
        LogProbability((1, 2, 3)),
        LogProbability((1, 2, 3, 4)),
    ],
    ids=["difference", "one side", "probability", "more than the batch, but a multiple"],
)
def test_tokens_for_another_number_of_examples_are_refused(metric: Any) -> None:
    refuse(metric, r"\b[34]\b", r"\b2\b")


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (lambda logits: logits.sum(), ["shape \\(\\)"]),
        (lambda logits: logits[:, -1], ["shape \\(\\d+, 53\\)"]),
        (lambda logits: logits[:1, -1, 0], ["shape \\(1,\\)"]),
        (lambda logits: float(logits.detach()[0, 0, 0]), ["a float"]),
        (lambda logits: None, ["a NoneType"]),
        (lambda logits: logits[:, -1, 0].tolist(), ["a list"]),
    ],
    ids=["one number", "a row of logits", "one example", "a float", "nothing", "a list"],
)
def test_a_metric_that_gives_no_number_for_each_example_is_refused(metric: Any, words: list[str]) -> None:
    wrong = []
    for name, run in runs(metric).items():
        if name == "alone":
            continue
        try:
            run()
        except TraceError as error:
            missing = [
                w for w in (*words, "one number for each example", "logits of shape") if not re.search(w, str(error))
            ]
            if missing:
                wrong.append(f"{name}: {missing} not in {str(error)!r}")
        else:
            wrong.append(f"{name}: nothing was raised")
    assert not wrong, "\n".join(wrong)


def test_what_a_callable_metric_raises_comes_through() -> None:
    class Boom(Exception):
        pass

    def metric(logits: Tensor) -> Tensor:
        raise Boom("mine")

    for name, run in runs(metric).items():
        with pytest.raises(Boom, match="mine"):
            run()
        assert name


def test_a_callable_is_given_all_positions_and_the_whole_vocabulary() -> None:
    seen: list[tuple[int, ...]] = []

    def metric(logits: Tensor) -> Tensor:
        seen.append(tuple(logits.shape))
        assert bool((logits != 0).all()), "logits were left out"
        return logits.square().mean((1, 2))

    runs_of_it = runs(metric)
    del (
        runs_of_it["sweep of unembed"],
        runs_of_it["sweep at the end"],
    )  # the logits are 0 there because they are told to be
    for run in runs_of_it.values():
        run()
    assert {shape[1:] for shape in seen} == {(LENGTH, VOCAB)}
    assert all(shape[0] % 2 == 0 for shape in seen)


def test_a_selective_metric_is_given_its_position_only() -> None:
    class Fourth(Selective):
        position = 3

        def __init__(self) -> None:
            self.seen: list[Any] = []

        def __call__(self, logits: Tensor) -> Tensor:
            self.seen.append(tuple(logits.shape[1:]))
            return logits[:, 0].logsumexp(-1)

    metric = Fourth()
    model = models.shared("gpt2", "sdpa")
    found = sweep(model, OTHER, [Zero("blocks.1.mlp_out")], metric)
    assert set(metric.seen) == {(1, VOCAB)}
    right = trace(model, OTHER, interventions=[Zero("blocks.1.mlp_out")]).logits[:, 3].logsumexp(-1)
    assert_close(found, right[None])


def test_a_callable_that_happens_to_have_a_position_is_given_all() -> None:
    class Mine:
        position = 3
        tokens = (1, 2)

        def __call__(self, logits: Tensor) -> Tensor:
            assert logits.shape[1:] == (LENGTH, VOCAB)
            return logits.square().mean((1, 2))

    found = sweep(models.shared("gpt2", "sdpa"), OTHER, [Zero("blocks.1.mlp_out")], Mine())
    right = trace(models.shared("gpt2", "sdpa"), OTHER, interventions=[Zero("blocks.1.mlp_out")]).logits
    assert_close(found, right.square().mean((1, 2))[None])


@pytest.mark.parametrize("subject", [[6], [-7], [0, 99]])
def test_a_subject_beyond_the_text_is_refused(subject: list[int]) -> None:
    with pytest.raises(TraceError, match=rf"subject position {subject[-1]} is out of range: there are 6"):
        causal_tracing(models.shared("gpt2"), IDS[:1], LogProbability(5), subject)


def test_a_source_that_the_metric_rejects_is_refused_before_anything_is_swept() -> None:
    model = models.shared("gpt2", "sdpa")
    calls: list[int] = []
    with pytest.raises(TraceError, match="99"):
        sweep(
            model,
            OTHER,
            [Patch("blocks.0.mlp_out", trace(model, IDS))] * 4,
            LogProbability(99),
            batch_size=1,
            progress=lambda *a: calls.append(1),
        )
    assert calls == []


@pytest.mark.parametrize("position", [1, -2])
def test_a_text_of_one_token_has_no_second_position(position: int) -> None:
    with pytest.raises(TraceError, match=f"position {position}"):
        sweep(models.shared("gpt2"), models.ids(2, 1), [Zero("blocks.0.mlp_out")], LogitDifference(5, 6, position))
