"""Programs that count: how often, how many, what share."""

from __future__ import annotations

from collections.abc import Hashable

from ..expressions import Map, SOp, aggregate, full, numerical, select, selector_width, tokens
from .occurrences import is_first_occurrence
from .positions import so_far


def histogram(x: SOp = tokens) -> SOp:
    """How often the value at this position occurs: `"hello"` gives 1, 1, 2, 2, 1.

    Present everywhere. Source: Weiss et al. 2021, section 3; Tracr, `make_hist`.
    """
    return selector_width(select(x, x, "==").named("same")).named("hist")


def double_histogram(x: SOp = tokens) -> SOp:
    """How many different values occur as often as the one at this position: `"abbc"` gives 2, 1, 1, 2.

    Present everywhere. Source: Weiss et al. 2021, section 3 (hist2).
    """
    hist = histogram(x)
    alike = select(hist, hist, "==") & select(is_first_occurrence(x), True, "==")
    return selector_width(alike).named("hist2")


def count(x: SOp, value: Hashable) -> SOp:
    """How often `value` occurs in the whole input: `count(tokens, "a")` of `"banana"` gives 3 everywhere.

    Source: Tracr, `make_count`; RASP's `count`.
    """
    return selector_width(select(x, value, "==")).named(f"count_{value}")


def count_less_freq(n: int, x: SOp = tokens) -> SOp:
    """How many positions hold a value that occurs at most `n` times: for n = 1, `"hello"` gives 3 everywhere.

    Source: Tracr, `make_count_less_freq`.
    """
    hist = histogram(x)
    return selector_width(select(hist, n, "<=")).named("count_less_freq")


def distinct_count(x: SOp = tokens) -> SOp:
    """How many different values the input has: `"hello"` gives 4 everywhere."""
    return selector_width(select(is_first_occurrence(x), True, "==")).named("distinct_count")


def frac_prevs(condition: SOp) -> SOp:
    """The share of true values up to and including this position, a number; the same with a causal mask.

    `frac_prevs(tokens == "x")` of `"xax"` gives 1, 1/2, 2/3. Source: Tracr, `make_frac_prevs`.
    """
    return numerical(aggregate(so_far, numerical(condition), 0)).named("frac_prevs")


def average(x: SOp) -> SOp:
    """The mean of all values, a number: 1, 2, 6 gives 3 everywhere. Source: RASP's `average`."""
    return numerical(aggregate(full, x)).named("average")


def majority(x: SOp, value: Hashable) -> SOp:
    """Whether more than half of the positions hold `value`, everywhere: for "a", `"aab"` gives True, `"ab"` False."""
    lead = aggregate(full, Map(f"1 if x == {value!r} else -1", x), reduce="sum").named("lead")
    return (lead > 0).named("majority")


def parity(x: SOp, value: Hashable) -> SOp:
    """Whether `value` occurs an odd number of times, as 0 or 1, everywhere: for "1", `"1101"` gives 1.

    A transformer counts up to its greatest length only; there it is exact.
    """
    return (count(x, value) % 2).named("parity")


def modular_sum(x: SOp, modulus: int) -> SOp:
    """The sum of all values (whole numbers) modulo `modulus`, everywhere: 1, 2, 2 modulo 3 gives 2."""
    total = aggregate(full, x, reduce="sum").named("total")
    return (total % modulus).named("modular_sum")
