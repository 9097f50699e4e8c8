"""Pictures as a vision transformer sees them: special tokens, then patches in rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from attrium_kernel.tracing import Trace

from ..errors import DataError
from .kinds import Kind, kinds_of

PREFIXES = (1, 0, 2, 5)
"""Numbers of special tokens that are tried where the model does not say: class; none; class and distillation; class and
four registers."""


@dataclass(frozen=True)
class Patches:
    """How a picture became positions.

    Args:
        rows, columns: of patches.
        prefix: special tokens before them.
    """

    rows: int
    columns: int
    prefix: int

    @property
    def count(self) -> int:
        """Positions in all."""
        return self.prefix + self.rows * self.columns

    @property
    def names(self) -> tuple[str, ...]:
        """What each position is called: "[CLS]", then "patch 0,0" and so on by row and column."""
        first = [("[CLS]" if n == 0 else f"[special {n}]") for n in range(self.prefix)]
        return (*first, *(f"patch {row},{column}" for row in range(self.rows) for column in range(self.columns)))


def find_patches(
    trace: Trace, grid: Sequence[int] | None = None, prefix: int | None = None, config: Any = None
) -> Patches:
    """How the positions of a trace lie on a picture: as given, as the model's config says, or as a square.

    Args:
        trace: of a model that reads a picture.
        grid: rows and columns, if known.
        prefix: special tokens, if known.
        config: of the model, with `image_size` and `patch_size`.

    Raises:
        DataError: if the positions are not that many, or nothing tells how many there are.
    """
    kind = _of_the_picture(kinds_of(trace))
    if grid is not None and (_pair(grid) is None or isinstance(grid, int)):
        raise DataError(f"grid={grid!r}; pass (rows, columns) of patches, whole numbers of at least 1")
    size = tuple(grid) if grid is not None else _configured(config)
    if grid is None and (size is None or kind.keys < math.prod(size)):
        size = _square(kind.keys, prefix)
    if size is None:
        raise DataError(f"{kind.keys} positions are no square of patches; pass grid=(rows, columns)")
    rows, columns = size
    special = kind.keys - rows * columns if prefix is None else prefix
    if special < 0 or special + rows * columns != kind.keys:
        raise DataError(
            f"{rows} x {columns} patches and {max(special, 0)} special tokens make {max(special, 0) + rows * columns} "
            f"positions, but there are {kind.keys}; pass grid=(rows, columns), and prefix= for special tokens"
        )
    return Patches(rows, columns, special)


def _of_the_picture(kinds: dict[str, Kind]) -> Kind:
    return next((kind for kind in kinds.values() if kind.is_square), next(iter(kinds.values())))


def _configured(config: Any) -> tuple[int, int] | None:
    config = getattr(config, "vision_config", config)
    image, patch = _pair(getattr(config, "image_size", None)), _pair(getattr(config, "patch_size", None))
    return (image[0] // patch[0], image[1] // patch[1]) if image and patch else None


def _pair(size: Any) -> tuple[int, int] | None:
    """Two sizes, or one that serves for both."""
    if isinstance(size, int) and size > 0:
        return size, size
    sizes = list(size) if isinstance(size, (list, tuple)) else []
    return (sizes[0], sizes[1]) if len(sizes) == 2 and all(isinstance(n, int) and n > 0 for n in sizes) else None


def _square(count: int, prefix: int | None) -> tuple[int, int] | None:
    for special in PREFIXES if prefix is None else (prefix,):
        side = math.isqrt(max(0, count - special))
        if side > 0 and side * side == count - special:
            return side, side
    return None
