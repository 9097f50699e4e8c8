"""RaspGraph on screen: the layout of 300 nodes, how they move, and an edited input until its values are painted."""

from __future__ import annotations

import statistics

from playwright.sync_api import sync_playwright

from .screen_case import Bound, Found, Row, Setting
from .screen_stage import SHOW_S, Stage, stage

WIDGET = "attrium-rasp-graph"
GRAPH = ".attrium-rasp-stage"
"""The graph, which says how long its layout took."""
SHOWN = ".attrium-rasp-output"
NODES = 330
TOKENS = 50
MOTION_S = 2.0
LIBRARY = "sort"

LAYOUT = Bound(at_most=1000.0)
FAST = Bound(at_least=50.0)
EDIT = Bound(at_most=150.0)


def program(nodes: int) -> tuple[str, ...]:
    """Lines that make `tangle`, a program of about so many nodes: of each two in three of its bits, one is gathered by
    a selector and put together with another, as chance has it; in the end all are put together two by two.
    """
    return (
        "import random",
        "from attrium_kernel.rasp import Elementwise, Program, aggregate, indices, select, tokens",
        f"def tangle(nodes={nodes}):",
        "    chance = random.Random(0)",
        "    far = [select(indices, indices, lambda k, q, d=d: k == q - d).named(f'back_{d}') for d in range(1, 5)]",
        "    bits = [Elementwise(lambda x, v=v: x == v, tokens).named(f'is_{v}') for v in 'ab']",
        "    while 3 * len(bits) < nodes - 4:",
        "        one, other = chance.sample(bits[: max(2, len(bits) // 2)], 2)",
        "        gathered = aggregate(chance.choice(far), one, default=False).named(f'any_{len(bits)}')",
        "        bits.append(Elementwise(PAIRS[len(bits) % 2], gathered, other).named(f'bit_{len(bits)}'))",
        "    while len(bits) > 1:",
        "        both = [Elementwise(PAIRS[0], a, b) for a, b in zip(bits[::2], bits[1::2])]",
        "        bits = both + bits[2 * len(both) :]",
        "    return bits[0].named('tangle')",
        "PAIRS = [lambda x, y: bool(x) and not y, lambda x, y: x != y]",
    )


def opened(found: Stage, quick: bool) -> None:
    """The graph of a large program, not timed."""
    nodes, tokens = (60, 20) if quick else (NODES, TOKENS)
    found.prepare(
        "from attrium import RaspGraph",
        *program(nodes),
        f"large = (['a', 'b'] * {tokens})[:{tokens}]",
        "def show():",
        f"    made = RaspGraph(tangle(), ['a', 'b'], {tokens}, input=large, unfolded=True)",
        "    assert made.wait(120)",
        "    return made",
    )
    found.show()


def frames(found: Stage, kind: str) -> tuple[list[float], float]:
    """Move for two seconds; frames per second of each frame, and the share of frames in which something was drawn."""
    seen = found.root.locator(GRAPH).evaluate(
        "(graph, [kind, seconds]) => __screen.move(graph, kind, seconds)", [kind, MOTION_S]
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
        Row(f"{name}, median frame", "fps", medians, bound=FAST),
        Row(f"{name}, 5th percentile", "fps", lows),
        Row(f"{name}, frames in which it was drawn anew", "%", drawn),
    ]


def motions(found: Stage, name: str, rounds: int) -> list[Row]:
    """Zoom by Ctrl and wheel, then pan by dragging."""
    page, graph = found.lab.page, found.root.locator(GRAPH)
    box = graph.bounding_box()
    assert box is not None
    graph.focus()
    page.keyboard.press("0")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    found.watch(GRAPH)
    rows = rows_of_motion(found, f"{name}: zoom by wheel", "zoom", rounds)
    page.mouse.down()
    rows += rows_of_motion(found, f"{name}: pan by drag", "drag", rounds)
    page.mouse.up()
    return rows


def edits(found: Stage, rounds: int) -> list[float]:
    """Take another token, and wait until the values of all nodes are painted; milliseconds of each."""
    times = []
    chip = found.root.get_by_role("combobox", name="token 1", exact=True)
    vocabulary = found.lab.python("w.vocabulary")
    for _ in range(rounds + 1):
        now = vocabulary.index(chip.input_value())
        chip.focus()
        found.watch()
        start = found.epoch_ms(float(found.lab.page.evaluate("performance.now()")))
        chip.select_option(vocabulary[(now + 1) % len(vocabulary)])
        times.append(found.epoch_ms(found.painted_ms(SHOW_S)) - start)
    return times[1:]


def measured(setting: Setting) -> Found:
    """A program of 300 nodes on 50 tokens, then one of the library."""
    result = Found()
    rounds = min(3, setting.rounds)
    with sync_playwright() as play, stage(play, WIDGET, GRAPH) as found:
        opened(found, setting.quick)
        nodes = found.lab.python("len(w.program)")
        name = f"{nodes} nodes, {found.lab.python('len(w.tokens)')} tokens"
        layouts = []
        for turn in range(2 * rounds):
            found.watch()
            found.lab.python("1", setup=f"w.arrangement = {['written', 'lanes'][turn % 2]!r}")
            found.painted_ms()
            layouts.append(float(found.root.locator(GRAPH).get_attribute("data-layout-ms") or "nan"))
        result.rows.append(Row(f"{name}: layout by layers", "ms", layouts[1::2], bound=LAYOUT))
        result.rows.append(Row(f"{name}: layout as written", "ms", layouts[::2], bound=LAYOUT))
        result.rows += motions(found, name, rounds)
        result.rows.append(Row(f"{name}: input edit to painted values", "ms", edits(found, setting.rounds)))
        result.rows.append(Row(f"{name}: elements on the page", "nodes", [found.nodes()]))
        found.prepare(f"show = lambda: RaspGraph({LIBRARY!r})")
        opening = [found.show() for _ in range(rounds)]
        result.rows.append(Row(f"{LIBRARY}: the call in Python to painted", "ms", opening))
        times = edits(found, setting.rounds)
        result.rows.append(Row(f"{LIBRARY}: input edit to painted values", "ms", times, bound=EDIT))
        found.lab.check()
        result.notes += found.notes
    result.notes += [
        "The large program is laid out and interpreted; its model would have more parameters than are compiled.",
        "Layout: of one arrangement in place of the other, as the front end measures it, its cards' sizes included.",
        "Zoom and pan: of the page while one event comes in each frame; at most 60 a second.",
        "Painted: the last change on screen, panels included.",
    ]
    return result
