"""Everything about a model and the process that an attribution must leave as it was, as one comparable value."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

HOOKS = [
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_state_dict_hooks",
    "_load_state_dict_pre_hooks",
]
COUNTERS = {"calls", "rows", "seen_training"}  # the test models' own counts


def of_tensor(tensor: Tensor) -> tuple[Any, ...]:
    """Identity, flags, values, gradient and hooks of a tensor."""
    return (
        id(tensor),
        tensor.requires_grad,
        tensor.is_leaf,
        tensor._version,
        tensor.detach().clone().numpy().tobytes(),
        None if tensor.grad is None else (id(tensor.grad), tensor.grad.clone().numpy().tobytes()),
        len(tensor._backward_hooks or {}),
    )


def of_module(module: nn.Module) -> dict[str, Any]:
    """Flags, attributes, hooks, parameters and buffers that the module holds itself."""
    state: dict[str, Any] = {"training": module.training, "attributes": sorted(set(module.__dict__) - COUNTERS)}
    state |= {name: list(getattr(module, name)) for name in HOOKS}
    state |= {f"parameter {name}": of_tensor(p) for name, p in module.named_parameters(recurse=False)}
    state |= {f"buffer {name}": of_tensor(b) for name, b in module.named_buffers(recurse=False)}
    return state


def of_process() -> dict[str, Any]:
    """Random number generators, gradient modes, global hooks and defaults."""
    hooks = torch.nn.modules.module
    return {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": repr(np.random.get_state()),
        "python": random.getstate(),
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "global hooks": [
            len(getattr(hooks, name))
            for name in dir(hooks)
            if name.startswith("_global_") and isinstance(getattr(hooks, name), dict)
        ],
        "saved tensor hooks": torch._C._autograd._top_saved_tensors_default_hooks(False),
    }


def snapshot(model: nn.Module, tensors: Iterable[Tensor]) -> dict[str, Any]:
    """The whole state, by name."""
    state: dict[str, Any] = {f"module {name!r}": of_module(m) for name, m in model.named_modules()}
    state |= {f"tensor {i}": of_tensor(t) for i, t in enumerate(tensors)}
    return state | of_process()


@contextmanager
def unchanged(model: nn.Module, *tensors: Tensor) -> Iterator[None]:
    """Fail, naming what differs, unless the model, the tensors and the process are afterwards as they were."""
    before = snapshot(model, tensors)
    yield
    after = snapshot(model, tensors)
    differing = [name for name in before if before[name] != after.get(name)]
    for name in differing:
        if isinstance(before[name], dict):
            parts = [part for part in before[name] if before[name][part] != after[name].get(part)]
            raise AssertionError(f"{name} came back changed in: {', '.join(parts)}")
    assert not differing, f"changed: {', '.join(differing)}"
    assert list(before) == list(after)
