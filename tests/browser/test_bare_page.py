"""The widgets in a plain page without Jupyter: done as a person would, then read back in Python."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from attrium import ImageAttribution, Insights, Saliency, TextAttribution, to_html
from tests.browser.colors import red_blue
from tests.browser.minihost import MiniHost, mini_host
from tests.widgets.models import Brightness, WordSum, encode

SIDE = 32
PICTURE = np.random.default_rng(4).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
TOKENS = ["<script>alert(1)</script>", "fine", " film", "<b>!</b>"]
PICTURES = "canvas.attrium-picture:not(.attrium-picture-grey)"
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


@pytest.fixture
def host(page: Page) -> Iterator[MiniHost]:
    with mini_host(page) as found:
        yield found


def heat_map() -> np.ndarray:
    values = np.random.default_rng(5).normal(size=(SIDE, SIDE)).astype(np.float32)
    values[3, 5], values[30, 2], values[0, 0], values[1, 1] = 9.0, -9.0, 0.0, np.nan
    return values


def pixels(canvas: Locator) -> np.ndarray:
    """RGBA of a canvas's own pixels, `(height, width, 4)`."""
    width, height, data = canvas.evaluate(
        "c => [c.width, c.height, Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)]"
    )
    return np.array(data, np.uint8).reshape(height, width, 4)


def heat_pixels(view: Locator) -> np.ndarray:
    canvas = view.locator("canvas.attrium-heat").first
    canvas.wait_for(state="attached")
    return pixels(canvas)


def image_widget(**traits: Any) -> ImageAttribution:
    return ImageAttribution(PICTURE, heat_map(), **{"mode": "heatmap", "title": "A picture", **traits})


def text_widget(**traits: Any) -> TextAttribution:
    return TextAttribution(TOKENS, [0.1, -0.5, 1.0, 0.0], **traits)


def shades() -> np.ndarray:
    """Twenty evenly grey pictures, ever brighter."""
    steps = np.linspace(0, 255, 20).round().astype(np.uint8)
    return np.broadcast_to(steps[:, None, None, None], (20, 8, 8, 3)).copy()


def insights_widget(**options: Any) -> Insights:
    labels = (np.arange(20) > 5).astype(int)
    given = {"labels": labels, "page_size": 4, "method": "Saliency", **options}
    widget = Insights(Brightness(), shades(), ["dark", "bright"], **given)
    assert widget.wait(60)
    return widget


MAKERS = {"image": image_widget, "text": text_widget, "insights": insights_widget}


def test_every_pixel_of_a_heat_map_has_the_colour_of_its_value(host):
    values = heat_map()
    drawn = heat_pixels(host.show(image_widget()))
    assert drawn.shape == (SIDE, SIDE, 4)
    assert np.abs(drawn[:, :, :3] - red_blue(values)).max() <= 0.5 + 1e-6  # rounding alone
    assert (drawn[:, :, 3] == 255).all()
    assert drawn[0, 0].tolist() == [0xF7, 0xF7, 0xF7, 255], "zero is the middle stop, exactly"


@pytest.mark.parametrize("colors", ["viridis", "magma"])
def test_sequential_scales_are_matplotlibs(host, colors):
    values = np.linspace(0, 1, SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE)
    drawn = heat_pixels(host.show(ImageAttribution(None, values, colors=colors, clip_percentile=0.0)))
    wanted = matplotlib.colormaps[colors](values)[:, :, :3] * 255
    # Ten stops with straight lines between them, against Matplotlib's 256; magma's black end marks what is beyond.
    apart = np.abs(drawn[:, :, :3] - wanted)[values > 1 / 9]
    assert apart.max() < 17
    assert apart.mean() < 3


def test_the_picture_itself_is_drawn_pixel_for_pixel(host):
    view = host.show(image_widget(mode="image"))
    drawn = pixels(view.locator(PICTURES).first)
    assert np.array_equal(drawn[:, :, :3], PICTURE)


