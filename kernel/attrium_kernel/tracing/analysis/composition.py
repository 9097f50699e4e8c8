"""Which earlier head writes what a later head reads? Composition scores from weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ..architecture import Architecture
from ..errors import SiteError
from ..weights import Weights
from .circuits import Factors, factors

Reading = Literal["q", "k", "v"]


@dataclass(frozen=True)
class Composition:
    """How much of what later heads read as queries, keys or values earlier heads wrote.

    Each is `(layer, head, layer, head)`: writer first, then reader; 0 where the writer does not come before the reader.
    A score is the Frobenius norm of the product of the two circuits over the product of their norms, 0 to 1.

    Args:
        q, k, v: the scores, None for those not asked for.
        baseline: what random matrices of the same shapes score, one number for each of `"q"`, `"k"`, `"v"`; empty if
            not asked for. It is not subtracted.
    """

    q: Tensor | None
    k: Tensor | None
    v: Tensor | None
    baseline: dict[str, float]


def composition_scores(
    model: nn.Module,
    architecture: Architecture | None = None,
    *,
    kinds: Sequence[Reading] = ("q", "k", "v"),
    fold_norms: bool = True,
    random_draws: int = 0,
    seed: int = 0,
) -> Composition:
    """Q-, K- and V-composition of every pair of heads.

    Only `(d_head, d_head)` matrices are multiplied for each pair. Rotary positions and norms of queries and keys are
    not part of it: the query-key circuit is that of two tokens at one position.

    Args:
        model: the transformer; of two stacks, the one whose logits are read.
        architecture: None finds out.
        kinds: which compositions.
        fold_norms: multiply the weights of norms before and after attention into the circuits, their scales left out;
            off takes the bare weights, as in the paper, whose models have no norms.
        random_draws: pairs of random heads for the baseline, with normally distributed weights; 0 gives none.
        seed: of these.

    Source: Elhage et al. 2021, "A mathematical framework for transformer circuits", "Three kinds of composition".
    """
    weights = Weights(model, architecture)
    n = weights.n_layers
    small = [_Small.of(factors(weights, layer, fold_norms)) for layer in range(n)]
    if len({len(layer.q) for layer in small}) > 1:
        raise SiteError(f"layers have {[len(layer.q) for layer in small]} heads, so their scores make no table")
    tables = {kind: torch.zeros(n, len(small[0].v), n, len(small[0].v)) for kind in kinds}
    for writer in range(n):
        for reader in range(writer + 1, n):
            for kind, table in tables.items():
                table[writer, :, reader] = _ratio(small[writer], small[reader], kind).cpu()
    baseline = _baseline(weights, kinds, random_draws, seed) if random_draws else {}
    return Composition(tables.get("q"), tables.get("k"), tables.get("v"), baseline)


@dataclass(frozen=True)
class _Small:
    """One layer's factors with what is left of each side when only lengths matter, `(head, d_head, d_head)`.

    `||A B C||` is `||R_A B R_C.T||` for the triangular factors of `A = Q R_A` and `C.T = Q R_C`.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    o: Tensor
    r_q: Tensor
    r_k: Tensor
    r_v: Tensor
    r_o: Tensor

    @classmethod
    def of(cls, full: Factors) -> _Small:
        sides = (full.q, full.k, full.v, full.o.transpose(1, 2))
        return cls(full.q, full.k, full.v, full.o, *(torch.linalg.qr(side, mode="r").R for side in sides))


def _ratio(writer: _Small, reader: _Small, kind: Reading) -> Tensor:
    """`(writer head, reader head)`."""
    read, left, right = {
        "q": (reader.q, reader.r_q, reader.r_k),
        "k": (reader.k, reader.r_k, reader.r_q),
        "v": (reader.v, reader.r_v, reader.r_o),
    }[kind]
    middle = torch.einsum("sad,tdb->stab", writer.o, read)
    product = writer.r_v[:, None] @ middle @ right.transpose(1, 2)[None]
    written = _norm(writer.r_v @ writer.r_o.transpose(1, 2))
    return _norm(product) / (written[:, None] * _norm(left @ right.transpose(1, 2))[None])


def _norm(matrices: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.matrix_norm(matrices)
    return norm


def _baseline(weights: Weights, kinds: Sequence[Reading], draws: int, seed: int) -> dict[str, float]:
    """Mean ratio of pairs of random heads, shaped as in the first layer."""
    generator = torch.Generator().manual_seed(seed)
    first = factors(weights, 0, False)

    def heads() -> _Small:
        shapes = [(draws, *w.shape[1:]) for w in (first.q, first.k, first.v, first.o)]
        return _Small.of(Factors(*(torch.randn(shape, generator=generator) for shape in shapes)))

    writer, reader = heads(), heads()
    return {kind: float(_ratio(writer, reader, kind).mean()) for kind in kinds}
