"""Programs rewritten so that every selector that is averaged over is one head.

An "or" of comparisons that can hold together falls into several cubes. Their heads can be added where keys are counted
or summed, and not where values are averaged. There the compared s-ops are joined: one s-op of key tuples, one of query
tuples, and a single select over them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .errors import CompileError
from .expressions import Aggregate, Elementwise, Expression, Select, Selector, SOp
from .functions import Function
from .program import Program
from .values import Values


def joined(program: Program, values: Values) -> Program:
    """The program with joined selectors; itself if none needs it. All nodes keep their labels."""
    needed = {
        id(selector): selector
        for node in program.nodes
        if isinstance(node, Aggregate) and node.reduce != "sum"
        for selector in [program.inputs(node)[0]]
        if _falls_apart(node, selector, values)
    }
    if not needed:
        return program
    made: dict[int, Expression] = {}
    for node in program.nodes:
        copied = _copied(program, node, made)
        made[id(node)] = copied
        if id(node) in needed:
            made[id(node)] = _one_select(program, node, values, made)
    return Program(made[id(program.output)])


def _falls_apart(node: Aggregate, selector: Expression, values: Values) -> bool:
    alone = node.reduce == "mean" and values.selectors.at_most_one(selector)
    return len(values.selectors.cubes(selector)) > 1 and not alone


def _copied(program: Program, node: Expression, made: Mapping[int, Expression]) -> Expression:
    if node.kind in ("tokens", "indices"):
        return node
    changes: dict[str, Any] = {"name": program.label(node)}
    inputs = program.inputs(node)
    if inputs:
        changes["_inputs"] = tuple(made[id(child)] for child in inputs)
    return node.changed(**changes)


def _one_select(program: Program, selector: Expression, values: Values, made: Mapping[int, Expression]) -> Selector:
    """A selector over several s-ops as one select over tuples."""
    selects = values.selectors.selects(selector)
    label = program.label(selector)
    keys = _distinct(program.inputs(each)[0] for each in selects)
    queries = _distinct(program.inputs(each)[1] for each in selects)
    for node in (*keys, *queries):
        if values.of(node).absent:
            raise CompileError(
                f"it is an 'or' over {program.label(node)}, which can be absent; give that one a default", label
            )
    places = [
        (each, _place(keys, program.inputs(each)[0]), _place(queries, program.inputs(each)[1])) for each in selects
    ]

    def holds(key: Any, query: Any) -> bool:
        key, query = key if len(keys) > 1 else (key,), query if len(queries) > 1 else (query,)
        truth = {id(each): bool(each.predicate(key[k], query[q])) for each, k, q in places}
        return bool(values.selectors.holds(selector, truth))

    test = Function(holds, label, ("key", "query"), False, ("joined", id(selector)))
    return Select(_side(keys, f"{label} keys", made), _side(queries, f"{label} queries", made), test).named(label)


def _distinct(nodes: Iterable[Expression]) -> list[SOp]:
    """Distinct nodes in order."""
    return list({id(node): node for node in nodes}.values())  # type: ignore[arg-type]


def _place(nodes: list[SOp], node: Expression) -> int:
    return next(i for i, each in enumerate(nodes) if each is node)


def _side(nodes: list[SOp], name: str, made: Mapping[int, Expression]) -> SOp:
    """One s-op for the keys or the queries: their tuples."""
    inputs = [made[id(node)] for node in nodes]
    if len(inputs) == 1:
        return inputs[0]  # type: ignore[return-value]
    names = ", ".join(f"x{i}" for i in range(len(inputs)))
    arguments = tuple(f"x{i}" for i in range(len(inputs)))
    together = Function(lambda *values: values, f"({names})", arguments, False, ("tuple", len(inputs)))
    return Elementwise(together, *inputs).named(name)
