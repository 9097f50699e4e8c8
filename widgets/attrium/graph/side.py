"""One program on show: as it is written, compiled, and run."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from attrium_kernel.rasp import (
    Compiled,
    CompileError,
    Evaluation,
    EvaluationError,
    Program,
    RaspError,
    compile,
    forecast,
    run,
)
from attrium_kernel.rasp.expressions import Value

from ..errors import AttriumError
from .given import Given
from .model_run import Run, run_model

MOST_PARAMETERS = 100_000_000
"""Larger models are not made unasked."""
MOST_RUNS = 16
"""Runs that are kept, of the inputs and ablations seen last."""


@dataclass(frozen=True, eq=False)
class Side:
    """A program and its model.

    Attributes:
        given: where it came from.
        program: the program.
        compiled: its model; None if it does not compile.
        problem: why it does not.
        vocabulary, max_length, causal, keep: what it is compiled for.
    """

    given: Given
    program: Program
    compiled: Compiled | None
    problem: RaspError | None
    vocabulary: tuple[Value, ...]
    max_length: int
    causal: bool
    keep: Any
    _runs: OrderedDict[Any, Run] = field(default_factory=OrderedDict, repr=False)
    _lock: Any = field(default_factory=threading.Lock, repr=False)

    @property
    def label(self) -> str:
        """The label of its output."""
        return self.program.label(self.program.output)

    @property
    def model(self) -> Compiled:
        """Its model.

        Raises:
            AttriumError: it does not compile; says why.
        """
        if self.compiled is None:
            raise AttriumError(f"there is no model of {self.label}: {self.problem}")
        return self.compiled

    def evaluated(self, tokens: Sequence[Value]) -> Evaluation:
        """The values of all nodes.

        Raises:
            EvaluationError: the program has no value on this input.
        """
        return run(self.program, tokens, causal=self.causal)

    def values(self, tokens: Sequence[Value]) -> tuple[dict[str, Any], EvaluationError | None]:
        """The values of the nodes that have some, and the first error."""
        try:
            return dict(self.evaluated(tokens)), None
        except EvaluationError as error:
            found, first = {}, error
        for node in self.program:
            try:
                found[self.program.label(node)] = run(Program(node), tokens, causal=self.causal).output
            except EvaluationError:
                continue
        return found, first

    def running(self, tokens: Sequence[Value], ablated: Sequence[str] = ()) -> Run:
        """What the model does on an input, with nodes ablated."""
        key = (tuple((type(value), value) for value in tokens), tuple(sorted(set(ablated))))
        with self._lock:
            if key in self._runs:
                self._runs.move_to_end(key)
                return self._runs[key]
        found = run_model(self.model, tokens, ablated)
        with self._lock:
            self._runs[key] = found
            while len(self._runs) > MOST_RUNS:
                self._runs.popitem(last=False)
        return found


def make_side(given: Given, vocabulary: Sequence[Value], max_length: int, causal: bool, keep: Any) -> Side:
    """Build and compile a program. One that does not compile is still evaluated and drawn."""
    program = given.make(max_length)
    settings = tuple(vocabulary), max_length, causal
    kept = (*settings, keep)
    if given.compiled is not None and _is_as(given.compiled, *settings):
        return Side(given, program, given.compiled, None, *kept)
    try:
        _check_size(program, *settings)
        compiled = compile(program, vocabulary, max_length, causal=causal, keep=keep)
    except RaspError as error:
        return Side(given, program, None, error, *kept)
    return Side(given, program, compiled, None, *kept)


def _check_size(program: Program, vocabulary: Sequence[Value], max_length: int, causal: bool) -> None:
    """Refuse a program whose model would not fit, before its weights are made."""
    size = forecast(program, vocabulary, max_length, causal=causal).parameters
    if size > MOST_PARAMETERS:
        raise CompileError(
            f"its model would have {size:,} parameters; lower max_length or take fewer values into the vocabulary, or "
            "pass what compile(...) made",
            program.label(program.output),
        )


def _is_as(compiled: Compiled, vocabulary: tuple[Value, ...], max_length: int, causal: bool) -> bool:
    own = compiled.tokenizer.program_vocabulary.inputs
    return (own, compiled.max_length, compiled.causal) == (vocabulary, max_length, causal)
