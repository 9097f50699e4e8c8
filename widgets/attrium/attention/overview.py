"""The overview: a small picture of every head of every layer, from as many rows as there is time for."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from attrium_kernel.arrays import Frame, Pooled, make_frame
from attrium_kernel.arrays.pooling import fold, larger, window_starts

from ..channel import Answer
from .comparison import Address, Comparison
from .measures import ROW_CELLS

SIDE = 48
"""Most rows and columns of a small picture."""
BUDGET_CELLS = 40_000_000
"""Cells that are computed for an overview, about half a second of work; in longer texts not every query is read."""


def overview(comparison: Comparison, address: Address) -> Answer:
    """The frame `field` `(layer, head, rows, columns)`, the strongest value of each window, NaN for heads that a layer
    does not have; and the facts

    | fact | meaning |
    | --- | --- |
    | layers, heads | blocks, and how many heads each has |
    | n | rows of a small picture |
    | pooled | queries and keys in each of its cells, on average |
    | tokens | queries and keys in all |
    | every | only every so many queries were read: 1 is all of them |
    | measure | what is drawn: for flow it is the pattern, since a flow takes seconds for each layer |

    Args:
        comparison: the runs.
        address: what to draw; its layer does not matter.
    """
    measure = "pattern" if address.measure == "flow" else address.measure
    address = replace(address, measure=measure)
    kind = comparison.kind(address.shown, address.kind)
    measures = comparison.measures[address.shown]
    heads = [measures.heads(kind, layer, address.measure) for layer in kind.layers]
    size = min(SIDE, kind.queries), min(SIDE, kind.keys)
    most = max(1, BUDGET_CELLS // (kind.keys * sum(heads) * (2 if address.minus >= 0 else 1)))
    picks, starts = _sample(kind.queries, size[0], most)
    field = np.full((len(kind.layers), max(heads), *size), np.nan, np.float32)
    for n, layer in enumerate(kind.layers):
        field[n, : heads[n]] = _thumbnails(comparison, replace(address, layer=layer), heads[n], picks, starts, size[1])
    facts: dict[str, Any] = {
        "layers": list(kind.layers),
        "heads": heads,
        "n": size[0],
        "pooled": [kind.queries / size[0], kind.keys / size[1]],
        "tokens": [kind.queries, kind.keys],
        "every": round(kind.queries / len(picks), 2),
        "measure": measure,
    }
    return Answer(facts, {"field": _frame(field, address, facts["pooled"])})


def _frame(field: npt.NDArray[Any], address: Address, factor: list[float]) -> Frame:
    """The field with what was done to it in its header."""
    frame = make_frame(field, "field", quantise=True)
    if factor == [1, 1]:
        return frame
    return replace(frame, pooled=Pooled(address.pooling, (1.0, 1.0, *factor)))


def _sample(count: int, rows: int, most: int) -> tuple[Tensor, npt.NDArray[np.intp]]:
    """Queries to read for `rows` windows of `count`, ascending, and where in them each window begins.

    Each window gives its last query and others at even distances, `most` in all but at least one of each.
    """
    ends = np.append(window_starts(count, rows), count)
    each = max(1, most // rows)
    picks = []
    for start, stop in itertools.pairwise(ends.tolist()):
        number = min(stop - start, each)
        picks.append(stop - 1 - (np.arange(number) * (stop - start) // number)[::-1])
    lengths = [len(part) for part in picks]
    return torch.from_numpy(np.concatenate(picks)), np.cumsum([0, *lengths[:-1]])


def _thumbnails(
    comparison: Comparison, address: Address, heads: int, picks: Tensor, starts: npt.NDArray[np.intp], columns: int
) -> npt.NDArray[Any]:
    """`(head, row, column)` of one layer, in pieces of whole windows."""
    keys = comparison.kind(address.shown, address.kind).keys
    across = None if columns == keys else window_starts(keys, columns)
    ends = np.append(starts, len(picks))
    longest = int(np.diff(ends).max())
    step = max(1, ROW_CELLS // (heads * keys * longest))
    parts = []
    for first in range(0, len(starts), step):
        low, high = ends[first], ends[min(first + step, len(starts))]
        values = comparison.rows(address, slice(0, heads), picks[low:high]).numpy()
        inside = starts[first : first + step] - low
        down = None if len(inside) == values.shape[1] else inside
        parts.append(_folded(values, [None, down, across], address))
    return np.concatenate(parts, 1)


def _folded(values: npt.NDArray[Any], starts: list[Any], address: Address) -> npt.NDArray[Any]:
    """Windows as one cell each; NaN, which is a hidden or unshared token, only where there is nothing else."""
    if address.pooling == "min":
        return fold(np.fmin, values, starts)
    high = fold(np.fmax, values, starts)
    return larger(fold(np.fmin, values, starts), high) if address.pooling == "absmax" else high
