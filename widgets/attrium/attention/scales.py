"""Scales: the same weights, so that something else of them shows."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

Scale = Literal["linear", "log", "rank", "no_sink"]
SCALES: tuple[Scale, ...] = ("linear", "log", "rank", "no_sink")
FLOOR = 1e-6
"""Weights below it are drawn as it on the log scale, whose lowest value is then -6."""


def scaled(rows: Tensor, scale: Scale, sink: int = 0) -> Tensor:
    """Whole rows on a scale.

    | scale | value |
    | --- | --- |
    | linear | as it is |
    | log | its decimal logarithm, at least -6 |
    | rank | how many keys of the row have more, plus 1; NaN for weight 0, which is what hidden keys have |
    | no_sink | the share of the row that is not the first key's; NaN at that key, and where a row has nothing else |

    Args:
        rows: `(..., query, key)`, all keys; NaN where there is nothing.
        scale: which.
        sink: the key that `no_sink` sets aside.
    """
    if scale == "log":
        return rows.clamp(min=FLOOR).log10()
    if scale == "rank":
        return _ranks(rows)
    if scale == "no_sink":
        rest = rows.clone()
        rest[..., sink] = 0
        rest /= rest.sum(-1, keepdim=True)  # nothing left: 0 / 0 is NaN
        rest[..., sink] = math.nan
        return rest
    return rows


def _ranks(rows: Tensor) -> Tensor:
    """By NumPy, whose sort of rows is several times as quick as torch's."""
    values = rows.numpy()
    absent = np.isnan(values) | (values == 0)
    order = np.argsort(np.where(absent, np.inf, -values), axis=-1)
    ordered = np.take_along_axis(values, order, -1)
    first = np.broadcast_to(np.arange(1, values.shape[-1] + 1, dtype=np.float32), values.shape).copy()
    first[..., 1:][ordered[..., 1:] == ordered[..., :-1]] = 0  # equal ones share the rank of the first
    ranks = np.empty_like(first)
    np.put_along_axis(ranks, order, np.maximum.accumulate(first, axis=-1), -1)
    ranks[absent] = np.nan
    return torch.from_numpy(ranks)
