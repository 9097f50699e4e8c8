"""TransformerExplorer: whatever is wished for while the worker is busy, the newest wish is what is shown in the end."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import traitlets as t
from transformers import T5Config, T5ForConditionalGeneration, ViTConfig, ViTForImageClassification

from attrium import Site, Tour, TransformerExplorer, Zero, load, to_html, trace
from attrium.jobs import LOCK
from tests.widgets.comms import Screen
from tests.widgets.test_export import saved_state
from tests.widgets.test_transformer_explorer import TEXT, hooked_logits, settled

OTHER = "The boys near the door were old."
SHORT = "The keys"
HEAD = {"kind": "zero", "part": "head", "block": 3, "head": 2}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def pair() -> tuple[Any, Any]:
    model, tokenizer = load("tiny_gpt2")
    return model, tokenizer


@pytest.fixture
def explorer(pair: tuple[Any, Any]) -> TransformerExplorer:
    return settled(TransformerExplorer(*pair, TEXT))


class Gate:
    """Holds the worker inside its next run, until the test lets it go."""

    def __init__(self, widget: TransformerExplorer) -> None:
        self.entered, self.open = threading.Event(), threading.Event()
        run = widget._subject.trace

        def held(*args: Any, **keywords: Any) -> Any:
            found = run(*args, **keywords)
            self.entered.set()
            assert self.open.wait(30)
            return found

        widget._subject.trace = held  # type: ignore[method-assign]

    def __enter__(self) -> Gate:
        return self

    def __exit__(self, *_error: Any) -> None:
        self.open.set()


def texts(widget: TransformerExplorer) -> str:
    return "".join(token["text"] for token in widget.tokens)


# Wishes that follow one another


def test_edits_set_while_a_text_still_runs_go_with_that_text(explorer, pair):
    with Gate(explorer) as gate:
        explorer.text = OTHER
        assert gate.entered.wait(30)
        explorer.edits = [HEAD]
    settled(explorer)
    assert (explorer.text, texts(explorer)) == (OTHER, OTHER)
    assert explorer.interventions == [Zero(Site("blocks.3.attn.z", head=2))]


def test_ids_and_edits_in_one_message_are_both_taken(explorer, pair):
    whole = list(explorer.ids)
    Screen(explorer).set(ids=whole[:4], edits=[HEAD])
    settled(explorer)
    assert explorer.ids == whole[:4]
    assert explorer.facts["edited"]
    Screen(explorer).set(ids=whole, edits=[])
    settled(explorer)
    assert explorer.ids == whole
    assert explorer.trace is explorer.base


def test_an_edit_beyond_a_shorter_prompt_says_so_and_taking_it_away_runs_that_prompt(explorer):
    explorer.edits = [{**HEAD, "position": 7}]
    settled(explorer)
    explorer.text = SHORT
    assert explorer.wait(30)
    assert explorer.status["state"] == "error" and "7" in explorer.status["message"]
    assert texts(explorer) == TEXT
    explorer.edits = []
    settled(explorer)
    assert (explorer.text, texts(explorer)) == (SHORT, SHORT)


def test_after_a_first_run_that_failed_taking_the_edit_away_runs(pair):
    widget = TransformerExplorer(*pair, TEXT, edits=[{**HEAD, "head": 9}])
    assert widget.wait(30)
    assert widget.status["state"] == "error"
    widget.edits = []
    settled(widget)
    assert texts(widget) == TEXT


def test_edits_set_during_the_first_run_are_not_lost(pair):
    widget = TransformerExplorer(*pair)
    with Gate(widget) as gate:
        widget.text = TEXT
        assert gate.entered.wait(30)
        widget.edits = [HEAD]
    settled(widget)
    assert widget.trace.logits[0] == pytest.approx(hooked_logits(*pair, 3, 2), abs=1e-5)


def test_writing_on_waits_for_the_text_that_was_just_set(explorer):
    explorer.sampler = {"greedy": True}
    with Gate(explorer) as gate:
        explorer.text = SHORT
        assert gate.entered.wait(30)
        explorer.generate(1)
    settled(explorer)
    assert explorer.text == SHORT
    assert texts(explorer).startswith(SHORT) and len(explorer.tokens) == 3
    assert [token["generated"] for token in explorer.tokens] == [False, False, True]


def test_where_the_reader_went_during_a_run_is_not_taken_back(explorer):
    with Gate(explorer) as gate:
        explorer.text = OTHER
        assert gate.entered.wait(30)
        explorer.block, explorer.head = 2, 3
    settled(explorer)
    assert (explorer.block, explorer.head) == (2, 3)


def test_an_observer_may_wish_for_something_while_a_run_is_shown(explorer):
    explorer.observe(lambda change: setattr(explorer, "edits", [HEAD]), "tokens")
    explorer.text = OTHER
    settled(explorer)
    assert explorer.facts["edited"]
    explorer.unobserve_all("tokens")
    explorer.observe(lambda change: setattr(explorer, "text", SHORT), "tokens")
    explorer.text = TEXT
    settled(explorer)
    assert (explorer.text, texts(explorer)) == (SHORT, SHORT)


def test_many_wishes_in_quick_succession_end_at_the_last(explorer, pair):
    ids = pair[1](SHORT)["input_ids"]
    for _ in range(5):
        explorer.text = OTHER
        explorer.ids = ids
        explorer.edits = [HEAD]
        explorer.text = TEXT
        explorer.edits = []
    settled(explorer)
    assert (explorer.text, texts(explorer), explorer.edits) == (TEXT, TEXT, [])
    assert torch.equal(explorer.trace.logits, trace(pair[0], TEXT, pair[1]).logits)


# Texts and ids


def test_setting_the_same_text_again_after_writing_on_goes_back_to_it(explorer):
    before = list(explorer.ids)
    explorer.generate(2)
    settled(explorer)
    explorer.text = TEXT
    settled(explorer)
    assert explorer.ids == before


def test_going_back_to_ids_of_an_earlier_text_brings_the_text_back(explorer):
    before = list(explorer.ids)
    explorer.text = OTHER
    settled(explorer)
    Screen(explorer).set(ids=before)
    settled(explorer)
    assert explorer.text == TEXT
    assert not any(token["generated"] for token in explorer.tokens)


def test_a_text_with_the_ids_written_on_makes_the_same_view_again(pair):
    first = settled(TransformerExplorer(*pair, SHORT, sampler={"greedy": True}))
    first.generate(2)
    settled(first)
    again = settled(TransformerExplorer(*pair, SHORT, ids=first.ids))
    assert (again.ids, again.text, again.tokens) == (first.ids, first.text, first.tokens)


def test_ids_of_a_decoder_go_with_the_text_that_its_encoder_reads(pair):
    config = T5Config(vocab_size=891, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, decoder_start_token_id=0)
    model = T5ForConditionalGeneration(config).eval()
    widget = settled(TransformerExplorer(model, pair[1], SHORT, ids=[0, 5]))
    source = pair[1](SHORT, return_tensors="pt")["input_ids"]
    expected = model(input_ids=source, decoder_input_ids=torch.tensor([[0, 5]])).logits.detach()
    assert torch.allclose(widget.trace.logits, expected, atol=1e-5)
    bare = TransformerExplorer(model, pair[1], ids=[0, 5])
    assert bare.wait(30)
    assert "write the text that the encoder reads too" in bare.status["message"]


def test_no_ids_and_ids_beyond_the_vocabulary_are_refused_in_words(explorer):
    explorer.ids = []
    assert explorer.wait(30)
    assert "no tokens" in explorer.status["message"]
    explorer.ids = [3, 891]
    assert explorer.wait(30)
    assert "token 891" in explorer.status["message"] and "0 to 890" in explorer.status["message"]


def test_an_empty_text_says_so_and_keeps_the_picture(explorer):
    explorer.text = ""
    assert explorer.wait(30)
    assert "the text '' has no token; give a text" in explorer.status["message"]
    assert texts(explorer) == TEXT


# Bad input


def test_places_are_checked_before_anything_runs(pair):
    for name, value in (("position", -1), ("position", "x"), ("selection", [-1]), ("selection", 3)):
        with pytest.raises(t.TraitError, match=name):
            TransformerExplorer(*pair, TEXT, **{name: value})


def test_tokens_that_are_not_in_the_vocabulary_are_refused(explorer):
    for name in ("token", "versus"):
        for value in (-1, 891):
            with pytest.raises(t.TraitError, match=f"{name}={value}.*0 <= {name} < 891"):
                setattr(explorer, name, value)
    with pytest.raises(ValueError, match=r"token=891.*0 to 890"):
        explorer.answer("contributions", {"position": 1, "token": 891})
    with pytest.raises(ValueError, match=r"token=-1.*0 to 890"):
        explorer.answer("lens", {"start": 0, "stop": 2, "token": -1})


@pytest.mark.parametrize("question", ["logits", "contributions"])
@pytest.mark.parametrize("position", [-1, 8, "x"])
def test_a_question_about_a_position_that_is_not_there_says_so(explorer, question, position):
    with pytest.raises(ValueError, match=rf"position={position!r}.*0 to 7"):
        explorer.answer(question, {"position": position})


@pytest.mark.parametrize("keywords", [{"count": 0}, {"count": -2}, {"count": 1.5}, {"token": 891}, {"token": -1}])
def test_what_cannot_be_written_on_is_refused_in_words(explorer, keywords):
    ((name, value),) = keywords.items()
    with pytest.raises(ValueError, match=f"{name}={value}"):
        explorer.generate(**keywords)
    Screen(explorer).say({"kind": "generate", **keywords})
    assert explorer.wait(30)
    assert f"{name}={value}" in explorer.status["message"]


def test_inputs_that_are_no_text_are_one_example_and_do_not_write_on():
    config = ViTConfig(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=32,
                       patch_size=8)  # fmt: skip
    model = ViTForImageClassification(config).eval()
    several = TransformerExplorer(model, inputs=torch.randn(3, 3, 32, 32))
    assert several.wait(30)
    assert "3 examples; pass one" in several.status["message"]
    one = settled(TransformerExplorer(model, inputs=torch.randn(1, 3, 32, 32)))
    with pytest.raises(ValueError, match="these inputs are no tokens"):
        one.generate()
    for keywords in ({"text": TEXT}, {"ids": [1]}):
        with pytest.raises(ValueError, match="either"):
            TransformerExplorer(model, inputs=torch.randn(1, 3, 32, 32), **keywords)


def test_interventions_that_are_none_are_refused(explorer):
    explorer.interventions = Zero(Site("blocks.1.attn.z", head=0))
    settled(explorer)
    assert explorer.facts["edited"]
    for wrong in ([1], "zero", [HEAD]):
        with pytest.raises(t.TraitError, match="interventions"):
            explorer.interventions = wrong


@pytest.mark.parametrize(
    "edit",
    [{"head": -1}, {"block": -1}, {"position": -1}, {"kind": "patch", "text": None},
     {"kind": "scale", "factor": float("nan")}, {"kind": "scale", "factor": float("inf")}],
)  # fmt: skip
def test_edits_with_wrong_fields_are_refused(explorer, edit):
    with pytest.raises(t.TraitError, match=f"{list(edit)[-1]}="):
        explorer.edits = [{**HEAD, **edit}]


def test_two_edits_never_share_an_id(explorer):
    explorer.edits = [{**HEAD, "id": "a"}, {**HEAD, "id": "a", "block": 1}, {**HEAD, "block": 2}]
    assert len({edit["id"] for edit in explorer.edits}) == 3
    settled(explorer)


def test_a_file_of_a_tensor_that_is_not_there_says_what_there_is(explorer, tmp_path):
    with pytest.raises(ValueError, match="no tensor 'blocks.0.attn.pattern' here; .*run/blocks.0.attn.pattern"):
        explorer.save(tmp_path / "x.csv", "blocks.0.attn.pattern")
    with pytest.raises(ValueError, match="format='txt'; pass 'csv' or 'npz'"):
        explorer.save(tmp_path / "x.txt")
    explorer.save(tmp_path / "x.csv")
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 8


# The model


def test_a_model_that_was_trained_meanwhile_is_run_again(pair):
    model, tokenizer = load("tiny_gpt2")
    widget = settled(TransformerExplorer(model, tokenizer, TEXT))
    with torch.no_grad():
        model.transformer.h[0].mlp.c_proj.weight.mul_(0.5)
    widget.edits = [HEAD]
    settled(widget)
    assert torch.equal(widget.base.logits, trace(model, TEXT, tokenizer).logits)


def test_a_model_that_raises_leaves_no_hook_and_its_error_on_screen(pair):
    model, tokenizer = load("tiny_gpt2")
    widget = settled(TransformerExplorer(model, tokenizer, TEXT))

    def broken(*_args: Any) -> None:
        raise RuntimeError("out of luck")

    handle = model.transformer.h[2].register_forward_hook(broken)
    widget.text = OTHER
    assert widget.wait(30)
    handle.remove()
    assert "RuntimeError: out of luck" in widget.status["message"]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    widget.retry()
    settled(widget)
    assert texts(widget) == OTHER


def test_two_widgets_on_one_model_do_not_see_each_others_edits(pair):
    one, two = (TransformerExplorer(*pair, TEXT) for _ in range(2))
    for _ in range(4):
        one.edits = [HEAD]
        two.text = OTHER
        two.text = TEXT
    settled(one), settled(two)
    assert torch.equal(one.base.logits, two.trace.logits)
    assert one.trace.logits[0] == pytest.approx(hooked_logits(*pair, 3, 2), abs=1e-5)


def test_a_model_whose_numbers_ran_away_is_shown_and_saved_all_the_same():
    model, tokenizer = load("tiny_gpt2")
    with torch.no_grad():
        model.transformer.h[1].mlp.c_proj.bias[3] = float("nan")
    widget = settled(TransformerExplorer(model, tokenizer, TEXT, block=2))
    assert widget.flow.facts["block"] == 2
    page = saved_state(to_html(widget))["models"][widget.model_id]
    assert page["state"]["flow"]["facts"]["head_norms"] == ["NaN"] * 4
    assert "run/blocks.1.attn.pattern" in page["kept"]["tensors"]
    assert "run/blocks.2.attn.pattern" not in page["kept"]["tensors"]


# What is kept


@pytest.mark.parametrize("change", [{"text": OTHER}, {"ids": [3, 4, 5]}, {"edits": []}], ids=["text", "ids", "edits"])
def test_runs_that_are_no_longer_shown_are_let_go(explorer, change):
    explorer.edits = [HEAD, {"kind": "freeze", "part": "attention", "block": 1}]
    settled(explorer)
    explorer.answer("origin", {"name": "blocks.1.resid_post", "index": [1, 2]})
    explorer.answer("logits", {"position": 3})
    run, base = weakref.ref(explorer.trace), weakref.ref(explorer.base)
    Screen(explorer).set(**change)
    settled(explorer)
    gc.collect()
    assert run() is None
    assert (base() is explorer.base) if "edits" in change else base() is None


def test_an_answer_is_of_one_run_only(explorer):
    """A question that comes while a run is being shown is answered after that: from the new run, tokens and all."""
    shown = threading.Event()
    found: list[int] = []

    def ask() -> None:
        assert shown.wait(30)
        explorer.answer("logits", {"position": 0})
        found.append(explorer.run)

    def change(_change: Any) -> None:
        shown.set()
        threading.Event().wait(0.3)

    asker = threading.Thread(target=ask)
    asker.start()
    explorer.observe(change, "tokens")
    before = explorer.run
    explorer.text = SHORT
    settled(explorer)
    asker.join(30)
    assert found == [before + 1]


def test_closing_waits_until_a_change_of_traits_is_through(explorer):
    with LOCK:
        closer = threading.Thread(target=explorer.close)
        closer.start()
        closer.join(0.3)
        assert explorer.comm is not None
    closer.join(30)
    assert explorer.comm is None


def test_closing_during_a_run_ends_it(pair):
    widget = settled(TransformerExplorer(*pair, TEXT))
    with Gate(widget) as gate:
        widget.text = OTHER
        assert gate.entered.wait(30)
        widget.close()
    assert widget.wait(30)
    assert texts(widget) == TEXT


def test_a_tour_may_come_later_and_must_be_one(explorer):
    explorer.tour = None
    explorer.tour = "basics"
    count = len(explorer.tour["languages"]["en"]["steps"])
    explorer.tour = Tour.load("basics")
    for wrong in (3, {}, {"steps": 3}, {"languages": {"en": {"steps": []}}}):
        with pytest.raises(t.TraitError, match="pass a Tour"):
            explorer.tour = wrong
    explorer.step = count - 1
    with pytest.raises(t.TraitError, match=f"step={count}, but the tour has {count} steps"):
        explorer.step = count


def test_a_file_of_nothing_is_refused(explorer):
    for form in ("csv", "npz"):
        with pytest.raises(ValueError, match=r"the region of blocks\.0\.resid_pre is empty"):
            explorer.answer("download", {"format": form, "tensor": "run/blocks.0.resid_pre", "index": [[0, 1], [0, 0]]})


def test_a_seed_that_no_generator_takes_is_refused(explorer):
    for seed in (-1, 2**32):
        with pytest.raises(t.TraitError, match="seed"):
            explorer.seed = seed
    explorer.seed = 2**32 - 1
    explorer.generate(1)
    settled(explorer)
