"""Progress, cancel and seeds reach every method."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from attrium_kernel.attribution import Cancelled, GradientShap, IntegratedGradients, NoiseTunnel, Saliency

from . import models
from .cases import ONE_PASS, RANDOM, explain, picture_cases
from .closeness import assert_close

CASES = picture_cases("inner.features.last")


@pytest.fixture(params=CASES)
def name(request: pytest.FixtureRequest) -> str:
    """Each method in turn."""
    chosen: str = request.param
    return chosen


def attribute(name: str, model: models.Counting, **arguments: Any) -> Any:
    """The case's call on two pictures."""
    return explain(CASES[name], model, models.randn(2, 3, 12, 12, seed=51), **arguments)


def counting() -> models.Counting:
    """A CNN that counts its rows."""
    return models.Counting(models.cnn()).eval()


def test_progress_rises_and_ends_at_its_total(name: str) -> None:
    reports: list[tuple[int, int]] = []
    attribute(name, counting(), memory_budget=1, progress=lambda done, total: reports.append((done, total)))
    shares = [d / total for d, total in reports]
    assert shares == sorted(shares), "a bar never moves back"
    done = [d for d, _ in reports]
    assert all(share < 1 for d, share in zip(done, shares, strict=True) if d < 0.9 * done[-1]), "full before its time"
    assert done == sorted(done) and done[0] >= 0
    assert done[-1] == reports[-1][1] > 0
    if name not in ONE_PASS:
        assert len(set(done)) > 3, "one report per chunk, not one at the end"


def test_progress_changes_no_value(name: str) -> None:
    silent = attribute(name, counting())
    watched = attribute(name, counting(), progress=lambda done, total: None, cancel=lambda: False)
    assert_close(watched.values, silent.values, 0.0)


def test_cancel_stops_within_a_chunk(name: str) -> None:
    model = counting()
    attribute(name, model, memory_budget=1)
    calls = len(model.rows)
    for limit in range(0, calls, max(1, calls // 4)):
        model.rows.clear()
        stop_from = limit

        def cancel(stop_from: int = stop_from) -> bool:
            return len(model.rows) >= stop_from

        with pytest.raises(Cancelled):
            attribute(name, model, memory_budget=1, cancel=cancel)
        assert len(model.rows) <= limit + 2, "at most the running chunk is finished"


def test_cancelled_is_no_value_error() -> None:
    assert not issubclass(Cancelled, ValueError)


@pytest.mark.parametrize("random", RANDOM)
def test_a_seed_makes_a_random_method_repeatable(random: str) -> None:
    first, second = (attribute(random, counting(), seed=11) for _ in range(2))
    assert_close(second.values, first.values, 0.0)
    other = attribute(random, counting(), seed=12)
    assert not torch.equal(other.values, first.values)


@pytest.mark.parametrize("random", RANDOM)
def test_the_default_seed_is_zero(random: str) -> None:
    assert_close(attribute(random, counting()).values, attribute(random, counting(), seed=0).values, 0.0)


@pytest.mark.parametrize("random", RANDOM)
def test_a_generator_is_drawn_from_and_moves_on(random: str) -> None:
    generator = torch.Generator().manual_seed(11)
    first = attribute(random, counting(), seed=generator)
    assert_close(first.values, attribute(random, counting(), seed=11).values, 0.0)
    second = attribute(random, counting(), seed=generator)
    assert not torch.equal(second.values, first.values), "the generator must advance"


@pytest.mark.parametrize("random", RANDOM)
def test_no_seed_means_fresh_entropy(random: str) -> None:
    torch.manual_seed(0)
    first = attribute(random, counting(), seed=None)
    torch.manual_seed(0)
    second = attribute(random, counting(), seed=None)
    assert not torch.equal(second.values, first.values)


def test_noise_around_a_random_method_draws_for_both_from_one_generator() -> None:
    x, rows = models.randn(2, 6, seed=1), models.randn(3, 6, seed=2)
    method = NoiseTunnel(GradientShap(n_samples=3), n_samples=4)
    values = [method.attribute(models.mlp(), x, target=0, baselines=rows, seed=seed).values for seed in (1, 1, 2)]
    assert_close(values[1], values[0], 0.0)
    assert isinstance(values[0], Tensor) and isinstance(values[2], Tensor)
    assert not torch.equal(values[2], values[0])


def test_more_samples_come_nearer_to_the_mean() -> None:
    # Smoothed gradient of x^3 under N(0, s^2): 3 x^2 + 3 s^2.
    x = torch.tensor([[0.5, -1.0]], dtype=torch.float64)
    values = NoiseTunnel(Saliency(), n_samples=4000, stdevs=0.3).attribute(lambda x: (x**3).sum(1), x).values
    assert isinstance(values, Tensor)
    assert torch.allclose(values, 3 * x**2 + 3 * 0.09, atol=0.1)


def test_gradient_shap_nears_integrated_gradients_averaged_over_the_baselines() -> None:
    model, x = models.mlp(dtype=torch.float64), models.randn(1, 6, seed=1, dtype=torch.float64)
    rows = models.randn(3, 6, seed=2, dtype=torch.float64)
    exact = torch.zeros_like(x)
    for row in rows:
        part = IntegratedGradients(n_steps=30).attribute(model, x, target=0, baselines=row[None]).values
        assert isinstance(part, Tensor)
        exact += part / 3
    values = GradientShap(n_samples=6000).attribute(model, x, target=0, baselines=rows).values
    assert isinstance(values, Tensor)
    assert (values - exact).abs().max() < 0.15 * exact.abs().max()
