"""Targets: which scalar of the model's output is explained, for each example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .errors import ModelOutputError, TargetError
from .places import Side, check_side

TargetSpec = Any
"""int, list of ints, 1-D tensor, tuple, list of tuples, callable, `Neuron`, or None: see `Method.attribute`."""


@dataclass(frozen=True)
class Neuron:
    """The scalar is one unit of a layer, not of the output. The forward stops there.

    Args:
        layer: module or dotted name.
        index: index into one example's activation, `(axis, ...)`; or a callable on the `(rows, ...)` activation
            that returns `(rows,)`.
        side: `output` or `input` of the layer.
    """

    layer: nn.Module | str
    index: int | tuple[int, ...] | Callable[[Tensor], Tensor]
    side: Side = "output"

    def __post_init__(self) -> None:
        check_side(self.side)


def logits_of(output: Any) -> Tensor:
    """The tensor to pick from: the output itself, or the `.logits` of a Hugging Face output."""
    if isinstance(output, Tensor):
        return output
    logits = getattr(output, "logits", None)
    if isinstance(logits, Tensor):
        return logits
    if isinstance(output, (int, float)):
        return torch.tensor(output)
    keys = f" with keys {list(output)}" if hasattr(output, "keys") else ""
    raise ModelOutputError(
        f"the model returned a {type(output).__name__}{keys}, not a tensor; pass a callable target that picks one "
        'number per row, for example target=lambda out: out["logits"][:, 3]'
    )


class Target:
    """A target, checked once against the number of examples, then applied to the output of any rows of them."""

    def __init__(self, spec: TargetSpec, examples: int) -> None:
        self.spec = spec
        self.per_example: list[tuple[int, ...]] | None = None
        if spec is None or callable(spec) or isinstance(spec, Neuron):
            return
        indices = _indices(spec)
        if len(indices) not in (1, examples):
            raise TargetError(
                f"target has {len(indices)} entries for {examples} examples; pass one for all, or one for each"
            )
        self.per_example = indices

    @property
    def common(self) -> tuple[int, ...] | None:
        """The index that all examples share, if they do."""
        if self.per_example and len(set(self.per_example)) == 1:
            return self.per_example[0]
        return None

    def pick(self, output: Any, examples: Tensor, position_kept: bool = False) -> Tensor:
        """The scores `(rows,)` of rows that belong to `examples` `(rows,)`; 0-d if the model summed over rows.

        `position_kept` says that the output holds only the one position of the sequence that the target names.
        """
        if callable(self.spec):
            return _check_scores(self.spec(output), len(examples))
        logits = _real(logits_of(output), "the model's output")
        if logits.dim() == 0 or (len(examples) > 1 and logits.numel() == 1):
            if self.common not in (None, (0,), (-1,)):
                raise TargetError(f"target={self.spec!r}, but the model gives a single number; pass target=None")
            return logits.reshape(())
        if logits.shape[0] != len(examples):
            raise ModelOutputError(
                f"the model gave {logits.shape[0]} rows of output for {len(examples)} rows of input; "
                "the first dimension of the output must follow that of the input"
            )
        if self.per_example is None:
            return _only_column(logits)
        if position_kept and logits.dim() == 3 and logits.shape[1] == 1:
            shared = self.common
            assert shared is not None
            return _at_index(logits, [(0, *shared[1:])], examples)
        return _at_index(logits, self.per_example, examples)

    def pick_neuron(self, activation: Tensor, examples: Tensor, layer: str) -> Tensor:
        """The scores `(rows,)` of a `Neuron` target from its layer's activation."""
        assert isinstance(self.spec, Neuron)
        if callable(self.spec.index):
            return _check_scores(self.spec.index(activation), len(examples))
        try:
            indices = _indices(self.spec.index)
            if len(indices) > 1:
                raise TargetError(f"index={self.spec.index!r} names {len(indices)} units; pass one int or one tuple")
            return _at_index(activation, indices, examples)
        except TargetError as error:
            raise TargetError(
                f"Neuron of layer {layer!r}, whose {self.spec.side} for one example has shape "
                f"{tuple(activation.shape[1:])}: {error}"
            ) from None


