"""A program as a torch module: a small GPT-style transformer whose every weight was worked out.

Blocks of attention and MLP on a residual stream, with biases, ReLU, no layer norm, and scores that are not scaled.
Weights are float32 that stand for exact numbers, so matrix products have to be real float32 ones: on a GPU leave
`torch.backends.cuda.matmul.allow_tf32` off, as it is by default, and do not run it under autocast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .configuration import AttentionMode, CompiledConfig
from .craft import Craft, Layer, Linear, cut


@dataclass
class Output:
    """What a forward gives, under the names that transformers uses.

    Attributes:
        logits: `(batch, position, output)`.
        hidden_states: the stream after the embedding and after each block, if asked for.
        attentions: the pattern `(batch, head, query, key)` of each block, if asked for.
    """

    logits: Tensor
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None

    def __getitem__(self, key: str | int) -> Any:
        return getattr(self, key) if isinstance(key, str) else self.to_tuple()[key]

    def to_tuple(self) -> tuple[Any, ...]:
        """What there is, in order."""
        return tuple(value for value in (self.logits, self.hidden_states, self.attentions) if value is not None)


class CompiledAttention(nn.Module):
    """All heads of a layer side by side; `query`, `key`, `value` and `output` are linear maps with biases.

    The softmax is written out rather than left to a fused kernel, whose exponential may be a coarser one.
    """

    gaps: Tensor

    def __init__(self, config: CompiledConfig) -> None:
        super().__init__()
        inner = config.n_head * config.d_head
        self.n_head, self.d_head, self.hard = config.n_head, config.d_head, config.attention == "hard"
        self.query = nn.Linear(config.d_model, inner)
        self.key = nn.Linear(config.d_model, inner)
        self.value = nn.Linear(config.d_model, inner)
        self.output = nn.Linear(inner, config.d_model)
        self.register_buffer("gaps", torch.full((config.n_head, 1, 1), math.inf))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What the heads write `(batch, position, d_model)`, and their pattern `(batch, head, query, key)`.

        `mask` is True where a key may be seen, and broadcasts to the pattern's shape.
        """
        query, key, value = self._split(self.query(x)), self._split(self.key(x)), self._split(self.value(x))
        scores = torch.matmul(query, key.transpose(-1, -2))
        if mask is not None:
            scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        if self.hard:
            scores = cut(scores, self.gaps)
        pattern = torch.softmax(scores, dim=-1)
        mixed = torch.matmul(pattern, value)
        return self.output(mixed.transpose(1, 2).flatten(2)), pattern

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], self.n_head, self.d_head).transpose(1, 2)


class CompiledMLP(nn.Module):
    """`output(relu(input(x)))`."""

    def __init__(self, config: CompiledConfig) -> None:
        super().__init__()
        self.input = nn.Linear(config.d_model, config.d_mlp)
        self.activation = nn.ReLU()
        self.output = nn.Linear(config.d_mlp, config.d_model)

    def forward(self, x: Tensor) -> Tensor:
        """What the hidden units write, `(batch, position, d_model)`."""
        return self.output(self.activation(self.input(x)))  # type: ignore[no-any-return]  # a module's call is untyped


