"""Attributions that can be known without any library: by hand, by quadrature, by finite differences, by naive loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import integrate  # type: ignore[import-untyped]
from torch import Tensor, nn

from attrium_kernel.attribution import (
    FeatureAblation,
    GradCAM,
    GradientShap,
    InputXGradient,
    IntegratedGradients,
    NoiseTunnel,
    Occlusion,
    Saliency,
)

from . import models, oracles
from .closeness import assert_close
from .draws import noise_draws, shap_draws
from .subjects import SUBJECTS, Subject

F64 = torch.float64
ALL_RULES = ["gausslegendre", "riemann_left", "riemann_middle", "riemann_right", "riemann_trapezoid"]


@pytest.fixture(params=SUBJECTS)
def subject(request: pytest.FixtureRequest) -> Subject:
    """MLP, CNN and transformer in float64."""
    return SUBJECTS[request.param](F64)


def linear() -> models.Linear:
    """Two classes of four features."""
    return models.Linear(models.randn(2, 4, seed=1, dtype=F64), models.randn(2, seed=2, dtype=F64)).eval()


# ---- by hand


def test_the_saliency_of_a_linear_model_is_its_weights() -> None:
    model, x = linear(), models.randn(3, 4, seed=3, dtype=F64)
    signed = Saliency(absolute=False).attribute(model, x, target=[0, 1, 1]).values
    assert_close(signed, model.weight[[0, 1, 1]].detach(), 1e-15)
    assert_close(Saliency().attribute(model, x, target=1).values, model.weight[[1, 1, 1]].detach().abs(), 1e-15)


def test_input_x_gradient_of_a_linear_model_is_weight_times_input() -> None:
    model, x = linear(), models.randn(3, 4, seed=3, dtype=F64)
    result = InputXGradient().attribute(model, x, target=0)
    assert_close(result.values, (model.weight[0] * x).detach(), 1e-15)


@pytest.mark.parametrize("n_steps", [2, 3, 10])
@pytest.mark.parametrize("rule", ALL_RULES)
def test_every_rule_is_exact_for_a_linear_model(rule: Any, n_steps: int) -> None:
    model, x = linear(), models.randn(3, 4, seed=3, dtype=F64)
    baseline = models.randn(3, 4, seed=4, dtype=F64)
    result = IntegratedGradients(n_steps=n_steps, rule=rule).attribute(model, x, target=1, baselines=baseline)
    assert_close(result.values, (model.weight[1] * (x - baseline)).detach(), 1e-13)
    assert result.gap is not None and result.gap.abs().max() < 1e-13
    assert_close(result.scores, model(x)[:, 1].detach(), 1e-15)


@pytest.mark.parametrize("rule", ["gausslegendre", "riemann_middle", "riemann_trapezoid"])
def test_symmetric_rules_are_exact_for_a_quadratic_model(rule: Any) -> None:
    # grad F(b + a d) = A (b + a d) + v is linear in a: its mean over the path is A (b + d / 2) + v.
    model = models.Quadratic(models.randn(5, 5, seed=5, dtype=F64), models.randn(5, seed=6, dtype=F64)).eval()
    x, baseline = models.randn(2, 5, seed=7, dtype=F64), models.randn(1, 5, seed=8, dtype=F64)
    result = IntegratedGradients(n_steps=6, rule=rule).attribute(model, x, baselines=baseline)
    middle = (x + baseline) / 2
    assert_close(result.values, ((x - baseline) * (middle @ model.matrix + model.bias)).detach(), 1e-13)


@pytest.mark.parametrize(("rule", "shift"), [("riemann_left", -1), ("riemann_right", 1)])
def test_one_sided_rules_err_by_half_a_step_on_a_quadratic_model(rule: Any, shift: int) -> None:
    # Nodes k/n and (k+1)/n have mean 1/2 -+ 1/(2n): the attribution is d * (A (b + d (1/2 -+ 1/(2n))) + v).
    model = models.Quadratic(models.randn(5, 5, seed=5, dtype=F64), models.randn(5, seed=6, dtype=F64)).eval()
    x, baseline = models.randn(2, 5, seed=7, dtype=F64), models.randn(1, 5, seed=8, dtype=F64)
    n = 8
    point = baseline + (x - baseline) * (0.5 + shift / (2 * n))
    expected = ((x - baseline) * (point @ model.matrix + model.bias)).detach()
    result = IntegratedGradients(n_steps=n, rule=rule).attribute(model, x, baselines=baseline)
    assert_close(result.values, expected, 1e-13)
    assert result.gap is not None
    assert_close(result.gap, expected.sum(1) - (model(x) - model(baseline)).detach(), 1e-11)


def test_each_factor_of_a_product_gets_an_equal_share_from_zero() -> None:
    # d/dx_i prod(a x) = a^(d-1) prod / x_i, and x_i * integral a^(d-1) da = prod / d.
    x = models.randn(3, 5, seed=9, dtype=F64)
    result = IntegratedGradients(n_steps=5).attribute(models.Product(), x)
    assert_close(result.values, (x.prod(1, keepdim=True) / 5).expand_as(x).contiguous(), 1e-13)


def test_two_factors_with_a_baseline_share_as_the_integral_says() -> None:
    # F = x y from (p, q): x gets (x - p) (q + y) / 2.
    x, baseline = torch.tensor([[3.0, 5.0]], dtype=F64), torch.tensor([[1.0, -2.0]], dtype=F64)
    values = IntegratedGradients(n_steps=2).attribute(models.Product(), x, baselines=baseline).values
    assert_close(values, torch.tensor([[2 * 1.5, 7 * 2.0]], dtype=F64), 1e-15)


def test_without_multiplication_integrated_gradients_are_the_mean_gradient() -> None:
    x = models.randn(3, 5, seed=9, dtype=F64)
    with_factor = IntegratedGradients(n_steps=7).attribute(models.Product(), x).values
    alone = IntegratedGradients(n_steps=7, multiply_by_inputs=False).attribute(models.Product(), x)
    assert isinstance(alone.values, Tensor)
    assert_close(alone.values * x, with_factor, 1e-14)
    assert alone.gap is None  # mean gradients do not sum to a difference of scores


def test_gauss_legendre_equals_adaptive_quadrature() -> None:
    # exp(-x y) sin(x + y): d/dx = exp(-x y) (cos(x + y) - y sin(x + y)), smooth but no polynomial along the path.
    def score(x: Tensor) -> Tensor:
        return torch.exp(-x.prod(1)) * torch.sin(x.sum(1))

    start, end = (0.2, 0.5), (1.4, -0.7)
    values = IntegratedGradients(n_steps=20).attribute(
        score, torch.tensor([end], dtype=F64), baselines=torch.tensor([start], dtype=F64)
    )
    assert isinstance(values.values, Tensor)

    def slope(alpha: float, axis: int) -> float:
        x, y = (s + alpha * (e - s) for s, e in zip(start, end, strict=True))
        other = y if axis == 0 else x
        return math.exp(-x * y) * (math.cos(x + y) - other * math.sin(x + y))

    for axis in (0, 1):
        area, _ = integrate.quad(slope, 0, 1, args=(axis,), epsabs=1e-14)
        assert abs(float(values.values[0, axis]) - area * (end[axis] - start[axis])) < 1e-12


@pytest.mark.parametrize("n_steps", [1, 2, 5, 16])
def test_n_gauss_legendre_nodes_integrate_degree_2n_minus_1_exactly_and_no_more(n_steps: int) -> None:
    # F = x^(p+1)/(p+1), from 0 to 1: the integrand is x^p, and the attribution its integral 1/(p+1).
    def error(power: int) -> float:
        values = IntegratedGradients(n_steps=n_steps).attribute(
            lambda x: x.pow(power + 1).sum(1) / (power + 1), torch.ones(1, 1, dtype=F64)
        )
        assert isinstance(values.values, Tensor)
        return abs(float(values.values) - 1 / (power + 1))

    assert error(2 * n_steps - 1) < 1e-14
    # The next degree has the known error (n!)^4 / ((2n+1) ((2n)!)^2), with x^(2n)'s derivative (2n)!, over (2n)!.
    log_gamma = math.lgamma
    known = 4 * log_gamma(n_steps + 1) - math.log(2 * n_steps + 1) - 2 * log_gamma(2 * n_steps + 1)
    if n_steps < 10:
        assert error(2 * n_steps) == pytest.approx(math.exp(known), rel=1e-6)


def test_nodes_where_the_model_is_evaluated_are_the_rules_nodes() -> None:
    seen: list[float] = []

    def score(x: Tensor) -> Tensor:
        seen.extend(x[:, 0].detach().tolist())
        return x.sum(1)

    x = torch.ones(1, 1, dtype=F64)
    for rule in ALL_RULES:
        seen.clear()
        IntegratedGradients(n_steps=4, rule=rule).attribute(score, x)  # type: ignore[arg-type]
        nodes, _ = oracles.nodes_and_weights(rule, 4)
        for node in nodes:
            assert min(abs(node - value) for value in seen) < 1e-15, f"{rule} does not evaluate at {node}"


# ---- naive loops, method by method


@pytest.mark.parametrize("rule", ALL_RULES)
def test_integrated_gradients_equal_a_loop_over_the_steps(subject: Subject, rule: Any) -> None:
    method = IntegratedGradients(n_steps=6, rule=rule)
    values = method.attribute(
        subject.model, subject.inputs, target=subject.target, at=subject.at, baselines=subject.baseline
    ).values
    expected = []
    for i, target in enumerate(subject.target):
        expected.append(
            oracles.integrated_gradients(
                oracles.picked(subject.onwards, target),
                subject.x[i : i + 1],
                subject.baseline,
                rule,
                6,
            )
        )
    assert_close(values, torch.cat(expected), 1e-12)


def test_saliency_equals_central_finite_differences(subject: Subject) -> None:
    values = (
        Saliency(absolute=False).attribute(subject.model, subject.inputs, target=subject.target, at=subject.at).values
    )
    assert isinstance(values, Tensor)
    flat = subject.x[0].flatten()
    step = 1e-5
    with torch.no_grad():
        for position in np.random.default_rng(0).choice(len(flat), 5 if len(flat) < 9 else 20, replace=False):
            moved = torch.zeros_like(flat)
            moved[position] = step
            up, down = ((flat + s * moved).reshape(1, *subject.x.shape[1:]) for s in (1, -1))
            slope = (subject.onwards(up) - subject.onwards(down))[0, subject.target[0]] / (2 * step)
            assert float(values[0].flatten()[position] - slope) == pytest.approx(0.0, abs=1e-8)


def test_feature_ablation_equals_brute_force(subject: Subject) -> None:
    values = (
        FeatureAblation()
        .attribute(
            subject.model,
            subject.inputs,
            target=subject.target,
            at=subject.at,
            baselines=subject.baseline,
            mask=subject.mask,
        )
        .values
    )
    expected = []
    with torch.no_grad():
        for i, target in enumerate(subject.target):
            expected.append(
                oracles.ablation(
                    oracles.picked(subject.onwards, target),
                    subject.x[i : i + 1],
                    subject.baseline,
                    subject.mask,
                )
            )
    assert_close(values, torch.cat(expected), 1e-12)


def test_occlusion_equals_a_loop_over_the_windows(subject: Subject) -> None:
    values = (
        Occlusion(subject.window, subject.stride)
        .attribute(subject.model, subject.inputs, target=subject.target, at=subject.at, baselines=subject.baseline)
        .values
    )
    with torch.no_grad():
        expected = oracles.occlusion(subject.score, subject.x, subject.baseline, subject.window, subject.stride)
    assert_close(values, expected, 1e-12)


@pytest.mark.parametrize("kind", ["smoothgrad", "smoothgrad_sq", "vargrad"])
def test_smoothing_equals_a_loop_over_the_noisy_inputs(subject: Subject, kind: Any) -> None:
    method = NoiseTunnel(Saliency(), kind=kind, n_samples=4, stdevs=0.3, where="place" if subject.at else "inputs")
    values = method.attribute(
        subject.model, subject.inputs, target=subject.target, at=subject.at, seed=torch.Generator().manual_seed(8)
    ).values
    (noise,) = noise_draws(torch.Generator().manual_seed(8), 4, [subject.x], 0.3)
    expected = oracles.noise_average(lambda x: oracles_gradient(subject, x).abs(), subject.x, noise, kind)
    assert_close(values, expected, 1e-11)


def oracles_gradient(subject: Subject, x: Tensor) -> Tensor:
    """The gradient of each example's own target."""
    return torch.cat(
        [
            oracles.gradient(oracles.picked(subject.onwards, target), x[i : i + 1])
            for i, target in enumerate(subject.target)
        ]
    )


