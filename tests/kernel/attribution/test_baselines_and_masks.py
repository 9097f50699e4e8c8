"""What inputs are compared with, and what is hidden together, in every form."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from attrium_kernel.attribution import (
    FeatureAblation,
    FromInputs,
    GradientShap,
    IntegratedGradients,
    NoiseTunnel,
    Occlusion,
    Saliency,
)

from . import models
from .closeness import assert_close

F64 = torch.float64


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
