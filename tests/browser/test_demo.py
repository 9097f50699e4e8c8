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
        try:
            process.wait(30)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            listener.join(10)


def test_make_demo_prints_an_address_that_shows_the_quick_start(demo_address, chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(demo_address)
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
    assert "quick_start" in page.locator(".lm-TabBar-tab.lm-mod-current .lm-TabBar-tabLabel").first.inner_text()
    assert page.locator(".jp-Notebook .jp-MarkdownCell").count() > 0
    context.close()
