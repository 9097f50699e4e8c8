"""Programs that move values: by an offset, from a place, backwards, around; and patterns found by looking back."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import RaspError
from ..expressions import Elementwise, SequenceMap, SOp, Value, aggregate, indices, select, tokens
from .arguments import whole
from .occurrences import has_focus
from .positions import remaining

NOWHERE = ()  # stands for no value where two places are tried: no token is an empty tuple


def shift_by(offset: int, x: SOp = tokens, default: Value = None) -> SOp:
    """The value `offset` positions to the left, `default` where there is none: by 1, `"abc"` gives -, a, b.

    A negative offset takes it from the right. Source: Tracr, `shift_by`; RASP's `shift`; RASP-L's `shift_right`.
    """
    whole(offset, "offset")
    at_offset = select(indices, indices, f"query == key + {offset}").named(f"offset_{offset}")
    return aggregate(at_offset, x, default).named(f"shift_by_{offset}")


def index_select(x: SOp, index: SOp, default: Value = None) -> SOp:
    """The value at position `index`, which may differ from position to position; `default` where there is none.

    `index_select(tokens, indices - 1)` is `shift_by(1)`. Source: RASP-L's `index_select`; RASP's `load_from_location`.
    """
    return aggregate(select(indices, index, "==").named("at_index"), x, default).named("index_select")


def load_from_location(x: SOp, position: int, default: Value = None) -> SOp:
    """The value at one position, loaded to all; a negative position counts from the end.

    For -1, `"abc"` gives c, c, c. Absent (or `default`) if the input is too short. Source: RASP's `sop[3]`.
    """
    whole(position, "position")
    where = indices if position >= 0 else remaining
    place = position if position >= 0 else -1 - position
    return aggregate(select(where, place, "==").named("at_location"), x, default).named(f"at_{position}")


def reverse(x: SOp = tokens) -> SOp:
    """The values from the last to the first: `"abc"` gives c, b, a. Source: Weiss et al. 2021; Tracr, `make_reverse`.

    Each position looks where as many come before as come after it, so that two layers do.
    """
    return aggregate(select(indices, remaining, "==").named("mirror"), x).named("reverse")


def rotate(by: int, x: SOp = tokens) -> SOp:
    """The values moved `by` positions to the right, around the end: by 1, `"abc"` gives c, a, b.

    For inputs of at least `by` tokens; a negative `by` moves to the left. One head moves along, another one takes what
    falls off at the end from as far before the end as it goes after the start.
    """
    whole(by, "by")
    ends, starts = (remaining, indices) if by >= 0 else (indices, remaining)
    around = select(ends, starts, f"key + query == {abs(by) - 1}").named("around")
    moved, wrapped = shift_by(by, x, NOWHERE), aggregate(around, x, NOWHERE).named("wrapped")
    return SequenceMap(f"x if x != {NOWHERE} else y", moved, wrapped).named("rotate")


def palindrome(x: SOp = tokens) -> SOp:
    """Whether the input reads the same backwards, True or False everywhere: `"abba"` gives True."""
    differs = (x != reverse(x)).named("differs")
    return (~has_focus(select(differs, True, "=="))).named("palindrome")


def detect_pattern(x: SOp, pattern: Sequence[Value]) -> SOp:
    """True where the pattern ends: for "ab", `"cab"` gives -, False, True. Source: Tracr, `detect_pattern`.

    Absent at the first `len(pattern) - 1` positions, where it cannot end.

    Raises:
        RaspError: the pattern is empty.
    """
    if not len(pattern):
        raise RaspError("the pattern is empty; pass at least one value")
    steps = list(enumerate(reversed(pattern)))
    matches = [shift_by(back, x == value) if back else x == value for back, value in reversed(steps)]
    names = ("x", "y", "z")[: len(matches)] if len(matches) <= 3 else [f"x{i}" for i in range(len(matches))]
    return Elementwise(" and ".join(names), *matches).named("detect_pattern")
