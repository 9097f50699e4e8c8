"""`make demo` as a newcomer runs it: it comes up, prints its address, and that address shows the quick start."""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.lab import free_port
from tests.offline import sitecustomize as offline

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def demo_address(tmp_path: Path) -> Iterator[str]:
    """The address that `make demo HEADLESS=1` prints; the set-up may use the network, the demo may not."""
    assert shutil.which("make"), "this test runs `make demo`: install make"
    venv = f"VENV={sys.prefix}"
    subprocess.run(["make", f"{sys.prefix}/.demo", "bundles", venv], cwd=ROOT, check=True)
    port = free_port()
    words = ["make", "demo", "HEADLESS=1", f"PORT={port}", venv]
    process = subprocess.Popen(
        words,
        cwd=ROOT,
        env=offline.environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    heard: list[str] = []
    found: queue.Queue[str | None] = queue.Queue()
    pattern = re.compile(rf"http://(localhost|127\.0\.0\.1):{port}/lab/tree/\S+")

    def listen() -> None:
        for line in process.stdout:
            heard.append(line)
            if match := pattern.search(line):
                found.put(match[0])
        found.put(None)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        address = found.get(timeout=90)
        assert address, f"make demo ended without printing its address:\n{''.join(heard[-40:])}"
        yield address
    finally:
        process.terminate()  # make passes it on to the server
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        listener.join()
        process.stdout.close()


def test_make_demo_prints_an_address_that_shows_the_quick_start(demo_address, chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    try:
        page = context.new_page()
        page.goto(demo_address)
        expect(page.locator("#jp-main-dock-panel .lm-TabBar-tab.jp-mod-current")).to_contain_text(
            "quick_start.ipynb", timeout=60_000
        )
        expect(page.locator(".jp-Notebook .jp-MarkdownCell").first).to_be_visible(timeout=60_000)
        expect(page.locator("#jp-main-statusbar")).to_contain_text("Python 3 (ipykernel) | Idle", timeout=60_000)
    finally:
        context.close()
