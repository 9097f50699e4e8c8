"""Sizes and labels of a compiled transformer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from .craft import Craft, Layer

AttentionMode = Literal["soft", "hard"]


@dataclass(frozen=True)
class CompiledConfig:
    """Sizes and labels of a compiled transformer; `CompiledTransformer(config)` is one whose weights are all zero.

    Attributes:
        vocab_size: tokens, BOS and PAD among them.
        n_outputs: logits per position: the vocabulary, or 1 for a program whose output is a number.
        n_layer, n_head, d_head, d_model, d_mlp: sizes; heads and hidden units are as many in every layer, those that
            the program does not need are zero.
        max_position_embeddings: longest input, the BOS counted.
        causal: whether a query sees only keys up to its own position.
        attention: "soft", or "hard": scores that are a head's gap or more below the largest are cut off.
        labels: names of the residual dimensions.
        tokens: what each token reads as.
        outputs: what each logit stands for, as text.
        heads: for each layer the names of its heads, "" for one that is not used.
        units: for each layer the names of its hidden units, "" for one that is not used.
        compared: for each layer and head the names of the dimensions in which queries and keys are compared.
        moved: for each layer and head the names of the dimensions that are moved.
    """

    vocab_size: int
    n_outputs: int
    n_layer: int
    n_head: int
    d_head: int
    d_model: int
    d_mlp: int
    max_position_embeddings: int
    causal: bool = False
    attention: AttentionMode = "soft"
    labels: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    heads: tuple[tuple[str, ...], ...] = ()
    units: tuple[tuple[str, ...], ...] = ()
    compared: tuple[tuple[tuple[str, ...], ...], ...] = ()
    moved: tuple[tuple[tuple[str, ...], ...], ...] = ()
    bos_token_id: int = 0
    pad_token_id: int = 1
    model_type: str = "attrium_rasp"

    @property
    def num_hidden_layers(self) -> int:
        """`n_layer`, by the name that transformers has for it."""
        return self.n_layer

    @property
    def num_attention_heads(self) -> int:
        """`n_head`, by the name that transformers has for it."""
        return self.n_head

    @property
    def hidden_size(self) -> int:
        """`d_model`, by the name that transformers has for it."""
        return self.d_model

    @property
    def is_decoder(self) -> bool:
        """`causal`, by the name that transformers has for it."""
        return self.causal

    @classmethod
    def of(cls, craft: Craft, attention: AttentionMode = "soft") -> CompiledConfig:
        """The sizes that a craft needs."""
        if attention not in ("soft", "hard"):
            raise ValueError(f"attention is {attention!r}; pass 'soft' or 'hard'")
        layers = craft.layers or (Layer((), {}, None),)
        heads = [head for layer in layers for head in layer.heads]
        n_head = max(1, *(len(layer.heads) for layer in layers))
        d_mlp = max(1, *(len(layer.mlp.units) if layer.mlp else 0 for layer in layers))
        units = [tuple(map(str, layer.mlp.units)) if layer.mlp else () for layer in layers]
        return cls(
            vocab_size=len(craft.vocabulary),
            n_outputs=len(craft.outputs),
            n_layer=len(layers),
            n_head=n_head,
            d_head=max(1, *(max(len(head.compared), len(head.moved)) for head in heads)) if heads else 1,
            d_model=len(craft.space),
            d_mlp=d_mlp,
            max_position_embeddings=craft.positions,
            causal=craft.causal,
            attention=attention,
            labels=tuple(craft.space.labels),
            tokens=tuple(map(str, craft.vocabulary)),
            outputs=tuple(map(str, craft.outputs)),
            heads=tuple(_filled([head.name for head in layer.heads], n_head, "") for layer in layers),
            units=tuple(_filled(row, d_mlp, "") for row in units),
            compared=tuple(_filled([head.compared for head in layer.heads], n_head, ()) for layer in layers),
            moved=tuple(_filled([head.moved for head in layer.heads], n_head, ()) for layer in layers),
        )


def _filled(given: Iterable[Any], count: int, blank: Any) -> tuple[Any, ...]:
    row = tuple(given)
    return row + (blank,) * (count - len(row))
