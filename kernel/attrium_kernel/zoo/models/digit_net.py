"""A small convolutional network for handwritten digits of 8 by 8 pixels."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn


class DigitNet(nn.Module):
    """Three convolutions (`features`), then `head` on all of the last one's positions."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(32 * 4 * 4, classes)

    def forward(self, pixels: Tensor) -> Tensor:
        """Ink in [0, 1], `(batch, 1, 8, 8)`, to logits `(batch, classes)`."""
        return cast(Tensor, self.head(self.dropout(self.flatten(self.features(pixels)))))
