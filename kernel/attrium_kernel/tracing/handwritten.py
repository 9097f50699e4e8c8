"""Attention that a model writes out itself: a product, a softmax over its last axis, another product."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F  # torch's own habit
from torch import Tensor

from .attention import Attention

MATMULS = {torch.matmul, torch.bmm, Tensor.matmul, Tensor.__matmul__, Tensor.bmm}
ADDED_PRODUCTS = {torch.baddbmm, Tensor.baddbmm}
SOFTMAXES = {torch.softmax, Tensor.softmax, F.softmax, torch.nn.functional.softmax}
FACTORS: dict[Any, Callable[[float, float], float]] = dict.fromkeys(
    (torch.mul, Tensor.mul, Tensor.mul_, Tensor.__mul__, Tensor.__imul__, Tensor.__rmul__, torch.multiply), operator.mul
) | dict.fromkeys(
    (torch.div, Tensor.div, Tensor.div_, Tensor.__truediv__, Tensor.__itruediv__, torch.true_divide), operator.truediv
)
SUMS = {torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__iadd__, Tensor.__radd__}
HIDDEN = -1e4
"""Numbers below are a mask's rather than a bias's."""


@dataclass(eq=False)
class Scores:
    """A product on its way to the softmax.

    Args:
        query: `(batch, head, query, d_head)`, or with the first two axes as one.
        key: the same for the keys.
        product: as it was written.
        shape: of the product.
        carriers: the tensors that it went through: scaled, in another dtype or shape.
        scaling: factor so far.
        bias: what was added that hides nothing.
        whole: nothing but scaling and biases has happened to it.
    """

    query: Tensor
    key: Tensor
    product: Product
    shape: torch.Size
    carriers: list[Tensor]
    scaling: float = 1.0
    bias: Tensor | None = None
    whole: bool = True

    def carries(self, tensor: Any) -> bool:
        """Whether a tensor is the product on its way."""
        return any(tensor is carrier for carrier in self.carriers)

    def follow(self, func: Any, args: Any, kwargs: Any, out: Tensor) -> None:
        """An operation was applied to it."""
        if not self.whole or out.numel() < self.shape.numel():
            return
        other = args[1] if len(args) > 1 else kwargs.get("other")
        if not self.carries(args[0]):
            other = args[0]
        if func in FACTORS and _is_number(other):
            self.scaling = FACTORS[func](self.scaling, float(other))
            if self.bias is not None:
                self.bias = self.bias * FACTORS[func](1.0, float(other))
        elif func in SUMS and isinstance(other, Tensor):
            if not other.is_floating_point() or bool((other < HIDDEN).any()):
                self.whole = False
                return
            self.bias = other if self.bias is None else self.bias + other
        elif func in FACTORS or func in SUMS or "mask" in str(func) or func is torch.where or func is Tensor.where:
            self.whole = False
            return
        self.carriers.append(out)


class Handwritten:
    """Sees attention written as product, softmax, product, and tells of it at the second product."""

    def __init__(self, seen: Callable[..., Any], batch: Callable[[], int | None]) -> None:
        self.seen = seen
        self.batch = batch
        self.scores: Scores | None = None
        self.masked: Tensor | None = None
        self.carriers: list[Tensor] = []
        """The pattern, in other shapes and dtypes and after dropout."""

    def __call__(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Run one function of torch, and see whether it is a step of an attention."""
        if func in SOFTMAXES:
            out = func(*args, **kwargs)
            if self.scores is not None and out.dim() >= 3 and out.numel() == self.scores.shape.numel():
                self.masked, self.carriers = args[0], [out]
            return out
        product = _product(func, args, kwargs)
        if product is not None and any(product.left is carrier for carrier in self.carriers):
            return self._mixed(func, args, kwargs, product)
        out = func(*args, **kwargs)
        if product is not None:
            self._begin(product, out)
        elif isinstance(out, Tensor) and out.is_floating_point() and args:
            self._follow(func, args, kwargs, out)
        return out

    def _begin(self, product: Product, out: Tensor) -> None:
        """A product that may be the first of an attention."""
        found = product.scores(out)
        if found is not None:
            query, key = found
            self.scores = Scores(query, key, product, out.shape, [out], product.scaling, product.bias)
            self.carriers = []

    def _follow(self, func: Any, args: Any, kwargs: Any, out: Tensor) -> None:
        if self.carriers and any(args[0] is carrier for carrier in self.carriers):
            if out.numel() == self.carriers[0].numel():
                self.carriers.append(out)
        elif self.scores is not None and any(self.scores.carries(a) for a in args[:2]):
            self.scores.follow(func, args, kwargs, out)

    def _mixed(self, func: Any, args: Any, kwargs: Any, product: Product) -> Any:
        """The second product: all of the attention is known now."""
        scores, masked, pattern = self.scores, self.masked, self.carriers[0]
        assert scores is not None and masked is not None
        carrier = product.left
        self.scores = self.masked = None
        self.carriers = []
        lead = leading(masked, self.batch())
        value, restore = product.values(carrier)
        attention = Attention(
            four(scores.query, lead),
            four(scores.key, lead),
            four(value, lead),
            scaling=scores.scaling,
            bias=None if scores.bias is None else four(scores.bias, lead),
            ends=_ends(scores, product, lead) if torch.is_grad_enabled() else {},
            weights=four(pattern, lead),
            masked=four(masked, lead),
        )

        def compute(weights: Tensor | None = None) -> Any:
            given = carrier if weights is None else weights.reshape(carrier.shape).to(carrier.dtype)
            out = func(*[given if a is carrier else a for a in args], **kwargs)
            return four(restore(out, False), lead).transpose(1, 2), None

        out, _ = self.seen(None, attention, compute)
        mixed = out.transpose(1, 2)
        if carrier.dim() == 3:
            mixed = mixed.reshape(carrier.shape[0], *mixed.shape[-2:])
        return restore(mixed, True)


