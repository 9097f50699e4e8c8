"""The running example: what a text makes is tried on it, so that errors of type show where they are written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import EvaluationError
from ..expressions import Expression, Select, Selector, SOp
from ..interpreter import COMPARES, run
from ..program import Program
from .errors import Place, TextError
from .values import kind_of

EXAMPLE = "hello"
MOST_NODES = 20_000
OTHER_FORM = (ValueError, LookupError)  # what functions of the input raise if it is of a form they are not for


@dataclass(frozen=True)
class Made:
    """An expression and where it was written.

    Attributes:
        expression: what was made.
        place: where.
        sign: the comparison or arithmetic it is, None for anything else.
        operands: what that was given.
    """

    expression: Expression
    place: Place
    sign: str | None = None
    operands: tuple[Any, ...] = ()


class Trial:
    """The running example, and what was made since it was last set.

    The built-in example "hello" may be of another form than the program is for: that no number can be read from it, or
    that it is not in a dict or a list, is no error.

    Attributes:
        example: the input for s-ops.
        selector_example: the input for selectors.
    """

    def __init__(self) -> None:
        self.example: Sequence[Any] = EXAMPLE
        self.selector_example: Sequence[Any] = EXAMPLE
        self._given = {"s-op": False, "selector": False}
        self._made: dict[int, Made] = {}
        self._unchecked: list[Made] = []
        self._renamed: set[int] = set()

    def set(self, example: Sequence[Any], of: str = "both") -> None:
        """Another example, for "s-op", "selector" or "both"."""
        if of != "selector":
            self.example, self._given["s-op"] = example, True
        if of != "s-op":
            self.selector_example, self._given["selector"] = example, True

    def record(self, made: Made) -> None:
        """Keep where an expression comes from, with those below it that came with it."""
        if id(made.expression) in self._made:
            return
        self._made[id(made.expression)] = made
        self._unchecked.append(made)
        stack = list(made.expression.inputs)
        while stack:
            node = stack.pop()
            if id(node) not in self._made:
                self._made[id(node)] = Made(node, made.place)
                stack.extend(node.inputs)

    def rename(self, old: Expression, new: Expression) -> None:
        """An expression was given a name, which makes it another one."""
        made = self._made.get(id(old))
        if made is not None and old is not new:
            self._made[id(new)] = Made(new, made.place, made.sign, made.operands)
            self._unchecked.append(self._made[id(new)])
            self._renamed.add(id(old))

    def check(self) -> None:
        """Evaluate what was made on the example.

        Raises:
            TextError: it has no value there, at the place of the part that has none.
        """
        inner = {id(child) for made in self._made.values() for child in made.expression.inputs} | self._renamed
        budget = MOST_NODES
        for made in self._unchecked:
            if id(made.expression) in inner:
                continue  # it is part of another one, which is checked
            program = Program(made.expression)
            budget -= len(program)
            if budget < 0:
                break
            self._check_one(program)
        self._unchecked.clear()

    def _check_one(self, program: Program) -> None:
        is_selector = isinstance(program.output, Selector)
        example = self.selector_example if is_selector else self.example
        given = self._given["selector" if is_selector else "s-op"]
        hint = "" if given else " (for other inputs, say first: set example [1, 2, 3];)"
        try:
            values = run(program, example)
        except EvaluationError as error:
            if given or not isinstance(error.__cause__, OTHER_FORM):
                node = program.node(error.node) if error.node else program.output
                raise TextError(f"on the example {_short(example)}, {error}{hint}", self._place(node)) from error
            return
        for made in self._compared(program):
            kinds = [_kinds(values[x] if isinstance(x, SOp) else [x]) for x in made.operands]
            left, right = (next(iter(found)) if len(found) == 1 else "" for found in kinds)
            if left and right and (left == "string") != (right == "string"):
                raise TextError(
                    f"{made.sign!r} is between a {left} and a {right} on the example {_short(example)}; both sides "
                    f"need the same type{hint}",
                    made.place,
                )

    def _place(self, node: Expression) -> Place:
        return self._made[id(node)].place

    def _compared(self, program: Program) -> Iterator[Made]:
        """The comparisons and arithmetic in a program, with their operands."""
        for node in program.nodes:
            made = self._made.get(id(node))
            if made is not None and isinstance(node, Select) and node.predicate.text in COMPARES:
                yield Made(node, made.place, node.predicate.text.split()[1], (node.keys, node.queries))
            elif made is not None and made.sign is not None:
                yield made


def _kinds(values: Sequence[Any]) -> set[str]:
    return {kind_of(value) for value in values if value is not None}


def _short(example: Sequence[Any]) -> str:
    text = repr(example)
    return text if len(text) <= 40 else text[:37] + "..."
