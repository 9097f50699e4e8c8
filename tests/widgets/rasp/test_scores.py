"""Attribution on compiled models: the scores are the method's own, beside the truth."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from attrium.graph.scores import METHODS, attribution
from tests.widgets.test_base import interface_names

from .sides import histogram, library_side, side_of

SOURCE = (Path(__file__).parents[3] / "js/src/widgets/rasp_graph/protocol.ts").read_text(encoding="utf-8")


def logit(side, tokens, embeds, position):
    """The logit of the model's answer at a position, the tokens' embeddings changed."""
    compiled = side.model
    output = int(side.running(tokens).logits[position + 1].argmax())
    return compiled.model(inputs_embeds=embeds).logits[0, position + 1, output].item()


@pytest.mark.parametrize("method", [name for name in METHODS if name != "Saliency"])
def test_reverse_is_explained_by_the_token_opposite(method):
    facts = attribution(library_side("reverse"), list("abca"), 1, method).facts
    assert set(facts) == set(interface_names(SOURCE, "AttributionFacts"))
    assert facts["method"] == method and facts["methods"] == list(METHODS)
    assert facts["truth"] == [False, False, True, False]
    scores = [abs(score) for score in facts["scores"]]
    assert scores.index(max(scores)) == 2 and len(scores) == 4


def test_saliency_credits_the_position_itself_too_whose_stream_leads_to_the_output():
    facts = attribution(library_side("reverse"), list("abca"), 1, "Saliency").facts
    assert facts["scores"] == pytest.approx([0, 20, 20, 0], abs=1e-6)
    assert facts["truth"] == [False, False, True, False]


def test_taking_a_token_out_scores_what_the_logit_loses():
    side, tokens = side_of(histogram()), list("abca")
    scores = attribution(side, tokens, 0, "FeatureAblation").facts["scores"]
    embeds = side.model.model.token_embedding(side.model.ids([tokens])).detach()
    before = logit(side, tokens, embeds, 0)
    for place, score in enumerate(scores):
        without = embeds.clone()
        without[0, place + 1] = 0
        assert score == pytest.approx(before - logit(side, tokens, without, 0), abs=1e-3)


def test_integrated_gradients_add_up_with_the_bos():
    side, tokens = library_side("frac_prevs"), ["x", "a", "x", "x"]
    facts = attribution(side, tokens, 3, "IntegratedGradients").facts
    compiled = side.model
    embeds = compiled.model.token_embedding(compiled.ids([tokens])).detach()
    gap = logit(side, tokens, embeds, 3) - logit(side, tokens, torch.zeros_like(embeds), 3)
    assert sum(facts["scores"]) == pytest.approx(gap, abs=0.1)  # the BOS writes marks that are no part of x
    assert "frac_prevs" in facts["note"]


def test_what_is_not_there_is_refused():
    side = side_of(histogram())
    with pytest.raises(ValueError, match="method='Magic'; pass one of IntegratedGradients"):
        attribution(side, list("ab"), 0, "Magic")
    with pytest.raises(ValueError, match="there are 2 tokens"):
        attribution(side, list("ab"), 2)
