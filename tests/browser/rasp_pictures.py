"""Reading what RaspGraph shows: its tables, the saved picture of the graph, and the pixels of the graph itself."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page

from attrium_kernel.rasp import Program, Selector, run
from attrium_kernel.rasp.library import PROGRAMS
from tests.browser.explorers import pixels

SVG = "{http://www.w3.org/2000/svg}"
SELECTED = {"light": (122, 69, 214), "dark": (164, 128, 245)}
MARGIN_PX = 6
LARGEST_FIT = 1.15
HEAD_PX = 40
NEAR = 8
"""Most by which a channel of a drawn colour is off, where a card was placed between two pixels."""

Values = dict[str, list[str | None]]
Selectors = dict[str, np.ndarray[Any, Any]]


# What the program says


def text_of(value: Any) -> str | None:
    """A value as the screen has it: None for an absent one, six digits of a float."""
    if value is None:
        return None
    if isinstance(value, float):
        return f"{value + 0.0:.6g}"
    return str(value) if value != "" else "''"


@dataclass(frozen=True)
class Truth:
    """A library program on its sample, by the interpreter alone.

    Args:
        tokens, output: as texts.
        values: of each s-op. selectors: `(query, key)`, true where selected.
    """

    tokens: list[str]
    output: list[str | None]
    values: Values
    selectors: Selectors


def truth(name: str, max_length: int = 10) -> Truth:
    """Evaluate a program of the library."""
    example = PROGRAMS[name]
    program = Program(example.build(max_length))
    found = run(program, list(example.sample), causal=example.causal)
    values, selectors = {}, {}
    for label in program.labels:
        if isinstance(program.node(label), Selector):
            selectors[label] = np.array(found[label], bool)
        else:
            values[label] = [text_of(value) for value in found[label]]
    output = values[program.labels[-1]]
    return Truth([str(token) for token in example.sample], output, values, selectors)


# Tables of the panels


def output_of(root: Locator) -> list[str | None]:
    """The program's values beside the input."""
    found: list[str | None] = root.locator(".attrium-rasp-output .attrium-rasp-values").first.evaluate(
        """row => [...row.querySelectorAll(".attrium-rasp-value")].map(
          e => e.dataset.absent === "true" ? null : e.textContent)"""
    )
    return found


def tokens_of(root: Locator) -> list[str]:
    """The input, token by token."""
    found: list[str] = root.locator(".attrium-rasp-token").evaluate_all(
        "chips => chips.map(e => e.querySelector('select')?.value ?? e.textContent)"
    )
    return found


def table_of(root: Locator, name: str = "Values of all nodes") -> Values:
    """The rows of a table of values; the name of a row that is not the interpreter's has its note with it."""
    tables = root.get_by_role("table", name=name, exact=True)
    if tables.count() == 0:
        return {}
    rows = tables.first.evaluate(
        """table => [...table.querySelectorAll("tbody tr")].map(row => [
          [...row.querySelector("th").children].map(e => e.textContent).join(" "),
          [...row.querySelectorAll("td")].map(cell => {
            const value = cell.querySelector(".attrium-value");
            return value.dataset.absent === "true" ? null : value.textContent;
          })])"""
    )
    return dict(rows)


def grid_of(root: Locator, selector: str) -> np.ndarray[Any, Any]:
    """Which cells of the large matrix of a selector are selected, `(query, key)`; empty where it is not shown."""
    found = root.get_by_role("region", name=f"Selector {selector}", exact=True).evaluate_all(
        """grids => grids.map(grid => [...grid.querySelectorAll("tbody tr")].map(
          row => [...row.querySelectorAll(".attrium-grid-cell")].map(cell => cell.dataset.selected === "true")))"""
    )
    return np.array(found[0] if found else [], bool)


def attention_of(root: Locator, selector: str) -> np.ndarray[Any, Any]:
    """The weights that the large matrix says, `(query, BOS and keys)`, as shares of 1."""
    texts = root.get_by_role("region", name=f"Selector {selector}", exact=True).evaluate(
        """grid => [...grid.querySelectorAll("tbody tr")].map(
          row => [...row.querySelectorAll(".attrium-grid-cell[title]")].map(cell => cell.title))"""
    )
    number = {"<": 0.0, ">": 1.0}
    return np.array([[number.get(t[0], float(t.strip("<>%")) / 100) for t in row] for row in texts])


