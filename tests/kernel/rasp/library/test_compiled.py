"""The library's programs as float32 transformers, against the plain-Python references."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from attrium_kernel import rasp
from attrium_kernel.rasp.library import PROGRAMS, Example

from ..agreement import same_values
from .inputs import extreme_inputs, long_inputs, short_inputs
from .references import REFERENCES

SHORT = 6
TOLERANCE = 1e-3  # of numbers; values are compared exactly


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Models this small run many times faster without waiting for other threads, above all on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def compiled(example: Example, max_length: int) -> rasp.Compiled:
    return rasp.compile(example.build(max_length), example.vocabulary, max_length, causal=example.causal)


def assert_right(example: Example, model: rasp.Compiled, inputs: list[tuple[object, ...]]) -> None:
    for xs, given in zip(inputs, model.decode_batch(inputs), strict=True):
        expected = REFERENCES[example.name](xs)
        assert same_values(given, expected, TOLERANCE), f"{xs}: the model gives {given}, right is {expected}"


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_compiled_program_is_right_on_all_short_inputs(name: str) -> None:
    example = PROGRAMS[name]
    assert_right(example, compiled(example, SHORT), list(short_inputs(example)))


@pytest.mark.parametrize("max_length", [20, 50, 100])
@pytest.mark.parametrize("name", PROGRAMS)
def test_each_compiled_program_is_right_on_long_inputs(name: str, max_length: int, seed: int) -> None:
    example = PROGRAMS[name]
    if name == "sort_unique" and max_length > 20:
        pytest.skip("its five tokens make no longer input of distinct ones")
    inputs = long_inputs(example, max_length, 4, seed) + long_inputs(example, max_length // 2, 2, seed)
    inputs += extreme_inputs(example, max_length) + extreme_inputs(example, max_length - 3)
    assert_right(example, compiled(example, max_length), inputs)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_node_of_the_model_holds_what_the_interpreter_says(name: str) -> None:
    example = PROGRAMS[name]
    assert compiled(example, 8).check(example.sample) is None


LAYERS = {
    "alternating": 3, "argmax": 2, "binary_addition": 4, "caesar": 1, "contains_a": 1, "detect_pattern_abc": 1,
    "dyck1_ptf": 2, "dyck2_ptf": 3, "dyck3_ptf": 3, "frac_prevs": 1, "hist": 1, "hist2": 2, "induction": 3,
    "is_dyck2": 3, "length": 1, "long_addition": 4, "longest_run": 3, "median": 2, "mode": 4, "most_frequent": 3,
    "palindrome": 3, "reverse": 2, "shift_by_1": 1, "shuffle_dyck2": 2, "sort": 2, "sort_by_most_freq": 3,
    "sort_freq": 3, "unique": 3,
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_programs_take_no_more_layers_than_they_were_written_for(name: str) -> None:
    example = PROGRAMS[name]
    assert rasp.forecast(example.build(8), example.vocabulary, 8, causal=example.causal).layers <= LAYERS[name]
