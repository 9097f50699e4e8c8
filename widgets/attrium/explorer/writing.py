"""Writing on: the next token, drawn from the very logits that are on show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from attrium_kernel.tracing import Sampler


def draw(logits: Tensor, sampler: Mapping[str, Any], seed: int, position: int) -> int:
    """A token for a position, `logits` `(vocab,)`.

    Each position has random numbers of its own, so that stepping five times, running five, and coming back after an
    undo draw the same tokens.

    Raises:
        TraceError: for logits that nothing can be drawn from.
    """
    generator = torch.Generator().manual_seed(seed * 1_000_003 + position)
    return int(Sampler(**sampler).sample(logits, generator))
