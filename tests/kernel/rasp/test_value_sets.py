"""What the compiler believes of a program holds on every input: value sets, joint values, and what selectors select.

A value that the analysis misses would be a dimension that the model lacks, without a word.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
import pytest

from attrium_kernel import rasp
from attrium_kernel.rasp.values import Values, means, sums

from . import programs
from .agreement import all_inputs, same_value

SEEDS = 150


def evaluations(sample: programs.Sample, program: rasp.Program) -> Iterator[rasp.Evaluation]:
    """Every node's value on all inputs that have one."""
    for given in all_inputs(sample.vocabulary, sample.max_length):
        with contextlib.suppress(rasp.EvaluationError):
            yield rasp.run(program, given, causal=sample.causal)


def samples(name: str) -> Iterator[tuple[programs.Sample, Values, list[rasp.Evaluation]]]:
    """Random programs with the analysis of each and its values on all inputs."""
    for seed in range(SEEDS):
        sample = programs.grow(Random(f"{name} {seed}"), 6)
        program = sample.program
        analysis = Values(program, sample.vocabulary, sample.max_length, sample.causal)
        yield sample, analysis, list(evaluations(sample, program))


def found_at(analysis: Values, ask: Any) -> Any:
    """What the analysis says; None where it refuses."""
    try:
        return ask(analysis)
    except rasp.CompileError:
        return None


def test_no_value_is_missing_from_a_nodes_set():
    checked = refused = 0
    for _, analysis, found in samples("sets"):
        for node in analysis.program:
            if not isinstance(node, rasp.SOp):
                continue
            believed = found_at(analysis, lambda analysis, node=node: analysis.of(node))
            if believed is None:
                refused += 1
                continue
            checked += 1
            where = f"{analysis.label(node)} in\n{analysis.program.to_text()}"
            seen = {(type(v), v): v for e in found for v in e[analysis.program.label(node)]}.values()
            for value in seen:
                assert value is not None or believed.absent, f"absent: {where}"
                if value is None:
                    continue
                if isinstance(value, (int, float)):
                    assert believed.low - 1e-9 <= value <= believed.high + 1e-9, f"{value}: {where}"
                if believed.values is not None:
                    assert any(same_value(value, v, 1e-9) for v in believed.values), f"{value}: {where}"
    assert checked > 10 * refused and checked > 400


def test_what_is_believed_of_a_selector_holds_in_every_row():
    counts = dict.fromkeys(["all_true", "never_empty", "at_most_one", "ranks"], 0)
    for sample, analysis, found in samples("selectors"):
        for node in analysis.program:
            if not isinstance(node, rasp.Selector):
                continue
            where = f"{analysis.program.label(node)} in\n{analysis.program.to_text()}"
            for belief in counts:
                if not found_at(
                    analysis, lambda analysis, ask=belief, node=node: getattr(analysis.selectors, ask)(node)
                ):
                    continue
                counts[belief] += 1
                for evaluation in found:
                    matrix = evaluation[analysis.program.label(node)]
                    assert holds(belief, matrix, sample.causal), f"{belief} on {evaluation.tokens}: {where}"
    assert counts["all_true"] > 3 and counts["never_empty"] > 20 and counts["at_most_one"] > 20, counts


def holds(belief: str, matrix: np.ndarray, causal: bool) -> bool:
    """Whether a selector's matrix is as believed."""
    widths = matrix.sum(axis=1)
    if belief == "all_true":
        return bool(matrix.all()) if not causal else bool((matrix == np.tril(np.ones_like(matrix))).all())
    if belief == "never_empty":
        return bool((widths > 0).all())
    if belief == "at_most_one":
        return bool((widths <= 1).all())
    return sorted(widths.tolist()) == list(range(len(widths)))


def values_on(analysis: Values, node: rasp.SOp, evaluation: rasp.Evaluation) -> list[Any]:
    """A node's values; the analysis may use the indices where the program does not."""
    if node.kind == "indices":
        return list(range(len(evaluation.tokens)))
    return list(evaluation[analysis.program.label(node)])


def term_matrix(analysis: Values, term: Any, evaluation: rasp.Evaluation) -> np.ndarray:
    """A term of a cube on an input `(query, key)`."""

    def places(node: Any, values: tuple[Any, ...]) -> list[int]:
        if node is None:
            return [0] * len(evaluation.tokens)
        indexed = [(i, v) for i, v in enumerate(values)]
        row = values_on(analysis, node, evaluation)
        return [next(i for i, v in indexed if same_value(v, value, 1e-9)) for value in row]

    return term.table[np.ix_(places(term.queries, term.query_values), places(term.keys, term.key_values))]


@pytest.mark.parametrize("how", ["cubes", "split"])
def test_the_cubes_of_a_selector_take_each_pair_once(how):
    """Their sum is the selector's matrix: none is missing, none is in two of them."""
    checked = 0
    for sample, analysis, found in samples(how):
        for node in analysis.program:
            if not isinstance(node, rasp.Selector):
                continue
            cubes = found_at(analysis, lambda analysis, node=node: getattr(analysis.selectors, how)(node))
            if cubes is None:
                continue
            checked += 1
            for evaluation in found[:: max(1, len(found) // 12)]:
                count = len(evaluation.tokens)
                total = np.zeros((count, count), int)
                for cube in cubes:
                    taken = np.ones((count, count), bool)
                    for term in cube.terms:
                        taken &= term_matrix(analysis, term, evaluation)
                    total += taken
                if sample.causal:
                    total = np.tril(total)
                expected = evaluation[analysis.program.label(node)]
                where = f"{analysis.program.label(node)} in\n{analysis.program.to_text()}"
                assert (total == expected).all(), f"{evaluation.tokens}: {where}"
    assert checked > (80 if how == "cubes" else 3)


def test_joint_values_that_occur_are_reachable():
    checked = 0
    for _, analysis, found in samples("joint"):
        for node in analysis.program:
            if not isinstance(node, rasp.SOp) or len(sources := analysis.sources(node)) < 2:
                continue
            sets = found_at(analysis, lambda analysis, sources=sources: [analysis.listed(s) for s in sources])
            if sets is None:
                continue
            checked += 1
            rows = analysis.reachable(sources, sets)
            for evaluation in found:
                columns = [values_on(analysis, s, evaluation) for s in sources]
                for row in zip(*columns, strict=True):
                    if None not in row:
                        assert any(all(map(lambda a, b: same_value(a, b, 1e-9), row, known)) for known in rows), (
                            f"{row} of {[analysis.label(s) for s in sources]} on {evaluation.tokens} in\n"
                            + analysis.program.to_text()
                        )
    assert checked > 20


@pytest.mark.parametrize("values", [(0, 1), (1, 2, 4), (-2, 3), (0.5, 1.25), (7,), (0, 0.1, 0.3)], ids=repr)
def test_means_and_sums_of_a_few_values_are_all_there(values):
    """Against every choice of up to four of them."""
    chosen = list(all_inputs(values, 4))
    for found, exact in ((means(values, 4), lambda row: sum(row) / len(row)), (sums(values, 4), sum)):
        assert found is not None
        assert all(any(abs(exact(row) - x) < 1e-9 for x in found) for row in chosen)
        assert all(min(values) <= x or x <= max(values) for x in found)
