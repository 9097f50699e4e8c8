"""Small models whose answers are known without running an attribution."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn


class Brightness(nn.Module):
    """Two classes, "dark" and "bright": the score of "bright" is the sum of the left half of the picture.

    Its gradient is 1 on the left half and 0 on the right.
    """

    def __init__(self, side: int = 8) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, padding=1)
        weight = torch.zeros(side)
        weight[: side // 2] = 1
        self.register_buffer("left", weight)

    def forward(self, x: Tensor) -> Tensor:
        bright = (x * self.left).sum((1, 2, 3))
        return torch.stack([torch.full_like(bright, 10.0), bright], 1) + 0 * self.conv(x).sum()


class WordSum(nn.Module):
    """Two classes; the score of class 1 is the sum of the token ids' weights, where token `i` weighs `i`."""

    def __init__(self, tokens: int = 10) -> None:
        super().__init__()
        self.positions = nn.Embedding(64, 1)
        self.embedding = nn.Embedding(tokens, 1)
        with torch.no_grad():
            self.embedding.weight.copy_(torch.arange(tokens)[:, None])
            self.positions.weight.zero_()

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        places = self.positions(torch.arange(input_ids.shape[1])[None])
        total = ((self.embedding(input_ids) + places)[:, :, 0] * attention_mask).sum(1)
        return torch.stack([torch.full_like(total, 9.0), total], 1)


def encode(text: str) -> Any:
    """One token for each digit of a text, between two special tokens of id 0."""
    digits = [int(character) for character in text]
    return SimpleNamespace(
        input_ids=torch.tensor([[0, *digits, 0]]),
        attention_mask=torch.ones(1, len(digits) + 2),
        tokens=[["^", *text, "$"]],
        words=[[-1, *range(len(digits)), -1]],
        special=[[True, *[False] * len(digits), True]],
    )


class Faulty(nn.Module):
    """A model with a fault: `wrong` is given the right output and returns another."""

    def __init__(self, wrong: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * 8 * 8, 5)
        self.wrong = wrong

    def forward(self, x: Tensor) -> Any:
        return self.wrong(self.linear(x.flatten(1)))
