"""The explorers in a plain page without Jupyter: what they draw, keep to themselves, and leave behind."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Download, Locator, Page, expect
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from attrium import AttentionExplorer, TransformerExplorer, load, to_html, trace
from tests.browser.explorers import (
    Matrix,
    focus_is_visible,
    likeliest,
    listed,
    number_card,
    number_text,
    overflowing,
    overlapping,
    percent_text,
    reads_as,
    signed_text,
    softmax,
    until_on,
)
from tests.browser.minihost import MiniHost, mini_host
from tests.browser.test_bare_page import RULES

TEXT = "The keys near the door were old."
VIEWS = ["", "embedding", "qkv", "attention", "output", "mlp", "logits", "lens", "contributions", "heads"]
HOSTILE = ["<script>alert(1)</script>", "<img src=x onerror=alert(2)>", "\u202etfel", "a\u200bb", "\u05e9\u05dc", "\0"]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny models run fastest, and most repeatably, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def host(page: Page) -> Iterator[MiniHost]:
    page.on("dialog", lambda dialog: pytest.fail(f"a text ran as a script: {dialog.message}"))
    with mini_host(page) as found:
        yield found


@cache
def gpt2() -> Any:
    return tuple(load("tiny_gpt2"))


@cache
def llama() -> Any:
    """Eight query heads on two key heads, with the zoo's tokenizer."""
    sizes = {"vocab_size": 891, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return LlamaForCausalLM(LlamaConfig(num_attention_heads=8, num_key_value_heads=2, **sizes)).eval(), gpt2()[1]


def transformer(text: str = TEXT, pair: Any = None, **traits: Any) -> TransformerExplorer:
    widget = TransformerExplorer(*(pair or gpt2()), text, **traits)
    assert widget.wait(60)
    assert widget.last_error is None, widget.last_error
    return widget


def attention(pair: Any = None, **traits: Any) -> AttentionExplorer:
    model, tokenizer = pair or gpt2()
    return AttentionExplorer(trace(model, TEXT, tokenizer), **traits)


MAKERS: dict[str, Callable[..., Any]] = {"transformer": transformer, "attention": attention}


def settle(host: MiniHost, view: Locator) -> None:
    """Until the worker rests and nothing on the view waits."""
    root = view.locator(".attrium").first
    host.until(lambda: root.count() and root.locator("[aria-busy=true], [data-waiting=true]").count() == 0)


def matrix(host: MiniHost, stage: Locator, values: np.ndarray) -> Matrix:
    return Matrix(stage, (values.shape[0], values.shape[1]), host.until)


def numbers(value: torch.Tensor) -> np.ndarray:
    return value.detach().double().numpy()


# Numbers


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_cell_of_each_measure_has_the_colour_and_the_number_of_its_value(host, theme):
    widget = attention(llama(), layer=1, head=5, theme=theme)
    view = host.show(widget)
    stage = view.get_by_role("application")
    for measure, colors, text in (
        ("pattern", "attention", number_text),
        ("scores", "signed", signed_text),
        ("value_weighted", "attention", number_text),
    ):
        widget.measure = measure
        values = widget.values.numpy()
        shown = matrix(host, stage, values)
        shown.wait_for(values, colors, theme)
        for row, column in ((7, 0), (4, 3)):
            assert shown.hover(row, column) == text(values[row, column])
    assert shown.walk(6, 2) == number_text(values[6, 2])
    widget.measure = "scores"
    assert matrix(host, stage, values).hover(2, 5) == "hidden by the mask"


def test_one_move_from_a_matrix_into_another_shows_the_cell_there(host):
    """As a tap does, or a quick hand: there may be no second move that would put it right."""
    widget = transformer(view="attention", block=2, head=1)
    view = host.show(widget)
    settle(host, view)
    pattern = widget.trace["blocks.2.attn.pattern"][0, 1].detach().numpy()
    first, *_, last = (
        matrix(host, stage, pattern) for stage in view.get_by_role("application", name=re.compile("queries down")).all()
    )
    host.until(lambda: first.drawn() and last.drawn())
    first.hover(6, 2)
    assert last.hover(7, 3, straight=True) == number_text(pattern[7, 3])


def test_a_wrong_cell_would_be_seen(host):
    widget = attention(layer=1, head=2)
    stage = host.show(widget).get_by_role("application")
    values = widget.values.numpy()
    matrix(host, stage, values).wait_for(values, "attention")
    wrong = values.copy()
    wrong[5, 3] += 0.03 * values.max()
    impatient = Matrix(stage, (8, 8), until_on(host.page, 0.2))
    for other in (wrong, values.T, widget.tensor(1, 3).numpy()):
        with pytest.raises(AssertionError):
            impatient.wait_for(other, "attention")


def test_the_list_and_the_table_show_the_models_probabilities_and_the_samplers(host):
    widget = transformer(view="logits", position=4)
    view = host.show(widget)
    settle(host, view)
    logits = widget.trace.logits[0, 4].detach().numpy()
    shares = softmax(logits)
    host.until(lambda: len(listed(view)) >= 14)
    for at, text, percents in listed(view)[:14]:
        assert percents == [percent_text(shares[at])]
        assert reads_as(text, gpt2()[1].decode([at]))
    rows = "[aria-label='Likeliest tokens and how they are sampled'] tr[data-id]"
    assert [at for at, _, _ in listed(view)[:14]] == likeliest(logits, 14)
    widget.sampler = {"temperature": 0.7, "top_k": 5}
    host.until(lambda: len(listed(view, rows)[0][2]) == 2)
    drawn = softmax(np.where(np.isin(np.arange(len(logits)), likeliest(logits, 5)), logits / 0.7, -np.inf))
    for at, _, percents in listed(view, rows):
        assert percents == [percent_text(shares[at], exact=True), percent_text(drawn[at], exact=True)]
    widget.position = 2
    shares = softmax(widget.trace.logits[0, 2].detach().numpy())
    host.until(lambda: [row[2][0] for row in listed(view)] == [percent_text(shares[row[0]]) for row in listed(view)])


# Files


def saved(page: Page, click: Callable[[], None]) -> tuple[str, bytes]:
    """The name and the bytes of the file that a click offers."""
    with page.expect_download() as found:
        click()
    download: Download = found.value
    return download.suggested_filename, Path(download.path()).read_bytes()


def svg_texts(data: bytes) -> list[str]:
    root = ElementTree.fromstring(data)
    assert root.tag.endswith("svg")
    return ["".join(text.itertext()).strip() for text in root.iter("{http://www.w3.org/2000/svg}text")]


def test_the_flow_is_saved_as_picture_and_as_numbers(host):
    widget = transformer(block=2, head=1)
    view = host.show(widget)
    settle(host, view)

    def choose(item: str) -> tuple[str, bytes]:
        view.get_by_role("button", name="Save picture or numbers").click()
        return saved(host.page, view.get_by_role("menuitem", name=item).click)

    name, data = choose("Picture, PNG")
    picture = Image.open(io.BytesIO(data))
    assert name.endswith(".png") and picture.format == "PNG"
    colors = np.unique(np.asarray(picture.convert("RGB").resize((100, 80))).reshape(-1, 3), axis=0)
    assert picture.width > 1000 and len(colors) > 50
    name, data = choose("Picture, SVG")
    texts = svg_texts(data)
    assert name.endswith(".svg") and all(token["text"].strip() in texts for token in widget.tokens)
    pattern = widget.trace["blocks.2.attn.pattern"][0, 1].detach().numpy()
    name, data = choose("Numbers, NPZ")
    (values,) = np.load(io.BytesIO(data)).values()
    assert name.endswith(".npz") and np.array_equal(values.squeeze(), pattern)
    name, data = choose("Numbers, CSV")
    assert name.endswith(".csv")
    np.testing.assert_allclose(np.loadtxt(io.BytesIO(data), delimiter=","), pattern, rtol=1e-6)
    widget.view = "mlp"
    host.until(lambda: view.locator("[data-view=mlp]").count() > 0)
    _, data = choose("Numbers, NPZ")
    (values,) = np.load(io.BytesIO(data)).values()
    assert np.array_equal(values, widget.trace["blocks.2.mlp.post"][0].detach().numpy())


def test_a_head_is_saved_as_picture_and_as_numbers(host):
    widget = attention(layer=3, head=2)
    view = host.show(widget)
    shown = matrix(host, view.get_by_role("application"), widget.values.numpy())
    shown.wait_for(widget.values.numpy(), "attention")
    view.get_by_role("button", name="Export").click()

    def choose(kind: str) -> tuple[str, bytes]:
        return saved(host.page, view.get_by_role("button", name=kind, exact=True).click)

    name, data = choose("PNG")
    assert name.endswith(".png") and Image.open(io.BytesIO(data)).format == "PNG"
    name, data = choose("SVG")
    texts = " ".join(svg_texts(data))
    assert name.endswith(".svg") and all(token.strip() in texts for token in widget.runs[0]["queries"]["self"])
    name, data = choose("NPZ")
    file = np.load(io.BytesIO(data))
    assert name.endswith(".npz") and np.array_equal(file["values"][0], widget.values.numpy())
    name, data = choose("CSV")
    rows = list(csv.reader(io.StringIO(data.decode())))
    assert name.endswith(".csv")
    np.testing.assert_allclose(np.array([row[2:] for row in rows[1:]], float), widget.values.numpy(), rtol=1e-6)


def test_saved_pages_switch_heads_and_draw_without_kernel_and_network(host, page, tmp_path):
    explorer, heads = transformer(view="attention"), attention()
    patterns = explorer.trace.stack("attn.pattern")[:, 0].detach().numpy()
    logits = explorer.trace.logits[0, -1].detach().numpy()
    path = tmp_path / "saved.html"
    path.write_text(to_html(explorer, heads, title="Saved"), encoding="utf-8")
    host.leave()
    page.goto(path.as_uri())
    page.locator("html[data-attrium=ready]").wait_for()
    until = until_on(page)
    flow = page.locator(".attrium-transformer-explorer")
    flow.get_by_role("radio", name="Block 2", exact=True).click()
    flow.get_by_role("radio", name="Head 3", exact=True).click()
    softmaxed = flow.get_by_role("application", name=re.compile("^Softmax"))
    shown = Matrix(softmaxed, (8, 8), until)
    shown.wait_for(patterns[2, 3], "attention")
    assert shown.hover(7, 1) == number_text(patterns[2, 3, 7, 1])
    flow.get_by_role("button", name=re.compile("Temperature")).click()
    flow.get_by_role("slider", name=re.compile("^Temperature")).fill("2")
    scaled = softmax(logits / np.float32(2))
    until(lambda: all(len(shares) == 2 for _, _, shares in listed(flow)))
    assert [row[2][1] for row in listed(flow)] == [percent_text(scaled[row[0]]) for row in listed(flow)]
    other = page.locator(".attrium-attention-explorer")
    other.get_by_role("grid").press("}")
    other.get_by_role("button", name=re.compile("^Next head")).click()
    shown = Matrix(other.get_by_role("application"), (8, 8), until)
    shown.wait_for(patterns[1, 1], "attention")
    assert shown.hover(5, 2) == number_text(patterns[1, 1, 5, 2])


# Keys


def focused(page: Page) -> Locator:
    return page.locator(":focus")


def tab_to(page: Page, name: str, most: int = 80) -> None:
    """Goes on with Tab until the focus is on a control of this name, and sees it on the way."""
    for _ in range(most):
        page.keyboard.press("Tab")
        at = page.evaluate(
            "() => { const e = document.activeElement; "
            "return e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent; }"
        )
        if at != "":
            assert focus_is_visible(page), f"the focus on {at!r} cannot be seen"
        if re.search(name, at or ""):
            return
    raise AssertionError(f"Tab does not come to {name!r}")


def test_the_whole_explorer_is_reached_by_keys(host):
    widget = transformer()
    view = host.show(widget)
    settle(host, view)
    keys = host.page.keyboard
    tab_to(host.page, "^Prompt$")
    tab_to(host.page, "position 7")
    for key in ("ArrowLeft", "ArrowLeft", "Enter"):
        keys.press(key)
    host.until(lambda: widget.position == 5 and widget.selection == [5])
    tab_to(host.page, "^Block 0")
    keys.press("ArrowRight")
    host.until(lambda: widget.block == 1)
    tab_to(host.page, "^Head 0")
    keys.press("ArrowRight")
    host.until(lambda: widget.head == 1)
    for key, name, value in (("}", "block", 2), ("{", "block", 1), ("]", "head", 2), ("[", "head", 1)):
        keys.press(key)
        host.until(lambda name=name, value=value: getattr(widget, name) == value)
    tab_to(host.page, "^Picture of block 1")
    keys.press("ArrowUp")
    host.until(lambda: widget.position == 4)
    for _ in range(4):
        keys.press("ArrowRight")
    keys.press("Enter")
    host.until(lambda: widget.view != "")
    opened = widget.view
    expect(view.locator(f"section[data-view={opened}]")).to_be_visible()
    keys.press("Escape")
    host.until(lambda: widget.view == "" and view.locator("section[data-view]").count() == 0)
    for name, wanted in (("All heads", "heads"), ("Logit lens", "lens"), ("Contributions", "contributions")):
        button = view.get_by_role("button", name=name)
        button.press("Enter")
        host.until(lambda wanted=wanted: widget.view == wanted)
        expect(view.locator(f"section[data-view={wanted}]")).to_be_visible()
        keys.press("Escape")
        host.until(lambda: widget.view == "")
    view.get_by_role("button", name="Interventions").press("Enter")
    expect(view.get_by_role("region", name="Interventions")).to_be_visible()
    keys.press("?")
    expect(view.get_by_role("region", name="Keys")).to_be_visible()
    keys.press("Escape")
    expect(view.get_by_role("region", name="Keys")).to_have_count(0)
    keys.press("/")
    expect(view.get_by_role("textbox", name="Prompt")).to_be_focused()


@pytest.mark.parametrize("opened", VIEWS[1:])
def test_a_drill_down_opens_closes_and_is_walked_by_keys(host, opened):
    widget = transformer(view=opened, block=1, head=1)
    view = host.show(widget)
    settle(host, view)
    panel = view.locator(f"section[data-view={opened}]")
    stops = panel.locator("button:not(:disabled):not([tabindex='-1']), input, select, [tabindex='0']")
    expect(stops.nth(1)).to_be_visible()
    stops.nth(1).focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft"):
        host.page.keyboard.press(key)
    view.get_by_role("button", name="Close (Escape)").focus()
    host.page.keyboard.press("Escape")
    host.until(lambda: widget.view == "" and panel.count() == 0)


def test_attention_is_explored_by_keys(host):
    widget = attention()
    view = host.show(widget)
    stage = view.get_by_role("application")
    shown = matrix(host, stage, widget.values.numpy())
    shown.wait_for(widget.values.numpy(), "attention")
    keys = host.page.keyboard
    tab_to(host.page, "^All heads")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "Enter"):
        keys.press(key)
    host.until(lambda: (widget.layer, widget.head) == (1, 2))
    for key, place in (("]", (1, 3)), ("}", (2, 3)), ("[", (2, 2)), ("{", (1, 2))):
        keys.press(key)
        host.until(lambda place=place: (widget.layer, widget.head) == place)
    tab_to(host.page, "layer 1, head 2$")
    assert shown.walk(3, 1) == number_text(widget.values[3, 1].item())
    keys.press("Enter")
    host.until(lambda: widget.cell == [3, 1])
    keys.press(" ")
    host.until(lambda: widget.selection == [3])
    keys.press("Escape")
    host.until(lambda: widget.cell is None)
    keys.press("Escape")
    host.until(lambda: widget.selection == [])


