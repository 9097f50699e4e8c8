"""Calls that look right and once gave wrong numbers in silence: each is now right, or a clear error."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from attrium_kernel.attribution import (
    At,
    AttributionError,
    FeatureAblation,
    GradCAM,
    GradientShap,
    InputXGradient,
    IntegratedGradients,
    ModelOutputError,
    Neuron,
    NoiseTunnel,
    PlaceError,
    Saliency,
    SettingError,
    ShapeError,
    Shared,
    TargetError,
)

F64 = torch.float64


def mlp() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Dropout(0.5), nn.Linear(5, 3)).double()


def rows(n: int = 6) -> Tensor:
    return torch.randn(n, 4, dtype=F64, generator=torch.Generator().manual_seed(1))


class Wrapper:
    """A callable that is no module."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def __call__(self, x: Tensor) -> Any:
        return self.model(x)

    def predict(self, x: Tensor) -> Any:
        return self.model(x)


def decorated(model: nn.Module) -> Any:
    def plain(x: Tensor) -> Any:
        return model(x)

    @functools.wraps(plain)
    def wrapper(*args: Any) -> Any:
        return plain(*args)

    return wrapper


def through_a_helper(model: nn.Module) -> Any:
    def helper(x: Tensor) -> Any:
        return model(x)

    return lambda x: helper(x)


FORMS = {
    "object": Wrapper,
    "method of an object": lambda m: Wrapper(m).predict,
    "list of models": lambda m: (lambda models: lambda x: models[0](x))([m]),
    "attribute": lambda m: (lambda box: lambda x: box.model(x))(Wrapper(m)),
    "decorated": decorated,
    "through a helper": through_a_helper,
}


@pytest.mark.parametrize("form", FORMS)
def test_dropout_is_off_behind_every_kind_of_callable(form: str) -> None:
    model = mlp().train()
    expected = Saliency().attribute(model, rows(), target=1).values
    assert torch.equal(Saliency().attribute(FORMS[form](model), rows(), target=1).values, expected)
    assert all(module.training for module in model.modules())


