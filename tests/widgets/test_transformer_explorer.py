"""TransformerExplorer's Python side: what it tells the screen is what the model computed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import traitlets as t
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
    ViTConfig,
    ViTForImageClassification,
)

from attrium import Scale, Site, TransformerExplorer, Zero, load, trace
from tests.widgets.comms import Screen

TEXT = "The keys near the door were old."
SIZES = {"vocab_size": 891, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}


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


def settled(widget: TransformerExplorer) -> TransformerExplorer:
    assert widget.wait(30)
    assert widget.last_error is None, widget.last_error
    return widget


def llama() -> LlamaForCausalLM:
    return LlamaForCausalLM(LlamaConfig(num_attention_heads=4, num_key_value_heads=2, **SIZES)).eval()


def neox() -> GPTNeoXForCausalLM:
    return GPTNeoXForCausalLM(GPTNeoXConfig(num_attention_heads=4, **SIZES)).eval()


def bert() -> BertForMaskedLM:
    return BertForMaskedLM(BertConfig(num_attention_heads=4, **SIZES)).eval()


# The run


def test_tokens_are_the_tokenizers_with_their_places_in_the_text(explorer, pair):
    encoded = pair[1](TEXT, return_offsets_mapping=True)
    assert explorer.ids == encoded["input_ids"]
    assert [list(token["span"]) for token in explorer.tokens] == [list(span) for span in encoded["offset_mapping"]]
    assert "".join(token["text"] for token in explorer.tokens) == TEXT
    assert explorer.position == len(explorer.tokens) - 1


def test_the_pushed_flow_holds_norms_and_pooled_values_of_every_stage(explorer, pair):
    reference = trace(pair[0], TEXT, pair[1])
    flow = explorer.flow
    names, stages = flow.facts["names"], flow.facts["stages"]
    assert stages[0] == "embed" and stages[-1] == "ln_final.out"
    for row, stage in enumerate(stages):
        whole = reference[names[stage]]
        if reference.axes(names[stage])[0] == "batch":
            whole = whole[0]
        value = whole.flatten(1).detach().numpy()
        assert flow.frames["norms"].values[row] == pytest.approx(np.linalg.norm(value, axis=-1), rel=1e-5)
        stripe = flow.frames[f"stripe:{stage}"]
        starts = np.floor(np.arange(stripe.shape[1]) * value.shape[1] / stripe.shape[1]).astype(int)
        windows = np.split(value, starts[1:], axis=1)
        largest = np.stack([np.take_along_axis(w, np.abs(w).argmax(1)[:, None], 1)[:, 0] for w in windows], 1)
        step = stripe.quantised.scale
        assert np.abs(stripe.values - largest).max() <= step * 0.51
    pattern = reference["blocks.0.attn.pattern"][0].detach().numpy()
    assert np.array_equal(flow.frames["patterns"].values, pattern)


def test_head_norms_are_the_mean_norms_of_what_each_head_writes(explorer, pair):
    result = trace(pair[0], TEXT, pair[1])["blocks.2.attn.result"][0]
    found = explorer.answer("flow", {"block": 2, "which": "run"}).facts["head_norms"]
    assert found == pytest.approx(result.norm(dim=-1).mean(0).tolist(), rel=1e-4)


def test_what_is_sent_for_a_prompt_is_small(explorer):
    frames = explorer.flow.frames.values()
    assert sum(len(frame.data) for frame in frames) < 10_000


@pytest.mark.parametrize(
    ("make", "facts"),
    [
        (llama, {"kv_heads": 2, "heads": 4, "rotary": True, "gated": True, "learned_positions": False}),
        (neox, {"form": "parallel", "rotary": True, "gated": False}),
        (bert, {"form": "post-norm", "causal": False, "learned_positions": True, "tied": True, "unembed_bias": True}),
    ],
    ids=["llama", "neox", "bert"],
)  # fmt: skip
def test_the_model_is_described_as_it_is_and_every_block_flows(make, facts, pair):
    widget = settled(TransformerExplorer(make(), pair[1], TEXT))
    assert {name: widget.model[name] for name in facts} == facts
    for block in range(2):
        answer = widget.answer("flow", {"block": block, "which": "run"})
        order = [widget.trace.names.index(answer.facts["names"][s]) for s in answer.facts["stages"][:-2]]
        inside = [n for n, s in zip(order, answer.facts["stages"]) if s not in ("embed", "pos_embed")]
        assert inside == sorted(inside)
        for stage in answer.facts["stages"]:
            value = widget.trace[answer.facts["names"][stage]]
            assert answer.facts["sizes"][stage] == value[0, 0].numel()


def test_an_encoder_decoder_shows_the_decoder_and_writes_on(pair):
    config = T5Config(vocab_size=891, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, decoder_start_token_id=0)
    model = T5ForConditionalGeneration(config).eval()
    widget = settled(TransformerExplorer(model, pair[1], TEXT, sampler={"greedy": True}))
    assert widget.ids == [0]
    assert "cross_out" in widget.flow.facts["stages"]
    widget.generate(2)
    settled(widget)
    source = pair[1](TEXT, return_tensors="pt")["input_ids"]
    ids = torch.tensor([[0]])
    for _ in range(2):
        ids = torch.cat([ids, model(input_ids=source, decoder_input_ids=ids).logits[:, -1:].argmax(-1)], 1)
    assert widget.ids == ids[0].tolist()


def test_pixels_are_shown_by_position_and_classes_by_name():
    config = ViTConfig(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=32,
                       patch_size=8, id2label={0: "cat", 1: "dog"})  # fmt: skip
    model = ViTForImageClassification(config).eval()
    widget = settled(TransformerExplorer(model, inputs=torch.randn(1, 3, 32, 32)))
    assert [token["text"] for token in widget.tokens] == [str(n) for n in range(17)]
    answer = widget.answer("logits", {"position": 3, "which": "run"})
    assert answer.facts["kind"] == "class"
    assert {item["text"] for item in answer.facts["top"]} == {"cat", "dog"}
    assert answer.frames["logits"].values == pytest.approx(widget.trace.logits[0].detach().numpy())


# Readings


def test_logits_are_the_models_at_every_position(explorer, pair):
    expected = pair[0](**pair[1](TEXT, return_tensors="pt")).logits[0].detach()
    for position in range(len(explorer.tokens)):
        answer = explorer.answer("logits", {"position": position, "which": "run"})
        assert answer.frames["logits"].values == pytest.approx(expected[position].numpy(), abs=1e-5)
        best = expected[position].topk(200).indices.tolist()
        assert [item["id"] for item in answer.facts["top"]][:20] == best[:20]
        following = explorer.ids[position + 1] if position + 1 < len(explorer.ids) else None
        assert answer.facts["next"] == following


def test_the_lens_at_the_last_point_is_the_model(explorer):
    answer = explorer.answer("lens", {"start": 2, "stop": 5, "token": 14, "which": "run"})
    probabilities = explorer.trace.logits[0, 2:5].softmax(-1).detach()
    assert answer.frames["top"].values[-1, :, 0].tolist() == probabilities.argmax(-1).tolist()
    assert answer.frames["probability"].values[-1] == pytest.approx(probabilities[:, 14].numpy(), abs=1e-6)
    rank = 1 + (probabilities > probabilities[:, 14:15]).sum(-1)
    assert answer.frames["rank"].values[-1].tolist() == rank.tolist()
    assert [point["block"] for point in answer.facts["points"]] == [0, 1, 2, 3, 4]


def test_contributions_add_up_to_the_logit(explorer):
    answer = explorer.answer("contributions", {"position": 3, "token": 20, "versus": 30, "which": "run"})
    logits = explorer.trace.logits[0, 3]
    assert answer.facts["total"] == pytest.approx(float(logits[20] - logits[30]), abs=1e-4)
    assert sum(item["value"] for item in answer.facts["items"]) == pytest.approx(answer.facts["total"], abs=1e-4)
    heads = [(item["block"], item["head"]) for item in answer.facts["items"] if item["kind"] == "head"]
    assert heads == [(block, head) for block in range(4) for head in range(4)]


def test_the_field_of_heads_is_every_pattern_and_its_scores_are_measured(explorer):
    answer = explorer.answer("heads", {"which": "run"})
    field = answer.frames["field"]
    patterns = explorer.trace.stack("attn.pattern")[:, 0].detach().numpy()
    assert field.shape == patterns.shape
    assert np.abs(field.values - patterns).max() <= 0.51 * field.quantised.scale
    first = answer.frames["score:first_token"].values
    assert first == pytest.approx(patterns[:, :, 1:, 0].mean(-1), abs=1e-5)
    assert {"previous_token", "entropy", "contribution"} <= {score["name"] for score in answer.facts["scores"]}


def test_tensors_are_asked_for_by_name(explorer, pair):
    frame = explorer._channel.view("run/blocks.1.attn.pattern", [[2, 3], [0, 8], [0, 8]])
    assert frame.values[0] == pytest.approx(explorer.trace["blocks.1.attn.pattern"][0, 2].detach().numpy(), abs=1e-7)
    masked = explorer._channel.view("run/blocks.1.attn.masked_scores").values[0]
    assert np.isnan(masked[np.triu_indices(8, 1)]).all() and np.isfinite(masked[np.tril_indices(8)]).all()
    weight = pair[0].transformer.h[1].attn.c_attn.weight.detach().numpy()
    shown = explorer._channel.view("weights/W_Q/1").values
    assert np.array_equal(shown[3], weight[:, 96:128])
    with pytest.raises(ValueError, match="there is no tensor 'run/nothing'"):
        explorer._channel.view("run/nothing")


def test_a_download_holds_the_tensor(explorer):
    for form in ("npz", "csv"):
        answer = explorer.answer("download", {"format": form, "tensor": "run/blocks.0.resid_pre", "index": None})
        file = io.BytesIO(answer.frames["file"].data)
        found = next(iter(np.load(file).values())) if form == "npz" else np.loadtxt(file, delimiter=",")
        assert found == pytest.approx(explorer.trace["blocks.0.resid_pre"][0].detach().numpy(), rel=1e-6)
        assert answer.facts["name"] == f"blocks.0.resid_pre.{form}"


# Interventions


def hooked_logits(model: Any, tokenizer: Any, block: int, head: int) -> torch.Tensor:
    """Zero a head's mixed values by a plain hook of our own."""
    width = model.config.n_embd // model.config.n_head

    def zero(_module: Any, args: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        changed = args[0].clone()
        changed[..., head * width : (head + 1) * width] = 0
        return (changed,)

    handle = model.transformer.h[block].attn.c_proj.register_forward_pre_hook(zero)
    try:
        return model(**tokenizer(TEXT, return_tensors="pt")).logits[0].detach()
    finally:
        handle.remove()


def test_zeroing_a_head_gives_the_logits_of_a_plain_hook_and_keeps_the_baseline(explorer, pair):
    before = explorer.trace.logits.clone()
    Screen(explorer).set(edits=[{"kind": "zero", "part": "head", "block": 3, "head": 2, "on": True}])
    settled(explorer)
    expected = hooked_logits(*pair, 3, 2)
    assert explorer.trace.logits[0] == pytest.approx(expected, abs=1e-5)
    assert torch.equal(explorer.base.logits, before)
    assert explorer.edits[0]["label"] == "zero head 3.2"
    assert explorer.edits[0]["site"] == "blocks.3.attn.z"
    assert explorer.facts["edited"]
    change = explorer.answer("flow", {"block": 3, "which": "run"}).frames["change"].values
    expected_change = (explorer.trace["blocks.3.attn.z"] - explorer.base["blocks.3.attn.z"])[0].flatten(1).norm(dim=-1)
    row = explorer.answer("flow", {"block": 3, "which": "run"}).facts["stages"].index("attn.z")
    assert change[row] == pytest.approx(expected_change.detach().numpy(), rel=1e-5)


def test_an_edit_that_is_off_changes_nothing_and_can_be_switched_on(explorer):
    edit = {"kind": "scale", "part": "mlp", "block": 1, "factor": 0.5, "on": False}
    explorer.edits = [edit]
    settled(explorer)
    assert explorer.trace is explorer.base
    explorer.edits = [{**edit, "on": True}]
    settled(explorer)
    halved = trace(explorer._subject.model, torch.tensor([explorer.ids]), interventions=Scale("blocks.1.mlp_out", 0.5))
    assert torch.equal(explorer.trace.logits, halved.logits)


@pytest.mark.parametrize(
    "edit",
    [
        {"kind": "mean", "part": "attention", "block": 1},
        {"kind": "resample", "part": "mlp", "block": 2},
        {"kind": "zero", "part": "neuron", "block": 1, "neuron": 7, "position": 2},
        {"kind": "patch", "part": "position", "block": 2, "position": 1, "text": "The boys near the door were old."},
        {"kind": "patch", "part": "head", "block": 0, "head": 1, "text": "The boys near the door were old."},
    ],
    ids=lambda edit: f"{edit['kind']}-{edit['part']}",
)
def test_every_kind_of_edit_reaches_only_what_it_names(explorer, edit):
    explorer.edits = [edit]
    settled(explorer)
    site = explorer.edits[0]["site"]
    earlier = explorer.trace.names.index(site)
    assert not torch.equal(explorer.trace[site], explorer.base[site])
    for name in explorer.trace.names[:earlier]:
        if name.startswith(f"blocks.{edit['block']}.attn.") or name == site:
            continue  # a head's pattern is computed beside its values
        assert torch.equal(explorer.trace[name], explorer.base[name]), name
    if edit.get("position") is not None:
        same = torch.ones(len(explorer.tokens), dtype=torch.bool)
        same[edit["position"]] = False
        assert torch.equal(explorer.trace[site][:, same], explorer.base[site][:, same])


def test_a_patch_from_a_prompt_of_another_length_says_so_and_one_position_can_be_patched(explorer):
    patch = {"kind": "patch", "part": "head", "block": 1, "head": 0, "text": "The boys were old."}
    explorer.edits = [patch]
    assert explorer.wait(30)
    assert "the second prompt has 5 tokens and this one 8; write one of as many" in explorer.status["message"]
    explorer.edits = [{**patch, "position": 7, "from_position": 4}]
    settled(explorer)
    other = trace(explorer._subject.model, "The boys were old.", explorer._subject.tokenizer)
    assert torch.equal(explorer.trace["blocks.1.attn.z"][0, 7, 0], other["blocks.1.attn.z"][0, 4, 0])


def test_the_time_of_the_forward_is_of_a_run_that_was_made(explorer):
    first = explorer.facts["forward_ms"]
    explorer.edits = [{"kind": "zero", "part": "mlp", "block": 0, "on": False}]
    settled(explorer)
    assert explorer.facts["forward_ms"] == first > 0.1


def test_frozen_patterns_stay_while_an_earlier_edit_changes_the_queries(explorer):
    explorer.edits = [
        {"kind": "zero", "part": "mlp", "block": 0},
        {"kind": "freeze", "part": "attention", "block": 2},
    ]
    settled(explorer)
    assert torch.equal(explorer.trace["blocks.2.attn.pattern"], explorer.base["blocks.2.attn.pattern"])
    assert not torch.equal(explorer.trace["blocks.1.attn.pattern"], explorer.base["blocks.1.attn.pattern"])


def test_interventions_of_ones_own_are_listed_and_toggled(explorer):
    mine = [Zero(Site("blocks.1.attn.z", head=0)), Scale("blocks.2.mlp_out", 2.0)]
    explorer.interventions = mine
    settled(explorer)
    assert explorer.interventions == mine
    assert [edit["label"] for edit in explorer.edits] == [str(item) for item in mine]
    explorer.edits = [{**explorer.edits[0], "on": False}, explorer.edits[1]]
    settled(explorer)
    assert explorer.interventions == mine[1:]


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ({"kind": "zero"}, "expected a list, not the dict"),
        ([{"kind": "erase"}], "kind='erase'; pass one of zero, mean"),
        ([{"kind": "zero", "part": "head", "block": 1}], "part 'head' needs block and head"),
        ([{"kind": "zero", "layer": 1}], r"\['layer'\]; an edit has some of id, kind"),
        ([{"kind": "freeze", "part": "mlp", "block": 0}], "part='mlp' has none"),
        ([{"kind": "scale", "part": "mlp", "block": 0, "factor": "much"}], "factor='much'; pass a number"),
        ([{"kind": "zero", "part": "head", "block": 0, "head": 1.5}], "head=1.5; pass a whole number"),
    ],
)
def test_a_wrong_edit_is_refused_in_words(explorer, edits, words):
    with pytest.raises(t.TraitError, match=words):
        explorer.edits = edits
    assert explorer.edits == []


