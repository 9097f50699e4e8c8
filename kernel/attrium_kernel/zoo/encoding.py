"""Texts as a model takes them, with what it takes to show tokens: their text, their words, which ones are special."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor


@dataclass(frozen=True)
class EncodedTexts:
    """`n` texts of up to `T` tokens, padded on the right.

    Args:
        input_ids: `(n, T)` int64.
        attention_mask: `(n, T)` int64, 1 where a token is.
        tokens: for each text its tokens as they stand in the text (special tokens by name), without padding.
        words: for each token the number of its word in the text, counted from 0; -1 for special tokens.
        special: for each token whether the tokenizer added it.
        offsets: for each token its `(start, stop)` in the text, in characters; `(0, 0)` for special tokens.
    """

    input_ids: Tensor
    attention_mask: Tensor
    tokens: list[list[str]]
    words: list[list[int]]
    special: list[list[bool]]
    offsets: list[list[tuple[int, int]]]

    def key_tokens(self, row: int, spans: Sequence[tuple[int, int]]) -> list[bool]:
        """For each token of a text whether it overlaps one of the spans `(start, stop)`, in characters."""
        return [any(max(a, c) < min(b, d) for c, d in spans) for a, b in self.offsets[row]]


def encode_texts(tokenizer: Tokenizer, texts: Sequence[str], longest: int) -> EncodedTexts:
    """Run a tokenizer over texts.

    Raises: `ValueError` for no text, a text without a token, or one of more than `longest` tokens.
    """
    if isinstance(texts, str) or not texts:
        raise ValueError(f"got {texts!r}, expected a sequence of at least one text; put a single text in a list")
    encodings = tokenizer.encode_batch(list(texts))
    for text, encoding in zip(texts, encodings, strict=True):
        if not encoding.ids:
            raise ValueError(f"{text!r} has no token; give a text of at least one word")
        if len(encoding.ids) > longest:
            raise ValueError(
                f"{text[:60]!r} ... has {len(encoding.ids)} tokens, the model takes at most {longest}; shorten it"
            )
    width = max(len(encoding.ids) for encoding in encodings)
    padding = [[0] * (width - len(encoding.ids)) for encoding in encodings]
    return EncodedTexts(
        input_ids=torch.tensor([e.ids + pad for e, pad in zip(encodings, padding, strict=True)]),
        attention_mask=torch.tensor([[1] * len(e.ids) + pad for e, pad in zip(encodings, padding, strict=True)]),
        tokens=[_surfaces(text, e) for text, e in zip(texts, encodings, strict=True)],
        words=[[-1 if word is None else word for word in e.word_ids] for e in encodings],
        special=[[bool(flag) for flag in e.special_tokens_mask] for e in encodings],
        offsets=[list(e.offsets) for e in encodings],
    )  # fmt: skip


def _surfaces(text: str, encoding: Encoding) -> list[str]:
    parts = zip(encoding.tokens, encoding.offsets, encoding.special_tokens_mask, strict=True)
    return [token if special else text[start:stop] for token, (start, stop), special in parts]
