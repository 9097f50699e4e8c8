"""Inputs of a program: from text, at random, and all of them in turn."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from attrium_kernel.rasp import RaspError
from attrium_kernel.rasp.expressions import Value
from attrium_kernel.rasp.vocabulary import Vocabulary

Accepts = Callable[[Sequence[Value]], bool]
MOST_TRIES = 200
"""Random inputs that are tried until one is accepted."""
SHORTEST = 4
"""Random inputs to look at are no shorter, where they may be longer."""


def spelled(vocabulary: Sequence[Value]) -> list[str]:
    """How each value of a vocabulary is written, all different."""
    return list(Vocabulary(vocabulary).spellings[2 : 2 + len(vocabulary)]) if vocabulary else []


def read_tokens(given: Any, vocabulary: Sequence[Value], max_length: int) -> list[Value]:
    """An input as values.

    Args:
        given: values; or how they are spelled, if all are texts; or a text, one token a character where all are spelled
            with one, else split at spaces.
        vocabulary: the values there are.
        max_length: most tokens.

    Raises:
        RaspError: a token is not in the vocabulary, or there are too many or none.
    """
    words = Vocabulary(vocabulary, max_length=max_length)
    if isinstance(given, str):
        given = list(given) if words.characters else given.split()
    by_text = dict(zip(spelled(vocabulary), vocabulary))
    read: list[Value] = list(given)
    if all(isinstance(item, str) for item in read):
        read = [by_text.get(item, item) for item in read]
    words.encode(read)
    return read


def write_tokens(tokens: Sequence[Value], vocabulary: Sequence[Value]) -> list[str]:
    """An input as it is spelled."""
    words = Vocabulary(vocabulary)
    return [words.spellings[i] for i in words.encode(tokens)[1:]]


def read_vocabulary(given: Any, before: Sequence[Value] = ()) -> tuple[Value, ...]:
    """The values of a vocabulary, each once.

    If all are texts, those that spell values of the present one are these, and those that spell numbers are numbers
    where the present ones are.
    """
    given = list(given)
    if all(isinstance(item, str) for item in given):
        known = dict(zip(spelled(before), before))
        numeric = bool(before) and all(isinstance(value, (int, float)) for value in before)
        given = [known[item] if item in known else _number(item) if numeric else item for item in given]
    return tuple(dict.fromkeys(given))


def _number(text: str) -> Value:
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        return value if math.isfinite(value) else text
    return text


def draw(
    draws: random.Random, vocabulary: Sequence[Value], max_length: int, accepts: Accepts, shortest: int = 1
) -> list[Value] | None:
    """A random input that is accepted; None if none was found."""
    shortest = min(shortest, max_length)
    for _ in range(MOST_TRIES):
        tokens = draws.choices(vocabulary, k=draws.randint(shortest, max_length))
        if accepts(tokens):
            return tokens
    return None


def in_turn(vocabulary: Sequence[Value], max_length: int, most: int) -> Iterator[list[Value]]:
    """All inputs, short ones first, as many as are wanted."""
    each = (list(x) for n in range(1, max_length + 1) for x in itertools.product(vocabulary, repeat=n))
    return itertools.islice(each, most)


def fitted(tokens: Sequence[Value], vocabulary: Sequence[Value], max_length: int) -> list[Value] | None:
    """As much of an input as a program takes; None if a token is not among its own."""
    try:
        return read_tokens(list(tokens)[:max_length], vocabulary, max_length)
    except RaspError:
        return None
