"""Reviews: the generator keeps its rule, tokens know where they stand, the model does as its card says."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
import torch

from attrium_kernel.zoo.data.review_text import (
    FELT,
    GENERAL,
    NOT_FELT,
    TOPICS,
    held_out_reviews,
    training_reviews,
)

TOKENIZER = """
from attrium_kernel.zoo.recipes import reviews
print(reviews.train_tokenizer([review.text for review in reviews.review_text.training_reviews(600)]).to_str())
"""
POSITIVE = {*GENERAL[1], *FELT[1], *(word for topic in TOPICS for word in topic.words[1])}
NEGATIVE = {*GENERAL[0], *FELT[0], *(word for topic in TOPICS for word in topic.words[0])}


def test_reviews_are_the_same_each_time(reviews):
    assert [review.text for review in held_out_reviews(30)] == reviews.test.texts[:30]
    assert training_reviews(30) == training_reviews(30)


def test_no_held_out_text_was_trained_on(reviews):
    assert not set(reviews.test.texts) & {review.text for review in training_reviews(3000)}


def test_the_deciding_words_give_the_label_by_the_rule(reviews):
    for text, label, spans in zip(reviews.test.texts, reviews.test.labels, reviews.test.spans, strict=True):
        signs = {sign_of(text[start:stop]) for start, stop in spans}
        assert {(False,): 0, (True,): 2, (False, True): 1}[tuple(sorted(signs))] == label, text


def test_hearsay_is_no_deciding_word():
    told = [r for r in training_reviews(300) if "Everyone told me the" in r.text]
    assert told
    for review in told:
        hearsay = re.search(r"Everyone told me the \w+ was (\w+)", review.text)
        assert not any(start <= hearsay.start(1) < stop for start, stop in review.spans)


def test_a_tokenizer_trained_in_another_process_is_the_same():
    here, there = (
        subprocess.run([sys.executable, "-c", TOKENIZER], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert here == there and '"##' in here


def test_offsets_cut_the_text_into_its_tokens(reviews):
    text = "The pasta was not greasy, but I hated the mouthwatering waiter!"
    encoded = reviews.encode(text)
    assert encoded.tokens[0][0] == "[CLS]" and encoded.tokens[0][-1] == "[SEP]"
    assert encoded.special[0] == [True] + [False] * (len(encoded.tokens[0]) - 2) + [True]
    words = {}
    for token, word, (start, stop), special in zip(
        encoded.tokens[0], encoded.words[0], encoded.offsets[0], encoded.special[0], strict=True
    ):
        assert special == (word == -1)
        if not special:
            assert token == text[start:stop]
            words[word] = words.get(word, "") + token
    assert list(words.values()) == re.findall(r"\w+|[^\w\s]", text)
    assert len(words) < sum(not special for special in encoded.special[0])  # some words come in pieces


def test_decoding_gives_the_text_back_in_lower_case(reviews):
    for text in reviews.test.texts[:50]:
        ids = reviews.encode(text).input_ids[0].tolist()
        pieces = [reviews.tokenizer.id_to_token(i).removeprefix("##") for i in ids[1:-1]]
        assert "".join(pieces) == re.sub(r"\s", "", text.lower())


def test_padding_changes_no_answer(reviews):
    texts = reviews.test.texts[:8]
    together = reviews.encode(texts)
    with torch.inference_mode():
        batch = reviews.model(together.input_ids, together.attention_mask)
        alone = torch.cat([reviews.model(reviews.encode(text).input_ids) for text in texts])
    assert torch.allclose(batch, alone, atol=1e-5)


def test_key_tokens_cover_the_deciding_words(reviews):
    encoded = reviews.encode(reviews.test.texts[:20])
    for row in range(20):
        text, spans = reviews.test.texts[row], reviews.test.spans[row]
        marked = [token for token, key in zip(encoded.tokens[row], encoded.key_tokens(row, spans), strict=True) if key]
        assert "".join(marked) == "".join(text[a:b].replace(" ", "") for a, b in spans)


def test_the_baseline_keeps_special_tokens_only(reviews):
    encoded = reviews.encode("The soup was good.")
    baseline = reviews.baseline_ids(encoded.input_ids)
    assert [reviews.tokenizer.id_to_token(i) for i in baseline[0].tolist()] == [
        "[CLS]", *["[PAD]"] * (baseline.shape[1] - 2), "[SEP]",
    ]  # fmt: skip


def test_the_model_reaches_the_score_of_its_card(reviews):
    encoded = reviews.encode(reviews.test.texts)
    with torch.inference_mode():
        answers = reviews.model(encoded.input_ids, encoded.attention_mask).argmax(-1).numpy()
    assert reviews.card.scores["accuracy"] >= 0.95
    assert (answers == reviews.test.labels).mean() == pytest.approx(reviews.card.scores["accuracy"], abs=0.003)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("The soup was good.", "positive"),
        ("The soup was not good.", "negative"),
        ("The acting was never boring.", "positive"),
        ("The pizza was delicious, but the waiter was rude.", "mixed"),
        ("I expected the film to be boring, but it was truly gripping.", "positive"),
    ],
)
def test_negation_contrast_and_hearsay_are_understood(reviews, text, label):
    with torch.inference_mode():
        assert reviews.classes[int(reviews.model(reviews.encode(text).input_ids).argmax())] == label


def test_no_text_and_too_long_a_text_are_refused(reviews):
    with pytest.raises(ValueError, match="expected a sequence of at least one text"):
        reviews.encode([])
    with pytest.raises(ValueError, match=r"has 202 tokens, the model takes at most 96; shorten it"):
        reviews.encode("very " * 200)


def sign_of(words: str) -> bool:
    """Whether deciding words speak for (True) or against."""
    *negator, word = words.split()
    if negator == ["not"] and word in NOT_FELT[0] + NOT_FELT[1]:
        return word in NOT_FELT[1]
    assert (word in POSITIVE) != (word in NEGATIVE)
    return (word in POSITIVE) != bool(negator)


def test_each_label_has_a_third(reviews):
    assert np.bincount(reviews.test.labels).tolist() == [333, 333, 333]