def test_an_edit_that_cannot_run_shows_its_error_and_keeps_the_picture(explorer):
    before = explorer.run
    explorer.edits = [{"kind": "zero", "part": "head", "block": 3, "head": 9}]
    assert explorer.wait(30)
    assert explorer.status["state"] == "error" and "head 9" in explorer.status["message"]
    assert explorer.run == before
    explorer.edits = []
    settled(explorer)
    assert explorer.status["state"] == "idle"


# Writing on


def test_steps_are_greedy_tokens_of_the_model_and_are_marked(explorer, pair):
    explorer.sampler = {"greedy": True}
    Screen(explorer).say({"kind": "generate", "count": 3})
    settled(explorer)
    expected = pair[0].generate(
        **pair[1](TEXT, return_tensors="pt"), max_new_tokens=3, do_sample=False, pad_token_id=0, eos_token_id=0
    )
    assert explorer.ids == expected[0].tolist()
    assert [token["generated"] for token in explorer.tokens] == [False] * 8 + [True] * (len(explorer.ids) - 8)


def test_five_steps_and_a_run_of_five_draw_the_same_tokens(pair):
    settings = {"sampler": {"temperature": 1.5}, "seed": 3}
    one, other = (settled(TransformerExplorer(*pair, "The keys near", **settings)) for _ in range(2))
    one.generate(5)
    settled(one)
    for _ in range(5):
        other.generate(1)
        settled(other)
    assert one.ids == other.ids


