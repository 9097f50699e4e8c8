"""Sums of products: a vector of the trace times a column of a weight, plus a bias."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .facts import Made, Terms, number, single
from .place import Place


@dataclass(frozen=True)
class Column:
    """What a vector is multiplied by to give one number.

    Args:
        values: `(n,)`.
        name: of the weight, or None.
        before, after: the index along the weight's axes on either side of the vector's.
        bias: added, or None.
        bias_name, bias_index: where the bias stands.
    """

    values: Tensor
    name: str | None
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    bias: float | None = None
    bias_name: str | None = None
    bias_index: tuple[int, ...] | None = None


def vector_times_column(
    place: Place,
    title: str,
    formula: str,
    sources: list[str],
    at: dict[str, int],
    column: Column,
    factor: float = 1.0,
) -> Made:
    """`factor * (sum of x_i * column_i) + bias`; the vector is the first of some names that gives what was captured.

    Args:
        place: the number.
        title, formula: of it.
        sources: names that the vector may be, the likeliest first.
        at: index of the vector, all but its last axis.
        column: the weight.
        factor: of the products.
    """
    captured = [name for name in sources if place.has(name)]
    if not captured:
        missing = sources[0] if sources else "what it reads"
        return Made(title, formula, why=f"{missing} is not in this trace, so its terms can't be listed")
    found = [_product(place, title, formula, name, at, column, factor) for name in captured]
    seen = place.number(place.entry.name, **place.index)
    return next((m for m in found if m.value is not None and place.agrees(m.value, seen, m.size)), found[0])


def _product(
    place: Place, title: str, formula: str, name: str, at: dict[str, int], column: Column, factor: float
) -> Made:
    x, label, start = place.read(name, **at), place.label(name), tuple(at.values())
    weights = column.values.detach().double().cpu() * factor
    terms = [
        Terms(
            lambda i: label((*start, i)),
            x,
            name,
            lambda i: (*start, i),
            weights,
            factor_name=column.name if factor == 1 else None,
            factor_index=lambda i: (*column.before, i, *column.after),
        )
    ]
    if column.bias is not None:
        terms.append(single("bias", column.bias, column.bias_name, column.bias_index))
    short = name.removeprefix(f"{place.entry.block.name}.") if place.entry.block else name
    made = Made(title, formula.replace("{x}", short), terms=tuple(terms))
    return Made(title, made.formula, f"{{sum}} = {number(made.total)}", made.total, made.terms)


def scaled(text: str, factor: float) -> str:
    """A text behind its factor, which is left out where it is 1."""
    return text if factor == 1 else f"{number(factor)} × {text}"
