"""One attention as the model called it, and what follows from it: scores, pattern and mix, for the part asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

Edit = Callable[[str, Tensor], Tensor]
"""`(name, value) -> value`: what interventions make of the scores or the pattern."""


Slope = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Attention:
    """What one attention function was given.

    Args:
        query: `(batch, head, query, d_head)`, after rotary.
        key: `(batch, kv_head, key, d_head)`, after rotary; `kv_head` divides `head` (grouped-query attention).
        value: `(batch, kv_head, key, d_value)`.
        mask: None, or broadcastable to `(batch, head, query, key)`; bool (True: may attend) or added to the scores.
        scaling: factor of the dot product.
        softcap: `cap * tanh(scores / cap)` before the mask (Gemma 2), or None.
        bias: added to the scores before the mask (T5's relative positions), or None.
        sinks: `(head,)` scores of a key that takes attention and gives nothing (gpt-oss), or None.
        causal: no mask was given, but keys after the query are hidden.
        before: the scores before the mask, where an intervention set them.
        ends: under autograd, the tensors of the graph that query, key and value were taken from, where they are not
            these themselves, and functions from a gradient of theirs to one of ours.
        weights: the pattern, where the model handed it out or an intervention set it.
        masked: the scores after the mask, where they were only seen and can't be computed again.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    mask: Tensor | None = None
    scaling: float = 1.0
    softcap: float | None = None
    bias: Tensor | None = None
    sinks: Tensor | None = None
    causal: bool = False
    before: Tensor | None = None
    ends: Mapping[str, tuple[Tensor, Slope]] = field(default_factory=dict)
    weights: Tensor | None = None
    masked: Tensor | None = None

    @property
    def n_heads(self) -> int:
        """Query heads."""
        return self.query.shape[1]

    @property
    def groups(self) -> int:
        """Query heads for each key head."""
        return self.query.shape[1] // self.key.shape[1]

    def mapped(self, change: Callable[[Tensor | None], Tensor | None]) -> Attention:
        """The same with each tensor that has a batch axis changed."""
        names = ("query", "key", "value", "mask", "bias", "before", "weights", "masked")
        fields: dict[str, Any] = {name: change(getattr(self, name)) for name in names}
        return replace(self, **fields)

    def repeats(self) -> int:
        """How often each key and value head stands in a row: some models expand groups before they attend."""
        heads = self.key.shape[1]
        for times in (n for n in range(heads, 1, -1) if heads % n == 0):
            first, value = self.key[:, ::times], self.value[:, ::times]
            if (
                bool(first.any())
                and bool(value.any())
                and torch.equal(first.repeat_interleave(times, dim=1), self.key)
                and torch.equal(value.repeat_interleave(times, dim=1), self.value)
            ):
                return times
        return 1

    def grouped(self, repeats: int) -> Attention:
        """The same with each repeated head once."""
        if repeats == 1:
            return self
        ends = dict(self.ends)
        if torch.is_grad_enabled():
            for name in ("key", "value"):
                tensor, slope = ends.get(name, (getattr(self, name), _same))
                ends[name] = tensor, _summed(slope, repeats)
        return replace(self, key=self.key[:, ::repeats], value=self.value[:, ::repeats], ends=ends)

    def scores(self, batch: Any = slice(None), head: Any = slice(None), rows: Any = slice(None)) -> Tensor:
        """Scaled, capped, biased scores before the mask: `(batch, head, query, key)` of the part asked for."""
        if self.before is not None:
            return self.before[batch][:, head][:, :, rows]
        query, key = self.query[batch][:, head][:, :, rows], self._per_head(self.key, batch, head)
        scores = torch.matmul(query, key.transpose(-1, -2)) * self.scaling
        if self.softcap is not None:
            scores = self.softcap * torch.tanh(scores / self.softcap)
        if self.bias is not None:
            scores = scores + _part(self.bias, batch, head, rows)
        return scores

    def hide(
        self, scores: Tensor, batch: Any = slice(None), head: Any = slice(None), rows: Any = slice(None)
    ) -> Tensor:
        """Scores with the mask applied; hidden cells are the dtype's lowest number, as in the model."""
        lowest = torch.finfo(scores.dtype).min
        if self.masked is not None:  # the mask was only seen in what it did
            return self.masked[batch][:, head][:, :, rows] + (scores - self.scores(batch, head, rows))
        if self.mask is not None:
            mask = _part(self.mask, batch, head, rows)
            if mask.dtype == torch.bool:
                return scores.masked_fill(~mask, lowest)
            return scores + mask[..., : scores.shape[-1]].clamp(min=lowest).to(scores.dtype)
        if self.causal:
            queries, keys = self.query.shape[2], self.key.shape[2]
            at = torch.arange(queries, device=scores.device)[rows]
            # aligned at the top left, as in scaled_dot_product_attention
            return scores.masked_fill(torch.arange(keys, device=scores.device) > at[:, None], lowest)
        return scores

    def normalise(self, scores: Tensor, head: Any = slice(None)) -> Tensor:
        """Softmax over the keys, in float32 at least; with sinks, rows add up to less than one."""
        wide = scores.float() if scores.dtype in (torch.float16, torch.bfloat16) else scores
        if self.sinks is not None:
            sinks = self.sinks[head].to(wide.dtype).reshape(1, -1, 1, 1).expand(*wide.shape[:-1], 1)
            wide = torch.cat([wide, sinks], dim=-1).softmax(dim=-1)[..., :-1]
            return wide.to(scores.dtype)
        return wide.softmax(dim=-1).to(scores.dtype)

    def masked_scores(self, batch: Any = slice(None), head: Any = slice(None), rows: Any = slice(None)) -> Tensor:
        """Scores after the mask."""
        if self.masked is not None:
            return self.masked[batch][:, head][:, :, rows]
        return self.hide(self.scores(batch, head, rows), batch, head, rows)

    def pattern(self, batch: Any = slice(None), head: Any = slice(None), rows: Any = slice(None)) -> Tensor:
        """Softmax of the masked scores: `(batch, head, query, key)`."""
        if self.weights is not None:
            return self.weights[batch][:, head][:, :, rows]
        return self.normalise(self.masked_scores(batch, head, rows), head)

    def mix(self, pattern: Tensor, batch: Any = slice(None), head: Any = slice(None)) -> Tensor:
        """Values mixed by a pattern: `(batch, head, query, d_value)`."""
        return torch.matmul(pattern, self._per_head(self.value, batch, head).to(pattern.dtype))

    def edited(self, edit: Edit) -> tuple[Attention, Tensor]:
        """Run the attention with interventions on scores, masked scores and pattern.

        Returns:
            The record with the edited pattern, and the mix `(batch, query, head, d_value)`.
        """
        before = edit("scores", self.scores())
        scores = edit("masked_scores", self.hide(before))
        weights = edit("pattern", self.normalise(scores))
        mixed = self.mix(weights).transpose(1, 2).contiguous()
        return replace(self, before=before, weights=weights, masked=scores), mixed

    def revised(self, query: Tensor, key: Tensor, value: Tensor) -> Attention:
        """The same with other queries, keys or values; scores and pattern that were seen are brought up to date."""
        if query is self.query and key is self.key and value is self.value:
            return self
        new = replace(self, query=query, key=key, value=value)
        if self.masked is None or (query is self.query and key is self.key):
            return new
        masked = self.hide(new.scores())
        return replace(new, masked=masked, weights=self.normalise(masked))

    def error(self, mixed: Tensor) -> float:
        """How far the pattern recomputed here is from explaining what the model's attention returned.

        Args:
            mixed: `(batch, query, head, d_value)` or with the last two axes flattened, as the model got it.

        Returns:
            The largest difference over a few queries, relative to the largest value; rows that may attend to nothing
            are left out, since kernels differ on them.
        """
        queries = self.query.shape[2]
        rows = torch.tensor(sorted({0, queries // 2, queries - 1}), device=self.query.device)
        pattern = self.pattern(rows=rows)
        ours = self.mix(pattern).transpose(1, 2)
        theirs = mixed[:, rows].reshape(ours.shape).to(ours.dtype)
        seen = self._sees_something(rows)
        gap = ((ours - theirs).abs() * seen).max()
        return float((gap / theirs.abs().max().clamp(min=1e-12)).detach())

    def _sees_something(self, rows: Tensor) -> Tensor:
        """`(batch or 1, query, head or 1, 1)`: whether any key is visible."""
        if self.mask is None:
            return torch.ones(1, 1, 1, 1, dtype=torch.bool, device=self.query.device)
        mask = self.mask[:, :, rows] if self.mask.shape[2] > 1 else self.mask
        open_ = mask if mask.dtype == torch.bool else mask > torch.finfo(mask.dtype).min / 2
        return open_.any(dim=-1, keepdim=True).transpose(1, 2)

    def _per_head(self, tensor: Tensor, batch: Any, head: Any) -> Tensor:
        """Keys or values for each of the query heads asked for."""
        if self.groups == 1:
            return tensor[batch][:, head]
        which = torch.arange(self.n_heads, device=tensor.device)[head] // self.groups
        return tensor[batch][:, which]


def _same(slope: Tensor) -> Tensor:
    return slope


def _summed(slope: Slope, repeats: int) -> Slope:
    """A head that stands several times in a row has the sum of their gradients."""

    def summed(given: Tensor) -> Tensor:
        found = slope(given)
        return found.reshape(found.shape[0], -1, repeats, *found.shape[2:]).sum(dim=2)

    return summed


def _part(tensor: Tensor, batch: Any, head: Any, rows: Any) -> Tensor:
    """A part of what broadcasts to `(batch, head, query, key)`: axes of length 1 stay."""
    while tensor.dim() < 4:
        tensor = tensor.unsqueeze(0)
    if tensor.shape[0] > 1:
        tensor = tensor[batch]
    if tensor.shape[1] > 1:
        tensor = tensor[:, head]
    return tensor[:, :, rows] if tensor.shape[2] > 1 else tensor
