"""Attention weighted by what is moved: the norms of value vectors after the output projection."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import SiteError
from ..trace import Trace
from ..weights import Kind, Weights
from .places import architecture_of, model_of


@dataclass(frozen=True)
class ValueNorms:
    """How much each query takes from each key in one layer, as lengths of vectors in the stream.

    Args:
        heads: `(batch, head, query, key)`: `||alpha f(x)||` for each head.
        summed: `(batch, query, key)`: the length of the sum over heads, which may cancel.
    """

    heads: Tensor
    summed: Tensor


def value_weighted_attention(trace: Trace, layer: int, *, kind: Kind = "self", stack: str | None = None) -> ValueNorms:
    """The attention of one layer weighted by the norm of what it moves, `f(x) = (x W_V + b_V) W_O`.

    A head may attend strongly to a token whose value is near zero, a comma or the first token: it then moves nothing.
    The bias of the output projection, and a norm after it (Gemma 2), are left out.

    Args:
        trace: with `attn.pattern` and `attn.v`.
        layer: of the stack.
        kind: self- or cross-attention.
        stack: "", "encoder" or "decoder"; None is the one whose logits are read.

    Source: Kobayashi et al. 2020, "Attention is not only a weight", equations 5 to 7.
    """
    architecture = architecture_of(trace)
    weights = Weights(model_of(trace), architecture, stack=stack)
    heads = weights.heads(layer, kind)
    name = f"{architecture.stack(stack).blocks[layer].name}.{'attn' if kind == 'self' else 'cross'}"
    pattern, values = trace[f"{name}.pattern"].double(), trace[f"{name}.v"].double()
    if values.shape[1] != pattern.shape[-1]:
        raise SiteError(f"{name}.v has {values.shape[1]} positions, but the pattern {pattern.shape[-1]} keys")
    values = values.repeat_interleave(heads.n_heads // heads.n_kv_heads, 2)
    w_o = weights.W_O(layer, kind).double().to(values.device)
    per_head, summed = [], []
    for alpha, v in zip(pattern, values, strict=True):
        moved = torch.einsum("khv,hvd->khd", v, w_o)
        products = moved @ moved.transpose(1, 2)  # (key, head, head): lengths and angles of what the heads would move
        per_head.append(alpha * products.diagonal(dim1=1, dim2=2).sqrt().T[:, None])
        square = torch.einsum("hqk,khg,gqk->qk", alpha, products, alpha)
        summed.append(square.clamp(min=0).sqrt())
    return ValueNorms(torch.stack(per_head).float(), torch.stack(summed).float())
