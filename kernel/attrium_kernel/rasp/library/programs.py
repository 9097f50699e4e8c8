"""The library's programs, ready to build: what tests, benchmarks, notebooks and the viewer take them from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..expressions import Elementwise, SOp, Value, indices, length, tokens
from . import arithmetic, automata, brackets, causal, counting, occurrences, runs, shifting, sorting, widths
from .example import Example, Family

PROGRAMS: dict[str, Example] = {}


def _add(
    family: Family,
    name: str,
    vocabulary: Sequence[Value],
    sample: Sequence[Value],
    make: Callable[[int], SOp],
    doc: str,
    **settings: object,
) -> None:
    PROGRAMS[name] = Example(name, make, tuple(vocabulary), tuple(sample), family, doc, **settings)  # type: ignore[arg-type]


def _distinct(xs: Sequence[Value]) -> bool:
    return len(set(xs)) == len(xs)


def _at_most_one_plus(xs: Sequence[Value]) -> bool:
    return list(xs).count("+") <= 1


def _begins_with_bos(xs: Sequence[Value]) -> bool:
    return bool(xs) and xs[0] == "§" and list(xs).count("§") == 1


def _token_index_hist() -> SOp:
    return Elementwise("x + y - z", tokens, indices, counting.histogram())


# fmt: off
# Tracr's library -----------------------------------------------------------------------------------------------------
_add("tracr", "length", "abc", "cab", lambda n: length, "How many tokens the input has")
_add("tracr", "reverse", "abc", "abcca", lambda n: shifting.reverse(), "The input backwards")
_add("tracr", "hist", "abc", "abcab", lambda n: counting.histogram(), "How often each token occurs")
_add("tracr", "pair_balance", "()a", "(()a)", lambda n: brackets.pair_balance(tokens, "(", ")"),
     "Share of opening minus share of closing brackets so far", numerical=True, prefix=True)
_add("tracr", "shuffle_dyck1", "()a", "(())", lambda n: brackets.shuffle_dyck(), "Whether the brackets are balanced")
_add("tracr", "shuffle_dyck2", "(){}", "({)}", lambda n: brackets.shuffle_dyck(pairs=("()", "{}")),
     "Whether two kinds of brackets are balanced, each for itself")
_add("tracr", "sort_unique", (1, 2, 3, 4, 5), (3, 5, 1, 4), lambda n: sorting.sort_unique(),
     "Distinct tokens in rising order", accepts=_distinct)
_add("tracr", "sort", (1, 2, 3), (3, 1, 2, 1), lambda n: sorting.sort(), "Tokens in rising order")
_add("tracr", "sort_freq", "abc", "abbcb", lambda n: sorting.sort_by_frequency(), "Tokens by falling frequency")
_add("tracr", "frac_prevs", "ax", "xaxx", lambda n: counting.frac_prevs(tokens == "x"),
     "Share of x so far", numerical=True, prefix=True)
_add("tracr", "shift_by_1", "abc", "abca", lambda n: shifting.shift_by(1), "The token before", prefix=True)
_add("tracr", "shift_by_2", "abc", "abca", lambda n: shifting.shift_by(2), "The token two before", prefix=True)
_add("tracr", "detect_pattern_ab", "abc", "cabab", lambda n: shifting.detect_pattern(tokens, "ab"),
     "Where ab ends", prefix=True)
_add("tracr", "detect_pattern_abc", "abc", "cabca", lambda n: shifting.detect_pattern(tokens, "abc"),
     "Where abc ends", prefix=True)
_add("tracr", "count_less_freq_2", "abc", "abbbc", lambda n: counting.count_less_freq(2),
     "How many tokens occur at most twice")
_add("tracr", "count_a", "abc", "abca", lambda n: counting.count(tokens, "a"), "How often a occurs")
_add("tracr", "nary_sequence_map", (1, 2, 3), (1, 3, 3), lambda n: _token_index_hist(),
     "Token plus index minus how often the token occurs")

# Weiss et al. 2021 ---------------------------------------------------------------------------------------------------
_add("rasp", "hist_bos", "§ab", "§abba", lambda n: widths.histogram_with_bos(),
     "How often each token occurs, counted by the share of a BOS in the input", accepts=_begins_with_bos)
_add("rasp", "hist_nobos", "abc", "abba", lambda n: widths.histogram_by_share(),
     "How often each token occurs, counted by the share of the first position")
_add("rasp", "hist2", "abc", "abbc", lambda n: counting.double_histogram(),
     "How many different tokens occur as often as this one")
_add("rasp", "sort_by_most_freq", "abc", "abbc", lambda n: sorting.most_frequent_first(),
     "The different tokens by falling frequency")
_add("rasp", "dyck1_ptf", "()a", "(()))", lambda n: brackets.dyck1_ptf(),
     "P, T or F for every prefix: brackets of one kind", prefix=True)
_add("rasp", "dyck2_ptf", "(){}", "({})}", lambda n: brackets.dyck_ptf(),
     "P, T or F for every prefix: brackets of two kinds", prefix=True)
_add("rasp", "dyck3_ptf", "(){}[]", "([]{})", lambda n: brackets.dyck_ptf(pairs=("()", "{}", "[]")),
     "P, T or F for every prefix: brackets of three kinds", prefix=True)
_add("rasp", "long_addition", "0123456789+", "95+17", lambda n: arithmetic.addition(),
     "The sum of two decimal numbers, digit by digit", accepts=_at_most_one_plus)
_add("rasp", "contains_a", "abc", "bca", lambda n: occurrences.contains(tokens, "a"), "Whether a occurs")
_add("rasp", "average", (1, 2, 4), (1, 4, 4), lambda n: counting.average(tokens),
     "The mean of the tokens", numerical=True)
_add(
    "rasp", "last_token", "abc", "abc", lambda n: shifting.load_from_location(tokens, -1), "The last token, everywhere"
)
_add("rasp", "token_2", "abc", "abca", lambda n: shifting.load_from_location(tokens, 2), "The token at index 2")
_add("rasp", "first_a", "abc", "baca", lambda n: occurrences.mark_first_instance(tokens, "a"), "True at the first a")
_add("rasp", "last_a", "abc", "baca", lambda n: occurrences.mark_last_instance(tokens, "a"), "True at the last a")
_add("rasp", "next_identical", "abc", "abcab", lambda n: occurrences.next_identical(),
     "Index of the next position with the same token")

# Zhou et al. 2023, causal --------------------------------------------------------------------------------------------
_add("rasp-l", "shift_right", "abc", "abca", lambda n: causal.shift_right(tokens, 1, "a"),
     "The token before, a at the start", causal=True, prefix=True)
_add("rasp-l", "cumsum", "ab", "abba", lambda n: causal.cumsum(tokens == "a"), "How often a came so far", causal=True)
_add("rasp-l", "num_prev", "abc", "abcab", lambda n: causal.num_prev(tokens, tokens),
     "How often this token came so far", causal=True)
_add("rasp-l", "has_seen", "abc", "cbac", lambda n: causal.has_seen(tokens, "b"), "Whether b came so far", causal=True)
_add("rasp-l", "firsts", "abc", "bcab", lambda n: causal.firsts(tokens, tokens),
     "Index of the first position with this token", causal=True)
_add("rasp-l", "lasts", "abc", "bacb", lambda n: causal.lasts(tokens, "a"),
     "Index of the latest a, -1 before the first", causal=True)
_add("rasp-l", "first_true", "abc", "bcab", lambda n: causal.first_true(tokens == "a"),
     "Index of the first a once it came, else -1", causal=True)
_add("rasp-l", "index_select", (0, 1, 2, 3), (2, 0, 1, 3), lambda n: shifting.index_select(tokens, tokens, -1),
     "The token at the index that this token names", causal=True)
_add("rasp-l", "maximum", (1, 2, 3, 4), (2, 1, 4, 3), lambda n: causal.maximum(), "The largest so far", causal=True)
_add("rasp-l", "minimum", (1, 2, 3, 4), (3, 4, 1, 2), lambda n: causal.minimum(), "The smallest so far", causal=True)
_add("rasp-l", "argmax", (1, 2, 3), (2, 1, 3, 3), lambda n: causal.argmax(), "Where the largest is", causal=True)
_add(
    "rasp-l", "argmin", (1, 2, 3), (3, 1, 2, 1), lambda n: causal.argmin(), "Where the smallest is", causal=True
)
_add("rasp-l", "mode", "abc", "abbac", lambda n: causal.mode(), "The most frequent token so far", causal=True)
_add("rasp-l", "induct", "abc", "abcab", lambda n: causal.induct(),
     "What followed the first earlier occurrence of this token", causal=True)

# Our own -------------------------------------------------------------------------------------------------------------
_add("attrium", "induction", "abc", "abacab", lambda n: causal.induction(),
     "What followed the latest earlier occurrence of this token", causal=True)
_add("attrium", "binary_addition", "01+", "11+1", lambda n: arithmetic.addition(base=2),
     "The sum of two binary numbers, digit by digit", accepts=_at_most_one_plus)
_add("attrium", "digit_sum", "0123", "1233", lambda n: arithmetic.digit_sum(modulus=4), "Sum of the digits modulo 4")
_add("attrium", "modular_sum", (0, 1, 2), (1, 2, 2), lambda n: counting.modular_sum(tokens, 3), "The sum modulo 3")
_add("attrium", "caesar", "abc", "abca", lambda n: arithmetic.caesar("abc", 1), "The next letter of the alphabet",
     prefix=True)
_add("attrium", "parity", "01", "1101", lambda n: counting.parity(tokens, "1"), "Parity of the number of ones")
_add("attrium", "majority", "ab", "aab", lambda n: counting.majority(tokens, "a"), "Whether more than half are a")
_add("attrium", "distinct_count", "abc", "abca", lambda n: counting.distinct_count(), "How many different tokens")
_add("attrium", "most_frequent", "abc", "cabba", lambda n: sorting.most_frequent(), "The most frequent token")
_add("attrium", "median", (1, 2, 3, 4), (4, 1, 3, 2), lambda n: sorting.median(), "The (lower) middle token")
_add("attrium", "is_sorted", (1, 2, 3), (1, 2, 2), lambda n: sorting.is_sorted(), "Whether the tokens rise")
_add("attrium", "palindrome", "abc", "abcba", lambda n: shifting.palindrome(), "Whether it reads the same backwards")
_add("attrium", "rotate", "abc", "abcc", lambda n: shifting.rotate(1), "The tokens moved on by one, around the end")
_add("attrium", "deduplicate", "abc", "abca", lambda n: occurrences.deduplicate(), "Each token once",
     prefix=True)
_add("attrium", "unique", "abc", "aabca", lambda n: occurrences.unique(), "The different tokens, at the front")
_add(
    "attrium", "run_length", "ab", "aabbb", lambda n: runs.run_length(), "Length of the run so far", prefix=True
)
_add("attrium", "longest_run", "ab", "aabbba", lambda n: runs.longest_run(), "Length of the longest run")
_add("attrium", "depth", "()a", "(()a)", lambda n: brackets.depth(), "How many brackets are open", prefix=True)
_add("attrium", "is_dyck2", "(){}", "({})", lambda n: brackets.is_dyck(),
     "Whether brackets of two kinds are nested properly")
_add("attrium", "alternating", "ab", "abab", lambda n: automata.accepts(automata.ALTERNATING, n),
     "Whether each prefix is a word of (ab)*", prefix=True)
_add("attrium", "divisible_by_3", "01", "1001", lambda n: automata.accepts(automata.DIVISIBLE_BY_3, n),
     "Whether each prefix, a binary number, is divisible by 3", prefix=True)
_add("attrium", "no_two_b", "ab", "abab", lambda n: automata.accepts(automata.NO_TWO_B, n),
     "Whether each prefix has no two b in a row", prefix=True)
# fmt: on
