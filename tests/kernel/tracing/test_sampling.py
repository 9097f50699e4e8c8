"""Samplers against transformers' warpers and against filters written out by hand."""

from __future__ import annotations

import dataclasses
import math
from itertools import product

import pytest
import torch
from torch import Tensor
from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from attrium_kernel.tracing.errors import TraceError
from attrium_kernel.tracing.sampling import Sampler

VOCAB = 50
SETTINGS = [
    {"temperature": t, "top_k": k, "top_p": p, "min_p": m}
    for t, k, p, m in product((0.7, 1.0, 2.0), (None, 1, 7, 500), (None, 0.3, 0.9, 1.0), (None, 0.05, 0.6))
]


def warped(logits: Tensor, temperature: float, top_k: int | None, top_p: float | None, min_p: float | None) -> Tensor:
    """What transformers draws from, in its order."""
    scores = TemperatureLogitsWarper(temperature)(None, logits)
    if top_k is not None:
        scores = TopKLogitsWarper(top_k)(None, scores)
    if top_p is not None:
        scores = TopPLogitsWarper(top_p)(None, scores)
    if min_p is not None:
        scores = MinPLogitsWarper(min_p)(None, scores)
    return scores.softmax(-1)


def by_hand(
    logits: list[float], temperature: float, top_k: int | None, top_p: float | None, min_p: float | None
) -> list[float]:
    """The definitions, one token at a time, on one row without ties."""

    def normal(weights: dict[int, float]) -> dict[int, float]:
        return {i: w / sum(weights.values()) for i, w in weights.items()}

    left = normal({i: math.exp(x / temperature) for i, x in enumerate(logits)})
    if top_k is not None:
        left = normal(dict(sorted(left.items(), key=lambda item: -item[1])[:top_k]))
    if top_p is not None:
        nucleus: dict[int, float] = {}
        for i, p in sorted(left.items(), key=lambda item: -item[1]):
            if nucleus and sum(nucleus.values()) >= top_p:
                break
            nucleus[i] = p
        left = normal(nucleus)
    if min_p is not None:
        left = normal({i: p for i, p in left.items() if p >= min_p * max(left.values())})
    return [left.get(i, 0.0) for i in range(len(logits))]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_probabilities_are_those_of_transformers_and_of_the_definition(settings: dict[str, float]) -> None:
    logits = torch.randn(4, VOCAB, dtype=torch.float64) * 3
    ours = Sampler(**settings).probabilities(logits)
    torch.testing.assert_close(ours, warped(logits, **settings))
    for row, values in zip(ours, logits.tolist(), strict=True):
        torch.testing.assert_close(row, torch.tensor(by_hand(values, **settings), dtype=torch.float64))


def test_stages_show_what_each_filter_left() -> None:
    logits = torch.tensor([[4.0, 3.0, 2.0, 1.0, 0.0]])
    stages = Sampler(temperature=2.0, top_k=4, top_p=0.8, min_p=0.7).stages(logits)
    assert stages.scaled.tolist() == [[2.0, 1.5, 1.0, 0.5, 0.0]]
    assert list(stages.kept) == ["top_k", "top_p", "min_p"]
    assert stages.kept["top_k"].tolist() == [[True, True, True, True, False]]
    # e^0, e^-0.5, e^-1, e^-1.5 over 2.198: 0.455, 0.276, 0.167, 0.102, so three reach 0.8
    assert stages.kept["top_p"].tolist() == [[True, True, True, False, False]]
    # e^-0.5 = 0.607 of the likeliest is less than 0.7
    assert stages.kept["min_p"].tolist() == [[True, False, False, False, False]]
    assert stages.probabilities.tolist() == [[1.0, 0.0, 0.0, 0.0, 0.0]]
    torch.testing.assert_close(stages.model_probabilities, logits.softmax(-1))
    assert Sampler().stages(logits).kept == {}


def test_ties_are_kept_by_top_k_and_go_by_id_in_top_p() -> None:
    logits = torch.tensor([0.0, 1.0, 1.0, 1.0])
    assert (Sampler(top_k=2).probabilities(logits) > 0).tolist() == [False, True, True, True]
    torch.testing.assert_close(Sampler(top_k=2).probabilities(logits), warped(logits, 1.0, 2, None, None))
    assert (Sampler(top_p=0.5).probabilities(logits) > 0).tolist() == [False, True, True, False]
    assert Sampler(greedy=True).sample(logits, torch.Generator()) == 1