# Neighbours


def test_two_explorers_on_a_page_keep_to_themselves(host):
    one, other = transformer(), transformer("The boys near the old door", llama(), block=1)
    views = [host.show(one), host.show(other)]
    for view in views:
        settle(host, view)
    views[0].get_by_role("radio", name="Block 3", exact=True).click()
    views[0].get_by_role("button", name="Logit lens").click()
    views[0].get_by_role("option", name=re.compile("position 2$")).click()
    host.until(lambda: (one.block, one.view, one.selection) == (3, "lens", [2]))
    assert (other.block, other.view, other.selection) == (1, "", [])
    views[1].get_by_role("button", name="Interventions").click()
    views[1].get_by_role("button", name="Zero head 0 of block 1").click()
    host.until(lambda: other.wait(0) and other.facts["edited"])
    assert one.edits == [] and not one.facts["edited"]
    expect(views[0].locator("section[data-view=lens]")).to_be_visible()
    expect(views[1].locator("section[data-view=lens]")).to_have_count(0)


def test_two_views_of_one_attention_explorer_agree(host):
    widget = attention()
    views = [host.show(widget), host.show(widget)]
    views[0].get_by_role("button", name=re.compile("^Next head")).click()
    host.until(lambda: widget.head == 1)
    for view in views:
        expect(view.get_by_role("heading", name="Layer 0, head 1")).to_be_visible()
        shown = matrix(host, view.get_by_role("application"), widget.values.numpy())
        shown.wait_for(widget.values.numpy(), "attention")


