"""What made a number, as data: its operands, the formula with symbols and with the true numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

WRITTEN = 3
"""Terms that a worked formula writes out; it adds up the others."""


@dataclass(frozen=True)
class Operand:
    """One number that another was made from.

    Args:
        label: for a reader, `"ln1.out[3, 17]"`.
        name: a name of the trace, or a weight as `"weights/W_Q/3"`; None for a constant or what has no name.
        index: along the axes of `name`, without the example.
        value: of the operand.
        factor: what it is multiplied by in its term; None for 1, or where it is no factor of a product.
        term: what it adds to the sum in the formula; None for an operand that is no summand (a scale, an angle).
        factor_name, factor_index: where the factor stands, as `name` and `index`.
    """

    label: str
    name: str | None
    index: tuple[int, ...] | None
    value: float
    factor: float | None = None
    term: float | None = None
    factor_name: str | None = None
    factor_index: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Rest:
    """Summands that are not listed.

    Args:
        count: how many.
        sum: what their terms add up to.
    """

    count: int
    sum: float


@dataclass(frozen=True)
class Origin:
    """What made one number of a trace.

    Args:
        name: of the activation.
        index: along `axes`.
        axes: of the activation, without the example.
        shape: lengths of the axes.
        value: as it was captured.
        recomputed: as the formula gives it from the captured operands; None without a formula.
        title: in words.
        formula: with symbols; empty without one.
        worked: with the true numbers, shortened to the largest terms; or why there is none.
        operands: summands first, the largest terms leading (of a softmax, the key's own before them), then what is no
            summand.
        rest: summands that are not among the operands, or None.
    """

    name: str
    index: tuple[int, ...]
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    value: float
    recomputed: float | None
    title: str
    formula: str
    worked: str
    operands: tuple[Operand, ...]
    rest: Rest | None


@dataclass(frozen=True)
class Terms:
    """Summands of one kind.

    Args:
        label: of the i-th.
        values: `(n,)`.
        name: where all of them stand, or None.
        index: of the i-th, along the axes of `name`.
        factors: `(n,)` what each is multiplied by, or None.
        adds: `(n,)` what each adds to the sum, where that is not `values * factors`.
        factor_name, factor_index: where the factors stand.
        write: of one summand in the worked formula; None writes the product.
        first: the number of the summand that the number asked about is made from most directly; it leads the list.
    """

    label: Callable[[int], str]
    values: Tensor
    name: str | None = None
    index: Callable[[int], tuple[int, ...]] | None = None
    factors: Tensor | None = None
    adds: Tensor | None = None
    factor_name: str | None = None
    factor_index: Callable[[int], tuple[int, ...]] | None = None
    write: Callable[[Operand], str] | None = None
    first: int | None = None

    @property
    def sizes(self) -> Tensor:
        """`(n,)` what each adds to the sum."""
        if self.adds is not None:
            return self.adds
        return self.values if self.factors is None else self.values * self.factors

    def operand(self, i: int) -> Operand:
        """The i-th."""
        return Operand(
            self.label(i),
            self.name,
            None if self.name is None or self.index is None else self.index(i),
            float(self.values[i]),
            None if self.factors is None else float(self.factors[i]),
            float(self.sizes[i]),
            self.factor_name,
            None if self.factor_name is None or self.factor_index is None else self.factor_index(i),
        )

    def written(self, operand: Operand) -> str:
        """A summand in the worked formula."""
        if self.write is not None:
            return self.write(operand)
        if operand.factor is None:
            return number(operand.value)
        return f"{number(operand.value)} × {signed(operand.factor)}"


@dataclass(frozen=True)
class Made:
    """How a number is made, before it is shortened.

    Args:
        title: in words.
        formula: with symbols.
        worked: with numbers; `{sum}` stands for the sum of the terms.
        value: what comes out; None where that can't be said, and `why` says why.
        terms: the summands.
        others: operands that are no summands.
        why: there is no value.
    """

    title: str
    formula: str = ""
    worked: str = "{sum}"
    value: float | None = None
    terms: tuple[Terms, ...] = ()
    others: tuple[Operand, ...] = ()
    why: str = ""

    @property
    def total(self) -> float:
        """Sum of all terms."""
        return sum(float(part.sizes.sum()) for part in self.terms)

    @property
    def size(self) -> float:
        """Size of the terms, for how much rounding may change: root of the sum of squares."""
        return math.sqrt(sum(float(part.sizes.square().sum()) for part in self.terms))

    def shortened(self, count: int) -> tuple[tuple[Operand, ...], Rest | None, str]:
        """The largest summands and all other operands, the rest, and the worked formula."""
        order = [(part, i) for part in self.terms for i in range(len(part.values))]
        sizes = torch.cat([part.sizes for part in self.terms]) if self.terms else torch.zeros(0)
        ranks = sizes.abs().nan_to_num(torch.inf)
        for n, (part, i) in enumerate(order):
            if part.first == i:
                ranks[n] = torch.inf
        few = len(order) <= WRITTEN  # these stay as the formula has them
        chosen = list(range(len(order))) if few else ranks.argsort(descending=True, stable=True).tolist()
        listed = [(order[i][0], order[i][0].operand(order[i][1])) for i in chosen[:count]]
        left = chosen[count:]
        rest = Rest(len(left), float(sizes[left].sum())) if left else None
        operands = tuple(operand for _, operand in listed) + self.others
        return operands, rest, self._worked(listed[:WRITTEN], [float(sizes[i]) for i in chosen[WRITTEN:]])

    def _worked(self, listed: list[tuple[Terms, Operand]], left: list[float]) -> str:
        written = [part.written(operand) for part, operand in listed]
        if left:
            more = f"{len(left)} more: {number(sum(left))}"
            written.append(f"({more})")
        return self.worked.replace("{sum}", summed(written) or "0")


def number(value: float) -> str:
    """Four digits, with the true minus sign."""
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")


def plus(value: float) -> str:
    """A number that is added: " + 0.5", " − 0.5"."""
    return f" − {number(-value)}" if value < 0 else f" + {number(value)}"


def summed(written: Sequence[str]) -> str:
    """Summands in a row; the sign of one that begins with a minus becomes that of the operation."""
    later = [f" − {text[1:]}" if text.startswith("\N{MINUS SIGN}") else f" + {text}" for text in written[1:]]
    return "".join([*written[:1], *later])


def signed(value: float) -> str:
    """A number behind a sign of operation: negative ones in brackets."""
    return f"({number(value)})" if value < 0 else number(value)


def single(
    label: str,
    value: float,
    name: str | None = None,
    index: tuple[int, ...] | None = None,
    factor: float | None = None,
) -> Terms:
    """A summand that stands alone."""
    return Terms(
        lambda i: label,
        torch.tensor([value], dtype=torch.float64),
        name,
        None if index is None else lambda i: index,
        None if factor is None else torch.tensor([factor], dtype=torch.float64),
    )
