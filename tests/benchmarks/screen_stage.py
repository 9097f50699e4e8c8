"""A notebook on screen: server, kernel, page, its clock, and what travels to it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Playwright, WebSocket
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.lab import KERNEL, Lab, open_lab, serve, write_notebook

from .screen_browser import ROOM, WATCH, launch

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = "bench.ipynb"
SETUP = f"""
import sys, time
from ipywidgets import Widget
sys.path.insert(0, {str(ROOT)!r})
from tests.benchmarks import screen_kernel as bench
"""
QUIET_MS = 1000
SHOW_S = 30.0
"""Most time for a widget to open."""
MOST_REPEATS = 5
BUSY = "[aria-busy=true], .attrium-progress"
"""Finds what is under way in a widget."""
THREADS = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
"""Jobs run in threads of their own, which do not take over `torch.set_num_threads`."""


class StillChangesError(AssertionError):
    """A widget that is not done after a long time."""


@dataclass
class Stage:
    """A notebook of one cell that shows `show()`, which the set-up defines in its kernel."""

    lab: Lab
    widget: str
    ready: str
    received: list[int] = field(default_factory=list)
    repeated: int = 0

    @property
    def notes(self) -> list[str]:
        """What is to be said of the notebook below the table."""
        why = "an answer never came (JupyterLab had sent the question to a subshell that was gone)"
        return [f"Opened anew {self.repeated} times: {why}."] if self.repeated else []

    @property
    def root(self) -> Locator:
        """The widget's root element."""
        return self.lab.page.locator(f".{self.widget}")

    def prepare(self, *lines: str) -> None:
        """Run lines in the kernel; the last ones define `show`, which makes the widget."""
        self.lab.python("1", setup="\n".join((SETUP, *lines)))

    def show(self, scope: str = "") -> float:
        """Open the page anew, run its cell and wait; milliseconds from the call of `show` until all is painted.

        Now and then JupyterLab sends the first question of a page that was just opened to a subshell that it has had
        deleted, and the widget waits for the answer. Then this is done again, and counted in `repeated`.

        Args:
            scope: finds what is to be painted, in the widget's root; all of it by default.
        """
        while True:
            self.lab.python("1", setup="Widget.close_all()")  # a page that opens is sent every widget that lives
            self.lab.open(NOTEBOOK)
            self.watch(scope)
            self.received_mb()
            self.lab.run_all()
            try:
                return self.epoch_ms(self.painted_ms(SHOW_S)) - 1000 * float(self.lab.python("started_s"))
            except StillChangesError:
                if self.repeated == MOST_REPEATS:
                    raise
                self.repeated += 1

    def watch(self, scope: str = "") -> None:
        """From now on, changes below the widget's root count, or below what this selector finds in it."""
        self.lab.page.evaluate(
            f"scope => {{ __screen.start(scope); __screen.busy = () => {KERNEL}?.status !== 'idle' }}",
            f".{self.widget} {scope}".strip(),
        )

    def painted_ms(self, timeout_s: float = 120) -> float:
        """Wait until the widget stands and the kernel is idle; when the last change was painted, in ms of the page."""
        state = f"""([root, ready, quiet]) => {{
            const widget = document.querySelector(root);
            const [found, busy] = [widget?.querySelector(ready), widget?.querySelector({BUSY!r})];
            const stands = found && !busy && __screen.changes > 0 && __screen.quiet_ms > quiet;
            const {{ changes, quiet_ms }} = __screen;
            const kernel = {KERNEL}?.status;
            window.__state = {{ found: !!found, busy: busy?.outerHTML.slice(0, 200), changes, quiet_ms, kernel }};
            return stands;
        }}"""
        try:
            self.lab.page.wait_for_function(
                state, arg=[f".{self.widget}", self.ready, QUIET_MS], timeout=timeout_s * 1000
            )
        except PlaywrightTimeout as error:
            now = self.lab.page.evaluate("window.__state")
            raise StillChangesError(f"{self.widget} still changes after {timeout_s:g} s: {now}") from error
        return float(self.lab.page.evaluate("__screen.last_ms"))

    def expect(self, selector: str, attribute: str) -> None:
        """Note when an attribute changes next; `changed` waits for it."""
        self.lab.page.evaluate(
            """([selector, name]) => {
                window.__changed = null;
                __screen.after(document.querySelector(selector), name).then(found => { window.__changed = found });
            }""",
            [selector, attribute],
        )

    def changed(self) -> dict[str, Any]:
        """The expected change: its `value`; `set_ms`, and the `first_ms` and `second_ms` frame after, of the page."""
        found: dict[str, Any] = self.lab.page.wait_for_function("window.__changed").json_value()
        return found

    def key_ms(self) -> float:
        """When the last key was pressed, in ms of the page."""
        return float(self.lab.page.evaluate("__screen.key_ms"))

    def epoch_ms(self, page_ms: float) -> float:
        """Milliseconds of the page's clock as those of the epoch."""
        return float(self.lab.page.evaluate("performance.timeOrigin")) + page_ms

    def nodes(self) -> int:
        """Elements of the widget."""
        return int(self.root.evaluate("root => root.querySelectorAll('*').length"))

    def received_mb(self) -> float:
        """MB (10^6 bytes) that the kernel sent to the page since this was asked last; 0 where it is not counted."""
        sent = sum(self.received) / 1e6
        self.received.clear()
        return sent

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda payload: self.received.append(len(payload)))


@contextmanager
def stage(play: Playwright, widget: str, ready: str, *, counting: bool = False, **variables: str) -> Iterator[Stage]:
    """A notebook for a widget whose root has this class.

    Args:
        ready: finds something in it once there is something to see.
        counting: the sizes of messages, which takes time: not where times are measured.
        variables: of the server's and so the kernel's environment.
    """
    with tempfile.TemporaryDirectory() as made, _environment(THREADS | variables):
        folder = Path(made) / "notebooks"
        folder.mkdir()
        write_notebook(folder / NOTEBOOK, "started_s = time.time()\nw = show()\nw")
        browser = launch(play)
        try:
            with serve(folder) as address, open_lab(browser, address, reduced_motion="reduce") as lab:
                lab.page.set_viewport_size(ROOM)
                lab.page.add_init_script(path=WATCH)
                found = Stage(lab, widget, ready)
                if counting:
                    lab.page.on("websocket", found._listen)
                lab.open(NOTEBOOK)
                yield found
        finally:
            browser.close()


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
