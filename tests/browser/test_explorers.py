"""The explorers in a real JupyterLab with a live kernel: done as a person would, compared with the trace's tensors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, WebSocket, expect

from tests.browser.explorers import (
    LensNote,
    Matrix,
    Until,
    lens_note,
    likeliest,
    listed,
    number_card,
    number_of,
    number_text,
    percent_text,
    reads_as,
    signed_text,
    softmax,
    until_on,
)
from tests.browser.lab import Lab, open_lab, serve, write_notebook
from tests.browser.test_jupyterlab import ACTIVE_CELL, CELL_COUNT

SET_UP = """
import numpy as np
import torch
import traitlets
from transformers import LlamaConfig, LlamaForCausalLM
import attrium

torch.set_num_threads(1)
text = "The keys near the door were old."
model, tokenizer = attrium.load("tiny_gpt2")
torch.manual_seed(0)
llama = LlamaForCausalLM(LlamaConfig(vocab_size=891, hidden_size=64, intermediate_size=128, num_hidden_layers=3,
                                     num_attention_heads=8, num_key_value_heads=2)).eval()
models = {"gpt2": model, "llama": llama}
traces = {name: attrium.trace(each, text, tokenizer) for name, each in models.items()}
flows = {name: attrium.TransformerExplorer(each, tokenizer, text) for name, each in models.items()}
heads = {name: attrium.AttentionExplorer(each) for name, each in traces.items()}
flow, tokens = flows["gpt2"], attrium.TextAttribution([t["text"] for t in flows["gpt2"].tokens], [0.0] * 8)
traitlets.link((flow, "selection"), (heads["gpt2"], "selection"))
traitlets.link((flow, "selection"), (tokens, "selection"))

def settled(widget):
    assert widget.wait(60)
    assert widget.last_error is None, widget.last_error
    return True

def lens_logits(name, point):
    "The final norm and the unembedding on the stream at a point, by the model's own modules."
    stream = traces[name][point][0]
    if name == "gpt2":
        return model.lm_head(model.transformer.ln_f(stream))
    return llama.lm_head(llama.model.norm(stream))

def final_row(name, token, position):
    "What a vector of the stream adds to a logit while the last norm is held: vector -> number."
    stream = traces[name].stack("resid_post")[-1][0, position].double()
    if name == "gpt2":
        row = (model.transformer.ln_f.weight * model.lm_head.weight[token]).double()
        scale = (stream.var(unbiased=False) + model.transformer.ln_f.eps).sqrt()
        return lambda vector: float((vector.double() - vector.double().mean()) @ row / scale)
    row = (llama.model.norm.weight * llama.lm_head.weight[token]).double()
    scale = (stream.pow(2).mean() + llama.model.norm.variance_epsilon).sqrt()
    return lambda vector: float(vector.double() @ row / scale)

def hooked(block, head):
    "Logits of a second forward in which a plain hook zeroes what a head mixes."
    width = model.config.n_embd // model.config.n_head
    def zero(_module, args):
        changed = args[0].clone()
        changed[..., head * width : (head + 1) * width] = 0
        return (changed,)
    handle = model.transformer.h[block].attn.c_proj.register_forward_pre_hook(zero)
    try:
        with torch.no_grad():
            return model(**tokenizer(text, return_tensors="pt")).logits[0]
    finally:
        handle.remove()
"""
CELLS = [SET_UP, "flows['gpt2']", "flows['llama']", "heads['gpt2']", "heads['llama']", "tokens"]
FLOW, HEADS, TOKENS = {"gpt2": 1, "llama": 2}, {"gpt2": 3, "llama": 4}, 5
PLACES = {"gpt2": (2, 1), "llama": (1, 5)}
"""Block and head of each model that are looked at; Llama's head 5 uses key head 1."""
MODELS = list(FLOW)


