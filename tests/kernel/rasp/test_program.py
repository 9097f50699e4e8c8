"""Programs: order, labels, one node for what is written alike, and the same program after saving and opening."""

from __future__ import annotations

import copy
import json
import pickle
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attrium_kernel import rasp
from attrium_kernel.rasp import (
    Constant,
    Elementwise,
    LinearSequenceMap,
    Map,
    Program,
    RaspError,
    SequenceMap,
    aggregate,
    full,
    indices,
    length,
    numerical,
    select,
    selector_width,
    tokens,
)

from . import programs
from .agreement import all_inputs, meaning


def hist():
    return selector_width(select(tokens, tokens, "=="))


# ---- order and sharing


def test_every_node_comes_after_its_inputs():
    for seed in range(100):
        program = programs.grow(Random(f"order {seed}")).program
        for node in program:
            assert all(program.index(child) < program.index(node) for child in program.inputs(node))
        assert program.nodes[-1] is program.output


def test_what_is_written_twice_is_one_node():
    assert Program(hist() + hist()).labels == ("tokens", "select_1", "selector_width_1", "sequence_map_1")
    assert len(Program(SequenceMap("x + y", Map("x + 1", tokens), Elementwise("x + 1", tokens)))) == 3


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (tokens + 1, tokens + 2),
        (tokens + 1, tokens + 1.0),
        (numerical(tokens + 1), tokens + 1),
        (aggregate(full, tokens), aggregate(full, tokens, 0)),
        (aggregate(full, tokens, 0), aggregate(full, tokens, False)),
        (aggregate(full, tokens), aggregate(full, tokens, reduce="max")),
        (selector_width(select(tokens, indices)), selector_width(select(indices, tokens))),
        (selector_width(select(tokens, tokens, "<")), selector_width(select(tokens, tokens, "<="))),
        (SequenceMap("x - y", tokens, indices), SequenceMap("x - y", indices, tokens)),
        (LinearSequenceMap(tokens, indices, 1, 2), LinearSequenceMap(tokens, indices, 2, 1)),
        (selector_width(full & full), selector_width(full | full)),
    ],
    ids=lambda x: Program(x).to_text().splitlines()[-1][:30],
)
def test_what_differs_stays_apart(a, b):
    assert not Program(a).same_as(b) and not Program(b).same_as(a)
    both = Program(SequenceMap("(x, y)", a, b))
    assert both.node(a) is not both.node(b)


def test_names_do_not_make_programs_differ():
    assert Program(hist().named("hist")).same_as(hist())
    assert Program(hist().named("a") + hist().named("b")).same_as(hist() + hist())


def test_nodes_are_found_by_label_and_by_expression():
    a, b = hist().named("hist"), hist()
    program = Program(a + b)
    assert program.node("hist") is program.node(a) is program.node(b)
    assert program.label(b) == "hist" and program.is_named(b) and not program.is_named(program.output)
    with pytest.raises(RaspError, match="no node is labelled 'other'; the nodes are tokens, select_1, hist, "):
        program.node("other")
    with pytest.raises(RaspError, match="is not in this program"):
        program.node(indices)


# ---- labels


def test_labels_are_the_same_each_time():
    build = lambda: Program((hist() + 1).named("out") * hist())  # noqa: E731
    assert build().labels == build().labels


def test_labels_never_collide():
    """Two nodes of one name, names that look like running labels, and names of the built-in s-ops."""
    x = (tokens + 1).named("x")
    y = (tokens + 2).named("x")
    z = (tokens + 3).named("x_2")
    w = (tokens + 4).named("map_1")
    v = tokens + 5
    program = Program(Elementwise("x0 + x1 + x2 + x3 + x4", x, y, z, w, v))
    assert len(set(program.labels)) == len(program.labels) == 7
    assert program.label(x) == "x" and program.label(z) == "x_2" and program.label(w) == "map_1"
    found = rasp.run(program, [1])
    assert [found[node][0] for node in (x, y, z, w, v)] == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("name", ["tokens", "indices"])
def test_a_node_may_be_named_like_a_built_in(name):
    program = Program(SequenceMap("x + 10 * y", (tokens + 1).named(name), indices))
    again = Program.from_json(program.to_json())
    assert again.output([1, 2]) == program.output([1, 2]) == [2, 13]


# ---- saving


def equal_meaning(a, b, sample):
    inputs = list(all_inputs(sample.vocabulary, sample.max_length))[::7]
    return meaning(a, inputs, sample.causal) == meaning(b, inputs, sample.causal)


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False))
def test_an_opened_program_is_the_one_that_was_saved(random):
    sample = programs.grow(random)
    again = Program.from_json(sample.program.to_json())
    assert again.same_as(sample.program) and again.labels == sample.program.labels
    assert again.to_dict() == sample.program.to_dict()
    assert equal_meaning(again, sample.program, sample)


def test_saving_is_plain_json(tmp_path):
    program = Program((hist() * Constant((1, "a", None))).named("out"))
    path = tmp_path / "program.json"
    text = program.to_json(path)
    assert json.loads(text) == json.loads(path.read_text(encoding="utf-8")) == program.to_dict()
    assert Program.from_json(path).same_as(program) and Program.from_json(str(path)).same_as(program)