@pytest.mark.parametrize("kind", MAKERS)
def test_an_unmounted_explorer_leaves_no_listener_behind(host, kind):
    host.page.evaluate(COUNT_LISTENERS)
    widget = MAKERS[kind]()
    kept, gone = host.show(widget), host.show(widget)
    settle(host, kept)
    settle(host, gone)
    both, on_page = host.listeners(widget), host.page.evaluate("window.attriumListeners")
    assert both and on_page > 0, "a view that listens to nothing would make this test worthless"
    host.unmount(gone)
    assert len(host.listeners(widget)) == len(both) / 2
    assert host.page.evaluate("window.attriumListeners") <= on_page / 2
    expect(kept.locator(".attrium").first).to_be_visible()
    host.unmount(kept)
    assert host.listeners(widget) == []
    assert host.page.evaluate("window.attriumListeners") == 0
    widget.theme = "dark"  # and nobody falls over it


# Listeners on what outlives a view: the document, the window, and media queries.
COUNT_LISTENERS = """() => {
  window.attriumListeners = 0;
  const known = new Map();
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  const outlives = target => target === window || target === document || target instanceof MediaQueryList
    || target === document.body || target === document.documentElement;
  const name = (type, options) => `${type} ${typeof options === "object" ? !!options?.capture : !!options}`;
  const forget = (target, key, listener) => {
    const listeners = known.get(target)?.get(key);
    if (listeners?.delete(listener)) window.attriumListeners--;
  };
  EventTarget.prototype.addEventListener = function (type, listener, options) {
    addEventListener.call(this, type, listener, options);
    if (!outlives(this) || !listener || options?.signal?.aborted) return;
    const key = name(type, options);
    if (!known.has(this)) known.set(this, new Map());
    if (!known.get(this).has(key)) known.get(this).set(key, new Set());
    const listeners = known.get(this).get(key);
    if (listeners.has(listener)) return;
    listeners.add(listener);
    window.attriumListeners++;
    if (options?.signal) addEventListener.call(options.signal, "abort", () => forget(this, key, listener));
  };
  EventTarget.prototype.removeEventListener = function (type, listener, options) {
    removeEventListener.call(this, type, listener, options);
    forget(this, name(type, options), listener);
  };
}"""


