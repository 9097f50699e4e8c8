"""Small models for the attribution tests: smooth and kinked, one input and several, image, token and scalar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Build a model from `seed` and leave the global generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def randn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    """Standard normal numbers from their own generator; the same numbers in every dtype."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


class MLP(nn.Module):
    """`(n, 6) -> (n, 4)` with one activation throughout."""

    def __init__(self, activation: Callable[[], nn.Module], features: int = 6, classes: int = 4) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(features, 10), activation(), nn.Linear(10, 8), activation())
        self.head = nn.Linear(8, classes)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.body(x))
        return out


class CNN(nn.Module):
    """`(n, 3, 12, 12) -> (n, 5)` with batch-norm and dropout; `features.last` is its last convolution."""

    def __init__(self, activation: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.features = nn.Sequential()
        self.features.add_module("first", nn.Conv2d(3, 4, 3, padding=1))
        self.features.add_module("norm", nn.BatchNorm2d(4))
        self.features.add_module("act", activation())
        self.features.add_module("pool", nn.AvgPool2d(2))
        self.features.add_module("last", nn.Conv2d(4, 6, 3, padding=1))
        self.act = activation()
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(6 * 9, 5)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.act(self.features(x))
        out: Tensor = self.head(self.drop(nn.functional.avg_pool2d(maps, 2).flatten(1)))
        return out


class TokenClassifier(nn.Module):
    """Token ids `(n, length) -> (n, 3)`: embedding, positions, two encoder layers, mean over the tokens."""

    def __init__(self, vocabulary: int = 17, width: int = 16, length: int = 9) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(torch.randn(length, width) * 0.1)
        layer = nn.TransformerEncoderLayer(
            width, 2, dim_feedforward=24, dropout=0.2, activation="gelu", batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, 3)

    def forward(self, ids: Tensor, keep: Tensor | None = None) -> Tensor:
        embedded = self.embedding(ids)
        return self.from_embedding(embedded, keep)

    def from_embedding(self, embedded: Tensor, keep: Tensor | None = None) -> Tensor:
        states = self.encoder(embedded + self.positions[: embedded.shape[1]])
        if keep is not None:
            states = states * keep.unsqueeze(-1)
        out: Tensor = self.head(states.mean(1))
        return out


class TwoInputs(nn.Module):
    """Two tensors of other widths, `(n, 3)` and `(n, 2, 4)`, to `(n, 4)`; smooth."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(3, 6)
        self.right = nn.Linear(8, 6)
        self.head = nn.Linear(6, 4)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        out: Tensor = self.head(torch.tanh(self.left(a)) * torch.tanh(self.right(b.flatten(1))))
        return out


class KeywordInputs(nn.Module):
    """`TwoInputs` behind keywords only, with a further number `scale` and a per-example `weight`."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = TwoInputs()

    def forward(self, *, a: Tensor, b: Tensor, scale: float = 1.0, weight: Tensor | None = None) -> Tensor:
        out: Tensor = self.inner(a, b) * scale
        return out if weight is None else out * weight.unsqueeze(1)


class Linear(nn.Module):
    """`(n, d) -> (n, classes)`, `W x + b`: every gradient is a row of `W`."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.T + self.bias


class Quadratic(nn.Module):
    """`(n, d) -> (n,)`, `x^T A x / 2 + b^T x`: gradient `A x + b`, for a symmetric `A`."""

    def __init__(self, matrix: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.matrix = nn.Parameter((matrix + matrix.T) / 2)
        self.bias = nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        return 0.5 * ((x @ self.matrix) * x).sum(1) + x @ self.bias


class Product(nn.Module):
    """`(n, d) -> (n,)`, the product of the features: from zero each gets 1/d of it."""

    def forward(self, x: Tensor) -> Tensor:
        return x.prod(1)


class Failed(Exception):
    """What `Stateful(fail_at=k)` raises."""


class Stateful(nn.Module):
    """Everything that a careless engine disturbs: batch-norm counters, dropout, a frozen layer, mixed modes, hooks.

    `(n, 3, 12, 12) -> (n, 5)`. `fail_at=k` raises in the k-th call of `forward`; `calls` and `rows` count them.
    """

    def __init__(self, fail_at: int | None = None) -> None:
        super().__init__()
        self.cnn = CNN(nn.ReLU)
        self.frozen = nn.Linear(5, 5)
        self.frozen.requires_grad_(False)
        self.fail_at = fail_at
        self.calls = 0
        self.rows: list[int] = []
        self.seen_training: list[bool] = []
        self.train()
        self.cnn.features.eval()
        self.cnn.features.last.train()  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.rows.append(x.shape[0])
        self.seen_training.append(any(module.training for module in self.modules()))
        if self.fail_at is not None and self.calls >= self.fail_at:
            raise Failed("the model itself failed")
        out: Tensor = self.frozen(self.cnn(x))
        return out


class Counting(nn.Module):
    """Wraps a model and counts calls and rows."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.rows: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.rows.append(x.shape[0])
        out: Tensor = self.inner(x)
        return out


def mlp(activation: Callable[[], nn.Module] = nn.Tanh, dtype: torch.dtype = torch.float32, seed: int = 1) -> MLP:
    """An `MLP` in eval mode, the same weights in every dtype."""
    with seeded(seed):
        return MLP(activation).to(dtype).eval()


def cnn(activation: Callable[[], nn.Module] = nn.ReLU, dtype: torch.dtype = torch.float32, seed: int = 2) -> CNN:
    """A `CNN` in eval mode whose batch-norm has seen data."""
    with seeded(seed):
        model = CNN(activation).train()
        with torch.no_grad():
            for _ in range(3):
                model(torch.randn(16, 3, 12, 12))
    return model.to(dtype).eval()


def token_classifier(dtype: torch.dtype = torch.float32, seed: int = 3) -> TokenClassifier:
    """A `TokenClassifier` in eval mode."""
    with seeded(seed):
        return TokenClassifier().to(dtype).eval()


def two_inputs(dtype: torch.dtype = torch.float32, seed: int = 4) -> TwoInputs:
    """A `TwoInputs` in eval mode."""
    with seeded(seed):
        return TwoInputs().to(dtype).eval()


def keyword_inputs(dtype: torch.dtype = torch.float32, seed: int = 4) -> KeywordInputs:
    """A `KeywordInputs` whose inner model equals `two_inputs` of the same seed."""
    with seeded(seed):
        return KeywordInputs().to(dtype).eval()


def token_ids(n: int = 2, length: int = 9, vocabulary: int = 17, seed: int = 5) -> Tensor:
    """Token ids `(n, length)`, none of them 0."""
    return torch.randint(1, vocabulary, (n, length), generator=torch.Generator().manual_seed(seed))


def tiny_gpt2(seed: int = 6) -> Any:
    """A random Hugging Face GPT-2 of two layers, in eval mode."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=31, n_positions=12, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0)
    with seeded(seed):
        return GPT2LMHeadModel(config).eval()  # type: ignore[no-untyped-call]
