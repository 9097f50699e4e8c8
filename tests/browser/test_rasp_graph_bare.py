"""RaspGraph in a plain page without Jupyter: keys, looks, hostile text, pages without a kernel."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from attrium import RaspGraph, to_html
from attrium_kernel.rasp import Elementwise, aggregate, indices, select, selector_width, tokens
from tests.browser.explorers import focus_is_visible, overflowing, overlapping, until_on
from tests.browser.minihost import MiniHost, mini_host
from tests.browser.rasp_pictures import (
    canvas_of,
    check_drawing,
    frame,
    grid_of,
    output_of,
    save_drawing,
    strays,
    table_of,
    tokens_of,
    truth,
    whole,
    write_code,
)
from tests.browser.test_explorers_bare import COUNT_LISTENERS, HOSTILE, check, saved, tab_to, violations

PANELS = ["values", "weights", "stream", "check", "code", "bridges", "compression"]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small models run fastest, and most repeatably, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def host(page: Page) -> Iterator[MiniHost]:
    page.on("dialog", lambda dialog: pytest.fail(f"a text ran as a script: {dialog.message}"))
    with mini_host(page) as found:
        yield found


def graph(program: Any = "hist", *args: Any, **traits: Any) -> RaspGraph:
    widget = RaspGraph(program, *args, **traits)
    assert widget.wait(60)
    assert widget.last_error is None, widget.last_error
    return widget


def settle(host: MiniHost, view: Locator) -> None:
    """Until the worker rests and nothing on the view waits."""
    root = view.locator(".attrium-rasp")
    host.until(
        lambda: root.count() and root.locator("canvas").count() and root.locator("[aria-busy=true]").count() == 0
    )


def shown(host: MiniHost, widget: RaspGraph) -> Locator:
    view = host.show(widget)
    settle(host, view)
    return view


def focused_name(page: Page) -> str:
    return str(page.evaluate("document.activeElement.getAttribute('aria-label')"))


# Numbers


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["sort", "shift_by_1"])
def test_the_graph_is_drawn_as_the_interpreter_says(host, name, theme):
    wanted = truth(name)
    view = shown(host, graph(name, theme=theme, unfolded=True))
    drawing = save_drawing(view)
    check_drawing(drawing, wanted, theme)
    stage = whole(view)
    host.until(lambda: strays(canvas_of(stage, drawing), drawing) == [])


def test_a_half_layer_that_is_not_done_shows_no_values(host):
    widget = graph("sort", step=0)
    view = shown(host, widget)
    wanted = truth("sort").values
    assert save_drawing(view).card("sort").texts == [""] * 4
    assert save_drawing(view).card("tokens").texts == wanted["tokens"]
    on = view.get_by_role("button", name=re.compile("^One half-layer on"))
    while on.is_enabled():
        on.click()
    host.until(lambda: widget.step == -1)
    assert save_drawing(view).card("sort").texts == wanted["sort"]


def test_a_cell_and_a_value_say_what_they_are_under_the_pointer(host):
    widget = graph("hist")
    view = shown(host, widget)
    drawing = save_drawing(view)
    stage = whole(view)
    canvas, box = canvas_of(stage, drawing), stage.bounding_box()
    assert box

    def point(x: float, y: float) -> str:
        host.page.mouse.move(box["x"] + canvas.left + x * canvas.scale, box["y"] + canvas.top + (y - 40) * canvas.scale)
        frame(host.page)
        host.until(lambda: stage.get_by_role("tooltip").count() == 1)
        return stage.get_by_role("tooltip").inner_text()

    x, y, width, height = drawing.card("hist").chips[2][0]
    assert "hist[2] = 1" in point(x + width / 2, y + height / 2)
    grid = drawing.card("same").grid
    assert grid
    x, y, width, height = grid
    said = point(x + 3.5 * width / 5, y + 0.5 * height / 5)
    assert "query 0, key 3 selected" in said and "key tokens[3] = a" in said and "query tokens[0] = a" in said
    assert "not selected" in point(x + 1.5 * width / 5, y + 0.5 * height / 5)
    host.page.mouse.down()
    host.page.mouse.up()
    host.until(lambda: (widget.node, widget.cell) == ("same", [0, 1]))


def test_the_canvas_repaints_when_the_input_changes(host):
    widget = graph("hist")
    view = shown(host, widget)
    before = save_drawing(view).card("hist").texts
    widget.tokens = list("aaaab")
    host.until(lambda: output_of(view) == ["4", "4", "4", "4", "1"])
    drawing = save_drawing(view)
    assert drawing.card("hist").texts == ["4", "4", "4", "4", "1"] != before
    stage = whole(view)
    host.until(lambda: strays(canvas_of(stage, drawing), drawing) == [])


# Files and pages


def test_the_picture_is_saved_as_png_too(host):
    view = shown(host, graph("sort"))
    view.get_by_role("button", name="Save the picture").click()
    name, data = saved(host.page, view.get_by_role("menuitem", name="Picture, PNG").click)
    picture = Image.open(io.BytesIO(data))
    assert name == "sort.png" and picture.format == "PNG" and picture.width > 500


def test_a_saved_page_steps_through_the_input_and_runs_no_code(host, page, tmp_path):
    code = "same = select(tokens, tokens, '==')\ntwice = selector_width(same) * 2"
    widget = graph("hist", input="abcab")
    widget.edit(code)
    assert widget.wait(60) and widget.problem is None
    path = tmp_path / "saved.html"
    path.write_text(to_html(widget, title="Saved"), encoding="utf-8")
    wanted = [str(value) for value in widget.values["twice"]]
    matrix = np.array(widget.values["same"], bool)
    host.leave()
    page.goto(path.as_uri())
    page.locator("html[data-attrium=ready]").wait_for()
    until = until_on(page)
    root = page.locator(".attrium-rasp")
    until(lambda: output_of(root) == wanted == ["4", "4", "2", "4", "4"])
    assert tokens_of(root) == list("abcab")
    view = root.get_by_role("application", name="Graph of")
    back = root.get_by_role("button", name=re.compile("^One half-layer back"))
    while back.is_enabled():
        back.click()
    expect(root.locator(".attrium-rasp-stepper output")).to_have_text("embedding")
    assert save_drawing(root).card("twice").texts == [""] * 5
    while (on := root.get_by_role("button", name=re.compile("^One half-layer on"))).is_enabled():
        on.click()
    drawing = save_drawing(root)
    assert drawing.card("twice").texts == wanted
    view.press("0")
    until(lambda: strays(canvas_of(view, drawing), drawing) == [])
    root.locator(".attrium-node-link", has_text="same").click()
    until(lambda: np.array_equal(grid_of(root, "same"), matrix))
    for panel in ("Weights", "Stream", "Check", "Explain", "Code"):
        root.get_by_role("tab", name=panel).click()
        expect(root.locator(".attrium-panel-body").first).to_be_visible()
        expect(root.locator(".attrium-panels [aria-busy=true]")).to_have_count(0)
    expect(root.get_by_role("button", name="Compile this text")).to_be_disabled()
    expect(root.get_by_role("combobox", name="token 0")).to_have_count(0)
    expect(root.get_by_role("alert")).to_have_count(0)


# Keys


def test_the_graph_is_walked_by_keys(host):
    widget = graph("sort")
    view = shown(host, widget)
    keys = host.page.keyboard
    tab_to(host.page, "^token 0$")
    keys.press("ArrowRight")
    assert focused_name(host.page) == "token 1"
    tab_to(host.page, "^Graph of")
    assert focus_is_visible(host.page)
    keys.press("ArrowDown")
    first = host.until(lambda: widget.node)
    seen = [first]
    for _ in range(12):
        before = widget.node
        keys.press("ArrowDown")
        host.page.wait_for_timeout(40)
        host.pump()
        if widget.node == before:
            break
        seen.append(widget.node)
    assert seen[-1] == "sort", "the arrows lead down to the output"
    keys.press("ArrowUp")
    host.until(lambda: widget.node in {"to_place", "tokens", "rank"})
    keys.press(".")
    host.until(lambda: (widget.position, widget.selection) == (0, [0]))
    keys.press(",")
    host.until(lambda: (widget.position, widget.selection) == (-1, []))
    node = widget.node
    keys.press("Enter")
    host.until(lambda: widget.focus == node)
    keys.press("Escape")
    host.until(lambda: widget.focus == "" and widget.node == node)
    keys.press("Escape")
    host.until(lambda: widget.node == "")
    keys.press("[")
    host.until(lambda: widget.step == 3)
    keys.press("]")
    host.until(lambda: widget.step == -1)
    keys.press("/")
    assert focused_name(host.page) == "Find a node"
    keys.insert_text("ran")
    keys.press("Enter")
    host.until(lambda: widget.node == "rank")
    tab_to(host.page, "^Values$")
    keys.press("ArrowRight")
    host.until(lambda: widget.panel == "weights")
    keys.press("?")
    expect(view.get_by_role("region", name="Help")).to_be_visible()
    keys.press("Escape")
    expect(view.get_by_role("region", name="Help")).to_have_count(0)


# Wrong programs and broken models


def test_what_is_ablated_breaks_the_outputs_that_it_breaks(host):
    widget = graph("sort", panel="bridges")
    view = shown(host, widget)
    view.get_by_role("switch", name="rank", exact=True).click()
    host.until(lambda: widget.ablated == ["rank"])
    on, without = host.until(lambda: table_of(view, "Outputs with and without")).values()
    assert on == truth("sort").output
    wanted = widget.answer("values", {"side": 0}).facts["ablated"]
    assert without == wanted != on


def test_a_program_without_a_value_says_where(host):
    view = shown(host, graph(1 / (tokens - 1), [0, 1, 2], 6, input=[0, 2]))
    view.get_by_role("combobox", name="token 1", exact=True).select_option("1")
    host.until(lambda: view.locator("[role=alert]").count() >= 1)
    expect(view.get_by_role("alert").first).to_contain_text("zero")
    view.get_by_role("combobox", name="token 1", exact=True).select_option("2")
    host.until(lambda: view.locator("[role=alert]").count() == 0)


def test_two_programs_are_told_apart(host):
    widget = graph("hist_nobos", other=selector_width(select(tokens, tokens, "==")) + 0 * indices, panel="check")
    view = shown(host, widget)
    expect(view.get_by_role("region", name="Two programs")).to_contain_text("agree on this input")


# Looks


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_panel_is_accessible(host, theme):
    host.page.add_style_tag(content="body { background: #111 }" if theme == "dark" else "body { background: #fff }")
    widget = graph("sort", theme=theme, position=1, ablated=["rank"])
    view = shown(host, widget)
    expect(view.locator(".attrium").first).to_have_attribute("data-theme", theme)
    name = f"#{view.get_attribute('id')}"
    found = {"": violations(host.page, name)}
    for panel in PANELS:
        for node in ("", "sort"):
            widget.panel, widget.node = panel, node
            host.until(lambda panel=panel: view.locator(".attrium-panel-body, .attrium-panel-quiet").count() > 0)
            settle(host, view)
            found[f"{panel} {node}"] = violations(host.page, f"{name} .attrium-rasp-panel-side")
    view.get_by_role("button", name="Keys (?)").click()
    view.get_by_role("button", name="Save the picture").click()
    found["help and menu"] = violations(host.page, name)
    check(found)


@pytest.mark.parametrize("width", [600, 1200])
def test_a_cell_holds_every_panel(host, width):
    host.page.set_viewport_size({"width": width + 16, "height": 900})
    widget = graph("dyck1_ptf", position=1, ablated=["depth"])
    view = shown(host, widget)
    root = view.locator(".attrium").first
    wrong = {}
    for panel in PANELS:
        for node in ("", "depth"):
            widget.panel, widget.node = panel, node
            host.until(lambda: view.locator(".attrium-panel-body, .attrium-panel-quiet").count() > 0)
            settle(host, view)
            wrong[f"{panel} {node}"] = overflowing(root) + overlapping(root)
            if root.evaluate("e => e.scrollWidth > e.clientWidth + 1"):
                wrong[f"{panel} {node}"].append("the root scrolls sideways")
    check(wrong)


# Neighbours


def test_an_unmounted_graph_leaves_no_listener_behind(host):
    host.page.evaluate(COUNT_LISTENERS)
    widget = graph("hist", panel="code")
    kept, gone = shown(host, widget), shown(host, widget)
    both = host.listeners(widget)
    assert both, "a view that listens to nothing would make this test worthless"
    host.unmount(gone)
    assert len(host.listeners(widget)) == len(both) / 2
    expect(kept.locator(".attrium-rasp")).to_be_visible()
    host.unmount(kept)
    assert host.listeners(widget) == []
    assert host.page.evaluate("window.attriumListeners") == 0
    widget.theme = "dark"  # and nobody falls over it


def test_two_graphs_on_a_page_keep_to_themselves(host):
    one, other = graph("hist"), graph("sort")
    views = [shown(host, one), shown(host, other)]
    views[0].get_by_role("button", name="2", exact=True).click()
    views[0].get_by_role("tab", name="Stream").click()
    host.until(lambda: (one.position, one.panel) == (2, "stream"))
    assert (other.position, other.panel, other.selection) == (-1, "values", [])


# Hostile text


def test_tokens_and_names_are_text_whatever_they_hold(host):
    vocabulary = [*HOSTILE[:5], "a"]
    marked = Elementwise(lambda x: x if x == "a" else "<b>bold</b>", tokens).named("marked")
    same = select(marked, tokens, "==").named("<img src=x onerror=alert(9)>")
    widget = graph(
        aggregate(same, marked).named("<script>alert(8)</script>"), vocabulary, input=vocabulary, title="<i>title</i>"
    )
    view = shown(host, widget)
    expect(view.get_by_role("heading", name="<i>title</i>")).to_be_visible()
    assert tokens_of(view) == widget.tokens and all(text in token for text, token in zip(vocabulary, widget.tokens))
    for panel in PANELS:
        for node in ("", "marked", "<img src=x onerror=alert(9)>"):
            widget.panel, widget.node = panel, node
            host.until(lambda: view.locator(".attrium-panel-body, .attrium-panel-quiet").count() > 0)
            settle(host, view)
            assert view.locator("script, img, b:text-is('bold'), i:text-is('title')").count() == 0
    widget.panel = "code"
    settle(host, view)
    write_code(view, "<img src=x onerror=alert(7)>")
    host.page.keyboard.press("Control+Enter")
    host.until(lambda: widget.wait(0) and widget.problem and view.locator(".attrium-code-problem").count() == 1)
    assert view.locator("script, img").count() == 0
    assert host.page.evaluate("1 + 1") == 2, "no dialog is open"