# Looks


def check(wrong: dict[str, list[Any]]) -> None:
    """Fails with a line for each thing that is wrong, part by part."""
    lines = [f"{part or 'whole'}: {what}" for part, found in wrong.items() for what in found]
    assert not lines, "\n" + "\n".join(lines)


def violations(page: Page, within: str) -> list[Any]:
    found = Axe().run(page, context=within, options=RULES).response["violations"]
    return [(v["id"], [node["html"][:160] for node in v["nodes"]][:3]) for v in found]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_part_of_the_explorer_is_accessible(host, theme):
    host.page.add_style_tag(content="body { background: #111 }" if theme == "dark" else "body { background: #fff }")
    widget = transformer(theme=theme, edits=[{"kind": "zero", "part": "head", "block": 1, "head": 0}])
    view = host.show(widget)
    settle(host, view)
    expect(view.locator(".attrium").first).to_have_attribute("data-theme", theme)
    name = f"#{view.get_attribute('id')}"
    found = {"": violations(host.page, name)}
    for opened in VIEWS[1:]:
        widget.view = opened
        host.until(lambda opened=opened: view.locator(f"section[data-view={opened}]").count() > 0)
        settle(host, view)
        found[opened] = violations(host.page, f"{name} section[data-view={opened}]")
    widget.view, widget.step = "", 1
    host.until(lambda: view.locator(".attrium-tour-card").count() > 0)
    found["tour"] = violations(host.page, f"{name} .attrium-tour-card")
    check(found)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_view_of_attention_is_accessible(host, theme):
    host.page.add_style_tag(content="body { background: #111 }" if theme == "dark" else "body { background: #fff }")
    widget = attention(theme=theme, cell=[3, 1], selection=[2, 5])
    view = host.show(widget)
    view.get_by_role("button", name="Export").click()
    found = {}
    for show in ("matrix", "arcs"):
        widget.show = show
        host.until(lambda show=show: view.locator(f"[data-show={show}]").count() > 0)
        settle(host, view)
        found[show] = violations(host.page, f"#{view.get_attribute('id')}")
    check(found)


