"""Frames: a region of a tensor as a header and one buffer, exact or pooled to the pixels there are.

The buffer is little-endian and row-major. Nothing is hidden: the header states the range of the source, the pooling and
the quantisation, and a window or cell that holds a NaN or an infinity shows one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .errors import RegionError
from .lazy import Lazy, gather
from .pooling import Pooling, finite_range, pool
from .source import DTYPES, Dtype, to_numpy

Ranges = Sequence[Sequence[int]]
"""Half-open `(start, stop)`, one for each axis."""
CHUNK = 2**18
"""Cells that are quantised at a time."""


@dataclass(frozen=True)
class Pooled:
    """How source cells were folded: `kind`, and how many along each axis went into one, on average (1: none).

    Stored cell `i` of an axis covers the source cells from `floor(i * factor)` up to `floor((i + 1) * factor)`.
    """

    kind: Pooling | Literal["none"]
    factor: tuple[float, ...]


@dataclass(frozen=True)
class Quantised:
    """Stored uint8 `q` stands for `offset + scale * q`."""

    scale: float
    offset: float


@dataclass(frozen=True, eq=False)
class Frame:
    """A region of a tensor, ready for the wire. Two frames are equal only if they are the same object.

    Args:
        name: name of the tensor.
        shape: of what is stored, after pooling.
        dtype: of what is stored.
        range: smallest and largest finite value of the region before pooling; None where there is none.
        pooled: how cells were folded into one.
        quantised: how stored integers become values, or None where values are stored as they are.
        data: the stored numbers as bytes. It shows the tensor's own memory where nothing had to be converted.
    """

    name: str
    shape: tuple[int, ...]
    dtype: Dtype
    range: tuple[float, float] | None
    pooled: Pooled
    quantised: Quantised | None
    data: memoryview

    @property
    def header(self) -> dict[str, Any]:
        """All but the data, as JSON."""
        quantised = self.quantised
        return {
            "name": self.name,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "range": None if self.range is None else list(self.range),
            "pooled": {"kind": self.pooled.kind, "factor": list(self.pooled.factor)},
            "quantised": None if quantised is None else {"scale": quantised.scale, "offset": quantised.offset},
        }

    @property
    def stored(self) -> npt.NDArray[Any]:
        """The stored numbers, `shape`; no copy."""
        return np.frombuffer(self.data, DTYPES[self.dtype]).reshape(self.shape)

    @property
    def values(self) -> npt.NDArray[Any]:
        """The numbers meant, `shape`: the stored ones, or float64 where they are quantised."""
        if self.quantised is None:
            return self.stored
        return self.quantised.offset + self.quantised.scale * self.stored.astype(np.float64)


def make_frame(
    tensor: Any,
    name: str = "",
    *,
    region: Ranges | None = None,
    pixels: Sequence[int] | None = None,
    axes: Sequence[int] | None = None,
    pooling: Pooling = "absmax",
    quantise: bool = False,
) -> Frame:
    """A region of a tensor as a frame.

    Floats become float32, integers and booleans uint8 where they are stored so and int32 else (float32 where they are
    beyond int32).

    Args:
        tensor: torch tensor, array or nested list of numbers, any shape and device; or a `Lazy` one, of which only the
            region is read, piece by piece.
        name: name for the reader.
        region: one `(start, stop)` for each axis; None is all of it.
        pixels: most cells worth having along `axes`; None is all. One number serves all axes.
        axes: the axes that are drawn; by default the last two (the first two of a `(height, width, 3)` uint8 picture).
        pooling: how a window of cells becomes one. `absmax` keeps the value of largest magnitude with its sign.
        quantise: store floats in 255 steps between smallest and largest, a quarter of the bytes. A region that holds a
            NaN or an infinity, which no step could stand for, is stored exactly instead.

    Raises:
        DtypeError: for complex numbers or objects.
        RegionError: if region, pixels or axes do not fit the tensor.
    """
    dense = None if isinstance(tensor, Lazy) else to_numpy(tensor)
    whole = tuple(tensor.shape) if dense is None else dense.shape
    ranges = _ranges(region, whole)
    source = tuple(stop - start for start, stop in ranges)
    drawn = _drawn_axes(dense, whole) if axes is None else [range(len(whole))[axis] for axis in axes]
    shape = _pooled_shape(source, pixels, drawn)
    folded = shape != source
    if dense is None:
        array, span = gather(tensor, ranges, shape, pooling, first=drawn[0] if drawn else 0)
    else:
        array = dense[tuple(slice(start, stop) for start, stop in ranges)]
        span = finite_range(array)
        array = pool(array, shape, pooling) if folded else array
    array = _narrow(array, span)
    steps = _steps(array, span) if quantise else None
    if steps is not None:
        array = _quantised(array, steps)
    array = np.asarray(array, order="C")
    return Frame(
        name=name,
        shape=array.shape,
        dtype=array.dtype.name,  # type: ignore[arg-type]  # _narrow leaves no other
        range=span,
        pooled=Pooled(pooling if folded else "none", tuple(s / t if t else 1.0 for s, t in zip(source, shape))),
        quantised=steps,
        data=array.reshape(-1).view(np.uint8).data,
    )


def _ranges(region: Ranges | None, shape: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    if region is None:
        return tuple((0, size) for size in shape)
    if len(region) != len(shape):
        raise RegionError(f"the region has {len(region)} ranges for a tensor of shape {shape}; give one for each axis")
    return tuple(_range(given, axis, size) for axis, (given, size) in enumerate(zip(region, shape)))


def _range(given: Sequence[int], axis: int, size: int) -> tuple[int, int]:
    if len(given) == 2 and all(_whole(bound) for bound in given):
        start, stop = int(given[0]), int(given[1])
        if 0 <= start <= stop <= size:
            return start, stop
    raise RegionError(
        f"the range {list(given)} does not fit axis {axis}, which has {size} cells; "
        f"give whole numbers with 0 <= start <= stop <= {size}"
    )


def _pooled_shape(source: tuple[int, ...], pixels: Sequence[int] | None, drawn: Sequence[int]) -> tuple[int, ...]:
    """The shape in which the drawn axes fit into `pixels`."""
    shape = list(source)
    if pixels is None or 0 in source:
        return source
    if not pixels or any(not _whole(p) or p < 1 for p in pixels):
        raise RegionError(f"pixels={list(pixels)}; give whole numbers of at least 1, (height, width)")
    most = list(pixels) if len(pixels) > 1 else [pixels[0]] * len(drawn)
    for axis, limit in zip(reversed(drawn), reversed(most)):  # a lone axis runs along the width
        shape[axis] = min(shape[axis], int(limit))
    return tuple(shape)


def _drawn_axes(array: npt.NDArray[Any] | None, shape: tuple[int, ...]) -> list[int]:
    is_picture = array is not None and array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] in (3, 4)
    return [0, 1] if is_picture else list(range(len(shape)))[-2:]


def _whole(number: Any) -> bool:
    return hasattr(number, "__index__") and not isinstance(number, bool)


def _narrow(array: npt.NDArray[Any], span: tuple[float, float] | None) -> npt.NDArray[Any]:
    """The array in one of the three types that travel, without a copy where it is in one already."""
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    if array.dtype.kind in "iu" and array.dtype != np.uint8:
        fits = span is None or (span[0] >= -(2**31) and span[1] < 2**31)
        return array.astype("<i4" if fits else "<f4", copy=False)
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):  # beyond float32 is an infinity, which the screen marks
            return array.astype("<f4", copy=False)
    return array


def _steps(array: npt.NDArray[Any], span: tuple[float, float] | None) -> Quantised | None:
    if array.dtype.kind != "f" or span is None or not np.isfinite(array).all():
        return None
    return Quantised(scale=(span[1] - span[0]) / 255, offset=span[0])


def _quantised(array: npt.NDArray[Any], steps: Quantised) -> npt.NDArray[np.uint8]:
    if steps.scale == 0:
        return np.zeros(array.shape, np.uint8)
    stored = np.empty(array.shape, np.uint8)
    flat, into = np.asarray(array, order="C").reshape(-1), stored.reshape(-1)
    for start in range(0, flat.size, CHUNK):  # in pieces: float64 has twice the bytes of what is read
        part = flat[start : start + CHUNK].astype(np.float64)
        into[start : start + CHUNK] = np.rint((part - steps.offset) / steps.scale).clip(0, 255)
    return stored
