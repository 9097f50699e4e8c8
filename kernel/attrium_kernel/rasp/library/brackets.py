"""Programs about brackets: depth, balance, and the Dyck languages.

P/T/F programs say of every prefix whether it is a word of the language (T), can still become one (P), or cannot (F).
`pairs` are opening and closing brackets, such as `("()", "{}")`; other tokens are allowed and count for nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import reduce
from operator import or_

from ..errors import RaspError
from ..expressions import Map, SequenceMap, SOp, aggregate, numerical, select, tokens
from .occurrences import has_focus
from .positions import here, is_last, so_far

Pairs = Sequence[Sequence[Hashable]]


def pair_balance(x: SOp, open_: Hashable, close: Hashable) -> SOp:
    """The share of opening minus the share of closing brackets so far, a number: `"(()"` gives 1, 1, 1/3.

    The mean of 1, -1 and 0, in one head. Source: Tracr, `make_pair_balance`.
    """
    return numerical(aggregate(so_far, numerical(step(x, ((open_, close),))), 0)).named("balance")


def step(x: SOp, pairs: Pairs) -> SOp:
    """1 at an opening bracket, -1 at a closing one, 0 at any other token."""
    opens, closes = _sides(pairs)
    return Map(f"(x in {opens!r}) - (x in {closes!r})", x).named("step")


def depth(x: SOp = tokens, pairs: Pairs = ("()",)) -> SOp:
    """How many brackets are open after this position, of all kinds together: `"(())"` gives 1, 2, 1, 0.

    Negative where more were closed than opened.
    """
    return aggregate(so_far, step(x, pairs), reduce="sum").named("depth")


def shuffle_dyck(x: SOp = tokens, pairs: Pairs = ("()",)) -> SOp:
    """Whether brackets of each kind are balanced for themselves, True or False everywhere: `"({)}"` gives True.

    A kind is wrong if it is overdrawn anywhere, or open at the last position; a head per kind looks for such a place.
    Source: Tracr, `make_shuffle_dyck`.
    """
    _sides(pairs)
    places = [SequenceMap("x < 0 or (y and x != 0)", depth(x, (pair,)), is_last) for pair in pairs]
    wrong = [has_focus(select(place.named("wrong_here"), True, "==")).named("is_wrong") for place in places]
    return (~reduce(or_, wrong)).named("shuffle_dyck")


def dyck1_ptf(x: SOp = tokens, pair: Sequence[Hashable] = "()") -> SOp:
    """P, T or F for every prefix, one kind of bracket: `"())"` gives P, T, F. Source: Weiss et al. 2021, section 5."""
    level = depth(x, (pair,))
    return _verdict(level < 0, level).named("dyck1_ptf")


def dyck_ptf(x: SOp = tokens, pairs: Pairs = ("()", "{}")) -> SOp:
    """P, T or F for every prefix, several kinds of brackets: `"({)"` gives P, P, F.

    A bracket and its partner share a level: the depth after the one, and before the other. On one level, opening and
    closing brackets take turns, so the first wrong one is where, of its kind and on its level, more were closed than
    opened so far: one head adds them up. Source of the task: Weiss et al. 2021, section 5 (dyckk_ptf), which finds the
    partner of every closing bracket and needs a layer more.
    """
    return _verdict(_is_wrong(x, pairs), depth(x, pairs)).named("dyck_ptf")


def is_dyck(x: SOp = tokens, pairs: Pairs = ("()", "{}")) -> SOp:
    """Whether all brackets are closed by their own kind in the right order, everywhere: `"({})"` gives True."""
    wrong = has_focus(select(_is_wrong(x, pairs), True, "==")).named("any_wrong")
    open_ = has_focus(select(is_last, True, "==") & select(depth(x, pairs), 0, "!=")).named("open_at_end")
    return SequenceMap("not (x or y)", wrong, open_).named("is_dyck")


def _is_wrong(x: SOp, pairs: Pairs) -> SOp:
    """True at the first bracket that breaks the rules; what it is after that does not matter."""
    _, closes = _sides(pairs)
    kinds = {bracket: kind for kind, pair in enumerate(pairs) for bracket in pair}
    kind = Map(f"{kinds!r}[x] if x in {tuple(kinds)!r} else -1", x).named("kind")
    level = (depth(x, pairs) + Map(f"x in {closes!r}", x)).named("level")
    mine = select(level, level, "==") & select(kind, kind, "==") & so_far
    return (aggregate(mine, step(x, pairs), reduce="sum").named("left") < 0).named("is_wrong")


def _verdict(is_wrong: SOp, depth_: SOp) -> SOp:
    """F after the first wrong position, else T at depth 0 and P elsewhere.

    Whether brackets are open comes through a head of its own, so that the last table is one of two answers, not one of
    all depths.
    """
    wrong = has_focus(select(is_wrong, True, "==") & so_far).named("was_wrong")
    is_open = aggregate(here, depth_ != 0).named("is_open")
    return SequenceMap("'F' if x else 'P' if y else 'T'", wrong, is_open)


def _sides(pairs: Pairs) -> tuple[tuple[Hashable, ...], tuple[Hashable, ...]]:
    if not len(pairs) or any(len(pair) != 2 for pair in pairs):
        raise RaspError(f"pairs is {pairs!r}; pass one or more pairs of an opening and a closing bracket, as ('()',)")
    return tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
