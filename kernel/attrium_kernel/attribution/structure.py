"""Inputs come as one tensor, a tuple, or keywords; inside, they are always a tuple, and go back out as they came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from .errors import ShapeError

Tensors = tuple[Tensor, ...]
Structured = Tensor | tuple[Tensor, ...] | dict[str, Tensor]


@dataclass(frozen=True)
class Layout:
    """How a set of tensors was given: alone, as a tuple, or by keyword."""

    kind: Literal["tensor", "tuple", "dict"]
    names: tuple[str, ...]

    def pack(self, tensors: Tensors) -> Structured:
        """The tensors in the form in which the user gave theirs."""
        if self.kind == "tensor":
            return tensors[0]
        return tuple(tensors) if self.kind == "tuple" else dict(zip(self.names, tensors, strict=True))


def unpack(value: Any, what: str) -> tuple[Layout, Tensors]:
    """The layout and the tensors of `value`; `what` is its name in errors."""
    if isinstance(value, Tensor):
        return Layout("tensor", (what,)), (value,)
    if isinstance(value, Mapping):
        layout, tensors = Layout("dict", tuple(value)), tuple(value.values())
    elif isinstance(value, Sequence) and not isinstance(value, str):
        layout, tensors = Layout("tuple", tuple(f"{what}[{i}]" for i in range(len(value)))), tuple(value)
    else:
        raise ShapeError(f"{what} is a {type(value).__name__}; pass a tensor, a tuple of tensors, or a dict of tensors")
    if not tensors:
        raise ShapeError(f"{what} is empty; pass at least one tensor")
    for name, tensor in zip(layout.names, tensors, strict=True):
        if not isinstance(tensor, Tensor):
            raise ShapeError(
                f"{name} is a {type(tensor).__name__}, not a tensor; pass what is not attributed as args= or kwargs="
            )
    return layout, tensors


def match(value: Any, layout: Layout, what: str) -> tuple[Any, ...]:
    """`value` (for example masks or baselines) as a tuple aligned with the tensors of `layout`."""
    if layout.kind == "tensor":
        if isinstance(value, (tuple, list)) and len(value) == 1:
            return tuple(value)
        return (value,)
    if layout.kind == "dict" and isinstance(value, Mapping):
        unknown = [k for k in value if k not in layout.names]
        if unknown:
            raise ShapeError(f"{what} names {unknown}, but the inputs are {list(layout.names)}; use their names")
        return tuple(value.get(name) for name in layout.names)
    if isinstance(value, (tuple, list)):
        if len(value) != len(layout.names):
            raise ShapeError(f"{what} has {len(value)} entries for {len(layout.names)} inputs; pass one for each input")
        return tuple(value)
    raise ShapeError(
        f"{what} is a {type(value).__name__} for {len(layout.names)} inputs; pass a {layout.kind} with one for each"
    )


def batch_size(layout: Layout, tensors: Tensors) -> int:
    """The common first dimension; raises `ShapeError` when it is missing, uneven or 0."""
    for name, tensor in zip(layout.names, tensors, strict=True):
        if tensor.dim() == 0:
            raise ShapeError(
                f"{name} has no dimensions; the first dimension must count the examples: pass {name}.reshape(1)"
            )
    sizes = {tensor.shape[0] for tensor in tensors}
    if len(sizes) > 1:
        shapes = ", ".join(f"{n}: {tuple(t.shape)}" for n, t in zip(layout.names, tensors, strict=True))
        raise ShapeError(f"inputs disagree about the number of examples ({shapes}); give all the same first dimension")
    if sizes == {0}:
        raise ShapeError(f"the batch is empty (shape {tuple(tensors[0].shape)}); pass at least one example")
    return sizes.pop()


def take(tensor: Tensor, rows: Tensor) -> Tensor:
    """Rows of `tensor`, as a copy; a tensor of one row stands for every row and stays a view to broadcast."""
    return tensor if tensor.shape[0] == 1 else tensor.index_select(0, rows.to(tensor.device))


def rows_of(tensors: Tensors, rows: Tensor) -> Tensors:
    """These rows of each tensor; one row that stands for all is repeated, as a view."""
    return tuple(take(t, rows).expand(len(rows), *t.shape[1:]) for t in tensors)


def column(weights: Tensor, like: Tensor) -> Tensor:
    """`(rows,)` weights shaped to multiply `(rows, *features)`."""
    return weights.to(like).reshape(-1, *[1] * (like.dim() - 1))


def accumulator_dtype(dtype: torch.dtype) -> torch.dtype:
    """Sums of half-precision numbers are kept in float32, all others in their own type."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype
