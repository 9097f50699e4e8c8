"""Random programs: each compiles to a model that agrees with the interpreter on every input, or is refused with why.

Every program runs on all inputs over its vocabulary up to its length, as one padded batch in float32. Where one is
wrong, the smallest of its parts that is wrong is shown.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections import Counter
from functools import cache
from random import Random

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attrium_kernel import rasp

from . import programs
from .agreement import all_inputs, compiles, disagreement, ids, meaning, same_values

pytestmark = compiles

GROUPS = 8
PER_GROUP = 260
SHARE_THAT_COMPILES = 0.6


def beyond_floats(expected):
    """Whether values are so large that float32 cannot tell them from their neighbours."""
    numbers = [x for values in expected.values() for x in values if isinstance(x, (int, float))]
    return any(not math.isfinite(x) or abs(x) > 1e5 for x in numbers)


def verdict(sample: programs.Sample) -> str:
    """ "right", "refused", "no value" (no input has one), or in words what is wrong."""
    inputs = all_inputs(sample.vocabulary, sample.max_length)
    expected = meaning(sample.program, inputs, sample.causal)
    if not expected or beyond_floats(expected):
        return "no value"
    try:
        compiled = rasp.compile(sample.program, sample.vocabulary, sample.max_length, causal=sample.causal)
    except rasp.CompileError as error:
        named = names_a_node(error, sample)
        return "refused" if named and len(str(error)) > 25 else f"refused without a node or a reason: {error}"
    except Exception as error:
        return f"compile raised {type(error).__name__}: {error}"
    try:
        return disagreement(compiled, expected) or "right"
    except Exception as error:
        return f"the model raised {type(error).__name__}: {error}"


def names_a_node(error: rasp.CompileError, sample: programs.Sample) -> bool:
    """Whether an error is about a node of the program, or about a part of one ("select_1 keys")."""
    node = str(error.node)
    return any(node == label or node.startswith(f"{label} ") for label in sample.program.labels)


def smallest(sample: programs.Sample) -> str:
    """The first part of a wrong program that is wrong by itself, and how."""
    for node in sample.program:
        if isinstance(node, rasp.SOp):
            part = programs.Sample(node, sample.vocabulary, sample.max_length, sample.causal)
            found = verdict(part)
            if found not in ("right", "refused", "no value"):
                about = f"vocabulary {part.vocabulary}, length {part.max_length}, causal {part.causal}"
                return f"{found}\n{about}\n{part.program.to_text()}"
    return "only the whole program is wrong"


@cache
def group(number: int) -> Counter[str]:
    """Verdicts on one share of the programs; a wrong one ends it."""
    found: Counter[str] = Counter()
    for seed in range(number * PER_GROUP, (number + 1) * PER_GROUP):
        sample = programs.grow(Random(seed))
        said = verdict(sample)
        assert said in ("right", "refused", "no value"), f"seed {seed}: {smallest(sample)}"
        found[said] += 1
    return found


@pytest.mark.parametrize("number", range(GROUPS))
def test_random_programs_are_right_or_refused(number):
    assert group(number).total() == PER_GROUP


def test_most_random_programs_compile():
    found = sum((group(number) for number in range(GROUPS)), Counter())
    assert found.total() >= 2000
    assert found["right"] / (found["right"] + found["refused"]) > SHARE_THAT_COMPILES, found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False))
def test_programs_that_hypothesis_looks_for_are_right_or_refused(random):
    sample = programs.grow(random, random.randint(1, 6))
    said = verdict(sample)
    assert said in ("right", "refused", "no value"), smallest(sample)


# ---- the same by other ways


@cache
def compiled_samples(count=40):
    """Random programs that compile, with what they mean."""
    found = []
    for seed in itertools.count():
        sample = programs.grow(Random(f"other ways {seed}"))
        expected = meaning(sample.program, all_inputs(sample.vocabulary, sample.max_length), sample.causal)
        if not expected or beyond_floats(expected):
            continue
        with contextlib.suppress(rasp.CompileError):
            found.append((sample, expected, compile_sample(sample)))
        if len(found) == count:
            return found


def compile_sample(sample, **options):
    return rasp.compile(sample.program, sample.vocabulary, sample.max_length, causal=sample.causal, **options)


def test_hard_attention_and_double_precision_are_right_too():
    for sample, expected, _ in compiled_samples():
        for options in ({"attention": "hard"}, {"dtype": torch.float64}):
            wrong = disagreement(compile_sample(sample, **options), expected)
            assert not wrong, f"{options}: {wrong}\n{sample.program.to_text()}"


def test_keeping_every_node_changes_no_output_and_shows_every_node():
    for sample, expected, _ in compiled_samples()[:20]:
        try:
            compiled = compile_sample(sample, keep="all")
        except rasp.CompileError:
            continue  # a node that is not needed may be one that cannot be written
        assert not disagreement(compiled, expected), sample.program.to_text()
        for row in list(expected)[:: max(1, len(expected) // 3)]:
            assert compiled.check(list(row)) is None, sample.program.to_text()


def test_nodes_read_from_the_model_are_the_interpreters():
    """`check` says nothing, and `node_values` has nothing else to say than the interpreter."""
    read = 0
    for sample, expected, compiled in compiled_samples():
        for row in list(expected)[:: max(1, len(expected) // 3)]:
            assert compiled.check(list(row)) is None, f"{row}\n{sample.program.to_text()}"
            evaluation = rasp.run(sample.program, row, causal=sample.causal)
            for label, values in compiled.node_values(list(row)).items():
                if label not in evaluation:
                    continue  # a node that the compiler made for itself
                wanted = [y if y is not None else x for x, y in zip(values, evaluation[label], strict=True)]
                assert same_values(values, wanted, 1e-3), f"{label} on {row}\n{sample.program.to_text()}"
                read += 1
    assert read > 60


def test_the_craft_and_the_model_compute_the_same():
    for _, expected, compiled in compiled_samples():
        rows = ids(compiled, list(expected)[-5:])
        with torch.no_grad():
            logits = compiled.model(rows).logits
        torch.testing.assert_close(logits.double(), compiled.craft.logits(rows), atol=2e-2, rtol=1e-3)


def test_a_forecast_is_what_is_built():
    for sample, _, compiled in compiled_samples():
        sizes = rasp.forecast(sample.program, sample.vocabulary, sample.max_length, causal=sample.causal)
        config = compiled.model.config
        assert sizes.layers == config.n_layer and sizes.heads == config.n_head, sample.program.to_text()
        assert sizes.d_head == config.d_head and sizes.d_model == config.d_model, sample.program.to_text()
        assert sizes.d_mlp == config.d_mlp, sample.program.to_text()
        assert sizes.parameters == sum(p.numel() for p in compiled.model.parameters()), sample.program.to_text()


def test_validate_finds_problems_where_compile_does():
    refused = 0
    for seed in range(400):
        sample = programs.grow(Random(f"validate {seed}"))
        problems = rasp.validate(sample.program, sample.vocabulary, sample.max_length, causal=sample.causal)
        node = refused_at(sample)
        assert (node is None) == (not problems), f"compile: {node}; validate: {problems}\n{sample.program.to_text()}"
        if node is not None:
            refused += 1
            assert node in [problem.node for problem in problems], sample.program.to_text()
    assert 0 < refused < 160


def refused_at(sample):
    """The node that a program is refused at, None if it compiles."""
    try:
        compile_sample(sample)
    except rasp.CompileError as error:
        return error.node
    return None


# ---- the checks themselves


def test_a_wrong_program_would_be_found(monkeypatch):
    """A compiler that takes `x + 1` for `x + 2`."""
    real = rasp.compile

    def wrong(program, *arguments, **options):
        return real(rasp.Program.from_json(program.to_json().replace("x + 1", "x + 2")), *arguments, **options)

    sample = programs.Sample((rasp.indices + 1) * 2, (1, 2), 3, False)
    assert verdict(sample) == "right"
    monkeypatch.setattr(rasp, "compile", wrong)
    assert "the interpreter gives" in verdict(sample)
    assert "map_1 = map(indices)  x: x + 1" in smallest(sample)
    assert "map_2" not in smallest(sample)