def test_a_python_change_redraws(host):
    widget = image_widget()
    view = host.show(widget)
    before = heat_pixels(view)
    widget.values = -heat_map()
    host.until(lambda: not np.array_equal(heat_pixels(view), before))
    assert np.abs(heat_pixels(view)[:, :, :3] - red_blue(-heat_map())).max() <= 0.5 + 1e-6
    widget.clip_percentile = 20.0
    host.until(lambda: np.abs(heat_pixels(view)[:, :, :3] - red_blue(-heat_map(), 20.0)).max() <= 0.5 + 1e-6)


def test_a_click_changes_the_python_state(host):
    widget = image_widget()
    view = host.show(widget)
    view.get_by_role("radio", name=re.compile("contour", re.I)).click()
    host.until(lambda: widget.mode == "contour")
    view.get_by_role("radio", name=re.compile("blend", re.I)).focus()
    host.page.keyboard.press("Enter")
    host.until(lambda: widget.mode == "blend")


def test_a_rectangle_selected_by_keys_indexes_the_tensor(host):
    widget = image_widget()
    view = host.show(widget)
    view.locator(".attrium-stage").focus()
    for key in ("ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowDown"):
        host.page.keyboard.press(key)
    host.until(lambda: widget.selection is not None and widget.values[widget.selection].shape == (2, 3))
    rows, columns = widget.selection
    assert torch.equal(widget.values[widget.selection], torch.tensor(heat_map()[rows, columns]))
    host.page.keyboard.press("Escape")
    host.until(lambda: widget.selection is None)


def test_a_rectangle_drawn_with_the_mouse_covers_the_pixels_under_it(host):
    widget = image_widget()
    view = host.show(widget)
    stage = view.locator(".attrium-stage")
    stage.focus()
    host.page.keyboard.press("s")
    box = stage.bounding_box()
    cell = box["width"] / SIDE
    host.page.mouse.move(box["x"] + 4.5 * cell, box["y"] + 8.5 * cell)
    host.page.mouse.down()
    host.page.mouse.move(box["x"] + 9.5 * cell, box["y"] + 20.5 * cell, steps=5)
    host.page.mouse.up()
    host.until(lambda: widget.selection == (slice(8, 21), slice(4, 10)))


def test_a_zoomed_picture_asks_python_for_the_exact_cells(host):
    values = torch.randn(1200, 900)
    widget = ImageAttribution(np.zeros((1200, 900, 3), np.uint8), values, mode="heatmap")
    view = host.show(widget)
    view.locator(".attrium-stage").focus()
    for _ in range(6):
        host.page.keyboard.press("+")
    piece = view.locator("canvas.attrium-heat-piece")
    host.until(lambda: piece.count() > 0)
    height, width = pixels(piece.first).shape[:2]
    assert (height, width) < (512, 512)


def test_tokens_are_text_whatever_they_hold(host):
    view = host.show(text_widget())
    tokens = view.locator(".attrium-token")
    assert tokens.count() == 4
    assert tokens.nth(0).text_content().startswith("<script>alert(1)</script>")
    assert view.locator("script, b").count() == 0


def test_a_token_chosen_by_click_or_key_is_selected_in_python(host):
    widget = text_widget()
    view = host.show(widget)
    view.locator(".attrium-token").nth(2).click()
    host.until(lambda: widget.selection == [2])
    assert widget.values[widget.selection].tolist() == [1.0]
    host.page.keyboard.press("Shift+ArrowLeft")
    host.until(lambda: widget.selection == [1, 2])
    widget.selection = [0]
    expect(view.locator('.attrium-token[aria-selected="true"]')).to_have_count(1)


def test_new_scores_recolour_the_tokens(host):
    widget = text_widget()
    view = host.show(widget)
    color = "element => getComputedStyle(element).backgroundColor"
    strongest = view.locator(".attrium-token").nth(2)
    before = strongest.evaluate(color)
    widget.scores = [0.1, -0.5, -1.0, 0.0]
    host.until(lambda: strongest.evaluate(color) != before)
    red, _, blue = map(int, re.findall(r"\d+", strongest.evaluate(color))[:3])
    assert blue > red, "a negative score is blue"


