"""One call, many forms: inputs, targets, baselines, masks, further arguments, places, dtypes and results."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attrium_kernel.attribution import (
    At,
    Attribution,
    FeatureAblation,
    FromInputs,
    GradCAM,
    GradientShap,
    InputXGradient,
    IntegratedGradients,
    Method,
    Neuron,
    NoiseTunnel,
    Occlusion,
    Saliency,
)

from . import models
from .closeness import assert_close
from .oracles import gradient, picked

F64 = torch.float64
SEVERAL: dict[str, Method] = {
    "saliency": Saliency(),
    "input x gradient": InputXGradient(),
    "integrated gradients": IntegratedGradients(n_steps=6),
    "gradient SHAP": GradientShap(n_samples=3, stdevs=0.1),
    "smoothgrad": NoiseTunnel(Saliency(), n_samples=3),
    "feature ablation": FeatureAblation(),
    "occlusion": Occlusion(2, 1),
}


@pytest.fixture(params=SEVERAL)
def method(request: pytest.FixtureRequest) -> Method:
    """Every method that needs no layer."""
    return SEVERAL[request.param]


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


# ---- structures of inputs


def test_a_tuple_of_inputs_gives_a_tuple_and_a_dict_gives_a_dict(method: Method) -> None:
    a, b = models.randn(3, 3, seed=1, dtype=F64), models.randn(3, 2, 4, seed=2, dtype=F64)
    baselines: dict[str, Tensor] | None = None
    if isinstance(method, GradientShap):
        baselines = {"a": models.randn(4, 3, seed=3, dtype=F64), "b": models.randn(4, 2, 4, seed=4, dtype=F64)}
    positional = method.attribute(
        models.two_inputs(F64), (a, b), target=2, baselines=tuple(baselines.values()) if baselines else None
    )
    named = method.attribute(models.keyword_inputs(F64), {"a": a, "b": b}, target=2, baselines=baselines)
    assert isinstance(positional.values, tuple) and isinstance(named.values, dict)
    assert list(named.values) == ["a", "b"]
    assert_close(named.values, positional.values, 0.0)
    assert [tuple(v.shape) for v in positional.values] == [(3, 3), (3, 2, 4)]


def test_a_tuple_of_one_gives_a_tuple_of_one(method: Method) -> None:
    x = models.randn(2, 6, dtype=F64)
    rows = models.randn(2, 6, seed=9, dtype=F64) if isinstance(method, GradientShap) else None
    one = method.attribute(models.mlp(dtype=F64), (x,), target=0, baselines=None if rows is None else (rows,))
    assert isinstance(one.values, tuple) and len(one.values) == 1
    assert_close(one.values[0], method.attribute(models.mlp(dtype=F64), x, target=0, baselines=rows).values, 0.0)


def test_any_callable_is_a_model(method: Method) -> None:
    x = models.randn(2, 6, dtype=F64)
    rows = models.randn(2, 6, seed=9, dtype=F64) if isinstance(method, GradientShap) else None
    model = models.mlp(dtype=F64)
    called = method.attribute(lambda x: model(x), x, target=0, baselines=rows)
    assert_close(called.values, method.attribute(model, x, target=0, baselines=rows).values, 1e-12)


# ---- targets


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


# ---- baselines


@pytest.mark.parametrize(
    "form",
    [
        0.5,
        1,
        torch.full((1, 6), 0.5, dtype=F64),
        torch.full((6,), 0.5, dtype=F64),
        torch.arange(18, dtype=F64).reshape(3, 6),
        lambda: torch.full((1, 6), 0.25, dtype=F64),
        lambda inputs: inputs * 0.5,
    ],
    ids=["number", "int", "one row", "features", "row per example", "callable()", "callable(inputs)"],
)
def test_every_form_of_baseline_means_its_rows(form: Any) -> None:
    model, x = models.mlp(dtype=F64), models.randn(3, 6, seed=1, dtype=F64)
    if callable(form):
        expected_baseline = x * 0.5 if form.__code__.co_argcount else torch.full((3, 6), 0.25, dtype=F64)
    else:
        expected_baseline = torch.as_tensor(form, dtype=F64).expand(3, 6)
    expected = IntegratedGradients(n_steps=5).attribute(model, x, target=0, baselines=expected_baseline.clone())
    result = IntegratedGradients(n_steps=5).attribute(model, x, target=0, baselines=form)
    assert_close(result.values, expected.values, 0.0)
    for method in (FeatureAblation(), Occlusion(2, 1)):
        whole = method.attribute(model, x, target=0, baselines=expected_baseline).values
        assert_close(method.attribute(model, x, target=0, baselines=form).values, whole, 0.0)
        assert isinstance(whole, Tensor)
        for i in range(3):  # each example meets its own row, whatever the form
            alone = method.attribute(model, x[i : i + 1], target=0, baselines=expected_baseline[i : i + 1]).values
            assert_close(alone, whole[i : i + 1], 1e-12)


def test_no_baseline_is_zero_and_the_result_says_what_was_used() -> None:
    model, x = models.mlp(dtype=F64), models.randn(3, 6, seed=1, dtype=F64)
    none = IntegratedGradients(n_steps=5).attribute(model, x, target=0)
    zero = IntegratedGradients(n_steps=5).attribute(model, x, target=0, baselines=torch.zeros(3, 6, dtype=F64))
    assert_close(none.values, zero.values, 0.0)
    given = IntegratedGradients(n_steps=5).attribute(model, x, target=0, baselines=0.5).baselines
    assert isinstance(given, Tensor | float)
    assert (torch.as_tensor(given) == 0.5).all()


def test_a_tuple_of_baselines_may_mix_forms() -> None:
    model, a, b = models.two_inputs(F64), models.randn(3, 3, seed=1, dtype=F64), models.randn(3, 2, 4, dtype=F64)
    mixed = IntegratedGradients(n_steps=5).attribute(model, (a, b), target=0, baselines=(0.5, torch.ones_like(b)))
    whole = IntegratedGradients(n_steps=5).attribute(
        model, (a, b), target=0, baselines=(torch.full_like(a, 0.5), torch.ones_like(b))
    )
    assert_close(mixed.values, whole.values, 0.0)
    named = IntegratedGradients(n_steps=5).attribute(
        models.keyword_inputs(F64), {"a": a, "b": b}, target=0, baselines={"b": torch.ones_like(b), "a": 0.5}
    )
    assert isinstance(named.values, dict)
    assert_close(tuple(named.values.values()), whole.values, 1e-12)


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_gradient_shap_takes_any_number_of_baseline_rows_or_a_callable(rows: int) -> None:
    model, x = models.mlp(dtype=F64), models.randn(3, 6, seed=1, dtype=F64)
    distribution = models.randn(rows, 6, seed=2, dtype=F64)
    direct = GradientShap(n_samples=4).attribute(model, x, target=0, baselines=distribution)
    for form in (lambda: distribution, lambda inputs: distribution * inputs.new_ones(())):
        assert_close(GradientShap(n_samples=4).attribute(model, x, target=0, baselines=form).values, direct.values, 0.0)


def test_a_baseline_at_a_place_lives_there_unless_it_comes_from_inputs() -> None:
    model, ids = models.token_classifier(F64), models.token_ids()
    method = IntegratedGradients(n_steps=5)
    other = models.token_ids(seed=9)
    there = model.embedding(other).detach()
    direct = method.attribute(model, ids, target=0, at="embedding", baselines=there)
    run = method.attribute(model, ids, target=0, at="embedding", baselines=FromInputs(other))
    assert_close(run.values, direct.values, 1e-12)
    one_row = method.attribute(model, ids, target=0, at="embedding", baselines=FromInputs(other[:1]))
    same = method.attribute(model, ids, target=0, at="embedding", baselines=there[:1])
    assert_close(one_row.values, same.values, 1e-12)


def test_gradient_shap_at_a_place_takes_a_distribution_from_inputs() -> None:
    model, ids = models.token_classifier(F64), models.token_ids()
    others = models.token_ids(n=5, seed=9)
    method = GradientShap(n_samples=3)
    run = method.attribute(model, ids, target=0, at="embedding", baselines=FromInputs(others))
    direct = method.attribute(model, ids, target=0, at="embedding", baselines=model.embedding(others).detach())
    assert_close(run.values, direct.values, 1e-12)


def test_from_inputs_at_the_inputs_is_the_baseline_itself() -> None:
    model, x = models.mlp(dtype=F64), models.randn(3, 6, seed=1, dtype=F64)
    method, baseline = IntegratedGradients(n_steps=3), models.randn(1, 6, seed=2, dtype=F64)
    direct = method.attribute(model, x, target=0, baselines=baseline)
    assert_close(method.attribute(model, x, target=0, baselines=FromInputs(baseline)).values, direct.values, 0.0)


def test_without_a_place_noise_at_the_place_is_noise_on_the_inputs() -> None:
    model, x = models.mlp(dtype=F64), models.randn(3, 6, seed=1, dtype=F64)
    there, here = (NoiseTunnel(Saliency(), where=w).attribute(model, x, target=0) for w in ("place", "inputs"))
    assert_close(there.values, here.values, 0.0)


# ---- masks


def test_a_mask_broadcasts_and_any_ids_will_do() -> None:
    model, x = models.cnn(dtype=F64), models.randn(2, 3, 12, 12, seed=1, dtype=F64)
    patches = (torch.arange(12) // 6)[:, None] * 2 + (torch.arange(12) // 6)[None, :]
    reference = FeatureAblation().attribute(model, x, target=0, mask=patches.expand(2, 3, 12, 12).contiguous()).values
    for mask in (patches, patches[None], patches[None, None], patches * 1000 - 7, patches.to(torch.int16)):
        assert_close(FeatureAblation().attribute(model, x, target=0, mask=mask).values, reference, 1e-12)
    assert isinstance(reference, Tensor)
    assert len(set(reference[0].flatten().tolist())) == 4


def test_a_mask_for_named_inputs_is_a_dict() -> None:
    a, b = models.randn(3, 3, seed=1, dtype=F64), models.randn(3, 2, 4, seed=2, dtype=F64)
    mask = {"b": torch.tensor([[[0, 0, 1, 1]]]), "a": torch.tensor([0, 1, 2])}
    named = FeatureAblation().attribute(models.keyword_inputs(F64), {"a": a, "b": b}, target=1, mask=mask)
    positional = FeatureAblation().attribute(models.two_inputs(F64), (a, b), target=1, mask=(mask["a"], mask["b"]))
    assert isinstance(named.values, dict)
    assert_close(tuple(named.values.values()), positional.values, 1e-12)


def test_ids_shared_across_tensors_are_hidden_together() -> None:
    x, y = torch.tensor([[2.0, 3.0]], dtype=F64), torch.tensor([[5.0, 7.0]], dtype=F64)
    mask = (torch.tensor([[0, 1]]), torch.tensor([[1, 2]]))
    values = FeatureAblation().attribute(lambda x, y: x.sum(1) + y.sum(1), (x, y), mask=mask).values
    assert_close(values, (torch.tensor([[2.0, 8.0]], dtype=F64), torch.tensor([[8.0, 7.0]], dtype=F64)), 0.0)


def test_a_feature_that_already_is_at_its_baseline_gets_exactly_nothing_at_no_cost() -> None:
    model, x = models.Counting(models.mlp(dtype=F64)).eval(), models.randn(2, 6, seed=1, dtype=F64)
    x[0, 3], x[1, :4] = 0.0, 0.0
    values = FeatureAblation().attribute(model, x, target=0).values
    assert isinstance(values, Tensor)
    assert (values[x == 0] == 0).all() and (values[x != 0] != 0).all()
    assert sum(model.rows) == 2 + int((x != 0).sum())


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


# ---- Hugging Face


def test_a_hugging_face_model_explains_a_token_at_its_embedding() -> None:
    model = models.tiny_gpt2()
    ids = torch.randint(1, 31, (2, 7), generator=torch.Generator().manual_seed(1))
    result = IntegratedGradients(n_steps=30).attribute(
        model, {"input_ids": ids}, target=(-1, 4), at=model.transformer.wte
    )
    assert isinstance(result.values, Tensor)
    assert result.values.shape == (2, 7, 16)
    assert result.at == "transformer.wte"
    with torch.no_grad():
        scores = model(input_ids=ids).logits[:, -1, 4]
        at_zero = model(inputs_embeds=torch.zeros(2, 7, 16)).logits[:, -1, 4]
    assert torch.allclose(result.scores, scores, atol=1e-6)
    assert result.gap is not None and result.gap.abs().max() < 1e-4
    assert torch.allclose(result.values.sum((1, 2)), scores - at_zero, atol=1e-4)


@pytest.mark.parametrize("target", [(2, 4), (-1, 4), (0, -1), [(6, 3), (1, 30)]])
def test_every_position_of_a_language_model_is_a_target(target: Any) -> None:
    model = models.tiny_gpt2()
    ids = torch.randint(1, 31, (2, 7), generator=torch.Generator().manual_seed(1))
    pairs = target if isinstance(target, list) else [target, target]
    embedded = model.transformer.wte(ids).detach()
    expected = torch.cat(
        [
            gradient(picked(lambda e: model(inputs_embeds=e).logits, p, t), embedded[i : i + 1])
            for i, (p, t) in enumerate(pairs)
        ]
    )
    for inputs in ({"input_ids": ids}, ids, (ids,)):
        result = Saliency(absolute=False).attribute(model, inputs, target=target, at="transformer.wte")
        assert_close(result.values, expected, 1e-5)


def test_an_attention_mask_follows_its_sentence() -> None:
    model = models.tiny_gpt2()
    ids = torch.randint(1, 31, (2, 7), generator=torch.Generator().manual_seed(1))
    mask = torch.tensor([[0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1]])
    result = IntegratedGradients(n_steps=4).attribute(
        model,
        {"input_ids": ids},
        target=(-1, 4),
        at="transformer.wte",
        kwargs={"attention_mask": mask, "use_cache": False},
        memory_budget=1,
    )
    assert isinstance(result.values, Tensor)
    assert result.values[0, :2].abs().max() == 0
    assert (result.values[1].abs().amax(1) > 0).all()
    with torch.no_grad():
        scores = model(input_ids=ids, attention_mask=mask).logits[:, -1, 4]
    assert torch.allclose(result.scores, scores, atol=1e-6)


def test_token_ids_are_ablated_as_they_are() -> None:
    model = models.tiny_gpt2()
    ids = torch.randint(1, 31, (1, 5), generator=torch.Generator().manual_seed(1))
    result = FeatureAblation().attribute(model, {"input_ids": ids}, target=(-1, 4), baselines={"input_ids": 30})
    assert isinstance(result.values, dict)
    values = result.values["input_ids"]
    assert values.shape == (1, 5) and values.is_floating_point()
    for position in range(5):
        changed = ids.clone()
        changed[0, position] = 30
        with torch.no_grad():
            drop = (model(ids).logits - model(changed).logits)[0, -1, 4]
        assert float(values[0, position] - drop) == pytest.approx(0, abs=1e-6)


def test_a_callable_target_reads_any_output() -> None:
    model = models.tiny_gpt2()
    ids = torch.randint(1, 31, (2, 5), generator=torch.Generator().manual_seed(1))
    by_callable = Saliency().attribute(model, ids, target=lambda out: out["logits"][:, -1, 3], at="transformer.wte")
    by_tuple = Saliency().attribute(model, ids, target=(-1, 3), at="transformer.wte")
    assert_close(by_callable.values, by_tuple.values, 1e-5)
    dictionary = Saliency(absolute=False).attribute(
        lambda x: {"a": x, "b": x**2}, models.randn(2, 3, dtype=F64), target=lambda out: out["b"].sum(1)
    )
    assert_close(dictionary.values, 2 * models.randn(2, 3, dtype=F64), 1e-12)


# ---- dtypes and results


@pytest.mark.parametrize("low", [torch.bfloat16, torch.float16])
def test_half_precision_keeps_its_dtype(method: Method, low: torch.dtype) -> None:
    # Captum returns float32 for a bfloat16 input.
    x = models.randn(2, 6, seed=1)
    rows = models.randn(2, 6, seed=9) if isinstance(method, GradientShap) else None
    half = method.attribute(
        models.mlp(dtype=low), x.to(low), target=1, baselines=None if rows is None else rows.to(low)
    )
    assert isinstance(half.values, Tensor) and half.values.dtype == low
    full = method.attribute(models.mlp(), x, target=1, baselines=rows).values
    assert isinstance(full, Tensor)
    if not isinstance(method, GradientShap | NoiseTunnel):  # their noise is drawn in the input's own dtype
        assert (half.values.float() - full).abs().max() < 0.1 * full.abs().max()


def test_values_have_the_shapes_of_what_was_attributed_and_carry_no_graph(method: Method) -> None:
    model = models.mlp()
    x = models.randn(2, 6, seed=1).requires_grad_()
    rows = models.randn(2, 6, seed=9) if isinstance(method, GradientShap) else None
    result = method.attribute(model, x, target=1, baselines=rows)
    assert type(result) is Attribution
    assert isinstance(result.values, Tensor)
    assert result.values.shape == (2, 6) and result.values.dtype == torch.float32
    assert result.values.grad_fn is None and not result.values.requires_grad
    assert result.scores.shape == (2,) and not result.scores.requires_grad
    assert result.method is method or result.method == method
    assert result.target == 1
    assert not result.values.is_inference()
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.values = result.values  # type: ignore[misc]


def test_the_gap_is_given_just_where_completeness_is_defined() -> None:
    model, x, rows = models.mlp(), models.randn(2, 6, seed=1), models.randn(3, 6, seed=2)
    for complete in (IntegratedGradients(n_steps=3), GradientShap(n_samples=2)):
        gap = complete.attribute(model, x, target=0, baselines=rows[:2]).gap
        assert gap is not None and gap.shape == (2,)
    for other in (Saliency(), NoiseTunnel(IntegratedGradients(n_steps=2), n_samples=2), Occlusion(2)):
        assert other.attribute(model, x, target=0).gap is None
    picture = models.randn(1, 3, 12, 12)
    assert GradCAM().attribute(models.cnn(), picture, target=0, at="features.last").gap is None


def test_the_result_says_how_it_was_made() -> None:
    model = models.Counting(models.mlp()).eval()
    result = IntegratedGradients(n_steps=9).attribute(model, models.randn(2, 6, seed=1), target=0)
    assert result.timing.seconds > 0
    assert result.timing.rows == sum(model.rows)
    assert sum(model.rows) <= 9 * 2 + 2 + 2, "two ends are enough for the gap: no row is evaluated twice"
    assert max(model.rows) <= result.timing.chunk


def test_cpu_gives_the_same_result_on_the_cpu() -> None:
    result = IntegratedGradients(n_steps=3).attribute(models.mlp(), models.randn(2, 6, seed=1), target=0)
    moved = result.cpu()
    assert type(moved) is Attribution
    assert isinstance(moved.values, Tensor) and moved.gap is not None
    assert moved.values.device.type == "cpu" and moved.gap.device.type == "cpu"
    assert_close(moved.values, result.values, 0.0)


def test_methods_are_values() -> None:
    assert IntegratedGradients(n_steps=5) == IntegratedGradients(n_steps=5) != IntegratedGradients(n_steps=6)
    assert hash(NoiseTunnel(Saliency())) == hash(NoiseTunnel(Saliency()))
    assert eval(repr(NoiseTunnel(Occlusion((1, 2))))) == NoiseTunnel(Occlusion((1, 2)))
    with pytest.raises(dataclasses.FrozenInstanceError):
        Saliency().absolute = False  # type: ignore[misc]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_model_on_a_gpu_gives_the_same_values_as_on_the_cpu(method: Method) -> None:
    x = models.randn(3, 6, seed=1, dtype=F64)
    rows = models.randn(4, 6, seed=9, dtype=F64) if isinstance(method, GradientShap) else None
    here = method.attribute(models.mlp(dtype=F64), x, target=[0, 1, 2], baselines=rows)
    there = method.attribute(
        models.mlp(dtype=F64).cuda(), x.cuda(), target=[0, 1, 2], baselines=None if rows is None else rows.cuda()
    )
    assert isinstance(there.values, Tensor) and there.values.device.type == "cuda"
    moved = there.cpu()
    assert_close(moved.values, here.values, 1e-10)
    assert moved.scores.device.type == "cpu" and (moved.gap is None or moved.gap.device.type == "cpu")
