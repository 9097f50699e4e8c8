"""Programs that calculate with digits and letters."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from ..errors import RaspError
from ..expressions import Map, SequenceMap, SOp, aggregate, indices, select, tokens
from .arguments import whole
from .occurrences import has_focus
from .positions import later, remaining


def addition(x: SOp = tokens, base: int = 10) -> SOp:
    """The sum of two numbers, digit by digit: `"95+17"` gives 0, 0, 1, 1, 2.

    The input is digits, a plus sign, digits (none stand for 0); without a plus sign the number stays as it is. The
    output is written right-aligned over the whole input, with zeros in front, as text digits; there is always room.

    Four layers: find the plus sign and one's own place; fetch the digits and add them; find the nearest column to the
    right that stops a carry (its sum is not base - 1); ask it whether it carries.
    Source of the idea: RASP's `long_addition`, five layers.

    Raises:
        RaspError: the base is not 2 to 10.
    """
    whole(base, "base", 2, 10)
    plus = aggregate(select(x, "+", "=="), indices, -1, reduce="max").named("plus")
    digit = Map("0 if x == '+' else int(x)", x).named("digit")
    upper = aggregate(select(indices, (plus - remaining - 1).named("upper_place"), "=="), digit, 0).named("upper")
    is_lower = (~has_focus(select(x, "+", "==") & select(indices, indices, ">="))).named("is_lower")
    lower = SequenceMap("x if y else 0", digit, is_lower).named("lower")
    column = (upper + lower).named("column")
    stops = select((column != base - 1).named("stops"), True, "==")
    stop = aggregate(stops & later, indices, -1, reduce="min").named("stop")
    carry = aggregate(select(indices, stop, "=="), (column >= base).named("carries"), False).named("carry")
    return SequenceMap(f"str((x + y) % {base})", column, carry).named("addition")


def digit_sum(x: SOp = tokens, modulus: int = 9) -> SOp:
    """The sum of digits written as text, modulo `modulus`, everywhere: `"729"` gives 0."""
    total = aggregate(select(0, 0, "true"), Map("int(x)", x).named("digit"), reduce="sum").named("total")
    return (total % modulus).named("digit_sum")


def caesar(alphabet: Sequence[Hashable], by: int, x: SOp = tokens) -> SOp:
    """Every letter replaced by the one `by` places on in the alphabet: by 1 in a to z, `"az"` gives b, a.

    Around the end of the alphabet; what is not in it stays. A function of one node, which costs no layer.
    """
    if not len(alphabet):
        raise RaspError("the alphabet is empty; pass at least one letter")
    letters = list(alphabet)
    table = {letter: letters[(i + by) % len(letters)] for i, letter in enumerate(letters)}
    return Map(f"{table!r}[x] if x in {tuple(table)!r} else x", x).named("caesar")
