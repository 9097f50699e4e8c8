"""Lazy tensors: a shape and a way to read a region, for what is too large to compute at once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from .errors import ArrayError
from .pooling import Pooling, finite_range, fold, larger, mean_of, window_starts
from .source import to_numpy

BLOCK_CELLS = 2**21
"""Most cells that are read at once: 8 MiB of float32, so that what a reader needs to compute them stays small too."""

Ranges = tuple[tuple[int, int], ...]
"""Half-open `(start, stop)`, one for each axis."""


@dataclass(frozen=True, eq=False)
class Lazy:
    """A tensor that is read region by region.

    `make_frame` draws it like any other, and reads at most `BLOCK_CELLS` cells at once.

    Args:
        shape: of the whole.
        read: gives exactly the region asked for, one `(start, stop)` for each axis; its dtype is always the same.
        holes: NaN marks cells that are not there (keys that a query may not see): a window shows what it has beside
            them, and is NaN only where it has nothing else. Otherwise a window that holds a NaN shows it.
    """

    shape: tuple[int, ...]
    read: Callable[[Ranges], Tensor]
    holes: bool = False


def gather(
    lazy: Lazy, region: Ranges, shape: Sequence[int], kind: Pooling, first: int = 0
) -> tuple[npt.NDArray[Any], tuple[float, float] | None]:
    """A region of a lazy tensor folded into a shape, and its finite range before that.

    Equal to `pool` of the whole region (`mean` up to the rounding of a sum in float64 in another order).

    Args:
        lazy: the tensor.
        region: inside it.
        shape: no axis longer than the region, none empty unless the region's is.
        kind: of pooling.
        first: the axis along which the region is cut into pieces before any other.

    Raises:
        ArrayError: for the mean of cells that are not there.
    """
    source = tuple(stop - start for start, stop in region)
    if 0 in source:
        return np.zeros(source, np.float32), None
    folded: _Folded | None = None
    spans: list[tuple[float, float]] = []
    for piece in _pieces(source, first):
        ranges = tuple((start + a, start + b) for (start, _), (a, b) in zip(region, piece))
        block = to_numpy(lazy.read(ranges))
        assert block.shape == tuple(b - a for a, b in piece), f"read {block.shape} of {ranges}"
        if (span := finite_range(block)) is not None:
            spans.append(span)
        if folded is None:
            folded = _Folded(source, tuple(shape), kind, block.dtype, lazy.holes)
        folded.add(block, piece)
    assert folded is not None
    span = (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None
    return folded.result(), span


def _pieces(source: tuple[int, ...], first: int) -> Iterator[Ranges]:
    """Ranges that cover a region, each of at most `BLOCK_CELLS`; cut along `first`, then along the others in order."""
    sizes = list(source)
    for axis in [first, *(axis for axis in range(len(source)) if axis != first)] if source else []:
        others = math.prod(sizes) // sizes[axis]
        sizes[axis] = min(sizes[axis], max(1, BLOCK_CELLS // others))
    cuts = [[(a, min(a + size, n)) for a in range(0, n, size)] for n, size in zip(source, sizes)]
    yield from itertools.product(*cuts)


class _Folded:
    """What the pieces of a region add up to.

    Args:
        source, shape: of the region, and of what it is folded into.
        kind: of pooling.
        dtype: of the pieces.
        holes: NaN marks cells that are not there.
    """

    def __init__(
        self, source: tuple[int, ...], shape: tuple[int, ...], kind: Pooling, dtype: np.dtype[Any], holes: bool
    ) -> None:
        self._source, self._shape, self._kind, self._dtype = source, shape, kind, dtype
        self._plain = source == shape
        self._holes = holes and not self._plain
        if self._holes and (kind == "mean" or dtype.kind != "f"):
            raise ArrayError(f"holes in {dtype} numbers cannot be pooled by {kind}; pool floats by 'max'")
        lowest, highest = (math.nan, math.nan) if self._holes else _extremes(dtype)
        if self._plain:
            self._cells = np.empty(shape, dtype)
        elif kind == "mean":
            self._cells = np.zeros(shape, np.float64)
        else:
            self._cells = np.full(shape, highest if kind == "min" else lowest, dtype)
            self._low = np.full(shape, highest, dtype) if kind == "absmax" else self._cells

    def add(self, block: npt.NDArray[Any], piece: Ranges) -> None:
        """Take in the cells of one piece."""
        if self._plain:
            self._cells[tuple(slice(a, b) for a, b in piece)] = block
            return
        into, starts = self._windows(piece)
        if self._kind == "mean":
            with np.errstate(invalid="ignore"):  # infinities of both signs make a NaN
                self._cells[into] += fold(np.add, block, starts, np.float64)
            return
        larger_of, smaller_of = (np.fmax, np.fmin) if self._holes else (np.maximum, np.minimum)
        if self._kind != "min":
            self._cells[into] = larger_of(self._cells[into], fold(larger_of, block, starts))
        if self._kind != "max":
            self._low[into] = smaller_of(self._low[into], fold(smaller_of, block, starts))

    def result(self) -> npt.NDArray[Any]:
        """The region in its new shape, in the dtype of the pieces."""
        if self._kind == "mean" and not self._plain:
            return mean_of(self._cells, self._source, self._dtype)
        return larger(self._low, self._cells) if self._kind == "absmax" and not self._plain else self._cells

    def _windows(self, piece: Ranges) -> tuple[tuple[slice, ...], list[npt.NDArray[np.intp] | None]]:
        """Which windows a piece touches, and where in it they begin; None for an axis that is not folded."""
        into: list[slice] = []
        starts: list[npt.NDArray[np.intp] | None] = []
        for (a, b), size, length in zip(piece, self._source, self._shape):
            if size == length:
                into.append(slice(a, b))
                starts.append(None)
                continue
            begins = window_starts(size, length)
            low, high = int(np.searchsorted(begins, a, "right")) - 1, int(np.searchsorted(begins, b, "left"))
            into.append(slice(low, high))
            starts.append(np.maximum(begins[low:high] - a, 0))
        return tuple(into), starts


def _extremes(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """What every number of a dtype is at least, and at most."""
    if dtype.kind == "b":
        return False, True
    return (-math.inf, math.inf) if dtype.kind == "f" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
