"""Every kind of expression against plain Python, position by position, on all short inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from attrium_kernel.rasp import Constant, Program, Selector
from attrium_kernel.rasp.text import load

from .inputs import every

At = Callable[[str, int], Any]  # the value at a position of an input

ELEMENTWISE: dict[str, At] = {
    "tokens": lambda xs, i: xs[i],
    "tokens_asis": lambda xs, i: xs[i],
    "tokens_str": lambda xs, i: xs[i],
    "indices": lambda xs, i: i,
    "length": lambda xs, i: len(xs),
    "indices + 2": lambda xs, i: i + 2,
    "indices + length": lambda xs, i: i + len(xs),
    "2 - indices": lambda xs, i: 2 - i,
    "indices - -2": lambda xs, i: i + 2,
    "indices * length": lambda xs, i: i * len(xs),
    "indices / length": lambda xs, i: i / len(xs),
    "(indices + 1) % 2": lambda xs, i: (i + 1) % 2,
    "indices ^ 2": lambda xs, i: i**2,
    "2 ^ indices": lambda xs, i: 2**i,
    "-indices": lambda xs, i: -i,
    "+indices": lambda xs, i: i,
    "-indices ^ 2": lambda xs, i: -(i**2),
    "2 ^ 3 ^ 2 + indices": lambda xs, i: 512 + i,
    "1 - 2 - indices": lambda xs, i: -1 - i,
    "1 + indices * 2": lambda xs, i: 1 + i * 2,
    "8 / 2 / 2 + indices": lambda xs, i: 2.0 + i,
    "tokens + tokens": lambda xs, i: xs[i] * 2,
    'tokens + "x"': lambda xs, i: xs[i] + "x",
    'tokens == "a"': lambda xs, i: xs[i] == "a",
    'tokens != "a"': lambda xs, i: xs[i] != "a",
    '"b" > tokens': lambda xs, i: xs[i] < "b",
    "indices < 2": lambda xs, i: i < 2,
    "indices <= 2": lambda xs, i: i <= 2,
    "indices > length - 2": lambda xs, i: i > len(xs) - 2,
    "indices >= 2": lambda xs, i: i >= 2,
    'not tokens == "a"': lambda xs, i: xs[i] != "a",
    'tokens == "a" and indices > 1': lambda xs, i: xs[i] == "a" and i > 1,
    'tokens == "a" or indices > 1': lambda xs, i: xs[i] == "a" or i > 1,
    'tokens == "a" or tokens == "b" and indices > 1': lambda xs, i: xs[i] == "a" or (xs[i] == "b" and i > 1),
    'True and tokens == "a"': lambda xs, i: xs[i] == "a",
    'False or tokens == "a"': lambda xs, i: xs[i] == "a",
    'tokens == "a" and False': lambda xs, i: False,
    "round(indices / 2)": lambda xs, i: round(i / 2),
    'indicator(tokens == "a")': lambda xs, i: int(xs[i] == "a"),
    'indices if tokens == "a" else -1': lambda xs, i: i if xs[i] == "a" else -1,
    '"T" if tokens == "a" else tokens': lambda xs, i: "T" if xs[i] == "a" else xs[i],
    '1 if tokens == "a" else 2 if tokens == "b" else 3': lambda xs, i: {"a": 1, "b": 2}.get(xs[i], 3),
    "indices if True else tokens": lambda xs, i: i,
    "[5, 6, 7, 8, 9][indices]": lambda xs, i: 5 + i,
    '{"a": 1, "b": -2, "c": 3}[tokens]': lambda xs, i: {"a": 1, "b": -2, "c": 3}[xs[i]],
    '"vwxyz"[indices]': lambda xs, i: "vwxyz"[i],
    "[tokens, indices][indices % 2]": lambda xs, i: (xs[i], i)[i % 2],
    '{"a": indices, "b": length, "c": 0}[tokens]': lambda xs, i: {"a": i, "b": len(xs), "c": 0}[xs[i]],
    'tokens in ["a", "c"]': lambda xs, i: xs[i] in "ac",
    'tokens not in ["a", "c"]': lambda xs, i: xs[i] not in "ac",
    'tokens in "ac"': lambda xs, i: xs[i] in "ac",
    'tokens in {"a": 1}': lambda xs, i: xs[i] == "a",
    "2 in [indices, length]": lambda xs, i: 2 in (i, len(xs)),
    "indices in [length - 1, 0]": lambda xs, i: i in (0, len(xs) - 1),
    '"a" in tokens': lambda xs, i: "a" in xs,
    '"a" not in tokens': lambda xs, i: "a" not in xs,
    "indices + 2 in indices": lambda xs, i: i + 2 < len(xs),
    "tokens[0]": lambda xs, i: xs[0],
    "tokens[-1]": lambda xs, i: xs[-1],
    "tokens[2]": lambda xs, i: xs[2] if len(xs) > 2 else 0,
    "tokens[-3]": lambda xs, i: xs[-3] if len(xs) > 2 else 0,
    "[tokens, indices][1]": lambda xs, i: i,
    "[s + 1 for s in [length, indices]][1]": lambda xs, i: i + 1,
    "aggregate(select(indices, 1, ==), tokens)": lambda xs, i: xs[1] if len(xs) > 1 else 0,
    'aggregate(select(tokens, "a", ==), indices, -1)': lambda xs, i: (
        sum(j for j, x in enumerate(xs) if x == "a") / xs.count("a") if "a" in xs else -1
    ),
    'aggregate(select(tokens, "a", ==), 1)': lambda xs, i: int("a" in xs),
    'aggregate(select(indices, indices - 1, ==), tokens, "-")': lambda xs, i: xs[i - 1] if i else "-",
    "aggregate(select(indices, indices - 1, ==), tokens, indices)": lambda xs, i: xs[i - 1] if i else i,
    'aggregate(x=tokens, default="-", selector=select(indices, 0, ==))': lambda xs, i: xs[0],
}


@pytest.mark.parametrize("text", ELEMENTWISE)
def test_an_expression_agrees_with_plain_python(text: str) -> None:
    x = load(f'set example "abcba"; x = {text};')["x"]
    for xs in every("abc", 4):
        assert x(xs) == [ELEMENTWISE[text](xs, i) for i in range(len(xs))], xs


@pytest.mark.parametrize("text", ELEMENTWISE)
def test_an_expression_can_be_saved_and_opened_again(text: str) -> None:
    mine = Program(load(f'set example "abcba"; x = {text};')["x"])
    assert Program.from_json(mine.to_json()).output("abca") == mine.output("abca")


SELECTORS: dict[str, Callable[[str, int, int], bool]] = {  # input, query position, key position
    "select(tokens, tokens, ==)": lambda xs, q, k: xs[k] == xs[q],
    "select(tokens, tokens, !=)": lambda xs, q, k: xs[k] != xs[q],
    "select(tokens, tokens, <)": lambda xs, q, k: xs[k] < xs[q],
    "select(tokens, tokens, <=)": lambda xs, q, k: xs[k] <= xs[q],
    "select(tokens, tokens, >)": lambda xs, q, k: xs[k] > xs[q],
    "select(tokens, tokens, >=)": lambda xs, q, k: xs[k] >= xs[q],
    'select(tokens, "a", ==)': lambda xs, q, k: xs[k] == "a",
    'select("a", tokens, ==)': lambda xs, q, k: xs[q] == "a",
    "select(indices, 1, <=)": lambda xs, q, k: k <= 1,
    "select(1, indices, <=)": lambda xs, q, k: q >= 1,
    "select(1, 1, ==)": lambda xs, q, k: True,
    "select(1, 2, ==)": lambda xs, q, k: False,
    "full_s": lambda xs, q, k: True,
    "not select(tokens, tokens, ==)": lambda xs, q, k: xs[k] != xs[q],
    "select(tokens, tokens, ==) and select(indices, indices, <)": lambda xs, q, k: xs[k] == xs[q] and k < q,
    "select(tokens, tokens, ==) or select(indices, indices, <)": lambda xs, q, k: xs[k] == xs[q] or k < q,
    "select(tokens, tokens, ==) and not select(indices, 0, ==) or select(1, indices, ==)": (
        lambda xs, q, k: (xs[k] == xs[q] and k != 0) or q == 1
    ),
}


@pytest.mark.parametrize("text", SELECTORS)
def test_a_selector_agrees_with_plain_python(text: str) -> None:
    x = load(f"x = {text};")["x"]
    assert isinstance(x, Selector)
    for xs in every("abc", 4):
        matrix = [[SELECTORS[text](xs, q, k) for k in range(len(xs))] for q in range(len(xs))]
        assert x(xs).tolist() == matrix, xs


PLAIN: dict[str, Any] = {
    "1 + 2 * 3 ^ 2 - 4 / 2": 17.0,
    "7 % 4": 3,
    "-7 % 4": 1,
    "-2 ^ 2": -4,
    "2 ^ -1": 0.5,
    "1.5e1 + .5 + 1.": 16.5,
    "\"a\" + 'b'": "ab",
    r'"a\n\t\"\\"': 'a\n\t"\\',
    '"a#b"': "a#b",
    "1 == 1 and not 1 == 2": True,
    '"a" < "b"': True,
    "1 < 2 or 1 / 0": True,
    "0 and 1 / 0": 0,
    "1 if 2 > 1 else 1 / 0": 1,
    "round(2.6) + indicator(True)": 4,
    "[1, 2] + [3]": [1, 2, 3],
    "[]": [],
    "{}": {},
    "[1, 2,][-1]": 2,
    '{"a": 1, 2: "b",}[2]': "b",
    '"hello"[1]': "e",
    "range(3)": [0, 1, 2],
    "range(1, 6, 2)": [1, 3, 5],
    "range(3, 0, -1)": [3, 2, 1],
    'zip([1, 2], [3, 4], "ab")': [[1, 3, "a"], [2, 4, "b"]],
    'len("abc") + len([1]) + len({1: 2})': 5,
    "[x ^ 2 for x in range(4)]": [0, 1, 4, 9],
    "[x for x in range(5) if x % 2 == 0]": [0, 2, 4],
    "[a + b for a, b in zip([1, 2], [3, 4])]": [4, 6],
    "[x for x in {1: 2, 3: 4}]": [1, 3],
    "{x: x + 1 for x in range(2)}": {0: 1, 1: 2},
    '{k: v for k, v in zip("ab", [1, 2]) if v > 1}': {"b": 2},
    "[[y for y in range(x)] for x in range(3)]": [[], [0], [0, 1]],
    "2 in [1, 2]": True,
    '"l" in "hello"': True,
    "3 not in {3: 4}": False,
    'tokens("ab")': ["a", "b"],
    "(indices + 1)([7, 8])": [1, 2],
    "tokens_str([1, 2])": ["1", "2"],
    "tokens_asis([1, 2])": [1, 2],
    'tokens_int("12")': [1, 2],
    'tokens_float(["1.5", 2])': [1.5, 2.0],
    'tokens_bool(["True", "T", "F", True, False])': [True, True, False, True, False],
    'select(tokens, tokens, <)("ab")': [[False, False], [True, False]],
    'len(tokens("abc"))': 3,
    "True": True,
}


@pytest.mark.parametrize("text", PLAIN)
def test_plain_values_are_worked_out_as_in_python(text: str) -> None:
    value = load(f"x = {text};")["x"]
    assert value == PLAIN[text]
    assert type(value) is type(PLAIN[text])


def test_one_s_op_used_twice_in_an_expression_is_one_input() -> None:
    x = load("a = indices + 1; x = a * a;")["x"]
    assert len(x.inputs) == 1
    assert x("abc") == [1, 4, 9]


def test_constants_are_written_into_functions() -> None:
    """So that `1 if c else 0` is a function of one s-op."""
    x = Program(load('x = 1 if tokens == "a" else 0;')["x"])
    assert not any(isinstance(node, Constant) for node in x)
    assert len(x) == 3


def test_a_sum_of_thousands_of_terms_is_read() -> None:
    x = load("x = " + " + ".join(["indices"] * 3000) + "; y = " + " + ".join(["1"] * 5000) + ";")
    assert x["x"]("ab") == [0, 3000]
    assert x["y"] == 5000
