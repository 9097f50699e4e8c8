"""Predictions over a data set: made in batches, kept in columns, filtered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from attrium_kernel.attribution.targets import logits_of
from attrium_kernel.running import untouched

from .errors import DataError

TOP = 5


def logits(model: Callable[..., Any], *args: Any, **kwargs: Any) -> Tensor:
    """The model's scores for a batch, on the CPU; the model comes back as it was."""
    with untouched(model, False), torch.no_grad():
        return logits_of(model(*args, **kwargs)).detach().cpu()


def probabilities(scores: Tensor) -> Tensor:
    """Scores `(n, classes)` as probabilities: as they are if each row is a distribution already, else their softmax.

    Raises:
        DataError: for another shape, or scores that are not finite.
    """
    if scores.dim() != 2 or scores.shape[1] < 2:
        raise DataError(
            f"the model gives outputs of shape {tuple(scores.shape)}; Insights needs a classifier, (examples, classes) "
            "with at least 2 classes"
        )
    if not bool(torch.isfinite(scores).all()):
        raise DataError("the model's output holds NaN or infinity; check its weights and its inputs")
    scores = scores.double()
    if bool((scores >= 0).all()) and bool(((scores.sum(1) - 1).abs() < 1e-4).all()):
        return scores
    return scores.softmax(1)


class Predictions:
    """What the model said of each example, as far as it was asked.

    Args:
        labels: true class of each example, or None.
        count: number of examples.
    """

    def __init__(self, labels: Sequence[int] | None, count: int) -> None:
        self.labels = None if labels is None else np.asarray(labels, np.int64)
        self.predicted: npt.NDArray[np.int64] = np.full(count, -1)
        self._top: dict[int, list[tuple[int, float]]] = {}
        self.classes: int | None = None

    def record(self, indices: Sequence[int], probability: Tensor) -> None:
        """Keep the best classes of some examples, `(len(indices), classes)`."""
        self.classes = probability.shape[1]
        best, order = probability.topk(min(TOP, self.classes), dim=1)
        self.predicted[list(indices)] = order[:, 0].numpy()
        for index, row, column in zip(indices, best.tolist(), order.tolist(), strict=True):
            self._top[index] = list(zip(column, row, strict=True))

    def top(self, index: int) -> list[tuple[int, float]]:
        """The best classes of an example with their probabilities, best first."""
        return self._top[index]

    def label(self, index: int) -> int | None:
        """The true class of an example."""
        return None if self.labels is None else int(self.labels[index])

    def missing(self, indices: Sequence[int] | range) -> list[int]:
        """Those that the model has not been asked yet."""
        return [i for i in indices if self.predicted[i] < 0]

    def summary(self) -> dict[str, Any]:
        """How the pass stands: `done` examples, and `correct`, `wrong`, `accuracy` where labels are known."""
        known = self.predicted >= 0
        done = int(known.sum())
        if self.labels is None:
            return {"accuracy": None, "correct": 0, "wrong": 0, "done": done}
        correct = int((self.predicted == self.labels)[known].sum())
        return {
            "accuracy": correct / done if done else None,
            "correct": correct,
            "wrong": done - correct,
            "done": done,
        }

    def select(self, outcome: str, classes: Sequence[int], predicted: Sequence[int]) -> npt.NDArray[np.int64]:
        """Indices that pass a filter, ascending; all of those it reads must have been predicted."""
        chosen = np.ones(len(self.predicted), bool)
        if self.labels is None and (outcome != "all" or classes):
            raise DataError("filtering by outcome or true class needs labels; pass labels= to Insights")
        if self.labels is not None:
            right = self.predicted == self.labels
            chosen &= {"all": chosen, "correct": right, "wrong": ~right}[outcome]
            if classes:
                chosen &= np.isin(self.labels, list(classes))
        if predicted:
            chosen &= np.isin(self.predicted, list(predicted))
        return np.flatnonzero(chosen)