@pytest.mark.parametrize("sampler", [Sampler(top_p=0.0), Sampler(top_k=1), Sampler(min_p=1.0), Sampler(temperature=0)])
def test_the_strictest_settings_leave_the_likeliest_token(sampler: Sampler) -> None:
    logits = torch.randn(3, VOCAB)
    expected = torch.nn.functional.one_hot(logits.argmax(-1), VOCAB).float()
    assert sampler.probabilities(logits).equal(expected)


def test_a_temperature_close_to_zero_does_not_overflow() -> None:
    probabilities = Sampler(temperature=1e-40).probabilities(torch.tensor([1.0, 3.0, 2.0]))
    assert probabilities.tolist() == [0.0, 1.0, 0.0]


def test_greedy_does_not_touch_the_generator() -> None:
    generator = torch.Generator().manual_seed(3)
    before = generator.get_state()
    logits = torch.randn(2, 3, VOCAB)
    assert Sampler(temperature=0.0).sample(logits, generator).equal(logits.argmax(-1))
    assert generator.get_state().equal(before)
    Sampler().sample(logits, generator)
    assert not generator.get_state().equal(before)


def test_draws_come_as_often_as_their_probability_says(seed: int) -> None:
    sampler = Sampler(temperature=0.8, top_k=6)
    logits = torch.randn(VOCAB)
    generator, global_state = torch.Generator().manual_seed(seed), torch.get_rng_state()
    draws = sampler.sample(logits.expand(20_000, VOCAB), generator)
    assert draws.shape == (20_000,) and draws.dtype == torch.int64
    counts = torch.bincount(draws, minlength=VOCAB)
    expected = sampler.probabilities(logits) * 20_000
    assert counts[expected == 0].sum() == 0
    # Pearson's statistic has 5 degrees of freedom here: above 20.5 once in a thousand seeds.
    assert ((counts - expected)[expected > 0] ** 2 / expected[expected > 0]).sum() < 20.5
    assert torch.get_rng_state().equal(global_state)


def test_one_seed_gives_the_same_draws() -> None:
    logits = torch.randn(5, 4, VOCAB)
    draws = [Sampler().sample(logits, torch.Generator().manual_seed(7)) for _ in range(2)]
    assert draws[0].equal(draws[1]) and draws[0].shape == (5, 4)


def test_half_precision_is_computed_in_float32() -> None:
    logits = (torch.randn(VOCAB) * 5).half()
    ours = Sampler(temperature=0.5, top_p=0.9).probabilities(logits)
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, Sampler(temperature=0.5, top_p=0.9).probabilities(logits.float()))


def test_tokens_that_the_model_rules_out_stay_out() -> None:
    logits = torch.tensor([1.0, -math.inf, 0.0])
    for sampler in (Sampler(), Sampler(top_k=3), Sampler(top_p=1.0), Sampler(min_p=0.0)):
        probabilities = sampler.probabilities(logits)
        torch.testing.assert_close(probabilities, logits.softmax(-1))
        assert all(not kept[1] for kept in sampler.stages(logits).kept.values())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([math.nan, 1.0], "1 of 2 logits are NaN or infinite"),
        ([math.inf, 1.0], "1 of 2 logits are NaN or infinite"),
        ([-math.inf, -math.inf], "all logits are minus infinity"),
        ([], "expected floats"),
        ([1, 2], "torch.int64, expected floats"),
    ],
)
@pytest.mark.parametrize("sampler", [Sampler(), Sampler(greedy=True)])
def test_logits_that_say_nothing_are_refused(sampler: Sampler, values: list[float], words: str) -> None:
    with pytest.raises(TraceError, match=words):
        sampler.probabilities(torch.tensor(values))
    with pytest.raises(TraceError, match=words):
        sampler.sample(torch.tensor(values), torch.Generator())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"temperature": -1}, r"Sampler\(temperature=-1\): expected at least 0"),
        ({"temperature": math.nan}, "temperature=nan"),
        ({"temperature": None}, "temperature=None"),
        ({"top_k": 0}, "top_k=0.* expected a whole number, at least 1, or None"),
        ({"top_k": 2.5}, "top_k=2.5"),
        ({"top_k": True}, "top_k=True"),
        ({"top_p": 1.5}, "top_p=1.5.* expected from 0 to 1"),
        ({"min_p": -0.1}, "min_p=-0.1.* expected from 0 to 1"),
        ({"greedy": 1}, "greedy=1.* expected True or False"),
    ],
)
def test_settings_out_of_bounds_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(TraceError, match=words):
        Sampler(**settings)


def test_samplers_are_values() -> None:
    assert Sampler(top_k=3) == Sampler(top_k=3) != Sampler(top_k=4)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Sampler().top_k = 3
