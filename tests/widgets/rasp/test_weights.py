"""The matrices of a node: they are the torch model's, and none of a node's weights is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from attrium.graph.weights import ALWAYS, weights
from attrium_kernel.rasp.library import PROGRAMS
from tests.widgets.test_base import interface_names

from .sides import histogram, library_side, side_of

SOURCE = (Path(__file__).parents[3] / "js/src/widgets/rasp_graph/protocol.ts").read_text(encoding="utf-8")


def matrices(side, label):
    answer = weights(side, label)
    return {m["title"]: (m, torch.tensor(answer.frames[m["frame"]].stored).double()) for m in answer.facts["matrices"]}


def placed(found, labels_of_rows, labels_of_columns):
    """A matrix with the rows and columns that were left out."""
    facts, values = found
    whole = torch.zeros(len(labels_of_rows), len(labels_of_columns), dtype=torch.float64)
    rows = [labels_of_rows.index(name) for name in facts["rows"]]
    columns = [labels_of_columns.index(name) for name in facts["columns"]]
    whole[torch.tensor(rows)[:, None], torch.tensor(columns)] = values
    return whole


def test_facts_are_those_of_the_protocol():
    facts = weights(side_of(histogram()), "hist").facts
    assert set(facts) == set(interface_names(SOURCE, "WeightsFacts"))
    assert all(set(m) == set(interface_names(SOURCE, "NamedMatrix")) for m in facts["matrices"])


@pytest.mark.parametrize(("name", "selector"), [("reverse", "mirror"), ("hist", "same"), ("sort", "to_place")])
def test_query_and_key_give_the_scores_of_the_model(name, selector):
    side = library_side(name)
    sample = PROGRAMS[name].sample
    labels = [*side.model.craft.space.labels, ALWAYS]
    ((title, found),) = matrices(side, selector).items()
    layer = int(title.split(",")[0].removeprefix("Layer "))
    stream = side.running(sample).streams[2 * layer].double()
    biased = torch.cat([stream, torch.ones(len(stream), 1)], 1)
    scores = biased @ placed(found, labels, labels) @ biased.T
    attention = side.model.model.blocks[layer].attention
    x = side.running(sample).streams[2 * layer][None]
    number = [head.name for head in side.model.craft.layers[layer].heads].index(selector)
    part = slice(number * attention.d_head, (number + 1) * attention.d_head)
    wanted = (attention.query(x)[0][:, part] @ attention.key(x)[0][:, part].T).double()
    torch.testing.assert_close(scores, wanted, atol=1e-3, rtol=1e-4)


def test_the_mlp_of_a_node_writes_what_the_model_writes():
    side = side_of(histogram(), "abc", 6)
    space = side.model.craft.space
    labels = [*space.labels, ALWAYS]
    found = matrices(side, "hist")
    units = side.model.craft.layers[0].mlp.units
    texts = [unit.text for unit in units]
    stream = side.running(list("abca")).streams
    x = torch.cat([stream[1].double(), torch.ones(len(stream[1]), 1)], 1)
    hidden = torch.relu(x @ placed(found["Layer 0, MLP in"], labels, texts))
    hidden = torch.cat([hidden, torch.ones(len(hidden), 1)], 1)
    written = hidden @ placed(found["Layer 0, MLP out"], [*texts, ALWAYS], space.labels)
    torch.testing.assert_close(written, (stream[2] - stream[1]).double(), atol=1e-3, rtol=1e-4)


def test_a_heads_value_and_output_move_the_tokens():
    side = library_side("reverse")
    facts, values = matrices(side, "reverse")["Layer 1, head mirror: value and output"]
    assert facts["rows"][:3] == ["tokens:a", "tokens:b", "tokens:c"]
    assert facts["columns"] == ["reverse:a", "reverse:b", "reverse:c"]
    torch.testing.assert_close(values[:3], torch.eye(3, dtype=torch.float64))


def test_embeddings_are_one_hot():
    side = side_of(histogram())
    facts, values = matrices(side, "tokens")["Token embedding"]
    assert facts["rows"] == ["a", "b", "c"] and torch.equal(values, torch.eye(3, dtype=torch.float64))
    assert "Unembedding" in matrices(side, "hist")


def test_a_node_without_weights_says_where_its_function_is():
    side = library_side("sort")
    facts = weights(side, "selector_and_1").facts
    assert facts["matrices"] == [] and "before, which read through it" in facts["note"]
    with pytest.raises(ValueError, match="no node is labelled 'nothing'"):
        weights(side, "nothing")


def test_a_copy_that_is_only_to_be_seen_says_so():
    side = library_side("frac_prevs")
    copies = [label for label in side.program.labels if "to be seen" in weights(side, label).facts["note"]]
    assert copies  # tokens == x is read in attention, and written after it
    needed = library_side("frac_prevs", keep="needed")
    assert all(not needed.model.craft.space.of(label) for label in copies)
