"""Programs that sort: a head counts how many come before each value in the order, a second one puts it there."""

from __future__ import annotations

from ..expressions import Selector, SOp, aggregate, indices, length, select, selector_width, tokens
from .counting import histogram
from .occurrences import has_focus, is_first_occurrence
from .positions import earlier


def _before(keys: SOp, falling: bool) -> Selector:
    """Which positions come before the query in the order of the keys, equal keys in the order they came."""
    return (select(keys, keys, ">" if falling else "<") | (select(keys, keys, "==") & earlier)).named("before")


def rank(keys: SOp = tokens, *, falling: bool = False) -> SOp:
    """The place of each value in sorted order, from 0; equal values in the order they came: 3, 1, 1 gives 2, 0, 1."""
    return selector_width(_before(keys, falling)).named("rank")


def sort_unique(values: SOp = tokens, keys: SOp = tokens) -> SOp:
    """Values in rising order of their keys, which must be distinct: 3, 1, 2 gives 1, 2, 3.

    Where two keys are equal a place stays empty (absent), and another is taken twice. Source: Tracr,
    `make_sort_unique`.
    """
    place = selector_width(select(keys, keys, "<").named("smaller")).named("target_position")
    return aggregate(select(place, indices, "==").named("to_place"), values).named("sort_unique")


def sort(values: SOp = tokens, keys: SOp | None = None, *, falling: bool = False) -> SOp:
    """Values in the order of their keys (of themselves if none are given), equal keys in the order they came.

    `"cabb"` gives a, b, b, c. Present everywhere. Sources: Weiss et al. 2021; Tracr, `make_sort`, which makes keys
    distinct by a fraction of the index; here a selector with a second condition does, so that keys may be any values.
    """
    place = rank(values if keys is None else keys, falling=falling)
    return aggregate(select(place, indices, "==").named("to_place"), values).named("sort")


def sort_by_frequency(x: SOp = tokens) -> SOp:
    """All values, the most frequent ones first, equal frequencies in the order they came: `"abbc"` gives b, b, a, c.

    Source: Tracr, `make_sort_freq`.
    """
    return sort(x, histogram(x), falling=True).named("sort_by_frequency")


def most_frequent_first(x: SOp = tokens) -> SOp:
    """The different values by falling frequency, at the front, the rest absent: `"abbc"` gives b, a, c, -.

    Ties in the order they came. Source: Weiss et al. 2021 (sort_by_most_freq, where BOS fills the rest).
    """
    firsts = select(is_first_occurrence(x), True, "==").named("firsts")
    place = selector_width(_before(histogram(x), falling=True) & firsts).named("place")
    return aggregate(select(place, indices, "==") & firsts, x).named("most_frequent_first")


def most_frequent(x: SOp = tokens) -> SOp:
    """The most frequent value, everywhere; of several the one that comes first: `"abbca"` gives a."""
    return aggregate(select(rank(histogram(x), falling=True), 0, "=="), x).named("most_frequent")


def median(x: SOp = tokens) -> SOp:
    """The middle value in sorted order, everywhere; of two middle ones the lower: 5, 1, 3, 2 gives 2."""
    middle = ((length - 1) // 2).named("middle")
    return aggregate(select(rank(x), middle, "=="), x).named("median")


def is_sorted(x: SOp = tokens) -> SOp:
    """Whether no value is smaller than one before it, True or False everywhere: 1, 1, 2 gives True, 2, 1 False."""
    too_small = has_focus(select(x, x, ">") & earlier).named("too_small")
    return (~has_focus(select(too_small, True, "=="))).named("is_sorted")
