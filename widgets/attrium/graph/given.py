"""What RaspGraph may be given as a program, and what comes with it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from attrium_kernel.rasp import Compiled, CompileError, Expression, Program, RaspError, SOp, library, validate
from attrium_kernel.rasp.expressions import Value
from attrium_kernel.rasp.library.example import any_input

from .inputs import Accepts
from .python_code import functions, to_python
from .running_code import Written, from_text

Language = Literal["python", "rasp"]
GUESSES: tuple[tuple[Value, ...], ...] = (("a", "b", "c"), (1, 2, 3), ("(", ")"))
"""Vocabularies that are tried where none is given."""


@dataclass(frozen=True, eq=False)
class Given:
    """A program and what came with it.

    Attributes:
        make: builds it, for inputs of up to so many tokens.
        vocabulary, sample, causal: what it was written for; None where that is not known.
        written: the code it was made by; None for expressions, whose code is worked out.
        language: of the code.
        example: its name in the library, if it is from there.
        accepts: whether an input is one that it is for.
        compiled: it is compiled already.
        functions: Python functions by the names that its code has for them.
    """

    make: Callable[[int], Program]
    vocabulary: tuple[Value, ...] | None = None
    sample: tuple[Value, ...] | None = None
    causal: bool | None = None
    written: str | None = None
    language: Language = "python"
    example: str = ""
    accepts: Accepts = any_input
    compiled: Compiled | None = None
    functions: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def _code(self) -> str:
        return to_python(self.make(10))

    @property
    def code(self) -> str:
        """The program as code."""
        return self._code if self.written is None else self.written


def read(given: Any) -> Given:
    """What was given as a program.

    Raises:
        RaspError: for what is none; a `TextError` has the line and column of a RASP text.
    """
    if isinstance(given, Given):
        return given
    if isinstance(given, Compiled):
        vocabulary = given.craft.vocabulary[2 : 2 + _inputs(given)]
        program = given.program
        return Given(lambda n: program, vocabulary, causal=given.causal, compiled=given, functions=functions(program))
    if isinstance(given, (Expression, Program)):
        whole = Program(given)
        return Given(lambda n: whole, functions=functions(whole))
    if isinstance(given, library.example.Example):
        return of_example(given.name) if given.name in library.PROGRAMS else _of_example(given)
    if isinstance(given, str):
        return _of_word(given)
    raise RaspError(
        f"a program was given as {given!r} ({type(given).__name__}); pass an s-op, a Program, what compile(...) made, "
        "the name of a library program, or RASP text"
    )


def of_code(written: Written, code: str, language: Language, names: Mapping[str, Any] | None = None) -> Given:
    """A program that was written here, in terms of some Python functions."""
    program, example = written.program, written.example
    vocabulary = None if example is None else tuple(dict.fromkeys(example))
    return Given(lambda n: program, vocabulary, example, None, code, language, functions=names or {})


def of_example(name: str) -> Given:
    """A program of the library.

    Raises:
        RaspError: there is none of that name.
    """
    if name not in library.PROGRAMS:
        near = difflib.get_close_matches(name, library.PROGRAMS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"they are {', '.join(library.PROGRAMS)}"
        raise RaspError(f"the library has no program {name!r}; {hint}")
    return _of_example(library.PROGRAMS[name])


def _of_example(example: library.example.Example) -> Given:
    return Given(
        lambda n: Program(example.build(n)),
        example.vocabulary,
        example.sample,
        example.causal,
        example=example.name,
        accepts=example.accepts,
    )


def _of_word(given: str) -> Given:
    """A name of the library, or a text."""
    if given in library.PROGRAMS or given.isidentifier():
        return of_example(given)
    return of_code(from_text(given), given, "rasp")


def _inputs(compiled: Compiled) -> int:
    return len(compiled.tokenizer.program_vocabulary.inputs)


def with_vocabulary(given: Given, sample: Any, max_length: int) -> Given:
    """The same with a vocabulary: of the input that was given, else the first guess that it compiles for."""
    if given.vocabulary is not None:
        return given
    if sample is not None:
        return replace(given, vocabulary=tuple(dict.fromkeys(sample)))
    program = given.make(max_length)
    return replace(given, vocabulary=next((v for v in GUESSES if _fits(program, v, max_length)), GUESSES[0]))


def _fits(program: Program, vocabulary: Sequence[Value], max_length: int) -> bool:
    try:
        return isinstance(program.output, SOp) and not validate(program, vocabulary, max_length)
    except (CompileError, RaspError):
        return False


def examples() -> list[dict[str, str]]:
    """The library's programs, by family."""
    return [{"name": each.name, "family": each.family, "doc": each.doc} for each in library.PROGRAMS.values()]
