"""The user's model comes back exactly as it was, and no two attributions run on one module at a time."""

from __future__ import annotations

import contextlib
import functools
import inspect
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from .errors import AttributionError

_locks: weakref.WeakKeyDictionary[nn.Module, threading.RLock] = weakref.WeakKeyDictionary()
_locks_lock = threading.Lock()


def modules_behind(model: Callable[..., Any]) -> list[nn.Module]:
    """The modules that a callable runs: itself, the owner of a method, or what a function's names refer to."""
    if isinstance(model, nn.Module):
        return [model]
    if isinstance(model, functools.partial):
        given = [*model.args, *model.keywords.values()]
        return [*modules_behind(model.func), *(m for m in given if isinstance(m, nn.Module))]
    if isinstance(model, types.MethodType):
        return modules_behind(model.__self__) if isinstance(model.__self__, nn.Module) else []
    if isinstance(model, types.FunctionType):
        names = inspect.getclosurevars(model)
        found = [*names.nonlocals.values(), *names.globals.values()]
        return list(dict.fromkeys(m for m in found if isinstance(m, nn.Module)))
    return []


def parameter_bytes(model: Callable[..., Any]) -> int:
    """The size of the parameters behind a callable."""
    return sum(p.numel() * p.element_size() for root in modules_behind(model) for p in root.parameters())


@contextlib.contextmanager
def untouched(model: Callable[..., Any], gradient: bool) -> Iterator[None]:
    """Run the model in eval mode with frozen parameters; put everything back on the way out, also after an error.

    A second thread that explains the same model waits. The global random state is put back too, except off the
    main thread, where that could turn back a generator that the main thread is using.
    """
    roots = modules_behind(model)
    modules = list(dict.fromkeys(m for root in roots for m in root.modules()))
    with contextlib.ExitStack() as stack:
        for module in sorted(
            modules, key=id
        ):  # every module: two models may share some; sorted, so no two wait in a ring
            stack.enter_context(_lock(module))
        parameters = list(dict.fromkeys(p for root in roots for p in root.parameters()))
        if gradient:
            _check_not_inference(parameters)
        if threading.current_thread() is threading.main_thread():
            devices = {p.device for p in parameters if p.device.type == "cuda"}
            stack.enter_context(torch.random.fork_rng(devices=list(devices)))
        if any(isinstance(m, nn.RNNBase) for m in modules):
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))  # cuDNN has no RNN backward in eval mode
        trainable = [p for p in parameters if p.requires_grad and not p.is_inference()]
        training = [m for m in modules if m.training]
        stack.callback(_restore, training, trainable)
        for module in training:
            module.training = False
        for parameter in trainable:
            parameter.requires_grad_(False)
        yield


def _restore(training: list[nn.Module], trainable: list[nn.Parameter]) -> None:
    for module in training:
        module.training = True
    for parameter in trainable:
        parameter.requires_grad_(True)


def _lock(module: nn.Module) -> threading.RLock:
    with _locks_lock:
        return _locks.setdefault(module, threading.RLock())


def _check_not_inference(parameters: list[nn.Parameter]) -> None:
    if any(p.is_inference() for p in parameters):
        raise AttributionError(
            "the model's parameters were made under torch.inference_mode(), so autograd cannot run through them; "
            "create or load the model outside inference_mode (torch.no_grad() is fine), or use a perturbation method "
            "such as FeatureAblation"
        )
