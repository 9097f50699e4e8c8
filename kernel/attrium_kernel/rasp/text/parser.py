"""From a RASP text to its syntax tree: statements by recursive descent, expressions by binding strength."""

from __future__ import annotations

from .errors import Place, Source, TextError
from .lexer import Word, words
from .statements import StatementReader
from .tree import Text


def parse(source: str, *, path: str | None = None) -> Text:
    """The syntax tree of a program text.

    Args:
        source: the text, not a file's name.
        path: what to call it in messages.

    Raises:
        TextError: it is not RASP; says where.
    """
    return parse_source(Source(source, path))


def parse_source(source: Source) -> Text:
    """The syntax tree of a source."""
    reader = StatementReader(source, words(source))
    try:
        return Text(source, reader.program())
    except RecursionError:
        word: Word = reader.word
        raise TextError("the text is nested too deeply; give parts of it names", Place(source, word.at)) from None
