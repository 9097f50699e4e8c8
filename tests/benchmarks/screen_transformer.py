"""TransformerExplorer on screen: GPT-2 of the small size with random weights, from a change to the painted flow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from playwright.sync_api import sync_playwright

from .screen_case import Bound, Found, Row, Setting
from .screen_stage import Stage, stage

WIDGET = "attrium-transformer-explorer"
DRAWN = "[data-run]"
"""The flow, which says of which run it is."""
LENGTHS = (32, 256, 512)
NODES = (32, 256, 1024)
MOST_MB = {256: 1.0, 512: 2.0}
FORWARD = "bare forward"

PROMPT = Bound(at_most=100.0, beyond=1.3)
FIRST_VIEW = Bound(at_most=300.0)
SWITCH = Bound(at_most=50.0)


def prepare(found: Stage, setting: Setting, tokens: int) -> None:
    """The model, and the explorer on a prompt."""
    found.prepare(
        f"s = bench.Subject(quick={setting.quick})",
        "from attrium import TransformerExplorer",
        f"show = lambda: s.watched(TransformerExplorer(s.model, s.tokenizer, s.text({tokens}, 0)))",
    )


# ---- from a change to the painted flow


@dataclass
class Times:
    """Of each round, in milliseconds."""

    typed: list[float] = field(default_factory=list)
    beside_typed: list[float] = field(default_factory=list)
    written: list[float] = field(default_factory=list)
    beside_written: list[float] = field(default_factory=list)
    after_forward: list[float] = field(default_factory=list)
    in_kernel: list[float] = field(default_factory=list)


def painted(found: Stage, change: Callable[[], float]) -> tuple[float, float]:
    """Make a change; milliseconds of the epoch when it was made, and when the flow of its run was painted."""
    found.expect(DRAWN, "data-run")
    start = change()
    drawn = found.changed()
    assert int(drawn["value"]) == found.lab.python("w.run"), "the flow on screen is not of the last run"
    return start, found.epoch_ms(drawn["second_ms"])


def typing(found: Stage, text: str) -> Callable[[], float]:
    """Write a prompt into its box; the change is Enter."""
    box = found.root.get_by_role("textbox", name="Prompt")
    box.fill(text)

    def enter() -> float:
        box.press("Enter")
        return found.epoch_ms(found.key_ms())

    return enter


def from_python(found: Stage, ids: list[int]) -> Callable[[], float]:
    """Set the ids in the kernel."""

    def write() -> float:
        return 1000 * float(found.lab.python("written_s", setup=f"written_s = time.time(); w.ids = {ids}"))

    return write


def prompts(found: Stage, tokens: int, rounds: int) -> Times:
    """Rounds of a bare forward, a typed prompt, a bare forward, and one from Python; the first round is the warm-up."""
    times = Times()
    for turn in range(-1, rounds):
        seeds = 1000 * tokens + 2 * turn + 2, 1000 * tokens + 2 * turn + 3
        ids = [found.lab.python(f"s.ids({tokens}, {seed})") for seed in seeds]
        text = found.lab.python(f"s.text({tokens}, {seeds[0]})")
        bare = found.lab.python(f"s.forward_ms({ids[0]})")
        start, end = painted(found, typing(found, text))
        ended, published = (1000 * moment for moment in found.lab.python("[s.ended_s[-1], s.published_s[-1]]"))
        assert found.lab.python("len(w.tokens)") == tokens
        found.painted_ms()  # what comes after the first view is not part of the next round
        bare_too = found.lab.python(f"s.forward_ms({ids[1]})")
        start_too, end_too = painted(found, from_python(found, ids[1]))
        found.painted_ms()
        if turn < 0:
            continue
        times.typed.append(end - start)
        times.beside_typed.append(bare)
        times.after_forward.append(end - ended)
        times.in_kernel.append(published - ended)
        times.written.append(end_too - start_too)
        times.beside_written.append(bare_too)
    return times


def rows_of(tokens: int, times: Times) -> Iterator[Row]:
    """The lines of one length; what the project promises it promises at 32 tokens, and of the first view beyond."""
    typed, written = (PROMPT, PROMPT) if tokens == 32 else (None, None)
    name = f"{tokens} tokens:"
    yield Row(f"{name} Enter in the prompt to painted flow", "ms", times.typed, times.beside_typed, FORWARD, typed)
    yield Row(f"{name} ids set in Python to painted", "ms", times.written, times.beside_written, FORWARD, written)
    yield Row(f"{name} end of the forward to painted", "ms", times.after_forward, bound=FIRST_VIEW)
    yield Row(f"{name} of that, until the kernel sends the flow", "ms", times.in_kernel)


# ---- heads


def switches(found: Stage, rounds: int) -> list[float]:
    """The next head by the key `]`: milliseconds from the key to the painted head."""
    times = []
    found.root.locator(".attrium-flow-stage").focus()
    for turn in range(-1, rounds):
        found.watch()
        found.expect("[data-head]", "data-head")
        found.lab.page.keyboard.press("]")
        drawn = found.changed()
        found.painted_ms()
        if turn >= 0:
            times.append(drawn["second_ms"] - found.key_ms())
    return times


# ---- bytes


def transfers(setting: Setting) -> Iterator[Row]:
    """MB that the kernel sends for a new prompt, and for opening the widget with it."""
    with sync_playwright() as play, stage(play, WIDGET, DRAWN, counting=True) as found:
        prepare(found, setting, 8)
        found.show()
        for tokens, most_mb in MOST_MB.items():
            ids = found.lab.python(f"s.ids({tokens}, 1)")
            found.received_mb()
            painted(found, from_python(found, ids))
            found.painted_ms()
            bound = Bound(at_most=most_mb)
            yield Row(f"{tokens} tokens: sent for a new prompt", "MB", [found.received_mb()], bound=bound)
        for tokens in MOST_MB:
            found.prepare(f"show = lambda: TransformerExplorer(s.model, s.tokenizer, s.text({tokens}, 0))")
            found.show()
            yield Row(f"{tokens} tokens: sent to open it, front end included", "MB", [found.received_mb()])


def measured(setting: Setting) -> Found:
    """The whole case."""
    result = Found()
    with sync_playwright() as play, stage(play, WIDGET, DRAWN) as found:
        prepare(found, setting, LENGTHS[0])
        opening = [found.show() for _ in range(min(3, setting.rounds))]
        result.rows.append(Row("32 tokens: the call in Python to painted, page just opened", "ms", opening))
        for tokens in LENGTHS:
            result.rows += rows_of(tokens, prompts(found, tokens, setting.rounds if tokens == 32 else 3))
            if tokens == LENGTHS[0]:
                times = switches(found, setting.rounds)
                result.rows.append(Row("32 tokens: next head, key to painted", "ms", times, bound=SWITCH))
        for tokens in NODES:
            painted(found, from_python(found, found.lab.python(f"s.ids({tokens}, 2)")))
            found.painted_ms()
            result.rows.append(Row(f"{tokens} tokens: elements on the page", "nodes", [found.nodes()]))
        found.lab.check()
        result.notes += found.notes
    result.rows += transfers(setting)
    result.notes.append("Bare forward: of the same ids in the same kernel, one thread, without a cache.")
    return result
