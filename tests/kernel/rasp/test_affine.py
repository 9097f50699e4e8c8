"""Which s-ops are found to be sums, and that the sum is the function."""

from __future__ import annotations

import itertools

import pytest

from attrium_kernel.rasp import LinearSequenceMap, Map, Program, SequenceMap, SOp, indices, length, tokens
from attrium_kernel.rasp.affine import Sums
from attrium_kernel.rasp.expressions import select as choose
from attrium_kernel.rasp.expressions import selector_width
from attrium_kernel.rasp.values import Values

hist = selector_width(choose(tokens, tokens)).named("hist")
VOCABULARY = (1, 2, 5)


def sums_of(node: SOp) -> tuple[Sums, Values]:
    values = Values(Program(node), VOCABULARY, 4, False)
    return Sums(values, lambda source: source.kind not in ("tokens", "indices")), values


@pytest.mark.parametrize(
    "node",
    [
        length - indices - 1,
        tokens + indices,
        2 * hist - 3 * indices + tokens * tokens,  # a square of one one-hot source is a table like any other
        SequenceMap(lambda x, y: (x + y) / 2, hist, length),
        LinearSequenceMap(hist, Map("x * x", indices), 0.5, -2),
        Map("3 - x", Map("x + 1", hist)),
        Map("x[0] + x[1] - 2 * x[2]", SequenceMap("(*x, y)", SequenceMap("(x, y)", tokens, indices), hist)),
    ],
)
def test_a_sum_is_found_and_is_the_function(node: SOp):
    sums, values = sums_of(node)
    node = values.program.output  # type: ignore[assignment]
    found = sums.of(node)
    assert found is not None
    sources = values.sources(node)
    for row, value in values.table(node, sources):
        at = {id(source): v for source, v in zip(sources, row, strict=True)}
        total = found.const + sum(factor * at[key] for key, factor in found.factors.items())
        total += sum(table[at[key]] for key, table in found.tables.items())
        assert total == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize(
    "node",
    [
        hist * indices,
        hist % 2,
        Map("x * x", hist),
        hist == indices,
        SequenceMap("max(x, y)", hist, length),
        Map("5e-10 if x == 2 else x * 1e-10", hist),
        Map(lambda x: x * 2 if isinstance(x, int) else x, hist),
    ],
)
def test_what_is_no_sum_is_not_taken_for_one(node: SOp):
    sums, values = sums_of(node)
    assert sums.of(values.program.output) is None  # type: ignore[arg-type]


def test_a_product_that_is_linear_on_the_values_there_are_is_a_sum():
    zero_or_one = tokens == 1
    sums, values = sums_of(SequenceMap("x * 1 + y * 2", zero_or_one, indices > 1))
    assert sums.of(values.program.output) is not None  # type: ignore[arg-type]


def test_an_input_used_twice_counts_twice():
    sums, values = sums_of(SequenceMap("x + y", hist, hist))
    found = sums.of(values.program.output)  # type: ignore[arg-type]
    assert found is not None and list(found.factors.values()) == [2.0]


def test_means_over_one_selector_hang_together():
    """Shares among the same positions have one denominator: their difference is j / k, not j / k - i / l."""
    from attrium_kernel.rasp import aggregate

    prevs = choose(indices, indices, "<=")
    balance = aggregate(prevs, tokens == 1, 0) - aggregate(prevs, tokens == 2, 0)
    values = Values(Program(balance), VOCABULARY, 4, False)
    expected = {j / k for k in range(1, 5) for j in range(-k, k + 1)}
    found = values.of(values.program.output).values  # type: ignore[arg-type]
    assert found is not None
    assert sorted(found) == pytest.approx(sorted(expected))
    seen = {value for xs in itertools.product(VOCABULARY, repeat=4) for value in balance(xs)}
    assert {round(value, 9) for value in seen} <= {round(value, 9) for value in found}
