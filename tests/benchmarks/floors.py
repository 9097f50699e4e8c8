"""Floors: the bare forwards, or forwards and backwards, that the mathematics asks for; nothing else is timed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

Rows = Callable[[Tensor], Tensor]  # points (rows, ...) -> scores (rows,)


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """No parameter takes a gradient within this."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)


def chunks(rows: int, batch: int) -> list[tuple[int, int]]:
    """`rows` in as few runs of at most `batch` as possible, all about even."""
    count = -(-rows // batch)
    edges = [round(i * rows / count) for i in range(count + 1)]
    return list(itertools.pairwise(edges))


def forwards(model: nn.Module, score: Rows, points: Tensor, rows: int, batch: int) -> None:
    """`rows` forwards without gradients. `points` is one batch, used again for each run."""
    with torch.inference_mode():
        for start, stop in chunks(rows, batch):
            score(points[: stop - start])


def backwards(model: nn.Module, score: Rows, points: Tensor, rows: int, batch: int) -> None:
    """`rows` forwards with backwards to the points, parameters frozen."""
    with frozen(model):
        for start, stop in chunks(rows, batch):
            leaf = points[: stop - start].detach().requires_grad_()
            torch.autograd.grad(score(leaf).sum(), leaf)


def cnn_score(model: nn.Module, target: int) -> Rows:
    """The target's score of pictures."""
    return lambda x: model(x)[:, target]


def gpt2_score(model: Any, target: int) -> Rows:
    """The target token's logit at the last position of embedded sequences; the head runs on that position alone."""

    def score(embedded: Tensor) -> Tensor:
        states = model.transformer(inputs_embeds=embedded, use_cache=False).last_hidden_state
        logits: Tensor = model.lm_head(states[:, -1])
        return logits[:, target]

    return score
