"""Values as the interactive language prints them."""

from __future__ import annotations

from typing import Any

import pytest

from attrium_kernel.rasp.text import load, show

PRINTED = {
    "indices": "[0, 1, 2, 3, 4] (ints)",
    "tokens": "[h, e, l, l, o] (strings)",
    "length": "[5]*5 (ints)",
    "1 / length": "[0.2]*5 (floats)",
    "indices / 3": "[0.0, 0.333, 0.667, 1.0, 1.333] (floats)",
    'tokens == "l"': "[F, F, T, T, F] (bools)",
    '"l" in tokens': "[T]*5 (bools)",
    "selector_width(select(tokens, tokens, ==))": "[1, 1, 2, 2, 1] (ints)",
    "tokens if indices > 1 else 0": "[0, 0, l, l, o] (mixed)",
    "1 + 1": "2",
    "True": "T",
    '"a"': "'a'",
    'tokens("ab")': "[a, b] (strings)",
    "[[1], [2]]": "[[1], [2]]",
}


@pytest.mark.parametrize("text", PRINTED)
def test_a_value_is_printed_on_the_example(text: str) -> None:
    assert show(load(f"x = {text};")["x"]) == PRINTED[text]


def test_another_input_can_be_shown() -> None:
    assert show(load("x = indices;")["x"], "a") == "[0] (ints)"


def test_a_selector_is_a_matrix_with_keys_on_top_and_queries_at_the_side() -> None:
    expected = [
        "    h e l l o",
        "h |   1",
        "e |",
        "l | 1 1",
        "l | 1 1",
        "o | 1 1 1 1",
    ]
    assert show(load("x = select(tokens, tokens, <);")["x"]).split("\n") == expected


def test_wide_tokens_keep_the_columns_apart() -> None:
    value: Any = load("x = select(tokens, tokens, ==);")["x"]
    assert show(value, [10, 5]).split("\n") == ["     10  5", "10 |  1", " 5 |     1"]
