"""What is wrong with a program, with the line of its code."""

from __future__ import annotations

import re
from typing import Any

from attrium_kernel.rasp import RaspError
from attrium_kernel.rasp.text import TextError

from .running_code import CodeError


def problem(error: BaseException | None, code: str = "") -> dict[str, Any] | None:
    """An error as the screen has it; line and column from 1, 0 where they are not known."""
    if error is None:
        return None
    node = (error.node or "") if isinstance(error, RaspError) else ""
    if isinstance(error, TextError):
        return {"message": error.problem, "line": error.line, "column": error.column, "node": ""}
    if isinstance(error, CodeError):
        return {"message": str(error), "line": error.line, "column": error.column, "node": ""}
    return {"message": words(error), "line": line_of(node, code), "column": 0, "node": node}


def words(error: BaseException) -> str:
    """What an error says, without the place that it begins with."""
    node, position = getattr(error, "node", None), getattr(error, "position", None)
    return str(error).removeprefix(f"{node}: ").removeprefix(f"{node}, position {position}: ")


def line_of(node: str, code: str) -> int:
    """The last line that gives a node its name; 0 if there is none."""
    if not node:
        return 0
    name = re.escape(node)
    gives = re.compile(rf"(?<![\w.])(?:\w+\s*,\s*)*{name}\s*=(?!=)|named\(\s*['\"]{name}['\"]\s*\)")
    lines = [number for number, line in enumerate(code.splitlines(), 1) if gives.search(line)]
    return lines[-1] if lines else 0
