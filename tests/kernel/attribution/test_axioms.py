"""What must hold for every model and input: axioms from the papers, and that chunks and batches change nothing."""

from __future__ import annotations

import statistics
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from attrium_kernel.attribution import (
    FeatureAblation,
    FromInputs,
    GradientShap,
    InputXGradient,
    IntegratedGradients,
    Method,
    NoiseTunnel,
    Occlusion,
    Saliency,
)

from . import models
from .cases import ONE_PASS, RANDOM, explain, picture_cases
from .closeness import assert_close

F64 = torch.float64
seeds = st.integers(0, 10_000)
few = settings(max_examples=15, deadline=None, derandomize=True)

LINEAR_IN_THE_MODEL: dict[str, Method] = {
    "signed saliency": Saliency(absolute=False),
    "input x gradient": InputXGradient(),
    "integrated gradients": IntegratedGradients(n_steps=5),
    "gradient SHAP": GradientShap(n_samples=4, stdevs=0.1),
    "smoothgrad": NoiseTunnel(Saliency(absolute=False), n_samples=3),
    "feature ablation": FeatureAblation(),
    "occlusion": Occlusion((2,), (1,)),
}
EVERY_METHOD = LINEAR_IN_THE_MODEL | {
    "saliency": Saliency(),
    "vargrad": NoiseTunnel(InputXGradient(), kind="vargrad", n_samples=3),
    "smoothed ablation": NoiseTunnel(FeatureAblation(), kind="smoothgrad_sq", n_samples=2),
}


def values_of(method: Method, model: Any, x: Tensor, **arguments: Any) -> Tensor:
    """The values for one input tensor."""
    if isinstance(method, GradientShap):
        arguments.setdefault("baselines", models.randn(2, *x.shape[1:], seed=99, dtype=x.dtype))
    values = method.attribute(model, x, **arguments).values
    assert isinstance(values, Tensor)
    return values


def smooth(seed: int, features: int = 4) -> models.MLP:
    """A random smooth model in float64."""
    with models.seeded(seed):
        return models.MLP(nn.Tanh, features, classes=3).double().eval()


# ---- completeness


@few
@given(seed=seeds, scale=st.floats(0.1, 2.0))
def test_integrated_gradients_of_a_smooth_model_sum_to_the_difference_of_scores(seed: int, scale: float) -> None:
    model = smooth(seed)
    x, baseline = (models.randn(2, 4, seed=seed + i, dtype=F64) * scale for i in (1, 2))
    result = IntegratedGradients(n_steps=60).attribute(model, x, target=1, baselines=baseline)
    assert isinstance(result.values, Tensor) and result.gap is not None
    difference = (model(x) - model(baseline))[:, 1].detach()
    assert torch.allclose(result.values.sum(1), difference, atol=1e-8)
    assert result.gap.shape == (2,) and result.gap.abs().max() < 1e-8


@few
@given(seed=seeds)
def test_completeness_holds_at_a_layer(seed: int) -> None:
    model = smooth(seed)
    x = models.randn(2, 4, seed=seed + 1, dtype=F64)
    for baselines in (None, FromInputs(torch.zeros_like(x))):
        result = IntegratedGradients(n_steps=60).attribute(model, x, target=0, at="body.1", baselines=baselines)
        assert result.gap is not None and result.gap.abs().max() < 1e-8


@few
@given(seed=seeds, n_steps=st.integers(1, 12))
def test_the_gap_is_the_sum_less_the_difference_of_scores_however_coarse(seed: int, n_steps: int) -> None:
    model = smooth(seed)
    x = models.randn(3, 4, seed=seed + 1, dtype=F64)
    result = IntegratedGradients(n_steps=n_steps, rule="riemann_right").attribute(model, x, target=2)
    assert isinstance(result.values, Tensor) and result.gap is not None
    scores, start = model(x)[:, 2].detach(), model(torch.zeros_like(x))[:, 2].detach()
    assert torch.allclose(result.gap, result.values.sum(1) - (scores - start), atol=1e-12)
    assert torch.allclose(result.scores, scores, atol=1e-13)


@few
@given(seed=seeds)
def test_ablation_one_by_one_is_complete_for_an_additive_model(seed: int) -> None:
    x = models.randn(2, 5, seed=seed, dtype=F64)
    values = values_of(FeatureAblation(), lambda x: torch.sin(x).sum(1), x)
    assert torch.allclose(values, torch.sin(x), atol=1e-13)


# ---- linearity, symmetry, dummy, implementation invariance


@pytest.mark.parametrize("name", LINEAR_IN_THE_MODEL)
@few
@given(seed=seeds, a=st.floats(-3, 3), b=st.floats(-3, 3))
def test_attribution_is_linear_in_the_model(name: str, seed: int, a: float, b: float) -> None:
    f, g = smooth(seed), smooth(seed + 1)
    x = models.randn(2, 4, seed=seed + 2, dtype=F64)
    method = LINEAR_IN_THE_MODEL[name]
    mixed = values_of(method, lambda x: a * f(x) + b * g(x), x, target=1, seed=seed)
    separate = a * values_of(method, f, x, target=1, seed=seed) + b * values_of(method, g, x, target=1, seed=seed)
    assert torch.allclose(mixed, separate, atol=1e-11)


@pytest.mark.parametrize("method", [IntegratedGradients(n_steps=7), FeatureAblation(), InputXGradient()])
@few
@given(seed=seeds)
def test_symmetric_features_with_equal_values_get_equal_attributions(method: Method, seed: int) -> None:
    inner = smooth(seed, features=3)

    def symmetric(x: Tensor) -> Tensor:  # in the first two features
        both = x[:, 0] + x[:, 1]
        return inner(torch.stack([both, x[:, 0] * x[:, 1], x[:, 2]], 1))[:, 0]  # type: ignore[no-any-return]

    x = models.randn(2, 3, seed=seed + 1, dtype=F64)
    x[:, 1] = x[:, 0]
    values = values_of(method, symmetric, x, baselines=0.25 if method.uses_baselines else None)
    assert torch.allclose(values[:, 0], values[:, 1], atol=1e-12)


