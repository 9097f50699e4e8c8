"""A small transformer encoder for short reviews."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """Multi-head attention over the tokens that are there (Vaswani et al. 2017)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, attention_mask: Tensor) -> Tensor:
        """`(batch, token, width)` and a mask `(batch, token)`, 1 where a token is, to `(batch, token, width)`."""
        query, key, value = (
            part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )  # each (batch, head, token, width / heads)
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        pattern = scores.masked_fill(attention_mask[:, None, None] == 0, float("-inf")).softmax(-1)
        return cast(Tensor, self.out((pattern @ value).transpose(1, 2).flatten(2)))


class Block(nn.Module):
    """Attention, then a perceptron, each on a normalised copy of the residual stream."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, attention_mask: Tensor) -> Tensor:
        """`(batch, token, width)` to the same shape."""
        x = x + self.attention(self.norm1(x), attention_mask)
        return cast(Tensor, x + self.mlp(self.norm2(x)))


class ReviewNet(nn.Module):
    """`embedding` plus `position`, `blocks`, the mean over the tokens that are there, `head`."""

    def __init__(
        self, vocabulary: int, classes: int, tokens: int = 64, width: int = 64, heads: int = 4, depth: int = 2
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(tokens, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Ids `(batch, token)` and a mask of the same shape (all ones by default) to logits `(batch, classes)`."""
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        x = self.embedding(input_ids) + self.position.weight[: input_ids.shape[1]]
        for block in self.blocks:
            x = block(x, attention_mask)
        weights = attention_mask[..., None].to(x.dtype)
        return cast(Tensor, self.head((self.norm(x) * weights).sum(1) / weights.sum(1)))