@pytest.mark.parametrize("width", [600, 1000])
def test_a_cell_holds_the_explorer_with_every_part_open(host, width):
    host.page.set_viewport_size({"width": width + 16, "height": 900})
    widget = transformer(edits=[{"kind": "scale", "part": "mlp", "block": 1, "factor": 0.5}])
    view = host.show(widget)
    root = view.locator(".attrium").first
    wrong = {}
    for opened in VIEWS:
        widget.view = opened
        host.until(lambda opened=opened: view.locator("section[data-view]").count() == (opened != ""))
        settle(host, view)
        wrong[opened] = overflowing(root) + overlapping(root)
        if root.evaluate("e => e.scrollWidth > e.clientWidth + 1"):
            wrong[opened].append("the root scrolls sideways")
    check(wrong)


@pytest.mark.parametrize("width", [600, 1000])
def test_a_cell_holds_the_attention_explorer(host, width):
    host.page.set_viewport_size({"width": width + 16, "height": 900})
    widget = attention(cell=[3, 1], selection=[2, 5])
    view = host.show(widget)
    root = view.locator(".attrium").first
    wrong = {}
    for show in ("matrix", "arcs"):
        widget.show = show
        host.until(lambda show=show: view.locator(f"[data-show={show}]").count() > 0)
        settle(host, view)
        wrong[show] = overflowing(root) + overlapping(root)
        if root.evaluate("e => e.scrollWidth > e.clientWidth + 1"):
            wrong[show].append("the root scrolls sideways")
    check(wrong)


