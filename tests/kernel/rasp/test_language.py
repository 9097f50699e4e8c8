"""The language: operators, what cannot be done with an expression, names, encodings, and errors that say what to do."""

from __future__ import annotations

import copy
import itertools
import operator
import pickle
import signal
import time
from contextlib import contextmanager

import pytest

from attrium_kernel import rasp
from attrium_kernel.rasp import (
    Constant,
    Elementwise,
    LinearSequenceMap,
    Map,
    Program,
    RaspError,
    SequenceMap,
    aggregate,
    categorical,
    full,
    indices,
    length,
    numerical,
    select,
    selector_width,
    tokens,
    where,
)

ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow]
COMPARING = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
OPERATORS = ARITHMETIC + COMPARING
NUMBERS = [3, 1, 2, 4]
by_name = {"ids": lambda value: getattr(value, "__name__", repr(value))}


@contextmanager
def seconds(limit: float):
    """An error if what is inside takes longer, however it does."""

    def stop(*_):
        raise AssertionError(f"not done after {limit} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# ---- operators


@pytest.mark.parametrize("act", OPERATORS, **by_name)
def test_between_two_sops_an_operator_acts_per_position(act):
    assert act(tokens, indices + 1)(NUMBERS) == [act(x, i + 1) for i, x in enumerate(NUMBERS)]


@pytest.mark.parametrize("constant", [2, -2, 0.5, True], ids=repr)
@pytest.mark.parametrize("act", OPERATORS, **by_name)
def test_a_constant_on_either_side(act, constant):
    assert act(tokens, constant)(NUMBERS) == [act(x, constant) for x in NUMBERS]
    assert act(constant, tokens)(NUMBERS) == [act(constant, x) for x in NUMBERS]


def test_a_negative_constant_keeps_its_sign_under_a_power():
    assert ((-2) ** tokens)([2, 3]) == [4, -8]
    assert (tokens**-1)([2, 4]) == [0.5, 0.25]
    assert (-(tokens**2))([3]) == [-9]
    assert ((-1 - tokens) * -2)([3]) == [8]


def test_text_operators():
    assert (tokens == "a")("ab") == [True, False]
    assert ("b" + tokens)("ab") == ["ba", "bb"]
    assert (tokens < "b")("ab") == [True, False]
    assert (tokens == 'it\'s "quoted"\n')(['it\'s "quoted"\n']) == [True]


@pytest.mark.parametrize(("a", "b"), list(itertools.product([0, 1, 2], repeat=2)))
def test_and_or_not_have_pythons_values(a, b):
    """As in Tracr: `and` and `or` give one of the two, not a truth value."""
    x, y = Map(f"{a}", tokens), Map(f"{b}", tokens)
    assert (x & y)("k") == [a and b] and (x | y)("k") == [a or b] and (~x)("k") == [not a]
    assert (x & b)("k") == [a and b] and (a & y)("k") == [a and b]
    assert (x | b)("k") == [a or b] and (a | y)("k") == [a or b]


def test_signs_and_rounding():
    assert (-tokens)([1, -2]) == [-1, 2] and (+tokens)([True]) == [1] and abs(tokens)([1, -2]) == [1, 2]
    assert round(tokens / 3)([2]) == [1] and round(tokens / 3, 2)([2]) == [0.67]


def test_membership():
    assert tokens.isin("ab")("abc") == [True, True, False]
    assert tokens.isin([1])([1, 2]) == [True, False] and tokens.isin(())([1]) == [False]


def test_where_takes_from_two_or_a_constant():
    assert where(tokens > 1, tokens, indices)([5, 0, 7]) == [5, 1, 7]
    assert where(tokens == "a", "p", "q")("ab") == ["p", "q"]


def test_constants_stand_for_themselves_in_functions_of_several():
    assert SequenceMap("x + y", 10, indices)("ab") == [10, 11]
    assert Elementwise("x0 + x1 + x2 + x3", indices, 1, 2, 3)("ab") == [6, 7]
    assert select(1, indices, "==")("abc")[1].all() and not select(1, indices, "==")("abc")[0].any()


# ---- what an expression is not


@pytest.mark.parametrize(
    "use",
    [bool, lambda x: x and x, lambda x: not x, lambda x: 1 if x == 1 else 2, lambda x: 0 < x < 3, lambda x: x in [1]],
    ids=["bool", "and", "not", "if", "chained comparison", "in a list"],
)
def test_an_sop_has_no_truth_value(use):
    with pytest.raises(TypeError, match=r"no truth value.*write &, \| and ~, for a choice where\(condition, x, y\)"):
        use(tokens)


def test_a_selector_has_no_truth_value():
    with pytest.raises(TypeError, match="no truth value"):
        bool(full)


@pytest.mark.parametrize("use", [iter, list, len, lambda x: "a" in x, lambda x: x[0], sum], ids=repr)
def test_an_sop_is_no_sequence(use):
    with pytest.raises(TypeError):
        use(tokens)


def test_expressions_are_known_by_identity():
    twin = tokens == "a"
    assert len({tokens, indices, twin, tokens == "a"}) == 4
    assert {tokens: 1}[tokens] == 1


@pytest.mark.parametrize("name", ["f", "name", "encoding", "anything"])
def test_an_expression_is_not_changed(name):
    with pytest.raises(AttributeError, match="an expression is not changed; make another one"):
        setattr(Map("x", tokens), name, 1)


@pytest.mark.parametrize("act", OPERATORS, **by_name)
def test_a_selector_has_no_operators_of_numbers(act):
    for x, y in [(tokens, full), (full, tokens)]:
        if act in (operator.eq, operator.ne) and x is full:
            continue  # identity, as for any object, where a selector stands first
        with pytest.raises((RaspError, TypeError)):
            act(x, y)


# ---- wrong arguments


WRONG = [
    (lambda: tokens * [1], "was given [1] (list); pass an s-op or a plain value"),
    (lambda: tokens == {1: 2}, "was given {1: 2} (dict)"),
    (lambda: tokens * (1, [2]), "[2] (list) is not a value of a program"),
    (lambda: Constant([1]), "[1] (list) is not a value of a program; pass None, a number, a string, a bool, or"),
    (lambda: Constant(1j), "1j (complex) is not a value"),
    (lambda: aggregate(tokens, full), "aggregate was given tokens as its selector; pass what select(...) makes"),
    (lambda: aggregate(full, full), "a selector (full) was given where an s-op is expected; aggregate over it first"),
    (lambda: aggregate(full, tokens, reduce="median"), "reduce is 'median'; pass 'mean', 'sum', 'max' or 'min'"),
    (lambda: aggregate(full, tokens, default=[0]), "[0] (list) is not a value"),
    (lambda: selector_width(tokens), "selector_width was given tokens as its selector"),
    (lambda: select(full, tokens), "a selector (full) was given where an s-op is expected"),
    (lambda: full & tokens, "selector_and was given tokens; pass selectors"),
    (lambda: full | 1, "selector_or was given 1; pass selectors"),
    (lambda: Elementwise("1"), "an elementwise function was given no s-op; pass at least one"),
    (lambda: LinearSequenceMap(tokens, indices, "2", 1), "a factor was given as '2'; pass a number"),
    (lambda: LinearSequenceMap(tokens, indices, True, 1), "a factor was given as True; pass a number"),
    (lambda: tokens.encoded("binary"), "encoding is 'binary'; pass 'categorical' or 'numerical'"),
    (lambda: tokens.named(""), "a name was given as ''; pass a text that is not empty"),
    (lambda: tokens.named(3), "a name was given as 3"),
    (lambda: Program(3), "a program was given as 3 (int); pass an s-op or a selector"),
]


@pytest.mark.parametrize(("make", "words"), WRONG, ids=[words[:40] for _, words in WRONG])
def test_errors_say_what_was_given_and_what_to_pass(make, words):
    with pytest.raises(RaspError) as caught:
        make()
    assert words in str(caught.value)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_none_is_refused_or_meant(number):
    """Written into a function, `nan` and `inf` would be names."""
    try:
        found = repr((tokens * number)([1.0])[0])
    except RaspError as error:
        found = str(error)
    assert repr(number) in found and "unknown name" not in found


# ---- names and encodings


def test_named_and_encoded_make_copies():
    x = tokens == "a"
    named, numbers = x.named("is_a"), numerical(x)
    assert (x.name, x.encoding, named.name, numbers.encoding) == (None, None, "is_a", "numerical")
    assert named.encoded("categorical").name == "is_a" and numbers.named("n").encoding == "numerical"
    assert categorical(numbers).encoding == "categorical" and repr(named) == "is_a"
    assert named("ab") == x("ab")


def test_a_copied_program_is_whole():
    hist = selector_width(select(tokens, tokens, "==")).named("hist")
    assert copy.deepcopy(hist)("hello") == copy.copy(hist)("hello") == [1, 1, 2, 2, 1]


def test_a_program_in_the_expression_language_can_be_pickled():
    hist = (selector_width(select(tokens, tokens, "==")) + 1).named("hist")
    assert pickle.loads(pickle.dumps(hist))("hello") == [2, 2, 3, 3, 2]


# ---- large graphs


def chain(count: int):
    x = indices
    for i in range(count):
        x = x + (i % 3)
    return x


def diamonds(count: int):
    """Each node twice the one before: 2 ** count paths through count nodes."""
    x = indices
    for _ in range(count):
        x = x + x
    return x


def selector_diamonds(count: int):
    x = select(tokens, tokens, "==")
    for i in range(count):
        x = (x & x) if i % 2 else (x | x)
    return selector_width(x)


def test_five_thousand_nodes_in_a_row():
    with seconds(20):
        deep = chain(5000)
        assert deep("ab") == [sum(i % 3 for i in range(5000)), 1 + sum(i % 3 for i in range(5000))]
        program = Program(deep)
        assert len(program) == 5001 and program.same_as(chain(5000)) and not program.same_as(chain(4999))
        assert Program.from_json(program.to_json()).same_as(program)
        assert len(program.to_text().splitlines()) == 5001


def test_diamonds_take_the_time_of_their_nodes():
    with seconds(10):
        assert diamonds(60)("ab") == [0, 2**60]
        program = Program(diamonds(500))
        assert len(program) == 501 and program.same_as(diamonds(500))
        assert Program.from_dict(program.to_dict()).same_as(program)
        assert selector_diamonds(200)("aba") == [2, 1, 2]


@pytest.mark.parametrize("big", [lambda: chain(5000), lambda: diamonds(60)], ids=["chain", "diamonds"])
def test_a_large_expression_is_shown_in_short(big):
    """Errors quote expressions: they must not take longer than the mistake."""
    expression = big()
    with seconds(5):
        began = time.process_time()
        assert len(repr(expression)) < 10_000
        with pytest.raises(TypeError, match="no truth value"):
            bool(expression)
        with pytest.raises(RaspError):
            selector_width(expression)
        assert time.process_time() - began < 2


def test_a_large_expression_can_be_copied_and_let_go():
    with seconds(10):
        deep = chain(20_000)
        assert deep.named("deep").name == "deep"
        del deep
        assert length("ab") == [2, 2]


def test_exported_names_are_there():
    assert all(hasattr(rasp, name) for name in rasp.__all__)
