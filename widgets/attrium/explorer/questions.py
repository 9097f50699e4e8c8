"""Answers to what the screen asks about a run, by the names of the table in protocol.ts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..channel import Answer
from ..errors import AttriumError
from . import readings
from .flow import flow
from .shown import Shown
from .subject import Subject

ABOUT_A_RUN = ("flow", "logits", "lens", "contributions", "heads")
"""Questions that a saved page can answer."""


@dataclass(frozen=True, eq=False)
class Questions:
    """What can be asked about what is on show.

    Args:
        subject: the model.
        shown: its runs.
        position, token, versus: where the reader is: see the traits.
    """

    subject: Subject
    shown: Shown
    position: int
    token: int | None
    versus: int | None

    def answer(self, question: str, args: dict[str, Any]) -> Answer:
        """The answer to one of `ABOUT_A_RUN`, `origin` or `texts`.

        Raises:
            AttriumError: if what is asked about is not there.
        """
        answer: Answer = getattr(self, question)(**args)
        return answer

    def flow(self, block: int, which: str = "run") -> Answer:
        """`FlowFacts` of a block, and how it differs from the run without interventions."""
        trace = self.shown.trace(which)
        count = len(trace.architecture.main.blocks) if trace.architecture else 0
        _check_place("block", block, count)
        base = self.shown.base if self.shown.edited and which == "run" else None
        return flow(trace, base, block, which)

    def logits(self, position: int, which: str = "run") -> Answer:
        """`LogitsFacts` of a position."""
        trace = self.shown.trace(which)
        self._check_position(position)
        following = [i for i in (self.token, self.versus) if i is not None]
        return readings.logits(trace, self.subject, position, which, following, self.shown.prompt.ids)

    def lens(self, start: int, stop: int, token: int | None = None, which: str = "run") -> Answer:
        """`LensFacts` of some positions."""
        trace = self.shown.trace(which)
        count = len(self.shown.prompt)
        if not 0 <= start < stop <= count:
            raise AttriumError(f"start={start!r}, stop={stop!r}; pass 0 <= start < stop <= {count}")
        return readings.lens(trace, self.subject, start, stop, self._followed(token, None))

    def contributions(
        self, position: int, token: int | None = None, versus: int | None = None, which: str = "run"
    ) -> Answer:
        """`ContributionFacts` of a position."""
        trace = self.shown.trace(which)
        self._check_position(position)
        if versus is not None:
            self._check_token("versus", versus)
        return readings.contributions(trace, self.subject, position, self._followed(token, position), versus)

    def heads(self, which: str = "run") -> Answer:
        """`HeadsFacts`."""
        try:
            token: int | None = self._followed(None, None)
        except AttriumError:
            token = None
        return readings.heads(self.shown.trace(which), which, self._here, token)

    def origin(self, name: str, index: list[int], which: str = "run") -> Answer:
        """`OriginFacts` of one number."""
        return readings.made_of(self.shown.origins(which), name, index)

    def texts(self, ids: list[int]) -> Answer:
        """How tokens read, by id."""
        return readings.texts_of(self.shown.run, self.subject, ids)

    @property
    def _here(self) -> int:
        return min(self.position, len(self.shown.prompt) - 1)

    def _followed(self, token: int | None, position: int | None) -> int:
        """The token that is followed: the one asked for, the reader's, or the likeliest."""
        token = self.token if token is None else token
        if token is not None:
            self._check_token("token", token)
            return token
        return int(readings.row_of_logits(self.shown.run, self._here if position is None else position).argmax())

    def _check_token(self, name: str, token: Any) -> None:
        if self.shown.run.logits is not None:
            _check_place(name, token, self.shown.run.logits.shape[-1])

    def _check_position(self, position: Any) -> None:
        _check_place("position", position, len(self.shown.prompt))


def _check_place(name: str, value: Any, count: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < count:
        raise AttriumError(f"{name}={value!r}, but there are {count}; pass one from 0 to {count - 1}")