def _indices(spec: TargetSpec) -> list[tuple[int, ...]]:
    """Any of the index forms as a list of index tuples, one for all examples or one for each."""
    if isinstance(spec, np.ndarray):
        spec = torch.from_numpy(spec)
    if isinstance(spec, Tensor):
        if spec.is_floating_point() or spec.dtype == torch.bool or spec.dim() > 1:
            raise TargetError(
                f"target is a {spec.dtype} tensor of shape {tuple(spec.shape)}; pass whole numbers, (examples,)"
            )
        spec = spec.tolist()
    if isinstance(spec, bool) or spec is None:
        raise TargetError(f"target={spec!r}; pass a class index")
    if hasattr(spec, "__index__"):
        return [(spec.__index__(),)]
    if isinstance(spec, tuple):
        if not spec or not all(hasattr(i, "__index__") for i in spec):
            raise TargetError(f"target={spec!r}; a tuple must hold whole numbers, an index into one row of the output")
        return [tuple(i.__index__() for i in spec)]
    if isinstance(spec, list) and spec and not any(isinstance(item, (list, np.ndarray)) for item in spec):
        return [index for item in spec for index in _indices(item)]
    raise TargetError(
        f"target={spec!r} is a {type(spec).__name__}; pass an int, list, tensor, tuple, callable, Neuron or None"
    )


def _only_column(logits: Tensor) -> Tensor:
    if logits[0].numel() == 1:
        return logits.reshape(len(logits))
    advice = f"0 <= target < {logits.shape[1]}" if logits.dim() == 2 else "a tuple that indexes one of them"
    raise TargetError(
        f"target=None, but the model gives {tuple(logits.shape[1:])} numbers for each example; pass {advice}"
    )


def _at_index(output: Tensor, indices: list[tuple[int, ...]], examples: Tensor) -> Tensor:
    shape = output.shape[1:]
    for index in dict.fromkeys(indices):
        _check_index(index, shape)
    if len(indices) == 1:
        every: tuple[slice | int, ...] = (slice(None), *indices[0])
        return output[every]
    table = torch.tensor(indices, device=output.device)[examples.to(output.device)]
    rows = torch.arange(output.shape[0], device=output.device)
    return output[(rows, *table.unbind(1))]


def _check_index(index: tuple[int, ...], shape: torch.Size) -> None:
    shown = index[0] if len(index) == 1 else index
    if len(index) != len(shape):
        raise TargetError(
            f"target={shown!r} has {len(index)} indices, but the output for one example has shape {tuple(shape)}; "
            f"pass {'None' if not shape else 'a tuple of ' + str(len(shape)) + ' indices'}"
        )
    for i, size in zip(index, shape, strict=True):
        if not -size <= i < size:
            what = (
                f"the model has {size} classes (0 to {size - 1})"
                if len(shape) == 1
                else f"the output has shape {tuple(shape)}"
            )
            raise TargetError(f"target={shown!r}, but {what}; pass 0 <= target < {size}")


def _real(output: Tensor, what: str) -> Tensor:
    """Real numbers to score by; whole numbers are taken as such."""
    if output.is_complex() or output.dtype == torch.bool:
        raise ModelOutputError(
            f"{what} has dtype {output.dtype}; a score must be a real number: pass a callable target"
        )
    return output if output.is_floating_point() else output.to(torch.get_default_dtype())


def _check_scores(scores: Any, rows: int) -> Tensor:
    if not isinstance(scores, Tensor):
        raise TargetError(
            f"the callable target returned a {type(scores).__name__}; it must return a tensor of shape ({rows},)"
        )
    if not scores.is_floating_point():
        raise TargetError(
            f"the callable target returned {scores.dtype}; return real numbers that follow the output, not a "
            "choice or a count of them"
        )
    if scores.dim() == 0:
        return scores
    if scores.shape != (rows,) and scores.shape != (rows, 1):
        raise TargetError(
            f"the callable target returned shape {tuple(scores.shape)} for {rows} rows; it must return one number per "
            f"row, ({rows},)"
        )
    return scores.reshape(rows)
