"""What can go wrong with a RASP program, each with the node it happened at."""

from __future__ import annotations


class RaspError(ValueError):
    """A program that is wrong, or was given something it cannot work on.

    Attributes:
        node: label of the node at fault, None where no single one is.
        position: position in the sequence, counted from 0, None where it does not matter.
    """

    def __init__(self, message: str, node: str | None = None, position: int | None = None) -> None:
        place = "" if node is None else f"{node}: " if position is None else f"{node}, position {position}: "
        super().__init__(place + message)
        self.node = node
        self.position = position


class EvaluationError(RaspError):
    """A program has no value on this input: a function raised, an absent value was compared, strings were averaged."""


class CompileError(RaspError):
    """A program cannot become a transformer; says which node, why, and how to change it."""
