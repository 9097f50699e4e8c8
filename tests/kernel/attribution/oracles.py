"""Second ways to know each number: plain float64 loops from the papers' formulas, one evaluation per line."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

Score = Callable[[Tensor], Tensor]  # (n, *features) -> (n,)


def picked(output: Callable[[Tensor], Tensor], *index: int) -> Score:
    """The score `output(x)[:, *index]`."""
    where: tuple[Any, ...] = (slice(None), *index)
    return lambda x: output(x)[where]


def gradient(score: Score, x: Tensor) -> Tensor:
    """d score / d x, example by example."""
    rows = []
    for row in x:
        leaf = row.detach().clone().unsqueeze(0).requires_grad_()
        (grad,) = torch.autograd.grad(score(leaf).sum(), leaf)
        rows.append(grad[0])
    return torch.stack(rows)


def nodes_and_weights(rule: str, n: int) -> tuple[list[float], list[float]]:
    """Quadrature on [0, 1], in float64, from the textbook definition of each rule."""
    if rule == "gausslegendre":
        x, w = np.polynomial.legendre.leggauss(n)
        return list((x + 1) / 2), list(w / 2)
    if rule == "riemann_left":
        return [k / n for k in range(n)], [1 / n] * n
    if rule == "riemann_middle":
        return [(k + 0.5) / n for k in range(n)], [1 / n] * n
    if rule == "riemann_right":
        return [(k + 1) / n for k in range(n)], [1 / n] * n
    if rule == "riemann_trapezoid":
        weights = [1 / (n - 1)] * n
        weights[0] = weights[-1] = 0.5 / (n - 1)
        return [k / (n - 1) for k in range(n)], weights
    raise AssertionError(rule)


def integrated_gradients(score: Score, x: Tensor, baseline: Tensor, rule: str, n: int) -> Tensor:
    """(x - b) * sum_k w_k grad F(b + a_k (x - b))."""
    total = torch.zeros_like(x)
    for alpha, weight in zip(*nodes_and_weights(rule, n), strict=True):
        total += weight * gradient(score, baseline + alpha * (x - baseline))
    return total * (x - baseline)


def ablation(score: Score, x: Tensor, baseline: Tensor, mask: Tensor) -> Tensor:
    """Each id of the mask: F(x) - F(x with these elements at the baseline), given to these elements."""
    baseline, mask = baseline.expand_as(x), mask.expand_as(x)
    values = torch.zeros_like(x)
    for i in range(x.shape[0]):
        full = score(x[i : i + 1])[0]
        for feature in torch.unique(mask[i]):
            chosen = mask[i] == feature
            changed = torch.where(chosen, baseline[i], x[i])
            values[i][chosen] = full - score(changed.unsqueeze(0))[0]
    return values


def corners(size: int, window: int, stride: int) -> list[int]:
    """Where windows start on one axis: every `stride` until the last covers the end (and may hang over)."""
    starts = [0]
    while starts[-1] + window < size:
        starts.append(starts[-1] + stride)
    return starts


def occlusion(score: Score, x: Tensor, baseline: Tensor, window: Sequence[int], stride: Sequence[int]) -> Tensor:
    """Mean, over the windows that cover an element, of F(x) - F(x with the window at the baseline)."""
    baseline = baseline.expand_as(x)
    total, count = torch.zeros_like(x), torch.zeros_like(x)
    full = score(x)
    axes = [corners(size, w, s) for size, w, s in zip(x.shape[1:], window, stride, strict=True)]
    for corner in itertools.product(*axes):
        where = (slice(None), *(slice(c, c + w) for c, w in zip(corner, window, strict=True)))
        changed = x.clone()
        changed[where] = baseline[where]
        drop = full - score(changed)
        total[where] += drop.reshape(-1, *[1] * (x.dim() - 1))
        count[where] += 1
    return total / count


def noise_average(attribute: Callable[[Tensor], Tensor], x: Tensor, noise: Tensor, kind: str) -> Tensor:
    """Mean, mean square or biased variance of `attribute(x + noise[s])` over the samples `s`."""
    values = torch.stack([attribute(x + sample) for sample in noise])
    if kind == "smoothgrad":
        return values.mean(0)
    if kind == "smoothgrad_sq":
        return (values**2).mean(0)
    if kind == "vargrad":
        return values.var(0, correction=0)
    raise AssertionError(kind)
