"""What each head writes: its mixed values through its slice of the output projection."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .names import Entry
from .weights import measured_map, plain_map


def output_weight(model: nn.Module, entry: Entry) -> Tensor:
    """The output projection by heads, `(head, d_head, d_model)`: a view where the model keeps a plain matrix.

    Args:
        model: it holds the projection.
        entry: a name of kind `"result"`.
    """
    part, heads = entry.part, entry.heads
    assert part is not None and heads is not None
    module = model.get_submodule(part.path)
    weight, _ = plain_map(module, part.path) or measured_map(module, part.path, heads.n_heads * heads.d_value)
    return weight.reshape(heads.n_heads, heads.d_value, -1)


def head_results(weight: Tensor, z: Tensor, head: Any = slice(None)) -> Tensor:
    """Results per head, without the projection's bias.

    Args:
        weight: `(head, d_head, d_model)` of all heads.
        z: `(batch, position, head, d_head)` of the heads in `head`.
        head: which heads; all by default.

    Returns:
        `(batch, position, head, d_model)`.
    """
    return torch.einsum("bnhv,hvd->bnhd", z.to(weight.dtype), weight[head].to(z.device))
