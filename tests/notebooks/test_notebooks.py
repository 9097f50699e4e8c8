"""Every demo notebook is committed clean and runs from top to bottom without a network."""

from __future__ import annotations

import json
import time
from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "demo_notebooks").glob("*.ipynb"))


def test_the_quick_start_is_among_the_notebooks():
    assert "quick_start.ipynb" in {path.name for path in NOTEBOOKS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_committed_without_outputs_or_widget_state(path):
    raw = json.loads(path.read_text(encoding="utf-8"))
    assert "widgets" not in raw["metadata"], "clear the widget state"
    for number, cell in enumerate(raw["cells"]):
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [], f"clear the outputs of cell {number}"
            assert cell["execution_count"] is None, f"clear the execution count of cell {number}"
    nbformat.validate(nbformat.from_dict(raw))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_offline_from_top_to_bottom(path, offline_environment, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    (tmp_path / "work").mkdir()
    client = nbclient.NotebookClient(
        notebook, timeout=180, kernel_name="python3", resources={"metadata": {"path": str(tmp_path / "work")}}
    )
    start = time.monotonic()
    client.execute(env=offline_environment)
    print(f"\n{path.name}: {time.monotonic() - start:.1f} s")
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert not (output.output_type == "stream" and output.name == "stderr"), output.text
