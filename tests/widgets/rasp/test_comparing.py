"""Looking for differences: models that are wrong, and programs that differ."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from attrium.graph.comparing import check_many, find_difference
from attrium_kernel.rasp import indices, tokens, where
from attrium_kernel.running import Cancelled
from tests.widgets.test_base import interface_names

from .sides import histogram, job, library_side, mirrored, side_of

SOURCE = (Path(__file__).parents[3] / "js/src/widgets/rasp_graph/protocol.ts").read_text(encoding="utf-8")


def broken():
    """Reverse, whose model no longer knows how many tokens remain."""
    side = library_side("reverse")
    with torch.no_grad():
        side.model.model.blocks[0].mlp.output.weight.zero_()
    return side


def test_a_model_that_is_right_is_found_right():
    found = check_many(library_side("reverse"), 40, 3, job())
    assert found == {"inputs": 40, "wrong": 0, "seed": 3, "example": None, "first": None}
    assert set(found) == set(interface_names(SOURCE, "Checked"))


def test_a_model_that_is_wrong_is_found_wrong_at_the_node():
    found = check_many(broken(), 20, 0, job())
    assert found["wrong"] == 20 and found["first"]["label"] == "remaining"
    assert set(found["example"]) <= set("abc")


def test_inputs_that_a_program_is_not_for_are_not_checked():
    assert check_many(library_side("sort_unique"), 30, 0, job())["wrong"] == 0
    with pytest.raises(ValueError, match="count=0; pass how many"):
        check_many(library_side("reverse"), 0, 0, job())


def test_a_check_can_be_cancelled():
    work = job()
    work.stop()
    with pytest.raises(Cancelled):
        check_many(library_side("reverse"), 10, 0, work)


def test_programs_that_say_the_same_do_not_differ():
    found = find_difference([side_of(mirrored(), max_length=5), library_side("reverse", 5)], job())
    assert found["wrong"] == 0 and found["inputs"] > 300 and found["first"] is None


def test_the_shortest_input_on_which_programs_differ_is_found():
    late = where(indices > 2, "a", tokens).named("late")
    found = find_difference([side_of(late), side_of(tokens == tokens)], job())
    assert found["example"] == ["a"]  # a token and True
    found = find_difference([side_of((tokens == tokens).named("x")), side_of((indices < 2).named("y"))], job())
    assert found["example"] == ["a", "a", "a"]
    assert found["first"] == {"label": "y", "position": 2, "expected": "True", "found": "False"}


def test_the_first_input_on_which_a_model_is_wrong_is_found():
    found = find_difference([broken()], job())
    assert found["wrong"] == 1 and found["example"] == ["a"]
    assert found["first"] == {"label": "remaining", "position": 0, "expected": "0", "found": None}


def test_a_program_without_a_value_differs_from_one_with():
    total = side_of(histogram(), "ab", 3)
    assert find_difference([total, side_of((tokens + 1).named("none"), "ab", 3)], job())["first"]["found"] == "no value"
