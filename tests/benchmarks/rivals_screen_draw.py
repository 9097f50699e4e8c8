"""Attention of one forward of GPT-2, drawn by AttentionExplorer, BertViz and CircuitsVis."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, Playwright, Route, sync_playwright

from .rivals_screen import PAGES, SCRIPTS
from .screen_attention import MATRIX, WIDGET
from .screen_browser import ROOM, WATCH, launch
from .screen_case import Drawing, Found, Setting
from .screen_stage import ROOT, Stage, stage

LENGTHS = (16, 64, 128)
LARGEST = 256
"""The rivals' pages are made at this length too, and not drawn."""
ROUNDS = 3
ENOUGH_S = 10.0
"""What takes longer is drawn once."""
PATIENCE_S = 60
QUIET_MS = 1000
"""Nothing has changed on screen for so long: it is drawn."""

NOTES = [
    "The same attention for all, 12 layers of 12 heads (CircuitsVis draws one layer), as tensors.",
    "Ours: a live notebook; painted from the call in Python on; size: all that the kernel sends, front end included.",
    "Rivals: a bare page of a local server, no notebook around it; painted from the navigation on, without the call;",
    "their scripts come from npm packages instead of a CDN (require.js not minified, jQuery 2.1.0 for 2.0.0; they are",
    "not in the size), and CircuitsVis has its script in the page, as it does without a network.",
]


def measured(setting: Setting) -> Found:
    """The whole case, ours first at each length."""
    result = Found(notes=list(NOTES))
    lengths = (8, 16) if setting.quick else LENGTHS
    ours = {drawing.tokens: drawing for drawing in by_explorer(setting, (*lengths, LARGEST))}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        answer = pages(setting, folder, (*lengths, LARGEST))
        with sync_playwright() as play, served(folder) as address:
            for tokens in (*lengths, LARGEST):
                result.drawings.append(ours[tokens])
                for name in PAGES:
                    if made_of := answer["pages"].get(f"{name} {tokens}"):
                        drawn = drawings(play, setting, f"{address}/{name}-{tokens}.html", name, tokens < LARGEST)
                        result.drawings.append(
                            Drawing(PAGES[name].title, tokens, made_of["bytes"] / 1e6, made_of["python_s"], **drawn)
                        )
    result.versions = answer["versions"]
    missing = sorted({page.package for page in PAGES.values() if not result.versions.get(page.package)})
    if missing:
        result.left_out.append(f"left out, not installed: {', '.join(missing)} (make bench-peers installs them)")
    return result


# ---- ours


def by_explorer(setting: Setting, lengths: tuple[int, ...]) -> Iterator[Drawing]:
    """AttentionExplorer in a notebook: times on one page after another, bytes on a page of their own."""
    lines = (
        "import attrium",
        "from tests.benchmarks import rivals_screen as rivals",
        f"scale = rivals.Scale.quick() if {setting.quick} else rivals.Scale()",
        "data = {}",
        "def show(tokens=0):",
        "    global python_s",
        "    start = time.perf_counter()",
        "    made = attrium.AttentionExplorer(data[tokens][0], tokens=data[tokens][1])",
        "    python_s = time.perf_counter() - start",
        "    return made",
    )
    with sync_playwright() as play:
        sizes = {}
        with stage(play, WIDGET, MATRIX, counting=True) as found:
            found.prepare(*lines)
            for tokens in lengths:
                on(found, tokens)
                found.show()
                sizes[tokens] = found.received_mb()
        with stage(play, WIDGET, MATRIX) as found:
            found.prepare(*lines)
            for tokens in lengths:
                on(found, tokens)
                drawn, called = [], []
                for _ in range(min(ROUNDS, setting.rounds)):
                    drawn.append(found.show() / 1000)
                    called.append(float(found.lab.python("python_s")))
                yield Drawing("AttentionExplorer, 12 layers", tokens, sizes[tokens], called, drawn, found.nodes())


def on(found: Stage, tokens: int) -> None:
    """The attention that `show` shows next."""
    found.prepare(f"data[{tokens}] = rivals.attention({tokens}, scale)", f"show.__defaults__ = ({tokens},)", "show()")


# ---- the rivals


def pages(setting: Setting, folder: Path, lengths: tuple[int, ...]) -> dict[str, Any]:
    """Have the rivals make their pages in the interpreter that has them; what each cost."""
    python = setting.peers / "bin/python"
    if not python.exists():
        return {"pages": {}, "versions": {}}
    words = [str(python), "-m", "tests.benchmarks.rivals_screen", str(folder), ",".join(map(str, lengths))]
    words += [str(min(ROUNDS, setting.rounds)), "quick" if setting.quick else "full"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "kernel"), "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, env=environment)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


class _Server(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A folder at an address of the loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Server, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


def drawings(play: Playwright, setting: Setting, url: str, name: str, wanted: bool) -> dict[str, Any]:
    """Draw a page some times, each in a browser of its own."""
    scripts = setting.peers / "pages/node_modules"
    if not wanted:
        return {"not_drawn": "size only"}
    if PAGES[name].needs_scripts and not scripts.is_dir():
        return {"not_drawn": "not drawn: its scripts are not here"}
    drawn: list[float] = []
    nodes = 0
    while len(drawn) < min(ROUNDS, setting.rounds) and (not drawn or drawn[0] < ENOUGH_S):
        found = draw(play, url, PAGES[name].ready, scripts)
        if found is None:
            return {"not_drawn": f"did not draw in {PATIENCE_S} s"}
        drawn.append(found["drawn_s"])
        nodes = found["nodes"]
    return {"drawn_s": drawn, "nodes": nodes}


def draw(play: Playwright, url: str, ready: str, scripts: Path) -> dict[str, Any] | None:
    """Seconds from the navigation until a page is painted, and its elements; None if that took over a minute.

    Args:
        ready: a script that is true once something is drawn.
        scripts: the folder `node_modules` that has what comes from a CDN otherwise.
    """
    browser = launch(play)
    try:
        page = browser.new_page(viewport=ROOM, reduced_motion="reduce")
        page.add_init_script(path=WATCH)
        for address, file in SCRIPTS.items():
            page.route(address, partial(_give, scripts / file))
        return _drawn(page, url, ready)
    finally:
        browser.close()


def _give(file: Path, route: Route) -> None:
    route.fulfill(path=file, content_type="text/javascript")


def _drawn(page: Page, url: str, ready: str) -> dict[str, Any] | None:
    try:
        page.goto(url, wait_until="commit", timeout=PATIENCE_S * 1000)
        page.wait_for_function(
            f"() => {ready} && __screen.quiet_ms > {QUIET_MS} && __screen.last_ms", timeout=PATIENCE_S * 1000
        )
    except PlaywrightError as error:
        if "Timeout" not in str(error):
            raise
        return None
    found: dict[str, Any] = page.evaluate(
        "({ drawn_s: __screen.last_ms / 1000, nodes: document.querySelectorAll('*').length })"
    )
    return found
