"""The model, its library and the process come back exactly as they were: on success, on a raise midway, on cancel."""

from __future__ import annotations

import contextlib
import gc
import json
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # torch's own habit
import transformers
from torch import Tensor, nn

from attrium_kernel.running import Cancelled
from attrium_kernel.tracing import Edge, Patch, Replace, Scale, Site, Trace, Zero, trace
from tests.kernel.attribution.state import unchanged

from . import models, oracles
from .closeness import assert_close

SOME = ["gpt2", "llama", "gemma2", "bert", "bloom", "gpt-j", "falcon", "t5", "vit", "mixtral"]


def of_library() -> dict[str, Any]:
    """What a tracer may have swapped in the library or in torch."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS, AttentionInterface

    return {
        "functions": {key: id(value) for key, value in ALL_ATTENTION_FUNCTIONS.items()},
        "lookups": {name: id(value) for name, value in vars(AttentionInterface).items()},
        "instance": sorted(vars(ALL_ATTENTION_FUNCTIONS)),
        "torch": [id(f) for f in (F.scaled_dot_product_attention, F.softmax, torch.softmax, torch.matmul, torch.bmm)],
        "modes": torch._C._len_torch_function_stack(),
        "dispatch": torch._C._len_torch_dispatch_stack(),
        "call": id(nn.Module.__call__),
        "global": [id(nn.Module._call_impl), id(transformers.masking_utils.create_causal_mask)],
    }


@contextlib.contextmanager
def untouched_all(model: Any, *tensors: Tensor) -> Iterator[None]:
    """Fail unless model, tensors, process, configuration and library are afterwards as they were."""

    def configuration() -> Any:
        config = getattr(model, "config", None)
        return None if config is None else (json.dumps(config.to_dict(), default=str), config._attn_implementation)

    before, config = of_library(), configuration()
    with unchanged(model, *tensors):
        yield
    after = of_library()
    assert {k: v for k, v in before.items() if after[k] != v} == {}
    assert configuration() == config


def busy(name: str) -> Any:
    """A model as people leave them: partly in train mode, partly frozen, with gradients and hooks of their own."""
    model: Any = models.build(name, models.SUBJECTS[name].implementations[-1])
    modules = list(model.modules())
    model.train()
    modules[3].eval()
    parameters = list(model.parameters())
    parameters[0].requires_grad_(False)
    parameters[1].grad = torch.ones_like(parameters[1])
    modules[2].register_forward_hook(lambda module, args, output: None)
    modules[2].register_forward_pre_hook(lambda module, args: None)
    return model


class Boom(Exception):
    """What the tests raise."""


def boom(value: Tensor) -> Tensor:
    """An intervention that fails."""
    raise Boom("in the middle")


@pytest.mark.parametrize("name", SOME)
def test_a_finished_trace_leaves_everything_as_it_was(name: str) -> None:
    model, given = busy(name), models.SUBJECTS[name].inputs()
    with untouched_all(model, *given.values()):
        t = trace(model, given)
        for each in t.names:
            t[each]


@pytest.mark.parametrize("name", ["gpt2", "llama", "bloom", "t5"])
def test_interventions_leave_everything_as_it_was(name: str) -> None:
    model, given = busy(name), models.SUBJECTS[name].inputs()
    prefix = models.SUBJECTS[name].stacks[-1].prefix
    there = trace(model, given)
    vector = models.randn(models.WIDTH)
    edits: list[Any] = [Zero(f"{prefix}blocks.0.attn.{part}") for part in ("q", "scores", "pattern", "z", "result")]
    edits += [Patch(f"{prefix}blocks.1.mlp_out", there), Scale(f"{prefix}embed", 2.0)]
    edits += [Zero(Edge(Site(f"{prefix}blocks.0.mlp_out"), Site(f"{prefix}blocks.1.attn.q")))]
    with untouched_all(model, vector, *given.values()):
        trace(model, given, interventions=edits)
    with untouched_all(model, vector, *given.values()):
        trace(model, given, interventions=edits, grad=True)


@pytest.mark.parametrize(
    "site",
    [
        "embed",
        "blocks.0.resid_pre",
        "blocks.1.attn.q",
        "blocks.1.attn.pattern",
        "blocks.1.attn.z",
        "blocks.1.mlp.post",
        "blocks.1.attn.result",
    ],
)
@pytest.mark.parametrize("name", ["gpt2", "llama", "bloom"])
def test_an_intervention_that_raises_leaves_everything_as_it_was(name: str, site: str) -> None:
    model = busy(name)
    trace(model, models.text())
    with untouched_all(model), pytest.raises(Boom, match="in the middle"):
        trace(model, models.text(), interventions=[Replace(site, boom)])


@pytest.mark.parametrize("error", [Boom, KeyboardInterrupt, Cancelled])
@pytest.mark.parametrize("where", [0, 1])
@pytest.mark.parametrize("name", ["gpt2", "llama", "bloom", "bert"])
def test_a_model_that_raises_midway_leaves_everything_as_it_was(
    name: str, where: int, error: type[BaseException]
) -> None:
    model = busy(name)
    block: Any = model.get_submodule(models.SUBJECTS[name].stacks[0].blocks.format(i=where))
    failing = {"now": False}

    def hook(module: nn.Module, args: Any) -> None:
        if failing["now"]:
            raise error("the model itself")

    block.register_forward_pre_hook(hook)
    for first in (True, False):  # the first run is the one that looks for the parts
        if not first:
            trace(model, models.text())
        failing["now"] = True
        with untouched_all(model), pytest.raises(error):
            trace(model, models.text())
        failing["now"] = False
    assert_close(
        trace(model, models.text()).logits,
        trace(models.shared(name, models.SUBJECTS[name].implementations[-1]), models.text()).logits,
        0.0,
    )


def test_wrong_calls_leave_everything_as_it_was() -> None:
    model = busy("gpt2")
    for wrong in (
        {"capture": "blocks.9.attn.z"},
        {"interventions": [Zero("nowhere")]},
        {"interventions": [Zero(Site("blocks.0.attn.z", head=99))]},
    ):
        with untouched_all(model), pytest.raises(ValueError):
            trace(model, models.text(), **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SOME)
def test_a_model_in_train_mode_is_traced_in_eval_mode(name: str) -> None:
    model = models.build(name).train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.5
    t = trace(model, models.SUBJECTS[name].inputs())
    right = oracles.plain(models.shared(name), models.SUBJECTS[name].inputs()).logits
    assert_close(t.logits, right, 0.0)
    assert all(module.training for module in model.modules())
    p = models.SUBJECTS[name].stacks[-1].prefix
    assert_close(
        t[f"{p}blocks.1.attn.pattern"],
        trace(models.shared(name), models.SUBJECTS[name].inputs())[f"{p}blocks.1.attn.pattern"],
        0.0,
    )


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("name", ["gpt2", "llama", "bloom"])
def test_it_works_under_every_gradient_mode(name: str, mode: Callable[[], Any]) -> None:
    model = models.build(name)
    right = oracles.plain(model, models.text()).logits
    with mode():
        t = trace(model, models.text(), interventions=[Scale("blocks.0.attn.z", 1.0)])
        assert_close(t.logits, right, 0.0)
        for each in t.names:
            t[each]
    for each in t.names:  # and what was traced there can be read, and used, elsewhere
        t[each]
    (t["blocks.1.resid_post"] * torch.ones(models.WIDTH, requires_grad=True)).sum().backward()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_gradients_asked_for_come_also_where_they_are_switched_off(mode: Callable[[], Any]) -> None:
    model = models.build("gpt2")
    with mode():
        t = trace(model, models.text(), grad=True)
    (grad,) = torch.autograd.grad(t.logits.sum(), t["blocks.1.resid_post"])
    assert grad.abs().max() > 0


def test_no_parameter_gets_a_gradient() -> None:
    model = models.build("gpt2")
    t = trace(model, models.text(), grad=True)
    torch.autograd.grad(t.logits.sum(), t["blocks.0.resid_pre"])
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


def test_randomness_of_the_process_is_left_alone() -> None:
    torch.manual_seed(3)
    right = torch.randn(4)
    torch.manual_seed(3)
    trace(models.build("gpt2"), models.text(), interventions=[])
    assert_close(torch.randn(4), right, 0.0)


def test_a_traced_model_is_let_go() -> None:
    model = models.build("gpt2")
    gone = weakref.ref(model)
    t = trace(model, models.text())
    assert t.model is model
    del model, t
    gc.collect()
    assert gone() is None, "something keeps the model alive"


def test_traces_do_not_pile_up() -> None:
    model = models.build("gpt2")
    trace(model, models.text())
    gc.collect()
    before = sum(issubclass(type(o), Tensor) for o in gc.get_objects())
    for _ in range(3):
        trace(model, models.text(), interventions=[Zero("blocks.0.attn.z")])
    gc.collect()
    assert sum(issubclass(type(o), Tensor) for o in gc.get_objects()) <= before + 2


def together(calls: list[Callable[[], Any]]) -> list[Any]:
    """All at once, each in a thread of its own; an error of any is raised."""
    results: list[Any] = [None] * len(calls)
    errors: list[BaseException] = []
    start = threading.Barrier(len(calls))

    def run(n: int) -> None:
        start.wait()
        try:
            torch.set_num_threads(1)
            results[n] = calls[n]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "stuck"
    if errors:
        raise errors[0]
    return results


@pytest.mark.parametrize(("one", "two"), [("gpt2", "llama"), ("llama", "qwen2"), ("bloom", "gpt-j"), ("gpt2", "bloom")])
def test_two_models_in_two_threads_do_not_disturb_each_other(one: str, two: str) -> None:
    first, second = (
        models.build(one, models.SUBJECTS[one].implementations[-1]),
        models.build(two, models.SUBJECTS[two].implementations[-1]),
    )
    zero = [Zero(Site("blocks.*.attn.z", head=1))]
    right = [trace(first, models.text(), interventions=zero).logits, oracles.plain(second, models.text()).logits]
    before = of_library()

    def many(model: Any, edits: list[Any]) -> list[Trace]:
        return [trace(model, models.text(), interventions=edits) for _ in range(6)]

    for results, wanted in zip(together([lambda: many(first, zero), lambda: many(second, [])]), right):
        for t in results:
            assert_close(t.logits, wanted, 0.0)
    assert of_library() == before


def test_one_model_in_two_threads_is_traced_by_one_after_the_other() -> None:
    model = models.build("gpt2", "sdpa").train()
    edits: list[list[Any]] = [[Zero(Site("blocks.*.attn.z", head=1))], [Scale("blocks.1.mlp_out", 3.0)], []]
    right = [trace(model, models.text(), interventions=each).logits for each in edits]

    def many(each: list[Any]) -> list[Trace]:
        return [trace(model, models.text(), interventions=each) for _ in range(6)]

    with untouched_all(model):
        results = together([lambda each=each: many(each) for each in edits])
    for found, wanted in zip(results, right):
        for t in found:
            assert_close(t.logits, wanted, 0.0)
            assert_close(t["blocks.1.attn.z"], found[0]["blocks.1.attn.z"], 0.0)


def test_an_untraced_model_in_another_thread_sees_nothing() -> None:
    traced_model, free = models.build("gpt2"), models.build("llama")
    right = oracles.plain(free, models.text()).logits
    inside, done = threading.Event(), threading.Event()

    def slow(value: Tensor) -> Tensor:
        inside.set()
        assert done.wait(20)
        return value

    thread = threading.Thread(
        target=lambda: trace(traced_model, models.text(), interventions=[Replace("blocks.0.attn.pattern", slow)])
    )
    thread.start()
    assert inside.wait(20)
    try:
        assert_close(oracles.plain(free, models.text()).logits, right, 0.0)
    finally:
        done.set()
        thread.join()


def test_the_models_inputs_are_not_written_to() -> None:
    embedded = models.randn(2, 5, models.WIDTH)
    before = embedded.clone()
    trace(models.shared("gpt2"), {"inputs_embeds": embedded}, interventions=[Scale("blocks.0.resid_pre", 5.0)])
    assert_close(embedded, before, 0.0)


def test_a_patched_source_is_not_written_to() -> None:
    there = trace(models.shared("gpt2"), models.text())
    before = {name: there[name].clone() for name in there.names}
    patches = [
        Patch("blocks.*.resid_pre", there),
        Scale("blocks.*.resid_pre", 2.0),
        Scale(Site("blocks.*.resid_post", position=0), 3.0),
    ]
    trace(models.shared("gpt2"), models.ids(3, 9, seed=2), interventions=patches)
    for name, value in before.items():
        assert torch.equal(there[name], value), name
