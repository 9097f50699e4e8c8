"""Every form of target names one scalar for each example."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attrium_kernel.attribution import (
    FeatureAblation,
    GradientShap,
    IntegratedGradients,
    Method,
    Neuron,
    Saliency,
)

from . import models
from .closeness import assert_close
from .oracles import gradient, picked

F64 = torch.float64


def saliency(model: Any, x: Any, target: Any, **arguments: Any) -> Tensor:
    """Signed gradients for one tensor: the shortest way to see which scalar was explained."""
    values = Saliency(absolute=False).attribute(model, x, target=target, **arguments).values
    assert isinstance(values, Tensor)
    return values


class PerToken(nn.Module):
    """`(n, 4, 3) -> (n, 4, 5)`: a score per position and class."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 5)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = torch.tanh(self.inner(x)).cumsum(1)
        return out


def per_token() -> PerToken:
    """A `PerToken` in float64."""
    with models.seeded(8):
        return PerToken().double().eval()


@pytest.mark.parametrize(
    ("target", "classes"),
    [
        (2, [2, 2, 2]),
        (-1, [3, 3, 3]),
        ([0, 3, 1], [0, 3, 1]),
        ([-4, -1, 2], [0, 3, 2]),
        (torch.tensor([1, 1, 0]), [1, 1, 0]),
        (torch.tensor(3), [3, 3, 3]),
        (torch.tensor([2]), [2, 2, 2]),
        ((1,), [1, 1, 1]),
        ([(1,), (2,), (0,)], [1, 2, 0]),
        (lambda output: output[:, 2], [2, 2, 2]),
    ],
    ids=str,
)
def test_every_form_of_target_names_the_scalar_meant(target: Any, classes: list[int]) -> None:
    model, x = models.mlp(dtype=F64), models.randn(3, 6, seed=1, dtype=F64)
    result = Saliency(absolute=False).attribute(model, x, target=target)
    expected = torch.cat([gradient(picked(model, c), x[i : i + 1]) for i, c in enumerate(classes)])
    assert_close(result.values, expected, 1e-12)
    assert_close(result.scores, model(x)[torch.arange(3), classes].detach(), 1e-12)
    assert_close(
        FeatureAblation().attribute(model, x, target=target).scores, model(x)[torch.arange(3), classes].detach(), 1e-12
    )


@pytest.mark.parametrize(
    ("target", "indices"),
    [
        ((1, 4), [(1, 4), (1, 4)]),
        ((-1, -2), [(3, 3), (3, 3)]),
        ([(0, 1), (3, -1)], [(0, 1), (3, 4)]),
    ],
)
def test_a_tuple_indexes_an_output_of_more_axes(target: Any, indices: list[tuple[int, int]]) -> None:
    model, x = per_token(), models.randn(2, 4, 3, seed=1, dtype=F64)
    expected = torch.cat([gradient(picked(model, p, c), x[i : i + 1]) for i, (p, c) in enumerate(indices)])
    assert_close(saliency(model, x, target), expected, 1e-12)
    assert_close(
        IntegratedGradients(n_steps=30).attribute(model, x, target=target).scores,
        torch.stack([model(x)[i, p, c] for i, (p, c) in enumerate(indices)]).detach(),
        1e-12,
    )


def test_targets_per_example_stay_with_their_examples_in_every_chunk(method: Method) -> None:
    model, x = models.mlp(dtype=F64), models.randn(3, 6, seed=1, dtype=F64)
    rows = models.randn(2, 6, seed=9, dtype=F64) if isinstance(method, GradientShap) else None
    reference = method.attribute(model, x, target=[3, 0, 2], baselines=rows).values
    chunked = method.attribute(model, x, target=[3, 0, 2], baselines=rows, memory_budget=1).values
    assert_close(chunked, reference, 1e-12)


def test_no_target_explains_an_output_of_one_scalar_per_example() -> None:
    x = models.randn(3, 4, seed=1, dtype=F64)
    assert_close(saliency(lambda x: (x**2).sum(1), x, None), 2 * x, 1e-14)
    assert_close(saliency(lambda x: (x**2).sum(1, keepdim=True), x, 0), 2 * x, 1e-14)


def test_an_output_without_axes_is_the_score_of_a_single_example(method: Method) -> None:
    # Captum's gradient methods fail here with an IndexError.
    x = models.randn(1, 4, seed=1, dtype=F64)
    rows = models.randn(2, 4, seed=9, dtype=F64) if isinstance(method, GradientShap) else None
    scalar = method.attribute(lambda x: (x**3).sum(), x, baselines=rows, memory_budget=1)
    vector = method.attribute(lambda x: (x**3).sum(1), x, baselines=rows)
    assert_close(scalar.values, vector.values, 1e-12)
    assert scalar.scores.shape == (1,)


def test_a_neuron_is_a_target_like_any_other() -> None:
    model, x = models.cnn(dtype=F64), models.randn(2, 3, 12, 12, seed=1, dtype=F64)

    def unit(x: Tensor) -> Tensor:
        out: Tensor = model.features(x)[:, 2, 1, -1]
        return out

    expected = gradient(unit, x)
    for layer in ("features.last", model.get_submodule("features.last")):
        assert_close(saliency(model, x, Neuron(layer, (2, 1, -1))), expected, 1e-12)
    result = IntegratedGradients(n_steps=5).attribute(model, x, target=Neuron("features.last", (2, 1, -1)))
    assert_close(result.scores, unit(x).detach(), 1e-12)
    assert result.gap is not None and result.gap.abs().max() < 1e-2


def test_a_neuron_of_a_vector_layer_takes_an_int() -> None:
    model, x = models.mlp(dtype=F64), models.randn(2, 6, seed=1, dtype=F64)
    assert_close(saliency(model, x, Neuron("body.2", 5)), gradient(lambda r: model.body[:3](r)[:, 5], x), 1e-12)
    assert_close(
        FeatureAblation().attribute(model, x, target=Neuron("body.2", 5)).scores, model.body[:3](x)[:, 5].detach(), 0.0
    )


def test_a_model_that_sums_over_its_rows_is_run_one_row_at_a_time(method: Method) -> None:
    x = models.randn(3, 4, seed=1, dtype=F64)
    rows = models.randn(2, 4, seed=9, dtype=F64) if isinstance(method, GradientShap) else None
    summed = method.attribute(lambda x: (x**3).sum(), x, baselines=rows)
    assert_close(summed.values, method.attribute(lambda x: (x**3).sum(1), x, baselines=rows).values, 1e-12)


def test_perturbations_take_a_model_that_returns_a_number() -> None:
    # As with Captum: an external program or a NumPy function can be explained too.
    x = models.randn(1, 4, seed=1, dtype=F64)
    values = FeatureAblation().attribute(lambda x: float((x**3).sum()), x).values
    assert isinstance(values, Tensor)
    assert torch.allclose(values, x**3, atol=1e-6)
