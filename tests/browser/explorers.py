"""Reading what the explorers show: numbers as they are printed, matrices, lists, the lens and the card of a number.

Everything is read as a person would: from pixels of canvases, from the note beside the pointer, from the text of rows.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from playwright.sync_api import Locator, Page

from tests.browser.colors import rgb

Until = Callable[[Callable[[], Any]], Any]
"""Waits until a state is there, and gives its value."""


def until_on(page: Page, timeout_s: float = 15) -> Until:
    """Waits for states of a page whose kernel, if it has one, is another process."""

    def until(true: Callable[[], Any]) -> Any:
        end = time.monotonic() + timeout_s
        while not (value := true()):
            if time.monotonic() > end:
                raise AssertionError(f"still {value!r} after {timeout_s:g} s")
            page.wait_for_timeout(15)
        return value

    return until


PAPER_TO_PURPLE = {
    "light": "ffffff e7e1fd cfc2fb b7a2f7 9f80f1 8760e8 7045da 5a2fc4 4720a4 361680 270f60",
    "dark": "16181d 2f2753 483883 5f49ac 7558cc 8a69e2 9f80ef b59af6 cbb7fa e2d6fd fbf8ff",
}
BLUE_TO_RED = {
    "light": "123f8c 2160c4 4f8be4 90b6f1 cbdcf9 ffffff fad4ca f1a08f e0685a c23a35 8f1d22",
    "dark": "a9ccff 78abf8 4a84e0 2f5cab 213b69 16181d 5b2429 9a3539 d65752 f58b7f ffc4b8",
}
ONE_ENTRY = 4
"""Most by which a channel changes from one of the 256 colours of a matrix to the next."""

# Numbers, as they are printed


def number_text(value: float, digits: int = 4) -> str:
    """Significant digits and the true minus sign: "0.02130", "\u22121.500", "3.200e\u22125"."""
    size, sign = abs(float(value)), "\u2212" if value < 0 else ""
    if size == 0:
        return "0"
    if size >= 1e6 or size < 1e-4:
        mantissa, exponent = f"{size:.{digits - 1}e}".split("e")
        return f"{sign}{mantissa}e{int(exponent)}".replace("e-", "e\u2212")
    return f"{sign}{size:.{max(0, digits - 1 - int(np.floor(np.log10(size))))}f}"


def signed_text(value: float, digits: int = 4) -> str:
    """As `number_text`, with a plus before positive numbers."""
    return ("+" if value > 0 else "") + number_text(value, digits)


def percent_text(probability: float, exact: bool = False) -> str:
    """A probability as lists have it; `exact` is the table's, which writes small ones out."""
    if probability in (0, 1):
        return f"{probability:.0%}"
    if exact and probability < 0.01:
        return f"{number_text(100 * probability, 3)}%"
    if probability < 1e-4:
        return "<0.01%"
    if probability > 0.9999:
        return ">99.99%"
    percent = 100 * probability
    return f"{percent:.{2 if percent < 9.995 or percent >= 99.95 else 1}f}%"


def number_of(text: str) -> float:
    """A printed number, read back."""
    return float(text.replace("\u2212", "-").replace("+", "").replace("\u202f", ""))


# Pixels


def pixels(canvas: Locator) -> np.ndarray:
    """RGBA of a canvas's own pixels, `(height, width, 4)`."""
    width, height, data = canvas.evaluate(
        """canvas => {
          const { width, height } = canvas;
          const bytes = canvas.getContext("2d").getImageData(0, 0, width, height).data;
          let text = "";
          for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
          return [width, height, btoa(text)]; }"""
    )
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)


def matrix_colors(values: np.ndarray, colors: str, theme: str = "light") -> np.ndarray:
    """Colours `(..., 3)`: "attention" from 0 to the largest value, "signed" as far down as up."""
    end = np.nanmax(np.abs(values))
    stops = np.stack([rgb(code) for code in (PAPER_TO_PURPLE if colors == "attention" else BLUE_TO_RED)[theme].split()])
    places = np.linspace(0 if colors == "attention" else -end, end, len(stops))
    return np.stack([np.interp(values, places, stops[:, channel]) for channel in range(3)], -1)


@dataclass(frozen=True)
class Matrix:
    """A matrix on screen.

    Args:
        stage: what takes its keys, with the two canvases of cells and marks.
        shape: rows and columns of the tensor.
        until: how its page is waited for.
    """

    stage: Locator
    shape: tuple[int, int]
    until: Until

    def plot(self) -> tuple[np.ndarray, int, int]:
        """The pixels of the cells, and how far right and down they begin; around them is a line of one pixel."""
        drawn = pixels(self.stage.locator("canvas").first)
        rows, columns = (np.flatnonzero(drawn[:, :, 3].any(axis)) for axis in (1, 0))
        if not len(rows):
            return drawn[:0, :0], 0, 0
        left, top = int(columns[0]) + 1, int(rows[0]) + 1
        return drawn[top : rows[-1], left : columns[-1]], left, top

    def colors(self) -> np.ndarray:
        """The colour in the middle of each cell, `(rows, columns, 3)`."""
        cells, _, _ = self.plot()
        if not cells.size:
            return np.full((*self.shape, 3), np.nan)
        rows, columns = (
            ((np.arange(n) + 0.5) / n * size).astype(int) for n, size in zip(self.shape, cells.shape[:2], strict=True)
        )
        return cells[rows][:, columns, :3].astype(float)

    def wait_for(self, values: np.ndarray, colors: str, theme: str = "light") -> None:
        """Until each cell has the colour of its value; cells without a value may look as they like."""
        wanted, there = matrix_colors(values, colors, theme), np.isfinite(values)
        self.until(lambda: np.nanmax(np.abs(self.colors() - wanted)[there], initial=0) <= ONE_ENTRY and self.drawn())

    def drawn(self) -> bool:
        """Whether anything is drawn and nothing under way."""
        return self.stage.get_attribute("aria-busy") != "true" and self.plot()[0].size > 0

    def hover(self, row: int, column: int, *, straight: bool = False) -> str:
        """The value that the note says of the cell under the pointer.

        It comes from outside any picture, unless it goes straight from where it is.
        """
        self.stage.scroll_into_view_if_needed()
        cells, left, top = self.plot()
        box = self.stage.bounding_box()
        assert box
        place = [(at + 0.5) / n * size for at, n, size in zip((row, column), self.shape, cells.shape[:2], strict=True)]
        page = self.stage.page
        if not straight:
            page.mouse.move(0, 0)
            page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        page.mouse.move(box["x"] + left + place[1], box["y"] + top + place[0])
        return self.value_at(row, column)

    def walk(self, row: int, column: int) -> str:
        """The value that the note says of a cell that the keys went to."""
        self.stage.press("Control+Home")
        for key, count in (("ArrowDown", row), ("ArrowRight", column)):
            for _ in range(count):
                self.stage.press(key)
        return self.value_at(row, column)

    def value_at(self, row: int, column: int) -> str:
        """The value in the note, once it is about this cell and exact."""

        def value() -> str | None:
            said = self.note()
            exact = said and not re.search("about|nearby|\u2026", said[-1])
            return said[-1] if said and exact and [int(n) for n in said[:-1]] == [row, column] else None

        found: str = self.until(value)
        return found

    def note(self) -> list[str]:
        """Index of the row and of the column, and the value; empty where no cell is pointed at."""
        said: list[str] = self.stage.evaluate(
            """stage => [...stage.querySelectorAll(
              ".attrium-matrix-side > span:last-child, .attrium-matrix-value")].map(e => e.textContent.trim())"""
        )
        return said


# Lists


def listed(root: Locator, rows: str = ".attrium-odds-compact [role=option]") -> list[tuple[int, str, list[str]]]:
    """The id, the text and the percentages of each row of a list of tokens."""
    found = root.locator(rows).evaluate_all(
        """rows => rows.map(row => [Number(row.dataset.id), row.querySelector(".attrium-odds-token").textContent,
          [...row.querySelectorAll(".attrium-odds-percent")].map(e => e.textContent)])"""
    )
    return [(at, text, shares) for at, text, shares in found]


def reads_as(shown: str, decoded: str) -> bool:
    """Whether a token on screen is what the tokenizer decodes; a byte that is no character is shown by its number."""
    if "\ufffd" in decoded:
        return "\u27e8" in shown
    marked = decoded.replace("\n", "\u21b5").replace("\t", "\u21e5").replace("\r", "\u240d")
    marked = re.sub("[\x00-\x1f\x7f-\x9f]", lambda found: f"\u27e8{ord(found[0]):02X}\u27e9", marked)
    return shown.strip("\u00b7 ") == marked.strip()


def likeliest(logits: np.ndarray, count: int) -> list[int]:
    """Ids of the largest logits; of equal ones the lower id first."""
    return [int(at) for at in np.argsort(-logits, kind="stable")[:count]]


def softmax(logits: np.ndarray) -> np.ndarray:
    """In float64."""
    raised = np.exp(np.asarray(logits, np.float64) - np.max(logits))
    return raised / raised.sum()


