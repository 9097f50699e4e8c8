"""The programs of Tracr's library, written with its nodes in our language, so that both compile the same graph.

Their constructions follow Lindner et al. 2023 and the recorded graphs of the reference compiler; ours may have better
ones, but here compilers are compared, not programs.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from attrium_kernel import rasp
from attrium_kernel.rasp import (
    LinearSequenceMap,
    Map,
    SequenceMap,
    SOp,
    aggregate,
    indices,
    numerical,
    select,
    selector_width,
    tokens,
)

LETTERS = "abcdefghijklmnopqrstuvwxyz"
BRACKETS = "(){}"


@dataclass(frozen=True)
class Item:
    """A program with what it is compiled for, and inputs of full length."""

    name: str
    program: rasp.Program
    vocabulary: tuple[Any, ...]
    max_length: int

    def inputs(self, count: int) -> list[list[Any]]:
        """Random inputs, the same in every process; those of a program of brackets are mostly brackets."""
        choices = random.Random(self.name)
        if self.name == "sort_unique":
            return [choices.sample(self.vocabulary, min(self.max_length, len(self.vocabulary))) for _ in range(count)]
        often = self.vocabulary[:4] if "(" in self.vocabulary else self.vocabulary
        return [choices.choices(often, k=self.max_length) for _ in range(count)]


def items(vocabulary: int, length: int) -> list[Item]:
    """All programs, for a vocabulary of this size and inputs up to this length."""
    letters, numbers = tuple(LETTERS[:vocabulary]), tuple(range(1, vocabulary + 1))
    brackets = (*BRACKETS, *LETTERS)[:vocabulary]
    made: list[tuple[str, SOp, tuple[Any, ...]]] = [
        ("count_a", selector_width(select(tokens, tokens, "key == 'a'")), letters),
        ("count_less_freq_2", selector_width(select(hist(), hist(), "key <= 2")), letters),
        ("detect_pattern_abc", detect_pattern("abc"), letters),
        ("frac_prevs", frac_prevs("a"), letters),
        ("hist", hist(), letters),
        ("length", length_of(), letters),
        ("length_num", numerical(length_of()), letters),
        ("nary_sequencemap_3", nary(), numbers),
        ("pair_balance", pair_balance("(", ")"), brackets),
        ("reverse", aggregate(select(indices, Map("x - 1", length_of() - indices), "=="), tokens), letters),
        ("shift_by_1", aggregate(select(indices, indices, "query == key + 1"), tokens), letters),
        ("shuffle_dyck1", shuffle_dyck("()"), brackets),
        ("shuffle_dyck2", shuffle_dyck("()", "{}"), brackets),
        ("sort", sort(tokens, length), numbers),
        ("sort_freq", sort(-1 * hist(), length), numbers),
        ("sort_unique", sorted_by(tokens), numbers),
    ]
    return [Item(name, rasp.Program(output.named(name)), given, length) for name, output, given in made]


def length_of() -> SOp:
    """The length, as Tracr's library makes it."""
    return selector_width(select(tokens, tokens, "true"))


def hist() -> SOp:
    """How often the token of each position occurs."""
    return selector_width(select(tokens, tokens, "=="))


def frac_prevs(token: str) -> SOp:
    """The share of a token among the positions so far."""
    is_token = numerical(Map(f"x == {token!r}", tokens))
    return numerical(aggregate(select(indices, indices, "<="), is_token, default=0))


def pair_balance(opening: str, closing: str) -> SOp:
    """The share of opening brackets less that of closing ones."""
    return LinearSequenceMap(frac_prevs(opening), frac_prevs(closing), 1, -1)


def shuffle_dyck(*pairs: str) -> SOp:
    """Whether each kind of bracket by itself is balanced."""
    balances = [pair_balance(*pair) for pair in pairs]
    negative = folded("x or y", [Map("x < 0", balance) for balance in balances])
    zero = folded("x and y", [Map("x == 0", balance) for balance in balances])
    everywhere = select(indices, indices, "true")
    has_negative = numerical(aggregate(everywhere, numerical(Map("x", negative)), default=0))
    last_is_zero = aggregate(select(indices, Map("x - 1", length_of()), "=="), zero)
    return SequenceMap("x and y", last_is_zero, Map("not x", has_negative))


def folded(function: str, sops: Sequence[SOp]) -> SOp:
    """A function of two over several."""
    found = sops[0]
    for sop in sops[1:]:
        found = SequenceMap(function, found, sop)
    return found


def detect_pattern(pattern: str) -> SOp:
    """True where the pattern ends."""
    found = [Map(f"x == {pattern[-1]!r}", tokens)]
    for back, letter in enumerate(reversed(pattern[:-1]), start=1):
        shifted = select(indices, indices, f"query == key + {back}")
        found.insert(0, aggregate(shifted, Map(f"x == {letter!r}", tokens)))
    return folded("x and y", found)


def sorted_by(keys: SOp) -> SOp:
    """The tokens by rising keys, no two of which are equal."""
    place = selector_width(select(keys, keys, "<"))
    return aggregate(select(place, indices, "=="), tokens)


def sort(keys: SOp, max_length: int) -> SOp:
    """The tokens by rising integer keys, equal ones in the order in which they come."""
    return sorted_by(SequenceMap(f"x + 1 * y / {max_length}", keys, indices))


def nary() -> SOp:
    """A function of three s-ops, through tuples."""
    triple = SequenceMap("(*x, y)", SequenceMap("(x, y)", tokens, indices), hist())
    return Map("x[0] + x[1] - x[2]", triple)


def shared_graph(nodes: int) -> SOp:
    """A graph in which almost every node is used twice: blocks of 25 nodes, of which two are selector and width."""
    x: SOp = Map("0 if x == 'a' else 1", tokens)
    count = 2
    while count < nodes:
        x = selector_width(select(x, x, "=="))
        y: SOp = Map("x % 3", x)
        count += 3
        for step in range(22):
            if count >= nodes:
                break
            x, y = y, SequenceMap(f"(x + y + {step}) % 5", x, y)
            count += 1
        x = y
    return x