class Positions(nn.Module):
    """Adds a position embedding that is the same for all examples, `(1, tokens, width)`."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.positions, self.head = nn.Embedding(9, 4), nn.Embedding(5, 4), nn.Linear(4, 2)

    def forward(self, ids: Tensor) -> Any:
        return self.head((self.tokens(ids) + self.positions(torch.arange(5)[None])).tanh().mean(1))


@pytest.mark.parametrize("n", [3, 6])
@pytest.mark.parametrize("method", [Saliency(), InputXGradient(), IntegratedGradients(n_steps=2), FeatureAblation()])
def test_a_layer_without_a_row_for_each_example_is_refused(method: Any, n: int) -> None:
    ids = torch.randint(9, (n, 5))
    with pytest.raises(PlaceError, match=r"'positions'.*first dimension must count"):
        method.attribute(Positions(), ids, target=0, at="positions")


def test_a_shared_argument_of_the_batchs_size_stays_whole() -> None:
    weights = torch.tensor([1.0, 10.0, 100.0], dtype=F64)  # three classes, and three examples
    expected = torch.cat(
        [InputXGradient().attribute(lambda x: mlp().eval()(x) * weights, x[None], target=2).values for x in rows(3)]
    )
    found = InputXGradient().attribute(lambda x, w: mlp().eval()(x) * w, rows(3), target=2, args=Shared(weights))
    assert torch.allclose(found.values, expected, atol=1e-14)


def test_noise_inside_that_would_undo_the_noise_outside_is_refused() -> None:
    method = NoiseTunnel(NoiseTunnel(InputXGradient()), where="place")
    with pytest.raises(PlaceError, match="where='place' inside"):
        method.attribute(mlp(), rows(), target=0, at="0")
    inside = NoiseTunnel(NoiseTunnel(InputXGradient(), where="place"), where="place", kind="vargrad")
    assert (inside.attribute(mlp(), rows(), target=0, at="0").values > 0).any()


@pytest.mark.parametrize("inner", [GradientShap(n_samples=3, stdevs=0.1), NoiseTunnel(Saliency(), n_samples=3)])
def test_the_memory_budget_changes_no_draw_of_nested_methods(inner: Any) -> None:
    method = NoiseTunnel(inner, n_samples=4)
    wide = method.attribute(mlp(), rows(), target=0).values
    tight = method.attribute(mlp(), rows(), target=0, memory_budget=1).values
    assert torch.allclose(wide, tight, atol=1e-12)


def test_an_input_given_twice_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"x is given both in inputs and in kwargs; pass it once"):
        Saliency().attribute(lambda x: x.sum(1), {"x": rows()}, kwargs={"x": rows()})


@pytest.mark.parametrize("make", [lambda: At("0", "outputs"), lambda: Neuron("0", 1, "in")])  # type: ignore[arg-type]
def test_a_misspelt_side_is_refused(make: Any) -> None:
    with pytest.raises(PlaceError, match="pass 'output' or 'input'"):
        make()


def test_a_name_that_two_modules_have_is_refused() -> None:
    body, head = mlp(), nn.Sequential(nn.Linear(3, 2)).double()
    with pytest.raises(PlaceError, match="the name of layers in 2 modules; pass the module itself"):
        Saliency().attribute(lambda x: head(body(x)), rows(), target=0, at="0")


def test_a_second_name_of_a_layer_is_as_good_as_its_first() -> None:
    model = mlp()
    model.add_module("also", model[0])
    model.forward = lambda x: model[3](model[1](model[0](x)))  # type: ignore[method-assign]
    assert Saliency().attribute(model, rows(), target=0, at="also").values.shape == (6, 5)


def test_a_neuron_of_a_layer_that_is_called_twice_is_refused() -> None:
    layer = nn.Linear(4, 4).double()
    model = nn.Sequential(layer, nn.Tanh(), layer)
    with pytest.raises(PlaceError, match="more than once"):
        Saliency().attribute(model, rows(), target=Neuron(layer, 0))


@pytest.mark.parametrize("method", [IntegratedGradients(n_steps=2), FeatureAblation(), Saliency()])
def test_a_place_after_the_neuron_is_refused(method: Any) -> None:
    with pytest.raises(PlaceError, match=r"'3' was not called before the layer of the neuron"):
        method.attribute(mlp(), rows(), target=Neuron("0", 0), at="3")


def test_a_neuron_at_its_own_layer_is_the_identity() -> None:
    values = InputXGradient().attribute(mlp(), rows(), target=Neuron("0", 2), at="0").values
    natural = mlp()[0](rows())
    assert isinstance(values, Tensor)
    assert torch.equal(values[:, 2], natural[:, 2])
    assert not values[:, [0, 1, 3, 4]].any()


@pytest.mark.parametrize("method", [IntegratedGradients(n_steps=4), FeatureAblation(), GradientShap(n_samples=4)])
def test_one_number_per_example_is_an_input_too(method: Any) -> None:
    x = torch.tensor([1.0, -2.0, 3.0], dtype=F64)
    values = method.attribute(lambda x: 2 * x, x).values
    assert torch.allclose(values, 2 * x, atol=1e-12)
    assert values.shape == (3,)


def test_targets_as_a_numpy_array_go_to_their_examples() -> None:
    target = np.array([0, 1, 2, 0, 1, 2])
    expected = Saliency().attribute(mlp(), rows(), target=target.tolist()).values
    assert torch.equal(Saliency().attribute(mlp(), rows(), target=target).values, expected)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ([[0, 1, 2], [0, 1, 2]], "list"),
        (torch.tensor([True] * 6), "bool"),
        (lambda out: out.argmax(1), "int64"),
        (lambda out: out[:, 0] > 0, "bool"),
        (Neuron("0", [1, 2]), "2 units"),  # type: ignore[arg-type]
        (Neuron("nought", 1), "Neuron layer='nought'"),
    ],
)
def test_a_target_that_means_nothing_is_refused(target: Any, words: str) -> None:
    with pytest.raises(AttributionError, match=words):
        FeatureAblation().attribute(mlp(), rows(), target=target)


def test_a_class_of_a_model_with_one_number_is_refused() -> None:
    with pytest.raises(TargetError, match="single number; pass target=None"):
        Saliency().attribute(lambda x: x.sum(), rows(), target=7)


def test_a_complex_output_is_refused() -> None:
    with pytest.raises(ModelOutputError, match="complex"):
        Saliency().attribute(lambda x: torch.complex(x[:, 0], x[:, 1]), rows())


def test_baselines_as_numpy_arrays_and_numbers_are_taken() -> None:
    expected = IntegratedGradients().attribute(mlp(), rows(), target=0, baselines=0.5).values
    for given in (np.full((1, 4), 0.5), np.float32(0.5)):
        assert torch.equal(IntegratedGradients().attribute(mlp(), rows(), target=0, baselines=given).values, expected)


def test_a_fraction_as_the_baseline_of_whole_numbers_is_refused() -> None:
    with pytest.raises(ShapeError, match="fractions"):
        FeatureAblation().attribute(lambda ids: ids.double().sum(1), torch.randint(9, (2, 3)), baselines=0.9)


@pytest.mark.parametrize("method", [Saliency(), InputXGradient(), GradCAM(), NoiseTunnel(Saliency())])
def test_what_a_method_does_not_use_is_refused(method: Any) -> None:
    with pytest.raises(AttributionError, match="takes no baselines"):
        method.attribute(mlp(), rows(), target=0, baselines=0)
    with pytest.raises(AttributionError, match="takes no mask"):
        method.attribute(mlp(), rows(), target=0, mask=torch.zeros(1, 4, dtype=torch.long))


@pytest.mark.parametrize(
    "make",
    [
        lambda: IntegratedGradients(n_steps=None),  # type: ignore[arg-type]
        lambda: IntegratedGradients(n_steps=(5, 6)),  # type: ignore[arg-type]
        lambda: GradientShap(stdevs=float("inf")),
        lambda: GradientShap(stdevs=[0.1]),  # type: ignore[arg-type]
        lambda: GradientShap(stdevs=None),  # type: ignore[arg-type]
    ],
)
def test_a_setting_of_the_wrong_form_is_refused(make: Any) -> None:
    with pytest.raises(SettingError):
        make()


def test_numpy_numbers_are_settings_and_seeds() -> None:
    method = GradientShap(n_samples=np.int64(2))  # type: ignore[arg-type]
    first = method.attribute(mlp(), rows(), target=0, seed=np.int64(3)).values  # type: ignore[arg-type]
    assert torch.equal(first, GradientShap(n_samples=2).attribute(mlp(), rows(), target=0, seed=3).values)


def test_a_layer_of_a_script_is_refused_and_its_inputs_are_not() -> None:
    with warnings.catch_warnings(action="ignore"):  # scripting is deprecated, and still met
        script = torch.jit.script(mlp())
    with pytest.raises(PlaceError, match=r"torch\.jit\.script"):
        Saliency().attribute(script, rows(), target=0, at="0")
    expected = Saliency().attribute(mlp(), rows(), target=0).values
    assert torch.allclose(Saliency().attribute(script, rows(), target=0).values, expected, atol=1e-14)


def test_a_model_that_sums_over_the_batch_is_called_once_for_each_row() -> None:
    calls: list[int] = []

    def total(x: Tensor) -> Tensor:
        calls.append(len(x))
        return (x**2).sum()

    IntegratedGradients(n_steps=10).attribute(total, rows(1))
    assert sum(size > 1 for size in calls) <= 1, "that it sums is found out once"


def test_smoothing_pays_for_no_gap_that_nobody_reads() -> None:
    att = NoiseTunnel(IntegratedGradients(n_steps=5), n_samples=10).attribute(mlp(), rows(), target=0)
    assert att.timing.rows == 6 * 5 * 10 + 6
    assert IntegratedGradients(n_steps=5, multiply_by_inputs=False).attribute(mlp(), rows(), target=0).timing.rows == 36


def test_the_gap_of_half_precision_values_is_summed_in_float32() -> None:
    x = torch.full((1, 4096), 0.1, dtype=torch.bfloat16)
    att = IntegratedGradients(n_steps=2).attribute(lambda x: x.float().sum(1), x)
    assert att.gap is not None
    assert att.gap.abs().max() < 1e-3


def test_inference_tensors_as_further_arguments_are_taken() -> None:
    with torch.inference_mode():
        weights = torch.ones(3, dtype=F64)
    assert Saliency().attribute(lambda x, w: mlp().eval()(x) * w, rows(), target=0, args=weights).values.shape == (6, 4)
