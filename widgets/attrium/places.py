"""Where in a model to attribute, when the user has not said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from attrium_kernel.running import modules_behind, untouched

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def device_of(model: Callable[..., Any]) -> torch.device:
    """Where the model's parameters are; the CPU if it has none."""
    parameters = (p for root in modules_behind(model) for p in root.parameters())
    return next((p.device for p in parameters), torch.device("cpu"))


def last_convolution(model: Callable[..., Any]) -> str | None:
    """The name of the convolution that is defined last, the usual place for Grad-CAM; None if there is none.

    Convolutions of a single pixel, such as those on the skip path of a residual block, count only if there is no other.
    """
    found = [(name, module) for name, module in _named(model) if isinstance(module, CONVOLUTIONS)]
    wide = [name for name, module in found if any(size > 1 for size in module.kernel_size)]
    return next(reversed(wide or [name for name, _ in found]), None)


def embeddings(model: Callable[..., Any]) -> dict[str, nn.Embedding]:
    """All embeddings of a model by name."""
    return {name: module for name, module in _named(model) if isinstance(module, nn.Embedding)}


def embedding_of(model: Callable[..., Any], ids: Tensor, run: Callable[[], object]) -> str | None:
    """The name of the embedding that looks up the tokens: what the model calls its input embeddings, else the first
    embedding that is given exactly `ids` when `run()` runs the model.
    """
    known = embeddings(model)
    named = getattr(model, "get_input_embeddings", None)
    own = named() if callable(named) else None
    for name, module in known.items():
        if module is own:
            return name
    if len(known) <= 1:
        return next(iter(known), None)
    return _first_reached(model, known, ids, run)


def _first_reached(
    model: Callable[..., Any], known: dict[str, nn.Embedding], ids: Tensor, run: Callable[[], object]
) -> str | None:
    reached: list[str] = []

    def watch(name: str) -> Any:
        def hook(_module: nn.Module, args: tuple[Any, ...]) -> None:
            given = args[0] if args else None
            if isinstance(given, Tensor) and given.shape == ids.shape and bool((given.cpu() == ids.cpu()).all()):
                reached.append(name)

        return hook

    with untouched(model, False):
        hooks = [module.register_forward_pre_hook(watch(name)) for name, module in known.items()]
        try:
            run()
        finally:
            for hook in hooks:
                hook.remove()
    return reached[0] if reached else None


def _named(model: Callable[..., Any]) -> list[tuple[str, nn.Module]]:
    return [pair for root in modules_behind(model) for pair in root.named_modules() if pair[0]]
