"""Traits for what the reader selected, in the form that Python indexes with."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import traitlets as t

Lengths = Callable[[Any], tuple[int, ...] | None]
"""Gives the lengths of the axes that a widget's selection runs over, or None while there is nothing to select."""


class RegionTrait(t.TraitType[Any, Any]):
    """A rectangle as a tuple of slices, `(slice(top, bottom), slice(left, right))`, or None.

    Takes slices (open or negative ends too) or `[[start, stop], ...]`; on the wire it is the latter.
    """

    info_text = "a tuple of slices such as (slice(8, 24), slice(0, 16)), or None"

    def __init__(self, lengths: Lengths, help: str = "") -> None:
        super().__init__(None, allow_none=True, help=help)
        self._lengths = lengths
        self.tag(sync=True, to_json=_region_to_wire)

    def validate(self, obj: Any, value: Any) -> tuple[slice, ...]:
        """Half-open slices inside the picture."""
        lengths = self._lengths(obj)
        if lengths is None:
            raise t.TraitError(f"selection={value!r}, but there is nothing to select from yet")
        if not isinstance(value, (tuple, list)) or len(value) != len(lengths):
            self.error(obj, value)
        return tuple(self._slice(obj, value, part, length) for part, length in zip(value, lengths))

    def _slice(self, obj: Any, value: Any, part: Any, length: int) -> slice:
        if isinstance(part, slice):
            start, stop, step = part.indices(length)
            if step == 1:
                return slice(start, max(start, stop))
        elif isinstance(part, Sequence) and len(part) == 2 and all(isinstance(bound, int) for bound in part):
            start, stop = (min(max(bound, 0), length) for bound in part)
            return slice(start, max(start, stop))
        self.error(obj, value)


def _region_to_wire(value: tuple[slice, ...] | None, _widget: Any) -> list[list[int]] | None:
    return None if value is None else [[part.start, part.stop] for part in value]


class IndicesTrait(t.TraitType[Any, Any]):
    """Positions along one axis as a list of ints, ascending and without repeats; an index of arrays and tensors."""

    info_text = "a list of indices such as [0, 3, 4]"

    def __init__(self, lengths: Lengths, help: str = "") -> None:
        super().__init__([], help=help)
        self._lengths = lengths
        self.tag(sync=True)

    def validate(self, obj: Any, value: Any) -> list[int]:
        """Indices inside the axis; anything that lists whole numbers will do."""
        try:
            indices = sorted({operator.index(item) for item in value})
        except TypeError:
            self.error(obj, value)
        (length,) = self._lengths(obj) or (0,)
        if indices and not (indices[0] >= 0 and indices[-1] < length):
            raise t.TraitError(f"selection={list(value)!r}, but there are {length} tokens; pass 0 <= index < {length}")
        return indices

    def make_dynamic_default(self) -> list[int]:  # each widget has a list of its own
        """Nothing selected."""
        return []