def test_insights_shows_its_page_and_a_click_turns_it(host):
    widget = insights_widget()
    view = host.show(widget)
    expect(view.locator(PICTURES).first).to_be_attached()
    assert pixels(view.locator(PICTURES).nth(3))[0, 0, 0] == shades()[3, 0, 0, 0]
    view.get_by_role("button", name=re.compile("Next page")).click()
    host.until(lambda: widget.page == 1 and widget.wait(0))
    host.until(lambda: pixels(view.locator(PICTURES).nth(0))[0, 0, 0] == shades()[4, 0, 0, 0])
    assert [card["index"] for card in widget.cards] == [4, 5, 6, 7]


def test_insights_filters_by_outcome(host):
    widget = insights_widget()
    assert widget.summary["wrong"] > 0
    view = host.show(widget)
    view.get_by_role("radio", name=re.compile("Wrong")).click()
    host.until(lambda: widget.filter["outcome"] == "wrong" and widget.wait(0))
    assert widget.total == widget.summary["wrong"]


def test_insights_changes_the_method_by_its_own_control(host):
    widget = insights_widget()
    view = host.show(widget)
    view.get_by_label("Method", exact=True).select_option("InputXGradient")
    host.until(lambda: widget.method == "InputXGradient" and widget.wait(0))
    assert {heat["method"] for heat in widget.heats} == {"Input x gradient"}


def test_a_setting_that_fails_everywhere_is_told_once(host):
    widget = insights_widget()
    widget.heats = [{"error": "the window does not fit"}] * len(widget.cards)
    view = host.show(widget)
    expect(view.get_by_role("alert")).to_have_count(1)
    expect(view.get_by_role("alert")).to_contain_text("the window does not fit")
    expect(view.locator(".attrium-card-error")).to_have_count(0)


def test_a_refused_number_stays_with_the_reason_and_python_keeps_its_own(host):
    widget = insights_widget(method="IntegratedGradients")
    steps = widget.settings["n_steps"]
    view = host.show(widget)
    view.get_by_role("button", name="Method settings").click()
    field = view.get_by_label("N steps")
    field.fill("0")
    field.press("Enter")
    expect(view.get_by_role("alert")).to_contain_text("at least 1")
    assert (field.input_value(), widget.settings["n_steps"]) == ("0", steps)
    field.fill("7")
    expect(view.get_by_role("alert")).to_have_count(0)
    field.press("Enter")
    host.until(lambda: widget.settings["n_steps"] == 7 and widget.wait(0))
    field.fill("0")
    field.press("Enter")
    view.get_by_role("button", name="Defaults").click()
    expect(view.get_by_role("alert")).to_have_count(0)
    host.until(lambda: widget.settings["n_steps"] == steps and widget.wait(0))


def test_a_card_opens_large_and_python_knows_which(host):
    widget = insights_widget()
    view = host.show(widget)
    view.locator("[data-index='2'], .attrium-card").nth(2).click()
    host.until(lambda: widget.selection == 2)
    assert widget.attribution(widget.selection) is not None
    expect(view.locator(".attrium-detail")).to_be_visible()
    widget.selection = None
    expect(view.locator(".attrium-detail")).to_have_count(0)


def test_insights_of_texts_show_tokens(host):
    widget = Insights(WordSum(), ["12", "99"], ["few", "many"], encode=encode, method="FeatureAblation")
    assert widget.wait(60)
    view = host.show(widget)
    expect(view.locator(".attrium-token", has_text="9").first).to_be_visible()


def test_an_error_of_the_worker_is_shown_with_a_way_to_try_again(host):
    widget = ImageAttribution.explain(Brightness(), torch.rand(3, 8, 8), method=Saliency(), target=99)
    view = host.show(widget)
    host.until(lambda: widget.wait(0))
    alert = view.get_by_role("alert")
    expect(alert).to_contain_text("target=99, but the model has 2 classes (0 to 1); pass 0 <= target < 2")
    widget._question = widget._question.changed(target=1)
    alert.get_by_role("button", name="Try again").click()
    host.until(lambda: widget.wait(0) and alert.count() == 0)
    assert widget.status["state"] == "idle"


