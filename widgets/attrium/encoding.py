"""From a text to token ids, and to what the reader sees of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .errors import DataError

Encoder = Callable[[str], Any]
"""Takes one text; what it gives is said at `encoder_of`."""


@dataclass(frozen=True, eq=False)
class EncodedText:
    """One text of `T` tokens.

    Args:
        ids: `(T,)` int64.
        tokens: what the reader sees.
        words: word number of each token, -1 for none.
        special: whether the tokenizer added it.
        attention_mask: ones `(T,)` if the model takes a mask, else None.
    """

    ids: Tensor
    tokens: list[str]
    words: list[int]
    special: list[bool]
    attention_mask: Tensor | None


def encoder_of(encode: Encoder | None, tokenizer: Any) -> tuple[Callable[[str], EncodedText], int]:
    """A function from a text to its tokens, and the id that stands for "no token".

    Args:
        encode: gives, for a text (or a list of one), an object or dict with `input_ids` and `tokens`, and optionally
            `words`, `special` and `attention_mask`; each may have a leading axis of one text. A model is called by
            keyword, `model(input_ids=..., attention_mask=...)`, if there is a mask, else `model(ids)`.
        tokenizer: a fast tokenizer of transformers, or one of tokenizers.

    Raises:
        DataError: if neither is given or the tokenizer is of another kind.
    """
    if encode is not None:
        pad = 0 if tokenizer is None else _pad_id(tokenizer)
        return lambda text: _from_fields(encode(text), text), pad
    if tokenizer is None:
        raise DataError("texts need a tokenizer; pass tokenizer= (transformers or tokenizers), or encode=")
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not hasattr(backend, "token_to_id") or not hasattr(backend, "encode"):
        raise DataError(
            f"tokenizer is a {type(tokenizer).__name__}; pass a fast tokenizer of transformers, one of tokenizers, or "
            "encode=, a function that gives input_ids and tokens"
        )
    masked = "attention_mask" in getattr(tokenizer, "model_input_names", ["attention_mask"])
    return lambda text: _from_tokenizer(backend, text, masked), _pad_id(tokenizer)


def _from_tokenizer(backend: Any, text: str, masked: bool) -> EncodedText:
    found = backend.encode(text)
    if not found.ids:
        raise DataError(f"the text {text[:40]!r} has no tokens; leave it out")
    kept = [i for i, mask in enumerate(found.attention_mask) if mask]  # a tokenizer may be set to pad
    special = [bool(found.special_tokens_mask[i]) for i in kept]
    pieces = [(found.offsets[i], found.tokens[i], found.word_ids[i]) for i in kept]
    ids = torch.tensor([found.ids[i] for i in kept])
    return EncodedText(
        ids=ids,
        tokens=[token if extra else text[a:b] or token for ((a, b), token, _), extra in zip(pieces, special)],
        words=[-1 if extra or word is None else word for (_, _, word), extra in zip(pieces, special)],
        special=special,
        attention_mask=torch.ones_like(ids) if masked else None,
    )


def _from_fields(found: Any, text: str) -> EncodedText:
    ids = _field(found, "input_ids")
    tokens = _field(found, "tokens")
    if ids is None or tokens is None:
        raise DataError(f"encode returned a {type(found).__name__} without input_ids and tokens; give both")
    ids = torch.as_tensor(ids).reshape(-1).long()
    mask = _field(found, "attention_mask")
    if mask is not None:
        mask = torch.as_tensor(mask).reshape(-1)
        ids = ids[mask.bool()]
    tokens = [str(token) for token in _flat(tokens)]
    length = len(tokens)
    words = _field(found, "words")
    special = _field(found, "special")
    numbers = list(range(length)) if words is None else [int(word) for word in _flat(words)]
    flags = [False] * length if special is None else [bool(flag) for flag in _flat(special)]
    for name, count in (("input_ids", len(ids)), ("words", len(numbers)), ("special", len(flags))):
        if count != length or length == 0:
            raise DataError(f"encode gave {count} {name} and {length} tokens for {text[:40]!r}; give one per token")
    return EncodedText(ids, tokens, numbers, flags, None if mask is None else torch.ones_like(ids))


def _field(found: Any, name: str) -> Any:
    return found.get(name) if hasattr(found, "get") else getattr(found, name, None)


def _flat(items: Any) -> list[Any]:
    """A list of one list as that list."""
    items = items.tolist() if isinstance(items, Tensor) else list(items)
    return list(items[0]) if len(items) == 1 and isinstance(items[0], (list, tuple)) else items


def _pad_id(tokenizer: Any) -> int:
    for name in ("pad_token_id", "mask_token_id", "unk_token_id"):
        if isinstance(found := getattr(tokenizer, name, None), int):
            return found
    if hasattr(tokenizer, "token_to_id"):
        for token in ("[PAD]", "<pad>", "[MASK]", "<mask>", "[UNK]", "<unk>"):
            if (found := tokenizer.token_to_id(token)) is not None:
                return int(found)
    return 0
