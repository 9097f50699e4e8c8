"""Running the statements of a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import RaspError
from ..expressions import Expression, SOp
from .builtins import BASE
from .errors import Place, Source, TextError
from .evaluator import Evaluator
from .examples import Trial
from .parser import parse_source
from .scope import Scope, TextFunction
from .tree import Assign, Define, Draw, For, Load, Return, Say, SetExample, Statement
from .values import ATOMS, checked_items, described, has_sop

DEEPEST_LOAD = 10


@dataclass(frozen=True)
class Drawing:
    """A request to draw the flow of an s-op.

    Attributes:
        sop: what to draw.
        input: on which input; None for the running example.
        name: the s-op's name, None if it has none.
    """

    sop: SOp
    input: Sequence[Any] | None
    name: str | None


@dataclass(frozen=True)
class _Returned:
    value: Any


class Runner(Evaluator):
    """Runs statements, and keeps what they ask for.

    Args:
        outermost: the scope around every text: library and built-ins. Its names cannot be given other values.
        modules: texts that may be loaded, by name, or the folder they lie in; None for none.
        trial: the running example.
    """

    def __init__(
        self, outermost: Scope, modules: Mapping[str, str] | Path | None = None, trial: Trial | None = None
    ) -> None:
        super().__init__(trial)
        self.draws: list[Drawing] = []
        self.outermost = outermost
        self._modules = modules
        self._loading: list[str] = []
        self._loaded: dict[str, Scope] = {}

    def run_text(self, statements: Sequence[Statement], source: Source) -> Scope:
        """Run a text, and give the scope of its names."""
        scope = Scope(source, self.outermost)
        for statement in statements:
            self._run_checked(statement, scope)
        return scope

    def run_body(self, statements: Sequence[Statement], scope: Scope) -> Any:
        """What a function's statements return, None if they return nothing."""
        returned = self._block(statements, scope)
        return None if returned is None else returned.value

    def _block(self, statements: Sequence[Statement], scope: Scope) -> _Returned | None:
        for statement in statements:
            returned = self._run_checked(statement, scope)
            if returned is not None:
                return returned
        return None

    def _run_checked(self, statement: Statement, scope: Scope) -> _Returned | None:
        self.step(statement, scope)
        try:
            return self._run(statement, scope)
        except TextError:
            raise
        except RaspError as error:
            raise self.error(str(error), statement, scope) from error

    def _run(self, statement: Statement, scope: Scope) -> _Returned | None:
        match statement:
            case Assign():
                self._assign(statement, scope)
            case Define():
                self._define(statement, scope)
            case Return():
                return _Returned(self.value(statement.value, scope))
            case For():
                return self._for(statement, scope)
            case Say():
                scope.values["out"] = self.value(statement.x, scope)
            case Draw():
                self._draw(statement, scope)
            case SetExample():
                self._set_example(statement, scope)
            case Load():
                self._load(statement, scope)
        return None

    def _refuse_reserved(self, name: str, at: int, scope: Scope) -> None:
        if name in self.outermost.values:
            raise TextError(
                f"{name!r} is a name of the language or its library; choose another", Place(scope.source, at)
            )

    def _assign(self, statement: Assign, scope: Scope) -> None:
        value = self.value(statement.value, scope)
        for target in statement.targets:
            self._refuse_reserved(target.name, target.at, scope)
        found = self.unpacked(statement.targets, value, statement, scope)
        scope.values.update({name: self._named(item, name, scope) for name, item in found.items()})
        scope.values["out"] = scope.values[statement.targets[-1].name]

    def _named(self, value: Any, name: str, scope: Scope) -> Any:
        """An expression under the name it is given; in a function only if it has none yet."""
        if not isinstance(value, Expression) or value.kind in BASE or value.name == name:
            return value
        if value.name is not None and scope.around is not self.outermost:
            return value
        named = value.named(name)
        if self.trial is not None:
            self.trial.rename(value, named)
        return named

    def _define(self, statement: Define, scope: Scope) -> None:
        self._refuse_reserved(statement.name, statement.at, scope)
        defaults = {
            parameter.name: self.value(default, scope)
            for parameter, default in zip(statement.parameters, statement.defaults, strict=True)
            if default is not None
        }
        scope.values[statement.name] = TextFunction(statement, scope, defaults)

    def _for(self, statement: For, scope: Scope) -> _Returned | None:
        for target in statement.targets:
            self._refuse_reserved(target.name, target.at, scope)
        for item in checked_items(self.value(statement.over, scope), "for"):
            scope.values.update(self.unpacked(statement.targets, item, statement, scope))
            returned = self._block(statement.body, scope)
            if returned is not None:
                return returned
        return None

    def _draw(self, statement: Draw, scope: Scope) -> None:
        x = self.value(statement.x, scope)
        if not isinstance(x, SOp):
            raise self.error(f"draw was given {described(x)}; expected an s-op", statement.x, scope)
        given = None
        if statement.input is not None:
            given = _an_input(self.value(statement.input, scope), "draw")
        self.draws.append(Drawing(x, given, x.name))

    def _set_example(self, statement: SetExample, scope: Scope) -> None:
        given = _an_input(self.value(statement.value, scope), "set example")
        if self.trial is None:
            return
        self.trial.check()
        self.trial.set(given, statement.of)

    def _load(self, statement: Load, scope: Scope) -> None:
        name = statement.name
        if name in self._loading or len(self._loading) >= DEEPEST_LOAD:
            raise RaspError(f"{name!r} is being loaded already: {' -> '.join((*self._loading, name))}")
        if name not in self._loaded:
            source = Source(self._text_of(name), name)
            self._loading.append(name)
            self._loaded[name] = self.run_text(parse_source(source).statements, source)
            self._loading.pop()
        public = {key: value for key, value in self._loaded[name].values.items() if not key.startswith("_")}
        public.pop("out", None)
        scope.values.update(public)

    def _text_of(self, name: str) -> str:
        if isinstance(self._modules, Path):
            folder = self._modules.resolve()
            for path in (folder / name, folder / f"{name}.rasp"):
                if path.resolve().is_relative_to(folder) and path.is_file():
                    return path.read_text(encoding="utf-8")
            raise RaspError(f"{name!r} is no text in the folder {folder.name!r}; put {name}.rasp there")
        known = self._modules or {}
        if name not in known:
            there = f"; there are {', '.join(known)}" if known else ""
            hint = f"pass modules={{{name!r}: '...'}} or a folder to load(...)"
            raise RaspError(f"there is no text {name!r} to load; {hint}{there}")
        return known[name]


def _an_input(given: Any, what: str) -> Sequence[Any]:
    fits = isinstance(given, (str, list)) and len(given) > 0 and not has_sop(given)
    if not fits or not all(isinstance(item, ATOMS) for item in given):
        raise RaspError(f"{what} was given {described(given)} as an input; expected a string or a list of plain values")
    return given  # type: ignore[no-any-return]
