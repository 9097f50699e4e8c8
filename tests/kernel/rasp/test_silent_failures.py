"""Ten ways in which the reference compiler gives wrong results without a word: here each is right, or refused.

The list is of measurements on Tracr (Lindner et al. 2023, commit 9ce2b8c). What else could go wrong quietly follows it:
floats that nearly meet, numbers beyond the dtype, values of one size and two types.
"""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest
import torch

from attrium_kernel import rasp
from attrium_kernel.rasp import (
    LinearSequenceMap,
    Map,
    SequenceMap,
    aggregate,
    indices,
    length,
    numerical,
    select,
    selector_width,
    tokens,
)

from .agreement import all_inputs, compiles, disagreement, ids, meaning, outputs, same_values

pytestmark = compiles


def agrees_on(output, inputs, vocabulary, max_length, tolerance=None, **options):
    """The compiled model is right on these inputs, on which the program has to have a value."""
    inputs = [tuple(given) for given in inputs]
    expected = meaning(output, inputs, options.get("causal", False))
    assert len(expected) == len(set(inputs)), "an input has no value"
    compiled = rasp.compile(output, vocabulary, max_length, **options)
    assert not disagreement(compiled, expected, tolerance)
    return compiled


def agrees(output, vocabulary, max_length, **options):
    """The compiled model is right on all inputs."""
    return agrees_on(output, all_inputs(vocabulary, max_length), vocabulary, max_length, **options)


def texts(letters, longest, count=20, seed=0):
    """Inputs of many lengths, the longest among them."""
    random = Random(seed)
    lengths = [1, 2, longest - 1, longest, longest] + [random.randint(1, longest) for _ in range(count)]
    found = [tuple(random.choices(letters, k=n)) for n in lengths if n]
    return [*found, (letters[0],) * longest, (letters[-1],) * longest]


def hist():
    return selector_width(select(tokens, tokens, "==")).named("hist")


def share_of_a():
    """How much of the text so far is "a"."""
    return aggregate(select(indices, indices, "<="), numerical(tokens == "a")).named("share")


# ---- 1. widths at any length


@pytest.mark.parametrize("longest", [6, 7, 10, 20, 50, 100])
def test_widths_are_exact_at_every_length(longest):
    """Tracr's default: 7 reads as 6.89, 10 as 9, 20 as 17."""
    inputs = texts("ab", longest) + [("a",) * n for n in range(1, longest + 1)]
    agrees_on(length, inputs, "ab", longest)
    agrees_on(hist(), inputs, "ab", longest)
    agrees_on(numerical(length), inputs, "ab", longest)
    agrees_on(numerical(hist()), inputs, "ab", longest, tolerance=1e-3)


def test_what_stands_on_widths_is_exact():
    reverse = aggregate(select(indices, length - indices - 1, "=="), tokens)
    agrees_on(reverse, texts("abc", 20), "abc", 20)
    place = selector_width(select(tokens, tokens, "<") | select(tokens, tokens, "==") & select(indices, indices, "<"))
    agrees_on(aggregate(select(place, indices, "=="), tokens), texts((1, 2, 3), 20), (1, 2, 3), 20)


# ---- 2. attention as sharp as it has to be, whatever the head's size


@pytest.mark.parametrize("longest", [60, 100, 200, 400])
def test_means_do_not_fade_with_the_length(longest):
    """Tracr's largest error: 0.002, 0.012, 0.17, 0.74."""
    agrees_on(share_of_a(), texts("ab", longest, 4), "ab", longest)


def test_one_selected_key_among_many_is_not_blurred():
    agrees_on(aggregate(select(indices, indices, "key == query - 1"), tokens), texts("abc", 300, 3), "abc", 300)


# ---- 3. negative numbers


def test_negative_numbers_are_not_clipped():
    negative = numerical(Map("-x", tokens))
    vocabulary = (-2, 1, 3)
    agrees(negative, vocabulary, 3)
    agrees(LinearSequenceMap(negative, numerical(indices), 2, -1), vocabulary, 3)
    agrees(aggregate(select(indices, indices, "<="), negative), vocabulary, 4)
    agrees(Map("x < 0", numerical(Map("x - 1", negative))), vocabulary, 3)
    agrees(numerical(Map("x ** 3", negative)), vocabulary, 3)


