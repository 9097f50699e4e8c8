"""Comparing traces with what they should be, and saying all that differs at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from .oracles import HIDDEN

AXES: dict[str, tuple[str, ...]] = {
    "scale": ("batch", "position"),
    "q": ("batch", "position", "head", "d_head"),
    "rot_q": ("batch", "position", "head", "d_head"),
    "z": ("batch", "position", "head", "d_head"),
    "k": ("batch", "position", "kv_head", "d_head"),
    "rot_k": ("batch", "position", "kv_head", "d_head"),
    "v": ("batch", "position", "kv_head", "d_head"),
    "scores": ("batch", "head", "query", "key"),
    "masked_scores": ("batch", "head", "query", "key"),
    "pattern": ("batch", "head", "query", "key"),
    "result": ("batch", "position", "head", "d_model"),
    "pre": ("batch", "position", "d_mlp"),
    "pre_linear": ("batch", "position", "d_mlp"),
    "post": ("batch", "position", "d_mlp"),
    "unembed": ("batch", "position", "vocab"),
    "logits": ("batch", "position", "vocab"),
}
"""By the last word of a name; all others are `("batch", "position", "d_model")`."""


def axes(name: str) -> tuple[str, ...]:
    """The axes that a name should have."""
    return AXES.get(name.rpartition(".")[2], ("batch", "position", "d_model"))


def difference(name: str, value: Tensor, right: Tensor, keep: Tensor | None = None) -> float:
    """Largest absolute difference, where a real token is looked at; masked scores compare where they are not hidden."""
    if value.dim() and value.shape[0] == 1 < right.shape[0] and value.shape[1:] == right.shape[1:]:
        value = value.expand_as(right)  # positions are the same for every text
    if right.shape[0] == 1 < value.shape[0] and value.shape[1:] == right.shape[1:]:
        right = right.expand_as(value)
    if value.shape != right.shape:
        return float("inf")
    off = (value - right).abs()
    if name.endswith("masked_scores"):
        hidden = right < HIDDEN
        off = torch.where(hidden, torch.where(value < HIDDEN, 0.0, torch.inf), off)
    if keep is not None and "query" in axes(name):
        off = off.transpose(1, 2)
    if keep is not None and off.shape[:2] == keep.shape:
        off = off[keep.bool()]
    worst = off.max().item() if off.numel() else 0.0
    return float("inf") if worst != worst else worst


def assert_same(
    found: Any, right: Mapping[str, Tensor], tolerance: float, keep: Tensor | None = None, names: Iterable[str] = ()
) -> None:
    """Every name of `right` (or `names`) is in `found` with that value; all that are not are listed."""
    wrong = []
    for name in names or right:
        try:
            value = found[name]
        except ValueError as error:
            wrong.append(f"{name}: {error}")
            continue
        off = difference(name, value, right[name], keep)
        if not off <= tolerance:
            wrong.append(f"{name}: off by {off:.2g}; {tuple(value.shape)}, expected {tuple(right[name].shape)}")
    assert not wrong, f"{len(wrong)} of {len(list(names or right))} names differ:\n" + "\n".join(wrong[:12])


def assert_close(found: Tensor, right: Tensor, tolerance: float = 1e-5) -> None:
    """Same shape, and at most `tolerance` apart."""
    assert found.shape == right.shape, f"{tuple(found.shape)} is not {tuple(right.shape)}"
    off = (found - right).abs().max().item()
    assert off <= tolerance, f"off by {off:.3g}, allowed are {tolerance:.3g}"
