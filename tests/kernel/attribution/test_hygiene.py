"""The user's model, inputs and process come back exactly as they were: on success, on a raise midway, on cancel."""

from __future__ import annotations

import contextlib
import functools
import itertools
import threading
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attrium_kernel.attribution import (
    Cancelled,
    FeatureAblation,
    FromInputs,
    InputXGradient,
    IntegratedGradients,
    Method,
    Neuron,
    Saliency,
)

from . import models
from .cases import RANDOM, explain, picture_cases
from .closeness import assert_close
from .state import unchanged

CASES = picture_cases("cnn.features.last")


@pytest.fixture(params=CASES)
def name(request: pytest.FixtureRequest) -> str:
    """Each method in turn."""
    chosen: str = request.param
    return chosen


def stateful(fail_at: int | None = None) -> models.Stateful:
    """A model with every kind of state: mixed modes, a frozen layer, gradients, a hook, batch-norm counters."""
    with models.seeded(9):
        model = models.Stateful(fail_at)
    model.cnn.head.weight.grad = torch.ones_like(model.cnn.head.weight)
    model.cnn.act.register_forward_hook(lambda module, inputs, output: None)
    return model


def pictures() -> Tensor:
    """Two pictures that a caller has marked for gradients, with a gradient of their own."""
    x = models.randn(2, 3, 12, 12, seed=51).requires_grad_()
    x.grad = torch.full_like(x, 3.0)
    return x


def attribute(name: str, model: nn.Module, x: Tensor, **arguments: Any) -> Any:
    """The case's call."""
    target = {} if "target" in CASES[name][1] else {"target": [0, 4]}
    return explain(CASES[name], model, x, **(target | arguments))


def test_a_finished_call_leaves_everything_as_it_was(name: str) -> None:
    model, x = stateful(), pictures()
    with unchanged(model, x):
        attribute(name, model, x, memory_budget=200_000)
    assert model.calls > 0


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_model_that_raises_midway_leaves_everything_as_it_was(name: str, call: int) -> None:
    model, x = stateful(fail_at=call), pictures()
    with unchanged(model, x), contextlib.suppress(models.Failed):
        attribute(name, model, x, memory_budget=1)
        assert model.calls < call


def test_the_models_own_error_is_what_the_caller_sees() -> None:
    with pytest.raises(models.Failed, match="the model itself failed"):
        Saliency().attribute(stateful(fail_at=1), pictures(), target=0)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_cancelled_call_leaves_everything_as_it_was(name: str, after: int) -> None:
    model, x = stateful(), pictures()
    asked = 0

    def cancel() -> bool:
        nonlocal asked
        asked += 1
        return asked > after

    with unchanged(model, x):
        try:
            attribute(name, model, x, memory_budget=1, cancel=cancel)
        except Cancelled:
            return
    assert asked <= after, "cancel said yes and the call went on"