def test_tokens_are_drawn_by_the_probabilities_on_show_also_under_interventions(pair):
    """Of two thousand seeds each token comes as often as its probability says, to five standard deviations."""
    from attrium.explorer.writing import draw

    widget = settled(TransformerExplorer(*pair, "The keys near the door", sampler={"temperature": 0.8, "top_k": 3}))
    widget.edits = [{"kind": "mean", "part": "mlp", "block": 1}]
    settled(widget)
    row = widget.trace.logits[0, -1]
    top = row.topk(3)
    expected = (top.values / 0.8).softmax(0)
    drawn = torch.tensor([draw(row, widget.sampler, seed, len(widget.tokens)) for seed in range(2000)])
    shares = torch.stack([(drawn == token).float().mean() for token in top.indices])
    assert ((shares - expected).abs() < 5 * (expected * (1 - expected) / 2000).sqrt()).all()
    widget.seed = 11
    widget.generate(1)
    settled(widget)
    assert widget.ids[-1] == draw(row, widget.sampler, 11, 5)


def test_a_text_that_has_ended_says_so_and_a_token_can_still_be_taken(explorer):
    explorer.sampler = {"greedy": True}
    explorer.generate(1, token=0)
    settled(explorer)
    before = list(explorer.ids)
    explorer.generate(3)
    assert explorer.wait(30)
    assert "the text has ended with '<|endoftext|>'" in explorer.status["message"]
    assert explorer.ids == before
    explorer.generate(1, token=5)
    settled(explorer)
    assert explorer.ids == [*before, 5]


