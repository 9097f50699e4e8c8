"""Baselines: what an input is compared with, in any of the forms in which users give them."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import ShapeError
from .places import FromInputs
from .structure import Layout, Tensors, match


def resolve(
    spec: Any, layout: Layout, like: Tensors, run_inputs: Callable[[Any], Tensors], rows: tuple[int, ...] | None
) -> Tensors:
    """Baselines as tensors `(rows, *features)` with the dtype and device of `like`.

    Args:
        spec: None (zero), a number, a tensor, a tuple or dict of those, a callable that returns one, or `FromInputs`.
        layout, like: names and tensors that the baselines stand in for.
        run_inputs: carries the inputs of a `FromInputs` to the place.
        rows: allowed numbers of rows; None allows any (a distribution).
    """
    if isinstance(spec, FromInputs):
        return tuple(_shaped(t, p, "baselines", rows) for t, p in zip(run_inputs(spec.inputs), like, strict=True))
    if callable(spec) and not isinstance(spec, Tensor):
        return resolve(_drawn(spec, layout.pack(like)), layout, like, run_inputs, rows)
    if spec is None or isinstance(spec, numbers.Real):
        return tuple(_filled(spec, p) for p in like)
    parts = match(spec, layout, "baselines")
    names = ["baselines"] if layout.kind == "tensor" else [f"baselines for {name}" for name in layout.names]
    found = tuple(_one(part, p, name, rows) for part, p, name in zip(parts, like, names, strict=True))
    return _same_rows(found)


def _one(part: Any, like: Tensor, name: str, rows: tuple[int, ...] | None) -> Tensor:
    if part is None or isinstance(part, numbers.Real):
        return _filled(part, like)
    if isinstance(part, np.ndarray):
        part = torch.from_numpy(part)
    if not isinstance(part, Tensor):
        raise ShapeError(f"{name} is a {type(part).__name__}; pass None, a number, a tensor or a callable")
    if part.dim() == 0:
        return _filled(part.item(), like)
    return _shaped(part, like, name, rows)


def _shaped(part: Tensor, like: Tensor, name: str, rows: tuple[int, ...] | None) -> Tensor:
    if part.shape == like.shape[1:] and part.shape != like.shape:
        part = part.unsqueeze(0)
    wrong_rows = rows is not None and part.dim() > 0 and part.shape[0] not in rows
    if part.shape[1:] != like.shape[1:] or part.dim() != like.dim() or part.shape[0] == 0 or wrong_rows:
        allowed = " or ".join(map(str, sorted(set(rows)))) if rows else "any number"
        expected = f"({', '.join([allowed, *map(str, like.shape[1:])])})"
        hint = "; for a distribution of baselines use GradientShap" if wrong_rows else ""
        raise ShapeError(
            f"{name} has shape {tuple(part.shape)}, but {expected} is expected for inputs {tuple(like.shape)}{hint}"
        )
    _check_whole(part, like)
    return part.detach().to(device=like.device, dtype=like.dtype, copy=part.is_inference())


def _filled(value: Any, like: Tensor) -> Tensor:
    if isinstance(value, bool):
        raise ShapeError(f"baselines={value}; pass a number, a tensor, a callable or None")
    number = torch.tensor(0.0 if value is None else float(value), dtype=torch.float64)
    _check_whole(number, like)
    return torch.full((1, *like.shape[1:]), number.item(), dtype=like.dtype, device=like.device)


def _check_whole(part: Tensor, like: Tensor) -> None:
    """Whole-number inputs, token ids say, have whole-number baselines."""
    if not like.is_floating_point() and part.is_floating_point() and bool((part != part.round()).any()):
        raise ShapeError(f"baselines have fractions, but the inputs are {like.dtype}; pass whole numbers")


def _drawn(spec: Callable[..., Any], inputs: Any) -> Any:
    takes = [
        p
        for p in inspect.signature(spec).parameters.values()
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    return spec(inputs) if takes else spec()


def _same_rows(found: Tensors) -> Tensors:
    counts = {t.shape[0] for t in found} - {1}
    if len(counts) > 1:
        raise ShapeError(
            f"baselines disagree about the number of rows: {sorted(counts)}; give all the same number, or one row"
        )
    return found
