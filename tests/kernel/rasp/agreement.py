"""Whether two lists of values are the same, and whether a compiled model gives what the interpreter gives."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest
import torch

from attrium_kernel import rasp
from attrium_kernel.rasp import decode

compiles = pytest.mark.skipif(not hasattr(rasp, "compile"), reason="there is no rasp.compile")


def same_value(a: Any, b: Any, tolerance: float = 0.0) -> bool:
    """Equal, numbers up to `tolerance` (absolute, or relative where larger); absent only equals absent."""
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(lambda x, y: same_value(x, y, tolerance), a, b))
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
    return type(a) is type(b) and bool(a == b)


def same_values(a: Sequence[Any], b: Sequence[Any], tolerance: float = 0.0) -> bool:
    """`same_value` at every position."""
    return len(a) == len(b) and all(same_value(x, y, tolerance) for x, y in zip(a, b, strict=True))


def all_inputs(vocabulary: Sequence[Any], max_length: int) -> Iterator[tuple[Any, ...]]:
    """Every sequence over the vocabulary with 1 to `max_length` tokens."""
    for count in range(1, max_length + 1):
        yield from itertools.product(vocabulary, repeat=count)


def meaning(program: Any, inputs: Iterable[Sequence[Any]], causal: bool = False) -> dict[tuple[Any, ...], list[Any]]:
    """The interpreter's value for each input on which the program has one."""
    found = {}
    for given in inputs:
        try:
            found[tuple(given)] = rasp.evaluate(program, given, causal=causal)
        except rasp.EvaluationError:
            continue
    return found


def ids(compiled: Any, inputs: Sequence[Sequence[Any]]) -> torch.Tensor:
    """Token ids `(input, position)`, BOS first and shorter inputs filled with PAD, without the tokenizer."""
    place = {(type(value), value): i for i, value in enumerate(compiled.craft.vocabulary)}
    width = max(map(len, inputs))
    return torch.tensor(
        [[0, *(place[type(value), value] for value in given)] + [1] * (width - len(given)) for given in inputs]
    )


def outputs(compiled: Any, inputs: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """What the torch model gives for many inputs in one padded batch, decoded."""
    with torch.no_grad():
        logits = compiled.model(ids(compiled, inputs)).logits
    return decode.decode_batch(compiled.craft, logits, [len(given) for given in inputs])


def disagreement(compiled: Any, expected: dict[tuple[Any, ...], list[Any]], tolerance: float | None = None) -> str:
    """The first input on which the model's decoded output is not what is expected, in words; "" if there is none.

    All inputs run as one padded batch; three of them also by themselves, through the tokenizer. Without a tolerance
    numbers may be off by the bound that the model states, but by no more than 0.005.
    """
    if not expected:
        return ""
    if tolerance is None:
        tolerance = min(max(1e-4, compiled.bound), 5e-3)
    inputs = list(expected)
    every = list(zip(inputs, expected.values(), outputs(compiled, inputs), strict=True))
    alone = [(given, expected[given], compiled(list(given))) for given in inputs[:: max(1, len(inputs) // 3)]]
    for given, values, found in alone + every:
        if not same_values(values, found, tolerance):
            return f"on {list(given)} the interpreter gives {values}, the model {found}"
    return ""
