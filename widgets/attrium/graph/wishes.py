"""What is wished to be on show, and how it is settled: programs, vocabulary, input."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from attrium_kernel.rasp import EvaluationError, RaspError, run
from attrium_kernel.rasp.expressions import Value

from .given import Given, with_vocabulary
from .inputs import SHORTEST, draw, fitted, read_tokens, read_vocabulary, spelled
from .side import Side, make_side

LONGEST, MOST_DRAWS = 8, 50
"""Of the random input to begin with: its length, and how many are tried."""
Check = Callable[[], None]
Source = Callable[[Check], Given]
"""Makes a program, such as by running its code; called in the worker, with what ends it."""


def ready(given: Given) -> Source:
    """A program that is there."""
    return lambda check: given


@dataclass(frozen=True, eq=False)
class Wish:
    """What the reader or Python wants next.

    Attributes:
        sources: one or two programs.
        changed: which of them is new; its vocabulary and sample count.
        vocabulary: values of inputs; None for those that the new program came with.
        adopt: take the new program's vocabulary if `vocabulary` lacks some of it.
        max_length, causal, keep: how to compile; `causal` None for as the new program is meant.
        tokens: the input; None for the new program's sample, or what is on show.
        before: the input on show.
        places: where to go.
    """

    sources: tuple[Source, ...]
    changed: int
    vocabulary: Sequence[Value] | None
    max_length: int
    causal: bool | None
    keep: Any
    tokens: Any = None
    before: Sequence[Value] = ()
    adopt: bool = False
    places: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Settled:
    """A wish with everything known, ready to be compiled."""

    givens: tuple[Given, ...]
    vocabulary: tuple[Value, ...]
    max_length: int
    causal: bool
    keep: Any
    tokens: tuple[Value, ...]
    places: Mapping[str, Any]

    def sides(self, check: Check = lambda: None) -> tuple[Side, ...]:
        """The programs, compiled."""
        made = []
        for given in self.givens:
            check()
            made.append(make_side(given, self.vocabulary, self.max_length, self.causal, self.keep))
        return tuple(made)


def settle(wish: Wish, check: Check = lambda: None) -> Settled:
    """Make the programs of a wish, and choose what it leaves open.

    Raises:
        RaspError, CodeError: a program cannot be made, or the input does not fit.
    """
    if type(wish.max_length) is not int or wish.max_length < 1:
        raise RaspError(f"max_length={wish.max_length!r}; pass a whole number of at least 1")
    givens = tuple(source(check) for source in wish.sources)
    new = givens[wish.changed]
    vocabulary = _vocabulary(wish, new)
    causal = bool(new.causal) if wish.causal is None else wish.causal
    tokens = _tokens(wish, new, vocabulary)
    return Settled(givens, vocabulary, wish.max_length, causal, wish.keep, tuple(tokens), wish.places)


def _vocabulary(wish: Wish, new: Given) -> tuple[Value, ...]:
    if wish.vocabulary is not None:
        if not isinstance(wish.vocabulary, Iterable):
            raise RaspError(f"vocabulary={wish.vocabulary!r}; pass the values of inputs, such as 'abc' or [1, 2, 3]")
        lacks = wish.adopt and new.vocabulary is not None and not set(new.vocabulary) <= set(wish.vocabulary)
        found = read_vocabulary(new.vocabulary if lacks and new.vocabulary else wish.vocabulary)
    else:
        found = with_vocabulary(new, wish.tokens, wish.max_length).vocabulary or ()
    if not spelled(found):
        raise RaspError("the vocabulary is empty; pass the values that an input is made of")
    return found


def _tokens(wish: Wish, new: Given, vocabulary: Sequence[Value]) -> list[Value]:
    """The input wished for; else the first that fits of the sample, what is on show, and a random one."""
    if wish.tokens is not None:
        return read_tokens(wish.tokens, vocabulary, wish.max_length)
    for tokens in (new.sample if wish.vocabulary is None or wish.adopt else None, wish.before, new.sample):
        found = fitted(tokens, vocabulary, wish.max_length) if tokens else None
        if found is not None:
            return found
    return _drawn(new, vocabulary, wish.max_length)


def _drawn(new: Given, vocabulary: Sequence[Value], max_length: int) -> list[Value]:
    """A random input, one that the program has a value on if that is found."""
    draws, program = random.Random(0), new.make(max_length)
    tokens: list[Value] = [vocabulary[0]]
    for _ in range(MOST_DRAWS):
        tokens = draw(draws, vocabulary, min(max_length, LONGEST), new.accepts, SHORTEST) or tokens
        try:
            run(program, tokens, causal=bool(new.causal))
        except EvaluationError:
            continue
        break
    return tokens
