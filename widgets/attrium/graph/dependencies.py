"""What a value was made of: the answer to `dependencies`, and which tokens an output truly depends on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from attrium_kernel.rasp import Aggregate, EvaluationError, Expression, Select, Selector, SelectorWidth
from attrium_kernel.rasp.compiling import agree
from attrium_kernel.rasp.expressions import Value

from ..channel import Answer
from ..errors import AttriumError
from .side import Side

MOST_RUNS = 2000
"""Runs of the interpreter for the true dependencies of one output."""


def dependencies(side: Side, tokens: Sequence[Value], label: str, position: int) -> Answer:
    """Positions of each node whose value went into a node's value at a position.

    Of an aggregate these are the positions selected; of a selector, at a query, the query and the keys it selects. A
    selector itself is listed with its queries.

    Raises:
        AttriumError: for a position that is not there.
        RaspError: for a node that is not there.
    """
    check_position(position, len(tokens))
    values, _ = side.values(tokens)
    program = side.program
    needed: dict[int, set[int]] = {id(program.node(label)): {position}}
    for node in reversed(program.nodes):
        for place in sorted(needed.get(id(node), ())):
            for child, places in _made_of(side, node, place, values):
                needed.setdefault(id(child), set()).update(places)
    return Answer({"from": {program.label(node): sorted(needed[id(node)]) for node in program if id(node) in needed}})


def _made_of(side: Side, node: Expression, place: int, values: dict[str, Any]) -> list[tuple[Expression, set[int]]]:
    """What one value was made of directly."""
    inputs = side.program.inputs(node)
    if isinstance(node, (Aggregate, SelectorWidth)):
        selected = _selected(side, inputs[0], place, values)
        return [(inputs[0], {place}), *((child, selected) for child in inputs[1:])]
    if isinstance(node, Select):
        return [(inputs[0], _selected(side, node, place, values)), (inputs[1], {place})]
    return [(child, {place}) for child in inputs]


def _selected(side: Side, selector: Expression, query: int, values: dict[str, Any]) -> set[int]:
    matrix = values.get(side.program.label(selector))
    assert isinstance(selector, Selector)
    return set() if matrix is None else set(map(int, np.flatnonzero(matrix[query])))


def check_position(position: Any, count: int) -> None:
    """Raise for a position that is not there."""
    if isinstance(position, bool) or not isinstance(position, int) or not 0 <= position < count:
        raise AttriumError(f"position={position!r}, but there are {count} tokens; pass 0 <= position < {count}")


def truth(side: Side, tokens: Sequence[Value], position: int) -> tuple[list[bool], bool]:
    """At which positions another token changes the output at `position`, one token at a time.

    Returns:
        Whether it does, for each position; and whether all values of the vocabulary were tried.
    """
    wanted = side.evaluated(tokens).output[position]
    tries, each = list(side.vocabulary), max(1, MOST_RUNS // len(tokens))
    complete = len(tries) <= each
    if not complete:
        tries = random.Random(0).sample(tries, each)
    return [_matters(side, tokens, position, place, tries, wanted) for place in range(len(tokens))], complete


def _matters(
    side: Side, tokens: Sequence[Value], position: int, place: int, tries: Sequence[Value], wanted: Value
) -> bool:
    for value in tries:
        changed = [value if i == place else token for i, token in enumerate(tokens)]
        if not side.given.accepts(changed):
            continue
        try:
            if not agree(wanted, side.evaluated(changed).output[position], 0.0):
                return True
        except EvaluationError:  # no input that the program is for
            continue
    return False
