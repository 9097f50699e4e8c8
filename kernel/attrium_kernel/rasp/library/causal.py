"""Programs in the style of RASP-L: meant for a causal mask, where every selector sees only what came so far.

Evaluate and compile them with `causal=True`. Without the mask they say the same of the whole input.

Source: Zhou et al. 2023, "What Algorithms can Transformers Learn?" (arXiv 2310.16028), listings of the RASP-L library.
"""

from __future__ import annotations

from collections.abc import Hashable

from ..expressions import SOp, Value, aggregate, full, indices, select, selector_width, tokens
from .counting import histogram
from .occurrences import has_focus
from .shifting import index_select, shift_by


def shift_right(x: SOp, n: int, default: Value = 0) -> SOp:
    """The value `n` positions before, `default` at the start: by 1, `"abc"` gives 0, a, b."""
    return shift_by(n, x, default).named("shift_right")


def cumsum(condition: SOp) -> SOp:
    """How often a condition held so far: `cumsum(tokens == "a")` of `"abaa"` gives 1, 1, 2, 3."""
    return selector_width(select(condition, True, "==")).named("cumsum")


def num_prev(x: SOp, queries: SOp | Value) -> SOp:
    """How often the query's value occurred in `x` so far: `num_prev(tokens, tokens)` of `"aba"` gives 1, 1, 2."""
    return selector_width(select(x, queries, "==")).named("num_prev")


def has_seen(x: SOp, queries: SOp | Value) -> SOp:
    """Whether the query's value occurred in `x` so far: for the query "b", `"abc"` gives False, True, True."""
    return has_focus(select(x, queries, "==")).named("has_seen")


def firsts(x: SOp, queries: SOp | Value, default: Value = -1) -> SOp:
    """Index of the first occurrence of the query's value in `x`, `default` if it was not seen.

    `firsts(tokens, tokens)` of `"aba"` gives 0, 1, 0.
    """
    return aggregate(select(x, queries, "=="), indices, default, reduce="min").named("firsts")


def lasts(x: SOp, queries: SOp | Value, default: Value = -1) -> SOp:
    """Index of the last occurrence of the query's value in `x` so far, `default` if it was not seen.

    For the query "a", `"bab"` gives -1, 1, 1.
    """
    return aggregate(select(x, queries, "=="), indices, default, reduce="max").named("lasts")


def first_true(condition: SOp, default: Value = -1) -> SOp:
    """Index of the first position where a condition held, `default` before: -1, 1, 1 for False, True, True."""
    return firsts(condition, True, default).named("first_true")


def maximum(x: SOp = tokens) -> SOp:
    """The largest number so far: 1, 3, 2 gives 1, 3, 3."""
    return aggregate(full, x, reduce="max").named("maximum")


def minimum(x: SOp = tokens) -> SOp:
    """The smallest number so far: 3, 1, 2 gives 3, 1, 1."""
    return aggregate(full, x, reduce="min").named("minimum")


def argmax(x: SOp = tokens) -> SOp:
    """Index of the largest number so far, of several the first: 1, 3, 3 gives 0, 1, 1."""
    return firsts(x, maximum(x)).named("argmax")


def argmin(x: SOp = tokens) -> SOp:
    """Index of the smallest number so far, of several the first: 3, 1, 2 gives 0, 1, 1."""
    return firsts(x, minimum(x)).named("argmin")


def mode(x: SOp = tokens) -> SOp:
    """The most frequent value so far; of several the one that came to that number first: `"abba"` gives a, a, b, b.

    Under a causal mask the count at a position is that of the prefix up to it, so a value's top count stands where it
    occurred last.
    """
    hist = histogram(x)
    return index_select(x, firsts(hist, maximum(hist))).named("mode")


def induct(x: SOp = tokens, default: Value = None) -> SOp:
    """What followed the first earlier occurrence of this value, `default` if there is none: `"abcab"` gives -,-,-,b,c.

    Only pairs that are complete count: both the earlier occurrence and what followed it must have been seen.
    """
    previous = shift_by(1, x, NOTHING).named("previous")
    return index_select(x, firsts(previous, x), default).named("induct")


def induction(x: SOp = tokens, default: Value = None) -> SOp:
    """What followed the latest earlier occurrence of this value: an induction head. `"abacab"` gives -,-,b,-,c,a.

    A previous-token head, then a head that looks where the previous token is mine. Source: Olsson et al. 2022,
    "In-context Learning and Induction Heads".
    """
    previous = shift_by(1, x, NOTHING).named("previous")
    return index_select(x, lasts(previous, x), default).named("induction")


def next_is(x: SOp, value: Hashable) -> SOp:
    """Whether `induction` predicts `value` next; False where it predicts nothing."""
    return (induction(x, NOTHING) == value).named("next_is")


NOTHING = ""  # stands before the first token: equal to no token, and comparable, which an absent value is not
