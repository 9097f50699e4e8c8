"""How well a compressed model does its work, and how like the original it does it."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from .compressed_model import Halves

Fate = Literal["own", "superposed", "dropped"]
NOTHING = 1e-9
"""A half-layer that writes less than this, as a norm, has written nothing."""


class Feature(NamedTuple):
    """What became of one dimension of the original.

    Attributes:
        label: its name.
        norm: squared length of its direction; what is written to it comes back times this.
        overlap: the largest cosine, up to its sign, with a feature that is not dropped.
        other: the feature it has that with, "" if there is none.
        fate: "dropped", "superposed" or "own" (a direction to itself), by the limits of `features`.
    """

    label: str
    norm: float
    overlap: float
    other: str
    fate: Fate


def features(directions: Tensor, labels: tuple[str, ...], dropped: float = 0.1, shared: float = 0.3) -> list[Feature]:
    """The features of one W `(D, d)`.

    Args:
        directions: W.
        labels: names of its rows.
        dropped: a feature of a smaller squared length is dropped.
        shared: a feature whose cosine with another is larger, up to its sign, is superposed.
    """
    products = directions @ directions.T
    norms = products.diagonal()
    kept = norms >= dropped
    lengths = norms.clamp_min(NOTHING).sqrt()
    cosines = (products / lengths[:, None] / lengths).abs()
    cosines.fill_diagonal_(0)
    cosines[:, ~kept] = 0
    most, places = cosines.max(1)
    found = []
    for label, norm, overlap, place in zip(labels, norms.tolist(), most.tolist(), places.tolist(), strict=True):
        fate: Fate = "dropped" if norm < dropped else "superposed" if overlap > shared else "own"
        found.append(Feature(label, norm, overlap, labels[place] if overlap > 0 else "", fate))
    return found


def accuracy(found: Tensor, wanted: Tensor, valid: Tensor, numerical: bool) -> Tensor:
    """For each seed the share of positions whose output is the original's.

    A category is the largest logit. A number counts as the nearest of all numbers that the original gives.

    Args:
        found: logits `(seed, batch, position, output)`.
        wanted: the original's, `(batch, position, output)`.
        valid: `(batch, position)`, where there is a token.
        numerical: whether the output is a number.
    """
    if numerical:
        levels = wanted[valid].flatten().mul(1e6).round()
        levels = torch.unique(levels) / 1e6
        middles = (levels[1:] + levels[:-1]) / 2
        mine, theirs = (torch.bucketize(each[..., 0].contiguous(), middles) for each in (found, wanted))
    else:
        mine, theirs = found.argmax(-1), wanted.argmax(-1)
    right: Tensor = (mine == theirs)[:, valid].double().mean(1)
    return right


def similarity(found: Tensor, wanted: Tensor, valid: Tensor) -> Tensor:
    """For each seed the mean cosine of what a half-layer writes with what the original's writes.

    Positions at which the original writes nothing are left out.

    Args:
        found: `(seed, batch, position, D)`.
        wanted: `(batch, position, D)`.
        valid: `(batch, position)`.
    """
    there = valid & (wanted.norm(dim=-1) > NOTHING)
    cosines: Tensor = torch.cosine_similarity(found[:, there], wanted[there], dim=-1, eps=NOTHING**2)
    return cosines.mean(1)


def output_loss(found: Tensor, wanted: Tensor, valid: Tensor, numerical: bool) -> Tensor:
    """For each seed: squared error of a number, or cross-entropy of the outputs against the original's, per position.

    Args:
        found: logits `(seed, batch, position, output)`.
        wanted: the original's, of the same shape or without the seeds.
        valid: `(seed, batch, position)`.
        numerical: whether the output is a number.
    """
    if numerical:
        return _mean((found - wanted).square().sum(-1), valid)
    each = -(wanted.softmax(-1) * found.log_softmax(-1)).sum(-1)
    return _mean(each, valid)


def layer_loss(found: Halves, wanted: tuple[Tensor, ...], valid: Tensor) -> Tensor:
    """For each seed: squared differences of what the half-layers write, summed over half-layers and dimensions."""
    each = torch.stack([(a - b).square().sum(-1) for a, b in zip(found.written, wanted, strict=True)])
    return _mean(each.sum(0), valid)


def _mean(each: Tensor, valid: Tensor) -> Tensor:
    return (each * valid).sum((1, 2)) / valid.sum((1, 2))
