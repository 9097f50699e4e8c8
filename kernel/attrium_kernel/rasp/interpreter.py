"""What a program means: the value of every node on an input."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import EvaluationError, RaspError
from .expressions import (
    Aggregate,
    Constant,
    Elementwise,
    Expression,
    Select,
    SelectorAnd,
    SelectorNot,
    SelectorOr,
    SelectorWidth,
    Value,
)
from .functions import Function, exactly
from .program import Program

Matrix = NDArray[np.bool_]
COMPARES = frozenset(f"key {sign} query" for sign in ("==", "!=", "<", "<=", ">", ">="))


class Evaluation(Mapping[str, Any]):
    """The values of all nodes of a program on one input, by label.

    An s-op's value is a list with one value per position (None where absent), a selector's a boolean matrix
    `(query, key)`.

    Attributes:
        program: what was evaluated.
        tokens: the input.
        output: the value of the program's output.
    """

    def __init__(self, program: Program, tokens: list[Value], values: dict[str, Any]) -> None:
        self.program, self.tokens, self._values = program, tokens, values
        self.output: Any = values[program.label(program.output)]

    def __getitem__(self, label: str | Expression) -> Any:
        return self._values[label if isinstance(label, str) else self.program.label(label)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def run(program: Program | Expression, tokens: Sequence[Value], *, causal: bool = False) -> Evaluation:
    """Evaluate every node of a program once.

    Args:
        program: a program, or the s-op or selector at its end.
        tokens: the input, a text (one token per character) or a sequence of values; at least one.
        causal: queries see only keys up to their own position.

    Raises:
        EvaluationError: the program has no value on this input; names the node and the position.
    """
    program = program if isinstance(program, Program) else Program(program)
    given = listed_input(tokens)
    if not given:
        raise RaspError("the input is empty; pass at least one token")
    for position, token in enumerate(given):
        if not is_value(token):
            raise RaspError(
                f"the token at position {position} is {token!r} ({type(token).__name__}); pass finite numbers, "
                "strings, bools or tuples of these"
            )
    mask = np.tril(np.ones((len(given), len(given)), dtype=bool)) if causal else None
    values: dict[int, Any] = {}
    for node in program.nodes:
        inputs = [values[id(child)] for child in program.inputs(node)]
        values[id(node)] = _node(program.label(node), node, inputs, given, mask)
    return Evaluation(program, given, {program.label(node): values[id(node)] for node in program.nodes})


def listed_input(tokens: Iterable[Value]) -> list[Value]:
    """An input as a list of its tokens.

    Raises:
        RaspError: it is nothing that has tokens.
    """
    if not isinstance(tokens, Iterable):
        raise RaspError(f"the input is {tokens!r} ({type(tokens).__name__}); pass a text or a list of values")
    return list(tokens)


def evaluate(program: Program | Expression, tokens: Sequence[Value], *, causal: bool = False) -> Any:
    """The value of a program on an input: a list for an s-op, a boolean matrix `(query, key)` for a selector.

    As `run`, which gives the values of all nodes.
    """
    return run(program, tokens, causal=causal).output


def _node(label: str, node: Expression, inputs: list[Any], tokens: list[Value], mask: Matrix | None) -> Any:
    count = len(tokens)
    match node:
        case Constant():
            return [node.value] * count
        case Elementwise():
            return _elementwise(label, node.f, inputs)
        case Select():
            return _select(label, node, inputs[0], inputs[1], mask)
        case SelectorAnd():
            return inputs[0] & inputs[1]
        case SelectorOr():
            return inputs[0] | inputs[1]
        case SelectorNot():
            return ~inputs[0] if mask is None else ~inputs[0] & mask
        case SelectorWidth():
            return [int(width) for width in inputs[0].sum(axis=1)]
        case Aggregate():
            return [_folded(label, node, row, inputs[1], i) for i, row in enumerate(inputs[0])]
    if node.kind == "tokens":
        return list(tokens)
    if node.kind == "indices":
        return list(range(count))
    raise RaspError(f"a {type(node).__name__} cannot be evaluated", label)


def _elementwise(label: str, f: Function, inputs: list[list[Value]]) -> list[Value]:
    found: list[Value] = []
    for position, values in enumerate(zip(*inputs, strict=True)):
        value = None if any(v is None for v in values) else _called(label, f, values, position)
        if not is_value(value):
            given = ", ".join(map(repr, values))
            raise EvaluationError(
                f"{f!r} of {given} is {value!r}, which is no value of a program; make it a finite number, a string, a "
                "bool, None, or a tuple of these",
                label,
                position,
            )
        found.append(value)
    return found


def is_value(value: Value) -> bool:
    """Whether something can be a value of a program: None, a finite number, a string, a bool, or a tuple of these."""
    if isinstance(value, tuple):
        return all(map(is_value, value))
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, (int, str))


def _called(label: str, f: Callable[..., Any], values: tuple[Value, ...], position: int) -> Any:
    try:
        return f(*values)
    except Exception as error:
        given = ", ".join(map(repr, values))
        raise EvaluationError(f"{f!r} of {given} raised {type(error).__name__}: {error}", label, position) from error


def _select(label: str, node: Select, keys: list[Value], queries: list[Value], mask: Matrix | None) -> Matrix:
    test = node.predicate
    compares = test.text in COMPARES
    known: dict[tuple[Any, ...], bool] = {}
    found = np.zeros((len(queries), len(keys)), dtype=bool)
    own_keys, own_queries = [exactly(key) for key in keys], [exactly(query) for query in queries]
    for q, query in enumerate(queries):
        for k, key in enumerate(keys[: q + 1] if mask is not None else keys):
            if compares and (key is None or query is None):
                side, place = ("key", k) if key is None else ("query", q)
                raise EvaluationError(
                    f"compares an absent value ({side}); give the s-op a default, or write a predicate that takes None",
                    label,
                    place,
                )
            pair = (own_keys[k], own_queries[q])
            if pair not in known:
                known[pair] = bool(_called(label, test, (key, query), q))
            found[q, k] = known[pair]
    return found


def _folded(label: str, node: Aggregate, row: Matrix, values: list[Value], position: int) -> Value:
    """One position of an aggregate."""
    chosen = [values[k] for k in np.flatnonzero(row)]
    if not chosen:
        return node.default
    if len(chosen) == 1 and node.reduce != "sum":
        return chosen[0]
    if not all(isinstance(value, (bool, int, float)) for value in chosen):
        raise EvaluationError(
            f"{len(chosen)} positions are selected and not all of their values are numbers ({_few(chosen)}), so they "
            f"have no {node.reduce}; select one position, or map the values to numbers",
            label,
            position,
        )
    try:
        return reduced(chosen, node.reduce)
    except OverflowError as error:
        raise EvaluationError(f"the {node.reduce} of {_few(chosen)} is too large", label, position) from error


def reduced(values: Sequence[float], reduce: str) -> float:
    """Mean, sum, largest or smallest of one or more numbers, exact and rounded once."""
    if reduce == "max":
        return max(values)
    if reduce == "min":
        return min(values)
    if all(isinstance(value, int) for value in values):
        total = sum(values)
        return total if reduce == "sum" else total / len(values)
    exact = sum(map(fraction, values), Fraction(0))
    return float(exact if reduce == "sum" else exact / len(values))


def fraction(value: float) -> Fraction:
    """The simplest fraction that is this float: 1/10 for 0.1, 1/3 for 0.3333333333333333.

    Sums and means are taken of these, so that three times 0.1 is 0.3, in whatever order.
    """
    near = Fraction(value).limit_denominator(10**6)
    return near if float(near) == value else Fraction(value)


def _few(values: Sequence[Value]) -> str:
    return ", ".join(map(repr, values[:4])) + (", ..." if len(values) > 4 else "")
