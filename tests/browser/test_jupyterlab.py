"""The widgets in a real JupyterLab with a live kernel: done as a person would, then read back in Python."""

from __future__ import annotations

import io
import re
import shutil
import statistics
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, expect

from tests.browser.colors import red_blue
from tests.browser.lab import Lab, open_lab, serve, write_notebook

ROOT = Path(__file__).resolve().parents[2]
ROOTS = {
    "ImageAttribution": ".attrium-image-attribution",
    "TextAttribution": ".attrium-text-attribution",
    "Insights": ".attrium-insights",
}

SET_UP = """
import json, time
import numpy as np
import torch
import attrium
from attrium_kernel import zoo

scenes = zoo.scenes()
heat = np.random.default_rng(5).normal(size=(64, 64)).astype(np.float32)
heat[3, 5], heat[60, 2], heat[0, 0] = 9.0, -9.0, 0.0
image = attrium.ImageAttribution(scenes.test.images[0], heat, mode="heatmap", title="Checked picture")
"""
TEXT = """
text = attrium.TextAttribution(["<script>alert(1)</script>", "fine", " film", "!"], [0.1, -0.5, 1.0, 0.0])
text
"""
WRONG = """
picture = scenes.test.images[0]
wrong = attrium.ImageAttribution.explain(scenes.model, scenes.preprocess(picture), image=picture, target=999)
wrong
"""
INSIGHTS = """
pictures, labels = scenes.test.images[:40], scenes.test.labels[:40]
insights = attrium.Insights(
    scenes.model, pictures, scenes.classes, labels=labels, preprocess=scenes.preprocess, page_size=6, method="Saliency"
)
insights
"""
OVERLAY = """
side = 224
photo = np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)
fields = torch.randn(2, side, side, generator=torch.Generator().manual_seed(0))
fields[0, 0, 0], fields[1, 0, 0] = 5.0, -5.0
overlay = attrium.ImageAttribution(photo, fields[0])
overlay
"""
# Brightness, 0 to 1, of the paper behind an element and of its ink.
BRIGHTNESS = """element => {
  const light = text => text.match(/[\\d.]+/g).slice(0, 3).reduce((sum, c) => sum + Number(c), 0) / 765;
  const opaque = text => !/rgba\\(.*, 0\\)/.test(text) && text !== "transparent";
  let behind = element;
  while (behind.parentElement && !opaque(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
  return [light(getComputedStyle(behind).backgroundColor), light(getComputedStyle(element).color)];
}"""
# Notes when the canvas's first pixel has changed and the frame that shows it has been painted, in ms since 1970.
WATCH_FIRST_PIXEL = """canvas => {
  window.attriumDrawn = [];
  window.attriumWatching = true;
  const context = canvas.getContext("2d");
  let last = context.getImageData(0, 0, 1, 1).data.join();
  const look = () => {
    const now = context.getImageData(0, 0, 1, 1).data.join();
    if (now !== last) {
      last = now;
      requestAnimationFrame(() => window.attriumDrawn.push(performance.timeOrigin + performance.now()));
    }
    if (window.attriumWatching) requestAnimationFrame(look);
  };
  look();
}"""
CELLS = [SET_UP, "image", "image", TEXT, WRONG, INSIGHTS, OVERLAY]
FIRST, SECOND, TEXT_CELL, WRONG_CELL, INSIGHTS_CELL, OVERLAY_CELL = range(1, 7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("lab") / "notebooks"
    path.mkdir()
    write_notebook(path / "widgets.ipynb", *CELLS)
    shutil.copy(ROOT / "demo_notebooks" / "quick_start.ipynb", path)
    return path


@pytest.fixture(scope="module")
def address(folder) -> Iterator[str]:
    with serve(folder) as url:
        yield url


@pytest.fixture(scope="module")
def lab(address, chromium: Browser) -> Iterator[Lab]:
    """One page with all widgets, run once; each test looks at its own cells."""
    with open_lab(chromium, address) as page:
        page.open("widgets.ipynb")
        page.run_all()
        yield page
        page.check()


def pixels(canvas: Locator) -> np.ndarray:
    """What is on a canvas, `(height, width, 4)`."""
    width, height, data = canvas.evaluate(
        "c => [c.width, c.height, [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]]"
    )
    return np.array(data, dtype=np.uint8).reshape(height, width, 4)


def screen(element: Locator) -> np.ndarray:
    """What the screen shows of an element, `(height, width, 3)`."""
    return np.asarray(Image.open(io.BytesIO(element.screenshot())).convert("RGB"))


def tensor(lab: Lab, expression: str) -> np.ndarray:
    return np.array(lab.python(f"torch.as_tensor({expression}).tolist()"), dtype=np.float32)


def cell_point(stage: Locator, row: int, column: int, side: int = 64) -> tuple[float, float]:
    """The middle of a cell of a square picture, in pixels of the window."""
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    return box["x"] + (column + 0.5) / side * box["width"], box["y"] + (row + 0.5) / side * box["height"]


def test_the_quick_start_runs_and_draws_every_widget(address, chromium):
    with open_lab(chromium, address) as page:
        page.open("quick_start.ipynb")
        page.run_all()
        for name, root in ROOTS.items():
            widget = page.find(name).locator(root)
            expect(widget).to_be_visible()
            expect(widget.locator(".attrium-progress")).to_have_count(0, timeout=60_000)
            expect(widget.locator(".attrium-error")).to_have_count(0)
        drawn = pixels(page.find("ImageAttribution").locator("canvas.attrium-heat"))
        assert len(np.unique(drawn.reshape(-1, 4), axis=0)) > 10
        expect(page.find("TextAttribution").locator(".attrium-token").first).to_be_visible()
        expect(page.find("Insights").locator("[data-card][data-state=done]").first).to_be_visible()
        page.check()


def test_the_pixels_of_a_heat_map_are_the_tensor(lab):
    values = tensor(lab, "image.values")
    canvas = lab.show(FIRST).locator("canvas.attrium-heat")
    drawn = pixels(canvas)
    assert drawn.shape == (64, 64, 4)
    assert (drawn[..., 3] == 255).all()
    assert np.abs(drawn[..., :3] - red_blue(values)).max() <= 1


def test_the_screen_shows_those_pixels(lab):
    values = tensor(lab, "image.values")
    shown = screen(lab.show(FIRST).locator("canvas.attrium-heat"))
    middle = (np.arange(64) + 0.5) / 64
    sampled = shown[(middle * shown.shape[0]).astype(int)][:, (middle * shown.shape[1]).astype(int)]
    assert np.abs(sampled - red_blue(values)).max() <= 2


def test_hovering_reads_the_value_under_the_pointer(lab):
    output = lab.show(FIRST)
    for row, column in [(3, 5), (60, 2), (31, 40)]:
        lab.page.mouse.move(*cell_point(output.locator(".attrium-stage"), row, column))
        readout = output.locator("[data-readout]")
        expect(readout).to_contain_text(re.compile(rf"y {row}\s+x {column}\b"))
        number = readout.inner_text().split()[-1].replace("\u2212", "-")
        assert float(number) == pytest.approx(lab.python(f"float(image.values[{row}, {column}])"), rel=0.01)


def test_a_click_changes_python(lab):
    output = lab.show(FIRST)
    output.locator("[role=radio][data-value=mask]").click()
    lab.wait_for_python("image.mode == 'mask'")
    output.locator("[role=radio][data-value=heatmap]").click()
    lab.wait_for_python("image.mode == 'heatmap'")


def test_a_drawn_rectangle_indexes_the_tensor(lab):
    stage = lab.show(FIRST).locator(".attrium-stage")
    lab.page.keyboard.down("Shift")
    lab.page.mouse.move(*cell_point(stage, 10, 12))
    lab.page.mouse.down()
    lab.page.mouse.move(*cell_point(stage, 15, 20))
    lab.page.mouse.move(*cell_point(stage, 20, 30))
    lab.page.mouse.up()
    lab.page.keyboard.up("Shift")
    lab.wait_for_python("image.selection == (slice(10, 21), slice(12, 31))")
    assert lab.python("list(image.values[image.selection].shape)") == [11, 19]
    lab.python("None", setup="image.selection = None")
    expect(stage.locator(".attrium-mark-selection")).to_have_count(0)


def test_a_python_change_redraws_both_views(lab):
    lab.python("None", setup="image.values = heat.T.copy()")
    wanted = red_blue(tensor(lab, "heat.T.copy()"))
    for cell in (FIRST, SECOND):
        canvas = lab.show(cell).locator("canvas.attrium-heat")
        lab.page.wait_for_function(
            "c => c.getContext('2d').getImageData(3, 5, 1, 1).data[0] === 0x67", arg=canvas.element_handle()
        )
        assert np.abs(pixels(canvas)[..., :3] - wanted).max() <= 1
    lab.python("None", setup="image.values = heat")


def test_a_closed_view_leaves_the_other_alive(lab):
    lab.show(SECOND)
    lab.clear(SECOND)
    lab.python("None", setup="image.title = 'Still here'")
    expect(lab.show(FIRST).locator(".attrium-title")).to_have_text("Still here")
    lab.check()


def test_a_token_chosen_by_mouse_and_keys_is_an_index_in_python(lab):
    output = lab.show(TEXT_CELL)
    output.locator("[data-unit='1']").click()
    lab.wait_for_python("text.selection == [1]")
    lab.page.keyboard.press("Shift+ArrowRight")
    lab.wait_for_python("text.selection == [1, 2]")
    assert lab.python("text.values[text.selection].tolist()") == pytest.approx([-0.5, 1.0])
    lab.page.keyboard.press("Escape")
    lab.wait_for_python("text.selection == []")


def test_text_is_never_markup(lab):
    output = lab.show(TEXT_CELL)
    expect(output.locator("[data-unit='0']")).to_contain_text("<script>alert(1)</script>")
    assert output.locator("script").count() == 0


def test_new_scores_from_python_colour_the_tokens(lab):
    token = lab.show(TEXT_CELL).locator("[data-unit='1']")
    color = "e => getComputedStyle(e).backgroundColor"
    before = token.evaluate(color)
    lab.python("None", setup="text.scores = [0.1, 0.9, 1.0, 0.0]")
    lab.page.wait_for_function(
        "([e, old]) => getComputedStyle(e).backgroundColor !== old", arg=[token.element_handle(), before]
    )
    red, _, blue = map(int, re.findall(r"\d+", token.evaluate(color))[:3])
    assert red > blue, "a positive score is red"


def test_insights_draws_a_page_of_explained_cards(lab):
    output = lab.show(INSIGHTS_CELL)
    expect(output.locator("[data-card][data-state=done]")).to_have_count(6)
    for card in lab.python("[card['index'] for card in insights.cards]"):
        drawn = pixels(output.locator(f"[data-card='{card}'] canvas.attrium-heat"))
        assert len(np.unique(drawn.reshape(-1, 4), axis=0)) > 10
    lab.wait_for_python("insights.summary['done'] == insights.count == 40")


def test_insights_turns_pages_and_filters(lab):
    output = lab.show(INSIGHTS_CELL)
    output.get_by_role("button", name="Next page").click()
    lab.wait_for_python("insights.page == 1 and [card['index'] for card in insights.cards] == [6, 7, 8, 9, 10, 11]")
    expect(output.locator("[data-card='6'][data-state=done]")).to_be_visible()
    output.locator("[role=radio][data-value=correct]").click()
    lab.wait_for_python("insights.filter['outcome'] == 'correct' and insights.page == 0")
    lab.wait_for_python("insights.total == insights.summary['correct'] and insights.wait(30)", 30)
    assert lab.python("all(card['label'] == card['predicted'] for card in insights.cards)")
    output.locator("[role=radio][data-value=all]").click()
    lab.wait_for_python("insights.total == 40")


def test_insights_switches_method_and_opens_a_card(lab):
    output = lab.show(INSIGHTS_CELL)
    output.get_by_label("Method", exact=True).select_option("InputXGradient")
    lab.wait_for_python("insights.method == 'InputXGradient' and insights.wait(30)", 30)
    assert lab.python("[type(result.method).__name__ for result in insights.results]") == ["InputXGradient"] * 6
    output.locator("[data-card='2'] [data-open]").click()
    lab.wait_for_python("insights.selection == 2")
    values = tensor(lab, "insights.attribution(2).values[0].sum(0)")
    canvas = output.locator(".attrium-detail canvas.attrium-heat")
    output.locator(".attrium-detail [role=radio][data-value=heatmap]").click()
    lab.page.wait_for_function("c => c.dataset.mode === 'heatmap'", arg=canvas.element_handle())
    assert np.abs(pixels(canvas)[..., :3] - red_blue(values)).max() <= 1
    lab.page.keyboard.press("Escape")
    lab.wait_for_python("insights.selection is None")
    expect(output.locator("[data-card]")).to_have_count(6)


CELL_COUNT = "window.jupyterapp.shell.currentWidget.content.widgets.length"
ACTIVE_CELL = "window.jupyterapp.shell.currentWidget.content.activeCellIndex"


def test_keys_in_a_widget_are_the_widgets_and_not_the_notebooks(lab):
    lab.python("None", setup="insights.method = 'IntegratedGradients'; insights.wait(60)")
    output = lab.show(INSIGHTS_CELL)
    output.get_by_role("button", name="Method settings").click()
    field = output.get_by_label("N steps")
    field.fill("3")
    field.press("Enter")
    lab.wait_for_python("insights.settings['n_steps'] == 3 and insights.wait(60)", 60)
    output.get_by_role("button", name="Overlay and colours").click()
    cells, active = lab.page.evaluate(CELL_COUNT), lab.page.evaluate(ACTIVE_CELL)
    clip = output.get_by_label("Clip")
    clip.focus()
    before = lab.python("insights.clip_percentile")
    for key in ("ArrowUp", "ArrowUp", "x"):
        clip.press(key)
    lab.wait_for_python(f"insights.clip_percentile == {before} + 1")
    for widget in (output.get_by_label("Method", exact=True), output.get_by_role("radio").first):
        widget.focus()
        for key in ("x", "d", "d", "Shift+L"):
            lab.page.keyboard.press(key)
    assert lab.page.evaluate(CELL_COUNT) == cells
    assert lab.page.evaluate(ACTIVE_CELL) == active
    output.get_by_role("button", name="Overlay and colours").click()
    lab.python("None", setup=f"insights.clip_percentile, insights.method = {before}, 'Saliency'; insights.wait(60)")


def test_insights_shows_what_is_wrong_with_a_setting(lab):
    lab.python("None", setup="insights.method, insights.settings = 'IntegratedGradients', {'n_steps': 0}")
    error = lab.show(INSIGHTS_CELL).locator(".attrium-error")
    expect(error).to_contain_text("n_steps")
    lab.python("None", setup="insights.settings = {'n_steps': 4}; insights.wait(60)")
    expect(error).to_have_count(0)


def test_an_error_shows_what_was_given_and_what_to_do(lab):
    error = lab.show(WRONG_CELL).locator(".attrium-error")
    expect(error).to_be_visible()
    expect(error).to_contain_text("999")
    expect(error).to_contain_text(str(lab.python("len(scenes.classes)")))
    assert lab.python("wrong.status['state']") == "error"
    lab.python("None", setup="wrong.explain_again(target=1); wrong.wait(60)")
    expect(error).to_have_count(0)
    expect(lab.show(WRONG_CELL).locator("canvas.attrium-heat")).to_be_visible()


def test_the_widgets_follow_a_dark_theme(lab):
    lab.theme("JupyterLab Dark")
    try:
        for cell in (FIRST, TEXT_CELL, INSIGHTS_CELL):
            root = lab.show(cell).locator(".attrium").first
            expect(root).to_have_attribute("data-theme", "dark")
            paper, ink = root.evaluate(BRIGHTNESS)
            assert ink - paper > 0.4, f"ink {ink:.2f} on paper {paper:.2f}"
        assert (
            np.abs(
                pixels(lab.show(FIRST).locator("canvas.attrium-heat"))[..., :3] - red_blue(tensor(lab, "image.values"))
            ).max()
            <= 1
        ), "a number looks the same in both themes"
    finally:
        lab.theme("JupyterLab Light")
    expect(lab.show(FIRST).locator(".attrium").first).to_have_attribute("data-theme", "light")


def test_time_from_python_value_to_pixels(lab, capsys):
    """A measurement: printed, never asserted. Both clocks are this machine's."""
    output = lab.show(OVERLAY_CELL)
    canvas = output.locator("canvas.attrium-heat")
    expect(canvas).to_be_visible()
    canvas.evaluate(WATCH_FIRST_PIXEL)
    times_ms = []
    for change in range(17):
        seen = lab.page.evaluate("window.attriumDrawn.length")
        started = lab.python("started", setup=f"started = time.time()\noverlay.values = fields[{(change + 1) % 2}]")
        lab.page.wait_for_function("n => window.attriumDrawn.length > n", arg=seen)
        times_ms.append(lab.page.evaluate("window.attriumDrawn.at(-1)") - 1000 * started)
    lab.page.evaluate("window.attriumWatching = false")
    times_ms = sorted(times_ms[2:])
    middle, low, high = statistics.median(times_ms), times_ms[0], times_ms[-1]
    quartiles = statistics.quantiles(times_ms, n=4)
    with capsys.disabled():
        print(
            f"\n224x224 overlay, Python value set to pixels drawn, {len(times_ms)} changes: median {middle:.0f} ms, "
            f"quartiles {quartiles[0]:.0f} to {quartiles[2]:.0f} ms, range {low:.0f} to {high:.0f} ms"
        )


def test_notebook_7_draws_too(folder, chromium):
    write_notebook(folder / "small.ipynb", SET_UP, "image")
    with serve(folder, "notebook") as url, open_lab(chromium, url, "notebook") as page:
        page.open("small.ipynb")
        page.run_all()
        canvas = page.show(1).locator("canvas.attrium-heat")
        expect(canvas).to_be_visible()
        assert np.abs(pixels(canvas)[..., :3] - red_blue(tensor(page, "image.values"))).max() <= 1
        page.show(1).get_by_role("radio", checked=True).focus()
        cells = page.page.evaluate(CELL_COUNT)
        page.page.keyboard.press("x")
        assert page.page.evaluate(CELL_COUNT) == cells
        assert page.strangers == []