def test_a_progress_callback_that_raises_leaves_everything_as_it_was(name: str) -> None:
    model, x = stateful(), pictures()

    def progress(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with unchanged(model, x), pytest.raises(KeyboardInterrupt):
        attribute(name, model, x, progress=progress)


def test_a_wrong_target_or_place_leaves_everything_as_it_was(name: str) -> None:
    model, x = stateful(), pictures()
    for wrong in ({"target": 99}, {"at": "cnn.nowhere"}):
        with unchanged(model, x), pytest.raises(ValueError):
            attribute(name, model, x, **wrong)


def test_the_model_runs_in_eval_mode_whatever_its_mode_was(name: str) -> None:
    model = stateful()
    trained = attribute(name, model, pictures().detach())
    assert not any(model.seen_training)
    evaluated = attribute(name, stateful().eval(), pictures().detach())
    assert_close(trained.values, evaluated.values, 0.0)


def test_no_gradient_reaches_the_parameters(name: str) -> None:
    model = stateful()
    seen: list[bool] = []
    model.cnn.features.get_submodule("first").register_forward_hook(
        lambda module, inputs, output: seen.append(
            torch.is_grad_enabled() and any(p.requires_grad for p in model.parameters())
        )
    )
    attribute(name, model, pictures())
    assert seen and not any(seen), "parameters stayed unfrozen: their gradients were paid for"


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_works_with_gradients_switched_off(name: str, mode: Any) -> None:
    # All of Captum's gradient methods raise inside torch.inference_mode().
    x = pictures().detach()
    reference = attribute(name, stateful(), x)
    model = stateful()
    with mode():
        with unchanged(model):
            result = attribute(name, model, x)
        born_inside = attribute(name, model, x.clone())
    assert_close(result.values, reference.values, 1e-6)
    assert_close(born_inside.values, reference.values, 1e-6)
    attribute(name, model, x)  # and the model still takes gradients outside


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_works_at_an_embedding_with_gradients_switched_off(mode: Any) -> None:
    model, ids = models.token_classifier(), models.token_ids()
    method = IntegratedGradients(n_steps=4)
    outside = method.attribute(model, ids, target=0, at="embedding")
    with mode():
        inside = method.attribute(model, ids.clone(), target=0, at="embedding")
    assert_close(inside.values, outside.values, 1e-5)


def test_a_model_made_in_inference_mode_is_refused_by_gradients_and_served_by_perturbations() -> None:
    x = models.randn(2, 6)
    reference = FeatureAblation().attribute(models.mlp(), x, target=0)
    with torch.inference_mode():
        model = models.mlp()
    with pytest.raises(ValueError, match="inference_mode"):
        Saliency().attribute(model, x, target=0)
    assert_close(FeatureAblation().attribute(model, x, target=0).values, reference.values, 0.0)


def test_a_weight_used_by_two_modules_and_a_frozen_weight_keep_their_flags() -> None:
    model = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6)).eval()
    model[2].weight = model[0].weight
    model[2].bias.requires_grad_(False)
    with unchanged(model):
        IntegratedGradients(n_steps=3).attribute(model, models.randn(2, 6), target=0, at="1")
    assert model[2].weight is model[0].weight


def test_repeated_calls_give_the_same_values_and_leave_no_hooks_behind(name: str) -> None:
    model, x = stateful(), pictures()
    first = attribute(name, model, x)
    with unchanged(model, x):
        second = attribute(name, model, x)
    assert_close(second.values, first.values, 0.0)


# ---- two threads, one model


class Slow(nn.Module):
    """Lets other threads run between any two chunks, and within each forward."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = models.cnn(dtype=torch.float64).train()

    def forward(self, x: Tensor) -> Tensor:
        pause = threading.Event()
        pause.wait(0.002)
        out: Tensor = self.inner(x)
        pause.wait(0.002)
        return out


JOBS: list[tuple[Method, dict[str, Any]]] = [
    (IntegratedGradients(n_steps=6), {"at": "inner.features.last"}),
    (Saliency(), {"target": Neuron("inner.features.last", (0, 1, 1))}),
    (FeatureAblation(), {"mask": (torch.arange(12) // 4).reshape(1, 1, 1, 12)}),
    (InputXGradient(), {"at": "inner.features.first"}),
]


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations_with_replacement(range(len(JOBS)), 2)))
def test_two_attributions_of_one_model_at_once_do_not_disturb_each_other(first: int, second: int) -> None:
    model, x = Slow(), models.randn(2, 3, 12, 12, seed=51, dtype=torch.float64)
    jobs = [JOBS[first], JOBS[second]]
    alone = [run(model, x, job) for job in jobs]
    results: list[Any] = [None, None]
    start = threading.Barrier(2)

    def work(slot: int) -> None:
        start.wait()
        try:
            results[slot] = [run(model, x, jobs[slot], memory_budget=1) for _ in range(2)]
        except BaseException as error:
            results[slot] = error

    with unchanged(model, x):
        threads = [threading.Thread(target=work, args=(slot,)) for slot in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    for expected, got in zip(alone, results, strict=True):
        assert isinstance(got, list), got
        for values in got:
            assert_close(values, expected, 1e-12)


def run(model: nn.Module, x: Tensor, job: tuple[Method, dict[str, Any]], **more: Any) -> Any:
    """One job's values."""
    return explain(job, model, x, **more).values


def test_an_attribution_inside_another_ones_progress_does_not_deadlock() -> None:
    model, x = models.cnn(), models.randn(1, 3, 12, 12)
    expected = Saliency().attribute(model, x, target=0).values
    inner: list[Any] = []
    IntegratedGradients(n_steps=3).attribute(
        model,
        x,
        target=0,
        at="features.last",
        progress=lambda done, total: inner.append(Saliency().attribute(model, x, target=0).values),
    )
    assert inner
    for values in inner:
        assert_close(values, expected, 1e-6)


