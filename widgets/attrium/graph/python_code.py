"""A program as Python code that makes it, one line for each node."""

from __future__ import annotations

import keyword
import re

from attrium_kernel.rasp import (
    Aggregate,
    Constant,
    Elementwise,
    Expression,
    Program,
    Select,
    SelectorWidth,
    SOp,
)
from attrium_kernel.rasp import __all__ as LANGUAGE
from attrium_kernel.rasp.functions import Function

SIGNS = {"selector_and": "{} & {}", "selector_or": "{} | {}", "selector_not": "~{}"}
COMPARED = re.compile(r"key (==|!=|<|<=|>|>=) query$")


def to_python(program: Program) -> str:
    """The code; its last line is the program's output.

    It needs the names of `attrium_kernel.rasp`, and those of `functions`.
    """
    names = _names(program)
    lines = [
        f"{names[id(node)]} = {_made(program, node, names)}{_comment(node)}"
        for node in program
        if node.kind not in ("tokens", "indices")
    ]
    return "\n".join([*lines, names[id(program.output)]]) + "\n"


def functions(program: Program) -> dict[str, Function]:
    """The Python functions of a program, which no text stands for, by the names that its code has for them."""
    names = _names(program)
    return {f"f_{names[id(node)]}": f for node in program if (f := _function_of(node)) is not None and not f.portable}


def _function_of(node: Expression) -> Function | None:
    return node.f if isinstance(node, Elementwise) else node.predicate if isinstance(node, Select) else None


def _comment(node: Expression) -> str:
    f = _function_of(node)
    return "" if f is None or f.portable or f.text == "lambda" else f"  # {' '.join(f.text.split())}"


def _names(program: Program) -> dict[int, str]:
    """A variable for each node, by its id: its label, as far as that is a name."""
    taken = {*LANGUAGE, *keyword.kwlist}
    found: dict[int, str] = {}
    for node in program:
        if node.kind in ("tokens", "indices"):
            found[id(node)] = node.kind
            continue
        stem = re.sub(r"\W", "_", program.label(node))
        stem = name = stem if stem.isidentifier() else f"_{stem}"
        number = 1
        while name in taken:
            number += 1
            name = f"{stem}_{number}"
        taken.add(name)
        found[id(node)] = name
    return found


def _made(program: Program, node: Expression, names: dict[int, str]) -> str:
    made = _plain(node, names[id(node)], [names[id(child)] for child in program.inputs(node)])
    if isinstance(node, SOp) and node.encoding is not None and node.kind != "linear_sequence_map":
        made = f"{node.encoding}({made})"
    if program.is_named(node) and program.label(node) != names[id(node)]:
        made = f"({made}).named({program.label(node)!r})"
    return made


def _plain(node: Expression, name: str, inputs: list[str]) -> str:
    if isinstance(node, Constant):
        return f"Constant({node.value!r})"
    if node.kind == "linear_sequence_map":
        fx, fy = node.factors  # type: ignore[attr-defined]
        return f"LinearSequenceMap({', '.join(inputs)}, {fx!r}, {fy!r})"
    if isinstance(node, Elementwise):
        return f"Elementwise({_function(node.f, name, _standard(len(inputs)))}, {', '.join(inputs)})"
    if isinstance(node, Select):
        sign = COMPARED.match(node.predicate.text)
        test = repr(sign[1]) if sign else _function(node.predicate, name, ("key", "query"))
        return f"select({', '.join(inputs)}, {test})"
    if isinstance(node, SelectorWidth):
        return f"selector_width({inputs[0]})"
    if isinstance(node, Aggregate):
        default = "" if node.default is None or (node.reduce == "sum" and node.default == 0) else f", {node.default!r}"
        reduce = "" if node.reduce == "mean" else f", reduce={node.reduce!r}"
        return f"aggregate({', '.join(inputs)}{default}{reduce})"
    return SIGNS[node.kind].format(*inputs)


def _standard(count: int) -> tuple[str, ...]:
    return ("x", "y", "z")[:count] if count <= 3 else tuple(f"x{i}" for i in range(count))


def _function(f: Function, name: str, arguments: tuple[str, ...]) -> str:
    """A function as text where it can be read again, as a lambda where its arguments are its own, else by a name."""
    if not f.portable:
        return f"f_{name}"
    return repr(f.text) if f.arguments == arguments else f"lambda {', '.join(f.arguments)}: {f.text}"
