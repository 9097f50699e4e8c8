"""One call, many forms of inputs; and what comes back."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from attrium_kernel.attribution import (
    Attribution,
    GradCAM,
    GradientShap,
    IntegratedGradients,
    Method,
    NoiseTunnel,
    Occlusion,
    Saliency,
)

from . import models
from .closeness import assert_close

F64 = torch.float64


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
