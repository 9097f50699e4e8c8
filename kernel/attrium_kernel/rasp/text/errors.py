"""A RASP text, and what is wrong with it, with the line and a mark under the place."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import RaspError

WIDEST = 100


@dataclass(frozen=True, eq=False)
class Source:
    """A text to read, and what to call it in messages.

    Attributes:
        text: the program as written.
        path: where it comes from, None for text that was passed as such.
        is_library: whether it is the language's own library, whose errors are shown where it is called.
    """

    text: str
    path: str | None = None
    is_library: bool = False

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """Line and column of a character, both counted from 1."""
        before = self.text[:offset]
        return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1

    def line(self, number: int) -> str:
        """A line of the text, counted from 1, without its end."""
        lines = self.text.split("\n")
        return lines[number - 1] if number <= len(lines) else ""


@dataclass(frozen=True)
class Place:
    """A character of a source, by its offset."""

    source: Source
    offset: int


class TextError(RaspError):
    """A RASP text that cannot be read or run; the message ends in the line with a caret under the place.

    Attributes:
        problem: what is wrong, without the place.
        place: where.
        line, column: where, counted from 1.
        text: the line as it is written.
        path: the file, None for text that was passed as such.
    """

    def __init__(self, problem: str, place: Place) -> None:
        self.problem, self.place, self.path = problem, place, place.source.path
        self.line, self.column = place.source.line_and_column(place.offset)
        self.text = place.source.line(self.line).rstrip("\r")
        where = f"line {self.line}, column {self.column}"
        where = where if self.path is None else f"{self.path}, {where}"
        super().__init__(f"{where}: {problem}\n{self._picture()}")

    def _picture(self) -> str:
        """The line with a caret under the place; of a long line the part around it."""
        start = max(0, self.column - 1 - WIDEST // 2) if len(self.text) > WIDEST else 0
        part = self.text[start : start + WIDEST]
        indent = "".join("\t" if char == "\t" else " " for char in part[: self.column - 1 - start])
        return f"    {part}\n    {indent}^"
