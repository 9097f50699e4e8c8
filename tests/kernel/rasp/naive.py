"""What a program means, a second time: one position at a time, straight from the definitions, with nothing shared.

Written without a look at the interpreter's matrices: a selector is asked pair by pair, a mean is a sum of exact
fractions, and every value is computed as often as it is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from attrium_kernel import rasp

COMPARING = {f"key {sign} query" for sign in "== != < <= > >=".split()}


class NoValueError(Exception):
    """The program has no value here."""


def value(node: Any, tokens: Sequence[Any], i: int, causal: bool = False) -> Any:
    """The value of an s-op at position `i`."""
    if node is rasp.tokens or node.kind == "tokens":
        return tokens[i]
    if node.kind == "indices":
        return i
    if isinstance(node, rasp.Constant):
        return node.value
    if isinstance(node, rasp.Elementwise):
        inputs = [value(x, tokens, i, causal) for x in node.inputs]
        if None in inputs:
            return None
        try:
            return node.f(*inputs)
        except Exception as error:
            raise NoValueError from error
    chosen = [k for k in range(i + 1 if causal else len(tokens)) if selected(node.selector, tokens, k, i, causal)]
    if isinstance(node, rasp.SelectorWidth):
        return len(chosen)
    return folded([value(node.x, tokens, k, causal) for k in chosen], node.reduce, node.default)


def folded(values: list[Any], reduce: str, default: Any) -> Any:
    """The values of the chosen keys as one."""
    if not values:
        return default
    if len(values) == 1 and reduce != "sum":
        return values[0]
    if any(isinstance(x, (str, tuple, type(None))) for x in values):
        raise NoValueError
    if reduce == "max":
        return sorted(values)[-1]
    if reduce == "min":
        return sorted(values)[0]
    total = sum(map(Fraction, values), Fraction(0))
    return float(total if reduce == "sum" else total / len(values))


def selected(selector: Any, tokens: Sequence[Any], k: int, q: int, causal: bool = False) -> bool:
    """Whether query `q` selects key `k`."""
    if isinstance(selector, rasp.SelectorAnd):
        a, b = (selected(part, tokens, k, q, causal) for part in selector.inputs)
        return a and b
    if isinstance(selector, rasp.SelectorOr):
        a, b = (selected(part, tokens, k, q, causal) for part in selector.inputs)
        return a or b
    if isinstance(selector, rasp.SelectorNot):
        return not selected(selector.inputs[0], tokens, k, q, causal)
    key, query = value(selector.keys, tokens, k, causal), value(selector.queries, tokens, q, causal)
    if None in (key, query) and selector.predicate.text in COMPARING:
        raise NoValueError
    try:
        return bool(selector.predicate(key, query))
    except Exception as error:
        raise NoValueError from error


def values(node: Any, tokens: Sequence[Any], causal: bool = False) -> list[Any]:
    """The value at every position."""
    return [value(node, tokens, i, causal) for i in range(len(tokens))]