def test_texts_in_each_others_way_would_be_seen(host):
    host.page.set_content(
        "<style>p { margin: 0 }</style><main style='position: relative; width: 300px'><p>one</p>"
        "<p style='position: absolute; top: 5px'>two</p><p style='width: 400px; margin-top: 50px'>wide</p></main>"
    )
    root = host.page.locator("main")
    assert overlapping(root) == ["one | two"]
    assert overflowing(root) == ["P  wide"]


# Long and hostile input


def random_gpt2(positions: int, layers: int, heads: int, width: int, **settings: Any) -> GPT2LMHeadModel:
    sizes = {"n_layer": layers, "n_head": heads, "n_embd": width, "vocab_size": 891, **settings}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return GPT2LMHeadModel(
            GPT2Config(n_positions=positions, bos_token_id=0, eos_token_id=0, attn_implementation="eager", **sizes)
        ).eval()


def random_ids(count: int) -> list[int]:
    return torch.randint(1, 891, (count,), generator=torch.Generator().manual_seed(2)).tolist()


NODES = 1500
COUNT_ELEMENTS = "view => view.querySelectorAll('*').length"


def test_a_thousand_tokens_need_no_more_elements_than_a_page_bears(host):
    model, count = random_gpt2(1024, 2, 4, 64), 1024
    widget = TransformerExplorer(model, gpt2()[1], ids=random_ids(count))
    assert widget.wait(60) and widget.last_error is None and len(widget.tokens) == count
    view = host.show(widget)
    elements = {}
    for opened in VIEWS:
        widget.view = opened
        host.until(lambda opened=opened: view.locator("section[data-view]").count() == (opened != ""))
        settle(host, view)
        expect(view.locator("canvas").nth(1)).to_be_attached()
        elements[opened] = view.evaluate(COUNT_ELEMENTS)
    heads = AttentionExplorer(trace(model, torch.tensor([widget.ids])), tokens=[t["text"] for t in widget.tokens])
    for show in ("matrix", "arcs"):
        heads.show = show
        other = host.show(heads)
        settle(host, other)
        expect(other.locator("canvas").first).to_be_attached()
        elements[show] = other.evaluate(COUNT_ELEMENTS)
    assert {part: count for part, count in elements.items() if count > NODES} == {}


