"""Names that a model has for its parts, and how the two explorers of models show them."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from attrium import AttentionExplorer, TransformerExplorer
from attrium.errors import DataError
from attrium.naming import DEPTHS, LONGEST, MOST, fitting, names_of
from attrium_kernel import rasp
from attrium_kernel.rasp.library import PROGRAMS

PROTOCOL = Path(__file__).resolve().parents[2] / "js/src/widgets/transformer_explorer/protocol.ts"


def compiled(name, length=5):
    example = PROGRAMS[name]
    return rasp.compile(example.make(length), example.vocabulary, max_length=length, causal=example.causal)


def explorer_of(name, text, **keywords):
    made = compiled(name)
    widget = TransformerExplorer(made.model, made.tokenizer, text, tour=None, **keywords)
    assert widget.wait(30)
    assert widget.last_error is None
    return made.model.config, widget


class Holder:
    def __init__(self, names):
        self.axis_names = names


def test_the_protocol_has_the_kinds_of_names():
    body = re.search(r"export interface Names \{(.*?)\n\}", PROTOCOL.read_text(encoding="utf-8"), re.S)
    assert re.findall(r"^  (\w+)\?:", body[1], re.M) == list(DEPTHS)


def test_names_are_the_compilers():
    config, widget = explorer_of("sort", "3 1 2 1")
    names = widget.model["names"]
    assert names["dimensions"] == list(config.labels)
    assert names["heads"] == [list(row) for row in config.heads] and names["heads"][1][0] == "to_place"
    assert names["units"] == [list(row) for row in config.units]
    assert names["compared"] == [[list(head) for head in row] for row in config.compared]
    assert names["moved"] == [[list(head) for head in row] for row in config.moved]
    assert names["positions"][:2] == ["BOS", "index 0"]


def test_named_numbers_of_a_head_are_written_to_the_dimension_of_that_name():
    config, block = (model := compiled("reverse").model).config, model.blocks[1]
    for place, name in enumerate(config.moved[1][0]):
        written = block.attention.output.weight[:, place]
        assert written.nonzero().flatten().tolist() == [config.labels.index(name)]


def test_a_number_that_the_model_puts_out_is_not_called_bos():
    _, widget = explorer_of("frac_prevs", "x a x x")
    answer = widget.answer("logits", {"position": 4})
    assert answer.facts["top"] == [{"id": 0, "text": "frac_prevs"}]
    assert answer.facts["next"] is None
    assert widget.answer("lens", {"start": 0, "stop": 5}).facts["token"]["text"] == "frac_prevs"
    assert widget.answer("contributions", {"position": 4}).facts["token"]["text"] == "frac_prevs"
    assert widget.answer("texts", {"ids": [0]}).facts == {"0": "frac_prevs"}
    assert widget.tokens[0]["text"] == "BOS"


def test_outputs_that_are_tokens_still_have_a_next_one():
    _, widget = explorer_of("reverse", "a b c")
    answer = widget.answer("logits", {"position": 1})
    assert answer.facts["next"] == widget.ids[2]
    assert answer.facts["top"][0]["text"] == "c"


def test_names_given_take_the_place_of_the_models():
    _, widget = explorer_of("reverse", "a b", names={"heads": [["counts"], ["<b>turns</b>"]]})
    assert widget.model["names"] == {"heads": [["counts"], ["<b>turns</b>"]]}
    for wrong in ("heads", {"head": []}):
        with pytest.raises(DataError, match="names"):
            TransformerExplorer(compiled("reverse").model, names=wrong)
        with pytest.raises(DataError, match="names"):
            AttentionExplorer(torch.eye(2)[None, None, None], names=wrong)


class Refuses(nn.Module):
    @property
    def axis_names(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "model",
    [None, object(), nn.Linear(1, 1), Refuses(), Holder(7), Holder({"heads": 3, "units": "abc", "dimensions": [[]]})],
)
def test_models_without_names_have_none(model):
    assert names_of(model) == {} or names_of(model) == {"dimensions": [""]}


def test_what_is_no_name_is_empty_and_long_names_are_cut():
    found = names_of(Holder({"dimensions": ["a\n b", None, 3, object(), "x" * 999], "outputs": ["y"] * (MOST + 1)}))
    assert found == {"dimensions": ["a b", "", "3", "", "x" * (LONGEST - 1) + "…"]}


def test_names_that_are_too_many_are_left_out():
    names = {"heads": [["a", "b"], ["c"]], "dimensions": ["d"], "positions": ["e"]}
    assert fitting(names, {"heads": (2, 2), "dimensions": (1,)}) == names
    assert fitting(names, {"heads": (2, 1), "dimensions": (0,)}) == {"positions": ["e"]}


def test_wrong_names_of_a_model_leave_numbers_and_tokens():
    given = {"heads": [["a"] * 9], "outputs": [f"o{n}" for n in range(99)], "dimensions": 4}
    _, widget = explorer_of("reverse", "a b", names=given)
    assert widget.model["names"] == {}
    assert widget.answer("logits", {"position": 1}).facts["top"][0]["text"] == "b"


def test_an_exported_gpt2_keeps_the_names():
    pytest.importorskip("transformers")
    made = rasp.compile(PROGRAMS["num_prev"].make(5), PROGRAMS["num_prev"].vocabulary, max_length=5, causal=True)
    exported = made.to_gpt2()
    names = names_of(exported.model)
    assert names["heads"] == [list(row) for row in made.model.config.heads]
    assert names["dimensions"] == exported.model.config.residual_labels


def test_attention_has_the_names_of_its_heads_for_each_run():
    one, two = compiled("reverse"), compiled("reverse")
    widget = AttentionExplorer((one.model, one.tokenizer), (two.model, two.tokenizer), text="a b c")
    assert widget.wait(30)
    assert widget.last_error is None
    assert [run["heads"] for run in widget.runs] == [{"self": [["later"], ["mirror"]]}] * 2


def test_attention_alone_may_be_given_names():
    attention = torch.full((3, 1, 2, 4, 4), 0.25)
    names = {"heads": [["first", "second"], [], ["a", "b", "too many"]]}
    assert AttentionExplorer(attention, names=names).runs[0]["heads"] == {"self": [["first", "second"], [], []]}
    assert "heads" not in AttentionExplorer(attention).runs[0]
