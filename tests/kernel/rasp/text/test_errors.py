"""What is wrong is said with its line, its column and a mark under it."""

from __future__ import annotations

import time

import pytest

from attrium_kernel.rasp import RaspError
from attrium_kernel.rasp.text import TextError, load, parse

# A text with a mark ! before the place of the error, and words of the message.
CASES = [
    ("x = !foo;", "'foo' is not defined"),
    ("x = !lenght;", "did you mean 'length'?"),
    ("a = 1!\nb = 2;", "expected ';' after the statement, found 'b'"),
    ("a = 1!", "expected ';' after the statement, found the end of the text"),
    ('x = !"abc;', "the string has no end on its line"),
    (r'x = "a!\q";', "is no escape"),
    ("x = (1 + !;", "expected a value, found ';'"),
    ("x = (1!;", "expected ')' to close the bracket"),
    ("x = [1, 2!;", "expected ']' to close the list"),
    ("x = {1: 2!;", "expected '}' to close the dict"),
    ("x = {1!};", "expected ':' between a key and its value"),
    ("x = f(1!;", "expected ')' after the arguments"),
    ("x = tokens[1!;", "expected ']' after the index"),
    ("x = 1 if 2!;", "expected 'else'"),
    ("x = 1 < 2 !< 3;", "write 'a < b and b < c'"),
    ("x = tokens !& 3;", "write and, or, not"),
    ("x = !@;", "starts no name, number, string or sign"),
    ("x = !==;", "expected a value, found '=='"),
    ("x = 1" + "1" * 50 + " + !" + "2" * 200 + ";", "a number of 200 characters"),
    ("x = !1e999;", "too large for a float"),
    ("!return 3;", "return stands outside a function"),
    ("!}", "'}' closes nothing"),
    ("def f() !{", "'{' is never closed"),
    ("def f(a, !a) { }", "the parameter 'a' stands twice"),
    ("def f(a = 1, !b) { }", "'b' has no default"),
    ("f(a=1, !2);", "without a name follows one with a name"),
    ("load !x;", "expected the name of a text in quotes"),
    ('!load "x";', "there is no text 'x' to load"),
    ("!set nothing 3;", "cannot set 'nothing'"),
    ("set selector !nothing 3;", "expected 'example'"),
    ("!set example 3;", "expected a string or a list"),
    ("x = 3; x(1) != 2;", "only names are assigned to"),
    ("!a, b = 1;", "2 names are given 1 (a number)"),
    ("!a, b = 1, 2, 3;", "2 names are given 3 values"),
    ("!for i in 3 { }", "for goes through 3 (a number)"),
    ("for i in !range(100000) { }", "at most 10,000"),
    ("draw(!full_s);", "draw was given a selector"),
    ("x = !sort(tokens);", "sort(sequence, key) was not given key"),
    ("x = !len(1, 2);", "len(x) was given 2 arguments; it takes 1"),
    ("x = !len(y=2);", "len(x) has no argument 'y'"),
    ("x = !len(1, x=2);", "was given 'x' twice"),
    ("x = !select(tokens, tokens, 3);", "expected == != < <= > or >="),
    ("x = !select(full_s, tokens, ==);", "expected s-ops or plain values as keys"),
    ("x = !aggregate(tokens, tokens);", "expected a selector"),
    ("x = !aggregate(full_s, full_s);", "expected an s-op"),
    ("x = !aggregate(full_s, indices, [1]);", "its default"),
    ("x = !selector_width(tokens);", "expected a selector"),
    ("x = !round(\"a\");", "round was given 'a' (a string)"),
    ("x = !indicator(1);", "expected True, False"),
    ("x = !len(tokens);", "is the s-op length"),
    ("x = !zip(1, 2);", "zip goes through 1"),
    ("x = tokens !and full_s;", "expected two s-ops or two selectors"),
    ("x = full_s !+ 1;", "'+' was given a selector"),
    ("x = tokens !+ [1];", "expected s-ops and plain values"),
    ("x = 1 !+ \"a\";", "expected two numbers"),
    ("x = 1 !/ 0;", "division by zero"),
    ("x = 9 !^ 9 ^ 9;", "more than 100000 bits"),
    ("x = 1 !in 3;", "looked for in 3 (a number)"),
    ("x = [1, 2]![5];", "the index is 5, but there are 2 items"),
    ("x = {1: 2}![3];", "3 (a number) is no key of the dict; its keys are 1"),
    ("x = {![1]: 2};", "a dict's key is a list"),
    ("x = tokens![indices];", "load_from_location"),
    ("x = 3![tokens];", "3 (a number) is indexed by an s-op"),
    ("x = !3(1);", "3 (a number) is called"),
    ("x = !tokens(3);", "expected one input"),
    ("x = !tokens(\"\");", "the input is empty"),
    ("x = 1 !if full_s else 2;", "the condition is a selector"),
    ("x = [y for y in [1] if !full_s];", "the condition is a selector"),
    ("x = !-\"a\";", "'-' was given 'a'"),
    ("def f(x) {\n  return !y;\n}\nz = f(1);", "'y' is not defined (in f, called on line 4)"),
    ("def f(x) { return !f(x); } y = f(1);", "does it call itself?"),
    ("x = " + "(" * 60 + "!(" + "(" * 300 + "1;", "nested more than 60 deep"),
    # found by trying the value on the example
    ("a = 1;\nx = tokens !+ a;", "on the example 'hello', x, position 0: x + 1 of 'h' raised TypeError"),
    ("x = tokens !== 1;", "'==' is between a string and a number"),
    ("x = !select(tokens, indices, <);", "raised TypeError"),
    ("x = !select(tokens, 1, ==);", "'==' is between a string and a number"),
    ("x = 1 + !count(tokens, 1);", "'==' is between a string and a number"),
    ("x = !aggregate(full_s, tokens);", "5 positions are selected and not all of their values are numbers"),
    ("x = 1 !/ indices;", "position 0: 1 / x of 0 raised ZeroDivisionError"),
    ("def f(x) {\n  return x !+ 1;\n}\nz = f(tokens);", "raised TypeError"),
    ('set example "ab"; x = {"a": 1}![tokens];', "on the example 'ab', x, position 1"),
    ("set example [1]; x = tokens !== \"a\";", "'==' is between a number and a string on the example [1]"),
    ("set selector example [1]; x = !select(tokens, \"a\", ==);", "on the example [1]"),
]  # fmt: skip