@pytest.mark.parametrize("name", EVERY_METHOD)
@few
@given(seed=seeds)
def test_a_feature_that_the_model_ignores_gets_nothing(name: str, seed: int) -> None:
    inner = smooth(seed, features=3)
    x = models.randn(2, 4, seed=seed + 1, dtype=F64)
    method = EVERY_METHOD[name]
    if isinstance(method, Occlusion):
        method = Occlusion((1,))  # wider windows share their drop with neighbours
    values = values_of(method, lambda x: inner(x[:, :3]), x, target=0)
    assert (values[:, 3] == 0).all()
    assert values[:, :3].abs().max() > 0


def test_a_feature_that_alone_differs_and_changes_the_score_is_blamed() -> None:
    # Sensitivity(a): 1 - relu(1 - x) at x = 2 from 0 saturates; plain gradients say zero, integrated gradients 1.
    x = torch.tensor([[2.0]], dtype=F64)

    def score(x: Tensor) -> Tensor:
        return (1 - torch.relu(1 - x)).sum(1)

    assert float(values_of(Saliency(), score, x)) == 0.0
    assert float(values_of(IntegratedGradients(n_steps=50, rule="riemann_middle"), score, x)) == pytest.approx(1.0)


@pytest.mark.parametrize("name", EVERY_METHOD)
@few
@given(seed=seeds)
def test_two_implementations_of_one_function_get_the_same_values(name: str, seed: int) -> None:
    model = smooth(seed)
    order = torch.randperm(10, generator=torch.Generator().manual_seed(seed))
    twin = smooth(seed)
    with torch.no_grad():  # hidden units in another order, and the signs of odd ones flipped through tanh
        sign = torch.where(order % 2 == 0, 1.0, -1.0).double()
        first, second = ((m.get_parameter("body.0.weight"), m.get_parameter("body.0.bias")) for m in (model, twin))
        second[0].copy_(first[0][order] * sign[:, None])
        second[1].copy_(first[1][order] * sign)
        twin.get_parameter("body.2.weight").copy_(model.get_parameter("body.2.weight")[:, order] * sign)
    x = models.randn(2, 4, seed=seed + 2, dtype=F64)
    method = EVERY_METHOD[name]
    assert torch.allclose(
        values_of(method, model, x, target=1, seed=1), values_of(method, twin, x, target=1, seed=1), atol=1e-12
    )


# ---- chunks and batches change nothing

PICTURE_CASES = picture_cases("inner.features.last", F64)


def targets(name: str, wanted: Any) -> dict[str, Any]:
    """The target as an argument, unless the case brings its own."""
    return {} if "target" in PICTURE_CASES[name][1] else {"target": wanted}


@pytest.mark.parametrize("name", PICTURE_CASES)
def test_no_memory_budget_changes_the_values(name: str) -> None:
    case = PICTURE_CASES[name]
    model = models.Counting(models.cnn(dtype=F64)).eval()
    x = models.randn(3, 3, 12, 12, seed=51, dtype=F64)
    reference = explain(case, model, x, seed=3, **targets(name, [0, 4, 2]))
    largest: list[int] = []
    for budget in (1, 300_000, 10**12):
        model.rows.clear()
        again = explain(case, model, x, seed=3, memory_budget=budget, **targets(name, [0, 4, 2]))
        assert_close(again.values, reference.values, 1e-12)
        if reference.gap is not None:
            assert again.gap is not None and torch.allclose(again.gap, reference.gap, atol=1e-12)
        largest.append(max(model.rows))
        if budget == 1 and name not in ONE_PASS:
            assert statistics.median(model.rows) == 1, "one byte is less than one row: all but the probes go one by one"
    assert largest == sorted(largest), "a larger budget gives larger chunks"
    assert largest[0] <= 4, "nothing is known before the first chunk, so that it is small"
    if name not in ONE_PASS:
        assert largest[-1] > 3, "with all memory, more rows than examples go through the model at once"


@pytest.mark.parametrize("name", [name for name in PICTURE_CASES if name not in RANDOM])
def test_one_by_one_equals_the_batch(name: str) -> None:
    # Random methods are left out: the draws of a batch are others than those of its parts.
    case, model = PICTURE_CASES[name], models.Counting(models.cnn(dtype=F64)).eval()
    x = models.randn(3, 3, 12, 12, seed=51, dtype=F64)
    together = explain(case, model, x, **targets(name, [0, 4, 2]))
    assert isinstance(together.values, Tensor)
    for i in range(3):
        alone = explain(case, model, x[i : i + 1], **targets(name, [0, 4, 2][i]))
        assert_close(alone.values, together.values[i : i + 1], 1e-12)
        if together.gap is not None:
            assert alone.gap is not None and torch.allclose(alone.gap, together.gap[i : i + 1], atol=1e-12)


def test_the_default_budget_runs_neither_one_row_nor_all_rows_at_a_time() -> None:
    # 400 windows of a picture of 3 x 128 x 128 whose first activation has 64 channels: over a gigabyte at once.
    model = models.Counting(
        nn.Sequential(nn.Conv2d(3, 64, 3, padding=1, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    ).eval()
    Occlusion(7, 7).attribute(model, models.randn(1, 3, 128, 128), target=0)
    assert sum(model.rows) >= 19 * 19
    assert 1 < max(model.rows) < 19 * 19
