"""What every program of the library should give, in plain Python: loops over the input, no selectors.

A reference takes the whole input and gives one value per token, None where the value is absent.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from typing import Any

Reference = Callable[[Sequence[Any]], list[Any]]
REFERENCES: dict[str, Reference] = {}


def everywhere(name: str) -> Callable[[Callable[[Sequence[Any]], Any]], Reference]:
    """A reference that gives the same value at each position."""

    def register(f: Callable[[Sequence[Any]], Any]) -> Reference:
        REFERENCES[name] = lambda xs: [f(xs)] * len(xs)
        return REFERENCES[name]

    return register


def prefixes(name: str) -> Callable[[Callable[[Sequence[Any]], Any]], Reference]:
    """A reference that gives each position a value of the prefix up to it."""

    def register(f: Callable[[Sequence[Any]], Any]) -> Reference:
        REFERENCES[name] = lambda xs: [f(xs[: i + 1]) for i in range(len(xs))]
        return REFERENCES[name]

    return register


def at(name: str) -> Callable[[Callable[[Sequence[Any], int], Any]], Reference]:
    """A reference that gives each position a value of the input and the index."""

    def register(f: Callable[[Sequence[Any], int], Any]) -> Reference:
        REFERENCES[name] = lambda xs: [f(xs, i) for i in range(len(xs))]
        return REFERENCES[name]

    return register


def padded(xs: Sequence[Any], length: int) -> list[Any]:
    return [*xs, *[None] * (length - len(xs))]


# Tracr ---------------------------------------------------------------------------------------------------------------
REFERENCES["reverse"] = lambda xs: list(reversed(xs))
REFERENCES["sort"] = REFERENCES["sort_unique"] = lambda xs: sorted(xs)
REFERENCES["sort_freq"] = lambda xs: sorted(xs, key=lambda x: -Counter(xs)[x])
REFERENCES["hist"] = REFERENCES["hist_nobos"] = lambda xs: [Counter(xs)[x] for x in xs]
everywhere("length")(len)
everywhere("count_a")(lambda xs: sum(x == "a" for x in xs))
everywhere("count_less_freq_2")(lambda xs: sum(Counter(xs)[x] <= 2 for x in xs))
prefixes("frac_prevs")(lambda xs: statistics.mean([float(x == "x") for x in xs]))
prefixes("pair_balance")(lambda xs: (xs.count("(") - xs.count(")")) / len(xs))
at("shift_by_1")(lambda xs, i: xs[i - 1] if i >= 1 else None)
at("shift_by_2")(lambda xs, i: xs[i - 2] if i >= 2 else None)
at("detect_pattern_ab")(lambda xs, i: None if i < 1 else "".join(xs[: i + 1]).endswith("ab"))
at("detect_pattern_abc")(lambda xs, i: None if i < 2 else "".join(xs[: i + 1]).endswith("abc"))
at("nary_sequence_map")(lambda xs, i: xs[i] + i - Counter(xs)[xs[i]])


def shuffles(xs: Sequence[str], pairs: Sequence[str]) -> bool:
    """Whether taking out all other brackets leaves a word that empties when () is struck out again and again."""
    return all(emptied("".join(x for x in xs if x in pair), (pair,)) == "" for pair in pairs)


def emptied(text: str, pairs: Sequence[str]) -> str:
    while any(pair in text for pair in pairs):
        for pair in pairs:
            text = text.replace(pair, "")
    return text


everywhere("shuffle_dyck1")(lambda xs: shuffles(xs, ["()"]))
everywhere("shuffle_dyck2")(lambda xs: shuffles(xs, ["()", "{}"]))


# RASP ----------------------------------------------------------------------------------------------------------------
REFERENCES["hist_bos"] = lambda xs: [0, *(Counter(xs)[x] for x in xs[1:])]
REFERENCES["hist2"] = lambda xs: [Counter(Counter(xs).values())[Counter(xs)[x]] for x in xs]
REFERENCES["sort_by_most_freq"] = lambda xs: padded([x for x, _ in Counter(xs).most_common()], len(xs))
everywhere("contains_a")(lambda xs: "a" in xs)
everywhere("average")(statistics.fmean)
everywhere("last_token")(lambda xs: xs[-1])
everywhere("token_2")(lambda xs: xs[2] if len(xs) > 2 else None)
at("first_a")(lambda xs, i: "a" in xs and i == list(xs).index("a"))
at("last_a")(lambda xs, i: xs[i] == "a" and "a" not in xs[i + 1 :])
at("next_identical")(lambda xs, i: next((j for j in range(i + 1, len(xs)) if xs[j] == xs[i]), None))


def ptf(xs: Sequence[str], pairs: Sequence[str]) -> str:
    """T if the brackets vanish pair by pair, P if only opening ones are left, F otherwise."""
    left = emptied("".join(x for x in xs if any(x in pair for pair in pairs)), pairs)
    return "T" if not left else "P" if all(any(x == pair[0] for pair in pairs) for x in left) else "F"


prefixes("dyck1_ptf")(lambda xs: ptf(xs, ["()"]))
prefixes("dyck2_ptf")(lambda xs: ptf(xs, ["()", "{}"]))
prefixes("dyck3_ptf")(lambda xs: ptf(xs, ["()", "{}", "[]"]))


def added(xs: Sequence[str], base: int) -> list[str]:
    total = sum(int(number or "0", base) for number in "".join(xs).split("+"))
    digits = []
    for _ in xs:
        total, digit = divmod(total, base)
        digits.append(str(digit))
    assert total == 0
    return digits[::-1]


REFERENCES["long_addition"] = lambda xs: added(xs, 10)
REFERENCES["binary_addition"] = lambda xs: added(xs, 2)


# RASP-L: every value is one of the prefix ----------------------------------------------------------------------------
at("shift_right")(lambda xs, i: xs[i - 1] if i else "a")
prefixes("cumsum")(lambda xs: xs.count("a"))
prefixes("num_prev")(lambda xs: xs.count(xs[-1]))
prefixes("has_seen")(lambda xs: "b" in xs)
prefixes("firsts")(lambda xs: xs.index(xs[-1]))
prefixes("lasts")(lambda xs: "".join(xs).rfind("a"))
prefixes("first_true")(lambda xs: "".join(xs).find("a"))
prefixes("index_select")(lambda xs: xs[xs[-1]] if xs[-1] < len(xs) else -1)
prefixes("maximum")(max)
prefixes("minimum")(min)
prefixes("argmax")(lambda xs: xs.index(max(xs)))
prefixes("argmin")(lambda xs: xs.index(min(xs)))


@prefixes("mode")
def mode(xs: Sequence[Any]) -> Any:
    """The value whose count is the top one, and was so first."""
    seen: Counter[Any] = Counter()
    top = max(Counter(xs).values())
    for x in xs:
        seen[x] += 1
        if seen[x] == top:
            return x
    raise AssertionError


def followers(xs: Sequence[Any]) -> list[Any]:
    return [after for before, after in pairwise(xs) if before == xs[-1]]


prefixes("induct")(lambda xs: next(iter(followers(xs)), None))
prefixes("induction")(lambda xs: next(iter(followers(xs)[::-1]), None))


# Our own -------------------------------------------------------------------------------------------------------------
at("caesar")(lambda xs, i: {"a": "b", "b": "c", "c": "a"}[xs[i]])
at("deduplicate")(lambda xs, i: None if xs[i] in xs[:i] else xs[i])
REFERENCES["unique"] = lambda xs: padded(list(dict.fromkeys(xs)), len(xs))
REFERENCES["rotate"] = lambda xs: [xs[-1], *xs[:-1]]
everywhere("digit_sum")(lambda xs: sum(map(int, xs)) % 4)
everywhere("modular_sum")(lambda xs: sum(xs) % 3)
everywhere("parity")(lambda xs: xs.count("1") & 1)
everywhere("majority")(lambda xs: xs.count("a") > len(xs) - xs.count("a"))
everywhere("distinct_count")(lambda xs: len(set(xs)))
everywhere("most_frequent")(lambda xs: Counter(xs).most_common(1)[0][0])
everywhere("median")(statistics.median_low)
everywhere("is_sorted")(lambda xs: list(xs) == sorted(xs))
everywhere("palindrome")(lambda xs: list(xs) == list(xs)[::-1])
everywhere("longest_run")(lambda xs: max(len(list(run)) for _, run in groupby(xs)))
prefixes("run_length")(lambda xs: len(run_at_end(xs)))
prefixes("depth")(lambda xs: xs.count("(") - xs.count(")"))
everywhere("is_dyck2")(lambda xs: ptf(xs, ["()", "{}"]) == "T")
prefixes("alternating")(lambda xs: re.fullmatch("(ab)*", "".join(xs)) is not None)
prefixes("divisible_by_3")(lambda xs: int("".join(xs), 2) % 3 == 0)
prefixes("no_two_b")(lambda xs: "bb" not in "".join(xs))


def run_at_end(xs: Sequence[Any]) -> list[Any]:
    return [list(run) for _, run in groupby(xs)][-1]
