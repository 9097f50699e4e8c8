"""A program of the library together with what one needs to run it: a vocabulary, a sample, which inputs it is for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..expressions import SOp, Value

Family = Literal["tracr", "rasp", "rasp-l", "attrium"]


def any_input(xs: Sequence[Value]) -> bool:
    """Accepts every input."""
    return True


@dataclass(frozen=True)
class Example:
    """A program that can be built, evaluated and compiled as it stands.

    Attributes:
        name: its key in `PROGRAMS`.
        make: builds it, for inputs of up to so many tokens (most programs do not depend on it).
        vocabulary: the tokens of its inputs, a small set.
        sample: an input that shows what it does.
        family: where it comes from: "tracr", "rasp" (the paper), "rasp-l", or "attrium" (our own).
        doc: what it computes, in a line.
        causal: whether it is meant to be evaluated and compiled with a causal mask.
        prefix: whether every position depends on those up to it only, so that a causal mask changes nothing.
        numerical: whether its values are numbers in the residual stream, to be compared with a tolerance.
        accepts: whether an input is one that it is for.
    """

    name: str
    make: Callable[[int], SOp]
    vocabulary: tuple[Value, ...]
    sample: tuple[Value, ...]
    family: Family
    doc: str
    causal: bool = False
    prefix: bool = False
    numerical: bool = False
    accepts: Callable[[Sequence[Value]], bool] = any_input

    def build(self, max_length: int = 10) -> SOp:
        """The program, for inputs of up to `max_length` tokens, named as the example is."""
        return self.make(max_length).named(self.name)
