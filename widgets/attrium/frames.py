"""Traits that hold frames: sent as a header and one binary buffer, compared by identity, never echoed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import traitlets as t

from attrium_kernel.arrays import Frame

from .channel import Answer, Source, as_json


def to_wire(value: Any, _widget: Any = None) -> Any:
    """A frame as a dict whose `data` is binary, also inside lists and dicts."""
    if isinstance(value, Frame):
        return {**value.header, "data": value.data}
    if isinstance(value, Answer):
        return {"facts": as_json(value.facts), "frames": to_wire(dict(value.frames))}
    if isinstance(value, dict):
        return {key: to_wire(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_wire(item) for item in value]
    return value


@dataclass(frozen=True, eq=False)
class SourcedFrame(Frame):
    """A frame with the whole tensor that it was made from, which the widget registers once the trait has changed."""

    source: Source


def sourced(frame: Frame, source: Source) -> SourcedFrame:
    """The frame with its source."""
    return SourcedFrame(**{field.name: getattr(frame, field.name) for field in fields(frame)}, source=source)


class FrameTrait(t.TraitType[Any, Any]):
    """A `Frame` or None.

    Args:
        coerce: `coerce(widget, value)` makes a frame of anything else; without it only frames are taken.
        help: one line for the reader.
    """

    info_text = "a Frame or None"

    def __init__(self, coerce: Callable[[Any, Any], Frame] | None = None, help: str = "") -> None:
        super().__init__(None, allow_none=True, help=help)
        self._coerce = coerce
        self.tag(sync=True, to_json=to_wire, echo_update=False)

    def validate(self, obj: Any, value: Any) -> Frame:
        """Take a frame, or make one."""
        if isinstance(value, Frame):
            return value
        if self._coerce is None:
            self.error(obj, value)
        return self._coerce(obj, value)


class AnswerTrait(t.TraitType[Any, Any]):
    """An `Answer` that is sent unasked, or None; sent as `{facts, frames}`."""

    info_text = "an Answer or None"

    def __init__(self, help: str = "") -> None:
        super().__init__(None, allow_none=True, help=help)
        self.tag(sync=True, to_json=to_wire, echo_update=False)

    def validate(self, obj: Any, value: Any) -> Answer:
        """Nothing else."""
        if not isinstance(value, Answer):
            self.error(obj, value)
        return value


class FramesTrait(t.List[Any]):
    """A list of dicts that may hold frames, sent with their buffers. It is replaced, never changed in place."""

    def __init__(self, help: str = "") -> None:
        super().__init__(help=help)
        self.tag(sync=True, to_json=to_wire, echo_update=False)