class CompiledBlock(nn.Module):
    """Attention, then MLP, each added to the stream."""

    def __init__(self, config: CompiledConfig) -> None:
        super().__init__()
        self.attention = CompiledAttention(config)
        self.mlp = CompiledMLP(config)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The stream after the block, and the pattern."""
        written, pattern = self.attention(x, mask)
        x = x + written
        return x + self.mlp(x), pattern


class CompiledTransformer(nn.Module):
    """A transformer that computes a program, made by `assemble`.

    Args:
        config: its sizes. A module made from a config alone has zero weights, to load a state dict into.

    Shapes: ids `(batch, position)`, BOS first -> logits `(batch, position, output)`. Row 0 belongs to the BOS.
    """

    main_input_name = "input_ids"

    def __init__(self, config: CompiledConfig) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.position_embedding = nn.Embedding(config.max_position_embeddings, config.d_model)
        self.blocks = nn.ModuleList(CompiledBlock(config) for _ in range(config.n_layer))
        self.unembedding = nn.Linear(config.d_model, config.n_outputs)
        for parameter in self.parameters():
            nn.init.zeros_(parameter)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the residual dimensions."""
        return self.config.labels

    @property
    def axis_names(self) -> dict[str, tuple[Any, ...]]:
        """Names of its parts by kind, as the explorers show them."""
        config = self.config
        return {
            "dimensions": config.labels,
            "outputs": config.outputs,
            "positions": (*config.tokens[:1], *(f"index {n}" for n in range(config.max_position_embeddings - 1))),
            "heads": config.heads,
            "units": config.units,
            "compared": config.compared,
            "moved": config.moved,
        }

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.token_embedding.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The weights' dtype."""
        dtype: torch.dtype = self.token_embedding.weight.dtype
        return dtype

    def get_input_embeddings(self) -> nn.Module:
        """The token embedding."""
        return self.token_embedding

    def get_output_embeddings(self) -> nn.Module:
        """The unembedding."""
        return self.unembedding

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        **ignored: Any,
    ) -> Output:
        """Run it.

        Args:
            input_ids: `(batch, position)`, each row a BOS and then the input.
            attention_mask: `(batch, position)`, 0 at padding, which then is no key. Padding goes to the right; the PAD
                token is masked by the weights too.
            position_ids: `(batch, position)`; None counts from 0.
            inputs_embeds: `(batch, position, d_model)`, what the tokens write, instead of `input_ids`.
            output_hidden_states, output_attentions: return these too.
            **ignored: what transformers passes to its own models (`use_cache`, `return_dict`, ...).

        Raises:
            ValueError: the input is longer than the positions there are, or there is none.
        """
        x = self._embedded(input_ids, inputs_embeds, position_ids)
        mask = self._mask(x.shape[1], attention_mask)
        states, patterns = [x], []
        for block in self.blocks:
            x, pattern = block(x, mask)
            states.append(x)
            patterns.append(pattern)
        return Output(
            self.unembedding(x),
            tuple(states) if output_hidden_states else None,
            tuple(patterns) if output_attentions else None,
        )

    def _embedded(self, ids: Tensor | None, embeds: Tensor | None, positions: Tensor | None) -> Tensor:
        if (ids is None) == (embeds is None):
            raise ValueError("pass either input_ids or inputs_embeds")
        x: Tensor = self.token_embedding(ids) if embeds is None else embeds
        count, limit = x.shape[1], self.config.max_position_embeddings
        if count > limit:
            raise ValueError(
                f"the input has {count} positions with its BOS, but the model was compiled for {limit} (max_length="
                f"{limit - 1}); pass a shorter one, or compile with a larger max_length"
            )
        if positions is None:
            positions = torch.arange(count, device=x.device)
        placed: Tensor = self.position_embedding(positions)
        return x + placed

    def _mask(self, count: int, attention_mask: Tensor | None) -> Tensor | None:
        """True where a key may be seen, None if every key may be seen everywhere."""
        device = self.token_embedding.weight.device
        mask = None
        if self.config.causal:
            mask = torch.ones(count, count, dtype=torch.bool, device=device).tril()
        if attention_mask is not None:
            seen = attention_mask.bool()[:, None, None, :]
            mask = seen if mask is None else mask & seen
        return mask


def assemble(
    craft: Craft,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
    attention: AttentionMode = "soft",
) -> CompiledTransformer:
    """The torch module of a craft, in eval mode.

    Args:
        craft: the labelled weights.
        dtype: float32 or float64; coarser ones do not hold the weights.
        device: where it goes; None for the CPU.
        attention: "soft", or "hard" to cut off what is not selected.

    Raises:
        ValueError: another dtype or attention.
    """
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype is {dtype}; pass torch.float32 or torch.float64, coarser ones do not hold the weights")
    model = CompiledTransformer(CompiledConfig.of(craft, attention)).to(dtype)
    shape = (len(craft.vocabulary), len(craft.space))
    with torch.no_grad():
        model.token_embedding.weight.copy_(Linear(shape, craft.token_table).weight())
        model.position_embedding.weight.copy_(Linear((craft.positions, shape[1]), craft.position_table).weight())
        _copy(craft.unembedding, model.unembedding)
        for layer, block in zip(craft.layers, model.blocks, strict=len(craft.layers) > 0):
            assert isinstance(block, CompiledBlock)
            _fill_attention(layer, block.attention)
            _fill_mlp(layer, block.mlp)
    return model.to(device).eval()


def _copy(given: Linear, module: nn.Linear) -> None:
    module.weight.copy_(given.weight().T)
    module.bias.copy_(given.offset())


def _fill_attention(layer: Layer, attention: CompiledAttention) -> None:
    offsets = torch.zeros(attention.output.bias.shape, dtype=torch.float64)
    for dimension, value in layer.offsets.items():
        offsets[dimension] += value
    for number, head in enumerate(layer.heads):
        start = number * attention.d_head
        for given, module in (
            (head.query, attention.query),
            (head.key, attention.key),
            (head.value, attention.value),
        ):
            rows = slice(start, start + given.shape[1])
            module.weight[rows] = given.weight().T.to(module.weight.dtype)
            module.bias[rows] = given.offset().to(module.bias.dtype)
        columns = slice(start, start + head.output.shape[0])
        attention.output.weight[:, columns] = head.output.weight().T.to(attention.output.weight.dtype)
        offsets += head.output.offset()
        attention.gaps[number] = head.gap
    attention.output.bias.copy_(offsets)


def _fill_mlp(layer: Layer, mlp: CompiledMLP) -> None:
    if layer.mlp is None:
        return
    units = len(layer.mlp.units)
    mlp.input.weight[:units] = layer.mlp.input.weight().T.to(mlp.input.weight.dtype)
    mlp.input.bias[:units] = layer.mlp.input.offset().to(mlp.input.bias.dtype)
    mlp.output.weight[:, :units] = layer.mlp.output.weight().T.to(mlp.output.weight.dtype)
    mlp.output.bias.copy_(layer.mlp.output.offset())


__all__ = ["AttentionMode", "CompiledConfig", "CompiledTransformer", "Output", "assemble"]