# ---- 4. fractions j/k


@pytest.mark.parametrize("function", ["x > {t}", "x >= {t}", "x == {t}"])
def test_thresholds_among_fractions_are_exact(function):
    """Tracr knows 0 and 1/k only: 2/3 is rounded to 1/2 or to 1."""
    for threshold in sorted({Fraction(j, k) for k in range(1, 5) for j in range(k + 1)} | {Fraction(3, 5)}):
        agrees(Map(function.format(t=float(threshold)), share_of_a()), "ab", 4)


def test_functions_of_fractions_are_exact():
    agrees(numerical(Map("x * x", share_of_a())), "ab", 6)
    agrees(Map("round(4 * x)", share_of_a()), "ab", 6)
    agrees_on(Map("x > 0.6", share_of_a()), texts("ab", 20, 60), "ab", 20)


# ---- 5. the BOS is nobody's key


def made_from_a_number():
    """A category that was a number in between: Tracr writes it at the BOS as well, and later counts it."""
    return Map("'some' if x > 0 else 'none'", numerical(Map("x - 1", numerical(hist())))).named("made")


def test_the_bos_is_not_counted():
    made = made_from_a_number()
    agrees(selector_width(select(made, made, "==")), "ab", 5)
    agrees(selector_width(select(made, made, "!=")), "ab", 5)
    zero = Map("x * 0", numerical(hist()))
    agrees(selector_width(select(zero, zero, "==")), "ab", 4)
    agrees(selector_width(~select(zero, indices, "==")), "ab", 4)


def test_the_bos_is_not_averaged():
    made = made_from_a_number()
    agrees(aggregate(select(made, made, "=="), numerical(indices)), "ab", 5)
    agrees(aggregate(select(made, made, "=="), numerical(indices + 3)), "ab", 5)
    agrees(aggregate(select(indices, indices, "true"), Map("x + 1", numerical(hist()))), "ab", 5)
    agrees(aggregate(select(indices, indices, "<"), numerical(indices + 1), default=0), "ab", 4)


def test_nothing_selected_gives_the_default_and_not_the_bos():
    never = select(tokens, tokens, "false")
    for default in (None, 0, 7, -1):
        agrees(aggregate(never, tokens, default), (1, 2), 3)
        if default is not None:
            agrees(aggregate(never, numerical(tokens), default), (1, 2), 3)


# ---- 6. a mean of categories


def test_a_mean_of_categories_is_the_mean_or_refused():
    """Tracr picks one of them."""
    mean = aggregate(select(indices, indices, "<="), tokens).named("mean")
    for output in (mean, Map("x > 1.4", mean), numerical(mean + 1), selector_width(select(mean, mean, "=="))):
        refused = ""
        try:
            agrees(output, (1, 2, 4), 3)
        except rasp.CompileError as error:
            refused = error.node
        assert refused in ("", *rasp.Program(output).labels)


# ---- 7. absent values


def test_absent_values_are_absent():
    """Tracr's shift_by(1) on [3, 2, 3] begins with a 3."""
    previous = aggregate(select(indices, indices, "key == query - 1"), tokens)
    compiled = agrees(previous, (2, 3), 4)
    assert compiled([3, 2, 3]) == [None, 3, 2]
    agrees(Map("x * 2", previous), (2, 3), 4)
    agrees(SequenceMap("x + y", previous, tokens), (2, 3), 4)
    agrees(aggregate(select(indices, indices, "key == query - 1"), previous), (2, 3), 4)
    agrees(Map("None if x == 2 else x", tokens), (2, 3), 4)
    agrees(selector_width(select(previous, tokens, "key is None")), (2, 3), 4)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    "test", ["key is None", "query is None", "key is not None and key > 1", "key is None or key < 2"]
)
def test_what_is_absent_by_its_own_function_can_be_asked_for(test, causal):
    """Of one source, and of two, which are not written into the residual stream as one."""
    odd = Map("None if x == 2 else x", tokens)
    for x in (odd, odd + indices, SequenceMap("None if x == y else x", indices, tokens)):
        agrees(selector_width(select(x, x, test)), (1, 2, 3), 3, causal=causal)
        agrees(selector_width(~select(x, tokens, test.replace("query", "key"))), (1, 2, 3), 3, causal=causal)


