"""Take the pictures of the README from the widgets themselves, in a real JupyterLab (`make pictures`)."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect, sync_playwright

from tests.browser import lab

ROOT = Path(__file__).resolve().parents[2]
PROMPT = "When Mary and Paul went to the store, Paul gave a drink to"
PICTURES = {
    "insights": (
        "import attrium\n"
        "attrium.Insights.from_bundle(attrium.zoo.scenes(), page_size=8, filter={'classes': [1, 2, 3, 5]})",
        ".attrium-insights",
    ),
    "transformer": (
        f"attrium.TransformerExplorer(*attrium.load('tiny_gpt2'), {PROMPT!r}, block=3, head=3)",
        ".attrium-transformer-explorer",
    ),
    "rasp_graph": ("attrium.RaspGraph('reverse', node='reverse', position=1)", ".attrium-rasp-graph"),
}
"""By file: the cell that shows the widget, and the widget's root."""
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
WINDOW = {"width": 1200, "height": 2000}
SETTLED_MS = 2000
"""When no picture moves any more."""


def main() -> None:
    """Write docs/images/*.png."""
    folder = ROOT / "docs" / "images"
    with tempfile.TemporaryDirectory() as made, sync_playwright() as play:
        notebooks = Path(made) / "notebooks"
        notebooks.mkdir()
        lab.write_notebook(notebooks / "pictures.ipynb", *(cell for cell, _ in PICTURES.values()))
        chromium = play.chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=FLAGS)
        with lab.serve(notebooks) as address, lab.open_lab(chromium, address) as page:
            page.page.set_viewport_size(WINDOW)
            page.open("pictures.ipynb")
            page.page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
            page.run_all()
            for number, (name, (_, root)) in enumerate(PICTURES.items()):
                widget = page.show(number).locator(root)
                expect(widget.locator(".attrium-progress")).to_have_count(0, timeout=60_000)
                page.page.wait_for_timeout(SETTLED_MS)
                widget.screenshot(path=str(folder / f"{name}.png"), animations="disabled")
        chromium.close()
    for name in PICTURES:
        squeeze(folder / f"{name}.png")


def squeeze(path: Path) -> None:
    """Store a picture in 256 colours."""
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
