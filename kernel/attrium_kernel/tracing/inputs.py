"""What a model is called with: one form for tensors, mappings and texts, and short examples of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from .errors import ArchitectureError, CaptureError

SHORT = 12
"""Positions of the run that looks for the parts."""


@dataclass(frozen=True)
class Inputs:
    """Arguments of a forward.

    Args:
        args: by position.
        kwargs: by name.
    """

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, given: Any) -> Inputs:
        """From a tensor, a mapping (also a `BatchEncoding`), a tuple of arguments, or itself."""
        if isinstance(given, Inputs):
            return given
        if isinstance(given, Mapping):
            return cls((), dict(given))
        if isinstance(given, tuple):
            return cls(given, {})
        if isinstance(given, list) and given and isinstance(given[0], int):
            return cls((torch.tensor([given]),), {})
        if isinstance(given, Tensor):
            ids = given.dim() == 1 and not given.is_floating_point()
            return cls((given[None] if ids else given,), {})
        raise CaptureError(
            f"inputs are a {type(given).__name__}; pass a text or list of texts (with tokenizer=), a tensor (the "
            "model's "
            "first argument), a mapping of keyword arguments, or a tuple of arguments"
        )

    def on(self, model: nn.Module) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """`(args, kwargs)` on the model's device, without a KV cache where the model would make one."""
        device = device_of(model)
        kwargs = {name: _moved(value, device) for name, value in (self.kwargs or {}).items()}
        config = getattr(model, "config", None)
        if getattr(config, "use_cache", False) and "use_cache" not in kwargs and "past_key_values" not in kwargs:
            kwargs["use_cache"] = False
        return tuple(_moved(value, device) for value in self.args), kwargs

    def ids(self) -> Tensor | None:
        """Token ids `(batch, position)`, if the inputs are tokens."""
        found = (self.kwargs or {}).get("input_ids")
        if found is None and self.args and isinstance(self.args[0], Tensor):
            found = self.args[0]
        return found if isinstance(found, Tensor) and found.dim() == 2 and not found.is_floating_point() else None


def inner_module(model: Any) -> nn.Module:
    """The module in what a user calls a model: itself, or the `.model` of a `Loaded` or a bundle."""
    found = model if isinstance(model, nn.Module) else getattr(model, "model", None)
    if not isinstance(found, nn.Module):
        raise CaptureError(f"model is a {type(model).__name__}; pass a torch.nn.Module, or what load(...) returned")
    whole: nn.Module = getattr(found, "_orig_mod", found)  # hooks do not run inside a compiled graph
    return whole


def device_of(model: nn.Module) -> torch.device:
    """Where a model's inputs go: with its embeddings, if it is spread over devices."""
    for parameter in model.parameters():
        if parameter.device.type != "meta":
            return parameter.device
    return torch.device("cpu")


def _moved(value: Any, device: torch.device) -> Any:
    if not isinstance(value, Tensor):
        return value
    moved = value.to(device) if value.device != device else value
    return moved.clone() if moved.is_inference() else moved  # autograd refuses tensors made under inference_mode


def shortened(inputs: Inputs) -> Inputs:
    """One example of a few tokens, where the inputs are tokens."""
    ids = inputs.ids()
    if ids is None:
        return inputs
    shape = ids.shape

    def cut(value: Any) -> Any:
        if isinstance(value, Tensor) and value.dim() == 2 and not value.is_floating_point():
            return value[:1, :SHORT] if value.shape == shape else value[:1]
        if isinstance(value, Tensor) and value.dim() >= 1 and value.shape[0] == shape[0] > 1:
            return value[:1]
        return value

    return replace(
        inputs, args=tuple(map(cut, inputs.args)), kwargs={k: cut(v) for k, v in (inputs.kwargs or {}).items()}
    )


def example_inputs(model: nn.Module) -> Inputs:
    """A short made-up input, for models whose configuration says what they take."""
    config = getattr(model, "config", None)
    name = getattr(model, "main_input_name", None)
    if config is None:
        raise ArchitectureError(
            f"{type(model).__name__} has no configuration that says what it takes; pass an example: "
            "Architecture.of(model, inputs)"
        )
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    length = min(SHORT, int(getattr(text, "max_position_embeddings", None) or SHORT))
    ids = torch.arange(3, 3 + length)[None] % int(getattr(text, "vocab_size", 100) or 100)
    if name == "pixel_values":
        size = getattr(config, "image_size", 224)
        height, width = size if isinstance(size, (tuple, list)) else (size, size)
        generator = torch.Generator().manual_seed(0)
        pixels = torch.randn(1, getattr(config, "num_channels", 3), height, width, generator=generator)
        return Inputs((), {"pixel_values": pixels.to(next(model.parameters()).dtype)})
    kwargs = {"input_ids": ids}
    if getattr(config, "is_encoder_decoder", False):
        kwargs["decoder_input_ids"] = ids[:, : max(length - 4, 2)]
    return Inputs((), kwargs)