# ---- 8. names


def test_two_nodes_of_one_name_stay_two():
    """Tracr keeps whichever it meets first."""
    one = (tokens == "a").named("same")
    other = (tokens == "b").named("same")
    compiled = agrees(SequenceMap("2 * x + y", one, other), "abc", 3)
    labels = [label for label in compiled.program.labels if label.startswith("same")]
    assert len(labels) == len(set(labels)) == 2


def test_an_encoding_given_later_is_a_node_of_its_own():
    once = Map("x % 3", indices).named("rest")
    agrees(LinearSequenceMap(numerical(once), numerical(indices), 1, 10), "ab", 4)
    agrees(SequenceMap("(x, y)", once, numerical(once)), "ab", 4)


def test_an_encoding_of_the_input_itself_is_a_node_of_its_own():
    """The tokens (or the indices) as categories and as numbers in one program: both come from the embedding."""
    for keys, queries in [(tokens, indices), (tokens, tokens), (numerical(tokens), tokens), (indices, indices)]:
        for x in (numerical(tokens), numerical(indices), tokens.named("given"), indices.named("place")):
            agrees(aggregate(select(keys, queries, "<="), x, 0), (1, 2), 3)
            agrees(SequenceMap("x - y", x, aggregate(select(keys, queries, "true"), x)), (1, 2), 3)
    agrees(LinearSequenceMap(numerical(tokens), numerical(indices), 1, 10) + tokens + indices, (1, 2), 3)


# ---- 9. padding


@pytest.mark.parametrize(
    "output",
    [
        length,
        numerical(length),
        selector_width(select(indices, indices, "true")),
        selector_width(select(indices, indices, ">")),
        selector_width(~select(indices, indices, "==")),
        selector_width(~select(tokens, tokens, "==") | select(indices, indices, "==")),
        aggregate(select(indices, indices, "true"), numerical(indices)),
        aggregate(select(indices, length - 1, "=="), tokens),
        aggregate(select(indices, indices, ">"), numerical(indices), default=-1),
    ],
    ids=["length", "length as number", "by index", "later", "others", "composite", "mean", "last", "mean of later"],
)
def test_padding_is_nobodys_key(output):
    """Tracr counts it in selectors of indices: 5 for two tokens of five."""
    compiled = rasp.compile(output, "ab", 6)
    given, expected = list("aba"), rasp.evaluate(output, "aba")
    for padded in range(4, 7):
        row = torch.cat([ids(compiled, [given])[0], torch.ones(padded - 3, dtype=torch.long)])[None]
        with torch.no_grad():
            logits = compiled.model(row).logits
        found = rasp.decode.decode_batch(compiled.craft, logits, [3])[0]
        assert same_values(found, expected, 1e-4), f"padded to {padded}: {found}, not {expected}"


def test_a_batch_of_many_lengths_is_its_rows_one_by_one():
    compiled = rasp.compile(hist(), "ab", 5)
    inputs = [list(given) for given in all_inputs("ab", 5)]
    assert outputs(compiled, inputs) == [compiled(given) for given in inputs]


# ---- 10. precision of products


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_results_on_a_gpu_are_those_on_the_cpu():
    """With PyTorch's own setting, by which products of float32 are not shortened."""
    for output, longest in [(length, 60), (share_of_a(), 60)]:
        compiled = rasp.compile(output, "ab", longest, device="cuda")
        for given in texts("ab", longest, 3):
            assert same_values(compiled(list(given)), rasp.evaluate(output, given), 1e-4)


def test_float64_is_as_right_as_float32():
    for output in (length, hist(), share_of_a()):
        compiled = agrees_on(output, texts("ab", 30, 10), "ab", 30, dtype=torch.float64)
        assert next(compiled.model.parameters()).dtype == torch.float64


def test_the_stated_bound_holds():
    """What a compiled number may be off by, at most, is said; and it is so."""
    for output in (numerical(length), numerical(hist()), share_of_a()):
        compiled = rasp.compile(output, "ab", 40)
        assert 0 <= compiled.bound < 1e-2
        for given in texts("ab", 40, 10):
            found, expected = compiled(list(given)), rasp.evaluate(output, given)
            assert max(abs(x - y) for x, y in zip(found, expected, strict=True)) <= compiled.bound