def test_random_methods_do_not_draw_from_the_global_generators() -> None:
    model, x = stateful(), pictures()
    for name in RANDOM:
        with unchanged(model, x):
            attribute(name, model, x, seed=None)


def test_the_baselines_of_another_call_do_not_leak_into_the_next() -> None:
    model, x = models.cnn(), models.randn(1, 3, 12, 12)
    method = IntegratedGradients(n_steps=3)
    plain = method.attribute(model, x, target=0, at="features.last").values
    method.attribute(model, x, target=0, at="features.last", baselines=FromInputs(x + 1))
    assert_close(method.attribute(model, x, target=0, at="features.last").values, plain, 0.0)


# ---- models that are hard on their engine


class InPlace(nn.Module):
    """Overwrites its input and, as most pictures' models do, the output of its convolution; or does not."""

    def __init__(self, in_place: bool) -> None:
        super().__init__()
        self.inner = models.cnn()
        self.in_place = in_place
        self.relu = nn.ReLU(inplace=in_place)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.inner.features(self.relu(x.mul_(2.0) if self.in_place else x * 2.0))
        out: Tensor = self.inner.head(nn.functional.avg_pool2d(self.relu(maps), 2).flatten(1))
        return out


IN_PLACE = picture_cases("inner.features.last")


@pytest.mark.parametrize("case", IN_PLACE)
def test_a_model_that_overwrites_its_input_spoils_neither_inputs_nor_values(case: str) -> None:
    x = models.randn(2, 3, 12, 12, seed=51)
    expected = explain(IN_PLACE[case], InPlace(False).eval(), x.clone())
    model = InPlace(True).eval()
    with unchanged(model, x, *[t for t in IN_PLACE[case][1].values() if isinstance(t, Tensor)]):
        result = explain(IN_PLACE[case], model, x)
    assert_close(result.values, expected.values, 1e-6)


def wrapped(model: nn.Module) -> dict[str, Any]:
    """The same model behind different callables."""
    return {
        "module": model,
        "lambda": lambda x: model(x),
        "bound method": model.forward,
        "partial": functools.partial(lambda module, x: module(x), model),
    }


@pytest.mark.parametrize("form", ["lambda", "bound method", "partial"])
def test_a_module_behind_a_callable_runs_in_eval_mode_and_comes_back_too(form: str) -> None:
    model, x = stateful(), pictures()
    for method in (Saliency(), FeatureAblation()):
        mask = (torch.arange(12) // 4).reshape(1, 1, 1, 12) if isinstance(method, FeatureAblation) else None
        expected = method.attribute(model, x, target=0, mask=mask)
        with unchanged(model, x):
            result = method.attribute(wrapped(model)[form], x, target=0, mask=mask)
        assert_close(result.values, expected.values, 1e-6)


def test_a_wrapper_and_its_inner_model_may_be_explained_at_once() -> None:
    # Two roots that share modules. The inner one starts while the outer one runs (in eval mode), and would still be
    # running when the outer one puts the modules back into training mode, unless it waits.
    outer, x = models.Counting(models.cnn(dtype=torch.float64)).train(), models.randn(2, 3, 12, 12, dtype=torch.float64)
    method = IntegratedGradients(n_steps=3)
    expected = method.attribute(outer, x, target=1).values
    inner_runs, outer_done = threading.Event(), threading.Event()
    found: list[Any] = []

    def inner_reports(done: int, total: int) -> None:
        inner_runs.set()
        outer_done.wait(2)

    def explain_inner() -> None:
        try:
            result = method.attribute(outer.inner, x, target=1, memory_budget=1, progress=inner_reports)
            found.append(result.values)
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=explain_inner)

    def outer_reports(done: int, total: int) -> None:
        if not thread.is_alive() and not found:
            thread.start()
            inner_runs.wait(0.3)

    with unchanged(outer, x):
        found_outside = method.attribute(outer, x, target=1, memory_budget=1, progress=outer_reports).values
        outer_done.set()
        thread.join(30)
    assert_close(found_outside, expected, 1e-12)
    assert isinstance(found[0], Tensor), found[0]
    assert_close(found[0], expected, 1e-12)


def test_a_picture_in_channels_last_order_gives_the_same_values(name: str) -> None:
    x = models.randn(2, 3, 12, 12, seed=51)
    plain = attribute(name, stateful(), x)
    other = attribute(name, stateful(), x.to(memory_format=torch.channels_last))
    assert_close(other.values, plain.values, 1e-5)
