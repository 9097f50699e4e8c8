"""Many inputs: model against interpreter, and two programs against each other."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from attrium_kernel.rasp import EvaluationError
from attrium_kernel.rasp.compiling import agree
from attrium_kernel.rasp.expressions import Value

from ..errors import AttriumError
from ..jobs import Job
from .inputs import draw, in_turn, write_tokens
from .shown import shown
from .side import Side

LARGEST_CHECK = 100_000
IN_TURN, AT_RANDOM = 1500, 1000
"""Inputs that a search tries, the shortest ones first, and then longer ones."""
OF_MODELS = 10
"""Where two programs agree, every so many inputs are given to their models as well."""
Found = dict[str, Any]


def check_many(side: Side, count: int, seed: int, job: Job) -> Found:
    """Compare every node of the model with the interpreter's on random inputs that the program is for.

    Raises:
        AttriumError: for a count that is not positive, or a program that does not compile.
    """
    if not 1 <= count <= LARGEST_CHECK:
        raise AttriumError(f"count={count}; pass how many inputs to check, 1 to {LARGEST_CHECK}")
    draws, compiled = random.Random(seed), side.model
    wrong, done = 0, 0
    first: tuple[Sequence[Value], Any] | None = None
    for number in range(count):
        job.check()
        job.progress(number, count)
        tokens = draw(draws, side.vocabulary, side.max_length, side.given.accepts)
        try:
            found = None if tokens is None else compiled.check(tokens)
        except EvaluationError:  # the program has no value there, so there is nothing to compare
            continue
        done += tokens is not None
        wrong += found is not None
        if found is not None and tokens is not None and first is None:
            first = tokens, found
    return _found(side, done, wrong, seed, first)


def find_difference(sides: Sequence[Side], job: Job) -> Found:
    """The shortest input on which two programs differ; of one program, on which its model does not do as it says.

    A program that has a value where the other has none differs from it. If the two agree everywhere, each is compared
    with its model, on one input in `OF_MODELS`.
    """
    if len(sides) == 1:
        _ = sides[0].model  # says why there is none
    seed = 0
    inputs = list(_inputs(sides, seed))
    rounds = [(_model_differs, inputs)]
    if len(sides) > 1:
        rounds = [(_programs_differ, inputs), (_model_differs, inputs[::OF_MODELS])]
    total, done = sum(len(mine) for _, mine in rounds), 0
    for differs, mine in rounds:
        for number, tokens in enumerate(mine):
            job.check()
            job.progress(done, total)
            different = differs(sides, tokens)
            if different is not None:
                return _found(sides[0], number + 1, 1, seed, (tokens, different))
            done += 1
    return _found(sides[0], len(inputs), 0, seed, None)


def _inputs(sides: Sequence[Side], seed: int) -> Iterator[list[Value]]:
    """Inputs that the programs are for, each once as long as they come in turn."""
    one, draws = sides[0], random.Random(seed)
    accepted = all_accept(sides)
    turn: Iterable[list[Value]] = in_turn(one.vocabulary, one.max_length, IN_TURN)
    drawn = (draw(draws, one.vocabulary, one.max_length, accepted) for _ in range(AT_RANDOM))
    return itertools.chain(filter(accepted, turn), (tokens for tokens in drawn if tokens is not None))


def all_accept(sides: Sequence[Side]) -> Any:
    """Whether all programs are for an input."""
    return lambda tokens: all(side.given.accepts(tokens) for side in sides)


def _programs_differ(sides: Sequence[Side], tokens: Sequence[Value]) -> Any:
    """(label, position, expected, found) of where the second program differs from the first; None if nowhere."""
    one, other = (_output(side, tokens) for side in sides)
    if (one is None) != (other is None):
        return (sides[1].label, 0, _first(one), _first(other))
    for position, (a, b) in enumerate(zip(one or (), other or ())):
        if not agree(a, b, 1e-9):
            return (sides[1].label, position, a, b)
    return None


def _model_differs(sides: Sequence[Side], tokens: Sequence[Value]) -> Any:
    """(label, position, expected, found) of where a model differs from its program; None if nowhere."""
    for side in sides:
        if _output(side, tokens) is not None and side.compiled is not None and (found := side.compiled.check(tokens)):
            return tuple(found)
    return None


def _output(side: Side, tokens: Sequence[Value]) -> list[Value] | None:
    try:
        return list(side.evaluated(tokens).output)
    except EvaluationError:
        return None


def _first(output: Sequence[Value] | None) -> Value:
    return "no value" if output is None else output[0]


def _found(side: Side, inputs: int, wrong: int, seed: int, first: Any) -> Found:
    found: Found = {"inputs": inputs, "wrong": wrong, "seed": seed, "example": None, "first": None}
    if first is not None:
        tokens, (label, position, expected, value) = first
        found["example"] = write_tokens(tokens, side.vocabulary)
        found["first"] = {"label": label, "position": position, "expected": shown(expected), "found": shown(value)}
    return found
