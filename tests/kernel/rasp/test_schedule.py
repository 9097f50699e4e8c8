"""Where the parts go: no more layers than the longest chain needs, one head for one selector, level layers."""

from __future__ import annotations

import pytest
import torch

from attrium_kernel import rasp
from attrium_kernel.rasp import aggregate, indices, length, numerical, select, selector_width, tokens
from attrium_kernel.rasp.library import PROGRAMS

VOCABULARY = (1, 2, 3)


def entry(compiled: rasp.Compiled, node: str, half: str):
    return next(e for e in compiled.schedule.entries if e.node == node and e.half == half)


@pytest.mark.parametrize(
    ("name", "layers"),
    # what RASP's own analysis needs, which takes elementwise work for free (tables of the RASP paper's compiler)
    [("length", 1), ("hist", 1), ("reverse", 2), ("sort", 2), ("sort_by_most_freq", 3), ("dyck1_ptf", 2)],
)
def test_layers_are_as_few_as_rasps_own_analysis_says(name: str, layers: int):
    example = PROGRAMS[name]
    assert rasp.forecast(example.build(8), example.vocabulary, 8).layers == layers


def test_every_part_comes_after_what_it_reads():
    for example in PROGRAMS.values():
        compiled = rasp.compile(example.build(6), example.vocabulary, 6, causal=example.causal)
        last: dict[str, float] = {}
        for e in compiled.schedule.entries:
            assert e.earliest <= e.layer <= e.latest < compiled.schedule.layers
            for read in e.reads:
                if read in last:
                    at = e.layer + (0.5 if e.half == "mlp" else 0)
                    assert last[read] <= at
            last[e.node] = min(last.get(e.node, 99), e.layer + (0.5 if e.half == "mlp" else 0.0))


def test_two_aggregates_over_one_selector_share_a_head():
    before = select(indices, indices, "<=")
    both = numerical(aggregate(before, tokens == 1, 0) + aggregate(before, tokens == 2, 0) * 2)
    compiled = rasp.compile(both, VOCABULARY, 6)
    (head,) = compiled.craft.layers[0].heads
    assert len(head.nodes) == 2
    assert compiled.forecast.heads == 1


def test_selectors_written_alike_are_one():
    a = aggregate(select(indices, indices - 1, "=="), tokens, 0)
    b = aggregate(select(indices, indices - 1, "=="), tokens == 2, 0)
    compiled = rasp.compile((a == 2) & b, VOCABULARY, 5)
    assert compiled.forecast.heads == 1


def test_parts_with_time_to_spare_are_moved_to_level_the_heads():
    """Five heads in three layers: as early as possible three are in the first, levelled no layer has more than two."""
    first = selector_width(select(tokens, 1))
    second = selector_width(select(tokens, first, "<"))  # layer 1
    third = selector_width(select(tokens, second, "<"))  # layer 2
    other = [aggregate(select(indices, indices - k, "=="), tokens, 0) for k in (1, 2)]
    program = (third + second) % 2 + other[0] * 10 + other[1] * 100
    compiled = rasp.compile(program, VOCABULARY, 4)
    assert compiled.schedule.layers == 3
    assert compiled.schedule.complete
    assert compiled.forecast.heads == 2
    assert compiled([1, 2, 3, 1]) == program([1, 2, 3, 1])


def test_an_aggregate_waits_for_one_over_the_same_selector():
    n = length
    late = aggregate(select(indices, n - 1, "=="), tokens == 1)
    with_it = aggregate(select(indices, n - 1, "=="), tokens)
    compiled = rasp.compile(late & (with_it == 1), VOCABULARY, 5)
    assert sum(len(layer.heads) for layer in compiled.craft.layers) == 2  # length, and one for both


def test_the_schedule_reads_as_text():
    compiled = rasp.compile(aggregate(select(indices, length - indices - 1), tokens).named("reverse"), "abc", 5)
    text = str(compiled.schedule)
    assert "0 attention  length" in text
    assert "1 attention  reverse" in text
    assert entry(compiled, "reverse", "attention").heads == 1


def test_counts_and_steps_are_exact_in_float32():
    """One-hot vectors of counts up to 100 hold 0 and 1 to the last bit, after any of the lengths."""
    same = selector_width(select(tokens, tokens)).named("hist")
    compiled = rasp.compile(same, ("a", "b"), 100)
    places = [i for i, d in enumerate(compiled.craft.space.directions) if d.node == "hist" and d.role == "value"]
    inputs = [["a"] * n + ["b"] * (100 - n) for n in range(101)]
    with torch.no_grad():
        output = compiled.model(compiled.ids(inputs), output_hidden_states=True)
    one_hot = output.hidden_states[-1][:, 1:, places]
    assert ((one_hot == 0) | (one_hot == 1)).all()
    assert (one_hot.sum(-1) == 1).all()
    assert (output.hidden_states[-1][:, 0, places] == 0).all()  # nothing at the BOS


def test_the_residual_dimensions_are_in_the_programs_order():
    hist = selector_width(select(tokens, tokens)).named("hist")
    compiled = rasp.compile(aggregate(select(hist, 1), indices, -1, reduce="max").named("last_single"), "ba", 3)
    labels = compiled.craft.space.labels
    assert labels[:4] == ["bos", "pad", "tokens:a", "tokens:b"]
    # a token is one of its own kind, so that a count of 0 has no dimension
    assert [label for label in labels if label.startswith("hist")] == ["hist", "hist:1", "hist:2", "hist:3"]
    assert labels.index("indices:0") < labels.index("hist:1") < labels.index("last_single:-1")
    assert rasp.compile(compiled.program, "ba", 3).craft.space.labels == labels
