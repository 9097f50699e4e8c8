"""Where attributions live: modules, names, sides, indices; and what else the forward is given."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn

from attrium_kernel.attribution import (
    At,
    GradientShap,
    InputXGradient,
    IntegratedGradients,
    Method,
    NoiseTunnel,
    Saliency,
)

from . import models
from .closeness import assert_close

F64 = torch.float64


# ---- further arguments


def test_tensors_with_a_row_per_example_follow_it_and_others_pass_as_they_are(method: Method) -> None:
    a, b = models.randn(3, 3, seed=1, dtype=F64), models.randn(3, 2, 4, seed=2, dtype=F64)
    weight = torch.tensor([1.0, -2.0, 0.5], dtype=F64)
    baselines = {"a": a.flip(0), "b": b.flip(0)} if isinstance(method, GradientShap) else None
    whole = method.attribute(
        models.keyword_inputs(F64),
        {"a": a, "b": b},
        target=[0, 1, 2],
        baselines=baselines,
        kwargs={"weight": weight, "scale": 3.0},
        memory_budget=1,
    )
    plain = method.attribute(models.keyword_inputs(F64), {"a": a, "b": b}, target=[0, 1, 2], baselines=baselines)
    assert isinstance(whole.values, dict) and isinstance(plain.values, dict)
    absolute = isinstance(method, Saliency | NoiseTunnel)
    factor = 3.0 * (weight.abs() if absolute else weight)
    for name in ("a", "b"):
        expected = plain.values[name] * factor.reshape(-1, *[1] * (plain.values[name].dim() - 1))
        assert_close(whole.values[name], expected, 1e-12)


def test_a_tensor_of_another_length_is_not_expanded() -> None:
    table = models.randn(6, 2, seed=3, dtype=F64)
    result = IntegratedGradients(n_steps=4).attribute(
        lambda x, table: x @ table, models.randn(3, 6, seed=1, dtype=F64), target=1, args=(table,)
    )
    assert_close(result.values, models.randn(3, 6, seed=1, dtype=F64) * table[:, 1], 1e-12)


# ---- places


def test_a_place_may_be_a_module_a_name_or_an_at() -> None:
    model, x = models.cnn(dtype=F64), models.randn(2, 3, 12, 12, seed=1, dtype=F64)
    method = InputXGradient()
    layer = model.get_submodule("features.last")
    forms: list[str | nn.Module | At] = ["features.last", layer, At("features.last"), At(layer, side="output")]
    results = [method.attribute(model, x, target=0, at=form) for form in forms]
    for result in results:
        assert_close(result.values, results[0].values, 0.0)
        assert result.at == "features.last"
    assert method.attribute(model, x, target=0).at is None
    before = method.attribute(model, x, target=0, at=At("features.last", side="input")).values
    after = method.attribute(model, x, target=0, at="features.pool").values
    assert_close(before, after, 1e-12)


def test_at_the_input_of_the_whole_model_is_the_input(method: Method) -> None:
    model, x = models.mlp(dtype=F64), models.randn(2, 6, seed=1, dtype=F64)
    rows = models.randn(2, 6, seed=9, dtype=F64) if isinstance(method, GradientShap) else None
    if isinstance(method, NoiseTunnel):
        method = dataclasses.replace(method, where="place")
    first = method.attribute(model, x, target=0, at=At("body.0", side="input"), baselines=rows)
    assert_close(first.values, method.attribute(model, x, target=0, baselines=rows).values, 1e-12)


def test_an_index_chooses_among_the_outputs_of_a_place() -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x * 2, x**2

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.two = Two()

        def forward(self, x: Tensor) -> Tensor:
            double, square = self.two(x)
            out: Tensor = (double * 3 + square).sum(1)
            return out

    x = models.randn(2, 4, seed=1, dtype=F64)
    first = InputXGradient().attribute(Whole(), x, at=At("two", index=0)).values
    second = InputXGradient().attribute(Whole(), x, at=At("two", index=1)).values
    assert_close(first, 6 * x, 1e-14)
    assert_close(second, x**2, 1e-14)


def test_an_lstm_is_a_place_although_its_output_is_nested() -> None:
    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(3, 4, batch_first=True)
            self.head = nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            states, _ = self.lstm(x)
            out: Tensor = self.head(states[:, -1])
            return out

    with models.seeded(1):
        model = Whole().double().eval()
    x = models.randn(2, 5, 3, seed=1, dtype=F64)
    result = IntegratedGradients(n_steps=4).attribute(model, x, target=0, at=At("lstm", index=0))
    states, _ = model.lstm(x)
    expected = torch.zeros_like(states)
    expected[:, -1] = states[:, -1] * model.head.weight[0]
    assert_close(result.values, expected.detach(), 1e-12)