def test_small_weights_of_a_long_text_are_told_apart(host):
    """Each query of 600 looks at all keys before it alike: no weight but the first few is above 1/255."""
    count = 600
    even = torch.ones(count, count).tril() / torch.arange(1, count + 1)[:, None]
    view = host.show(AttentionExplorer(even[None, None, None], tokens=[f"t{n}" for n in range(count)]))
    shown = Matrix(view.get_by_role("application"), (count, count), host.until)
    host.until(shown.drawn)
    settle(host, view)
    host.until(lambda: shades_below(shown) > 5, 5)


def test_one_head_of_8192_tokens_is_drawn_and_zoomed_into(host):
    count = 8192
    model = random_gpt2(count, 1, 2, 32, initializer_range=0.8)
    model.config._attn_implementation = "sdpa"
    widget = AttentionExplorer(model, inputs={"input_ids": torch.tensor([random_ids(count)])}, head=1)
    assert widget.wait(60) and widget.last_error is None
    view = host.show(widget)
    stage = view.get_by_role("application")
    shown = Matrix(stage, (count, count), host.until)
    host.until(lambda: shown.drawn() and shades_below(shown) > 20, 60)
    assert view.evaluate(COUNT_ELEMENTS) <= NODES
    stage.focus()
    stage.press("Control+Home")
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", *["+"] * 20):
        stage.press(key)
    row = widget.tensor(0, 1, queries=slice(2, 3))[0]
    assert shown.value_at(2, 1) == number_text(row[1].item())
    expect(stage).to_have_attribute("data-zoomed", "true")
    host.until(lambda: largest_block(shown.plot()[0]) >= 30, 30)


def shades_below(shown: Matrix) -> int:
    """Colours of the quarter that late queries and early keys make."""
    cells, _, _ = shown.plot()
    middle = len(cells) // 2
    return len(np.unique(cells[middle:, :middle].reshape(-1, 4), axis=0))


def largest_block(cells: np.ndarray) -> int:
    """Pixels of the longest run of one colour along the rows of a picture; paper does not count."""
    longest = 0
    for line in cells[::7, :, :3].astype(int):
        edges = np.flatnonzero(np.abs(np.diff(line, axis=0)).sum(1) > 0)
        longest = max([longest, *np.diff(edges)[(line[edges[1:]] != line[0]).any(1)]])
    return int(longest)