# ---- what else could be wrong without a word


def right_or_refused(output, vocabulary, max_length, **options):
    """Right on all inputs, or a CompileError that names a node."""
    refused = ""
    try:
        agrees(output, vocabulary, max_length, **options)
    except rasp.CompileError as error:
        refused = error.node
    assert refused in ("", *rasp.Program(output).labels)


EVERYWHERE = select(indices, indices, "true")


@pytest.mark.parametrize(
    "output",
    [
        aggregate(EVERYWHERE, tokens) == 0.1,
        aggregate(EVERYWHERE, tokens, reduce="sum") == 0.3,
        aggregate(EVERYWHERE, numerical(tokens), reduce="sum") > 0.3,
        aggregate(select(indices, indices, "<="), tokens) + 0.2 == 0.3,
    ],
    ids=["mean == 0.1", "sum == 0.3", "sum > 0.3", "mean + 0.2 == 0.3"],
)
def test_floats_that_nearly_meet_are_told_apart_as_the_interpreter_does(output):
    """0.1 + 0.1 + 0.1 is 0.30000000000000004 in floats, and 0.3 in fractions."""
    right_or_refused(output, (0.1, 0.2), 4)


@pytest.mark.parametrize("vocabulary", [(1.0, 1.0000001), (1e-9, 2e-9), (1e9, 1e9 + 1)], ids=repr)
def test_tokens_that_are_close_stay_apart(vocabulary):
    threshold = (vocabulary[0] + vocabulary[1]) / 2
    for x in (tokens, numerical(tokens + 0), aggregate(EVERYWHERE, numerical(tokens))):
        right_or_refused(Map(f"x > {threshold!r}", x), vocabulary, 3)


def test_a_number_beyond_the_dtype_is_refused():
    """1e50 is infinite in float32."""
    right_or_refused(numerical(Map("x ** 50", tokens)), (10, 3), 2)
    right_or_refused(numerical(Map("1e200 * x", tokens)), (10, 3), 2)


@pytest.mark.parametrize("value", [float("inf"), -float("inf"), float("nan")])
def test_a_token_that_is_no_number_is_refused(value):
    with pytest.raises(rasp.RaspError):
        rasp.compile(numerical(tokens + 1), (value, 1.0), 3)


def test_values_of_one_size_and_two_types_are_told_apart_or_refused():
    """A mean of 2 and 2 is 2.0, one 2 is 2: `str` sees it, a dimension for the number does not."""
    right_or_refused(Map("str(x)", aggregate(select(indices, indices, "<="), tokens)), (1, 2), 3)
    right_or_refused(Map("str(x)", rasp.where(tokens == 1, tokens == 1, tokens)), (1, 2), 2)


def test_tuples_that_are_too_many_are_refused_and_not_taken_for_numbers():
    fraction = aggregate(select(indices, indices, "<="), indices, default=-1)
    other = aggregate(select(tokens, tokens, "=="), indices)
    output = SequenceMap("(x, y)", fraction, other)
    refused = None
    try:
        compiled = rasp.compile(output, "ab", 12)
    except rasp.CompileError as error:
        refused = error.node
    assert refused is not None or not disagreement(compiled, meaning(output, texts("ab", 12)))


def test_a_sum_of_nothing_is_its_default():
    for selector in (select(indices, indices, "<"), select(tokens, 1, "==")):
        for x in (indices, numerical(indices), tokens):
            right_or_refused(aggregate(selector, x, 7, "sum"), (1, 2), 4)
            agrees(aggregate(selector, x, reduce="sum"), (1, 2), 4)


def test_selectors_that_never_or_always_select():
    never, always = select(tokens, tokens, "false"), select(tokens, indices, "true")
    for selector in (never, always, ~never, ~always, never & always, never | always, ~(never | always)):
        agrees(selector_width(selector), (1, 2), 3)
        agrees(numerical(selector_width(selector)), (1, 2), 3)
        agrees(aggregate(selector, numerical(tokens), 5), (1, 2), 3)
        agrees(aggregate(selector, tokens, 5, "max"), (1, 2), 3)
        agrees(aggregate(selector, tokens, reduce="sum"), (1, 2), 3)


