"""The one training loop of the zoo."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

Batch = TypeVar("Batch")


def make_deterministic(seed: int) -> None:
    """One thread, one seed, deterministic kernels: two runs on one machine then give the same bits."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)


def fit(
    model: nn.Module,
    batch_at: Callable[[int], Batch],
    loss_of: Callable[[nn.Module, Batch], Tensor],
    *,
    steps: int,
    lr: float,
    weight_decay: float = 0.01,
    warmup: float = 0.05,
    log_every: int = 100,
    watch: Callable[[nn.Module], str] | None = None,
) -> float:
    """Train `model` in place with AdamW and a one-cycle schedule (linear warm-up, then half a cosine to zero).

    Args:
        batch_at: the batch of a step, counted from 0; must depend on nothing but the step.
        loss_of: the scalar to minimise.
        lr: the highest learning rate.
        weight_decay: on parameters with two or more axes only.
        warmup: share of the steps spent on warming up.
        watch: called in eval mode at every log line (10 times rarer than the loss); its words are printed.

    Returns: the mean loss over the last `log_every` steps.
    """
    optimiser = torch.optim.AdamW(_groups(model, weight_decay), lr=lr, betas=(0.9, 0.98), fused=True)
    start, recent = time.perf_counter(), [0.0]
    model.train()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = lr * one_cycle(step, steps, warmup)
        loss = loss_of(model, batch_at(step))
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves Tensor.backward without annotations
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        recent = [*recent[1 - log_every :], loss.item()] if step else [loss.item()]
        if (step + 1) % log_every == 0:
            print(
                f"step {step + 1}/{steps}  loss {sum(recent) / len(recent):.4f}  {time.perf_counter() - start:.0f} s",
                flush=True,
            )
        if watch and (step + 1) % (10 * log_every) == 0:
            model.eval()
            print(f"  {watch(model)}", flush=True)
            model.train()
    model.eval()
    return sum(recent) / len(recent)


def one_cycle(step: int, steps: int, warmup: float) -> float:
    """The share of the highest learning rate at a step, in (0, 1]."""
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def _groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    parameters = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
