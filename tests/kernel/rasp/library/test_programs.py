from __future__ import annotations

import pytest

from attrium_kernel.rasp import Program, run
from attrium_kernel.rasp.library import PROGRAMS

from ..agreement import same_values
from .inputs import extreme_inputs, long_inputs, short_inputs
from .references import REFERENCES


def test_every_program_has_a_reference_and_every_reference_a_program() -> None:
    assert PROGRAMS.keys() == REFERENCES.keys()


def test_all_families_are_there() -> None:
    assert {example.family for example in PROGRAMS.values()} == {"tracr", "rasp", "rasp-l", "attrium"}
    assert sum(example.family == "attrium" for example in PROGRAMS.values()) >= 10


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program_gives_its_reference_on_all_short_inputs(name: str) -> None:
    example, program = PROGRAMS[name], Program(PROGRAMS[name].build())
    count = 0
    for xs in short_inputs(example):
        given = run(program, xs, causal=example.causal).output
        assert same_values(given, REFERENCES[name](xs), 1e-12), (xs, given, REFERENCES[name](xs))
        count += 1
    assert count >= 60, "too few inputs to say anything"


@pytest.mark.parametrize("length", [20, 50])
@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program_gives_its_reference_on_long_inputs(name: str, length: int, seed: int) -> None:
    example = PROGRAMS[name]
    program = Program(example.build(length))
    for xs in long_inputs(example, length, 4, seed) + extreme_inputs(example, length):
        given = run(program, xs, causal=example.causal).output
        assert same_values(given, REFERENCES[name](xs), 1e-12), xs


@pytest.mark.parametrize("name", [name for name, example in PROGRAMS.items() if example.prefix])
def test_programs_of_the_prefix_are_the_same_with_a_causal_mask(name: str) -> None:
    program = Program(PROGRAMS[name].build())
    for xs in short_inputs(PROGRAMS[name]):
        if len(xs) > 4:
            break
        assert run(program, xs, causal=True).output == run(program, xs).output


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_saved_and_opened_as_it_was(name: str) -> None:
    program = Program(PROGRAMS[name].build())
    assert Program.from_json(program.to_json()).same_as(program)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_sample_is_an_input_of_the_program(name: str) -> None:
    example = PROGRAMS[name]
    assert set(example.sample) <= set(example.vocabulary)
    assert example.accepts(example.sample)
    assert Program(example.build()).labels[-1] == name