@dataclass(frozen=True)
class LensNote:
    """What the lens says of a cell: the point of the stream, the likeliest tokens with their shares, the last line."""

    point: str
    top: list[tuple[str, str]]
    followed: tuple[str, str]


def lens_note(view: Locator) -> LensNote | None:
    """The note beside the cursor in the lens; None where there is none."""
    found = view.locator(".attrium-lens-tip").evaluate_all(
        """tips => tips.map(tip => [tip.querySelector(".attrium-tooltip-soft").textContent,
          [...tip.querySelectorAll(".attrium-lens-tip-row")].map(row => [...row.children].map(e => e.textContent))])"""
    )
    if not found:
        return None
    point, rows = found[0]
    return LensNote(point, [(text, share) for text, share in rows[:-1]], (rows[-1][0], rows[-1][1]))


@dataclass(frozen=True)
class Card:
    """The card of a number: where it stands, its value, and both numbers that its check compares."""

    name: str
    index: list[int]
    value: str
    recomputed: str
    captured: str


def number_card(view: Locator) -> Card | None:
    """The card with a check that is open; None where none has come."""
    cards = view.get_by_label("What made this number").filter(has_text="Recomputed")
    if cards.count() == 0:
        return None
    name, text, value = cards.first.evaluate(
        """card => [card.querySelector("code").textContent, card.textContent,
          card.querySelector(".attrium-origin-title b").textContent]"""
    )
    place = re.fullmatch(r"(.+)\[(.+)\]", name)
    check = re.search(r"Recomputed (\S+), captured (\S+?):", text)
    assert place and check, (name, text)
    return Card(place[1], [int(n) for n in place[2].split(",")], value, check[1], check[2])


# The page


def overflowing(root: Locator) -> list[str]:
    """Elements that stick out of the root to the right and that nothing scrolls or clips."""
    found: list[str] = root.evaluate(
        """root => {
          const end = root.getBoundingClientRect().right + 1;
          const held = element => {
            for (let at = element.parentElement; at && at !== root.parentElement; at = at.parentElement) {
              if (getComputedStyle(at).overflowX !== "visible") return true;
            }
            return false;
          };
          return [...root.querySelectorAll("*")]
            .filter(e => e.getBoundingClientRect().right > end && e.getBoundingClientRect().width > 0 && !held(e))
            .map(e => `${e.tagName} ${e.className} ${e.textContent.slice(0, 30)}`);
        }"""
    )
    return found


def overlapping(root: Locator) -> list[str]:
    """Pairs of texts in the page that are drawn over each other by more than two pixels both ways.

    Texts that are hidden, scrolled out of sight, or lie in a note above the rest do not count.
    """
    found: list[str] = root.evaluate(
        """root => {
          const BESIDES = "[role=tooltip], .attrium-spoken, option, svg";
          const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
          const boxes = [];
          const clip = (box, element) => {
            for (let at = element; at && at !== root; at = at.parentElement) {
              const style = getComputedStyle(at);
              if (style.position === "fixed") break;
              if (style.overflowX === "visible" && style.overflowY === "visible") continue;
              const by = at.getBoundingClientRect();
              box = { left: Math.max(box.left, by.left), right: Math.min(box.right, by.right),
                      top: Math.max(box.top, by.top), bottom: Math.min(box.bottom, by.bottom) };
            }
            return box;
          };
          for (let node = walker.nextNode(); node; node = walker.nextNode()) {
            const element = node.parentElement;
            if (!node.textContent.trim() || element.closest(BESIDES)) continue;
            if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
            const range = document.createRange();
            range.selectNodeContents(node);
            for (const rect of range.getClientRects()) {
              const box = clip(rect, element);
              if (box.right - box.left > 2 && box.bottom - box.top > 2) boxes.push([box, node]);
            }
          }
          const found = [];
          for (let i = 0; i < boxes.length; i++) {
            for (let j = i + 1; j < boxes.length; j++) {
              const [a, b] = [boxes[i][0], boxes[j][0]];
              if (boxes[i][1] === boxes[j][1]) continue;
              const [wide, high] = [Math.min(a.right, b.right) - Math.max(a.left, b.left),
                                    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)];
              if (wide > 2 && high > 2) found.push(`${boxes[i][1].textContent} | ${boxes[j][1].textContent}`);
            }
          }
          return found;
        }"""
    )
    return found


def focus_is_visible(page: Page) -> bool:
    """Whether the focused element, or one around it, shows an outline, a ring or a border of the accent."""
    seen: bool = page.evaluate(
        """() => {
          const at = document.activeElement;
          if (!at || at === document.body) return false;
          const style = getComputedStyle(at);
          const outline = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
          return outline || style.boxShadow !== "none";
        }"""
    )
    return seen
