"""Values, streams and checks on one input, against plain Python and the model's own weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from attrium.graph.evaluated import check, stream, values
from attrium.graph.model_run import run_model, written_at
from attrium.graph.shown import model_shown, numbers, shown
from attrium_kernel.rasp import aggregate, compile, indices, select, selector_width, tokens
from attrium_kernel.rasp.decode import decode
from attrium_kernel.rasp.library import PROGRAMS
from tests.widgets.test_base import interface_names

from .sides import histogram, library_side, mirrored, side_of

SOURCE = (Path(__file__).parents[3] / "js/src/widgets/rasp_graph/protocol.ts").read_text(encoding="utf-8")


def test_values_are_what_python_says():
    answer = values(side_of(histogram()), list("abaca"), list("abaca"), [])
    facts = answer.facts
    assert set(facts) == set(interface_names(SOURCE, "ValuesFacts"))
    counts = [str("abaca".count(c)) for c in "abaca"]
    assert facts["values"] == {"tokens": list("abaca"), "hist": counts}
    assert facts["model"] == facts["values"] and facts["output"] == counts
    assert facts["numbers"] == {"hist": [3.0, 1.0, 3.0, 1.0, 3.0]}
    assert facts["ablated"] is None and facts["problem"] is None
    same = answer.frames["select:same"]
    assert same.dtype == "uint8"
    assert same.stored.tolist() == [[int(a == b) for b in "abaca"] for a in "abaca"]


def test_the_attention_of_a_mean_is_the_selector_divided_by_its_width():
    side = side_of(aggregate(select(tokens, tokens, "==").named("same"), indices).named("mean"))
    frame = values(side, list("abaa"), list("abaa"), []).frames["weights:same"]
    same = np.array([[a == b for b in "abaa"] for a in "abaa"], dtype=float)
    assert frame.stored == pytest.approx(same / same.sum(1, keepdims=True), abs=1e-5)


def test_absent_values_are_null_and_numbers_are_short():
    side = side_of(aggregate(select(indices, indices - 1, "=="), tokens).named("before"))
    facts = values(side, list("abc"), list("abc"), []).facts
    assert facts["output"] == [None, "a", "b"] == facts["model"]["before"]
    assert shown(1 / 3) == "0.333333" and shown(-0.0) == "0" and shown(True) == "True" and shown("") == "''"
    assert model_shown([1 / 3, 2, None], [0.33333331, 2.0000002, 0.5]) == ["0.333333", "2", "0.5"]
    assert model_shown([1], [1.2]) == ["1.2"]
    assert numbers([1, None, 2.5]) == [1.0, None, 2.5]
    assert numbers([True, False]) is None and numbers(["a", 1]) is None and numbers([None]) is None


def test_where_a_program_has_no_value_the_rest_is_still_there():
    same = selector_width(select(tokens, tokens, "==")).named("hist")
    side = side_of(aggregate(select(indices, indices, "true").named("every"), tokens).named("mean") == same, "abc")
    facts = values(side, list("ab"), list("ab"), []).facts
    assert facts["problem"]["node"] == "mean" and facts["problem"]["position"] == 0
    assert facts["problem"]["message"].startswith("2 positions are selected")
    assert facts["values"]["hist"] == ["1", "1"] and "mean" not in facts["values"] and facts["output"] == []


@pytest.mark.parametrize("name", ["reverse", "hist2", "frac_prevs", "dyck2_ptf", "shift_by_1"])
@pytest.mark.parametrize("causal", [False, True])
def test_the_run_is_the_models_own_forward(name, causal):
    example = PROGRAMS[name]
    compiled = compile(example.build(6), example.vocabulary, 6, causal=causal, keep="all")
    run = run_model(compiled, example.sample)
    own = compiled.model(compiled.ids([example.sample]), output_hidden_states=True, output_attentions=True)
    assert torch.equal(run.logits, own.logits[0].detach())
    assert torch.equal(run.streams[::2], torch.cat(own.hidden_states).detach())
    assert all(torch.equal(a, b[0].detach()) for a, b in zip(run.patterns, own.attentions, strict=True))
    craft = compiled.craft.run(compiled.ids([example.sample])[0])
    for mine, theirs in zip(run.streams, craft, strict=True):
        torch.testing.assert_close(mine.double(), theirs.values, atol=1e-3, rtol=1e-4)
    assert run.output == decode(compiled.craft, own.logits[0])


def test_the_stream_is_named_and_grows_half_layer_by_half_layer():
    side = library_side("reverse")
    answer = stream(side, list("abc"), list("abc"), [])
    assert set(answer.facts) == set(interface_names(SOURCE, "StreamFacts"))
    assert answer.facts["places"] == ["embedding", "0.attention", "0.mlp", "1.attention", "1.mlp"]
    assert answer.facts["positions"] == ["BOS", "a", "b", "c"]
    labels = [each["label"] for each in answer.facts["dimensions"]]
    found = answer.frames["stream"].stored
    assert found.shape == (5, 4, len(labels))
    assert found[0, 1:, labels.index("tokens:a")].tolist() == [1, 0, 0]
    last = found[-1, 1:, [labels.index(f"reverse:{c}") for c in "cba"]]
    assert last == pytest.approx(np.eye(3), abs=1e-3)


def test_an_ablated_node_has_no_value_from_where_it_is_written_on():
    side = library_side("reverse")
    facts = values(side, list("abc"), list("abc"), ["remaining"]).facts
    assert facts["ablated"] != facts["output"] == ["c", "b", "a"]
    run = side.running(list("abc"), ["remaining"])
    assert run.values["remaining"] == [None, None, None]
    plain = side.running(list("abc"))
    start = written_at(side.model.craft, "remaining")
    assert start == 1
    assert torch.equal(run.streams[:start], plain.streams[:start])
    assert torch.equal(run.streams[:, 0], plain.streams[:, 0])  # the BOS is as it was


def test_what_the_output_does_not_read_can_be_taken_out_without_harm():
    side = side_of(mirrored(), keep="all")
    untouched = values(side, list("abc"), list("abc"), ["hist"]).facts["ablated"]
    assert untouched is None  # no such node
    same = values(side, list("abc"), list("abc"), ["indices"]).facts["ablated"]
    assert same != ["c", "b", "a"]


def test_an_ablated_number_is_zero():
    share = PROGRAMS["frac_prevs"]
    side = library_side("frac_prevs")
    found = side.running(share.sample, ["frac_prevs"]).values["frac_prevs"]
    assert found == pytest.approx([0.0] * len(share.sample), abs=1e-6)


def test_a_check_finds_the_node_whose_weights_are_wrong():
    side = library_side("reverse")
    assert check(side, list("abca")).facts["first"] is None
    wrong = library_side("reverse")
    with torch.no_grad():
        wrong.model.model.blocks[0].mlp.output.weight.zero_()
    facts = check(wrong, list("abca")).facts
    assert set(facts) == set(interface_names(SOURCE, "CheckFacts"))
    assert facts["first"]["label"] == "remaining" and facts["first"]["expected"] == "3"
    rows = {row["label"]: row for row in facts["rows"]}
    assert rows["remaining"]["wrong"] and rows["remaining"]["craft"] == rows["remaining"]["interpreter"]
    assert rows["tokens"]["wrong"] == []
