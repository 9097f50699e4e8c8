"""From logits to the next token: temperature, the filters, and what each of them leaves over."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .errors import TraceError


@dataclass(frozen=True, eq=False)
class Stages:
    """What a sampler made of logits, step by step; every tensor is `(…, vocab)`, in float32 or the logits' float64.

    Args:
        logits: as given.
        scaled: logits over the temperature (as given if greedy).
        kept: for each filter that is on, in the order in which they act, whether a token is still there after it.
        probabilities: what is drawn from; 0 for tokens that are not kept.
    """

    logits: Tensor
    scaled: Tensor
    kept: dict[str, Tensor]
    probabilities: Tensor

    @property
    def model_probabilities(self) -> Tensor:
        """What the model itself says, before temperature and filters."""
        return self.logits.softmax(-1)


@dataclass(frozen=True)
class Sampler:
    """How the next token is drawn: temperature, then `top_k`, `top_p` and `min_p`, each of what the last one left.

    The order, and what is kept, are those of transformers' `generate`. The likeliest token is always kept.

    Args:
        temperature: the logits are divided by it, at least 0; 0 is greedy.
        top_k: keep this many likeliest tokens, and those that tie with the last; None is all.
        top_p: keep the likeliest tokens until they sum to this, 0 to 1 (of equal ones the lower id first); None is
            all. Source: Holtzman et al. 2020, section 3.1.
        min_p: keep tokens at least this many times as likely as the likeliest, 0 to 1; None is all. Source: Nguyen
            et al. 2024, section 3.
        greedy: always take the likeliest token (of equal ones the lowest id), whatever the other settings.

    Raises: `TraceError` for a setting out of its bounds.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    greedy: bool = False

    def __post_init__(self) -> None:
        _check("temperature", self.temperature, _is_number(self.temperature) and self.temperature >= 0, "at least 0")
        whole = isinstance(self.top_k, int) and not isinstance(self.top_k, bool) and self.top_k >= 1
        _check("top_k", self.top_k, self.top_k is None or whole, "a whole number, at least 1, or None for all tokens")
        for name in ("top_p", "min_p"):
            value = getattr(self, name)
            ok = value is None or (_is_number(value) and 0 <= value <= 1)
            _check(name, value, ok, "from 0 to 1, or None for all tokens")
        _check("greedy", self.greedy, isinstance(self.greedy, bool), "True or False")

    @property
    def takes_the_best(self) -> bool:
        """Whether nothing is drawn by chance: `greedy`, or a temperature of 0."""
        return self.greedy or self.temperature == 0

    def stages(self, logits: Tensor) -> Stages:
        """Logits `(…, vocab)` to all that happens to them.

        Raises: `TraceError` for NaN or infinite logits (minus infinity is a token that the model rules out), or if
        every token is ruled out.
        """
        _check_logits(logits)
        logits = logits if logits.dtype == torch.float64 else logits.float()
        if self.takes_the_best:
            best = torch.zeros_like(logits).scatter_(-1, logits.argmax(-1, keepdim=True), 1.0)
            return Stages(logits, logits, {"greedy": best.bool()}, best)
        # From the largest down, so that a temperature close to 0 cannot overflow; probabilities are the same.
        scores = (logits - logits.amax(-1, keepdim=True)) / self.temperature
        kept: dict[str, Tensor] = {}
        for name, keep in self._filters():
            scores = scores.masked_fill(~keep(scores), -math.inf)
            kept[name] = scores > -math.inf
        return Stages(logits, logits / self.temperature, kept, scores.softmax(-1))

    def probabilities(self, logits: Tensor) -> Tensor:
        """Logits `(…, vocab)` to the probability of drawing each token, same shape, 0 for tokens filtered away.

        Raises: `TraceError` as `stages` does.
        """
        return self.stages(logits).probabilities

    def sample(self, logits: Tensor, generator: torch.Generator) -> Tensor:
        """Draw tokens: logits `(…, vocab)` to int64 ids `(…)`. The generator is not used if nothing is left to chance.

        Raises: `TraceError` as `stages` does.
        """
        probabilities = self.probabilities(logits)
        if self.takes_the_best:
            return probabilities.argmax(-1)
        rows = probabilities.reshape(-1, logits.shape[-1]).to(generator.device)
        return torch.multinomial(rows, 1, generator=generator).reshape(logits.shape[:-1]).to(logits.device)

    def _filters(self) -> list[tuple[str, Callable[[Tensor], Tensor]]]:
        top_k, top_p, min_p = self.top_k, self.top_p, self.min_p
        filters: list[tuple[str, Callable[[Tensor], Tensor]]] = []
        if top_k is not None:
            filters.append(("top_k", lambda scores: _likeliest(scores, top_k)))
        if top_p is not None:
            filters.append(("top_p", lambda scores: _nucleus(scores, top_p)))
        if min_p is not None:
            filters.append(("min_p", lambda scores: scores >= scores.amax(-1, keepdim=True) + _log(min_p)))
        return filters


def _likeliest(scores: Tensor, count: int) -> Tensor:
    return scores >= scores.topk(min(count, scores.shape[-1]), dim=-1).values[..., -1:]


def _nucleus(scores: Tensor, mass: float) -> Tensor:
    """A token stays while those before it do not yet sum to `mass`; the first stays, and with a mass of 1 all do."""
    if mass == 1:
        return torch.ones_like(scores, dtype=torch.bool)
    ranked, order = scores.sort(dim=-1, descending=True, stable=True)
    shares = ranked.softmax(-1)
    before = shares.cumsum(-1) - shares
    stays = before < mass
    stays[..., 0] = True
    return torch.zeros_like(stays).scatter_(-1, order, stays)


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _check(name: str, value: Any, ok: bool, expected: str) -> None:
    if not ok:
        raise TraceError(f"Sampler({name}={value!r}): expected {expected}")


def _check_logits(logits: Tensor) -> None:
    if logits.ndim == 0 or logits.shape[-1] == 0 or not logits.is_floating_point():
        raise TraceError(f"got logits of shape {tuple(logits.shape)} and {logits.dtype}, expected floats (…, vocab)")
    broken = int((logits.isnan() | (logits == math.inf)).sum())
    if broken:
        raise TraceError(
            f"{broken} of {logits.numel()} logits are NaN or infinite, so no token can be drawn; look for the first "
            "such value in the model (half precision overflows easily: try dtype=torch.float32)"
        )
    if bool((logits == -math.inf).all(-1).any()):
        raise TraceError("all logits are minus infinity, so no token can be drawn; leave at least one token possible")