@pytest.mark.parametrize("reduce", ["mean", "sum", "max", "min"])
@pytest.mark.parametrize("default", [None, 0, -1, 7])
def test_every_reduction_of_what_another_gave(reduce, default):
    """A default that is among the values of the first, and one that is not."""
    first = aggregate(select(indices, indices, "<="), tokens == 1, default, reduce)
    second = aggregate(select(indices, indices, "<="), first, default, reduce)
    right_or_refused(second, (1, 2), 4)
    right_or_refused(aggregate(select(tokens, tokens, "=="), first, default, "max"), (1, 2), 4)


@pytest.mark.parametrize(
    "output", [tokens, indices, numerical(indices), rasp.Constant("k"), rasp.Constant(3) + 0], ids=repr
)
def test_programs_without_anything_to_do(output):
    agrees(output, (1, 2), 3)
    agrees(output, (1, 2), 1)
    agrees(output, (1,), 3)


def test_vocabularies_of_every_kind():
    for vocabulary in [
        ("1", 1, "a"),
        ((1, 2), (3, 4)),
        (True, 2),
        (-1.5, 0, 2),
        ("", "a b", "BOS "),
        ("é", "\U0001d54f"),
    ]:
        agrees(tokens, vocabulary, 2)
        agrees(selector_width(select(tokens, tokens, "==")), vocabulary, 3)


def test_a_sum_over_what_may_be_absent_is_a_number():
    """Where the keys are absent nothing is selected, and the default of the sum is its value, not its absence."""
    nowhere = aggregate(select(indices, indices, "key == query + 1"), tokens)
    known = select(nowhere, tokens, "key is not None and query is not None and key < query")
    for default in (0, -1):
        output = Map("x if x > 2 else 2", aggregate(known, nowhere, default, "sum"))
        agrees(output, (1, 2, 3), 4, causal=True)
        agrees(output, (1, 2, 3), 3)


# ---- equal values that a function tells apart

TRUE_OR_ONE = rasp.where(indices == 0, True, 1)
PREVIOUS = select(indices, indices, "key == query - 1")


@pytest.mark.parametrize(
    "output",
    [
        Map("str(x)", aggregate(PREVIOUS, TRUE_OR_ONE)),
        Map("str(x)", aggregate(PREVIOUS, Map("(x,)", TRUE_OR_ONE))),
        Map("str(x)", aggregate(PREVIOUS, Map("0.0 if x else -0.0", tokens == 1))),
        Map("str(x)", aggregate(EVERYWHERE, rasp.Constant(1))),
        Map("str(x)", aggregate(EVERYWHERE, tokens) + 0),
        Map("str(x)", aggregate(EVERYWHERE, tokens * 0.5, reduce="sum")),
        Map("str(x)", aggregate(PREVIOUS, tokens, 1.0)),
        Map("x == '12.0'", Map("str(x)", aggregate(select(indices, indices, "<="), tokens * 6))),
        selector_width(select(TRUE_OR_ONE, TRUE_OR_ONE, "str(key) == str(query)")),
        selector_width(select(tokens, aggregate(EVERYWHERE, tokens), "str(key) == str(query)")),
    ],
    ids=repr,
)
def test_values_that_are_one_in_the_stream_are_not_told_apart(output):
    """True and 1, 2 and 2.0, 0.0 and -0.0 share a dimension; what asks which of them it is is refused."""
    right_or_refused(output, (1, 2), 4)
    right_or_refused(output, (1, 2), 4, causal=True)


# ---- functions that are linear nearly everywhere


def test_a_sum_with_one_exception_is_no_sum():
    """One pair of widths among 14,641, and one mean among thousands."""
    same, other = hist(), selector_width(select(tokens, tokens, "!="))
    exception = SequenceMap("0 if x == 37 and y == 53 else x + y", same, other)
    inputs = [("a",) * 37 + ("b",) * 53, ("a",) * 120, ("a",)]
    agrees_on(exception, inputs, "ab", 120)
    agrees_on(numerical(exception), inputs, "ab", 120)
    mean = aggregate(select(indices, indices, "<="), Map("ord(x) - 97", tokens))
    with pytest.raises(rasp.CompileError, match="map_2"):  # at most 12,000 means, too many to list
        rasp.compile(Map("5.0 if x == 0.5 else x", mean), "ab", 200)


