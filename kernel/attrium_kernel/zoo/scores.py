"""Scores and batches of the classifiers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def classification_scores(model: nn.Module, *inputs_and_labels: Tensor) -> dict[str, float]:
    """Accuracy and mean cross-entropy (nats) of logits; the last tensor holds the labels `(n,)`."""
    *inputs, labels = inputs_and_labels
    with torch.inference_mode():
        logits = torch.cat([model(*rows) for rows in zip(*(torch.split(x, 250) for x in inputs), strict=True)])
    return {
        "accuracy": (logits.argmax(-1) == labels).double().mean().item(),
        "loss": functional.cross_entropy(logits, labels).item(),
    }


def shuffled_batches(rows: int, batch: int, epochs: int, seed: int) -> list[Tensor]:
    """Row numbers of every step: each epoch is a fresh order, cut into whole batches."""
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(rows, generator=generator) for _ in range(epochs)]
    return [order[start : start + batch] for order in orders for start in range(0, rows - batch + 1, batch)]
