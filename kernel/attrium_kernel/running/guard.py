"""The user's model comes back exactly as it was, and no two runs use one module at a time."""

from __future__ import annotations

import contextlib
import functools
import inspect
import threading
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import nn

_changed = threading.Condition()
_in_use: dict[int, int] = {}
"""Thread that runs each module now, by the module's id."""

MOST_ITEMS = 1_000
"""Containers of more items are not searched for modules."""


class Cancelled(Exception):
    """The caller's `cancel` said stop. The model has been put back as it was."""


def modules_behind(model: Callable[..., Any]) -> list[nn.Module]:
    """The modules that a callable runs: itself, or what it refers to (closures, globals, attributes, containers).

    References are followed a few steps deep. A module that a function makes or looks up while it runs is not found.
    """
    found: dict[nn.Module, None] = {}
    seen: set[int] = set()

    def walk(value: Any, steps: int) -> None:
        if isinstance(value, nn.Module):
            found[value] = None
        elif steps >= 0 and id(value) not in seen:
            seen.add(id(value))
            for part in _references(value):
                walk(part, steps - 1)

    walk(model, 4)
    return list(found)


def _references(value: Any) -> Iterable[Any]:
    """What a callable, a container or an object refers to, if it may lead to a module."""
    if isinstance(value, (torch.Tensor, type, types.ModuleType, types.BuiltinFunctionType, str, bytes, int, float)):
        return ()
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, types.MethodType):
        return [value.__self__, value.__func__]
    if isinstance(value, types.FunctionType):
        return _names_of(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return value if len(value) <= MOST_ITEMS else ()
    if isinstance(value, dict):
        return value.values() if len(value) <= MOST_ITEMS else ()
    return list(vars(value).values()) if hasattr(value, "__dict__") else ()


def _names_of(function: types.FunctionType) -> list[Any]:
    """What the names in a function stand for, and the function that it decorates."""
    wrapped = getattr(function, "__wrapped__", None)
    try:
        names = inspect.getclosurevars(function)
    except ValueError:  # a name of the closure is not bound yet
        return [wrapped]
    return [*names.nonlocals.values(), *names.globals.values(), wrapped]


def parameter_bytes(model: Callable[..., Any]) -> int:
    """The size of the parameters behind a callable."""
    return sum(p.numel() * p.element_size() for root in modules_behind(model) for p in root.parameters())


@contextlib.contextmanager
def untouched(model: Callable[..., Any], gradient: bool) -> Iterator[None]:
    """Run the model in eval mode, frozen if gradients are wanted; put all back on the way out, also after an error.

    A second thread that runs the same model waits. The global random state is put back too, except off the
    main thread, where that could turn back a generator that the main thread is using.
    """
    roots = modules_behind(model)
    modules = _with_children(roots)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_alone(modules))
        parameters = list({p: None for m in modules for p in m._parameters.values() if p is not None})
        if threading.current_thread() is threading.main_thread():
            devices = {p.device for p in parameters if p.device.type == "cuda"}
            stack.enter_context(torch.random.fork_rng(devices=list(devices)))
        if any(isinstance(m, nn.RNNBase) for m in modules):
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))  # cuDNN has no RNN backward in eval mode
        trainable = [p for p in parameters if p.requires_grad] if gradient else []
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


def _with_children(roots: list[nn.Module]) -> list[nn.Module]:
    """All modules below, each once; `Module.modules` would also spell out every name."""
    found = dict.fromkeys(roots)
    queue = list(roots)
    while queue:
        for child in queue.pop()._modules.values():
            if child is not None and child not in found:
                found[child] = None
                queue.append(child)
    return list(found)


@contextlib.contextmanager
def _alone(modules: list[nn.Module]) -> Iterator[None]:
    """Wait until no other thread uses any of these modules, and keep others out: two models may share some."""
    me = threading.get_ident()
    wanted = {id(module) for module in modules}
    with _changed:
        _changed.wait_for(lambda: all(_in_use.get(key, me) == me for key in wanted))
        taken = dict.fromkeys(wanted - _in_use.keys(), me)
        _in_use.update(taken)
    try:
        yield
    finally:
        with _changed:
            for key in taken:
                del _in_use[key]
            _changed.notify_all()