@pytest.fixture(scope="module")
def sent() -> list[bytes]:
    """What the page has told the kernel, message by message."""
    return []


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, chromium: Browser, sent: list[bytes]) -> Iterator[Lab]:
    """One notebook with both models in both explorers, run once."""
    folder: Path = tmp_path_factory.mktemp("explorers") / "notebooks"
    folder.mkdir()
    write_notebook(folder / "explorers.ipynb", *CELLS)

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda data: sent.append(data if isinstance(data, bytes) else data.encode()))

    with serve(folder) as address, open_lab(chromium, address, reduced_motion="reduce") as lab:
        lab.page.set_viewport_size({"width": 1280, "height": 1400})
        lab.page.set_default_timeout(20_000)
        lab.page.on("websocket", listen)
        lab.open("explorers.ipynb")
        lab.page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
        lab.run_all()
        yield lab


@pytest.fixture(autouse=True)
def _calm(lab: Lab) -> Iterator[None]:
    """Each test begins with the same place in the same prompt, and leaves no script error behind."""
    lab.python("all(settled(flow) for flow in flows.values())", setup=FRESH)
    yield
    lab.check()


FRESH = """
for each in flows.values():
    each.set_trait("step", -1)
    if each.ids != tokenizer(text)["input_ids"]:
        each.text, each.ids = text, tokenizer(text)["input_ids"]
    each.edits, each.sampler, each.which, each.token, each.versus = [], {}, "run", None, None
    each.view, each.block, each.head = "", 0, 0
    settled(each)
    each.selection, each.position = [], 7
"""


@pytest.fixture
def until(lab: Lab) -> Until:
    return until_on(lab.page)


def set_traits(lab: Lab, widget: str, **traits: Any) -> None:
    lab.python("None", setup="".join(f"{widget}.{name} = {value!r}\n" for name, value in traits.items()))


def tensor(lab: Lab, expression: str) -> np.ndarray:
    """The value of an expression in the kernel as float32; what the mask hides is NaN."""
    return np.array(lab.python(f"torch.as_tensor({expression}).detach().tolist()"), np.float32)


def shown(lab: Lab, cell: int, view: str = "") -> Locator:
    """A cell's view, with a drill-down open and nothing under way."""
    root = lab.show(cell).locator(".attrium").first
    expect(root.locator("canvas").first).to_be_attached()
    if view:
        expect(root.locator(f"section[data-view={view}]")).to_be_visible()
    expect(root.locator("[aria-busy=true], [data-waiting=true]")).to_have_count(0)
    return root


# 1. Drawn numbers


@pytest.mark.parametrize("name", MODELS)
def test_the_cells_of_a_head_are_the_traces_weights(lab, until, name):
    block, head = PLACES[name]
    view = shown(lab, HEADS[name])
    lab.python("None", setup=f"heads[{name!r}].layer, heads[{name!r}].head = {block}, {head}")
    values = tensor(lab, f"traces[{name!r}]['blocks.{block}.attn.pattern'][0, {head}]")
    matrix = Matrix(view.get_by_role("application"), (8, 8), until)
    matrix.wait_for(values, "attention")
    for row, column in ((7, 0), (5, 5), (3, 2), (2, 7)):
        assert matrix.hover(row, column) == number_text(values[row, column])
    assert matrix.walk(6, 4) == number_text(values[6, 4])


