"""A comm that records what a widget sends, and through which a test plays the front end."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from comm.base_comm import BaseComm


@dataclass(frozen=True)
class Sent:
    """One message to the front end, its buffers apart."""

    kind: str
    data: dict[str, Any]
    buffers: list[bytes]


class RecordingComm(BaseComm):
    """Keeps every message; JSON that could not travel is an error at once."""

    def publish_msg(
        self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **_keys: Any
    ) -> None:
        wire = json.loads(json.dumps(data or {}, allow_nan=False))
        self.sent().append(Sent(msg_type, wire, [bytes(buffer) for buffer in buffers or []]))

    def sent(self) -> list[Sent]:
        """All messages so far; made on first use, as a comm opens before its `__init__` is done."""
        found: list[Sent] = self.__dict__.setdefault("messages", [])
        return found


class Screen:
    """The front end of one widget, as a test plays it."""

    def __init__(self, widget: Any) -> None:
        self.widget = widget
        self.comm: RecordingComm = widget.comm

    def set(self, **traits: Any) -> None:
        """The reader changes traits."""
        self._receive({"method": "update", "state": traits, "buffer_paths": []})

    def say(self, content: Any) -> None:
        """The front end sends a message of its own."""
        self._receive({"method": "custom", "content": content})

    def _receive(self, data: dict[str, Any]) -> None:
        self.comm.handle_msg({"content": {"data": json.loads(json.dumps(data))}, "buffers": []})

    def updates(self, trait: str) -> list[Any]:
        """All values of a trait that Python sent after the widget was made, buffers put back."""
        changes = [m for m in self.comm.sent() if m.data.get("method") == "update" and trait in m.data["state"]]
        return [_with_buffers(message)[trait] for message in changes]

    def opened(self) -> dict[str, Any]:
        """The state that the widget opened with, buffers put back."""
        (first,) = [message for message in self.comm.sent() if message.kind == "comm_open"]
        return _with_buffers(first)

    def echoes(self) -> list[str]:
        """Names of the traits that were echoed."""
        messages = [m for m in self.comm.sent() if m.data.get("method") == "echo_update"]
        return [name for message in messages for name in message.data["state"]]

    def replies(self) -> list[tuple[dict[str, Any], list[bytes]]]:
        """All messages of Python's own, with their buffers."""
        return [(m.data["content"], m.buffers) for m in self.comm.sent() if m.data.get("method") == "custom"]


def _with_buffers(message: Sent) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(json.dumps(message.data["state"]))
    for path, buffer in zip(message.data["buffer_paths"], message.buffers, strict=True):
        at: Any = state
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = buffer
    return state