@dataclass(eq=False)
class Product:
    """A matrix product.

    Args:
        left: first factor.
        right: second factor.
        letters: for an einsum the indices of left, right and result; None for `(..., n, d) @ (..., d, m)`.
        scaling: factor of the product.
        bias: what it is added to.
    """

    left: Tensor
    right: Tensor
    letters: tuple[str, str, str] | None = None
    scaling: float = 1.0
    bias: Tensor | None = None

    def scores(self, out: Tensor) -> tuple[Tensor, Tensor] | None:
        """`(query, key)` with features last, if this may be a product of queries and keys."""
        return None if out.dim() < 3 else self.factors()

    def factors(self) -> Any:
        """The same, whatever the result."""
        if self.letters is None:
            return self.left, self.right.transpose(-1, -2)
        left, right, result = self.letters
        summed = [c for c in left if c in right and c not in result]
        if len(summed) != 1 or len(result) < 3 or result[-2] not in left or result[-1] not in right:
            return None
        query = result[:-1] + summed[0]
        key = result[:-2] + result[-1] + summed[0]
        if sorted(query) != sorted(left) or sorted(key) != sorted(right):
            return None
        return _permuted(self.left, left, query), _permuted(self.right, right, key)

    def values(self, pattern: Tensor) -> tuple[Tensor, Callable[[Tensor, bool], Tensor]]:
        """The values `(..., key, d)`, and a function between the result's own order and `(..., query, d)`."""
        if self.letters is None:
            return self.right, lambda out, back: out
        left, right, result = self.letters
        feature = next(c for c in right if c not in left)
        wanted = left[:-1] + feature

        def between(out: Tensor, back: bool) -> Tensor:
            return _permuted(out, wanted, result) if back else _permuted(out, result, wanted)

        return _permuted(self.right, right, left[:-2] + left[-1] + feature), between


def _ends(scores: Scores, product: Product, lead: torch.Size) -> dict[str, tuple[Tensor, Callable[[Tensor], Tensor]]]:
    """The factors of the two products, which are in the graph, by what they stand for."""
    first = scores.product
    return {
        "query": (first.left, lambda slope: four(replace(first, left=slope).factors()[0], lead)),
        "key": (first.right, lambda slope: four(replace(first, right=slope).factors()[1], lead)),
        "value": (product.right, lambda slope: four(replace(product, right=slope).values(product.left)[0], lead)),
    }


def _product(func: Any, args: Any, kwargs: Any) -> Product | None:
    if func in MATMULS:
        both = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
        return Product(both[0], both[1]) if len(both) == 2 and both[1].dim() >= 2 else None
    if func in ADDED_PRODUCTS:
        names = dict(zip(("input", "batch1", "batch2"), args)) | kwargs
        beta = float(kwargs.get("beta", 1))
        bias = names["input"] * beta if beta else None
        return Product(names["batch1"], names["batch2"], scaling=float(kwargs.get("alpha", 1)), bias=bias)
    if func is torch.einsum and args and isinstance(args[0], str) and args[0].count(",") == 1 and "->" in args[0]:
        tensors = args[1] if len(args) == 2 and isinstance(args[1], (list, tuple)) else args[1:]
        factors, result = args[0].replace(" ", "").split("->")
        left, right = factors.split(",")
        if len(tensors) == 2 and "." not in args[0]:
            return Product(tensors[0], tensors[1], (left, right, result))
    return None


def _permuted(tensor: Tensor, letters: str, wanted: str) -> Tensor:
    return tensor.permute([letters.index(c) for c in wanted])


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) or (isinstance(value, Tensor) and value.numel() == 1)


def leading(tensor: Tensor, batch: int | None) -> torch.Size:
    """`(batch, head)` of queries or scores; with one leading axis the number of examples tells how it splits."""
    if tensor.dim() == 4:
        return tensor.shape[:2]
    if tensor.dim() == 3 and batch and tensor.shape[0] % batch == 0:
        return torch.Size((batch, tensor.shape[0] // batch))
    return four(tensor).shape[:2]


def four(tensor: Tensor, lead: torch.Size | None = None) -> Tensor:
    """With a batch and a head axis in front: `lead`, where the tensor has them as one axis."""
    if lead is not None and tensor.dim() == 3 and tensor.shape[0] == lead[0] * lead[1]:
        return tensor.reshape(*lead, *tensor.shape[1:])
    return tensor[(None,) * (4 - tensor.dim())] if tensor.dim() < 4 else tensor
