"""A mistake is named: what was given, what was expected, what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attrium_kernel.attribution import (
    At,
    AttributionError,
    Cancelled,
    FeatureAblation,
    GradCAM,
    GradientShap,
    InputXGradient,
    IntegratedGradients,
    Method,
    ModelOutputError,
    Neuron,
    NoiseTunnel,
    NonFiniteError,
    Occlusion,
    PlaceError,
    Saliency,
    ShapeError,
    TargetError,
)

from . import models

ADVICE = re.compile(
    r"\b(pass|give|use|set|name|choose|call|put|wrap|leave|check|convert|attribute|raise|lower|pick|return|ask|drop|"
    r"reshape|add|index|take|run|write|make|select|one of|must|between|look for|did you mean|needs|expected)\b",
    re.I,
)

EVERY: dict[str, Method] = {
    "saliency": Saliency(),
    "input x gradient": InputXGradient(),
    "integrated gradients": IntegratedGradients(n_steps=3),
    "gradient SHAP": GradientShap(n_samples=2),
    "smoothgrad": NoiseTunnel(Saliency(), n_samples=2),
    "feature ablation": FeatureAblation(),
    "occlusion": Occlusion(2),
}


def says(call: Callable[[], Any], error: type[Exception], *words: str) -> str:
    """The call raises `error`, whose words contain each of `words` and some advice; returns the message."""
    with pytest.raises(error) as caught:
        call()
    if error is not AttributionError:  # where the kind is named, it is that kind and no subclass of it
        assert type(caught.value) is error, f"raised {type(caught.value).__name__}"
    message = str(caught.value)
    for word in words:
        assert word in message, f"{word!r} is missing in: {message}"
    assert ADVICE.search(message), f"no advice in: {message}"
    assert len(message) < 600, "an error is read, not studied"
    return message


@pytest.fixture(params=EVERY)
def method(request: pytest.FixtureRequest) -> Method:
    """Every method that needs no layer."""
    return EVERY[request.param]


def attribute(method: Method, model: Any = None, x: Any = None, **arguments: Any) -> Callable[[], Any]:
    """A call on the MLP of 6 features and 4 classes, for later."""
    model = models.mlp() if model is None else model
    x = models.randn(2, 6) if x is None else x
    if isinstance(method, GradientShap) and isinstance(x, Tensor) and len(x):
        arguments.setdefault("baselines", torch.zeros(3, *x.shape[1:]))
    return lambda: method.attribute(model, x, **({"target": 0} | arguments))


def test_all_errors_of_the_user_are_value_errors() -> None:
    for error in (ShapeError, TargetError, PlaceError, ModelOutputError, NonFiniteError):
        assert issubclass(error, AttributionError) and issubclass(error, ValueError)
    assert not issubclass(Cancelled, AttributionError)


# ---- targets


@pytest.mark.parametrize("target", [4, 12, -5])
def test_a_target_beyond_the_classes_says_how_many_there_are(method: Method, target: int) -> None:
    says(attribute(method, target=target), TargetError, str(target), "4")


def test_one_wrong_target_among_the_examples_is_named() -> None:
    says(attribute(Saliency(), target=[1, 9]), TargetError, "9", "4")
    says(attribute(Saliency(), target=torch.tensor([1, 9])), TargetError, "9", "4")


def test_a_list_of_targets_of_another_length_says_both_lengths() -> None:
    says(attribute(Saliency(), target=[0, 1, 2]), TargetError, "3", "2")
    says(attribute(Saliency(), target=torch.tensor([0, 1, 2])), TargetError, "3", "2")


def test_a_missing_target_says_what_the_output_looks_like(method: Method) -> None:
    says(attribute(method, target=None), TargetError, "target", "4")


def test_a_target_for_an_output_that_is_already_scalar_says_so() -> None:
    says(attribute(Saliency(), lambda x: x.sum(1), target=3), TargetError, "target")


def test_a_tuple_of_the_wrong_length_says_how_many_axes_there_are() -> None:
    says(attribute(Saliency(), target=(0, 1)), TargetError, "(0, 1)")
    says(attribute(Saliency(), lambda x: x[:, :, None].expand(-1, 6, 3), target=1), TargetError, "1")


@pytest.mark.parametrize("target", ["cat", 1.5, {"class": 1}, torch.tensor([0.5, 1.5]), [0, "x"]], ids=repr)
def test_a_target_of_no_known_kind_says_which_kinds_there_are(target: Any) -> None:
    says(attribute(Saliency(), target=target), TargetError, "target")


def test_a_callable_target_must_give_one_number_per_row() -> None:
    says(attribute(Saliency(), target=lambda out: out), TargetError, "(2, 4)")
    says(attribute(Saliency(), target=lambda out: 3.0), TargetError)


def test_a_neuron_beyond_its_layer_says_the_layers_shape() -> None:
    says(attribute(Saliency(), target=Neuron("body.0", 10)), TargetError, "10", "body.0")
    says(attribute(Saliency(), target=Neuron("body.0", (1, 2))), TargetError, "(1, 2)", "body.0")


# ---- shapes


def test_a_mask_that_does_not_broadcast_says_both_shapes() -> None:
    says(attribute(FeatureAblation(), mask=torch.zeros(1, 5, dtype=torch.long)), ShapeError, "mask", "(1, 5)", "(2, 6)")


def test_a_mask_of_numbers_with_fractions_is_refused() -> None:
    says(attribute(FeatureAblation(), mask=torch.rand(1, 6)), AttributionError, "mask", "float32")


def test_a_mask_for_one_of_two_inputs_is_refused() -> None:
    a, b = models.randn(2, 3), models.randn(2, 2, 4)
    says(
        attribute(FeatureAblation(), models.two_inputs(), (a, b), mask=torch.zeros(1, 3, dtype=torch.long)),
        ShapeError,
        "mask",
    )


@pytest.mark.parametrize("method", [IntegratedGradients(n_steps=3), FeatureAblation(), Occlusion(2)])
@pytest.mark.parametrize("shape", [(2, 5), (3, 6), (2, 6, 1), (5,)])
def test_a_baseline_of_another_shape_says_both_shapes(method: Method, shape: tuple[int, ...]) -> None:
    says(attribute(method, baselines=torch.zeros(shape)), ShapeError, "baseline", str(shape), "(2, 6)")


def test_a_distribution_of_another_feature_shape_says_both_shapes() -> None:
    says(attribute(GradientShap(), baselines=torch.zeros(3, 5)), ShapeError, "baseline", "(3, 5)", "6")
    says(attribute(GradientShap(), baselines=torch.zeros(0, 6)), ShapeError, "baseline")


def test_baselines_that_do_not_match_the_inputs_structure_are_refused() -> None:
    a, b = models.randn(2, 3), models.randn(2, 2, 4)
    says(attribute(IntegratedGradients(), models.two_inputs(), (a, b), baselines=(0.0,)), ShapeError, "2", "1")
    says(
        attribute(IntegratedGradients(), models.keyword_inputs(), {"a": a, "b": b}, baselines={"a": 0.0, "c": 0.0}),
        ShapeError,
        "'c'",
    )


def test_a_baseline_of_no_known_kind_is_refused() -> None:
    says(attribute(IntegratedGradients(), baselines="zeros"), AttributionError, "baselines", "str")


def test_an_empty_batch_is_refused(method: Method) -> None:
    says(attribute(method, x=torch.zeros(0, 6)), ShapeError, "(0, 6)")


def test_inputs_of_unequal_batch_sizes_say_both() -> None:
    a, b = models.randn(2, 3), models.randn(3, 2, 4)
    says(attribute(Saliency(), models.two_inputs(), (a, b)), ShapeError, "2", "3")


def test_an_input_without_axes_is_refused() -> None:
    says(attribute(Saliency(), x=torch.tensor(1.0)), ShapeError)


@pytest.mark.parametrize("inputs", ["a sentence", [[1.0, 2.0]], 3, (1, 2), {"x": [1]}, (), {}], ids=repr)
def test_inputs_that_are_no_tensors_are_refused(inputs: Any) -> None:
    says(attribute(Saliency(), x=inputs), AttributionError, "tensor")


def test_a_window_larger_than_the_input_says_both() -> None:
    says(attribute(Occlusion((7,))), ShapeError, "7", "6")
    says(attribute(Occlusion(13), models.cnn(), models.randn(1, 3, 12, 12)), ShapeError, "13", "12")
    says(attribute(Occlusion((4, 5, 5)), models.cnn(), models.randn(1, 3, 12, 12)), ShapeError, "4", "3")


def test_a_window_with_another_number_of_axes_says_both() -> None:
    says(attribute(Occlusion((4, 4)), models.cnn(), models.randn(1, 3, 12, 12)), ShapeError, "(4, 4)", "3")


def test_a_stride_that_leaves_gaps_is_refused() -> None:
    says(attribute(Occlusion(2, 3)), ShapeError, "3", "2")


# ---- what goes into and comes out of the model


@pytest.mark.parametrize(
    "gradient_method",
    [Saliency(), InputXGradient(), IntegratedGradients(n_steps=2), GradientShap(), NoiseTunnel(Saliency())],
)
def test_token_ids_have_no_gradient_and_the_error_names_the_way_out(gradient_method: Method) -> None:
    baselines = models.token_ids(n=3) if isinstance(gradient_method, GradientShap) else None
    says(
        attribute(gradient_method, models.token_classifier(), models.token_ids(), baselines=baselines),
        AttributionError,
        "int64",
        "at=",
    )


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_score_that_is_not_finite_is_refused(method: Method, bad: float) -> None:
    message = says(attribute(method, lambda x: x.sum(1) * bad, target=None), NonFiniteError)
    assert "nan" in message.lower() or "inf" in message.lower()


def test_an_input_that_is_not_finite_is_named() -> None:
    x = models.randn(2, 6)
    x[1, 3] = float("nan")
    says(attribute(Saliency(), x=x), NonFiniteError)


def test_a_score_that_is_not_finite_only_midway_is_refused() -> None:
    def score(x: Tensor) -> Tensor:
        return torch.where(x.sum(1) == 0, x.sum(1) / 0, x.sum(1))

    x = torch.tensor([[3.0, 0.0], [0.0, 2.0]])
    says(attribute(FeatureAblation(), score, x, target=None), NonFiniteError)


def test_a_model_that_returns_a_dict_says_to_pass_a_callable(method: Method) -> None:
    model = models.mlp()
    message = says(attribute(method, lambda x: {"scores": model(x), "other": x}), ModelOutputError, "dict", "scores")
    assert "target" in message


@pytest.mark.parametrize("output", [None, "cat", [1.0, 2.0]], ids=repr)
def test_a_model_that_returns_no_tensor_says_what_it_returned(output: Any) -> None:
    says(attribute(Saliency(), lambda x: output), ModelOutputError, type(output).__name__)


def test_a_model_that_returns_a_tuple_says_to_pass_a_callable() -> None:
    says(attribute(Saliency(), lambda x: (x, x)), ModelOutputError, "tuple")


def test_an_output_whose_rows_are_not_the_examples_is_refused(method: Method) -> None:
    says(attribute(method, lambda x: x.sum(0)), ModelOutputError, "6")


def test_an_output_of_whole_numbers_has_no_gradient() -> None:
    says(attribute(Saliency(), lambda x: x.argmax(1), target=None), AttributionError, "autograd")


def test_an_output_cut_off_from_the_input_has_no_gradient() -> None:
    says(attribute(Saliency(), lambda x: x.detach().sum(1), target=None), AttributionError, "autograd")


# ---- places


def test_an_unknown_layer_suggests_the_nearest_name() -> None:
    message = says(
        attribute(Saliency(), models.cnn(), models.randn(1, 3, 12, 12), at="feature.last"), PlaceError, "feature.last"
    )
    assert "features.last" in message


def test_a_layer_of_another_model_is_refused() -> None:
    says(attribute(Saliency(), at=nn.Linear(2, 2)), PlaceError, "Linear")


def test_a_place_in_a_plain_function_is_refused() -> None:
    says(attribute(Saliency(), lambda x: x, at="layer"), PlaceError, "'layer'")


class Odd(nn.Module):
    """Calls one layer twice and one never; one returns no tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.twice = nn.Linear(6, 6)
        self.never = nn.Linear(6, 6)
        self.words = Words()

    def forward(self, x: Tensor) -> Tensor:
        self.words(x)
        return torch.tanh(self.twice(torch.tanh(self.twice(x))))


