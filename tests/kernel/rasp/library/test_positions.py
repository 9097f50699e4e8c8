from __future__ import annotations

import pytest

from attrium_kernel.rasp import RaspError, aggregate, indices, select, tokens
from attrium_kernel.rasp import library as lib


def test_positions_say_where_they_stand() -> None:
    assert lib.remaining("abcd") == [3, 2, 1, 0]
    assert lib.is_last("abcd") == [False, False, False, True]
    assert lib.so_far("abc").tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert lib.earlier("abc").tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    assert lib.later("abc").tolist() == [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    assert lib.here("abc").tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize("offset", [-3, -1, 0, 1, 2, 9])
def test_shift_by_moves_either_way(offset: int) -> None:
    text = "abcde"
    expected = [text[i - offset] if 0 <= i - offset < 5 else "-" for i in range(5)]
    assert lib.shift_by(offset, tokens, "-")(text) == expected


@pytest.mark.parametrize("by", [-5, -2, -1, 0, 1, 3, 5])
def test_rotate_goes_around_the_end(by: int) -> None:
    text = "abcde"
    assert lib.rotate(by)(text) == [text[(i - by) % 5] for i in range(5)]


@pytest.mark.parametrize("position", [-6, -5, -2, -1, 0, 3, 4, 5])
def test_load_from_location_counts_from_either_end(position: int) -> None:
    text = "abcde"
    expected = text[position] if -5 <= position < 5 else "none"
    assert lib.load_from_location(tokens, position, "none")(text) == [expected] * 5


def test_index_select_takes_from_the_position_named_here() -> None:
    assert lib.index_select(tokens, 3 - indices, "-")("abcde") == ["d", "c", "b", "a", "-"]


def test_select_from_first_and_last_look_at_one_position_or_none() -> None:
    for xs in ("bacab", "a", "bbb", "aaa"):
        first, last = (select_(tokens, "a")(xs) for select_ in (lib.select_from_first, lib.select_from_last))
        for row_first, row_last in zip(first, last, strict=True):
            assert row_first.nonzero()[0].tolist() == ([xs.index("a")] if "a" in xs else [])
            assert row_last.nonzero()[0].tolist() == ([xs.rindex("a")] if "a" in xs else [])


def test_has_focus_tells_whether_anything_is_selected() -> None:
    assert lib.has_focus(select(tokens, "c", "==") & lib.earlier)("acbcb") == [False, False, True, True, True]
    assert lib.has_focus(select(tokens, "x", "==") | select(indices, indices, "key == query + 2"))("abxb") == [True] * 4
    assert lib.has_focus(lib.earlier | lib.later)("a") == [False]


def test_sort_orders_values_by_keys_either_way_and_keeps_the_order_of_equals() -> None:
    keys = select(indices, indices, "<=")
    odd = (indices % 2).named("odd")
    assert lib.sort(tokens, odd)("abcde") == ["a", "c", "e", "b", "d"]
    assert lib.sort(tokens, odd, falling=True)("abcde") == ["b", "d", "a", "c", "e"]
    assert lib.rank(tokens)([3, 1, 1, 2]) == [3, 0, 1, 2]
    assert lib.rank(tokens, falling=True)([3, 1, 1, 2]) == [0, 2, 3, 1]
    assert aggregate(keys, lib.rank())([2, 2]) == [0, 0.5]


def test_steps_and_depths_are_those_of_all_kinds_together() -> None:
    assert lib.step(tokens, ["()", "[]"])("([x])") == [1, 1, 0, -1, -1]
    assert lib.depth(tokens, ["()", "[]"])("]([x])") == [-1, 0, 1, 1, 0, -1]


def test_next_is_follows_the_induction_head() -> None:
    assert lib.next_is(tokens, "b")("abcaba", causal=True) == [False, False, False, True, False, True]


def test_other_places_for_letters_of_no_alphabet() -> None:
    assert lib.caesar("xyz", 2)("xyz!") == ["z", "x", "y", "!"]
    assert lib.caesar("xyz", -1)("xyz") == ["z", "x", "y"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: lib.detect_pattern(tokens, ""), "the pattern is empty; pass at least one value"),
        (lambda: lib.caesar("", 1), "the alphabet is empty; pass at least one letter"),
        (lambda: lib.shift_by(1.5), "offset is 1.5; pass a whole number"),  # type: ignore[arg-type]
        (lambda: lib.rotate(True), "by is True; pass a whole number"),
        (lambda: lib.addition(base=16), "base is 16; pass a whole number from 2 to 10"),
        (lambda: lib.depth(tokens, ["("]), r"pairs is \['\('\]; pass one or more pairs"),
        (lambda: lib.shuffle_dyck(tokens, []), r"pairs is \[\]; pass one or more pairs"),
    ],
)
def test_wrong_arguments_are_refused_in_words(make: object, words: str) -> None:
    with pytest.raises(RaspError, match=words):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("xs", ["a", "abab", "aabca", "cbaabc", "aaaa"])
def test_earlier_same_counts_and_select_next_identical_looks_ahead(xs: str) -> None:
    assert lib.earlier_same()(xs) == [xs[:i].count(x) for i, x in enumerate(xs)]
    for i, row in enumerate(lib.select_next_identical()(xs)):
        after = xs.find(xs[i], i + 1)
        assert row.nonzero()[0].tolist() == ([] if after < 0 else [after])
