"""The values of a program as tokens: each value's id, and how it is spelled in a text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .craft import ABSENT
from .errors import RaspError
from .expressions import Value


class Vocabulary:
    """Ids and spellings of values: BOS, PAD, the inputs, then what is only an output.

    A value is spelled as `str` does. Where two would be spelled alike (the number 1 and the text "1", or a text that
    is the name of BOS), and where a text is empty or has spaces among texts that are split at spaces, a text is
    spelled with its quotes.

    Args:
        inputs: the values that an input may have, at least one.
        bos, pad: names of the two marks.
        extra: values that are only outputs, in the order of their ids.
        max_length: longest input, without its BOS; None for no limit.

    Attributes:
        values: all values by id, the names of the marks first.
        spellings: what each is spelled like, by id, each different.
        characters: whether texts are one token a character; else they are split at white space.
    """

    def __init__(
        self,
        inputs: Sequence[Value],
        bos: str = "BOS",
        pad: str = "PAD",
        extra: Sequence[Value] = (),
        max_length: int | None = None,
    ) -> None:
        if not inputs:
            raise RaspError("the vocabulary is empty; pass the values that an input may have")
        self.inputs, self.bos, self.pad, self.max_length = tuple(inputs), bos, pad, max_length
        self.values: tuple[Value, ...] = (bos, pad, *inputs, *extra)
        self.characters = all(len(str(value)) == 1 for value in inputs)
        self.spellings = _spelled(self.values[2:], [bos, pad], spaces=self.characters)
        self._exact = {(type(value), value): i for i, value in enumerate(inputs, 2)}
        self._equal = {value: i for i, value in reversed(list(enumerate(inputs, 2)))}
        if len(self._exact) != len(inputs):
            raise RaspError(f"the vocabulary has a value twice: {_listed(inputs)}")

    def __len__(self) -> int:
        return len(self.values)

    def encode(self, values: Iterable[Value]) -> list[int]:
        """Ids of an input, BOS first.

        A value that equals one of the inputs and is of another type (1.0 for 1) counts as that one.

        Raises:
            RaspError: the input is empty, longer than `max_length`, or has a value that is not in the vocabulary.
        """
        given = list(values)
        self.check_length(len(given))
        return [0, *(self._id(value, position) for position, value in enumerate(given))]

    def check_length(self, count: int) -> None:
        """Refuse an input that is empty or too long."""
        if count == 0:
            raise RaspError("the input is empty; pass at least one token")
        if self.max_length is not None and count > self.max_length:
            raise RaspError(
                f"the input has {count} tokens, but the program was compiled for max_length={self.max_length}; pass a "
                "shorter one, or compile with a larger max_length"
            )

    def _id(self, value: Value, position: int) -> int:
        try:
            found = self._exact.get((type(value), value))
            found = self._equal.get(value) if found is None else found
        except TypeError:  # not hashable
            found = None
        if found is None:
            raise self.unknown(value, position)
        return found

    def unknown(self, value: Value, position: int) -> RaspError:
        """The error for a value that is no input, which names what it may have been meant to be."""
        alike = next((known for known in self.inputs if str(known) == str(value)), None)
        hint = f"; did you mean {alike!r} ({type(alike).__name__})?" if alike is not None else ""
        return RaspError(
            f"position {position} is {value!r} ({type(value).__name__}), which is not in the vocabulary "
            f"({_listed(self.inputs)}){hint}",
            position=position,
        )

    def values_of(self, ids: Iterable[int]) -> list[Value]:
        """Values of ids; the marks are their names, and "no value" is None."""
        return [None if self.values[i] is ABSENT else self.values[i] for i in map(int, ids)]


def _spelled(values: Sequence[Value], marks: Sequence[str], spaces: bool) -> tuple[str, ...]:
    plain = [str(value) for value in values]
    counts: dict[str, int] = {}
    for text in (*marks, *plain):
        counts[text] = counts.get(text, 0) + 1
    used = set(marks)
    found = list(marks)
    for value, text in zip(values, plain, strict=True):
        odd = not text or (not spaces and any(c.isspace() for c in text))
        if isinstance(value, str) and (odd or counts[text] > 1):
            text = repr(value)
        stem, number = text, 1
        while text in used or (text in counts and text != str(value)):
            number += 1
            text = f"{stem}#{number}"
        used.add(text)
        found.append(text)
    return tuple(found)


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(repr, values[:12])) + (f", ... {len(values)} in all" if len(values) > 12 else "")