class Words(nn.Module):
    """A module that returns a string."""

    def forward(self, x: Tensor) -> str:
        return "words"


@pytest.mark.parametrize("method", [Saliency(), IntegratedGradients(n_steps=2), FeatureAblation()])
def test_a_layer_that_is_never_reached_is_named(method: Method) -> None:
    says(attribute(method, Odd(), at="never"), PlaceError, "never")
    says(attribute(method, Odd(), target=Neuron("never", 0)), PlaceError, "never")


@pytest.mark.parametrize("method", [Saliency(), IntegratedGradients(n_steps=2), FeatureAblation()])
def test_a_layer_that_is_called_twice_is_named_with_the_count(method: Method) -> None:
    message = says(attribute(method, Odd(), at="twice"), PlaceError, "twice")
    assert re.search(r"\b(2|two|twice|more than once)\b", message.replace("'twice'", ""))


def test_a_layer_without_a_tensor_is_refused() -> None:
    says(attribute(Saliency(), Odd(), at="words"), PlaceError, "words", "str")


def test_an_index_beyond_the_layers_tensors_is_refused() -> None:
    says(attribute(Saliency(), at=At("body.0", index=1)), PlaceError, "body.0", "1")


def test_grad_cam_without_a_layer_says_which_argument_it_needs() -> None:
    says(attribute(GradCAM(), models.cnn(), models.randn(1, 3, 12, 12)), PlaceError, "at=")