# The graph


@dataclass
class Card:
    """A node as it is drawn: where, its name as far as it fits, its values, and a selector's cells.

    Args:
        box: x, y, width and height in the picture.
        chips: place, colour and text of each value; the text of an absent one is a dash.
        grid: place of the cells. cells: their colours, `(query, key, 3)`.
    """

    box: tuple[float, float, float, float]
    name: str = ""
    chips: list[tuple[tuple[float, float, float, float], tuple[int, ...], str]] = field(default_factory=list)
    grid: tuple[float, float, float, float] | None = None
    cells: np.ndarray[Any, Any] | None = None

    @property
    def texts(self) -> list[str]:
        return [text for _, _, text in self.chips]


@dataclass
class Drawing:
    """The saved picture of the graph.

    Args:
        size: width of the graph, height with the title.
    """

    size: tuple[float, float]
    cards: list[Card]

    def card(self, label: str) -> Card:
        """The card of a node, whose name may be cut short."""
        found = [each for each in self.cards if fits(each.name, label)]
        assert len(found) == 1, f"{label}: {[each.name for each in self.cards]}"
        return found[0]


def fits(shown: str, text: str) -> bool:
    """Whether a text is shown, whole or cut short."""
    return shown == text or (shown.endswith("\u2026") and len(shown) > 1 and text.startswith(shown[:-1]))


def save_drawing(root: Locator) -> Drawing:
    """Save the picture by its button, and read it."""
    root.get_by_role("button", name="Save the picture").click()
    with root.page.expect_download() as found:
        root.get_by_role("menuitem", name="Picture, SVG").click()
    return drawing_of(Path(found.value.path()).read_text(encoding="utf-8"))


def drawing_of(svg: str) -> Drawing:
    """The cards of a picture: rounded boxes, and what lies in them."""
    root = ElementTree.fromstring(svg)
    cards: list[Card] = []
    width = float(root.get("width", 0))
    for mark in root.iter():
        if mark.tag == f"{SVG}rect" and mark.get("rx") == "0":
            width = box_of(mark)[2]  # a lane is as wide as the graph, which its title may be wider than
        elif mark.tag == f"{SVG}rect" and mark.get("rx") == "8":
            cards.append(Card(box_of(mark)))
        elif cards and mark.tag == f"{SVG}rect" and mark.get("rx") == "5":
            cards[-1].chips.append((box_of(mark), color_of(mark.get("fill", "")), ""))
        elif cards and mark.tag == f"{SVG}image":
            cards[-1].grid = box_of(mark)
            data = base64.b64decode(mark.get("href", "").split(",")[1])
            cards[-1].cells = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        elif cards and mark.tag == f"{SVG}text":
            _take_text(cards[-1], mark)
    return Drawing((width, float(root.get("height", 0))), cards)


def _take_text(card: Card, mark: ElementTree.Element) -> None:
    text = "".join(mark.itertext())
    x, y, width, height = card.box
    place = float(mark.get("x", 0)), float(mark.get("y", 0))
    if not (x <= place[0] <= x + width and y <= place[1] <= y + height):
        return
    if mark.get("font-size") == "12.5":
        card.name = text
    elif mark.get("font-size") == "11.5" and card.chips:
        box, color, _ = card.chips[-1]
        card.chips[-1] = (box, color, text)


def box_of(mark: ElementTree.Element) -> tuple[float, float, float, float]:
    x, y, width, height = (float(mark.get(name, 0)) for name in ("x", "y", "width", "height"))
    return x, y, width, height


def color_of(paint: str) -> tuple[int, ...]:
    return tuple(int(part) for part in paint.removeprefix("rgb(").removesuffix(")").split(","))


