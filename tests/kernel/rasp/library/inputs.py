"""Inputs of a program of the library: all short ones, and random long ones."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product
from typing import Any

from attrium_kernel.rasp.library import Example

MANY = 1_600  # about so many tokens' worth of inputs of the greatest length tried: all of 3 letters up to length 6


def short_inputs(example: Example) -> Iterator[tuple[Any, ...]]:
    """All inputs that the program is for, up to length 6, or to what is some thousand of them."""
    for length in range(1, 7):
        if length > 2 and len(example.vocabulary) ** length > MANY:
            return
        yield from filter(example.accepts, product(example.vocabulary, repeat=length))


def long_inputs(example: Example, length: int, count: int, seed: int) -> list[tuple[Any, ...]]:
    """Random inputs of one length that the program is for."""
    rng = random.Random(f"{example.name} {length} {seed}")
    found = []
    for _ in range(count):
        xs = rng.choices(example.vocabulary, k=length)
        if "+" in example.vocabulary:  # one plus sign, anywhere
            digits = [x for x in example.vocabulary if x != "+"]
            xs = rng.choices(digits, k=length)
            xs[rng.randrange(length)] = "+"
        elif "§" in example.vocabulary:  # a BOS, in front only
            xs = ["§", *rng.choices([x for x in example.vocabulary if x != "§"], k=length - 1)]
        elif "(" in example.vocabulary and rng.random() < 0.7:  # random brackets are wrong at once; nest some well
            xs = nested(example.vocabulary, length, rng)
        elif example.name == "sort_unique":
            xs = rng.sample(example.vocabulary, k=len(example.vocabulary))
        found.append(tuple(xs))
    return found


def extreme_inputs(example: Example, length: int) -> list[tuple[Any, ...]]:
    """Inputs that stretch counts and distances: one token throughout, all in turn, all sorted, carries all the way."""
    vocabulary, half = example.vocabulary, length // 2
    found = [(x,) * length for x in vocabulary]
    found += [tuple(vocabulary[i % len(vocabulary)] for i in range(length))]
    found += [tuple(vocabulary[i * len(vocabulary) // length] for i in range(length))]
    if "(" in vocabulary:
        found += [("(",) * half + (")",) * half, ("(", ")") * half, (")",) * half + ("(",) * half]
    if "+" in vocabulary:
        top = max(x for x in vocabulary if x != "+")
        found += [(*top * (length - 3), "+", "0", "1"), (*top * half, "+")]
        found += [("0", *top * (half - 2), "+", *"0" * (half - 2), "1")]
    if "§" in vocabulary:
        found += [("§", *xs[1:]) for xs in found if "§" not in xs[1:]]
    return [xs for xs in found if example.accepts(xs)]


def nested(vocabulary: tuple[Any, ...], length: int, rng: random.Random) -> list[Any]:
    """Brackets that are closed in the right order, with one token changed now and then."""
    partner = {a: b for a, b in ("()", "{}", "[]") if a in vocabulary}
    xs: list[Any] = []
    open_: list[str] = []
    while len(xs) + len(open_) < length:
        if open_ and rng.random() < 0.5:
            xs.append(partner[open_.pop()])
        elif len(xs) + len(open_) + 2 <= length:
            open_.append(rng.choice(list(partner)))
            xs.append(open_[-1])
        else:
            xs.append("a" if "a" in vocabulary else rng.choice(vocabulary))
    xs += [partner[one] for one in reversed(open_)]
    if rng.random() < 0.5:
        xs[rng.randrange(length)] = rng.choice(vocabulary)
    return xs
