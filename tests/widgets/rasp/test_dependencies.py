"""What values were made of, and what outputs truly depend on: by hand, and by trying all inputs."""

from __future__ import annotations

import itertools

import pytest

from attrium.graph.dependencies import dependencies, truth
from attrium_kernel.rasp import aggregate, indices, select, tokens
from attrium_kernel.rasp.library import PROGRAMS

from .sides import histogram, library_side, side_of


def made_of(side, tokens, label, position):
    return dependencies(side, list(tokens), label, position).facts["from"]


def test_a_reversed_token_was_made_of_the_one_opposite():
    found = made_of(library_side("reverse"), "abcb", "reverse", 0)
    assert found["tokens"] == [3] and found["reverse"] == [0] and found["mirror"] == [0]
    assert found["remaining"] == [0]  # how many are left, where it looks from


def test_a_count_was_made_of_the_tokens_that_are_alike():
    assert made_of(side_of(histogram()), "abca", "hist", 0) == {"tokens": [0, 3], "same": [0], "hist": [0]}
    assert made_of(side_of(histogram()), "abca", "same", 1) == {"tokens": [1], "same": [1]}


def test_only_what_was_selected_went_into_a_mean():
    side = side_of(aggregate(select(indices, indices, "<"), indices, 9).named("mean"))
    assert made_of(side, "abc", "mean", 2)["indices"] == [0, 1, 2]
    assert made_of(side, "abc", "mean", 0)["indices"] == [0]  # the query alone: nothing was selected


def test_a_place_that_is_not_there_is_refused():
    side = side_of(histogram())
    for position in (4, -1, 1.5, True):
        with pytest.raises(ValueError, match="there are 4 tokens; pass 0 <= position < 4"):
            made_of(side, "abca", "hist", position)


@pytest.mark.parametrize(("name", "position"), [("reverse", 1), ("hist", 0), ("shift_by_1", 2), ("is_dyck2", 0)])
def test_the_truth_is_what_changing_one_token_changes(name, position):
    side, example = library_side(name, 8), PROGRAMS[name]
    given = list(example.sample)[:5]
    program = example.build(8)
    wanted = []
    for place in range(len(given)):
        outputs = {repr(program([*given[:place], value, *given[place + 1 :]])[position])
                   for value in example.vocabulary}  # fmt: skip
        wanted.append(len(outputs) > 1)
    assert truth(side, given, position) == (wanted, True)


def test_the_truth_of_reverse_is_the_opposite_token_alone():
    for xs in itertools.product("ab", repeat=3):
        assert truth(library_side("reverse"), list(xs), 0)[0] == [False, False, True]


def test_inputs_that_a_program_is_not_for_do_not_count():
    side = library_side("sort_unique")
    assert side.vocabulary == (1, 2, 3, 4, 5)
    found, complete = truth(side, [5, 4, 1, 2], 0)  # 3 alone may stand in, and changes nothing but for the 1
    assert complete and found == [False, False, True, False]


def test_where_there_are_too_many_values_it_says_so(monkeypatch):
    monkeypatch.setattr("attrium.graph.dependencies.MOST_RUNS", 4)
    side = side_of(tokens == "a", "abcdefgh")
    assert truth(side, list("ab"), 0)[1] is False
