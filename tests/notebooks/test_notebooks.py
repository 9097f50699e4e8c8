"""Every demo notebook is committed clean, runs from top to bottom without a network, and shows what its words say.

`checks/NAME.py` runs in the kernel of `NAME.ipynb` after its last cell.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import matplotlib.font_manager
import nbclient
import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "demo_notebooks").glob("*.ipynb"))
CHECKS = Path(__file__).parent / "checks"


def test_the_quick_start_is_among_the_notebooks_and_no_check_is_left_over():
    names = {path.stem for path in NOTEBOOKS}
    checked = {path.stem for path in CHECKS.glob("*.py")}
    assert "quick_start" in names and "trace_a_transformer" in checked <= names


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
    if (check := CHECKS / f"{path.stem}.py").exists():
        notebook.cells.append(nbformat.v4.new_code_cell(check.read_text(encoding="utf-8")))
    matplotlib.font_manager.get_font_names()  # the first use in a home builds a list, and may say so on stderr
    environment = {**offline_environment, "MPLCONFIGDIR": matplotlib.get_cachedir()}
    (tmp_path / "work").mkdir()
    client = nbclient.NotebookClient(
        notebook, timeout=180, kernel_name="python3", resources={"metadata": {"path": str(tmp_path / "work")}}
    )
    start = time.monotonic()
    client.execute(env=environment)
    print(f"\n{path.name}: {time.monotonic() - start:.1f} s")
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert not (output.output_type == "stream" and output.name == "stderr"), output.text
