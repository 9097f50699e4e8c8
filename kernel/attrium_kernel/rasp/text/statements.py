"""Reading statements."""

from __future__ import annotations

from .reading import ExpressionReader
from .tree import Assign, Define, Draw, For, Load, Name, Node, Return, Say, SetExample, Statement


class StatementReader(ExpressionReader):
    """Reads statements, and with them a whole text."""

    _blocks = 0
    _definitions = 0

    def program(self) -> tuple[Statement, ...]:
        """All statements up to the end of the text."""
        found: list[Statement] = []
        while self.word.kind != "end":
            if self.sees("}"):
                raise self.error("'}' closes nothing")
            self._add(found)
        return tuple(found)

    def _add(self, found: list[Statement]) -> None:
        if not self.took(";"):  # an empty statement
            found.append(self.statement())

    def statement(self) -> Statement:
        """One statement."""
        at = self.word.at
        if self.took("def"):
            return self._define(at)
        if self.took("for"):
            return self._for(at)
        if self.took("return"):
            if not self._definitions:
                raise self.error("return stands outside a function", at)
            return self._ended(Return(at, self.expressions()))
        if self.took("draw"):
            return self._ended(self._draw(at))
        if self.took("load"):
            return self._ended(self._load(at))
        if self.word.text == "set" and self.ahead().kind == "name":
            return self._set(at)
        if self.word.kind == "name" and self.ahead().text in (",", "=") and self.ahead().kind == "sign":
            return self._ended(self._assign(at))
        return self._ended(self._say(at))

    def _ended(self, statement: Statement) -> Statement:
        if not self.sees(";"):
            raise self.error(f"expected ';' after the statement, found {self.word}", self._end_of_last())
        self.take()
        return statement

    def _end_of_last(self) -> int:
        last = self._words[self._next - 1]
        here = self.word
        between = self.source.text[last.at : here.at]
        return last.at + len(last.text) if "\n" in between or here.kind == "end" else here.at

    def _say(self, at: int) -> Say:
        x = self.expression()
        if self.sees("="):
            raise self.error("only names are assigned to; a value stands left of '='")
        return Say(at, x)

    def _assign(self, at: int) -> Assign:
        targets = self.targets()
        self.expect("=", "after the names")
        return Assign(at, targets, self.expressions())

    def _block(self, after: str) -> tuple[Statement, ...]:
        opened = self.expect("{", after).at
        self._blocks += 1
        if self._blocks > 30:
            raise self.error("blocks are nested more than 30 deep", opened)
        found: list[Statement] = []
        while not self.sees("}"):
            if self.word.kind == "end":
                raise self.error("'{' is never closed", opened)
            self._add(found)
        self.take()
        self._blocks -= 1
        return tuple(found)

    def _define(self, at: int) -> Define:
        name = self.name("the function's name").name
        self.expect("(", "after the function's name")
        parameters = self.several(")", "after the parameters", self._parameter)
        names = [parameter.name for parameter, _ in parameters]
        for i, (parameter, default) in enumerate(parameters):
            if parameter.name in names[:i]:
                raise self.error(f"the parameter {parameter.name!r} stands twice", parameter.at)
            if default is None and i and parameters[i - 1][1] is not None:
                raise self.error(f"{parameter.name!r} has no default, but one before it has", parameter.at)
        self._definitions += 1
        body = self._block("before the function's body")
        self._definitions -= 1
        return Define(at, name, tuple(p for p, _ in parameters), tuple(d for _, d in parameters), body)

    def _parameter(self) -> tuple[Name, Node | None]:
        return self.name("a parameter's name"), self.expression() if self.took("=") else None

    def _for(self, at: int) -> For:
        targets = self.targets()
        self.expect("in", "after the names of 'for'")
        over = self.expression()
        return For(at, targets, over, self._block("before what is repeated"))

    def _draw(self, at: int) -> Draw:
        self.expect("(", "after draw")
        x = self.expression()
        given = self.expression() if self.took(",") else None
        self.expect(")", "after what is drawn")
        return Draw(at, x, given)

    def _load(self, at: int) -> Load:
        if self.word.kind != "string":
            raise self.error(f"expected the name of a text in quotes after load, found {self.word}")
        return Load(at, self.take().value)

    def _set(self, at: int) -> SetExample:
        self.take()
        what = self.name("what to set").name
        if what == "s" and self.took("-"):
            what = f"s-{self.name('op').name}"
        if what in ("s-op", "selector"):
            self._example()
        elif what == "example":
            what = "both"
        else:
            raise self.error(f"cannot set {what!r}; write set example, set s-op example or set selector example", at)
        value = self.expression()
        self.took(";")  # a command of the interactive language, which has no ';' there
        return SetExample(at, what, value)

    def _example(self) -> None:
        name = self.name("'example'")
        if name.name != "example":
            raise self.error(f"expected 'example', found {name.name!r}", name.at)
