"""How RASP counts with means: the first position weighs one, and its share tells how many others are selected.

`selector_width` of the language is counted by one head of the compiled model. These are the original derivations, for
reading and for comparing; the shares of n tokens are many numbers, so they are for short inputs.
Source: Weiss et al. 2021, section 3.
"""

from __future__ import annotations

from ..expressions import Elementwise, Map, Selector, SequenceMap, SOp, Value, aggregate, indices, select, tokens


def histogram_with_bos(x: SOp = tokens, bos: Value = "§") -> SOp:
    """How often the value here occurs, in inputs that begin with a BOS of their own, which counts for nothing.

    `"§hello"` gives 0, 1, 1, 2, 2, 1. Source: Weiss et al. 2021 (hist_bos).
    """
    return _others(select(x, x, f"key == query or key == {bos!r}").named("same_or_bos")).named("hist_bos")


def histogram_by_share(x: SOp = tokens) -> SOp:
    """How often the value here occurs, without a BOS: `"hello"` gives 1, 1, 2, 2, 1. Source: the same (hist_nobos).

    The others that are the same are counted by the share of the first position, and a second head tells whether that
    one is the same as well.
    """
    marked = SequenceMap("x if y else ()", x, indices).named("marked")
    others = _others(select(marked, x, "key == query or key == ()").named("same_or_first"))
    first_is_same = aggregate(select(x, x, "==") & select(indices, 0, "=="), 1, 0).named("first_is_same")
    return Elementwise("x + y", others, first_is_same).named("hist_nobos")


def _others(with_first: Selector) -> SOp:
    """How many positions besides the first a selector has, if it always has the first."""
    share = aggregate(with_first, Map("int(x == 0)", indices)).named("share_of_first")
    return Map("round(1 / x) - 1 if x > 0 else 0", share).named("others")
