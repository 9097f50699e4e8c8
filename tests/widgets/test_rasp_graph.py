"""RaspGraph as a whole: programs in, traits and answers out, wishes of the reader, pages without a kernel."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
import torch
import traitlets as t

from attrium import RaspGraph
from attrium.graph.saving import MOST_ASKED, MOST_SCORED
from attrium_kernel.attribution import IntegratedGradients
from attrium_kernel.rasp import (
    CompileError,
    EvaluationError,
    RaspError,
    aggregate,
    compile,
    full,
    indices,
    select,
    selector_width,
    tokens,
)
from attrium_kernel.rasp.library import PROGRAMS
from attrium_kernel.rasp.text import TextError
from tests.widgets.comms import Screen
from tests.widgets.rasp.conftest import one_thread  # noqa: F401
from tests.widgets.test_base import interface_names

ROOT = Path(__file__).resolve().parents[2]
SOURCE = (ROOT / "js/src/widgets/rasp_graph/protocol.ts").read_text(encoding="utf-8")
HIST = "same = select(tokens, tokens, ==);\nhist = selector_width(same);"


def histogram():
    return selector_width(select(tokens, tokens, "==").named("same")).named("hist")


def graph_of(program="reverse", *args, **options):
    widget = RaspGraph(program, *args, **options)
    assert widget.wait(30)
    return widget


def say(widget, **message):
    Screen(widget).say(message)
    assert widget.wait(30)


def facts(widget, question, **args):
    return widget.answer(question, {"side": 0, **args}).facts


# Programs


def test_a_library_program_opens_with_its_sample():
    w = graph_of("reverse")
    assert (w.tokens, w.vocabulary, w.example) == (list("abcca"), ["a", "b", "c"], "reverse")
    assert w.programs == ["reverse"] and w.version == w.run == 1 and w.problem is None
    assert w.values["reverse"] == list("accba") == w.compiled(w.tokens)
    assert w.model_values["reverse"] == list("accba")
    assert w.input == list("abcca")
    assert w.last_error is None and w.status["state"] == "idle"


def test_examples_are_the_library():
    w = graph_of()
    assert [each["name"] for each in w.examples] == list(PROGRAMS)
    assert set(w.examples[0]) == {"name", "family", "doc"}


def test_options_are_the_compilers():
    w = graph_of(histogram(), [1, 2], 5, causal=True, keep="needed", input=[2, 1, 2])
    assert (w.compiled.max_length, w.compiled.causal) == (5, True)
    assert w.values["hist"] == [1, 1, 2] == w.compiled([2, 1, 2])
    assert w.vocabulary == ["1", "2"] and w.tokens == ["2", "1", "2"] and w.input == [2, 1, 2]


def test_a_compiled_program_is_shown_as_it_is():
    compiled = compile(histogram(), "ab", 4, causal=True)
    w = graph_of(compiled)
    assert w.compiled is compiled and w.max_length == 4 and w.causal and w.vocabulary == ["a", "b"]


def test_rasp_text_is_a_program_with_its_code():
    w = graph_of(HIST, input="abca")
    assert w.code == HIST and w.language == "rasp" and w.programs == ["hist"]
    assert w.values["hist"] == [2, 1, 1, 2]


def test_an_input_to_begin_with_is_one_the_program_has_a_value_on():
    w = graph_of(1 / (tokens - 1), [0, 1, 2], 6)
    assert len(w.values.output) >= 4 and "1" not in w.tokens


def test_the_languages_own_programs_can_be_loaded_in_a_text():
    w = graph_of('load "dyckk_ptf";\nx = dyckk_ptf(["()", "{}"]);', "(){}", input="({}")
    assert w.values.output == PROGRAMS["dyck2_ptf"].build(10)("({}")


def test_the_code_of_an_s_op_is_python():
    w = graph_of(histogram(), "abc")
    assert w.language == "python" and "hist = selector_width(same)" in w.code


def test_errors_of_the_constructor_are_raised_at_once():
    with pytest.raises(RaspError, match="did you mean 'reverse'"):
        RaspGraph("revers")
    with pytest.raises(TextError, match="line 1"):
        RaspGraph("x = select(tokens")
    with pytest.raises(RaspError, match="position 1 is 'x'"):
        RaspGraph("reverse", input="ax")
    with pytest.raises(RaspError, match="the vocabulary is empty"):
        RaspGraph("reverse", [])
    with pytest.raises(RaspError, match="vocabulary=5; pass the values"):
        RaspGraph("reverse", 5)
    with pytest.raises(RaspError, match=r"max_length=2\.5; pass a whole number"):
        RaspGraph("reverse", max_length=2.5)
    with pytest.raises(TypeError, match="did you mean 'panel'"):
        RaspGraph("reverse", panle="code")


def test_an_empty_widget_says_so():
    w = RaspGraph()
    with pytest.raises(ValueError, match="there is no program yet"):
        _ = w.program
    reply = Screen(w)
    reply.say({"kind": "ask", "id": 1, "question": "graph", "args": {"side": 0}})
    assert "there is no program yet" in reply.replies()[-1][0]["message"]
    say(w, kind="load", name="sort")
    assert w.programs == ["sort"]


def test_a_program_that_does_not_compile_is_shown_with_its_problem():
    previous = select(indices, indices - 1, "==").named("previous")
    w = graph_of(aggregate(previous, tokens).named("before").encoded("numerical"), (1, 2), 5, input=[2, 1])
    assert w.problem["node"] == "before" and w.problem["message"].startswith("it is numerical and can be absent")
    assert w.code.splitlines()[w.problem["line"] - 1].startswith("before = ")
    assert w.last_error is None
    with pytest.raises(CompileError, match="before: it is numerical"):
        _ = w.compiled
    assert facts(w, "values")["output"] == [None, "2"]
    assert facts(w, "graph")["forecast"] is None
    with pytest.raises(ValueError, match="there is no model of before: before"):
        facts(w, "stream")


# Input and settings


def test_tokens_take_texts_values_and_spellings():
    w = graph_of("reverse")
    for given in ("cab", ["c", "a", "b"]):
        w.tokens = given
        assert w.tokens == list("cab") and facts(w, "values")["output"] == list("bac")
    assert w.run == 2
    with pytest.raises(t.TraitError, match=r"position 0 is 'x'.*not in the vocabulary"):
        w.tokens = "xy"
    with pytest.raises(t.TraitError, match="11 tokens, but .* max_length=10"):
        w.tokens = "a" * 11
    assert w.tokens == list("cab")


def test_what_is_set_before_the_program_is_compiled_is_kept():
    w = RaspGraph("reverse")
    w.tokens, w.node, w.ablated = "abb", "mirror", ["remaining"]
    assert w.compiled(w.tokens) == list("bba")
    assert (w.tokens, w.node, w.ablated) == (list("abb"), "mirror", ["remaining"])
    w.vocabulary = "abcd"
    w.tokens = "dad"
    w.wait()
    assert w.tokens == list("dad") == w.compiled(w.tokens)
    w = RaspGraph("reverse")
    w.check(20)  # takes the worker from the compiler, which is done first
    w.wait()
    assert w.checked["inputs"] == 20 and w.programs == ["reverse"]
    RaspGraph("sort").randomise()


def test_another_input_lets_go_of_what_is_no_longer_there():
    w = graph_of("reverse", position=4, cell=[0, 4], selection=[1, 4], node="mirror")
    assert (w.position, w.cell, w.selection) == (4, [0, 4], [1, 4])
    w.tokens = "ab"
    assert (w.position, w.cell, w.selection, w.node) == (-1, None, [1], "mirror")


def test_a_change_that_is_taken_back_leaves_nothing():
    w = graph_of("reverse")
    with pytest.raises(t.TraitError):
        w.set_state({"vocabulary": ["x", "y"], "tokens": ["z"]})
    assert w.vocabulary == ["a", "b", "c"]
    w.tokens = "ba"
    assert w.input == ["b", "a"]


def test_values_that_are_spelled_alike_are_told_apart():
    w = graph_of(histogram(), [1, "1"], input=[1, "1", 1])
    assert (w.vocabulary, w.tokens) == (["1", "'1'"], ["1", "'1'", "1"])
    assert w.input == [1, "1", 1] and w.values["hist"] == [2, 1, 2] == w.compiled(w.input)
    w.vocabulary = [1, "1", 2]
    w.wait()
    assert w.input == [1, "1", 1]


def test_a_storm_of_wishes_ends_in_the_last_of_each():
    w = graph_of("reverse")
    screen = Screen(w)
    for n in range(30):
        screen.say({"kind": "edit", "code": f"x = indices + {n};", "language": "rasp"})
        screen.set(max_length=5 + n % 7)
        if n % 5 == 0:
            screen.say({"kind": "load", "name": "sort"})
        if n % 4 == 0:
            screen.say({"kind": "check", "count": 5})
        screen.say({"kind": "random"})
        screen.say({"kind": "ask", "id": n, "question": "values", "args": {"side": 0}})
    assert w.wait(60)
    assert w.code == "x = indices + 29;" and w.values.output == [29 + i for i in range(len(w.tokens))]
    assert w.max_length == w.compiled.max_length == 5 + 29 % 7 and w.last_error is None
    assert set(w.tokens) <= set(w.vocabulary)
    kinds = {reply["kind"] for reply, _ in screen.replies()}
    assert kinds == {"answer"}


@pytest.mark.parametrize(
    ("trait", "value", "words"),
    [
        ("node", "nothing", "node='nothing', but the nodes are .*reverse"),
        ("focus", "nothing", "focus='nothing'"),
        ("ablated", ["nothing"], "ablated='nothing'"),
        ("position", 5, "there are 5 tokens"),
        ("cell", [0, 5], "there are 5 tokens"),
        ("selection", [9], "there are 5 tokens"),
        ("side", 1, "there is 1 program"),
        ("vocabulary", [], "the vocabulary is empty"),
    ],
)
def test_what_is_not_there_is_refused(trait, value, words):
    w = graph_of("reverse")
    before = getattr(w, trait)
    with pytest.raises(t.TraitError, match=words):
        setattr(w, trait, value)
    assert getattr(w, trait) == before


def test_settings_compile_anew_and_keep_what_fits():
    w = graph_of("reverse", node="mirror")
    w.max_length = 4
    w.wait()
    assert w.compiled.max_length == 4 and w.tokens == list("abcc") and w.node == "mirror" and w.version == 2
    w.vocabulary = [*w.vocabulary, "d"]
    w.wait()
    assert w.compiled("dad") == list("dad") and w.version == 3
    w.causal = True
    w.wait()
    assert w.compiled.causal and w.values["reverse"] != list("ccba")
    w.keep = "needed"
    w.wait()
    assert w.version == 5


def test_a_library_program_that_depends_on_the_length_is_built_anew():
    w = graph_of("long_addition", max_length=7)
    w.max_length = 9
    w.wait()
    assert w.program.same_as(PROGRAMS["long_addition"].build(9))


def test_the_readers_input_is_taken_or_refused_in_the_widget():
    w = graph_of("reverse")
    say(w, kind="input", tokens=["b", "a"])
    assert w.tokens == ["b", "a"]
    say(w, kind="input", tokens=["x"])
    assert w.status["state"] == "error" and w.status["message"].startswith("position 0 is 'x'")
    assert w.tokens == ["b", "a"]
    say(w, kind="input", tokens=["c"])
    assert w.status["state"] == "idle" and w.tokens == ["c"]


def test_random_inputs_are_ones_that_the_program_is_for():
    w = graph_of("sort_unique", max_length=5)
    seen = set()
    for _ in range(10):
        say(w, kind="random")
        assert len(set(w.tokens)) == len(w.tokens) >= 4
        seen.add(tuple(w.tokens))
    assert len(seen) > 3
    w.randomise(seed=3)
    again = graph_of("sort_unique", max_length=5)
    again.randomise(seed=3)
    assert w.tokens == again.tokens


# Code


def test_rasp_that_is_typed_is_compiled_and_errors_have_their_place():
    w = graph_of("reverse", node="mirror")
    say(w, kind="edit", code=HIST, language="rasp")
    assert (w.programs == ["hist"] and w.values["hist"] == [2, 1, 2, 2, 2][:0]) or w.values["hist"] == [2, 1, 2, 2, 2]
    assert (w.code, w.language, w.example, w.node, w.problem) == (HIST, "rasp", "", "", None)
    version = w.version
    say(w, kind="edit", code="x = select(tokens, tokens, ==;", language="rasp")
    assert (w.problem["line"], w.problem["column"]) == (1, 30) and "expected" in w.problem["message"]
    assert w.programs == ["hist"] and w.version == version  # what was there stays
    say(w, kind="edit", code=HIST, language="rasp")
    assert w.problem is None


def test_a_text_that_sets_an_example_brings_its_tokens():
    w = graph_of("reverse")
    say(w, kind="edit", code='set example "hello";\n' + HIST, language="rasp")
    assert w.tokens == list("hello") and set(w.vocabulary) == set("helo")
    assert w.values["hist"] == [1, 1, 2, 2, 1]


def test_python_runs_when_told_and_errors_have_their_line():
    w = graph_of("reverse")
    w.code = "raise SystemError('never')"  # alone, a trait runs nothing
    assert w.problem is None and w.programs == ["reverse"]
    say(w, kind="edit", code="same = select(tokens, tokens, '==')\nselector_width(same) + 1", language="python")
    assert w.problem is None and w.values.output == [3, 2, 3, 3, 3]
    say(w, kind="edit", code="x = tokens\nx.nothing()", language="python")
    assert w.problem["line"] == 2 and "AttributeError" in w.problem["message"]
    assert w.status["state"] == "idle"
    with pytest.raises(ValueError, match="language='c'"):
        w.edit("x", "c")


def test_a_node_that_does_not_compile_has_its_line():
    w = graph_of("reverse")
    say(w, kind="edit", code="every = full\nodd = numerical(aggregate(every, tokens))\nodd + 1", language="python")
    assert (w.problem["node"], w.problem["line"]) == ("odd", 2)


def test_python_without_an_end_is_cancelled():
    w = graph_of("reverse")
    w.edit("while True:\n    pass")
    time.sleep(0.05)
    assert w.status["state"] == "running"
    Screen(w).say({"kind": "cancel"})
    assert w.wait(10)
    assert w.status["message"] == "Cancelled" and w.programs == ["reverse"]


def test_the_code_of_python_functions_runs_again():
    offset = {"a": 5, "b": 7}
    w = graph_of(Map_of(lambda x: offset[x]), "ab", input="ab")
    w.edit(w.code + "\nmap_1 + 1")
    w.wait()
    assert w.problem is None and w.values.output == [6, 8]


def Map_of(f):
    from attrium_kernel.rasp import Map

    return Map(f, tokens)


def test_the_newest_edit_wins():
    w = graph_of("reverse")
    for factor in range(1, 6):
        w.edit(f"indices * {factor}")
    w.wait()
    assert w.values.output == [0, 5, 10, 15, 20]


def test_a_setting_that_follows_an_edit_belongs_to_it():
    w = graph_of("reverse")
    w.edit(HIST, "rasp")
    w.max_length = 7
    w.wait()
    assert w.programs == ["hist"] and w.compiled.max_length == 7


def test_settings_of_an_edit_that_fails_are_put_back():
    w = graph_of("reverse")
    w.edit("nonsense(", "python")
    w.vocabulary = ["x", "y"]
    w.wait()
    assert w.problem["line"] == 1 and w.vocabulary == ["a", "b", "c"] == list(w.compiled.craft.vocabulary[2:5])
    w.tokens = "ba"
    assert w.values["reverse"] == ["a", "b"]


def test_loading_changes_program_vocabulary_and_input():
    w = graph_of("reverse", ablated=["remaining"])
    w.example = "sort"
    w.wait()
    assert (w.programs, w.vocabulary, w.ablated) == (["sort"], ["1", "2", "3"], [])
    say(w, kind="load", name="nothing")
    assert w.status["state"] == "error" and "no program 'nothing'" in w.status["message"]
    w.explore(histogram(), vocabulary="xy", tokens="xyx")
    w.wait()
    assert w.values["hist"] == [2, 1, 2] and w.example == ""


# Two programs


def test_two_programs_have_a_side_each():
    w = graph_of("reverse", other=histogram())
    assert w.programs == ["reverse", "hist"]
    assert w.answer("values", {"side": 1}).facts["output"] == ["2", "1", "2", "2", "2"]
    w.side = 1
    assert w.program.labels[-1] == "hist" and "hist" in w.code and w.example == ""
    w.node = "same"
    say(w, kind="edit", code="indices * 2", language="python")
    assert w.programs == ["reverse", "map_1"] and w.side == 1
    say(w, kind="counterexample")
    assert w.checked["wrong"] == 1 and w.tokens == w.checked["example"] == ["a"]


# Checks, ablation, attribution


def test_a_check_of_many_inputs_is_a_job_with_a_result():
    w = graph_of("reverse")
    say(w, kind="check", count=30)
    assert (w.checked["inputs"], w.checked["wrong"]) == (30, 0)
    w.load("sort")
    w.wait()
    assert w.checked is None
    say(w, kind="counterexample")
    assert w.checked["wrong"] == 0 and w.checked["inputs"] >= 1000
    say(w, kind="check", count=0)
    assert w.status["state"] == "error" and "count=0" in w.status["message"]


def test_an_ablated_node_changes_the_models_answer_and_nothing_else():
    w = graph_of("reverse")
    w.ablated = ["remaining"]
    found = facts(w, "values")
    assert w.run == 2 and w.version == 1
    assert found["output"] == list("accba") != found["ablated"]
    assert found["model"]["remaining"] == found["values"]["remaining"]
    assert w.model_values["remaining"] == [None] * 5
    assert w.compiled(w.tokens) == list("accba")
    w.ablated = []
    assert facts(w, "values")["ablated"] is None


def test_every_question_of_the_protocol_is_answered():
    w = graph_of("reverse")
    w.compress(9, 1)
    assert w.wait(60)
    asked = set(re.findall(r"answer to `(\w+)", SOURCE))
    assert asked == {"graph", "values", "node", "stream", "check", "attribution", "dependencies", "compression"}
    args = {"node": {"label": "mirror"}, "attribution": {"method": "Saliency", "position": 0},
            "dependencies": {"label": "reverse", "position": 0}, "compression": {"width": 9}}  # fmt: skip
    for question in asked:
        assert json.dumps(facts(w, question, **args.get(question, {})))
    with pytest.raises(ValueError, match="no answer to 'weather'"):
        w.answer("weather", {})
    with pytest.raises(ValueError, match="side=2"):
        w.answer("graph", {"side": 2})


def test_problems_and_checks_are_those_of_the_protocol():
    w = graph_of("reverse")
    say(w, kind="check", count=1)
    assert set(w.checked) == set(interface_names(SOURCE, "Checked"))
    say(w, kind="edit", code="(", language="python")
    assert set(w.problem) == {"message", "line", "column", "node"}


def test_an_input_without_a_value_says_where():
    w = graph_of(aggregate(full, tokens).named("mean"), "ab", 5, input="ab")
    found = facts(w, "values")
    assert found["problem"]["node"] == "mean" and found["output"] == []
    with pytest.raises(EvaluationError):
        _ = w.values


# Other widgets, and pages


def test_the_model_opens_in_the_other_explorers():
    w = graph_of("reverse")
    explorer = w.transformer_explorer(title="Inside")
    assert explorer.wait(60) and explorer.last_error is None
    assert [token["text"] for token in explorer.tokens] == ["BOS", *"abcca"] and explorer.title == "Inside"
    pattern = explorer.trace["blocks.1.attn.pattern"][0]
    attention = w.attention_explorer(layer=1)
    assert attention.wait(60) and attention.last_error is None
    torch.testing.assert_close(attention.values, pattern[0].float())
    selected = w.values["mirror"]
    assert (pattern[0][1:, 1:].argmax(-1).numpy() == selected.argmax(1)).all()


def test_a_saved_page_can_be_stepped_through(tmp_path):
    w = graph_of("reverse")
    page = w.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    state = json.loads(re.search(r'id="attrium-state">(.*?)</script>', page, re.S)[1].replace("\\u003c", "<"))
    (answers,) = [m["kept"]["answers"] for m in state["models"].values() if m["kept"]["answers"]]
    kept = {key.split("\n")[0] for key in answers}
    assert kept == {"graph", "values", "stream", "check", "node", "attribution", "dependencies"}
    assert sum(key.startswith("node\n") for key in answers) == len(w.program)
    assert sum(key.startswith("dependencies\n") for key in answers) == 5 * len(w.program)
    assert all("facts" in answer for answer in answers.values())
    needs = next(m["state"]["_needs_kernel"] for m in state["models"].values() if m["kept"]["answers"])
    assert {"tokens", "ablated", "example"} <= set(needs) and not {"node", "position", "step", "panel"} & set(needs)
    values = next(a for key, a in answers.items() if key.startswith("values"))
    assert values["facts"]["output"] == list("accba")


def test_a_saved_page_is_bounded():
    w = graph_of("sort_freq", max_length=20, input="abcabcabcabcabcabcab")
    asked = list(w.saved_questions())
    assert len(asked) < MOST_ASKED + MOST_SCORED + 100
    assert len(asked) == len(set(map(repr, asked)))


def test_a_widget_opens_small():
    w = RaspGraph("reverse")
    state = {k: v for k, v in Screen(w).opened().items() if not k.startswith("_")}
    assert len(json.dumps(state)) < 20_000


def test_indices_alone_are_a_program():
    w = graph_of(indices, "ab", 4, input="ab")
    assert w.values.output == [0, 1] == w.compiled("ab")


def test_any_attribution_method_stands_beside_the_others():
    widget = RaspGraph("reverse", input="abca")
    widget.wait()
    widget.methods["200 steps"] = IntegratedGradients(n_steps=200)
    facts = widget.answer("attribution", {"position": 1, "method": "200 steps"}).facts
    assert facts["methods"][-1] == "200 steps" and facts["truth"] == [False, False, True, False]
    model, ids = widget.compiled.model, widget.compiled.ids(["abca"])
    target = (2, int(model(ids).logits[0, 2].argmax()))
    found = IntegratedGradients(n_steps=200).attribute(model, ids, target=target, at=model.token_embedding)
    assert facts["scores"] == pytest.approx(found.values[0, 1:].sum(-1).tolist(), abs=1e-5)
    assert "200 steps" not in RaspGraph("reverse").methods
    asked = [args for question, args in widget.saved_questions() if question == "attribution"]
    assert any(args["method"] == "200 steps" for args in asked)
