"""The two networks of the benchmark: a CNN of ResNet-18's size in plain torch, and a GPT-2 of the small size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Scale:
    """How large the workload is; `quick` is for trying the benchmark itself, not for numbers."""

    pixels: int = 224
    occlusion_pixels: int = 224
    layers: int = 12
    width: int = 768
    vocabulary: int = 50257
    tokens: int = 32
    most_tokens: int = 1024

    @staticmethod
    def quick() -> Scale:
        """Small enough for seconds."""
        return Scale(pixels=112, occlusion_pixels=64, layers=2, width=192, vocabulary=5003, tokens=8, most_tokens=64)


class Block(nn.Module):
    """Two 3x3 convolutions with batch-norm, and a shortcut."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Sequential()
        if stride != 1 or inside != outside:
            self.shortcut = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += self.shortcut(x)
        result: Tensor = self.relu(out)
        return result


class ResNet18(nn.Module):
    """Pictures `(n, 3, h, w)` to `(n, 1000)`; 11.7 million parameters, the layer sizes of He et al. 2015."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        )
        self.layer1 = nn.Sequential(Block(64, 64, 1), Block(64, 64, 1))
        self.layer2 = nn.Sequential(Block(64, 128, 2), Block(128, 128, 1))
        self.layer3 = nn.Sequential(Block(128, 256, 2), Block(256, 256, 1))
        self.layer4 = nn.Sequential(Block(256, 512, 2), Block(512, 512, 1))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512, 1000)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        out: Tensor = self.fc(self.pool(maps).flatten(1))
        return out


def cnn(pixels: int) -> tuple[ResNet18, Tensor]:
    """The CNN with random weights and batch-norm calibrated on noise pictures, in eval mode; and one picture."""
    torch.manual_seed(0)
    model = ResNet18()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # a plain mean over the calibration batches
    with torch.no_grad():
        for _ in range(4):
            model(torch.randn(8, 3, pixels, pixels))
    return model.eval(), torch.randn(1, 3, pixels, pixels)


def gpt2(scale: Scale) -> tuple[Any, Tensor]:
    """GPT-2 from its config alone (random weights), in eval mode; and one sequence of token ids `(1, tokens)`."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=scale.vocabulary,
        n_embd=scale.width,
        n_layer=scale.layers,
        n_head=12,
        bos_token_id=0,
        eos_token_id=0,
    )
    model: Any = GPT2LMHeadModel(config)
    return model.eval(), torch.randint(1, scale.vocabulary, (1, scale.tokens))