# ---- settings


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: IntegratedGradients(n_steps=0), ("n_steps", "0")),
        (lambda: IntegratedGradients(n_steps=-5), ("n_steps", "-5")),
        (lambda: IntegratedGradients(n_steps=2.5), ("n_steps", "2.5")),  # type: ignore[arg-type]
        (lambda: IntegratedGradients(rule="simpson"), ("rule", "simpson", "gausslegendre")),  # type: ignore[arg-type]
        (lambda: GradientShap(n_samples=0), ("n_samples", "0")),
        (lambda: GradientShap(stdevs=-0.1), ("stdevs", "-0.1")),
        (lambda: NoiseTunnel(Saliency(), kind="variance"), ("kind", "variance", "vargrad")),  # type: ignore[arg-type]
        (lambda: NoiseTunnel(Saliency(), n_samples=0), ("n_samples", "0")),
        (lambda: NoiseTunnel(Saliency(), stdevs=-1.0), ("stdevs", "-1.0")),
        (lambda: NoiseTunnel(Saliency(), where="layer"), ("where", "layer", "place")),  # type: ignore[arg-type]
        (lambda: NoiseTunnel(Saliency), ("method", "Saliency")),  # type: ignore[arg-type]
        (lambda: Occlusion(0), ("window", "0")),
        (lambda: Occlusion(4, 0), ("stride", "0")),
        (lambda: Occlusion((4, -1)), ("window", "-1")),
    ],
)
def test_a_setting_out_of_bounds_is_refused_when_the_method_is_made(
    make: Callable[[], Method], words: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError) as caught:
        make()
    message = str(caught.value)
    for word in words:
        assert word in message, f"{word!r} is missing in: {message}"
    assert ADVICE.search(message), f"no advice in: {message}"


def test_the_trapezoid_needs_both_ends_of_the_path() -> None:
    says(attribute(IntegratedGradients(n_steps=1, rule="riemann_trapezoid")), AttributionError, "n_steps=1", "2")


@pytest.mark.parametrize("layer", ["body.0", "head"])
def test_grad_cam_is_undefined_without_spatial_axes_and_says_so(layer: str) -> None:
    says(attribute(GradCAM(), at=layer), ShapeError, layer, "spatial")


@pytest.mark.parametrize("budget", [0, -1])
def test_a_memory_budget_that_holds_nothing_is_refused(budget: int) -> None:
    says(attribute(Saliency(), memory_budget=budget), AttributionError, "memory_budget", str(budget))


def test_a_seed_of_no_known_kind_is_refused() -> None:
    says(attribute(NoiseTunnel(Saliency()), seed="seven"), AttributionError, "seed", "seven")