def test_vargrad_of_one_sample_is_zero_and_of_a_linear_model_too() -> None:
    model, x = linear(), models.randn(3, 4, seed=3, dtype=F64)
    for samples in (1, 6):
        values = (
            NoiseTunnel(Saliency(), kind="vargrad", n_samples=samples, stdevs=0.5).attribute(model, x, target=0).values
        )
        assert isinstance(values, Tensor) and values.abs().max() < 1e-14


def test_vargrad_is_the_biased_variance_and_never_negative_in_float32() -> None:
    # Gradients of x^2 + 1000 x are near 1000 and vary by 0.02: a float32 difference of squares would drown that.
    def score(x: Tensor) -> Tensor:
        return (x**2 + 1000 * x).sum(1)

    x = models.randn(2, 3, seed=3)
    values = NoiseTunnel(Saliency(), kind="vargrad", n_samples=50, stdevs=0.01).attribute(score, x, seed=4).values
    (noise,) = noise_draws(torch.Generator().manual_seed(4), 50, [x], 0.01)
    expected = (2 * noise.double()).var(0, correction=0)
    assert isinstance(values, Tensor)
    assert values.min() >= 0
    assert torch.allclose(values.double(), expected, rtol=0.3)


@pytest.mark.parametrize("kind", SUBJECTS)
def test_vargrad_in_float32_is_within_1e_5_of_the_variance_in_float64(kind: str) -> None:
    narrow, wide = SUBJECTS[kind](torch.float32), SUBJECTS[kind](F64)
    method = NoiseTunnel(
        Occlusion(narrow.window, narrow.stride),
        kind="vargrad",
        n_samples=3,
        stdevs=0.3,
        where="place" if narrow.at else "inputs",
    )
    arguments: dict[str, Any] = {"target": narrow.target, "at": narrow.at, "baselines": narrow.baseline, "seed": 5}
    values = method.attribute(narrow.model, narrow.inputs, **arguments).values
    (noise,) = noise_draws(torch.Generator().manual_seed(5), 3, [narrow.x], 0.3)
    baseline = narrow.baseline.double()
    with torch.no_grad():
        expected = oracles.noise_average(
            lambda x: oracles.occlusion(wide.score, x, baseline, wide.window, wide.stride),
            narrow.x.double(),
            noise.double(),
            "vargrad",
        )
    assert isinstance(values, Tensor)
    assert_close(values.double(), expected, 1e-5)


