"""The interpreter against definitions written a second time, by hand and on random programs."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attrium_kernel import rasp
from attrium_kernel.rasp import (
    Constant,
    Elementwise,
    EvaluationError,
    LinearSequenceMap,
    Map,
    RaspError,
    aggregate,
    full,
    indices,
    length,
    numerical,
    select,
    selector_width,
    tokens,
    where,
)

from . import naive, programs
from .agreement import all_inputs, same_values

# ---- what each node means


def test_the_input_and_the_positions():
    assert tokens("abc") == ["a", "b", "c"] and tokens([1, 2]) == [1, 2] and tokens((True,)) == [True]
    assert indices("abc") == [0, 1, 2]
    assert length("abc") == [3, 3, 3]
    assert Constant("k")("ab") == ["k", "k"]


def test_a_selector_is_a_matrix_of_queries_by_keys():
    found = select(indices, indices, "<")("abc")
    assert found.dtype == bool
    np.testing.assert_array_equal(found, [[False, False, False], [True, False, False], [True, True, False]])


def test_the_predicate_gets_the_key_first():
    found = select([1, 2, 3][0], indices, "key - query == 1")("abc")
    np.testing.assert_array_equal(found, [[True] * 3, [False] * 3, [False] * 3])


@pytest.mark.parametrize("causal", [False, True])
def test_combined_selectors_are_logic_on_matrices(causal):
    a, b = select(tokens, tokens, "=="), select(indices, indices, "<=")
    left, right = np.array(a("abca", causal=causal)), np.array(b("abca", causal=causal))
    seen = np.tril(np.ones((4, 4), bool)) if causal else np.ones((4, 4), bool)
    np.testing.assert_array_equal((a & b)("abca", causal=causal), left & right)
    np.testing.assert_array_equal((a | b)("abca", causal=causal), left | right)
    np.testing.assert_array_equal((~a)("abca", causal=causal), ~left & seen)
    np.testing.assert_array_equal((~(a & b) | b)("abca", causal=causal), seen)


def test_causal_queries_see_no_later_key():
    assert length("abcd", causal=True) == [1, 2, 3, 4]
    assert selector_width(select(tokens, tokens, "=="))("abab", causal=True) == [1, 1, 2, 2]
    assert selector_width(~select(tokens, tokens, "false"))("abab", causal=True) == [1, 2, 3, 4]
    assert aggregate(select(indices, indices, "key == query + 1"), tokens, "none")("ab", causal=True) == ["none"] * 2


def test_an_aggregate_takes_one_value_as_it_is():
    one = select(indices, indices, "==")
    for values in (["a", "b"], [True, False], [1, 2], [(1, "x"), (2, "y")]):
        found = aggregate(one, tokens)(values)
        assert found == values and list(map(type, found)) == list(map(type, values))


@pytest.mark.parametrize(("reduce", "expected"), [("mean", 7 / 3), ("sum", 7), ("max", 4), ("min", 1)])
def test_an_aggregate_folds_several_numbers(reduce, expected):
    assert aggregate(full, tokens, reduce=reduce)([1, 2, 4]) == [expected] * 3


def test_an_aggregate_of_nothing_is_its_default():
    nothing = select(tokens, tokens, "false")
    assert aggregate(nothing, tokens)("ab") == [None, None]
    assert aggregate(nothing, tokens, "none")("ab") == ["none", "none"]
    assert aggregate(nothing, tokens, 7, "max")([1]) == [7]
    assert aggregate(nothing, tokens, reduce="sum")([1]) == [0]
    assert aggregate(nothing, tokens, 5, "sum")([1]) == [5]


def test_a_mean_of_booleans_is_their_share():
    assert aggregate(full, tokens == "a")("aab") == [2 / 3] * 3


def test_a_mean_is_rounded_once():
    """0.1 ten times: adding one by one gives 0.09999999999999999."""
    assert aggregate(full, tokens)([0.1] * 10) == [0.1] * 10


def test_texts_have_no_mean():
    node = aggregate(full, tokens).named("mixed")
    with pytest.raises(EvaluationError, match="mixed, position 0: 2 positions are selected and not all") as caught:
        node("ab")
    assert (caught.value.node, caught.value.position) == ("mixed", 0)


def test_an_absent_value_has_no_mean():
    previous = aggregate(select(indices, indices, "key == query - 1"), tokens)
    with pytest.raises(EvaluationError, match="not all of their values are numbers"):
        aggregate(full, previous)([1, 2])


def test_absent_stays_absent_and_functions_are_not_called_for_it():
    called = []
    previous = aggregate(select(indices, indices, "key == query - 1"), tokens)
    assert Map(lambda x: called.append(x) or x, previous)([1, 2]) == [None, 1]
    assert called == [1]
    assert (previous + tokens)([1, 2]) == [None, 3]
    assert where(tokens == 1, tokens, previous)([1, 2]) == [None, 1], "absent wherever one of the three is"
    assert Elementwise("x + y + z + 0", tokens, previous, 1)([1, 2]) == [None, 4]


@pytest.mark.parametrize("sign", ["==", "!=", "<", "<=", ">", ">="])
def test_comparing_an_absent_value_is_an_error(sign):
    previous = aggregate(select(indices, indices, "key == query - 1"), tokens)
    with pytest.raises(EvaluationError, match=r"late, position 0: compares an absent value \(key\)"):
        select(previous, tokens, sign).named("late")([1, 2])
    with pytest.raises(EvaluationError, match=r"late, position 0: compares an absent value \(query\)"):
        select(tokens, previous, sign).named("late")([1, 2])


def test_predicates_of_ones_own_may_take_absent_values():
    previous = aggregate(select(indices, indices, "key == query - 1"), tokens)
    assert selector_width(select(previous, tokens, "key is None"))("abc") == [1, 1, 1]
    assert selector_width(select(previous, tokens, lambda key, query: key is None or key == query))("aab") == [3, 3, 1]


def test_encodings_mean_nothing_to_the_interpreter():
    assert numerical(indices)("ab") == indices("ab")
    assert LinearSequenceMap(indices, length, 2, -0.5)("ab") == [-1, 1]


# ---- input


def test_an_empty_input_is_refused():
    with pytest.raises(RaspError, match="the input is empty; pass at least one token"):
        tokens([])


def test_run_gives_every_node():
    same = select(tokens, tokens, "==").named("same")
    found = rasp.run(selector_width(same).named("hist"), "aba")
    assert list(found) == ["tokens", "same", "hist"] and len(found) == 3
    assert found.output == found["hist"] == [2, 1, 2] and found[same].shape == (3, 3)
    assert found.tokens == ["a", "b", "a"]


@pytest.mark.parametrize("given", [[[1], [2]], [{"a": 1}]])
def test_a_token_that_is_no_value_is_refused(given):
    with pytest.raises(RaspError):
        selector_width(select(tokens, tokens, "=="))(given)


@pytest.mark.parametrize("text", ["[x]", "(x, [x])", "1e308 * 10 ** x", "(-8 * x) ** 0.5", "{x: x}"])
def test_a_function_that_gives_no_value_of_a_program_is_an_error_with_its_place(text):
    """Lists, infinities and complex numbers have no place in a transformer, so they have none here."""
    with pytest.raises(rasp.EvaluationError, match="no value of a program") as caught:
        Map(text, tokens).named("odd")([1, 2])
    assert caught.value.node == "odd" and caught.value.position == 0


def test_a_sum_above_all_floats_is_an_error_of_the_program():
    with pytest.raises(RaspError):
        aggregate(full, Map("1e308 + x", tokens), reduce="sum")([0, 0])


# ---- random programs


def outcome(call):
    """What a call gives, or that it has no value."""
    try:
        return call()
    except (EvaluationError, naive.NoValueError):
        return "no value"


def agrees(sample: programs.Sample, most: int = 12) -> int:
    """How many inputs have a value; on all of them it is what the definitions give."""
    inputs, found = list(all_inputs(sample.vocabulary, sample.max_length)), 0
    for values in inputs[:: max(1, len(inputs) // most)]:
        mine = outcome(lambda values=values: rasp.evaluate(sample.output, values, causal=sample.causal))
        expected = outcome(lambda values=values: naive.values(sample.output, values, sample.causal))
        assert (mine == "no value") == (expected == "no value"), f"{values}\n{sample.program.to_text()}"
        if mine != "no value":
            assert same_values(mine, expected, 1e-12), f"{values}: {mine}, {expected}\n{sample.program.to_text()}"
            found += 1
    return found


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False))
def test_random_programs_mean_what_the_definitions_say(random):
    agrees(programs.grow(random, random.randint(1, 4)))


def test_most_random_programs_have_values():
    """Otherwise the tests that use them would say little."""
    samples = [programs.grow(Random(f"values {seed}"), 4) for seed in range(200)]
    assert sum(agrees(sample, 4) > 0 for sample in samples) > 180


def test_random_programs_have_every_kind_of_node():
    samples = [programs.grow(Random(f"kinds {seed}")) for seed in range(300)]
    kinds = {node.kind for sample in samples for node in sample.program}
    combined = {"selector_and", "selector_or", "selector_not"}
    elementwise = {"constant", "map", "sequence_map", "elementwise", "linear_sequence_map"}
    assert kinds == {"tokens", "indices", "select", "selector_width", "aggregate"} | combined | elementwise
    nodes = [node for sample in samples for node in sample.program]
    assert {node.reduce for node in nodes if node.kind == "aggregate"} == {"mean", "sum", "max", "min"}
    assert {getattr(node, "encoding", None) for node in nodes} == {None, "numerical", "categorical"}
    assert {sample.causal for sample in samples} == {False, True}
    assert sum(len(sample.program) > 10 for sample in samples) > 60
