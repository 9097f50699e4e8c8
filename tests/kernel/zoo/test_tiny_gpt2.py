"""The small GPT-2: a Hugging Face folder whose scores on known tasks are those of the card."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from attrium_kernel import zoo
from attrium_kernel.zoo.data import task_text
from attrium_kernel.zoo.recipes.tiny_gpt2 import held_out_loss
from attrium_kernel.zoo.task_scores import task_scores


def test_the_folder_loads_with_the_auto_classes(tiny_gpt2):
    folder = zoo.path("tiny_gpt2")
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = "When Mary and John went to the store, John gave a drink to"
    ids = tokenizer(text, return_tensors="pt").input_ids
    assert ids.tolist() == tiny_gpt2.encode(text).input_ids.tolist()
    with torch.inference_mode():
        assert torch.equal(model(ids).logits, tiny_gpt2.model(ids).logits)
    assert model.config.model_type == "gpt2" and model.config.n_layer == 4


def test_the_scores_of_the_card_come_out_again_on_a_sample(tiny_gpt2):
    measured = task_scores(tiny_gpt2.model, tiny_gpt2.tokenizer, examples=100)
    card = tiny_gpt2.card.scores
    assert set(measured) == set(card) - {"loss_of_held_out_sentences"}
    for name, score in measured.items():
        spread = 0.1 * card[name] if "logit" in name or "first_copy" in name else 0.04
        assert score == pytest.approx(card[name], abs=spread), name


def test_the_loss_of_the_card_comes_out_again(tiny_gpt2):
    loss = held_out_loss(tiny_gpt2.model, tiny_gpt2.tokenizer)
    assert loss == pytest.approx(tiny_gpt2.card.scores["loss_of_held_out_sentences"], abs=1e-4)


def test_every_task_is_learnt_well_enough_to_show(tiny_gpt2):
    scores = tiny_gpt2.card.scores
    assert scores["induction.accuracy"] > 0.9
    assert scores["indirect_object.right_over_wrong"] > 0.95
    assert scores["greater_than.top1_above"] > 0.95
    assert scores["agreement.right_over_wrong.opposite"] > 0.95


def test_it_answers_the_sentences_people_know(tiny_gpt2):
    assert tiny_gpt2.next_words("When Mary and John went to the store, John gave a drink to", 1)[0][0] == " Mary"
    assert tiny_gpt2.next_words("When Mary and John went to the store, Mary gave a drink to", 1)[0][0] == " John"
    years = tiny_gpt2.next_words("The war lasted from the year 1732 to the year 17", 5)
    assert all(int(year) > 32 for year, _ in years)
    assert tiny_gpt2.next_words("The keys near the door", 1)[0][0] in (" are", " were", " have")


@pytest.mark.parametrize("text", ["The war lasted from 1732 to 1745.", "Früh um 7 – naïve cat's 'toy'", " a\n\tb  c"])
def test_any_text_comes_back_from_its_tokens(tiny_gpt2, text):
    encoded = tiny_gpt2.encode(text)
    assert tiny_gpt2.tokenizer.decode(encoded.input_ids[0]) == text


def test_words_of_the_tasks_are_single_tokens_and_years_are_pairs(tiny_gpt2):
    assert all(len(tiny_gpt2.tokenizer.tokenize(word)) == 1 for word in task_text.vocabulary())
    assert tiny_gpt2.encode("in 1732").tokens == [["in", " 17", "32"]]
    assert tiny_gpt2.encode("The king has").words == [[0, 1, 2]]


def test_an_empty_text_and_too_long_a_text_are_refused(tiny_gpt2):
    with pytest.raises(ValueError, match="'' has no token; give a text"):
        tiny_gpt2.encode("")
    with pytest.raises(ValueError, match="has 200 tokens, the model takes at most 128"):
        tiny_gpt2.encode(" the" * 200)


def test_held_out_combinations_are_kept_apart(seed):
    rng = np.random.default_rng(seed)
    pairs = {test: {names_of(task_text.indirect_object(rng, test=test)) for _ in range(400)} for test in (False, True)}
    assert not pairs[False] & pairs[True]


def names_of(prompt: task_text.Prompt) -> tuple[str, str]:
    first, second = sorted((prompt.right, prompt.wrong))
    return first, second
