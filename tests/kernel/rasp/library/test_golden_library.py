"""Tracr's library and ours on the recorded inputs: the same values, whatever the selectors behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from attrium_kernel.rasp import SOp, indices, tokens
from attrium_kernel.rasp import library as lib

from ..agreement import same_values
from ..golden import Case, cases

OURS: dict[str, Callable[[], SOp]] = {
    "length": lambda: lib.length,
    "length_numerical": lambda: lib.length,
    "length_exactness": lambda: lib.length,
    "length_exactness_20": lambda: lib.length,
    "reverse": lib.reverse,
    "hist": lib.histogram,
    "hist_numerical": lib.histogram,
    "hist_exactness": lib.histogram,
    "shift_by_1": lambda: lib.shift_by(1),
    "shift_by_2": lambda: lib.shift_by(2),
    "count_less_freq_2": lambda: lib.count_less_freq(2),
    "frac_prevs": lambda: lib.frac_prevs(tokens == "a"),
    "count_a": lambda: lib.count(tokens, "a"),
    "sort": lib.sort,
    "sort_unique": lib.sort_unique,
    "sort_freq": lib.sort_by_frequency,
    "sort_unique_by_index": lambda: lib.sort_unique(tokens, 1 - indices),
    "detect_pattern_ab": lambda: lib.detect_pattern(tokens, "ab"),
    "detect_pattern_abc": lambda: lib.detect_pattern(tokens, "abc"),
    "pair_balance": lambda: lib.pair_balance(tokens, "(", ")"),
    "shuffle_dyck2": lambda: lib.shuffle_dyck(pairs=["()", "{}"]),
    "shuffle_dyck3": lambda: lib.shuffle_dyck(pairs=["()", "{}", "[]"]),
    "nary_sequencemap": lambda: lib.PROGRAMS["nary_sequence_map"].build(),
    "palindrome": lib.palindrome,
    "caesar_1": lambda: lib.caesar("abc", 1),
    "last_token": lambda: lib.load_from_location(tokens, -1),
    "first_token": lambda: lib.load_from_location(tokens, 0),
    "is_first_occurrence": lib.is_first_occurrence,
    "distinct_count": lib.distinct_count,
    "parity_a": lambda: lib.parity(tokens, "a"),
    "mean_of_tokens": lambda: lib.average(tokens),
}
RECORDED = [case for case in cases("cases") if case.data["name"] in OURS]


def test_every_program_of_ours_was_recorded() -> None:
    assert {case.data["name"] for case in RECORDED} == OURS.keys()


@pytest.mark.parametrize("case", RECORDED, ids=repr)
def test_library_gives_the_recorded_values(case: Case) -> None:
    program: Any = OURS[case.data["name"]]()
    for xs, expected in case.rows:
        assert same_values(program(xs, causal=case.causal), expected, 1e-5), xs
