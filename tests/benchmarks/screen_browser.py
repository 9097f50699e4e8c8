"""Chromium as the benchmark drives it: headless, drawing in software, on a clock of its own page."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Playwright, ViewportSize

WATCH = Path(__file__).with_name("screen_watch.js")
"""The script that every page has from its start: see its head."""
ROOM: ViewportSize = {"width": 1400, "height": 1300}
"""A window in which a whole widget has room."""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-background-timer-throttling",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def chromium() -> str | None:
    """The machine's Chromium, or that of the variable CHROMIUM."""
    names = (os.environ.get("CHROMIUM", ""), *NAMES)
    return next((found for name in names if name and (found := shutil.which(name))), None)


def launch(play: Playwright) -> Browser:
    """A browser that reaches nothing but this machine."""
    return play.chromium.launch(executable_path=chromium(), args=FLAGS)
