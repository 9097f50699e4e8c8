"""TextAttribution: tokens and scores that belong together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets as t

from attrium import FeatureAblation, FromInputs, IntegratedGradients, TextAttribution
from attrium.errors import DataError, LengthError
from attrium_kernel.attribution import Attribution
from tests.widgets.comms import Screen
from tests.widgets.models import WordSum, encode

TOKENS = ["<script>alert(1)</script>", "fine", "film"]


def test_tokens_travel_as_text_and_scores_exactly():
    widget = TextAttribution(TOKENS, torch.tensor([0.5, -1.0, 2.0]))
    assert Screen(widget).opened()["tokens"] == TOKENS
    (scores,) = Screen(widget).updates("scores")
    assert np.frombuffer(scores["data"], "<f4").tolist() == [0.5, -1.0, 2.0]
    assert scores["shape"] == [3]


def test_each_token_is_a_word_unless_words_are_given():
    assert TextAttribution(TOKENS).words == [0, 1, 2]
    assert TextAttribution(TOKENS, words=[0, 0, -1], special=[False, False, True]).words == [0, 0, -1]


def test_the_selection_indexes_the_scores():
    widget = TextAttribution(TOKENS, np.array([0.5, -1.0, 2.0]))
    Screen(widget).set(selection=[2, 0])
    assert widget.selection == [0, 2]
    assert widget.values[widget.selection].tolist() == [0.5, 2.0]
    matrix = TextAttribution(TOKENS, torch.eye(3), outputs=["a", "b", "c"], selection=[1])
    assert matrix.values[:, matrix.selection].tolist() == [[0.0], [1.0], [0.0]]


def test_no_two_widgets_share_a_selection():
    one, other = TextAttribution(TOKENS), TextAttribution(TOKENS)
    one.selection = [1]
    assert other.selection == []
    assert one.selection is not other.selection


def test_a_matrix_has_a_row_for_each_output_and_the_row_can_be_chosen():
    widget = TextAttribution(TOKENS, torch.zeros(2, 3), outputs=["so", "what"])
    Screen(widget).set(row=1)
    assert widget.row == 1
    with pytest.raises(t.TraitError, match="row=2, but there are 2 outputs; pass 0 <= row <= 1"):
        widget.row = 2


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"scores": torch.zeros(4)}, r"shape \(4,\) for 3 tokens; expected \(3,\) or \(outputs, 3\)"),
        ({"scores": torch.zeros(1, 3, 8)}, "sum over the embedding's width"),
        ({"scores": torch.zeros(2, 3), "outputs": ["a"]}, "2 rows but there are 1 outputs"),
        ({"scores": torch.zeros(2, 3)}, "2 rows but there are 0 outputs; pass outputs="),
        ({"words": [1, 2]}, "2 words for 3 tokens; pass one for each token"),
        ({"special": [True]}, "1 special for 3 tokens"),
    ],
)
def test_lengths_that_differ_are_told_apart(keywords, words):
    with pytest.raises(LengthError, match=words):
        TextAttribution(TOKENS, **keywords)


def test_a_selection_beyond_the_tokens_is_refused():
    with pytest.raises(t.TraitError, match="there are 3 tokens; pass 0 <= index < 3"):
        TextAttribution(TOKENS).selection = [3]
    with pytest.raises(t.TraitError, match="list of indices"):
        TextAttribution(TOKENS).selection = "no"


def attribute(method, **keywords) -> Attribution:
    text = encode("37")
    inputs = {"input_ids": text.input_ids}
    return method.attribute(WordSum(), inputs, target=1, kwargs={"attention_mask": text.attention_mask}, **keywords)


def test_an_attribution_at_the_embedding_is_summed_over_its_width():
    found = attribute(
        IntegratedGradients(), at="embedding", baselines=FromInputs({"input_ids": torch.zeros(1, 4).long()})
    )
    widget = TextAttribution.from_attribution(found, ["^", "3", "7", "$"], classes=["few", "many"])
    assert widget.values.tolist() == pytest.approx([0, 3, 7, 0], abs=1e-4)
    assert widget.caption["target"] == "many"
    assert widget.caption["score"] == pytest.approx(10)
    assert widget.caption["method"] == "Integrated gradients at embedding"


def test_an_attribution_of_ids_is_taken_from_the_one_input_it_has():
    widget = TextAttribution.from_attribution(attribute(FeatureAblation()), ["^", "3", "7", "$"])
    assert widget.values.tolist() == pytest.approx([0, 3, 7, 0])


def test_a_part_that_is_not_there_names_those_that_are():
    with pytest.raises(DataError, match=r"part='ids', but the attribution has values for \['input_ids'\]"):
        TextAttribution.from_attribution(attribute(FeatureAblation()), ["^", "3", "7", "$"], part="ids")


def test_tokens_of_another_number_take_what_belonged_to_the_old_ones_with_them():
    widget = TextAttribution(TOKENS, torch.ones(3), words=[0, 0, 1], special=[True] * 3, selection=[2])
    widget.caption = {"score": 1.0}
    widget.tokens = ["two", "tokens"]
    assert (widget.scores, widget.values, widget.selection, widget.caption) == (None, None, [], {})
    assert (widget.words, widget.special) == ([0, 1], [False, False])
    widget.scores = torch.ones(2)
    assert widget.values.tolist() == [1, 1]


def test_tokens_of_the_same_number_keep_the_scores():
    widget = TextAttribution(TOKENS, torch.ones(3), words=[0, 0, 1])
    widget.tokens = ["a", "b", "c"]
    assert widget.values.tolist() == [1, 1, 1] and widget.words == [0, 0, 1]


def test_scores_that_are_refused_change_nothing():
    widget = TextAttribution(TOKENS, torch.ones(3))
    with pytest.raises(LengthError):
        widget.scores = torch.zeros(4)
    assert widget.values.tolist() == [1, 1, 1]