@pytest.mark.parametrize(
    "output",
    [numerical(indices), numerical(tokens) + 1, tokens.named("given"), tokens.named("given") + indices.named("place")],
    ids=["numerical indices", "numerical tokens", "named tokens", "both named"],
)
def test_encodings_and_names_of_the_input_are_saved(output):
    program = Program(output)
    again = Program.from_json(program.to_json())
    assert again.same_as(program) and again.labels == program.labels


def test_names_are_saved_and_running_labels_are_not_names():
    program = Program.from_json(Program(hist().named("hist") + 1).to_json())
    assert program.is_named("hist") and not program.is_named("select_1") and not program.is_named("map_1")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"program": [{"id": "a", "op": "map", "x": "other", "f": "x"}], "output": "a"}, "a: 'other' is missing"),
        ({"program": [{"id": "a", "op": "map", "f": "x"}], "output": "a"}, "a: 'x' is missing"),
        ({"program": [{"id": "a", "op": "fly"}], "output": "a"}, "a: 'fly' is not an op"),
        ({"program": [], "output": "a"}, "the output 'a' is not one of the nodes: tokens, indices"),
        ({"program": [{"id": "a", "op": "map", "x": "tokens", "f": "open(x)"}], "output": "a"}, "only these can be"),
        ({"program": [{"id": "a", "op": "selector_width", "selector": "tokens"}], "output": "a"}, "expected a sel"),
        ({"program": [{"id": "a", "op": "full", "fill": [1]}], "output": "a"}, "is not a value of a program"),
        ({"program": [{"op": "map", "x": "tokens", "f": "x"}], "output": "a"}, "'id' is missing"),
        ({"program": [{"id": "a", "x": "tokens", "f": "x"}], "output": "a"}, "a: 'op' is missing"),
        ({"program": []}, "output"),
        ({"output": "tokens"}, "program"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_file_is_refused_with_the_node(data, words):
    with pytest.raises(RaspError, match=words.replace("(", r"\(")):
        Program.from_dict(data)


def test_a_text_that_is_no_json_is_refused(tmp_path):
    with pytest.raises(RaspError):
        Program.from_json('{"program": [')


def test_to_text_has_a_line_per_node_and_differs_with_the_program():
    lines = Program(numerical(hist().named("hist"))).to_text().splitlines()
    assert lines == [
        "tokens = tokens()",
        "select_1 = select(tokens, tokens)  key == query",
        "hist = selector_width(select_1)  [numerical]",
    ]
    assert Program(aggregate(full, tokens, 0)).to_text() != Program(aggregate(full, tokens, 1)).to_text()


def test_length_is_a_node_of_its_own():
    assert Program(length).labels[-1] == "length" and length("abc") == [3, 3, 3]


# ---- copies, and what is no program


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["copy", "pickle"])
def test_a_copy_of_a_compiled_program_knows_its_nodes(copied):
    """Nodes are known by their ids, which a copy has anew."""
    hist = selector_width(select(tokens, tokens, "==")).named("hist")
    compiled = rasp.compile(hist * 2, "ab", 3)
    again = copied(compiled)
    assert again("aab") == compiled("aab") == [4, 4, 2]
    assert again.check("aab") is None
    assert again.program.labels == compiled.program.labels and again.program.same_as(compiled.program)
    assert again.values == compiled.values


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (rasp.library.PROGRAMS["hist"], r"pass what its build\(\) makes"),
        (rasp.text.load("hist = selector_width(select(tokens, tokens, ==));"), "pass one of its s-ops: hist"),
        ("hist", "rasp.text.load"),
        (None, "pass an s-op or a selector"),
    ],
    ids=["of the library", "of a text", "text", "none"],
)
def test_what_is_no_program_is_refused_in_a_line_that_says_what_to_pass(given, words):
    with pytest.raises(rasp.RaspError, match=words) as caught:
        rasp.compile(given, "ab", 3)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"device": "cud"}, "device is 'cud'"),
        ({"bos": 1}, "pass two texts"),
        ({"max_length": 2.0}, "whole number"),
        ({"vocabulary": [np.int64(1)]}, "int64.*plain finite numbers"),
    ],
    ids=str,
)
def test_options_that_are_wrong_are_refused_with_what_is_right(options, words):
    with pytest.raises(rasp.RaspError, match=words):
        rasp.compile(**{"program": tokens, "vocabulary": "ab", "max_length": 2, **options})


@pytest.mark.parametrize("given", [5, None], ids=repr)
def test_an_input_that_has_no_tokens_is_refused(given):
    compiled = rasp.compile(tokens, "ab", 2)
    for call in (compiled, compiled.check, compiled.node_values, compiled.streams):
        with pytest.raises(rasp.RaspError, match="pass a text or a list"):
            call(given)
    assert compiled.decode_batch([]) == []


def test_an_output_with_too_many_values_says_so():
    pairs = SequenceMap("(x, y)", selector_width(select(tokens, tokens, "==")), tokens).named("pairs")
    with pytest.raises(rasp.CompileError, match=r"pairs: .*more than 4,096 values, too many"):
        rasp.compile(pairs, range(100), 100)