def test_smoothgrad_squared_of_a_linear_model_is_the_squared_weight() -> None:
    model, x = linear(), models.randn(3, 4, seed=3, dtype=F64)
    values = NoiseTunnel(Saliency(), kind="smoothgrad_sq", n_samples=3).attribute(model, x, target=0).values
    assert_close(values, (model.weight[0] ** 2).expand(3, 4).detach().contiguous(), 1e-14)


def test_gradient_shap_equals_a_loop_over_samples(subject: Subject) -> None:
    rows = models.randn(3, *subject.x.shape[1:], seed=33, dtype=F64)
    values = (
        GradientShap(n_samples=4, stdevs=0.1)
        .attribute(subject.model, subject.inputs, target=subject.target, at=subject.at, baselines=rows, seed=2)
        .values
    )
    alphas, picks, (noise,) = shap_draws(2, 4, [subject.x], 3, 0.1)
    expected = torch.zeros_like(subject.x)
    for s in range(4):
        noisy, base = subject.x + noise[s], rows[picks[s]]
        alpha = alphas[s].reshape(-1, *[1] * (subject.x.dim() - 1))
        expected += (noisy - base) * oracles_gradient(subject, base + alpha * (noisy - base)) / 4
    assert_close(values, expected, 1e-11)


def test_gradient_shap_of_a_linear_model_needs_only_the_mean_of_the_picks() -> None:
    model, x = linear(), models.randn(3, 4, seed=3, dtype=F64)
    rows = models.randn(6, 4, seed=33, dtype=F64)
    result = GradientShap(n_samples=7).attribute(model, x, target=0, baselines=rows, seed=9)
    _, picks, _ = shap_draws(9, 7, [x], 6)
    assert_close(result.values, (model.weight[0] * (x - rows[picks].mean(0))).detach(), 1e-13)
    assert result.gap is not None and result.gap.abs().max() < 1e-13


