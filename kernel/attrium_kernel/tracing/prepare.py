"""From what a user passes to `trace` to a model, its arguments and their tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from .errors import CaptureError
from .inputs import Inputs
from .tokens import Tokens, tokenize


def prepared(model: Any, given: Any, tokenizer: Any) -> tuple[nn.Module, Inputs, Tokens | None]:
    """`(model, arguments, tokens)`.

    Raises:
        CaptureError: the model is no module, or a text came without a tokenizer.
    """
    model, tokenizer = unpacked(model, tokenizer)
    if isinstance(given, Tokens):
        return model, _of_tokens(model, given), given
    if _is_text(given):
        if tokenizer is None:
            raise CaptureError(
                "a text needs a tokenizer to become token ids: trace(model, text, tokenizer), or pass the ids "
                "themselves"
            )
        tokens = tokenize(given, tokenizer)
        inputs = _of_tokens(model, tokens)
        _check_ids(model, inputs)
        return model, inputs, tokens
    inputs = Inputs.of(given)
    _check_ids(model, inputs)
    return model, inputs, tokens_of(inputs, tokenizer)


def unpacked(model: Any, tokenizer: Any = None) -> tuple[nn.Module, Any]:
    """The module and the tokenizer of what a user calls a model: a module, a `Loaded`, a bundle of the zoo, a pair.

    Raises:
        CaptureError: there is no module in it.
    """
    if isinstance(model, tuple) and len(model) == 2:
        model, own = model
        tokenizer = own if tokenizer is None else tokenizer
    if not isinstance(model, nn.Module) and isinstance(getattr(model, "model", None), nn.Module):
        if tokenizer is None:
            tokenizer = getattr(model, "tokenizer", None) or (model if hasattr(model, "encode") else None)
        model = model.model
    if not isinstance(model, nn.Module):
        raise CaptureError(f"model is a {type(model).__name__}; pass a torch.nn.Module, or what load(...) returned")
    return getattr(model, "_orig_mod", model), tokenizer


def _check_ids(model: nn.Module, inputs: Inputs) -> None:
    """Ids must be in the vocabulary, and no more than there are positions: torch's own error names no number."""
    config = getattr(model, "config", None)
    ids = inputs.ids()
    if config is None or ids is None or getattr(model, "main_input_name", "input_ids") != "input_ids":
        return
    if ids.numel() == 0:
        raise CaptureError(
            f"the token ids have shape {tuple(ids.shape)}: there is nothing to run; pass at least one token"
        )
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    vocab = getattr(text, "vocab_size", None)
    low, high = int(ids.min()), int(ids.max())
    if isinstance(vocab, int) and vocab > 0 and (low < 0 or high >= vocab):
        raise CaptureError(
            f"token id {low if low < 0 else high} is not in the vocabulary: {type(model).__name__} has {vocab} tokens, "
            "0 to "
            f"{vocab - 1}; use the tokenizer that belongs to this model"
        )
    longest = getattr(text, "max_position_embeddings", None)
    learned = _learned_positions(model, longest)
    if learned and ids.shape[1] > learned:
        raise CaptureError(
            f"the text has {ids.shape[1]} tokens, but {type(model).__name__} has learned positions for {learned}; pass "
            "a shorter text"
        )


def _learned_positions(model: nn.Module, longest: Any) -> int | None:
    """How many positions a model has learned, or None if they are not learned."""
    if not isinstance(longest, int):
        return None
    for module in model.modules():
        if isinstance(module, nn.Embedding) and module.num_embeddings - longest in (0, 2):
            return longest
    return None


def tokens_of(inputs: Inputs, tokenizer: Any = None) -> Tokens | None:
    """The tokens in a model's arguments, or None if they hold none."""
    ids = inputs.ids()
    if ids is None:
        return None
    mask = (inputs.kwargs or {}).get("attention_mask")
    fits = mask is not None and mask.shape == ids.shape
    return Tokens.of_ids(ids, tokenizer, mask.bool() if mask is not None and fits else None)


def _of_tokens(model: nn.Module, tokens: Tokens) -> Inputs:
    """Token ids, with a mask where some are padding; an encoder-decoder's decoder gets its start token."""
    if getattr(model, "config", None) is None:
        if tokens.mask is not None and not bool(tokens.mask.all()):
            raise CaptureError(
                f"texts of different lengths need padding, and {type(model).__name__} takes no attention mask that is "
                "known; trace them one at a time, or pass a mapping of its arguments"
            )
        return Inputs((tokens.ids,), {})
    kwargs = dict(tokens.inputs())
    config = model.config
    if getattr(config, "is_encoder_decoder", False):
        start = getattr(config, "decoder_start_token_id", None)
        start = getattr(config, "bos_token_id", 0) if start is None else start
        kwargs["decoder_input_ids"] = tokens.ids.new_full((tokens.ids.shape[0], 1), start or 0)
    return Inputs((), kwargs)


def _is_text(given: Any) -> bool:
    return isinstance(given, str) or (
        isinstance(given, Sequence) and len(given) > 0 and all(isinstance(text, str) for text in given)
    )