def selected(card: Card, theme: str = "light") -> np.ndarray[Any, Any]:
    """Cells of a card that have the colour of what is selected, `(query, key)`."""
    assert card.cells is not None, f"{card.name} has no matrix"
    return np.asarray((card.cells == np.array(SELECTED[theme])).all(-1))


@dataclass(frozen=True)
class Canvas:
    """The pixels of the graph while all of it is in sight, and where a point of the saved picture lies on them."""

    colors: np.ndarray[Any, Any]
    left: float
    top: float
    scale: float

    def near(self, x: float, y: float, color: Any) -> bool:
        """Whether a point of the picture has a colour here, or a pixel beside it."""
        column, row = round(self.left + x * self.scale), round(self.top + (y - HEAD_PX) * self.scale)
        around = self.colors[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2].reshape(-1, 3)
        return bool((np.abs(around - np.asarray(color, float)).max(-1) <= NEAR).any())


def canvas_of(stage: Locator, drawing: Drawing) -> Canvas:
    """The drawn graph, once key 0 has brought all of it into sight."""
    drawn = pixels(stage.locator("canvas").first)
    height, width = drawn.shape[:2]
    wide, high = drawing.size[0], drawing.size[1] - HEAD_PX
    scale = min(LARGEST_FIT, (width - 2 * MARGIN_PX) / wide, (height - 2 * MARGIN_PX) / high)
    top = max(MARGIN_PX, (height - high * scale) / 2)
    return Canvas(drawn[:, :, :3].astype(float), (width - wide * scale) / 2, top, scale)


def strays(canvas: Canvas, drawing: Drawing) -> list[str]:
    """Values and cells that the canvas draws in another colour than the picture that is saved."""
    wrong = []
    for card in drawing.cards:
        for at, ((x, y, _, height), color, _) in enumerate(card.chips):
            if not canvas.near(x + 2.5, y + height / 2, color):
                wrong.append(f"{card.name}[{at}]")
        if card.grid is None or card.cells is None:
            continue
        x, y, width, height = card.grid
        rows, columns = card.cells.shape[:2]
        for row in range(rows):
            for column in range(columns):
                place = x + (column + 0.5) * width / columns, y + (row + 0.5) * height / rows
                if not canvas.near(*place, card.cells[row, column]):
                    wrong.append(f"{card.name}[{row}, {column}]")
    return wrong


def check_drawing(drawing: Drawing, wanted: Truth, theme: str = "light") -> None:
    """Each card has its node's values, alike ones in one colour, and each selector its matrix."""
    for label, values in wanted.values.items():
        card = drawing.card(label)
        assert len(card.chips) == len(values), label
        by_color: dict[tuple[int, ...], str | None] = {}
        for (_, color, text), value in zip(card.chips, values, strict=True):
            assert fits(text, "\u2013" if value is None else value), (label, text, value)
            assert by_color.setdefault(color, value) == value, f"{label}: two values in one colour"
        assert len(by_color) == len(set(values)), f"{label}: one value in two colours"
    for label, matrix in wanted.selectors.items():
        np.testing.assert_array_equal(selected(drawing.card(label), theme), matrix, label)


# The page


def whole(root: Locator) -> Locator:
    """The graph with all of it in sight."""
    stage = root.get_by_role("application", name="Graph of")
    stage.press("0")
    frame(root.page)
    return stage


def frame(page: Page) -> None:
    """Two frames go by, and what was to be drawn is drawn."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))")


def write_code(root: Locator, text: str) -> None:
    """Put another text into the editor, as by selecting all and pasting."""
    editor = root.get_by_role("textbox", name="Program text")
    editor.click()
    root.page.keyboard.press("Control+a")
    root.page.keyboard.insert_text(text)


def marked_line(root: Locator) -> tuple[int, str]:
    """The number of the line that is marked as wrong, and the part of it that is; 0 where nothing is."""
    found = root.locator(".cm-content").evaluate(
        """content => {
          const mark = content.querySelector(".cm-lintRange-error");
          const lines = [...content.querySelectorAll(".cm-line")];
          return mark ? [1 + lines.indexOf(mark.closest(".cm-line")), mark.textContent] : [0, ""]; }"""
    )
    return int(found[0]), str(found[1])
