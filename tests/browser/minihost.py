"""A widget of the test's own process in a plain page: no Jupyter, no server.

The page and Python talk through Playwright. Only the test's thread may use Playwright, so what a widget's worker sends
waits in a queue until the test looks at the page again (`MiniHost.pump`).
"""

from __future__ import annotations

import base64
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import comm
import pytest
from comm.base_comm import BaseComm, CommManager
from ipywidgets import Widget
from playwright.sync_api import Locator, Page

SCRIPT = Path(__file__).with_suffix(".js")
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Widgets under test</title></head>
<body><main></main></body></html>"""

Message = dict[str, Any]


class MiniHost:
    """Shows widgets in a page, each as often as you like.

    Args:
        page: a blank page; it must stay at the address it has.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.manager = CommManager()
        self._queue: deque[Message] = deque()
        self._answering = False
        self._left = False
        self._thread = threading.current_thread()
        self._names = (f"view-{number}" for number in itertools.count(1))
        page.set_content(PAGE)
        page.expose_function("__attriumPython", self._from_page)
        page.add_script_tag(content=SCRIPT.read_text(encoding="utf-8"))

    def post(self, message: Message) -> None:
        """Take a message for the page, from any thread; it goes at once where it may."""
        if self._left:
            return
        self._queue.append(message)
        if threading.current_thread() is self._thread and not self._answering:
            self.pump()

    def pump(self) -> None:
        """Hand the page all messages that wait."""
        if waiting := self._take():
            self.page.evaluate("messages => __attrium.receive(messages)", waiting)

    def show(self, widget: Widget) -> Locator:
        """One more view of a widget."""
        self.pump()
        name = next(self._names)
        self.page.evaluate("([id, name]) => __attrium.show(id, name)", [widget.model_id, name])
        return self.page.locator(f"#{name}")

    def unmount(self, view: Locator) -> None:
        """Take a view off the page, as closing a cell does."""
        self.page.evaluate("name => __attrium.unmount(name)", view.get_attribute("id"))

    def listeners(self, widget: Widget) -> list[str]:
        """The events of a widget's model that someone listens to."""
        found: list[str] = self.page.evaluate("id => __attrium.listenersOf(id)", widget.model_id)
        return found

    def until(self, true: Callable[[], Any], timeout_s: float = 10) -> Any:
        """Let page and worker go on until something is true; gives its value."""
        end = time.monotonic() + timeout_s
        while not (value := true()):
            if time.monotonic() > end:
                raise AssertionError(f"still {value!r} after {timeout_s:g} s")
            self.pump()
            self.page.wait_for_timeout(15)
        self.pump()
        return value

    def leave(self) -> None:
        """Close all widgets and say no more to the page, which may then go elsewhere."""
        Widget.close_all()
        self._left = True
        self._queue.clear()

    def _from_page(self, message: Message) -> list[Message]:
        """Handle a message of the page; what Python says to it travels back with the answer."""
        self._answering = True
        try:
            buffers = [memoryview(base64.b64decode(text)) for text in message["buffers"]]
            at = self.manager.get_comm(message["id"])
            assert at is not None, f"the page spoke to {message['id']}, which is closed"
            at.handle_msg({"content": {"data": message["data"]}, "buffers": buffers})
        finally:
            self._answering = False
        return self._take()

    def _take(self) -> list[Message]:
        found = []
        while self._queue:
            found.append(self._queue.popleft())
        return found


class _PageComm(BaseComm):
    """A comm whose other end is the page of the present host."""

    host: MiniHost

    def publish_msg(
        self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **_keys: Any
    ) -> None:
        texts = [base64.b64encode(buffer).decode() for buffer in buffers or []]
        self.host.post({"kind": msg_type, "id": self.comm_id, "data": data or {}, "buffers": texts})


@contextmanager
def mini_host(page: Page) -> Iterator[MiniHost]:
    """A host for the widgets that are made inside the block; they are closed at its end."""
    host = MiniHost(page)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_PageComm, "host", host, raising=False)
        patch.setattr(comm, "create_comm", lambda *args, **keywords: _PageComm(*args, **keywords))
        patch.setattr(comm, "get_comm_manager", lambda: host.manager)
        yield host
        host.leave()
