"""Take the pictures of the README from the widgets themselves, in a real JupyterLab (`make pictures`)."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect, sync_playwright

from tests.browser import lab

ROOT = Path(__file__).resolve().parents[2]
CELLS = (
    "import attrium",
    "attrium.Insights.from_bundle(attrium.zoo.scenes(), page_size=8, filter={'classes': [1, 2, 3, 5]})",
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
WINDOW = {"width": 1200, "height": 1400}


def main() -> None:
    """Write docs/images/insights.png."""
    target = ROOT / "docs" / "images" / "insights.png"
    with tempfile.TemporaryDirectory() as made, sync_playwright() as play:
        folder = Path(made) / "notebooks"
        folder.mkdir()
        lab.write_notebook(folder / "pictures.ipynb", *CELLS)
        chromium = play.chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=FLAGS)
        with lab.serve(folder) as address, lab.open_lab(chromium, address) as page:
            page.page.set_viewport_size(WINDOW)
            page.open("pictures.ipynb")
            page.page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
            page.run_all()
            widget = page.show(1).locator(".attrium-insights")
            expect(widget.locator(".attrium-progress")).to_have_count(0, timeout=60_000)
            widget.screenshot(path=str(target), animations="disabled")
        chromium.close()
    with Image.open(target) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(target, optimize=True)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
