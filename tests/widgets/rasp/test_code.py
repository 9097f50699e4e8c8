"""Programs as code, and code as programs: Python and RASP text, and what is wrong with it at which line."""

from __future__ import annotations

import sys

import pytest

from attrium.graph.problems import line_of, problem
from attrium.graph.python_code import functions, to_python
from attrium.graph.running_code import CodeError, from_python, from_text
from attrium_kernel.rasp import CompileError, Map, Program, aggregate, indices, select, selector_width, tokens
from attrium_kernel.rasp.library import PROGRAMS
from attrium_kernel.rasp.text import TextError
from attrium_kernel.running import Cancelled


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_code_of_a_program_makes_it_again_with_all_labels(name):
    program = Program(PROGRAMS[name].build(6))
    again = from_python(to_python(program), own=functions(program)).program
    assert again.same_as(program)
    assert again.labels == program.labels


def test_python_functions_are_named_in_the_code_and_shown_beside_it():
    offset = {"a": 1}

    def score(x):
        return offset.get(x, 0)

    program = Program(Map(score, tokens).named("score"))
    code = to_python(program)
    assert "score = Elementwise(f_score, tokens)  # score" in code
    again = from_python(code, own=functions(program)).program
    assert again.output("aba") == [1, 0, 1]
    with pytest.raises(CodeError, match="NameError: name 'f_score' is not defined"):
        from_python(code)


def test_names_that_are_no_variables_are_kept():
    program = Program(selector_width(select(tokens, tokens, "==").named("same as")).named("class"))
    again = from_python(to_python(program)).program
    assert again.labels == ("tokens", "same as", "class")


def test_variables_name_what_they_hold_and_the_last_line_is_the_output():
    made = from_python("same = select(tokens, tokens, '==')\nselector_width(same) * 2").program
    assert made.labels == ("tokens", "same", "selector_width_1", "map_1")
    assert made.output("aab") == [4, 4, 2]
    assert from_python("x = tokens == 'a'\ny = indices\nz = 3").program.output is indices


def test_the_readers_own_names_are_there_and_are_not_changed():
    mine = select(tokens, tokens, "==")
    made = from_python("n = selector_width(mine)", own={"mine": mine}).program
    assert made.output("aab") == [2, 2, 1] and mine.name is None


@pytest.mark.parametrize(
    ("code", "line", "words"),
    [
        ("x = tokens\ny = (1", 2, "never closed"),
        ("x = tokens\n\ny = nothing", 3, "NameError: name 'nothing' is not defined"),
        ("def f(x):\n    return 1 / 0\n\nf(tokens)", 2, "ZeroDivisionError"),
        ("x = tokens\naggregate(x, x)", 2, "aggregate was given tokens as its selector"),
        ("x = 1\ny = 2", 2, "makes no program"),
        ("", 0, "makes no program"),
    ],
)
def test_errors_of_python_have_the_line(code, line, words):
    with pytest.raises(CodeError, match=words) as caught:
        from_python(code)
    assert caught.value.line == line
    assert problem(caught.value)["line"] == line


def test_a_loop_without_end_can_be_stopped():
    calls = []

    def check():
        calls.append(1)
        if len(calls) > 100:
            raise Cancelled("enough")

    before = sys.gettrace()
    with pytest.raises(Cancelled):
        from_python("while True:\n    pass", check)
    assert sys.gettrace() is before


def test_errors_of_rasp_text_have_line_and_column():
    with pytest.raises(TextError) as caught:
        from_text("same = select(tokens, tokens, ==);\nhist = selector_width(sam);")
    assert problem(caught.value) == {
        "message": "'sam' is not defined; did you mean 'same'?", "line": 2, "column": 23, "node": "",
    }  # fmt: skip


def test_a_node_at_fault_has_the_line_that_names_it():
    code = "n = 1\nfirst = aggregate(s, tokens)\nx = f(first == 2)\nlast = tokens.named('the end')\n"
    assert [line_of(name, code) for name in ("first", "the end", "n", "missing", "")] == [2, 4, 1, 0, 0]
    error = CompileError("it can be absent", "first")
    assert problem(error, code) == {"message": "it can be absent", "line": 2, "column": 0, "node": "first"}
    assert problem(None) is None


def test_reductions_defaults_and_encodings_are_in_the_code():
    before = select(indices, indices, "<")
    for x in (
        aggregate(before, tokens, 7), aggregate(before, tokens, reduce="max"), aggregate(before, indices, reduce="sum"),
        (tokens + 1).encoded("numerical"), aggregate(before | ~before, tokens),
    ):  # fmt: skip
        assert from_python(to_python(Program(x))).program.same_as(x)
