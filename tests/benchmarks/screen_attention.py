"""AttentionExplorer on screen: heads of 1,024 tokens with GPT-2's sizes, and heads of 8,192 tokens by tiles."""

from __future__ import annotations

import statistics
from typing import Literal

from playwright.sync_api import sync_playwright

from .screen_case import Bound, Found, Row, Setting
from .screen_stage import Stage, stage
from .screen_transformer import SWITCH

WIDGET = "attrium-attention-explorer"
MATRIX = ".attrium-matrix-stage"
"""The matrix of one head: what is drawn there is the head, not what is said about it."""
LAYERS = 2
NODES = (32, 256, 1024)
MOTION_S = 2.0
LONG = 8192

EXACT = Bound(at_most=150.0)
FAST = Bound(at_least=50.0)


def prepare(found: Stage, quick: bool) -> None:
    """GPT-2's sizes in two layers, traced; `show` takes how many tokens."""
    found.prepare(
        f"s = bench.Subject(quick={quick}, layers={LAYERS})",
        "import attrium",
        "traces = {}",
        "def show(tokens=32):",
        "    if tokens not in traces:",
        "        traces[tokens] = attrium.trace(s.model, s.text(tokens, 0), s.tokenizer)",
        "    return attrium.AttentionExplorer(traces[tokens])",
    )


def opened(found: Stage, tokens: int) -> None:
    """The explorer on so many tokens."""
    found.prepare(f"show.__defaults__ = ({tokens},)", "show()")  # the forward is not what is timed
    found.show()


def to_next_head(found: Stage, until: Literal["head", "exact"]) -> float:
    """Press `]`; milliseconds until the matrix is that of the next head, or until it is as exact as its pixels."""
    found.watch(MATRIX)
    found.expect(MATRIX, "aria-label")
    found.lab.page.keyboard.press("]")
    named = found.changed()
    last_ms = found.painted_ms()
    end_ms = float(named["second_ms"]) if until == "head" else last_ms
    return end_ms - found.key_ms()


# ---- frames


def frames(found: Stage, kind: str) -> tuple[list[float], float]:
    """Move for two seconds; frames per second of each frame, and the share of frames in which something was drawn."""
    seen = found.root.locator(MATRIX).evaluate(
        "(matrix, [kind, seconds]) => __screen.move(matrix, kind, seconds)", [kind, MOTION_S]
    )
    return [1000 / step for step, _ in seen if step > 0], sum(drew for _, drew in seen) / len(seen)


def rows_of_motion(found: Stage, name: str, kind: str, rounds: int) -> list[Row]:
    """Median and 5th percentile of frames per second, round by round."""
    medians, lows, drawn = [], [], []
    for _ in range(rounds):
        rates, share = frames(found, kind)
        medians.append(statistics.median(rates))
        lows.append(statistics.quantiles(rates, n=20)[0])
        drawn.append(100 * share)
    return [
        Row(f"1,024 tokens: {name}, median frame", "fps", medians, bound=FAST),
        Row(f"1,024 tokens: {name}, 5th percentile", "fps", lows, bound=FAST),
        Row(f"1,024 tokens: {name}, frames in which it was drawn anew", "%", drawn),
    ]


def motions(found: Stage, rounds: int) -> list[Row]:
    """Zoom by wheel, then pan while zoomed."""
    page, matrix = found.lab.page, found.root.locator(MATRIX)
    box = matrix.bounding_box()
    assert box is not None
    matrix.focus()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    rows = rows_of_motion(found, "zoom by wheel", "wheel", rounds)
    page.keyboard.press("0")
    for _ in range(4):
        page.keyboard.press("+")
    found.painted_ms()
    page.mouse.down()
    rows += rows_of_motion(found, "pan by drag", "drag", rounds)
    page.mouse.up()
    return rows


# ---- the cases


def measured(setting: Setting) -> Found:
    """Heads of 32 and 1,024 tokens."""
    result = Found()
    with sync_playwright() as play, stage(play, WIDGET, MATRIX) as found:
        prepare(found, setting.quick)
        opened(found, 32)
        found.root.locator(MATRIX).focus()
        switches = [to_next_head(found, "head") for _ in range(setting.rounds + 1)][1:]
        result.rows.append(Row("32 tokens: next head, key to painted", "ms", switches, bound=SWITCH))
        opened(found, 1024)
        found.root.locator(MATRIX).focus()
        exact = [to_next_head(found, "exact") for _ in range(setting.rounds + 1)][1:]
        result.rows.append(Row("1,024 tokens: a head never shown, key to exact matrix", "ms", exact, bound=EXACT))
        result.rows += motions(found, min(3, setting.rounds))
        for tokens in NODES:
            opened(found, tokens)
            result.rows.append(Row(f"{tokens:,} tokens: elements on the page", "nodes", [found.nodes()]))
        found.lab.check()
        result.notes += found.notes
    result.notes += [
        f"GPT-2's sizes in {LAYERS} layers; patterns are recomputed from captured queries and keys.",
        "Exact: pooled to no more than the pixels of the matrix, instead of the thumbnail that is there at once.",
        "Frames: of the page while one event of the wheel or the mouse comes in each; at most 60 a second.",
    ]
    return result


def tiled(setting: Setting) -> Found:
    """Heads of 8,192 tokens: one layer of two heads, of which nothing is held but queries and keys."""
    tokens = 1024 if setting.quick else LONG
    result = Found()
    with sync_playwright() as play, stage(play, WIDGET, MATRIX, MALLOC_MMAP_THRESHOLD_="65536") as found:
        found.prepare(
            f"tiny = bench.long_trace({tokens})",
            "import attrium",
            "def show():",
            "    global peak",
            "    peak = bench.Peak()",
            "    return attrium.AttentionExplorer(tiny)",
        )
        rounds = range(min(3, setting.rounds))
        first = [found.show(MATRIX) for _ in rounds]
        all_of_it = [found.show() for _ in rounds]
        memory = [float(found.lab.python("peak.extra_mb()"))]
        matrix = found.root.locator(MATRIX)
        matrix.focus()
        tiles = []
        for _ in range(min(5, setting.rounds)):
            found.watch(MATRIX)
            found.lab.page.keyboard.press("+")
            tiles.append(found.painted_ms() - found.key_ms())
        memory_then = [float(found.lab.python("peak.extra_mb()"))]
        found.lab.check()
        result.notes += found.notes
        result.rows = [
            Row(f"{tokens:,} tokens: the call in Python to the first head's picture", "ms", first),
            Row(f"{tokens:,} tokens: the same, to the scores of all heads", "ms", all_of_it),
            Row(f"{tokens:,} tokens: zoom by a key to the sharp tile", "ms", tiles),
            Row(f"{tokens:,} tokens: extra peak memory of the kernel, first picture", "MB", memory),
            Row(f"{tokens:,} tokens: the same, zoomed too", "MB", memory_then, bound=Bound(at_most=64.0)),
            Row(f"{tokens:,} tokens: elements on the page", "nodes", [found.nodes()]),
        ]
    one_mb = 4 * tokens**2 / 1e6
    result.notes.append(
        f"One head is {one_mb:,.0f} MB as float32; the kernel's allocator hands freed blocks back at once."
    )
    return result
