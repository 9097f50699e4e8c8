"""Where each node is computed: the answer to `graph`, against the schedule and the weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from attrium.graph.nodes import graph
from attrium_kernel.rasp import aggregate, indices, select, tokens
from attrium_kernel.rasp.library import PROGRAMS
from tests.widgets.test_base import interface_names

from .sides import histogram, library_side, mirrored, side_of

PROTOCOL = Path(__file__).parents[3] / "js/src/widgets/rasp_graph/protocol.ts"
SOME = ("reverse", "sort", "hist2", "dyck2_ptf", "frac_prevs", "most_frequent", "shuffle_dyck2", "parity")


def facts_of(side, label):
    return next(node for node in graph(side).facts["nodes"] if node["label"] == label)


def test_facts_are_those_of_the_protocol():
    source = PROTOCOL.read_text(encoding="utf-8")
    facts = graph(side_of(histogram())).facts
    assert set(facts) == set(interface_names(source, "GraphFacts"))
    assert all(set(node) == set(interface_names(source, "NodeFacts")) for node in facts["nodes"])


@pytest.mark.parametrize("keep", ["all", "needed"])
@pytest.mark.parametrize("name", SOME)
def test_every_node_is_where_the_model_computes_it(name, keep):
    side = library_side(name, keep=keep)
    craft = side.model.craft
    entries = side.model.schedule.entries
    facts = graph(side).facts
    assert [node["label"] for node in facts["nodes"]] == list(side.program.labels)
    assert facts["layers"] == len(craft.layers) == len(facts["sizes"])
    times = {}
    for node in facts["nodes"]:
        label, place = node["label"], (node["layer"], node["half"])
        times[label] = -1 if node["half"] == "embedding" else 2 * node["layer"] + (node["half"] == "mlp")
        own = [(entry.layer, entry.half) for entry in entries if entry.node == label]
        if own and node["place"] == "written":
            assert place == min(own)
        elif label not in ("tokens", "indices") and node["place"] == "head":
            assert set(node["heads"]) <= {head.name for head in craft.layers[node["layer"]].heads}
            assert node["half"] == "attention" and node["selector"]
        assert node["dimensions"] == [str(d) for d in craft.space.directions if d.node == label]
        assert node["dimensions"] or node["place"] != "written"
        if node["dimensions"] and node["place"] == "fused":  # a copy to be seen, written after it is read through
            assert keep == "all" and min(own) > place
    for node in facts["nodes"]:  # nothing is computed before what it is made from
        assert all(times[child] <= times[node["label"]] for child in node["inputs"])


def test_a_count_has_a_head_units_and_both_encodings():
    side = side_of(histogram(), "abc", 6)
    hist, same = facts_of(side, "hist"), facts_of(side, "same")
    assert same["place"] == "head" and same["heads"] == hist["heads"] == ["same"]
    assert hist["encoding"] == "number and one-hot" and hist["units"] > 0
    assert hist["count"] == 6 and hist["values"] == ["1", "2", "3", "4", "5", "6"] and not hist["absent"]
    assert [(each["half"], each["form"]) for each in hist["written"]] == [("attention", "number"), ("mlp", "value")]
    assert graph(side).facts["sizes"] == [{"heads": 1, "units": hist["units"]}]
    assert same["text"] == "key == query"


def test_parts_of_a_selector_are_read_through_it():
    side = library_side("sort")
    assert facts_of(side, "before")["place"] == "head"
    inner = facts_of(side, "selector_and_1")
    assert (inner["place"], inner["layer"], inner["half"]) == ("fused", 0, "attention")


def test_minor_nodes_are_unnamed_elementwise_ones_that_feed_one_elementwise_node():
    side = side_of(mirrored())
    minor = [node["label"] for node in graph(side).facts["nodes"] if node["minor"]]
    inner = [label for label in side.program.labels if label.startswith("sequence_map")]
    assert set(inner) <= set(minor) and "opposite" not in minor and "reversed" not in minor


def test_absent_values_are_told():
    side = side_of(aggregate(select(indices, indices - 1, "=="), tokens).named("before"))
    assert facts_of(side, "before")["absent"] is True


def test_a_program_that_does_not_compile_is_drawn_from_what_it_says():
    side = side_of((mirrored() + 1).named("broken"))
    facts = graph(side).facts
    assert facts["forecast"] is None
    places = {node["label"]: (node["layer"], node["half"]) for node in facts["nodes"]}
    assert places["tokens"] == (-1, "embedding")
    assert places["length"] == (0, "attention") and places["opposite"] == (0, "mlp")
    assert places["flip"] == places["reversed"] == (1, "attention")
    assert places["broken"] == (1, "mlp") and facts["layers"] == 2


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_library_program_has_a_graph(name):
    side = library_side(name, 5, causal=PROGRAMS[name].causal)
    assert side.problem is None
    assert len(graph(side).facts["nodes"]) == len(side.program)
