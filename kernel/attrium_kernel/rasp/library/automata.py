"""Regular languages: a finite automaton run over the input by composing what its tokens do to the states.

A token maps states to states. Positions compose these maps over windows that double from layer to layer, so that an
input of n tokens takes log2(n) layers. There are finitely many maps (the automaton's monoid); each gets a number, and a
table says which one two of them make together.

Source of the idea: Liu et al. 2023, "Transformers Learn Shortcuts to Automata".
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import RaspError
from ..expressions import Map, SequenceMap, SOp, aggregate, tokens
from .arguments import whole
from .positions import here
from .shifting import shift_by

LARGEST_MONOID = 64
Transition = tuple[int, ...]  # for each state, by number, the state after


@dataclass(frozen=True)
class Automaton:
    """A deterministic finite automaton.

    Attributes:
        transitions: for each state, the state after each token.
        start: the state before the first token.
        accepting: states in which an input is in the language.
    """

    transitions: Mapping[Hashable, Mapping[Hashable, Hashable]]
    start: Hashable
    accepting: Sequence[Hashable]

    def __post_init__(self) -> None:
        alphabet = set(next(iter(self.transitions.values()), {}))
        for state, after in self.transitions.items():
            if set(after) != alphabet or not set(after.values()) <= set(self.transitions):
                raise RaspError(
                    f"state {state!r} goes to {dict(after)!r}; every state needs a next state for each token"
                )
        if self.start not in self.transitions or not set(self.accepting) <= set(self.transitions):
            raise RaspError(f"start {self.start!r} and accepting {list(self.accepting)!r} are not all among the states")

    @property
    def states(self) -> tuple[Hashable, ...]:
        """The states, in order."""
        return tuple(self.transitions)

    @property
    def letters(self) -> dict[Hashable, Transition]:
        """What each token does to the states."""
        number = {state: i for i, state in enumerate(self.states)}
        alphabet = next(iter(self.transitions.values()))
        return {token: tuple(number[self.transitions[state][token]] for state in self.states) for token in alphabet}


def state_after(automaton: Automaton, max_length: int, x: SOp = tokens) -> SOp:
    """The state after every prefix of up to `max_length` tokens.

    Raises:
        RaspError: the automaton's tokens make more than 64 different maps of its states, whose table would be large.
    """
    whole(max_length, "max_length", 1)
    letters = automaton.letters
    maps = _monoid(tuple(range(len(automaton.states))), list(letters.values()))
    number = {one: i for i, one in enumerate(maps)}
    table = tuple(tuple(number[_then(first, second)] for second in maps) for first in maps)
    done: SOp = Map(f"{ {token: number[one] for token, one in letters.items()}!r}[x]", x).named("map_1")
    width = 1
    while width < max_length:
        # Number 0 is the map that changes nothing. What is here comes through a head as well: the table is then one
        # of two nodes that were fetched, not of all tokens that the window began with.
        before, done = shift_by(width, done, 0), aggregate(here, done)
        width *= 2
        done = SequenceMap(f"{table!r}[x][y]", before, done).named(f"map_{width}")
    start = automaton.states.index(automaton.start)
    ends = tuple(automaton.states[one[start]] for one in maps)
    return Map(f"{ends!r}[x]", done).named("state")


def accepts(automaton: Automaton, max_length: int, x: SOp = tokens) -> SOp:
    """Whether each prefix of up to `max_length` tokens is in the automaton's language, True or False."""
    return state_after(automaton, max_length, x).isin(automaton.accepting).named("accepts")


def _then(first: Transition, second: Transition) -> Transition:
    return tuple(second[state] for state in first)


def _monoid(identity: Transition, letters: Sequence[Transition]) -> list[Transition]:
    """All maps that sequences of letters make, the empty sequence first."""
    found = [identity]
    for one in found:
        for letter in letters:
            after = _then(one, letter)
            if after not in found:
                found.append(after)
                if len(found) > LARGEST_MONOID:
                    raise RaspError(
                        f"the automaton's tokens make more than {LARGEST_MONOID} different maps of its "
                        f"{len(identity)} states; use an automaton with fewer states"
                    )
    return found


ALTERNATING = Automaton({"even": {"a": "odd", "b": "dead"}, "odd": {"a": "dead", "b": "even"},
                         "dead": {"a": "dead", "b": "dead"}}, "even", ("even",))  # fmt: skip
"""(ab)*"""
DIVISIBLE_BY_3 = Automaton({0: {"0": 0, "1": 1}, 1: {"0": 2, "1": 0}, 2: {"0": 1, "1": 2}}, 0, (0,))
"""Binary numbers, highest digit first, that 3 divides."""
NO_TWO_B = Automaton({"free": {"a": "free", "b": "one"}, "one": {"a": "free", "b": "dead"},
                      "dead": {"a": "dead", "b": "dead"}}, "free", ("free", "one"))  # fmt: skip
"""Words without two b in a row."""
