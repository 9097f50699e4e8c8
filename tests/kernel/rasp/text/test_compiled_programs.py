"""The paper's programs as transformers in float32, against plain Python."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from attrium_kernel.rasp import compile, forecast
from attrium_kernel.rasp.text import program

from .inputs import every
from .test_programs import CASES

# Inputs, and the fewest layers that are possible with one layer per selection (Weiss et al. 2021, "Thinking Like
# Transformers", for the programs that are there).
SMALL: dict[str, tuple[str, Callable[[], Iterator[str]], int]] = {
    "hist_nobos": ("abc", lambda: every("abc", 5), 1),
    "hist_bos": ("§abc", lambda: every("abc", 5, "§"), 1),
    "hist2_bos": ("§abc", lambda: every("abc", 5, "§"), 2),
    "reverse": ("abc", lambda: every("abc", 5), 2),
    "sort_bos": ("§abc", lambda: every("abc", 5, "§"), 2),
    "sort_by_most_freq": ("abc", lambda: every("abc", 5), 3),
    "dyck1_ptf": ("()x", lambda: every("()x", 6), 2),
    "dyck2_ptf": ("(){}x", lambda: every("(){}x", 4), 4),
    "dyck3_ptf": ("(){}[]", lambda: every("(){}[]", 4), 4),
    "long_addition": ("0189+", lambda: _sums("0189", 2), 5),
    "rover": ("abcd<?,", lambda: _questions(300), 6),
}


def _sums(digits: str, longest: int) -> Iterator[str]:
    for first in every(digits, longest):
        yield from (f"{first}+{second}" for second in every(digits, longest))


def _questions(count: int) -> Iterator[str]:
    rng = random.Random(0)
    for _ in range(count):
        facts = [f"{rng.choice('abcd')}<{rng.choice('abcd')}" for _ in range(rng.randrange(5))]
        yield ",".join([*facts, f"{rng.choice('abcd')}?{rng.choice('abcd')}"])


@pytest.mark.parametrize("name", CASES)
def test_a_compiled_program_agrees_with_plain_python_on_all_short_inputs(name: str) -> None:
    vocabulary, inputs, _ = SMALL[name]
    expected, _ = CASES[name]
    given = list(inputs())
    compiled = compile(program(name)[name], tuple(vocabulary), max(map(len, given)))
    found = compiled.decode_batch(given)
    assert [xs for xs, ys in zip(given, found, strict=True) if ys != expected(xs)] == []


def _long(name: str, rng: random.Random) -> str:
    vocabulary = SMALL[name][0]
    if name == "long_addition":
        return "".join(rng.choices("0189", k=20)) + "+" + "".join(rng.choices("0189", k=29))
    if name == "rover":
        return ",".join(f"{rng.choice('abcd')}<{rng.choice('abcd')}" for _ in range(5)) + ",a?d"
    if name.endswith("_bos"):
        return "§" + "".join(rng.choices(vocabulary[1:], k=49))
    if name.startswith("dyck"):
        openers = vocabulary[:6:2] if name != "dyck2_ptf" else "({"
        pairs = {"(": ")", "{": "}", "[": "]"}
        nested = [rng.choice([x for x in openers if x in pairs]) for _ in range(rng.randrange(20))]
        return "".join(nested + [pairs[x] for x in reversed(nested)] + rng.choices(vocabulary, k=5))
    return "".join(rng.choices(vocabulary, k=50))


@pytest.mark.parametrize("name", CASES)
def test_a_compiled_program_agrees_on_long_inputs(name: str) -> None:
    rng = random.Random(1)
    expected, _ = CASES[name]
    given = [_long(name, rng) for _ in range(30)]
    compiled = compile(program(name)[name], tuple(SMALL[name][0]), max(map(len, given)))
    found = compiled.decode_batch(given)
    assert [xs for xs, ys in zip(given, found, strict=True) if ys != expected(xs)] == []


@pytest.mark.parametrize("name", CASES)
def test_a_compiled_program_has_as_few_layers_as_its_selections(name: str) -> None:
    vocabulary, _, layers = SMALL[name]
    assert forecast(program(name)[name], tuple(vocabulary), 8).layers == layers
