from __future__ import annotations

import random
import re
from itertools import product

import pytest

from attrium_kernel.rasp import Program, RaspError
from attrium_kernel.rasp.library import Automaton, accepts, state_after


def stepwise(automaton: Automaton, xs: str) -> list[object]:
    """The states, one token after the other."""
    states, state = [], automaton.start
    for x in xs:
        state = automaton.transitions[state][x]
        states.append(state)
    return states


def random_automaton(rng: random.Random) -> Automaton:
    states = range(rng.randint(1, 3))
    transitions = {state: {token: rng.choice(states) for token in "ab"} for state in states}
    return Automaton(transitions, rng.choice(states), rng.sample(states, k=rng.randint(0, len(states))))


def test_states_of_random_automata_are_those_of_single_steps(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(30):
        automaton = random_automaton(rng)
        program, member = Program(state_after(automaton, 6)), accepts(automaton, 6)
        for xs in map("".join, product("ab", repeat=5)):
            states = stepwise(automaton, xs)
            assert program.output(xs) == program.output(xs, causal=True) == states  # type: ignore[operator]
        assert member("abbab") == [state in automaton.accepting for state in stepwise(automaton, "abbab")]


def test_a_regular_expression_written_as_an_automaton() -> None:
    """a+b*c?"""
    table = {"start": "add", "a": "abc", "b": "dbc", "c": "ddd", "d": "ddd"}  # the states after a, b and c
    transitions = {state: dict(zip("abc", row, strict=True)) for state, row in table.items()}
    automaton = Automaton(transitions, "start", ("a", "b", "c"))
    program = accepts(automaton, 5)
    for xs in map("".join, product("abc", repeat=5)):
        assert program(xs) == [re.fullmatch("a+b*c?", xs[: i + 1]) is not None for i in range(5)]


@pytest.mark.parametrize(("max_length", "layers"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (16, 4), (17, 5)])
def test_windows_double_up_to_the_greatest_length(max_length: int, layers: int) -> None:
    rng = random.Random(max_length)
    automaton = random_automaton(rng)
    program = Program(state_after(automaton, max_length))
    assert sum(node.kind == "aggregate" for node in program.nodes) == 2 * layers
    xs = "".join(rng.choices("ab", k=max_length))
    assert program.output(xs) == stepwise(automaton, xs)  # type: ignore[operator]


def test_an_automaton_that_is_not_whole_is_refused() -> None:
    with pytest.raises(RaspError, match=r"state 1 goes to \{'a': 0\}.*next state for each token"):
        Automaton({0: {"a": 1, "b": 0}, 1: {"a": 0}}, 0, [1])
    with pytest.raises(RaspError, match="state 0 goes to"):
        Automaton({0: {"a": 7}}, 0, [0])
    with pytest.raises(RaspError, match="start 3 and accepting"):
        Automaton({0: {"a": 0}}, 3, [0])
    with pytest.raises(RaspError, match="max_length is 0; pass a whole number of at least 1"):
        accepts(Automaton({0: {"a": 0}}, 0, [0]), 0)


def test_a_table_that_would_be_large_is_refused() -> None:
    """A cycle, a swap and a merge of five states make all 3,125 maps of them."""
    five = range(5)
    transitions = {s: {"cycle": (s + 1) % 5, "swap": {0: 1, 1: 0}.get(s, s), "merge": 1 if s == 0 else s} for s in five}
    with pytest.raises(RaspError, match="more than 64 different maps of its 5 states"):
        accepts(Automaton(transitions, 0, [0]), 4)