# ---- sums of large numbers that come out small


def test_what_cancels_is_as_exact_as_its_parts():
    """float32 has no room for a count beside 100 million: refused, and right in float64."""
    large = SequenceMap("x + y", hist(), Map("100000000 + x", indices))
    output = large - 100_000_000 == 2
    with pytest.raises(rasp.CompileError, match="off by"):
        rasp.compile(output, (1, 2), 3)
    agrees(output, (1, 2), 3, dtype=torch.float64)


@pytest.mark.parametrize("scale", [1e-13, 1e-10, 1e-6])
def test_small_numbers_are_not_rounded_away(scale):
    small = Map(f"x * {scale!r}", hist())
    right_or_refused(Map("str(x)", rasp.categorical(small)), (1, 2), 3)
    agrees(small, (1, 2), 3, tolerance=scale / 1000)
    means = [aggregate(select(indices, indices, "<="), tokens * factor) for factor in (scale, 2 * scale)]
    right_or_refused(means[0] + means[1] > 4 * scale, (1, 2), 3)


@pytest.mark.parametrize(
    "output",
    [
        numerical(Map("x ** 2", aggregate(select(indices, indices, "<="), tokens))),
        numerical(Map("x * x - x", aggregate(select(tokens, tokens, ">="), tokens, 2))),
        numerical(SequenceMap("x and y", indices, tokens / 3)),
        LinearSequenceMap(hist(), Map("x * x", length), 1 / 3, 1 / 7),
        numerical(hist() ** 2),
    ],
    ids=repr,
)
@pytest.mark.parametrize("vocabulary", [(1, 2, 4), (1000, -3)], ids=repr)
def test_the_stated_bound_of_a_computed_number_holds(output, vocabulary):
    compiled = rasp.compile(output, vocabulary, 4)
    assert compiled.bound < 1e-3 * max(abs(v) for v in vocabulary) ** 2
    expected = meaning(output, all_inputs(vocabulary, 4))
    for values, found in zip(expected.values(), outputs(compiled, list(expected)), strict=True):
        assert max(abs(x - y) for x, y in zip(found, values, strict=True)) <= compiled.bound


@pytest.mark.parametrize("f", ["x / 3", "x / 3 + 0.1", "x"])
def test_what_stands_at_bos_does_not_come_into_a_sum(f):
    """A head that counts weighs BOS a million times, so a default that is there has to be taken off exactly."""
    mean = aggregate(select(indices, indices, "<"), tokens, 0.1)
    output = aggregate(select(indices, indices, "<="), Map(f, mean), reduce="sum")
    compiled = rasp.compile(output, (0.1, 0.7), 20)
    expected = meaning(output, texts((0.1, 0.7), 20, 10))
    for values, found in zip(expected.values(), outputs(compiled, list(expected)), strict=True):
        assert max(abs(x - y) for x, y in zip(found, values, strict=True)) <= compiled.bound < 0.1
    assert rasp.compile(aggregate(EVERYWHERE, hist(), reduce="sum") + 0, "ab", 20).bound < 0.02


# ---- averages over many positions


@pytest.mark.parametrize("output", [rasp.categorical, lambda x: x], ids=["categorical", "as it is"])
def test_one_value_among_hundreds_is_in_the_mean(output):
    """A share of 299/300 is not yet all of it."""
    rising = aggregate(select(indices, indices, "<"), tokens)
    inputs = [(1,) * k + (1000,) + (1,) * (299 - k) for k in (0, 150, 298)]
    agrees_on(output(rising), inputs, (1, 1000), 300, tolerance=1e-4)


def test_a_predicate_may_name_its_arguments_as_it_likes():
    """The first is the key, whatever it is called."""
    agrees(selector_width(select(indices, indices, lambda query, key: key < query)), "ab", 3)
    agrees(selector_width(select(indices, indices, lambda key, query: key < query)), "ab", 3)
    agrees(aggregate(select(indices, tokens, lambda query, key: key > query), indices, 0), (1, 2), 3)
