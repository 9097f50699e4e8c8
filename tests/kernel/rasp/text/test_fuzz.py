"""Damaged texts are refused with a place in them, or mean something; nothing else ever comes out."""

from __future__ import annotations

import random

import pytest

from attrium_kernel.rasp.text import PROGRAMS, TextError, load, program_text

from .test_errors import CASES
from .test_expressions import ELEMENTWISE, PLAIN, SELECTORS

MODULES = {name: program_text(name) for name in PROGRAMS}
TEXTS = [
    *MODULES.values(),
    *(f"x = {text};" for text in (*ELEMENTWISE, *PLAIN, *SELECTORS)),
    *(marked.replace("!", "", 1) for marked, _ in CASES),
]
PIECES = [
    *"()[]{}<>=,;:+-*/%^#\"'!_ \n", "==", "not ", " and ", " or ", " in ", " if ", " else ", "for ", "def f(x) { ",
    "return ", "tokens", "indices", "full_s", "length", "select(", "aggregate(", "sort(", "1", "0", "2.5", "True",
    '"a"', "[1, 2]", "{1: 2}", "x", "draw(", "load ", "set example ", "tokens[0]", "zip(", "range(", "shift(",
    "é", "\t", "\\",
]  # fmt: skip


def damaged(rng: random.Random) -> str:
    """A text with a few pieces put in, taken out, or exchanged."""
    text = rng.choice(TEXTS)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(text) + 1)
        cut = rng.choice((0, 0, 1, 1, 2, 8))
        text = text[:at] + rng.choice(("", rng.choice(PIECES))) + text[at + cut :]
    return text


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_text_is_refused_with_a_place_in_it_or_loaded(seed: int) -> None:
    rng = random.Random(seed)
    errors: list[tuple[str, TextError]] = []
    for _ in range(150):
        text = damaged(rng)
        try:
            load(text, modules=MODULES)
        except TextError as error:
            errors.append((text if error.path is None else MODULES[error.path], error))
    assert 20 < len(errors) < 149
    for text, error in errors:
        lines = text.split("\n")
        assert 1 <= error.line <= len(lines), text
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1, text
        assert len(str(error)) < 2000, text