def test_a_branch_takes_another_token_at_a_position_and_undo_brings_the_rest_back(explorer):
    whole = list(explorer.ids)
    explorer.generate(1, token=5, position=3)
    settled(explorer)
    assert explorer.ids == [*whole[:4], 5]
    Screen(explorer).set(ids=whole)
    settled(explorer)
    assert explorer.ids == whole
    assert not any(token["generated"] for token in explorer.tokens)
    assert explorer.tokens[-1]["span"] is not None


def test_generation_keeps_the_interventions(explorer, pair):
    explorer.sampler = {"greedy": True}
    explorer.edits = [{"kind": "zero", "part": "mlp", "block": 3}]
    settled(explorer)
    best = int(explorer.trace.logits[0, -1].argmax())
    explorer.generate(1)
    settled(explorer)
    assert explorer.ids[-1] == best


def test_an_encoder_does_not_write_on(pair):
    widget = settled(TransformerExplorer(bert(), pair[1], TEXT))
    Screen(widget).say({"kind": "generate", "count": 1})
    assert widget.wait(30)
    assert "sees later tokens too" in widget.status["message"]


# Traits


def test_places_that_are_not_there_are_refused(explorer):
    for name, value, words in (("block", 4, "there are 4 blocks"), ("head", 7, "there are 4 heads")):
        with pytest.raises(t.TraitError, match=words):
            setattr(explorer, name, value)
    with pytest.raises(t.TraitError, match="there are 8 tokens"):
        explorer.position = 8
    with pytest.raises(t.TraitError, match="temperature"):
        explorer.sampler = {"temperature": -1}


