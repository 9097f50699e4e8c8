"""The Python in README and docs runs as pasted, a page from top to bottom, in a fresh offline interpreter."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# What the README calls the reader's own.
READERS = {
    "README": """
from attrium import zoo
language = zoo.tiny_gpt2()
gpt2, ids, token = language.model, language.encode("the").input_ids, 3
"""
}


def python_blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_its_python_runs_as_pasted(page, offline_environment, tmp_path):
    blocks = python_blocks(page)
    assert blocks, f"{page.name} shows no Python"
    code = "\n".join([READERS.get(page.stem, ""), *blocks])
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=offline_environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr


def test_the_files_that_pages_link_to_are_here():
    for page in PAGES:
        for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