# ---- Grad-CAM by hand


@pytest.mark.parametrize("relu", [True, False])
def test_grad_cam_is_the_map_weighted_by_mean_gradients(relu: bool) -> None:
    subject = SUBJECTS["cnn"](F64)
    model = subject.model
    with torch.no_grad():
        maps = model.get_submodule("features")(subject.x)
    leaf = maps.clone().requires_grad_()
    tail = nn.functional.avg_pool2d(torch.relu(leaf), 2).flatten(1)
    scores = model.get_submodule("head")(tail)[torch.arange(2), subject.target]
    (grads,) = torch.autograd.grad(scores.sum(), leaf)
    expected = torch.stack([sum(grads[i, c].mean() * maps[i, c] for c in range(6)) for i in range(2)]).unsqueeze(1)
    result = GradCAM(relu=relu).attribute(model, subject.x, target=subject.target, at="features.last")
    assert_close(result.values, expected.clamp(min=0) if relu else expected, 1e-12)
    assert result.at == "features.last"


def test_grad_cam_of_one_channel_with_a_known_head() -> None:
    # One 1x1 convolution doubles the picture and the score is the mean of the map, so every pixel gets 2 x / (h w).
    conv = nn.Conv2d(1, 1, 1, bias=False).double()
    nn.init.constant_(conv.weight, 2.0)
    model = nn.Sequential(conv, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    x = models.randn(2, 1, 3, 5, seed=40, dtype=F64)
    values = GradCAM(relu=False).attribute(model, x, target=0, at=conv).values
    assert_close(values, 2 * x / 15, 1e-14)


# ---- ablation, occlusion by hand


def test_ablation_of_a_linear_model_is_its_exact_attribution() -> None:
    model, x, baseline = linear(), models.randn(3, 4, seed=3, dtype=F64), models.randn(1, 4, seed=4, dtype=F64)
    values = FeatureAblation().attribute(model, x, target=1, baselines=baseline).values
    assert_close(values, (model.weight[1] * (x - baseline)).detach(), 1e-13)


def test_a_group_gets_the_joint_effect_at_each_of_its_elements() -> None:
    x = torch.tensor([[2.0, 3.0, 5.0]], dtype=F64)
    values = FeatureAblation().attribute(models.Product(), x, baselines=1.0, mask=torch.tensor([[9, 4, 9]])).values
    assert_close(values, torch.tensor([[27.0, 20.0, 27.0]], dtype=F64), 1e-15)


def test_a_window_that_hangs_over_the_edge_hides_what_is_left() -> None:
    # Windows of 2 by 2 over five numbers: (1,2) (3,4) (5): sums of what is hidden; the model is the sum.
    x = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]], dtype=F64)
    values = Occlusion((2,)).attribute(lambda x: x.sum(1), x).values
    assert_close(values, torch.tensor([[3.0, 3.0, 7.0, 7.0, 5.0]], dtype=F64), 1e-15)


def test_overlapping_windows_are_averaged_by_coverage() -> None:
    x = torch.tensor([[1.0, 2.0, 4.0]], dtype=F64)
    values = Occlusion((2,), (1,)).attribute(lambda x: x.sum(1), x).values
    assert_close(values, torch.tensor([[3.0, 4.5, 6.0]], dtype=F64), 1e-15)