def test_the_selection_indexes_the_trace_and_survives_a_longer_prompt(explorer):
    Screen(explorer).set(selection=[1, 4])
    assert explorer.trace["blocks.0.resid_pre"][0, explorer.selection].shape == (2, 128)
    explorer.generate(1)
    settled(explorer)
    assert explorer.selection == [1, 4]


def test_the_state_makes_the_same_view_again(pair):
    widget = settled(TransformerExplorer(*pair, TEXT, block=2, head=3, position=4, selection=[1], view="attention"))
    assert (widget.block, widget.head, widget.position, widget.selection) == (2, 3, 4, [1])
    assert widget.flow.facts["block"] == 2


def test_before_a_run_reading_says_what_to_do(pair):
    widget = TransformerExplorer(*pair)
    with pytest.raises(ValueError, match="nothing has run yet; write a prompt"):
        _ = widget.trace
    widget.text = TEXT
    settled(widget)
    assert len(widget.tokens) == 8


def test_no_hook_is_left_and_training_mode_is_as_it_was(pair):
    model, tokenizer = pair
    model.train()
    try:
        widget = settled(TransformerExplorer(model, tokenizer, TEXT))
        widget.edits = [{"kind": "zero", "part": "head", "block": 0, "head": 0}]
        settled(widget)
        assert model.training
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    finally:
        model.eval()


# Saved pages


def test_a_saved_page_takes_flow_logits_heads_and_patterns_along(explorer, tmp_path):
    from tests.widgets.test_export import saved_state

    page = explorer.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    kept = saved_state(page)["models"][explorer.model_id]["kept"]
    questions = [key.split("\n")[0] for key in kept["answers"]]
    assert questions.count("flow") == 4 and questions.count("logits") == 8
    assert {"heads", "contributions", "lens"} <= set(questions)
    assert "run/blocks.3.attn.pattern" in kept["tensors"]
    assert len(page) < 8_000_000
