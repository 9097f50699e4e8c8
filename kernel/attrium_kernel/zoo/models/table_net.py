"""A multilayer perceptron for tables of numbers."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn


class TableNet(nn.Module):
    """Two hidden layers of ReLUs (`layers`)."""

    def __init__(self, features: int, classes: int, hidden: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, classes)
        )

    def forward(self, row: Tensor) -> Tensor:
        """Standardised features `(batch, features)` to logits `(batch, classes)`."""
        return cast(Tensor, self.layers(row))