@pytest.mark.parametrize(("marked", "words"), CASES, ids=[marked[:40] for marked, _ in CASES])
def test_an_error_says_what_and_where(marked: str, words: str) -> None:
    at = marked.index("!")
    text = marked[:at] + marked[at + 1 :]
    with pytest.raises(TextError) as caught:
        load(text)
    error = caught.value
    assert words in str(error)
    before = text[:at].split("\n")
    assert (error.line, error.column) == (len(before), len(before[-1]) + 1)
    assert error.text == text.split("\n")[error.line - 1]
    assert str(error).startswith(f"line {error.line}, column {error.column}: ")


def test_the_mark_stands_under_the_place() -> None:
    with pytest.raises(TextError) as caught:
        load("a = 1;\n\tx = a + foo; # more")
    *_, line, mark = str(caught.value).split("\n")
    assert line == "    \tx = a + foo; # more"
    assert mark == "    \t        ^"


def test_of_a_long_line_the_part_around_the_place_is_shown() -> None:
    with pytest.raises(TextError) as caught:
        load("x = " + "1 + " * 1000 + "foo" + " + 1" * 1000 + ";")
    *_, line, mark = str(caught.value).split("\n")
    assert len(line) < 120
    assert line[mark.index("^") :].startswith("foo")


def test_a_name_for_the_text_stands_in_front() -> None:
    with pytest.raises(TextError, match=r"^mine\.rasp, line 1, column 5: "):
        parse("x = ;", path="mine.rasp")


def test_a_text_error_is_an_error_of_rasp() -> None:
    assert issubclass(TextError, RaspError)


def test_without_an_example_of_its_own_a_text_may_read_numbers_and_look_up() -> None:
    module = load('a = tokens_int + 1; b = {"x": 1}[tokens]; c = [4, 5][indices];')
    assert module["a"]("12") == [2, 3]
    assert module["b"]("xx") == [1, 1]


def test_numbers_are_fine_on_an_example_of_numbers() -> None:
    assert load("x = tokens == 1;", example=[1, 2])["x"]([1, 2]) == [True, False]
    assert load("set example [1, 2]; x = count(tokens, 1) + tokens;")["x"]([1, 1]) == [3, 3]


@pytest.mark.parametrize(
    "text",
    [
        "for i in range(10000) { for j in range(10000) { x = 1; } }",
        'x = "a"; for i in range(100) { x = x + x; }',
        "x = [1]; for i in range(100) { x = x + x; }",
        "x = 3; for i in range(100) { x = x * x; }",
        "x = 3; for i in range(100) { x = x ^ 1000; }",
        "x = [[j for j in range(10000)] for i in range(10000)];",
        "def f(x) { return f(x) + f(x); } y = f(1);",
        "def a(x) { return x; } " * 100 + "x = " + "a(" * 200 + "1" + ")" * 200 + ";",
        "x = " + "not " * 5000 + "True;",
        "x = " + "-" * 5000 + "1;",
        "x = tokens" + "[0]" * 5000 + ";",
        "x = " + "[" * 5000,
        "x = " + "1 if 1 else " * 5000 + "1;",
        "x = " + "2 ^ " * 5000 + "1;",
        "def f() {" * 500,
    ],
)
def test_no_text_runs_without_end_or_fills_the_memory(text: str) -> None:
    start = time.perf_counter()
    with pytest.raises(TextError):
        load(text)
    assert time.perf_counter() - start < 20
