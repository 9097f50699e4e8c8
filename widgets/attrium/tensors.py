"""From an attribution to the numbers that are drawn."""

from __future__ import annotations

from torch import Tensor

from attrium_kernel.arrays import sum_channels
from attrium_kernel.attribution import Attribution, Method

from .errors import DataError


def picture_scores(values: Tensor, method: Method) -> Tensor:
    """One score for each pixel of one example, `(channels, h, w)` -> `(h, w)`: channels summed.

    A method that hides features gives each element its feature's whole score; where a feature spans the channels, they
    all hold that one score, which is then taken once.
    """
    repeats = not method.needs_gradient and values.dim() == 3 and bool((values == values[:1]).all())
    return values[0] if repeats else sum_channels(values)


def one_tensor(attribution: Attribution, part: int | str | None) -> Tensor:
    """The values `(examples, ...)` of the only input, or of the one named by `part` (a position or a name)."""
    values = attribution.values
    if isinstance(values, Tensor):
        return values
    pairs = values.items() if isinstance(values, dict) else enumerate(values)
    parts: dict[int | str, Tensor] = dict(pairs)
    if part is None and len(parts) == 1:
        return next(iter(parts.values()))
    if part is None or part not in parts:
        raise DataError(f"part={part!r}, but the attribution has values for {list(parts)}; pass one of these as part=")
    return parts[part]
