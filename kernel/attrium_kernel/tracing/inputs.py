"""What a model is called with: one form for tensors, mappings and texts, and short examples of it."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
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
        """From a tensor, lists of numbers or an array, a mapping (or `BatchEncoding`), a tuple of arguments, itself.

        Lists, arrays and lists of tensors of one shape become tensors: whole numbers int64, others of torch's default
        dtype. One row of ids gets a batch axis, and so do a mask and types that are as long.

        Raises:
            CaptureError: it is something else, rows differ in length, or there is no axis at all.
        """
        if isinstance(given, Inputs):
            return given
        if isinstance(given, Mapping):
            return cls((), _with_batch({name: as_tensor(value, name) for name, value in given.items()}))
        if isinstance(given, tuple) and not _all_whole(given):
            return cls(tuple(as_tensor(value, f"argument {n}") for n, value in enumerate(given)), {})
        made = as_tensor(list(given) if isinstance(given, tuple) else given, "the inputs")
        if isinstance(made, Tensor):
            if made.dim() == 0:
                raise CaptureError(
                    "inputs are a tensor without axes (one number); pass token ids (position,) or (batch, position), "
                    "or what else the model takes, with its batch axis"
                )
            return cls((made[None] if _is_row(made) else made,), {})
        raise CaptureError(
            f"inputs are a {type(given).__name__}; pass a text or list of texts (with tokenizer=), a tensor or lists "
            "of numbers (the model's first argument), a mapping of keyword arguments, or a tuple of arguments"
        )

    def on(self, model: nn.Module) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """`(args, kwargs)` on the model's device, without a KV cache where the model would make one."""
        device = device_of(model)
        kwargs = {name: _moved(value, device) for name, value in (self.kwargs or {}).items()}
        caches = getattr(getattr(model, "config", None), "use_cache", False) and takes(model, "use_cache")
        if caches and "use_cache" not in kwargs and "past_key_values" not in kwargs:
            kwargs["use_cache"] = False
        return tuple(_moved(value, device) for value in self.args), kwargs

    def ids(self) -> Tensor | None:
        """Token ids `(batch, position)`, if the inputs are tokens."""
        found = (self.kwargs or {}).get("input_ids")
        if found is None and self.args and isinstance(self.args[0], Tensor):
            found = self.args[0]
        return found if isinstance(found, Tensor) and found.dim() == 2 and not found.is_floating_point() else None


def as_tensor(value: Any, name: str) -> Any:
    """A tensor of a list of numbers, an array, or a list of tensors of one shape; anything else as it is.

    Args:
        name: of the argument, for the error.

    Raises:
        CaptureError: rows differ in length.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind in "iufb":
        return _plain_dtype(torch.tensor(value.copy()))
    if not isinstance(value, list) or not value:
        return value
    if all(isinstance(row, Tensor) for row in value):
        return _stacked(value, name)
    leaves = list(_leaves(value))
    if not leaves or not all(isinstance(leaf, (int, float, np.number)) for leaf in leaves):
        return value
    try:
        return _plain_dtype(torch.tensor(value))
    except (ValueError, TypeError) as error:
        raise _ragged(name, [len(row) if isinstance(row, list) else 1 for row in value]) from error


def _stacked(rows: list[Tensor], name: str) -> Any:
    """`(batch, ...)`; rows of ids that have a batch axis of one already are put together along it."""
    ids = not rows[0].is_floating_point() and rows[0].dim() in (1, 2)
    if len({row.shape for row in rows}) > 1:
        if ids:
            raise _ragged(name, [row.shape[-1] if row.dim() else 1 for row in rows])
        return rows  # a model may take pictures of several sizes
    return torch.cat(rows) if ids and rows[0].dim() == 2 and len(rows[0]) == 1 else torch.stack(rows)


def _ragged(name: str, lengths: list[int]) -> CaptureError:
    shown = ", ".join(map(str, lengths[:6])) + (", ..." if len(lengths) > 6 else "")
    return CaptureError(
        f"{name}: the rows have lengths {shown}, expected one length; pass the texts themselves with tokenizer=, pad "
        "them (tokenizer(texts, padding=True)) and pass the attention_mask too, or trace them one at a time"
    )


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for row in value:
            yield from _leaves(row)
    else:
        yield value


def _plain_dtype(made: Tensor) -> Tensor:
    if made.is_floating_point():
        return made.to(torch.get_default_dtype())
    return made if made.dtype == torch.bool else made.long()


def _all_whole(given: tuple[Any, ...]) -> bool:
    return len(given) > 0 and all(isinstance(value, int) and not isinstance(value, bool) for value in given)


def _is_row(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dim() == 1 and not value.is_floating_point()


def _with_batch(kwargs: dict[str, Any]) -> dict[str, Any]:
    """A batch axis for one row of ids, and for what is as long as it: a tokenizer's answer to one text has none."""
    for prefix in ("", "decoder_"):
        ids = kwargs.get(f"{prefix}input_ids")
        if isinstance(ids, Tensor) and ids.dim() == 0:
            raise CaptureError(f"{prefix}input_ids is one number; pass token ids (position,) or (batch, position)")
        if ids is None or not _is_row(ids):
            continue
        for name, value in kwargs.items():
            beside = name.startswith("decoder_") == bool(prefix) and name != "cache_position"
            if beside and isinstance(value, Tensor) and value.shape == ids.shape:
                kwargs[name] = value[None]
    return kwargs


def takes(model: nn.Module, name: str) -> bool:
    """Whether a model's forward takes an argument of this name, or any name."""
    return any(p.name == name or p.kind is p.VAR_KEYWORD for p in inspect.signature(model.forward).parameters.values())


def takes_ids_by_name(model: nn.Module) -> bool:
    """Whether token ids go in as `input_ids`; else they are the first argument by position, whatever it is called.

    A wrapper whose forward takes anything (adapters) does as the transformers model in it.
    """
    parameters = inspect.signature(model.forward).parameters.values()
    if any(p.name == "input_ids" for p in parameters):
        return True
    anything = all(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters) and takes(model, "input_ids")
    return anything and hasattr(getattr(model, "config", None), "get_text_config")


def inner_module(model: Any) -> nn.Module:
    """The module in what a user calls a model: itself, or the `.model` of a `Loaded` or a bundle."""
    found = model if isinstance(model, nn.Module) else getattr(model, "model", None)
    if not isinstance(found, nn.Module):
        raise CaptureError(f"model is a {type(model).__name__}; pass a torch.nn.Module, or what load(...) returned")
    whole: nn.Module = getattr(found, "_orig_mod", found)  # hooks do not run inside a compiled graph
    return whole


def uncompiled(modules: Iterable[nn.Module]) -> contextlib.AbstractContextManager[Any]:
    """While active, compiled modules among these run as written: hooks do not run inside a compiled graph."""
    if any(m._compiled_call_impl is not None or hasattr(m, "_orig_mod") for m in modules):
        stance: contextlib.AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
        return stance
    return contextlib.nullcontext()


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
    if not takes_ids_by_name(model):
        return Inputs((ids,), {})
    kwargs = {"input_ids": ids}
    if getattr(config, "is_encoder_decoder", False):
        kwargs["decoder_input_ids"] = ids[:, : max(length - 4, 2)]
    return Inputs((), kwargs)
