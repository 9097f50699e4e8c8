"""The two small circuits of a head, query-key and output-value, from weights alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..architecture import Architecture, Block, Part
from ..weights import Weights
from .frozen import NormParts, norm_parts


@dataclass(frozen=True)
class Factors:
    """The weights of one layer's self-attention in float32, norms folded in if asked for.

    With rows as vectors, the query-key circuit of a head is `q @ k.T` and its output-value circuit `v @ o`; neither
    `(d_model, d_model)` product is ever made.

    Args:
        q, k, v: `(head, d_model, d_head)`; heads that share keys and values repeat them.
        o: `(head, d_head, d_model)`.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    o: Tensor


def factors(weights: Weights, layer: int, fold_norms: bool) -> Factors:
    """Read one layer.

    Args:
        fold_norms: multiply the weight of the norm before attention into q, k and v, and that of a norm after it into
            o; take out what the centring of a LayerNorm removes anyway. The scales of the norms, a number for each
            token, are left out: they are positive, and the same for all that is compared.
    """
    home = _home(weights)
    read = (
        weights.W_Q(layer),
        weights.W_K(layer, expanded=True),
        weights.W_V(layer, expanded=True),
        weights.W_O(layer),
    )
    q, k, v, o = (w.to(home).float() for w in read)
    if fold_norms:
        block = weights.architecture.stack(weights.stack).blocks[layer]
        before, after = _norm(weights, block, "ln1"), _norm(weights, block, "ln1_post")
        q, k, v = (before.back(w.transpose(1, 2)).transpose(1, 2) for w in (q, k, v))
        o = after.linear(o)
    return Factors(q, k, v, o)


def copying_scores(model: nn.Module, architecture: Architecture | None = None, *, fold_norms: bool = True) -> Tensor:
    """Does a head raise the logits of the tokens that it attends to? `(layer, head)`, -1 to 1.

    The eigenvalues of the full map from token to logits, `W_E W_V W_O W_U`, are those of the small
    `W_O W_U W_E W_V` `(d_head, d_head)`. The score is sum(eigenvalue) / sum(|eigenvalue|): 1 where all are positive
    (each token raises itself, on average over directions), -1 where all are negative.

    Args:
        model: the transformer.
        architecture: None finds out.
        fold_norms: the full map passes the norm before the attention, one after it (Gemma 2) and the last norm, their
            scales left out, which are positive; off multiplies the bare weights. The embedding enters as stored.

    Raises: `ArchitectureError` for a model without token embedding or unembedding.

    Source: Elhage et al. 2021, "A mathematical framework for transformer circuits", "Summarizing OV/QK matrices".
    """
    weights = Weights(model, architecture)
    home = _home(weights)
    w_u, w_e = weights.W_U.to(home).float(), weights.W_E.to(home).float()
    if fold_norms:
        w_u = _final(weights).back(w_u.T).T
    around = w_u @ w_e  # (d_model, d_model), once for all heads: their own products are then small
    scores = []
    for layer in range(weights.n_layers):
        small = factors(weights, layer, fold_norms)
        values = torch.linalg.eigvals((small.o @ around @ small.v).double().cpu())
        scores.append((values.real.sum(-1) / values.abs().sum(-1)).float())
    return torch.stack(scores)


def _final(weights: Weights) -> NormParts:
    part = weights.architecture.main.ln_final
    return _parts(weights, part)


def _norm(weights: Weights, block: Block, role: str) -> NormParts:
    return _parts(weights, block.parts.get(role))


def _parts(weights: Weights, part: Part | None) -> NormParts:
    if part is None:
        return NormParts()
    return norm_parts(weights.model.get_submodule(part.path), weights.architecture.d_model).to(_home(weights))


def _home(weights: Weights) -> torch.device:
    """One device for all, where a model is spread over several."""
    return next(weights.model.parameters()).device
