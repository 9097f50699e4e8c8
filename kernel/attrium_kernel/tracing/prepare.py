"""From what a user passes to `trace` to a model, its arguments and their tokens."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from .errors import CaptureError
from .inputs import Inputs, takes, takes_ids_by_name
from .tokens import Tokens, tokenize


def prepared(model: Any, given: Any, tokenizer: Any) -> tuple[nn.Module, Inputs, Tokens | None]:
    """`(model, arguments, tokens)`.

    Raises:
        CaptureError: the model is no module, a text came without a tokenizer, or the inputs do not fit the model.
    """
    model, tokenizer = unpacked(model, tokenizer)
    if isinstance(given, Tokens) or _is_text(given):
        tokens = given if isinstance(given, Tokens) else _tokenized(model, given, tokenizer)
        inputs = _of_tokens(model, tokens)
        _check_ids(model, inputs)
        return model, inputs, tokens
    inputs = Inputs.of(given)
    _check_ids(model, inputs)
    _check_pixels(model, inputs)
    return model, _with_decoder(model, inputs), tokens_of(inputs, tokenizer)


def _tokenized(model: nn.Module, text: Any, tokenizer: Any) -> Tokens:
    """A text's tokens, if the model takes any."""
    main = getattr(model, "main_input_name", "input_ids")
    if main != "input_ids" and not takes_ids_by_name(model):
        raise CaptureError(
            f"got a text, but {type(model).__name__} takes {main}; pass a mapping with {main}, such as its processor "
            "returns"
        )
    if tokenizer is None:
        raise CaptureError(
            "a text needs a tokenizer to become token ids: trace(model, text, tokenizer), or pass the ids themselves"
        )
    gives = getattr(tokenizer, "model_input_names", None)
    if gives and "input_ids" not in gives and getattr(tokenizer, "tokenizer", None) is None:
        raise CaptureError(
            f"got a text with a {type(tokenizer).__name__} for a tokenizer, which makes {', '.join(gives)} and no "
            "token ids; pass the tokenizer of this model, or a mapping of the model's arguments"
        )
    return tokenize(text, tokenizer)


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
            f"0 to {vocab - 1}; use the tokenizer that belongs to this model"
        )
    longest = getattr(text, "max_position_embeddings", None)
    learned = _learned_positions(model, longest)
    if learned and ids.shape[1] > learned:
        raise CaptureError(
            f"the text has {ids.shape[1]} tokens, but {type(model).__name__} has learned positions for {learned}; pass "
            "a shorter text"
        )


def _check_pixels(model: nn.Module, inputs: Inputs) -> None:
    """Pictures need a batch axis and numbers that were scaled: torch's own error tells neither."""
    if getattr(model, "main_input_name", None) != "pixel_values" or _has(model, "spatial_shapes"):
        return  # models that take patches say their shapes apart
    pixels = _by_name(model, inputs).get("pixel_values")
    if not isinstance(pixels, Tensor):
        return
    shape = tuple(pixels.shape)
    if pixels.dim() < 4:
        one = "; for one picture pass pixels[None]" if pixels.dim() == 3 else "; pass what its image processor returns"
        raise CaptureError(
            f"pixels have shape {shape}, but {type(model).__name__} takes (batch, channel, height, width){one}"
        )
    if not pixels.is_floating_point():
        raise CaptureError(
            f"pixels are {pixels.dtype}, but {type(model).__name__} takes scaled floating-point numbers; pass what its "
            "image processor returns"
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
    """Token ids, with a mask where some are padding, as the model's forward takes them.

    Where rows are padded on the left, positions count from each row's first token, if the model can be told so. An
    encoder-decoder's decoder gets its start token.
    """
    padded = tokens.mask is not None and not bool(tokens.mask.all())
    by_name = takes_ids_by_name(model)
    masked = by_name and takes(model, "attention_mask")
    if padded and not masked:
        raise CaptureError(
            f"texts of different lengths need padding, and {type(model).__name__} takes no attention mask that is "
            "known; trace them one at a time, or pass a mapping of its arguments"
        )
    if not by_name:
        return Inputs((tokens.ids,), {})
    kwargs = dict(tokens.inputs())
    if not masked:
        del kwargs["attention_mask"]
    on_left = padded and tokens.mask is not None and not bool(tokens.mask[:, 0].all())
    if on_left and _has(model, "position_ids") and not _counts_by_itself(model):
        kwargs["position_ids"] = tokens.position_ids()
    return _with_decoder(model, Inputs((), kwargs))


def _counts_by_itself(model: nn.Module) -> bool:
    """Whether positions are counted from ids, padding left out, and begin after a padding row (RoBERTa)."""
    return any(
        isinstance(module, nn.Embedding) and module.padding_idx is not None and "position" in name
        for name, module in model.named_modules()
    )


OWN_DECODER = ("ForSequenceClassification", "ForQuestionAnswering")
"""Heads whose decoder is given the encoder's text by the model itself."""


def _with_decoder(model: nn.Module, inputs: Inputs) -> Inputs:
    """The decoder's start token, for an encoder-decoder that was given nothing for its decoder."""
    config = getattr(model, "config", None)
    if not getattr(config, "is_encoder_decoder", False) or not _has(model, "decoder_input_ids"):
        return inputs
    given = _by_name(model, inputs)
    if not given.keys().isdisjoint({"decoder_input_ids", "decoder_inputs_embeds", "labels"}):
        return inputs
    main = given.get(getattr(model, "main_input_name", "input_ids"))
    if not isinstance(main, Tensor) or main.dim() == 0 or type(model).__name__.endswith(OWN_DECODER):
        return inputs
    start = torch.full((len(main), 1), decoder_start(model), dtype=torch.long, device=main.device)
    return replace(inputs, kwargs={**(inputs.kwargs or {}), "decoder_input_ids": start})


def decoder_start(model: nn.Module) -> int:
    """The token that a decoder begins with, by the model's configuration; 0 if it names none."""
    for name in ("decoder_start_token_id", "bos_token_id"):
        for holder in (getattr(model, "config", None), getattr(model, "generation_config", None)):
            found = getattr(holder, name, None)
            if isinstance(found, int):
                return found
    return 0


def _has(model: nn.Module, name: str) -> bool:
    return name in inspect.signature(model.forward).parameters


def _by_name(model: nn.Module, inputs: Inputs) -> Mapping[str, Any]:
    """All arguments that are given, by the names that the forward has for them."""
    try:
        bound = inspect.signature(model.forward).bind_partial(*inputs.args, **(inputs.kwargs or {})).arguments
    except TypeError:  # the forward itself will say what is wrong
        return inputs.kwargs or {}
    return {name: value for name, value in bound.items() if value is not None}


def _is_text(given: Any) -> bool:
    return isinstance(given, str) or (
        isinstance(given, Sequence) and len(given) > 0 and all(isinstance(text, str) for text in given)
    )
