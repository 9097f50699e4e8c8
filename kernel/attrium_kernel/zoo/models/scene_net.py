"""A small residual network for scenes of 64 by 64 pixels."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn


class Residual(nn.Module):
    """Two 3x3 convolutions with batch norm around a skip (He et al. 2016); every ReLU is a module of its own."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels_out)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels_out)
        self.skip = (
            nn.Sequential()
            if channels_in == channels_out and stride == 1
            else _projection(channels_in, channels_out, stride)
        )
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """`(batch, channels_in, height, width)` to `(batch, channels_out, height / stride, width / stride)`."""
        inner = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(x)))))
        return cast(Tensor, self.relu2(inner + self.skip(x)))


class SceneNet(nn.Module):
    """`stem` (32x32), four `stages` (32, 16, 8, 8 pixels wide), mean over space, `head`.

    `stages.3` is the place for Grad-CAM: 8x8 positions over the 64x64 scene.
    """

    def __init__(self, classes: int, widths: tuple[int, int, int, int] = (16, 32, 64, 96)) -> None:
        super().__init__()
        first, second, third, fourth = widths
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(first), nn.ReLU()
        )
        self.stages = nn.Sequential(
            Residual(first, first, 1),
            Residual(first, second, 2),
            Residual(second, third, 2),
            Residual(third, fourth, 1),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(fourth, classes)

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalised pixels `(batch, 3, 64, 64)` to logits `(batch, classes)`."""
        return cast(Tensor, self.head(self.flatten(self.pool(self.stages(self.stem(pixels))))))


def _projection(channels_in: int, channels_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out))
