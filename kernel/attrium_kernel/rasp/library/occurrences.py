"""Programs about where a value occurs: whether at all, first, last, next; and about leaving out repetitions."""

from __future__ import annotations

from collections.abc import Hashable

from ..expressions import (
    Expression,
    Select,
    Selector,
    SelectorAnd,
    SequenceMap,
    SOp,
    aggregate,
    indices,
    select,
    selector_width,
    tokens,
)
from .positions import earlier, later


def has_focus(selector: Selector) -> SOp:
    """Whether a query looks at anything at all, True or False. Source: RASP's `has_focus`.

    A head over one condition, or several that hold together, moves True; it need not count. Others are counted.
    """
    moved = aggregate(selector, True, False) if _is_conjunction(selector) else selector_width(selector)
    return (moved > 0).named("has_focus")


def _is_conjunction(selector: Expression) -> bool:
    if isinstance(selector, SelectorAnd):
        return all(map(_is_conjunction, selector.inputs))
    return isinstance(selector, Select)


def contains(x: SOp, value: Hashable) -> SOp:
    """Whether `value` occurs anywhere, everywhere: for "l", `"hello"` gives True. Source: RASP's `contains`."""
    return has_focus(select(x, value, "==")).named(f"contains_{value}")


def earlier_same(x: SOp = tokens) -> SOp:
    """How often the value here occurred before: `"hello"` gives 0, 0, 0, 1, 0."""
    return selector_width(select(x, x, "==") & earlier).named("earlier_same")


def is_first_occurrence(x: SOp = tokens) -> SOp:
    """True where the value was not seen before: `"hello"` gives True, True, True, False, True."""
    return (~has_focus(select(x, x, "==") & earlier)).named("is_first")


def mark_first_instance(x: SOp, value: Hashable) -> SOp:
    """True at the first position that holds `value`, False elsewhere: for "l", `"hello"` is True at 2. Source: RASP."""
    before = has_focus(select(x, value, "==") & earlier).named("instance_before")
    return SequenceMap("x and not y", x == value, before).named("first_instance")


def mark_last_instance(x: SOp, value: Hashable) -> SOp:
    """True at the last position that holds `value`, False elsewhere: for "l", `"hello"` is True at 3. Source: RASP."""
    after = has_focus(select(x, value, "==") & later).named("instance_after")
    return SequenceMap("x and not y", x == value, after).named("last_instance")


def select_from_first(x: SOp, value: Hashable) -> Selector:
    """Every query looks at the first position that holds `value`, at nothing if there is none. Source: RASP."""
    return select(mark_first_instance(x, value), True, "==").named("from_first")


def select_from_last(x: SOp, value: Hashable) -> Selector:
    """Every query looks at the last position that holds `value`, at nothing if there is none. Source: RASP."""
    return select(mark_last_instance(x, value), True, "==").named("from_last")


def select_next_identical(x: SOp = tokens) -> Selector:
    """Every query looks at the next position that holds the same value, at nothing if there is none. Source: RASP."""
    copies = earlier_same(x)
    return (select(x, x, "==") & select(copies, copies, "key == query + 1")).named("to_next_identical")


def next_identical(x: SOp = tokens) -> SOp:
    """Index of the next position that holds the same value, absent where none follows: `"abab"` gives 2, 3, -, -."""
    return aggregate(select(x, x, "==") & later, indices, reduce="min").named("next_identical")


def deduplicate(x: SOp = tokens) -> SOp:
    """The value where it occurs for the first time, absent at its repetitions: `"hello"` gives h, e, l, -, o."""
    return SequenceMap("x if y else None", x, is_first_occurrence(x)).named("deduplicate")


def unique(x: SOp = tokens) -> SOp:
    """The different values in the order they came, at the front, the rest absent: `"hello"` gives h, e, l, o, -."""
    first = select(is_first_occurrence(x), True, "==").named("firsts")
    place = selector_width(first & earlier).named("place")
    return aggregate(select(place, indices, "==") & first, x).named("unique")
