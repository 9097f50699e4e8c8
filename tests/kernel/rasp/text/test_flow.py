"""Layers and heads by RASP's rule, against the published counts."""

from __future__ import annotations

import pytest

from attrium_kernel.rasp import Program, forecast, tokens
from attrium_kernel.rasp.text import flow, load, program

from .test_compiled_programs import SMALL

# Heads per layer that the original implementation prints for the same program.
PUBLISHED = {
    "hist_bos": [1],
    "hist2_bos": [2, 1],
    "reverse": [1, 1],
    "sort_bos": [1, 1],
    "sort_by_most_freq": [2, 1, 1],
    "dyck1_ptf": [1, 1],
}
LAYERS = {**{name: len(heads) for name, heads in PUBLISHED.items()}, "hist_nobos": 1, "dyck2_ptf": 4, "dyck3_ptf": 4}
LAYERS["long_addition"] = 5


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_program_has_the_published_heads_in_each_layer(name: str) -> None:
    assert [len(layer.heads) for layer in flow(program(name)[name])] == [0, *PUBLISHED[name]]


@pytest.mark.parametrize("name", LAYERS)
def test_a_program_has_the_published_number_of_layers(name: str) -> None:
    assert len(flow(program(name)[name])) == LAYERS[name] + 1


@pytest.mark.parametrize(
    ("text", "heads"),
    [("length", [1]), ("shift(tokens, 1)", [1]), ("sort(tokens, tokens)", [1, 1]), ("tokens", [])],
)
def test_library_functions_have_the_published_number_of_layers(text: str, heads: list[int]) -> None:
    assert [len(layer.heads) for layer in flow(load(f"x = {text};")["x"])] == [0, *heads]


@pytest.mark.parametrize("name", SMALL)
def test_a_compiled_program_has_no_fewer_layers(name: str) -> None:
    mine = program(name)[name]
    assert forecast(mine, tuple(SMALL[name][0]), 6).layers >= len(flow(mine)) - 1


def test_every_s_op_stands_in_one_layer_after_what_it_reads() -> None:
    graph = Program(program("dyck2_ptf")["dyck2_ptf"])
    place: dict[str, int] = {}
    for i, layer in enumerate(flow(graph)):
        for node in (*layer.elementwise, *(gather for head in layer.heads for gather in head.gathers)):
            assert graph.label(node) not in place
            place[graph.label(node)] = i
    for label, i in place.items():
        for child in graph.inputs(graph.node(label)):
            if graph.label(child) in place:
                assert place[graph.label(child)] <= i


def test_values_that_one_selector_takes_in_one_layer_share_a_head() -> None:
    x = load("s = select(indices, 0, ==); x = aggregate(s, tokens) == aggregate(s, tokens_str);")["x"]
    layers = flow(x)
    assert [len(layer.heads) for layer in layers] == [0, 1]
    assert len(layers[1].heads[0].gathers) == 2
    assert flow(tokens)[0].elementwise == (tokens,)
