"""What holds for every test: fixed seeds, no network, engine first and browser last."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, sync_playwright

from tests.offline import sitecustomize as offline

TESTS = Path(__file__).parent
ORDER = ["kernel", "widgets", "packaging", "notebooks", "browser"]

CHROMIUM_FLAGS = [
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

os.environ["HF_HUB_OFFLINE"] = "1"
offline.block_network()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick folders first, so that a mistake shows before a browser starts."""

    def rank(item: pytest.Item) -> int:
        folder = item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else ""
        return ORDER.index(folder) + 1 if folder in ORDER else 0

    items.sort(key=rank)


@pytest.fixture
def seed() -> int:
    """The seed every random choice of a test starts from."""
    return 20_240_611


@pytest.fixture(autouse=True)
def _seeded(seed: int) -> None:
    """Each test starts from the same global random state, whatever ran before it."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The system's Chromium; `scripts/install_chromium.sh` brings one."""
    for name in (
        os.environ.get("CHROMIUM", ""),
        "chromium",
        "chromium-browser",
        "google-chrome-stable",
        "google-chrome",
    ):
        if name and (found := shutil.which(name)):
            return found
    pytest.fail("no Chromium here: run scripts/install_chromium.sh, or set CHROMIUM=/path/to/chrome")


@pytest.fixture(scope="session")
def chromium(chromium_path: str) -> Iterator[Browser]:
    """One Chromium for the whole run; each test opens a context of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def offline_environment(tmp_path: Path) -> dict[str, str]:
    """Variables for a child Python whose network is blocked and whose home is empty."""
    return offline.environment(tmp_path)
