"""Code that the reader wrote becomes a program: Python, run in this kernel, or RASP text."""

from __future__ import annotations

import ast
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

import attrium_kernel.rasp as rasp
from attrium_kernel.rasp import Expression, Program, RaspError, Selector, SOp, library, text
from attrium_kernel.rasp.expressions import Value
from attrium_kernel.rasp.text.tree import SetExample
from attrium_kernel.running import Cancelled

from ..errors import AttriumError

FILE = "<program>"
Check = Callable[[], None]


class CodeError(AttriumError):
    """Python code that makes no program.

    Attributes:
        line, column: where in the code, from 1; 0 where that is not known.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.line, self.column = line, column


class Written(NamedTuple):
    """What a code makes.

    Attributes:
        program: the program.
        example: the input that the code sets, None for none.
    """

    program: Program
    example: tuple[Value, ...] | None = None


def from_text(code: str) -> Written:
    """The program of a RASP text: what it draws last, else its last value.

    Raises:
        TextError: the text cannot be read or run; it has the line and column.
        RaspError: it makes no s-op.
    """
    module = text.load(code, modules={name: text.program_text(name) for name in text.PROGRAMS})
    if module.draws:
        drawing = module.draws[-1]
        return Written(Program(drawing.sop), None if drawing.input is None else tuple(drawing.input))
    sets = any(isinstance(statement, SetExample) for statement in module.tree.statements)
    made = [module["out"]] if "out" in module else []
    made += reversed(list(module.values()))
    outputs = [value for kind in (SOp, Selector) for value in made if isinstance(value, kind)]
    if not outputs:
        raise RaspError("the text makes no s-op; end it with one, such as: aggregate(select(indices, indices, <), 1);")
    return Written(Program(outputs[0]), tuple(module.example) if sets else None)


def from_python(code: str, check: Check = lambda: None, own: dict[str, Any] | None = None) -> Written:
    """The program of Python code: its last line if that is an expression, else what it assigned last.

    All of `attrium_kernel.rasp` is there by name, and the `library`. Variables name the expressions they hold.

    Args:
        code: the code; it is run.
        check: called before every line; what it raises ends the code.
        own: further names.

    Raises:
        CodeError: the code raised, or makes no program; it has the line.
    """
    try:
        tree = ast.parse(code, FILE)
    except (SyntaxError, ValueError) as error:
        words = getattr(error, "msg", None) or str(error)
        raise CodeError(words, getattr(error, "lineno", 0) or 0, getattr(error, "offset", 0) or 0) from None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = tree.body[-1]
        tree.body[-1] = ast.copy_location(ast.Assign([ast.Name("_", ast.Store())], last.value), last)
        ast.fix_missing_locations(tree)
    names: dict[str, Any] = {**(own or {}), **{name: getattr(rasp, name) for name in rasp.__all__}}
    names.update(rasp=rasp, library=library, __name__="program")
    known = {id(value) for value in names.values()}
    with _watched(check):
        try:
            exec(compile(tree, FILE, "exec"), names)
        except Cancelled:
            raise
        except Exception as error:
            raise CodeError(_words(error), _line(error)) from error
    return Written(_program(tree, names, known))


def _program(tree: ast.Module, names: dict[str, Any], known: set[int]) -> Program:
    for name, value in names.items():
        fresh = isinstance(value, Expression) and value.name is None and id(value) not in known
        if fresh and not name.startswith("_") and not re.fullmatch(rf"{value.kind}_\d+", name):
            value.__dict__["name"] = name  # made just now, by this code alone: it takes the variable's name
    assigned = [target for node in tree.body for target in _targets(node)]
    for name in reversed(assigned):
        if isinstance(names.get(name), (Expression, Program)):
            return Program(names[name])
    end = tree.body[-1].lineno if tree.body else 0
    raise CodeError("the code makes no program; end it with an s-op, such as selector_width(same)", end)


def _targets(node: ast.stmt) -> Iterator[str]:
    """Names that a statement assigns, in order."""
    for inner in ast.walk(node) if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) else ():
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            yield inner.id


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, RaspError) else f"{type(error).__name__}: {error}"


def _line(error: Exception) -> int:
    """The deepest line of the code itself that led to an error."""
    lines: Sequence[Any] = traceback.extract_tb(error.__traceback__)
    return max((line.lineno or 0 for line in [frame for frame in lines if frame.filename == FILE][-1:]), default=0)


@contextmanager
def _watched(check: Check) -> Iterator[None]:
    """Call `check` before every line of the code, so that a loop without end can be stopped."""
    before = sys.gettrace()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename != FILE:
            return None
        check()
        return trace

    if before is None:  # a debugger goes first
        sys.settrace(trace)
    try:
        yield
    finally:
        if before is None:
            sys.settrace(None)
