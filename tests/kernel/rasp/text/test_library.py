"""The library against plain Python on all short inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from attrium_kernel.rasp import SelectorWidth, length
from attrium_kernel.rasp.text import load

from .inputs import every

NUMBERS = "set example [2, 0, 1]; "


def reference_next(xs: str) -> list[int]:
    return [next((j for j in range(i + 1, len(xs)) if xs[j] == x), -1) for i, x in enumerate(xs)]


CASES: dict[str, tuple[str, Callable[[str], list[Any]]]] = {
    "length": ("length", lambda xs: [len(xs)] * len(xs)),
    "selector_width": ("selector_width(select(tokens, tokens, >=))", lambda xs: [sum(y >= x for y in xs) for x in xs]),
    "selector_width of a text with a marker": (
        "selector_width(select(tokens, tokens, ==), assume_bos=True)", lambda xs: [xs[1:].count(x) for x in xs]),
    "full_s": ("selector_width(full_s)", lambda xs: [len(xs)] * len(xs)),
    "has_focus": ('has_focus(select(tokens, "a", ==) and select(indices, indices, <))',
                  lambda xs: ["a" in xs[:i] for i in range(len(xs))]),
    "count": ('count(tokens, "b")', lambda xs: [xs.count("b")] * len(xs)),
    "contains": ('contains(tokens, "b")', lambda xs: ["b" in xs] * len(xs)),
    "average": ('average(indicator(tokens == "a"))', lambda xs: [xs.count("a") / len(xs)] * len(xs)),
    "max": ("max(tokens)", lambda xs: [max(xs)] * len(xs)),
    "min": ("min(tokens)", lambda xs: [min(xs)] * len(xs)),
    "load_from_location": ("load_from_location(tokens, length - 1)", lambda xs: [xs[-1]] * len(xs)),
    "load_from_location by an s-op": ("load_from_location(tokens, indices - 2)",
                                      lambda xs: [xs[i - 2] if i > 1 else 0 for i in range(len(xs))]),
    "shift right": ('shift(tokens, 1, "-")', lambda xs: ["-", *xs[:-1]]),
    "shift left": ('shift(tokens, -2, "-")', lambda xs: [*xs[2:], "-", "-"][: len(xs)]),
    "shift without a default": ("shift(indices + 1, 1)", lambda xs: list(range(len(xs)))),
    "mark_first_instance": ('mark_first_instance(tokens, "a")', lambda xs: [i == xs.find("a") for i in range(len(xs))]),
    "mark_last_instance": ('mark_last_instance(tokens, "a")', lambda xs: [i == xs.rfind("a") for i in range(len(xs))]),
    "select_from_first": (
        'aggregate(select_from_first(tokens, "b"), indices, -1)', lambda xs: [xs.find("b")] * len(xs)),
    "select_from_last": (
        'aggregate(select_from_last(tokens, "b"), indices, -1)', lambda xs: [xs.rfind("b")] * len(xs)),
    "sort": ("sort(tokens, tokens)", lambda xs: sorted(xs)),
    "sort keeps the order": ("sort(indices, tokens)", lambda xs: sorted(range(len(xs)), key=xs.__getitem__)),
    "sort downwards": ("sort(indices, -indices)", lambda xs: list(range(len(xs)))[::-1]),
    "select_next_identical": ("aggregate(select_next_identical(tokens), indices, -1)", reference_next),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_library_function_agrees_with_plain_python(name: str) -> None:
    text, expected = CASES[name]
    x = load(f"x = {text};")["x"]
    for xs in every("abc", 5):
        assert x(xs) == expected(xs), xs


def test_numbers_are_ordered_as_numbers() -> None:
    module = load(NUMBERS + "a = max(tokens); b = min(tokens); c = sort(tokens, tokens);")
    assert [module[name]([9, 10, -1]) for name in "abc"] == [[10] * 3, [-1] * 3, [-1, 9, 10]]


def test_length_and_selector_width_are_nodes_of_the_graph() -> None:
    module = load("a = length; b = selector_width(select(tokens, tokens, ==));")
    assert isinstance(module["a"], SelectorWidth) and isinstance(module["b"], SelectorWidth)
    assert module["a"].selector is length.selector


def test_private_names_of_the_library_stay_private() -> None:
    with pytest.raises(ValueError, match="'_before_by' is not defined"):
        load("x = _before_by(tokens);")


def test_an_error_in_the_library_is_shown_where_it_is_called() -> None:
    with pytest.raises(ValueError, match="line 2, column 5: in shift: '-' was given") as caught:
        load("a = 1;\nb = shift(tokens, full_s);")
    assert "b = shift(tokens, full_s);\n" in str(caught.value)
