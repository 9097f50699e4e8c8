"""A RASP text as words: names, numbers, strings and signs, each with its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from .errors import Place, Source, TextError

Kind = Literal["name", "keyword", "number", "string", "sign", "end"]
KEYWORDS = frozenset(("and", "def", "draw", "else", "False", "for", "if", "in", "load", "not", "or", "return", "True"))
ESCAPES = {"n": "\n", "t": "\t", '"': '"', "'": "'", "\\": "\\"}
LONGEST_NUMBER = 100
WORD = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
    |(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)
    |(?P<name>[^\W\d]\w*)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<sign>==|!=|<=|>=|[-+*/%^<>=()\[\]{},;:])""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Word:
    """A piece of a text.

    Attributes:
        kind: what it is; "end" stands after the last one.
        text: as written.
        at: offset of its first character.
        value: of a number or a string.
    """

    kind: Kind
    text: str
    at: int
    value: Any = None

    def __str__(self) -> str:
        return "the end of the text" if self.kind == "end" else repr(self.text)


def words(source: Source) -> list[Word]:
    """All words of a text, without spaces and comments, with an "end" last.

    Raises:
        TextError: a character that starts no word, a string without an end, an unknown escape.
    """
    found: list[Word] = []
    at, text = 0, source.text
    while at < len(text):
        match = WORD.match(text, at)
        if match is None:
            raise TextError(_unreadable(text, at), Place(source, at))
        kind, written = match.lastgroup, match.group()
        if kind == "number":
            found.append(Word("number", written, at, _number(written, source, at)))
        elif kind == "string":
            found.append(Word("string", written, at, _string(written, source, at)))
        elif kind == "name":
            found.append(Word("keyword" if written in KEYWORDS else "name", written, at))
        elif kind == "sign":
            found.append(Word("sign", written, at))
        at = match.end()
    found.append(Word("end", "", len(text.rstrip()) if text.strip() else 0))
    return found


def _unreadable(text: str, at: int) -> str:
    if text[at] in "\"'":
        return f"the string has no end on its line; close it with {text[at]}"
    if text[at] in "&|!~":
        return f"{text[at]!r} is no sign of RASP; write and, or, not"
    return f"{text[at]!r} starts no name, number, string or sign"


def _number(written: str, source: Source, at: int) -> int | float:
    if len(written) > LONGEST_NUMBER:
        raise TextError(f"a number of {len(written)} characters; write at most {LONGEST_NUMBER}", Place(source, at))
    if written.isdecimal():
        return int(written)
    value = float(written)
    if value == float("inf"):
        raise TextError(f"{written} is too large for a float", Place(source, at))
    return value


def _string(written: str, source: Source, at: int) -> str:
    found: list[str] = []
    inner = iter(enumerate(written[1:-1], start=at + 1))
    for offset, char in inner:
        if char == "\\":
            char = next(inner)[1]
            if char not in ESCAPES:
                raise TextError(
                    f"'\\{char}' is no escape; the escapes are \\n \\t \\\" \\' \\\\", Place(source, offset)
                )
            char = ESCAPES[char]
        found.append(char)
    return "".join(found)
