"""Tracr's 58 + 8 + 3 recorded programs: what they mean, and what their compiled models compute."""

from __future__ import annotations

import pytest

from attrium_kernel import rasp

from . import golden
from .agreement import all_inputs, compiles, disagreement, meaning, outputs, same_value, same_values

CASES, REJECTED, PADDING = golden.cases("cases"), golden.cases("rejected"), golden.cases("padding")
ROUNDING = 2e-6
"""Recorded numbers have six digits after the point."""


def test_the_file_is_whole():
    assert (len(CASES), len(REJECTED), len(PADDING)) == (58, 8, 3)
    assert sum(len(case.rows) for case in CASES) == 580


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_the_interpreter_gives_what_tracrs_gives(case):
    for given, expected in case.rows:
        found = rasp.evaluate(case.program, given, causal=case.causal)
        assert same_values(found, expected, ROUNDING), f"{given}: {found}, Tracr's {expected}"


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_every_node_has_the_value_that_tracr_recorded(case):
    for row in case.data["io"]:
        if "trace" not in row:
            continue
        found = rasp.run(case.program, golden.plain(row["input"]), causal=case.causal)
        for label, node in row["trace"].items():
            assert same_values(found[label], golden.plain(node["rasp"]), ROUNDING), label


@pytest.mark.parametrize("case", REJECTED, ids=repr)
def test_what_tracr_refuses_has_a_meaning(case):
    example = case.data["interpreter_example"]
    assert same_values(rasp.evaluate(case.program, example["input"]), golden.plain(example["rasp"]), ROUNDING)


@pytest.mark.parametrize("case", PADDING, ids=repr)
def test_padded_programs_mean_the_same_unpadded(case):
    for given, expected in case.rows:
        assert same_values(rasp.evaluate(case.program, given), expected, ROUNDING)


@pytest.mark.parametrize("case", CASES + REJECTED + PADDING, ids=repr)
def test_a_saved_program_is_the_same_program(case):
    again = rasp.Program.from_json(case.program.to_json())
    assert again.same_as(case.program)
    assert again.labels == case.program.labels


def test_a_wrong_value_would_be_noticed():
    assert not same_value(2, 2.01, ROUNDING)
    assert not same_value(None, 0) and not same_value("1", 1)
    assert same_value(True, 1) and same_value((1, "a"), (True, "a"))
    assert not same_values([1, 2], [1, 2, 3]) and not same_value((1, None), (1, 0))


# ---- compiled


def some_inputs(case, most=400):
    """All inputs of a case if there are few, else the recorded ones and an even share of the others."""
    inputs = list(all_inputs(case.vocabulary, case.max_length)) if case.max_length <= 6 else []
    recorded = [tuple(given) for given, _ in case.rows] if "io" in case.data else []
    return list(dict.fromkeys([*recorded, *inputs[:: max(1, len(inputs) // most)]]))


@compiles
@pytest.mark.parametrize("case", CASES, ids=repr)
def test_the_model_gives_what_the_interpreter_gives(case):
    """Also where Tracr's own model does not (status "diverges")."""
    compiled = rasp.compile(case.program, case.vocabulary, case.max_length, causal=case.causal)
    expected = meaning(case.program, some_inputs(case), case.causal)
    assert len(expected) >= len(case.rows)
    assert not disagreement(compiled, expected)


@compiles
@pytest.mark.parametrize("case", [case for case in CASES if case.max_length <= 8], ids=repr)
def test_no_node_of_the_model_differs(case):
    compiled = rasp.compile(case.program, case.vocabulary, case.max_length, causal=case.causal)
    for given, _ in case.rows[::3]:
        assert compiled.check(given) is None


@compiles
@pytest.mark.parametrize("case", REJECTED, ids=repr)
def test_what_tracr_refuses_compiles_right_or_says_why(case):
    try:
        compiled = rasp.compile(case.program, case.vocabulary, case.max_length)
    except rasp.CompileError as error:
        if error.node not in case.program.labels:
            raise
        return
    expected = meaning(case.program, some_inputs(case))
    assert expected
    assert not disagreement(compiled, expected)


@compiles
@pytest.mark.parametrize("case", PADDING, ids=repr)
def test_padding_changes_nothing_at_the_other_positions(case):
    compiled = rasp.compile(case.program, case.vocabulary, case.max_length)
    for row in case.data["io"]:
        given = golden.plain(row["input"])
        longest = [case.vocabulary[0]] * row["padded_to"]  # what makes the batch as wide as the recorded padding
        found = outputs(compiled, [given, longest])[0]
        assert same_values(found, golden.plain(row["rasp"]), 1e-4), f"{given}: {found}"