def test_tokens_are_text_whatever_they_hold(host):
    count = len(HOSTILE)
    weights = torch.rand(2, 1, 2, count, count, generator=torch.Generator().manual_seed(0)).tril()
    weights /= weights.sum(-1, keepdim=True)
    heads = AttentionExplorer(weights, tokens=HOSTILE, title="<b>bold</b>", cell=[1, 0])
    explorer = transformer(
        "<script>alert(1)</script> <img src=x onerror=alert(2)> \u202etfel a\u200bb \u05e9\u05dc\u05d5\u05dd",
        title="<img src=x onerror=alert(3)>",
    )
    views = [host.show(heads), host.show(explorer)]
    for view in views:
        settle(host, view)
        assert view.locator("script, img, b:has(> b)").count() == 0
    expect(views[0].get_by_role("heading", name="<b>bold</b>")).to_be_visible()
    expect(views[1].get_by_role("heading", name="<img src=x onerror=alert(3)>")).to_be_visible()
    expect(views[0].get_by_role("region", name="Strongest keys")).to_contain_text(HOSTILE[0])
    stage = views[0].get_by_role("application")
    shown = Matrix(stage, (count, count), host.until)
    shown.wait_for(heads.values.numpy(), "attention")
    shown.hover(1, 0)
    expect(stage.get_by_role("tooltip")).to_contain_text("<img src=x onerror=alert(2)>")
    expect(stage.get_by_role("tooltip")).to_contain_text("<script>alert(1)</script>")
    chips = views[1].get_by_role("option", name=re.compile("position"))
    assert chips.count() == len(explorer.tokens)
    boxes = [chip.bounding_box() for chip in chips.all()]
    assert all(box["width"] >= 6 for box in boxes), "what cannot be seen can still be pointed at"
    text = views[1].get_by_role("textbox", name="Prompt").input_value()
    assert text == explorer.text
    for opened in ("embedding", "attention", "logits", "lens"):
        explorer.view = opened
        host.until(lambda opened=opened: views[1].locator(f"section[data-view={opened}]").count() > 0)
        settle(host, views[1])
        assert views[1].locator("script, img").count() == 0
    assert page_is_calm(host.page)


def page_is_calm(page: Page) -> bool:
    """Whether the page's own script still answers, as it does not while a dialog is open."""
    return bool(page.evaluate("1 + 1 === 2"))


def test_a_prompt_that_is_too_long_says_so_and_the_picture_stays(host):
    model = random_gpt2(16, 1, 2, 32)
    widget = TransformerExplorer(model, gpt2()[1], TEXT)
    assert widget.wait(60) and widget.last_error is None
    view = host.show(widget)
    settle(host, view)
    run = widget.run
    prompt = view.get_by_role("textbox", name="Prompt")
    prompt.fill(" ".join([TEXT] * 4))
    prompt.press("Enter")
    alert = view.get_by_role("alert")
    host.until(lambda: widget.wait(0) and alert.count() == 1)
    expect(alert).to_contain_text("16")
    assert widget.run == run and len(widget.tokens) == 8
    expect(view.get_by_role("option", name=re.compile("position"))).to_have_count(8)
    expect(view.locator(".attrium-flow canvas").first).to_be_visible()
    prompt.fill("The old door")
    prompt.press("Enter")
    host.until(lambda: widget.wait(0) and widget.run == run + 1)
    expect(alert).to_have_count(0)


def test_an_edit_of_a_head_that_is_not_there_says_so_and_the_picture_stays(host):
    widget = transformer()
    view = host.show(widget)
    settle(host, view)
    before = listed(view)
    widget.edits = [{"kind": "zero", "part": "head", "block": 3, "head": 9}]
    alert = view.get_by_role("alert")
    host.until(lambda: widget.wait(0) and alert.count() == 1)
    expect(alert).to_contain_text("head 9")
    expect(alert).to_contain_text("there are 4")
    assert listed(view) == before
    expect(view.locator(".attrium-flow canvas").first).to_be_visible()
    view.get_by_role("button", name=re.compile("^Remove: ")).click()
    host.until(lambda: widget.wait(0) and alert.count() == 0 and widget.edits == [])


def test_the_card_of_a_number_gives_it_as_captured_and_as_recomputed(host):
    widget = transformer(view="output", block=1, head=2, position=5)
    view = host.show(widget)
    settle(host, view)
    stripe = view.get_by_role("slider", name="z, blocks.1.attn.z").first
    expect(stripe).to_be_visible()
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        stripe.press(key)
    card = host.until(lambda: number_card(view))
    value = numbers(widget.trace[card.name])[(0, *card.index)]
    pattern, values = (numbers(widget.trace[f"blocks.1.attn.{name}"])[0] for name in ("pattern", "v"))
    again = pattern[2, 5] @ values[:, 2, card.index[-1]]
    assert card.index[:2] == [5, 2]
    assert (card.value, card.captured) == (signed_text(value), signed_text(value, 6))
    assert float(card.recomputed.replace("\u2212", "-")) == pytest.approx(again, abs=1e-5)
