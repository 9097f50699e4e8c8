"""RaspGraph in a real JupyterLab with a live kernel: library programs, edits, errors, and what it opens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.explorers import Until, until_on
from tests.browser.lab import Lab, open_lab, serve, write_notebook
from tests.browser.rasp_pictures import (
    Drawing,
    attention_of,
    canvas_of,
    check_drawing,
    grid_of,
    marked_line,
    output_of,
    save_drawing,
    strays,
    table_of,
    tokens_of,
    truth,
    whole,
    write_code,
)
from tests.browser.test_jupyterlab import ACTIVE_CELL, CELL_COUNT

SET_UP = """
import torch
import traitlets
import attrium

torch.set_num_threads(1)
ran = []
graph = attrium.RaspGraph("hist")
marks = attrium.TextAttribution(list("abcab"), [0.0] * 5)
traitlets.link((graph, "selection"), (marks, "selection"))

def settled():
    assert graph.wait(60)
    assert graph.last_error is None, graph.last_error
    return True

settled()
"""
CELLS = [SET_UP, "graph", "marks", "graph.transformer_explorer()", "graph.attention_explorer()"]
GRAPH, MARKS, TRANSFORMER, ATTENTION = 1, 2, 3, 4
NOTEBOOK = "rasp.ipynb"
PROGRAMS = [
    "reverse", "hist", "pair_balance", "sort", "frac_prevs", "shift_by_1", "detect_pattern_ab", "dyck1_ptf", "num_prev",
    "induct", "median", "binary_addition",
]  # fmt: skip


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Lab]:
    """One notebook with the graph of `hist` and its model in both explorers, run once."""
    folder: Path = tmp_path_factory.mktemp("rasp") / "notebooks"
    folder.mkdir()
    write_notebook(folder / NOTEBOOK, *CELLS)
    with serve(folder) as address, open_lab(chromium, address, reduced_motion="reduce") as lab:
        lab.page.set_viewport_size({"width": 1280, "height": 1400})
        lab.page.set_default_timeout(20_000)
        lab.open(NOTEBOOK)
        lab.page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
        lab.run_all()
        yield lab


@pytest.fixture(autouse=True)
def _calm(lab: Lab) -> Iterator[None]:
    """No test leaves a script error behind."""
    yield
    lab.check()


@pytest.fixture
def until(lab: Lab) -> Until:
    return until_on(lab.page)


def shown(lab: Lab) -> Locator:
    """The graph, with nothing under way."""
    root = lab.show(GRAPH).locator(".attrium-rasp")
    expect(root.locator("canvas").first).to_be_attached()
    expect(root.locator("[aria-busy=true]")).to_have_count(0)
    return root


def fresh(lab: Lab, name: str = "hist", **traits: object) -> Locator:
    """The graph of a library program, with nothing selected."""
    places = {"node": "", "position": -1, "panel": "values", "step": -1, "selection": [], "unfolded": False, **traits}
    lines = "".join(f"graph.{trait} = {value!r}\n" for trait, value in places.items())
    lab.python("None", setup=f"graph.load({name!r}); settled()\n{lines}")
    return shown(lab)


def same_on_canvas(until: Until, stage: Locator, drawing: Drawing) -> None:
    """The graph on screen has the colours of the picture that was saved of it."""
    wrong: list[str] = []

    def same() -> bool:
        wrong[:] = strays(canvas_of(stage, drawing), drawing)
        return wrong == []

    try:
        until(same)
    except AssertionError:
        assert wrong == []


# 1. A dozen programs


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_drawn_of_a_program_is_what_the_interpreter_says(lab, until, name):
    wanted = truth(name)
    root = shown(lab)
    lab.python("None", setup="graph.panel, graph.node, graph.position = 'values', '', -1")
    root.get_by_role("combobox", name="Library").select_option(name)
    lab.wait_for_python(f"graph.example == {name!r} and settled()")
    until(lambda: (tokens_of(root), output_of(root)) == (wanted.tokens, wanted.output))
    minor = root.get_by_role("switch", name=re.compile("^Minor nodes"))
    if minor.count() and minor.get_attribute("aria-checked") != "true":
        minor.click()
    until(lambda: table_of(root) == wanted.values)
    drawing = save_drawing(root)
    check_drawing(drawing, wanted)
    stage = whole(root)
    same_on_canvas(until, stage, drawing)
    for label, matrix in list(wanted.selectors.items())[:3]:
        root.locator(".attrium-node-link", has_text=re.compile(f"^{label}$")).first.click()
        until(lambda label=label, matrix=matrix: np.array_equal(grid_of(root, label), matrix))
        root.get_by_role("button", name="Select no node: show all values").click()


def test_a_wrong_cell_and_a_wrong_value_would_be_seen(lab, until):
    root = fresh(lab, "reverse")
    wanted, drawing = truth("reverse"), save_drawing(root)
    check_drawing(drawing, wanted)
    wanted.values["reverse"][2] = "a"
    with pytest.raises(AssertionError, match="reverse"):
        check_drawing(drawing, wanted)
    wanted, (label, *_) = truth("reverse"), truth("reverse").selectors
    wanted.selectors[label][1, 1] ^= True
    with pytest.raises(AssertionError, match="Mismatched"):
        check_drawing(drawing, wanted)
    drawing = save_drawing(root)
    stage = whole(root)
    same_on_canvas(until, stage, drawing)
    card = drawing.card(label)
    card.cells = card.cells.copy()
    card.cells[0, 0] = 255 - card.cells[0, 0]
    assert strays(canvas_of(stage, drawing), drawing) == [f"{card.name}[0, 0]"]


def test_the_attention_of_an_aggregates_head_is_even_over_what_is_selected(lab, until):
    root = fresh(lab, "sort")
    (label,) = [label for label in truth("sort").selectors if label == "to_place"]
    matrix = truth("sort").selectors[label]
    root.locator(".attrium-node-link", has_text=label).click()
    root.get_by_role("radio", name="Attention").click()
    until(lambda: attention_of(root, label).size == matrix.size + len(matrix))
    weights = attention_of(root, label)
    np.testing.assert_allclose(weights[:, 1:], matrix / matrix.sum(1, keepdims=True), atol=2e-3)


# 2. The editor

RASP = """same = select(tokens, tokens, ==);
first = select(tokens, "a", ==);
both = same and first;
total = selector_width(both);"""


def test_an_edit_of_rasp_changes_the_graph_as_it_is_typed(lab, until):
    root = fresh(lab, panel="code")
    root.get_by_role("radio", name="RASP").click()
    write_code(root, RASP)
    lab.wait_for_python("settled() and graph.programs == ['total']")
    until(lambda: output_of(root) == ["2", "0", "0", "2", "0"])
    drawing = save_drawing(root)
    assert {"same", "first", "both", "total"} <= {card.name for card in drawing.cards}
    assert drawing.card("total").texts == ["2", "0", "0", "2", "0"]
    assert lab.python("graph.values['total']") == [2, 0, 0, 2, 0]


def test_rasp_that_is_wrong_is_marked_at_its_place_and_the_graph_stays(lab, until):
    root = fresh(lab, panel="code")
    root.get_by_role("radio", name="RASP").click()
    write_code(root, "same = select(tokens, tokens, ==);\ntotal = selector_width(sme);")
    until(lambda: marked_line(root) == (2, "sme"))
    alert = root.locator(".attrium-code-problem")
    expect(alert).to_contain_text("Line 2, column 24")
    expect(alert).to_contain_text("sme")
    assert output_of(root) == truth("hist").output
    write_code(root, "same = select(tokens, tokens, ==);\ntotal = selector_width(same);")
    until(lambda: marked_line(root) == (0, "") and alert.count() == 0)
    lab.wait_for_python("settled() and graph.programs == ['total'] and graph.problem is None")


def test_python_runs_on_run_only_and_its_error_is_at_its_line(lab, until):
    root = fresh(lab, panel="code")
    lab.python("None", setup="ran.clear()")
    write_code(root, "ran.append(1)\nsame = select(tokens, tokens, '==')\ntwice = selector_width(same) * 2")
    lab.page.wait_for_timeout(1200)  # far longer than the pause after which RASP compiles
    assert lab.python("ran") == [] and lab.python("graph.programs") == ["hist"]
    root.get_by_role("button", name="Compile this text").click()
    lab.wait_for_python("settled() and graph.programs == ['twice'] and ran == [1]")
    until(lambda: output_of(root) == ["4", "4", "2", "4", "4"])
    write_code(root, "same = select(tokens, tokens, '==')\nlength = 1\nworse = aggregate(same, tokens) + [][length]")
    lab.page.keyboard.press("Control+Enter")
    until(lambda: marked_line(root)[0] == 3)
    expect(root.locator(".attrium-code-problem")).to_contain_text("IndexError")
    assert output_of(root) == ["4", "4", "2", "4", "4"]
    write_code(root, "same = select(tokens, tokens\nworse = 1")
    lab.page.keyboard.press("Control+Enter")
    until(lambda: marked_line(root)[0] == 1)
    assert lab.python("ran") == [1]


def test_an_input_is_edited_token_by_token(lab, until):
    root = fresh(lab)
    root.get_by_role("combobox", name="token 2", exact=True).select_option("a")
    until(lambda: output_of(root) == ["3", "2", "3", "3", "2"])
    root.get_by_role("combobox", name="token 0", exact=True).press("Delete")
    until(lambda: (tokens_of(root), output_of(root)) == (list("baab"), ["2", "2", "2", "2"]))
    lab.wait_for_python("graph.tokens == list('baab')")
    assert lab.python("graph.model_values['hist']") == [2, 2, 2, 2]


# 3. What it is linked with, and what it opens


def test_a_selected_token_is_selected_in_a_text_too(lab, until):
    root = fresh(lab)
    lab.python("None", setup="graph.tokens = list('abcab')")
    root.get_by_role("tab", name="Values").click()
    root.get_by_role("button", name="3", exact=True).click()
    lab.wait_for_python("graph.position == 3 and graph.selection == [3] and marks.selection == [3]")
    text = lab.show(MARKS).locator(".attrium-text-attribution")
    expect(text.locator("[data-unit='3']")).to_have_attribute("aria-selected", "true")
    text.locator("[data-unit='1']").click()
    lab.wait_for_python("graph.selection == [1]")
    chips = shown(lab).locator(".attrium-rasp-token")
    expect(chips.nth(1)).to_have_attribute("data-selected", "true")
    expect(chips.nth(3)).not_to_have_attribute("data-selected", "true")


def test_the_compiled_model_opens_in_both_explorers(lab, until):
    for cell, name in ((TRANSFORMER, ".attrium-transformer-explorer"), (ATTENTION, ".attrium-attention-explorer")):
        root = lab.show(cell).locator(name)
        expect(root.locator("canvas").first).to_be_visible()
        expect(root.locator("[aria-busy=true], [data-waiting=true]")).to_have_count(0)
        expect(root.get_by_role("alert")).to_have_count(0)
        drawn = root.locator("canvas").first.evaluate(
            "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
        )
        assert drawn > 8, f"{name} has drawn nothing"
    chips = lab.show(TRANSFORMER).get_by_role("option", name=re.compile("position"))
    assert chips.count() == 6, "BOS and five tokens"


# 4. Themes and keys


def test_the_graph_follows_a_dark_theme(lab, until):
    root = fresh(lab, "sort")
    lab.theme("JupyterLab Dark")
    try:
        expect(lab.show(GRAPH).locator(".attrium[data-theme=dark]")).to_be_visible()
        drawing = save_drawing(root)
        check_drawing(drawing, truth("sort"), "dark")
        stage = whole(root)
        same_on_canvas(until, stage, drawing)
    finally:
        lab.theme("JupyterLab Light")
    expect(lab.show(GRAPH).locator(".attrium[data-theme=light]")).to_be_visible()


EXECUTIONS = "window.jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.executionCount)"


def test_keys_of_the_graph_and_the_editor_neither_cut_nor_run_cells(lab, until):
    root = fresh(lab)
    cells, ran = lab.page.evaluate(CELL_COUNT), lab.page.evaluate(EXECUTIONS)
    stage = root.get_by_role("application", name="Graph of")
    stage.focus()
    for key in ("x", "d", "d", "a", "b", "z", "ArrowDown", "ArrowLeft", "]", "[", "Enter", "Control+Enter"):
        lab.page.keyboard.press(key)
        assert lab.page.evaluate(CELL_COUNT) == cells
    lab.python("None", setup="graph.panel = 'code'")
    write_code(root, "x")
    for key in ("d", "d", "Shift+Enter", "x", "Escape", "d", "d", "Control+Enter"):
        lab.page.keyboard.press(key)
        assert lab.page.evaluate(CELL_COUNT) == cells
    assert lab.page.evaluate(ACTIVE_CELL) == GRAPH
    assert lab.page.evaluate(EXECUTIONS) == ran


def test_a_notebook_that_is_merely_opened_runs_no_code(lab, until):
    """Last: the page is loaded anew, with the code of a widget that lives in its kernel, and its output as saved."""
    root = fresh(lab, panel="code")
    lab.python("None", setup="ran.clear()")
    write_code(root, "ran.append(2)\nsame = select(tokens, tokens, '==')\ntwice = selector_width(same) * 2")
    lab.page.keyboard.press("Control+Enter")
    lab.wait_for_python("settled() and ran == [2] and 'ran.append' in graph.code")
    lab.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    lab.open(NOTEBOOK)
    root = shown(lab)
    expect(root.get_by_role("textbox", name="Program text")).to_contain_text("ran.append(2)")
    until(lambda: output_of(root) == ["4", "4", "2", "4", "4"])
    lab.page.wait_for_timeout(1000)
    assert lab.python("ran") == [2]
