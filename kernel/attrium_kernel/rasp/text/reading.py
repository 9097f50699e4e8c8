"""Reading expressions: how tightly each sign binds decides what belongs together (as in Python; `^` is power).

From loose to tight: `x if c else y`, or, and, not, comparisons and in, `+ -`, `* / %`, unary `+ -`, `^`, then calls
and indices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from .errors import Place, Source, TextError
from .lexer import KEYWORDS, Word
from .tree import Binary, Call, Choice, Comprehension, Index, Listing, Literal, Mapped, Name, Node, Sign, Unary

COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))
BINDING = {
    "or": 2, "and": 3,
    **dict.fromkeys((*COMPARISONS, "in", "not in"), 5),
    "+": 6, "-": 6, "*": 7, "/": 7, "%": 7, "^": 9,
}  # fmt: skip
CHOICE, NOT, SIGN = 1, 4, 8
DEEPEST = 60
T = TypeVar("T")


class ExpressionReader:
    """The words of a text and how far they are read."""

    def __init__(self, source: Source, words: Sequence[Word]) -> None:
        self.source, self._words, self._next, self._depth = source, words, 0, 0

    @property
    def word(self) -> Word:
        """The next word."""
        return self._words[self._next]

    def error(self, problem: str, at: int | None = None) -> TextError:
        """An error at the next word, or at an offset."""
        return TextError(problem, Place(self.source, self.word.at if at is None else at))

    def ahead(self, steps: int = 1) -> Word:
        """The word after the next one, or further on."""
        return self._words[min(self._next + steps, len(self._words) - 1)]

    def sees(self, *texts: str) -> bool:
        """Whether the next word is one of these signs or keywords."""
        return self.word.kind in ("sign", "keyword") and self.word.text in texts

    def take(self) -> Word:
        """The next word, read."""
        word = self.word
        if word.kind != "end":
            self._next += 1
        return word

    def took(self, text: str) -> bool:
        """Read a sign or keyword if it is next."""
        found = self.sees(text)
        if found:
            self.take()
        return found

    def expect(self, text: str, after: str) -> Word:
        """Read a sign or keyword that has to be next."""
        if not self.sees(text):
            raise self.error(f"expected {text!r} {after}, found {self.word}")
        return self.take()

    def name(self, what: str) -> Name:
        """Read a name."""
        if self.word.kind != "name":
            reserved = " (a word of the language)" if self.word.text in KEYWORDS else ""
            raise self.error(f"expected {what}, found {self.word}{reserved}")
        word = self.take()
        return Name(word.at, word.text)

    def several(self, end: str, after: str, read: Callable[[], T]) -> tuple[T, ...]:
        """Things separated by commas up to a closing sign, which is read too."""
        found: list[T] = []
        while not self.sees(end):
            found.append(read())
            if not self.took(","):
                break
        self.expect(end, after)
        return tuple(found)

    def expressions(self) -> Node:
        """One expression, or several with commas between as a listing."""
        first = self.expression()
        if not self.sees(","):
            return first
        items = [first]
        while self.took(","):
            items.append(self.expression())
        return Listing(first.at, tuple(items))

    def targets(self) -> tuple[Name, ...]:
        """Names with commas between."""
        found = [self.name("a name")]
        while self.took(","):
            found.append(self.name("a name after ','"))
        return tuple(found)

    def expression(self, binding: int = CHOICE) -> Node:
        """An expression whose signs bind at least so tightly."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise self.error(f"nested more than {DEEPEST} deep; give parts of it names")
        left = self._start()
        while (sign := self._infix()) and BINDING[sign] >= binding:
            at = self._take_infix(sign)
            right = self.expression(BINDING[sign] if sign == "^" else BINDING[sign] + 1)
            self._refuse_chain(sign)
            left = Binary(at, sign, left, right)
        if binding <= CHOICE and self.sees("if"):
            at = self.take().at
            condition = self.expression(CHOICE + 1)
            self.expect("else", "after the condition of 'x if condition else y'")
            left = Choice(at, condition, left, self.expression())
        self._depth -= 1
        return left

    def _infix(self) -> str | None:
        if self.sees("not") and self.ahead().text == "in":
            return "not in"
        is_sign = self.word.kind in ("sign", "keyword") and self.word.text in BINDING
        # in `select(k, q, ==)` a comparison stands alone, after a comma; here it would follow a value
        return self.word.text if is_sign else None

    def _take_infix(self, sign: str) -> int:
        at = self.take().at
        if sign == "not in":
            self.take()
        return at

    def _refuse_chain(self, sign: str) -> None:
        if sign in COMPARISONS and self.sees(*COMPARISONS):
            raise self.error(f"comparisons are not chained; write 'a {sign} b and b {self.word.text} c'")

    def _start(self) -> Node:
        """What stands before an infix sign: an operand with its calls and indices, or a prefix and one."""
        word = self.word
        if self.took("not"):
            return Unary(word.at, "not", self.expression(NOT))
        if self.took("-") or self.took("+"):
            return Unary(word.at, word.text, self.expression(SIGN))
        return self._applied(self._operand())

    def _applied(self, x: Node) -> Node:
        while True:
            if self.sees("("):
                x = self._call(x)
            elif self.sees("["):
                at = self.take().at
                i = self.expression()
                self.expect("]", "after the index")
                x = Index(at, x, i)
            else:
                return x

    def _call(self, f: Node) -> Call:
        self.take()
        arguments: list[Node] = []
        keywords: list[tuple[str, Node]] = []

        def argument() -> None:
            if self.word.kind == "name" and self.ahead().text == "=" and self.ahead().kind == "sign":
                name = self.name("a name").name
                self.take()
                keywords.append((name, self.expression()))
                return
            if keywords:
                raise self.error("an argument without a name follows one with a name")
            arguments.append(self._argument())

        self.several(")", "after the arguments", argument)
        return Call(f.at, f, tuple(arguments), tuple(keywords))

    def _argument(self) -> Node:
        if self.sees(*COMPARISONS):
            word = self.take()
            return Sign(word.at, word.text)
        return self.expression()

    def _operand(self) -> Node:
        word = self.word
        if word.kind in ("number", "string"):
            return Literal(self.take().at, word.value)
        if self.sees("True", "False"):
            return Literal(self.take().at, word.text == "True")
        if word.kind == "name":
            return self.name("a name")
        if self.took("("):
            inner = self.expression()
            self.expect(")", "to close the bracket")
            return inner
        if self.took("["):
            return self._list(word.at)
        if self.took("{"):
            return self._dict(word.at)
        raise self.error(
            f"expected a value, found {word}{' (a word of the language)' if word.kind == 'keyword' else ''}"
        )

    def _list(self, at: int) -> Node:
        if self.took("]"):
            return Listing(at, ())
        first = self.expression()
        if self.sees("for"):
            return self._comprehension(at, None, first, "]")
        items = self.several("]", "to close the list", self.expression) if self.took(",") else ()
        if not items and self._words[self._next - 1].text != "]":
            self.expect("]", "to close the list")
        return Listing(at, (first, *items))

    def _dict(self, at: int) -> Node:
        if self.took("}"):
            return Mapped(at, ())
        first = self._pair()
        if self.sees("for"):
            return self._comprehension(at, *first, "}")
        items = self.several("}", "to close the dict", self._pair) if self.took(",") else ()
        if not items and self._words[self._next - 1].text != "}":
            self.expect("}", "to close the dict")
        return Mapped(at, (first, *items))

    def _pair(self) -> tuple[Node, Node]:
        key = self.expression()
        self.expect(":", "between a key and its value")
        return key, self.expression()

    def _comprehension(self, at: int, key: Node | None, value: Node, end: str) -> Node:
        self.take()
        targets = self.targets()
        self.expect("in", "after the names of 'for'")
        over = self.expression(CHOICE + 1)
        condition = self.expression(CHOICE + 1) if self.took("if") else None
        self.expect(end, "to close the comprehension")
        return Comprehension(at, key, value, targets, over, condition)