def test_progress_shows_and_the_cancel_button_stops_the_job(host):
    widget = image_widget()
    view = host.show(widget)

    def work(job):
        while True:
            job.check()
            job.progress(3, 10, "Thinking")
            time.sleep(0.01)

    widget.submit("Thinking", work)
    expect_soon(host, view.get_by_role("progressbar", name="Thinking"))
    view.get_by_role("button", name="Cancel").click()
    host.until(lambda: widget.wait(0))
    assert widget.status["message"]
    host.until(lambda: view.get_by_role("progressbar").count() == 0)
    view.get_by_role("button", name="Compute again").click()
    expect_soon(host, view.get_by_role("progressbar", name="Thinking"))
    widget.cancel()
    host.until(lambda: widget.wait(0))


def expect_soon(host: MiniHost, locator: Locator) -> None:
    host.until(lambda: locator.count() > 0)


def test_two_views_of_one_widget_agree(host):
    widget = image_widget()
    one, other = host.show(widget), host.show(widget)
    one.get_by_role("radio", name=re.compile("blend", re.I)).click()
    host.until(lambda: other.get_by_role("radio", checked=True).first.get_attribute("aria-checked") == "true")
    host.until(lambda: np.array_equal(heat_pixels(one), heat_pixels(other)))
    assert widget.mode == "blend"
    assert (heat_pixels(other)[:, :, 3] < 255).any()


@pytest.mark.parametrize("kind", MAKERS)
def test_an_unmounted_view_leaves_no_listener_behind(host, kind):
    widget = MAKERS[kind]()
    kept, gone = host.show(widget), host.show(widget)
    both = host.listeners(widget)
    assert both, "a view that listens to nothing would make this test worthless"
    host.unmount(gone)
    assert len(host.listeners(widget)) == len(both) / 2
    expect(kept.locator(".attrium")).to_be_visible()
    host.unmount(kept)
    assert host.listeners(widget) == []
    widget.theme = "dark"  # and nobody falls over it


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("kind", MAKERS)
def test_the_theme_is_followed_and_accessible(host, kind, theme):
    host.page.add_style_tag(content="body { background: #111 }" if theme == "dark" else "body { background: #fff }")
    view = host.show(MAKERS[kind](theme=theme))
    root = view.locator(".attrium").first
    expect(root).to_have_attribute("data-theme", theme)
    ink = root.evaluate("element => getComputedStyle(element).color")
    brightness = sum(map(float, re.findall(r"[\d.]+", ink)[:3])) / 3
    assert (brightness > 128) == (theme == "dark"), ink
    found = Axe().run(host.page, context=f"#{view.get_attribute('id')}", options=RULES).response["violations"]
    assert [(v["id"], [node["html"][:200] for node in v["nodes"]][:3]) for v in found] == []


def test_an_inaccessible_widget_would_be_seen(host):
    host.page.set_content("<main><div id='bad'><button></button><input type='range'></div></main>")
    found = Axe().run(host.page, context="#bad", options=RULES).response["violations"]
    assert {"button-name", "label"} <= {violation["id"] for violation in found}


def test_a_saved_page_works_with_no_kernel_and_no_network(host, page, tmp_path: Path):
    path = tmp_path / "saved.html"
    path.write_text(to_html(image_widget(), text_widget(), insights_widget(), title="Saved"), encoding="utf-8")
    host.leave()
    page.goto(path.as_uri())
    page.locator("html[data-attrium=ready]").wait_for()
    drawn = heat_pixels(page.locator(".attrium-image-attribution"))
    assert np.abs(drawn[:, :, :3] - red_blue(heat_map())).max() <= 0.5 + 1e-6
    image = page.locator(".attrium-image-attribution")
    image.get_by_role("radio", name=re.compile("contour", re.I)).click()
    expect(image.locator("canvas.attrium-heat").first).to_have_attribute("data-mode", "contour")
    text = page.locator(".attrium-text-attribution")
    text.locator(".attrium-token").nth(1).click()
    expect(text.locator('[aria-selected="true"]')).to_have_count(1)
    insights = page.locator(".attrium-insights")
    expect(insights.get_by_role("button", name=re.compile("Next page"))).to_be_disabled()
    expect(insights.get_by_label("Method", exact=True)).to_be_disabled()
    expect(insights).to_contain_text("the controls in grey need a running kernel")
    insights.locator("[data-open]").first.click()
    expect(insights.locator(".attrium-detail")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
