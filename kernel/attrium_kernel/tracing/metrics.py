"""What a sweep measures: one number for each example, from the logits."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .errors import CaptureError, SiteError

Metric = Callable[[Tensor], Tensor]
"""`(batch, position, vocab)` logits to `(batch,)` numbers.

In a sweep a `Selective` metric is given its position only, and only its tokens' logits, the others being 0."""


class Selective:
    """A metric that reads little of the logits, so that a sweep need not compute the rest.

    Subclasses have a `position`, the only one that is read, and may have `tokens`, the only ones that are read there.
    """

    position: int
    tokens: tuple[int, ...] | None = None


def reading(metric: object) -> tuple[int | None, tuple[int, ...] | None]:
    """`(position, tokens)` that a metric reads; None for all."""
    return (metric.position, metric.tokens) if isinstance(metric, Selective) else (None, None)


@dataclass(frozen=True)
class LogitDifference(Selective):
    """Logit of the right token less that of the wrong one (Wang et al. 2023).

    Args:
        correct: token id, or one for each example.
        wrong: token id, or one for each example.
        position: where to read.
    """

    correct: int | tuple[int, ...]
    wrong: int | tuple[int, ...]
    position: int = -1

    def __post_init__(self) -> None:
        for field in ("correct", "wrong"):
            object.__setattr__(self, field, _ids(field, getattr(self, field)))

    @property
    def tokens(self) -> tuple[int, ...]:  # type: ignore[override]  # read-only here
        """The only tokens whose logits are read."""
        both = [(t,) if isinstance(t, int) else t for t in (self.correct, self.wrong)]
        return (*both[0], *both[1])

    def __call__(self, logits: Tensor) -> Tensor:
        """`(batch,)`."""
        last = at(logits, self.position)
        return picked(last, self.correct) - picked(last, self.wrong)


@dataclass(frozen=True)
class LogProbability(Selective):
    """Log-probability of a token.

    Args:
        token: token id, or one for each example.
        position: where to read.
    """

    token: int | tuple[int, ...]
    position: int = -1

    def __post_init__(self) -> None:
        object.__setattr__(self, "token", _ids("token", self.token))

    def __call__(self, logits: Tensor) -> Tensor:
        """`(batch,)`, in nats."""
        return picked(at(logits, self.position).log_softmax(-1), self.token)


def at(logits: Tensor, position: int) -> Tensor:
    """`(batch, vocab)` at one position; logits of one position are that position's."""
    if logits.dim() == 2:
        return logits
    if logits.shape[1] == 1:
        return logits[:, 0]
    if not -logits.shape[1] <= position < logits.shape[1]:
        raise SiteError(
            f"position {position} of the metric is out of range: there are {logits.shape[1]}; pass one of these"
        )
    return logits[:, position]


def picked(scores: Tensor, token: int | tuple[int, ...]) -> Tensor:
    """`(batch,)`: the score of a token, or of each example's own."""
    ids = torch.tensor([token] if isinstance(token, int) else token, device=scores.device)
    wrong = ids[(ids < 0) | (ids >= scores.shape[-1])]
    if len(wrong):
        raise SiteError(
            f"token {int(wrong[0])} of the metric is out of range: the vocabulary has {scores.shape[-1]} tokens, so "
            f"pass 0 to {scores.shape[-1] - 1}"
        )
    if len(ids) not in (1, scores.shape[0]):
        raise SiteError(f"the metric names tokens for {len(ids)} examples, but the batch has {scores.shape[0]}")
    ids = ids.expand(scores.shape[0])
    return scores.gather(-1, ids[:, None])[:, 0]


def measured(metric: Metric, logits: Tensor) -> Tensor:
    """`(batch,)` numbers of a metric, checked."""
    found: Any = metric(logits)
    if not isinstance(found, Tensor) or found.shape != logits.shape[:1]:
        got = f"a tensor of shape {tuple(found.shape)}" if isinstance(found, Tensor) else f"a {type(found).__name__}"
        raise CaptureError(
            f"the metric was given logits of shape {tuple(logits.shape)} and returned {got}; it must return one number "
            f"for each example, a tensor of shape ({logits.shape[0]},)"
        )
    return found


def _ids(field: str, given: Any) -> int | tuple[int, ...]:
    with contextlib.suppress(TypeError):
        if not isinstance(given, bool) and not (isinstance(given, Tensor) and given.dim()):
            return operator.index(given)
    if isinstance(given, Tensor):
        given = given.tolist()
        if isinstance(given, int):
            return given
    if isinstance(given, Sequence) and given and all(isinstance(i, int) for i in given):
        return tuple(given)
    raise SiteError(f"{field}={given!r}; pass a token id, or one for each example")
