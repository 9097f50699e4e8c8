"""The three kinds of model on which every method meets its oracle: an MLP, a CNN, a transformer at its embedding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from . import models


@dataclass(frozen=True)
class Subject:
    """A model, an input and a place, and beside it the same function from the place onwards for the oracles."""

    model: nn.Module
    inputs: Tensor
    at: str | None
    onwards: Callable[[Tensor], Tensor]
    x: Tensor
    baseline: Tensor
    mask: Tensor
    target: list[int]
    window: tuple[int, ...]
    stride: tuple[int, ...]
    gradcam_at: str

    def score(self, x: Tensor) -> Tensor:
        """The explained score of each row; rows repeat the examples in order."""
        rows = self.onwards(x)
        picks = self.target if len(self.target) == len(rows) else [self.target[0]] * len(rows)
        return rows[torch.arange(len(rows)), picks]


def mlp(dtype: torch.dtype, activation: Callable[[], nn.Module] = nn.Tanh) -> Subject:
    """Three examples of six features."""
    model = models.mlp(activation, dtype)
    x = models.randn(3, 6, seed=11, dtype=dtype)
    return Subject(
        model,
        x,
        None,
        model,
        x,
        baseline=models.randn(1, 6, seed=12, dtype=dtype) * 0.3,
        mask=torch.tensor([[0, 0, 1, 2, 2, 5]]),
        target=[2, 0, 3],
        window=(3,),
        stride=(2,),
        gradcam_at="body.0",
    )


def cnn(dtype: torch.dtype, activation: Callable[[], nn.Module] = nn.ReLU) -> Subject:
    """Two pictures of 3 x 12 x 12."""
    model = models.cnn(activation, dtype)
    x = models.randn(2, 3, 12, 12, seed=13, dtype=dtype)
    rows = torch.arange(12) // 4
    return Subject(
        model,
        x,
        None,
        model,
        x,
        baseline=models.randn(1, 3, 12, 12, seed=14, dtype=dtype) * 0.3,
        mask=(rows[:, None] * 3 + rows[None, :]).expand(1, 1, 12, 12),
        target=[4, 1],
        window=(2, 5, 5),
        stride=(1, 3, 4),
        gradcam_at="features.last",
    )


def transformer(dtype: torch.dtype) -> Subject:
    """Two sentences of nine tokens; attributions live on the 16 embedding axes of each."""
    model = models.token_classifier(dtype)
    ids = models.token_ids()
    with torch.no_grad():
        embedded = model.embedding(ids)
    return Subject(
        model,
        ids,
        "embedding",
        model.from_embedding,
        embedded,
        baseline=models.randn(1, 9, 16, seed=15, dtype=dtype) * 0.3,
        mask=torch.arange(9).reshape(1, 9, 1),
        target=[1, 2],
        window=(4, 10),
        stride=(3, 6),
        gradcam_at="encoder.layers.1",
    )


SUBJECTS = {"mlp": mlp, "cnn": cnn, "transformer": transformer}
