"""Working out the expressions of a text: s-ops become parts of the graph, everything else is a plain value."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import RaspError
from ..expressions import Expression, SOp
from .builtins import BASE, Builtin, Comparison, at_position, found_in, negative, positive
from .calling import call_builtin, matched, on_input
from .elementwise import among, binary, chosen, joined, looked_up, negated
from .errors import Place, TextError
from .examples import Made, Trial
from .scope import Scope, TextFunction
from .tree import (
    Binary,
    Call,
    Choice,
    Comprehension,
    Index,
    Listing,
    Literal,
    Mapped,
    Name,
    Node,
    Sign,
    Statement,
    Unary,
)
from .values import ATOMS, checked_items, described

MOST_STEPS = 1_000_000
DEEPEST_CALL = 25


class Evaluator(ABC):
    """Works out expressions and calls functions.

    Attributes:
        trial: where what is made is recorded, to be tried on the running example; None for no trial.
    """

    def __init__(self, trial: Trial | None = None) -> None:
        self.trial = trial
        self._calls: list[Place] = []  # where the functions that are running were called
        self._steps = 0
        self._visits: Mapping[type, Callable[[Any, Scope], Any]] = {
            Literal: lambda node, scope: node.value,
            Sign: lambda node, scope: Comparison(node.sign),
            Name: self._name,
            Unary: self._unary,
            Binary: self._binary,
            Choice: self._choice,
            Index: self._index,
            Call: self._call,
            Listing: lambda node, scope: [self.value(item, scope) for item in node.items],
            Mapped: self._mapped,
            Comprehension: self._comprehension,
        }

    @abstractmethod
    def run_body(self, statements: Sequence[Statement], scope: Scope) -> Any:
        """What a function's statements return, None if they return nothing."""

    def value(self, node: Node, scope: Scope) -> Any:
        """The value of an expression. Raises: `TextError` at its place."""
        self.step(node, scope)
        try:
            found = self._visits[type(node)](node, scope)
        except TextError:
            raise
        except RaspError as error:
            raise self.error(str(error), node, scope) from error
        if isinstance(found, Expression):
            self._record(found, node, scope)
        return found

    def step(self, node: Any, scope: Scope) -> None:
        """Count a step of work, so that no text runs without end."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise self.error(f"the program takes more than {MOST_STEPS:,} steps to build; repeat less", node, scope)

    def error(self, problem: str, node: Any, scope: Scope) -> TextError:
        """An error at a part of the tree."""
        return TextError(problem, Place(scope.source, node.at))

    def _record(self, made: Expression, node: Node, scope: Scope, sign: str | None = None, *operands: Any) -> None:
        if self.trial is not None and made.kind not in BASE:
            outside = [place for place in self._calls if not place.source.is_library]
            hidden = scope.source.is_library and outside  # show the call of the library, not its text
            place = outside[-1] if hidden else Place(scope.source, node.at)
            self.trial.record(Made(made, place, sign, operands))

    def _name(self, node: Name, scope: Scope) -> Any:
        try:
            return scope.find(node.name)
        except KeyError:
            near = scope.nearest(node.name)
            hint = f"; did you mean {near!r}?" if near else ""
            raise self.error(f"{node.name!r} is not defined{hint}", node, scope) from None

    def _unary(self, node: Unary, scope: Scope) -> Any:
        x = self.value(node.x, scope)
        return {"not": negated, "-": negative, "+": positive}[node.sign](x)

    def _binary(self, node: Binary, scope: Scope) -> Any:
        spine = [node]  # a sum of a thousand terms leans to the left; it is no reason to recurse a thousand times
        while isinstance(spine[-1].x, Binary):
            spine.append(spine[-1].x)
        found = self.value(spine[-1].x, scope)
        for part in reversed(spine):
            try:
                found = self._combined(part, found, scope)
            except TextError:
                raise
            except RaspError as error:
                raise self.error(str(error), part, scope) from error
            if isinstance(found, Expression):
                self._record(found, part, scope)
        return found

    def _combined(self, node: Binary, x: Any, scope: Scope) -> Any:
        sign = node.sign
        if sign in ("and", "or"):
            if isinstance(x, ATOMS):
                return self.value(node.y, scope) if bool(x) == (sign == "and") else x
            return joined(sign, x, self.value(node.y, scope))
        y = self.value(node.y, scope)
        if sign in ("in", "not in"):
            found = found_in(x, y) if isinstance(y, SOp) else among(x, y)
            return negated(found) if sign == "not in" else found
        made = binary(sign, x, y)
        if isinstance(made, SOp):
            self._record(made, node, scope, sign, x, y)
        return made

    def _choice(self, node: Choice, scope: Scope) -> Any:
        condition = self.value(node.condition, scope)
        if isinstance(condition, SOp):
            return chosen(condition, self.value(node.x, scope), self.value(node.y, scope))
        if not isinstance(condition, ATOMS):
            raise RaspError(f"the condition is {described(condition)}; expected an s-op or a plain value")
        return self.value(node.x if condition else node.y, scope)

    def _index(self, node: Index, scope: Scope) -> Any:
        x, i = self.value(node.x, scope), self.value(node.i, scope)
        if isinstance(i, SOp) and not isinstance(x, SOp):
            return looked_up(x, i)
        if isinstance(x, dict):
            if not isinstance(i, ATOMS) or i not in x:
                raise RaspError(f"{described(i)} is no key of the dict; its keys are {', '.join(map(repr, x))}")
            return x[i]
        if not isinstance(x, (list, str, SOp)):
            raise RaspError(f"{described(x)} is indexed; expected a list, a dict, a string or an s-op")
        if isinstance(i, bool) or not isinstance(i, int):
            hint = (
                "; load_from_location(x, i) takes the values at positions given by an s-op"
                if isinstance(x, SOp)
                else ""
            )
            raise RaspError(f"{described(x)} is indexed by {described(i)}; expected a whole number{hint}")
        if isinstance(x, SOp):
            return at_position(x, i)
        if not -len(x) <= i < len(x):
            raise RaspError(f"the index is {i}, but there are {len(x)} items")
        return x[i]

    def _mapped(self, node: Mapped, scope: Scope) -> dict[Any, Any]:
        return {self._key(key, scope): self.value(item, scope) for key, item in node.items}

    def _key(self, node: Node, scope: Scope) -> Any:
        key = self.value(node, scope)
        if not isinstance(key, ATOMS):
            raise self.error(f"a dict's key is {described(key)}; expected a plain value", node, scope)
        return key

    def _comprehension(self, node: Comprehension, scope: Scope) -> list[Any] | dict[Any, Any]:
        inner = Scope(scope.source, scope)
        found: list[tuple[Any, Any]] = []
        for item in checked_items(self.value(node.over, scope), "a comprehension"):
            inner.values.update(self.unpacked(node.targets, item, node, scope))
            if node.condition is not None:
                keep = self.value(node.condition, inner)
                if not isinstance(keep, ATOMS):
                    raise self.error(
                        f"the condition is {described(keep)}; expected a plain value", node.condition, scope
                    )
                if not keep:
                    continue
            key = None if node.key is None else self._key(node.key, inner)
            found.append((key, self.value(node.value, inner)))
        return [value for _, value in found] if node.key is None else dict(found)

    def _keeps(self, condition: Node, scope: Scope) -> bool:
        keep = self.value(condition, scope)
        if not isinstance(keep, ATOMS):
            raise self.error(f"the condition is {described(keep)}; expected a plain value", condition, scope)
        return bool(keep)

    def unpacked(self, targets: Sequence[Name], value: Any, node: Any, scope: Scope) -> dict[str, Any]:
        """The values of one or several names."""
        if len(targets) == 1:
            return {targets[0].name: value}
        if not isinstance(value, list) or len(value) != len(targets):
            given = f"{len(value)} values" if isinstance(value, list) else described(value)
            raise self.error(f"{len(targets)} names are given {given}", node, scope)
        return {target.name: item for target, item in zip(targets, value, strict=True)}

    def _call(self, node: Call, scope: Scope) -> Any:
        f = self.value(node.f, scope)
        arguments = [self.value(argument, scope) for argument in node.arguments]
        keywords: dict[str, Any] = {}
        for name, argument in node.keywords:
            if name in keywords:
                raise self.error(f"the argument {name!r} is given twice", argument, scope)
            keywords[name] = self.value(argument, scope)
        if isinstance(f, Builtin):
            return call_builtin(f, arguments, keywords)
        if isinstance(f, Expression):
            return on_input(f, arguments, keywords)
        if not isinstance(f, TextFunction):
            raise RaspError(f"{described(f)} is called; expected a function, an s-op or a selector")
        return self._called_from(Place(scope.source, node.at), f, arguments, keywords)

    def _called_from(self, place: Place, f: TextFunction, arguments: list[Any], keywords: Mapping[str, Any]) -> Any:
        if len(self._calls) >= DEEPEST_CALL:
            raise TextError(f"{f.name} is called more than {DEEPEST_CALL} functions deep; does it call itself?", place)
        self._calls.append(place)
        try:
            return self.called(f, arguments, keywords)
        except TextError as error:
            if f.scope.source.is_library and not place.source.is_library:
                raise TextError(f"in {f.name}: {error.problem}", place) from error
            if f.scope.source is place.source and "called on line" not in error.problem and not place.source.is_library:
                line = place.source.line_and_column(place.offset)[0]
                raise TextError(f"{error.problem} (in {f.name}, called on line {line})", error.place) from error
            raise
        finally:
            self._calls.pop()

    def called(self, f: TextFunction, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """What a function returns; None if it returns nothing. Raises: `RaspError` for arguments it does not take."""
        names = [parameter.name for parameter in f.definition.parameters]
        local = Scope(f.scope.source, f.scope)
        local.values.update({**f.defaults, **matched(f.name, names, arguments, keywords)})
        missing = [name for name in names if name not in local.values]
        if missing:
            raise RaspError(f"{f!r} was not given {', '.join(missing)}")
        return self.run_body(f.definition.body, local)