@pytest.mark.parametrize("name", MODELS)
def test_the_steps_of_attention_are_the_traces_products_scores_and_weights(lab, until, name):
    block, head = PLACES[name]
    set_traits(lab, f"flows[{name!r}]", block=block, head=head, view="attention")
    view = shown(lab, FLOW[name], "attention")
    kind, shared = ("rot_", head * 2 // 8) if name == "llama" else ("", head)
    prefix = f"traces[{name!r}]['blocks.{block}.attn."
    product = f"{prefix}{kind}q'][0, :, {head}] @ {prefix}{kind}k'][0, :, {shared}].T"
    for title, expression, colors in (
        ("Dot product", product, "signed"),
        (
            "Scale and mask",
            f"{prefix}scores'][0, {head}].masked_fill(torch.ones(8, 8).triu(1) > 0, torch.nan)",
            "signed",
        ),
        ("Softmax", f"{prefix}pattern'][0, {head}]", "attention"),
    ):
        values = tensor(lab, expression)
        matrix = Matrix(view.get_by_role("application", name=re.compile(f"^{title}")), (8, 8), until)
        matrix.wait_for(values, colors)
        for row, column in ((7, 2), (4, 4)):
            said = matrix.hover(row, column)
            if title == "Dot product":  # summed in another order than in the model
                assert number_of(said) == pytest.approx(values[row, column], rel=6e-4)
            else:
                assert said == (signed_text if colors == "signed" else number_text)(values[row, column])
        if np.isnan(values).any():
            assert matrix.hover(2, 6) == "hidden"


@pytest.mark.parametrize("name", MODELS)
def test_every_listed_probability_is_the_models(lab, until, name):
    set_traits(lab, f"flows[{name!r}]", position=4, view="logits")
    view = shown(lab, FLOW[name], "logits")
    logits = tensor(lab, f"traces[{name!r}].logits[0, 4]")
    texts = lab.python("[tokenizer.decode([i]) for i in range(891)]")
    shares, wanted = softmax(logits), likeliest(logits, 200)
    until(lambda: [row[0] for row in listed(view)][:14] == wanted[:14])
    for at, text, percents in listed(view)[:14]:
        assert percents == [percent_text(shares[at])]
        assert reads_as(text, texts[at])
    table = view.get_by_role("table", name="Likeliest tokens")
    rows: dict[int, list[str]] = {}
    table.locator("tr[tabindex='0']").focus()
    for _ in range(25):
        rows |= {at: percents for at, _, percents in listed(table, "tr[data-id]")}
        lab.page.keyboard.press("PageDown")
    rows |= {at: percents for at, _, percents in listed(table, "tr[data-id]")}
    assert set(rows) == set(wanted)
    assert {at: [percent_text(shares[at], exact=True)] for at in wanted} == rows


@pytest.mark.parametrize("name", MODELS)
def test_every_cell_of_the_lens_is_the_models_own_reading_of_the_stream(lab, until, name):
    set_traits(lab, f"flows[{name!r}]", view="lens", position=0, token=5)
    view = shown(lab, FLOW[name], "lens")
    grid = view.get_by_role("application", name=re.compile("^Logit lens"))
    texts = lab.python("[tokenizer.decode([i]) for i in range(891)]")
    points = lab.python(f"len(traces[{name!r}].stack('resid_post')) + 1")
    shares: dict[str, np.ndarray] = {}
    grid.press("Home")
    for position in range(8):
        for step in range(points):
            if step or position:
                grid.press("ArrowRight" if step else "ArrowDown")
                for _ in range(0 if step else points):
                    grid.press("ArrowLeft")
            note = until(lambda: lens_note(view))
            if note.point not in shares:
                shares[note.point] = softmax_rows(tensor(lab, f"lens_logits({name!r}, {note.point!r})"))
            check_lens(note, shares[note.point][position], texts)
    assert len(shares) == points


def softmax_rows(logits: np.ndarray) -> np.ndarray:
    return np.stack([softmax(row) for row in logits])


def check_lens(note: LensNote, shares: np.ndarray, texts: list[str]) -> None:
    """Five tokens with their shares, falling; then the followed token (of id 5) with its rank, 1 for the likeliest."""
    best = likeliest(shares, 5)
    for (text, share), at in zip(note.top, best, strict=True):
        assert reads_as(text, texts[at]), (text, texts[at])
        assert close_percent(share, shares[at])
    assert note.followed[0].endswith(f"rank {1 + int((shares > shares[5]).sum())}")
    assert close_percent(note.followed[1], shares[5])


def close_percent(text: str, share: float) -> bool:
    """Whether a percentage is what is printed of a share, or of one that float32 rounds otherwise."""
    return text in {percent_text(min(1.0, share * (1 + by))) for by in (-3e-6, 0, 3e-6)}


@pytest.mark.parametrize("name", MODELS)
def test_the_bars_of_contributions_are_what_the_parts_add_to_the_logit(lab, until, name):
    set_traits(lab, f"flows[{name!r}]", view="contributions", position=6, token=20)
    view = shown(lab, FLOW[name], "contributions")
    bars = view.get_by_role("application", name=re.compile("contributions"))
    wanted = lab.python(
        "{f'head {b}.{h}': row(result) for b, block in enumerate(heads_write) for h, result in enumerate(block[0, 6])}"
        " | {f'MLP {b}': row(block[0, 6]) for b, block in enumerate(mlps_write)}",
        setup=f"trace, row = traces[{name!r}], final_row({name!r}, 20, 6)\n"
        "heads_write, mlps_write = trace.stack('attn.result'), trace.stack('mlp_out')",
    )
    count = int(re.findall(r"\d+", bars.get_attribute("aria-label") or "")[0])
    found: dict[str, str] = {}
    for _ in range(count):
        bars.press("ArrowRight")
        words = until(lambda: bars.get_by_role("tooltip").all_inner_texts())[0]
        part, value = re.split(r"\s*\u2003\s*", words)
        found[part] = value
    assert len(found) == count and set(wanted) <= set(found)
    largest = max(map(abs, wanted.values()))
    for part, value in wanted.items():
        assert number_of(found[part]) == pytest.approx(value, rel=1e-3, abs=1e-5 * largest), part
    logit = lab.python(f"float(traces[{name!r}].logits[0, 6, 20])")
    assert sum(map(number_of, found.values())) == pytest.approx(logit, abs=2e-3 * largest)


@pytest.mark.parametrize("name", MODELS)
def test_the_card_of_a_number_has_its_value_and_makes_it_again(lab, until, name):
    block, head = PLACES[name]
    set_traits(lab, f"flows[{name!r}]", block=block, head=head, position=5, view="output")
    view = shown(lab, FLOW[name], "output")
    stripe = view.get_by_role("slider", name=f"z, blocks.{block}.attn.z").first
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        stripe.press(key)
    card = until(lambda: number_card(view))
    assert (card.name, card.index[:2]) == (f"blocks.{block}.attn.z", [5, head])
    value = tensor(lab, f"traces[{name!r}][{card.name!r}][0]")[tuple(card.index)]
    assert (card.value, card.captured) == (signed_text(value), signed_text(value, 6))
    shared = head * 2 // 8 if name == "llama" else head
    prefix = f"traces[{name!r}]['blocks.{block}.attn."
    again = lab.python(
        f"float({prefix}pattern'][0, {head}, 5].double() @ {prefix}v'][0, :, {shared}, {card.index[2]}].double())"
    )
    assert number_of(card.recomputed) == pytest.approx(again, rel=1e-4, abs=1e-6)


def test_the_explorers_follow_a_dark_theme(lab, until):
    values = tensor(lab, "traces['gpt2']['blocks.0.attn.pattern'][0, 0]")
    lab.python("None", setup="heads['gpt2'].layer, heads['gpt2'].head = 0, 0")
    set_traits(lab, "flow", view="attention")
    lab.theme("JupyterLab Dark")
    try:
        for cell, name in ((HEADS["gpt2"], "layer 0, head 0"), (FLOW["gpt2"], "Softmax")):
            view = shown(lab, cell)
            expect(view).to_have_attribute("data-theme", "dark")
            stage = view.get_by_role("application", name=re.compile(name))
            Matrix(stage, (8, 8), until).wait_for(values, "attention", "dark")
    finally:
        lab.theme("JupyterLab Light")
    expect(shown(lab, FLOW["gpt2"])).to_have_attribute("data-theme", "light")


# 2. Interventions


def test_zeroing_a_head_on_screen_gives_the_probabilities_of_a_plain_hook(lab, until):
    view = shown(lab, FLOW["gpt2"])
    rows = "[aria-label='Likeliest tokens and how they are sampled'] tr[data-id]"
    set_traits(lab, "flow", view="logits", position=5)
    view = shown(lab, FLOW["gpt2"], "logits")
    before, after = tensor(lab, "traces['gpt2'].logits[0, 5]"), tensor(lab, "hooked(1, 2)[5]")

    def shows(logits: np.ndarray) -> bool:
        shares = softmax(logits)
        found = listed(view, rows)
        return bool(found) and all(close_to(percents[0], shares[at]) for at, _, percents in found)

    assert not np.allclose(softmax(before), softmax(after), atol=1e-3), "an edit that changes nothing shows nothing"
    until(lambda: shows(before))
    view.get_by_role("radio", name="Block 1", exact=True).click()
    view.get_by_role("radio", name="Head 2", exact=True).click()
    view.get_by_role("button", name="Interventions").click()
    view.get_by_role("button", name="Zero head 2 of block 1").click()
    until(lambda: shows(after))
    assert [row[0] for row in listed(view, rows)][:5] == likeliest(after, 5)
    lab.wait_for_python("settled(flow) and flow.facts['edited']")
    np.testing.assert_allclose(tensor(lab, "flow.trace.logits[0, 5]"), after, atol=1e-5)
    switch = view.get_by_role("switch", name="head 2 of block 1")
    expect(switch).to_have_attribute("aria-checked", "true")
    # Between two changes of the same trait, or they might be one step of undo.
    view.get_by_role("radio", name="Head 3", exact=True).click()
    switch.click()
    until(lambda: shows(before))
    lab.wait_for_python("settled(flow) and not flow.facts['edited']")
    view.get_by_role("radio", name="Block 1", exact=True).focus()
    lab.page.keyboard.press("Control+z")
    until(lambda: shows(after))
    lab.page.keyboard.press("Control+z")
    lab.wait_for_python("flow.head == 2")
    lab.page.keyboard.press("Control+z")
    until(lambda: shows(before))
    lab.wait_for_python("settled(flow) and flow.edits == []")
    expect(switch).to_have_count(0)


def close_to(text: str, share: float) -> bool:
    """As `close_percent`, for the table and for logits of another forward."""
    return text in {percent_text(share * (1 + by), exact=True) for by in (-2e-5, 0, 2e-5)}


def test_an_intervention_from_python_is_listed_and_switched_off_on_screen(lab, until):
    view = shown(lab, FLOW["gpt2"])
    lab.python("settled(flow)", setup="flow.interventions = [attrium.Zero(attrium.Site('blocks.1.attn.z', head=0))]")
    panel = view.get_by_role("region", name="Interventions")
    expect(panel).to_be_visible()
    switch = panel.get_by_role("switch")
    expect(switch).to_have_text(lab.python("flow.edits[0]['label']"))
    switch.click()
    lab.wait_for_python("settled(flow) and flow.edits[0]['on'] is False and flow.interventions == []")
    set_traits(lab, "flow", edits=[{"kind": "scale", "part": "mlp", "block": 1, "factor": 0.5}])
    expect(panel.get_by_role("switch", name="MLP of block 1")).to_be_visible()
    panel.get_by_role("button", name=re.compile("^Remove: ")).click()
    lab.wait_for_python("settled(flow) and flow.edits == []")


# 3. Selection


def test_a_selected_token_shows_in_all_widgets_that_are_linked(lab, until):
    view = shown(lab, FLOW["gpt2"])
    view.get_by_role("option", name=re.compile("position 3$")).click()
    lab.wait_for_python("flow.selection == [3]")
    heads = shown(lab, HEADS["gpt2"])
    expect(heads.locator("[data-kept]").filter(has_text="selected")).to_contain_text("the")
    tokens = shown_tokens(lab)
    expect(tokens.locator("[aria-selected=true]")).to_have_text(re.compile("the"))
    expect(tokens.locator("[data-unit='3']")).to_have_attribute("aria-selected", "true")
    tokens.locator("[data-unit='6']").click()
    lab.wait_for_python("flow.selection == [6] and heads['gpt2'].selection == [6]")
    chips = shown(lab, FLOW["gpt2"]).locator(".attrium-prompt-tokens [role=option][aria-selected=true]")
    expect(chips).to_have_count(1)
    expect(chips).to_have_attribute("aria-label", re.compile("position 6$"))
    stage = shown(lab, HEADS["gpt2"]).get_by_role("application")
    stage.press("Control+Home")
    stage.press("ArrowDown")
    stage.press(" ")
    lab.wait_for_python("flow.selection == [1, 6] and tokens.selection == [1, 6]")
    assert lab.python("list(flow.trace['blocks.0.resid_pre'][0, flow.selection].shape)") == [2, 128]
    expect(shown_tokens(lab).locator("[aria-selected=true]")).to_have_count(2)


def shown_tokens(lab: Lab) -> Locator:
    root = lab.show(TOKENS).locator(".attrium-text-attribution")
    expect(root.locator(".attrium-token").first).to_be_visible()
    return root


# 4. The tour


def test_the_tour_runs_by_its_buttons_and_puts_the_view_back(lab, until):
    set_traits(lab, "flow", block=1, head=2, position=3, view="lens")
    view = shown(lab, FLOW["gpt2"], "lens")
    titles = lab.python("[step['title'] for step in flow.tour['languages']['en']['steps']]")
    view.get_by_role("button", name=re.compile("^(Tour|How a transformer works|Guided tour)")).first.click()
    card = view.locator(".attrium-tour-card")
    for at, title in enumerate(titles):
        expect(card.get_by_role("heading", level=3)).to_have_text(title)
        lab.wait_for_python(f"flow.step == {at} and settled(flow)")
        assert lab.page_errors == [], title
        if at == 3:
            view.get_by_role("button", name="Next block (})").click()
            expect(card.locator("[data-done=true]")).to_contain_text("Done")
        card.get_by_role("button", name="Finish" if at == len(titles) - 1 else "Next").click()
    expect(card).to_have_count(0)
    lab.wait_for_python("flow.step == -1 and (flow.head, flow.position, flow.view) == (2, 3, 'lens')")
    assert lab.python("flow.block") in (1, 2), "as it was, or where the reader went"


def test_the_tour_speaks_three_languages(lab, until):
    set_traits(lab, "flow", step=2)
    view = shown(lab, FLOW["gpt2"])
    card = view.locator(".attrium-tour-card")
    for tag in ("zh-Hans", "ja", "en"):
        card.get_by_role("combobox").select_option(tag)
        step, words = lab.python(
            f"[flow.tour['languages'][{tag!r}]['steps'][2], flow.tour['languages'][{tag!r}]['words']]"
        )
        expect(card.get_by_role("heading", level=3)).to_have_text(step["title"])
        expect(card).to_contain_text(step["turn"]["ask"].replace("*", "").replace("`", ""))
        expect(card.get_by_role("button", name=words["next"])).to_be_visible()
        lab.wait_for_python(f"flow.language == {tag!r}")
    card.press("Escape")
    lab.wait_for_python("flow.step == -1 and flow.view == ''")


def test_a_tour_of_ones_own_says_shows_and_waits(lab, until):
    lab.python(
        "None",
        setup="""
own = attrium.Tour("Mine", [
    attrium.TourStep("First of mine", "Look at <b>this</b>.", show={"view": "attention", "block": -1}),
    attrium.TourStep("Second of mine", "And **that**.", turn=("Choose head 2.", {"head": 2})),
])
shipped, flow.tour = flow.tour, own.facts()
flow.step = 0
""",
    )
    view = shown(lab, FLOW["gpt2"], "attention")
    card = view.get_by_role("region", name="Mine")
    expect(card).to_contain_text("Look at <b>this</b>.")
    lab.wait_for_python("flow.block == 3 and flow.view == 'attention'")
    card.get_by_role("button", name="Next").click()
    expect(card.locator("strong")).to_have_text("that")
    lab.wait_for_python("flow.block == 0 and flow.view == ''")
    view.get_by_role("radio", name="Head 2", exact=True).click()
    expect(card.locator("[data-done=true]")).to_contain_text("Done")
    card.get_by_role("button", name="Finish").click()
    expect(card).to_have_count(0)
    lab.python("None", setup="flow.tour = shipped")


# 5. Writing on


def test_a_step_writes_the_token_that_the_model_says(lab, until):
    set_traits(lab, "flow", ids=lab.python("flow.ids[:6]"), sampler={"greedy": True})
    lab.wait_for_python("settled(flow) and len(flow.tokens) == 6")
    view = shown(lab, FLOW["gpt2"])
    best = lab.python("int(model(torch.tensor([flow.ids])).logits[0, -1].argmax())")
    view.get_by_role("button", name="Step: draw one token").click()
    lab.wait_for_python("settled(flow) and len(flow.ids) == 7")
    assert lab.python("flow.ids[-1]") == best
    chips = view.get_by_role("option", name=re.compile(r"position \d+"))
    expect(chips).to_have_count(7)
    expect(chips.last).to_have_attribute("data-generated", "true")
    expect(view.locator("[role=option][data-generated=true]")).to_have_count(1)


def test_another_token_is_put_in_place_by_the_table_and_taken_back(lab, until):
    whole = lab.python("flow.ids")
    view = shown(lab, FLOW["gpt2"])
    view.get_by_role("option", name=re.compile("position 4$")).click()
    view.get_by_role("button", name="branch here").click()
    view = shown(lab, FLOW["gpt2"], "logits")
    lab.wait_for_python("(flow.position, flow.view) == (3, 'logits')")
    logits = tensor(lab, "traces['gpt2'].logits[0, 3]")
    other = next(at for at in likeliest(logits, 8) if at != whole[4])
    row = view.get_by_role("table", name="Likeliest tokens").locator(f"tr[data-id='{other}']")
    row.click()
    view.get_by_role("button", name="Put it here, in place of what follows").click()
    lab.wait_for_python(f"settled(flow) and flow.ids == {[*whole[:4], other]}")
    expect(view.locator(".attrium-prompt-tokens [role=option]")).to_have_count(5)
    view.get_by_role("button", name="Back (Ctrl+Z)").click()
    lab.wait_for_python(f"settled(flow) and flow.ids == {whole}")


def test_the_temperature_is_followed_without_asking_the_kernel(lab, until, sent):
    set_traits(lab, "flow", view="logits", position=4)
    view = shown(lab, FLOW["gpt2"], "logits")
    rows = "[aria-label='Likeliest tokens and how they are sampled'] tr[data-id]"
    until(lambda: listed(view, rows))
    first = likeliest(tensor(lab, "traces['gpt2'].logits[0, 4]"), 1)[0]
    card = view.locator("section[data-view=logits]").get_by_label("What made this number")
    expect(card.get_by_role("code").first).to_have_text(re.compile(rf"\[4, {first}\]$"))
    expect(view.locator("[aria-busy=true]")).to_have_count(0)
    run, before = lab.python("flow.run"), len(sent)
    assert sent, "frames that nobody counts would make this test worthless"
    slider = view.get_by_role("slider", name=re.compile("^Temperature"))
    for temperature in ("0.6", "1.7"):
        slider.fill(temperature)
        until(lambda: all(len(percents) == 2 for _, _, percents in listed(view, rows)))
        drawn = tensor(lab, f"attrium.Sampler(temperature={temperature}).probabilities(traces['gpt2'].logits[0, 4])")
        for at, _, percents in listed(view, rows):
            assert close_to(percents[1], float(drawn[at])), (temperature, at)
    lab.wait_for_python("flow.sampler['temperature'] == 1.7")
    asked = [data for data in sent[before:] if b'"custom"' in data]
    assert asked == [] and lab.python("flow.run") == run


# 7. Keys


def test_keys_of_the_explorers_neither_cut_nor_run_cells(lab, until):
    cells, ran = lab.page.evaluate(CELL_COUNT), lab.page.evaluate(EXECUTIONS)
    for cell in (FLOW["gpt2"], HEADS["gpt2"]):
        view = shown(lab, cell)
        for stop in (".attrium-flow-stage", "[role=radio][tabindex='0']", "[role=application]", "[role=grid]"):
            if view.locator(stop).count() == 0:
                continue
            view.locator(stop).first.focus()
            for key in ("x", "d", "d", "a", "b", "z", "ArrowDown", "ArrowLeft", "]", "{", "Enter", "Control+Enter"):
                lab.page.keyboard.press(key)
            assert lab.page.evaluate(CELL_COUNT) == cells
            assert lab.page.evaluate(ACTIVE_CELL) == cell
            assert lab.page.evaluate(EXECUTIONS) == ran
    prompt = shown(lab, FLOW["gpt2"]).get_by_role("textbox", name="Prompt")
    prompt.fill("The old door")
    prompt.press("Shift+Enter")
    prompt.press_sequentially("xdd")
    assert prompt.input_value() == "The old door\nxdd"
    assert lab.page.evaluate(EXECUTIONS) == ran
    prompt.press("Escape")
    assert lab.page.evaluate(CELL_COUNT) == cells


EXECUTIONS = "window.jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model.executionCount)"
