"""Explanations of cards: by any method, in small groups, the latest kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from attrium_kernel.attribution import Attribution, AttributionError, Cancelled, Method

from .captions import finite, interpolation, method_text
from .features import Feature
from .features.base import Model
from .jobs import Job
from .tensors import one_tensor

GROUP = 4
"""Cards explained together: few enough that the first appear soon, enough to fill the model's batches."""
KEPT = 256
"""Explanations kept for when the reader comes back."""

Key = tuple[int, int, Method]
"""Index, target, method with its settings."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """One card explained: the attribution of that one example, and its entry of the `heats` trait."""

    attribution: Attribution | None
    heat: dict[str, Any]


class Explanations:
    """What has been explained, the least used forgotten first.

    Args:
        model, feature: who is asked, about what.
        kept: most explanations kept.
    """

    def __init__(self, model: Model, feature: Feature, kept: int = KEPT) -> None:
        self._model = model
        self._feature = feature
        self._kept = kept
        self._found: OrderedDict[Key, Explanation] = OrderedDict()

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: Key) -> Explanation | None:
        """What was found before, if it is still kept."""
        if key in self._found:
            self._found.move_to_end(key)
        return self._found.get(key)

    def explain(self, keys: Sequence[Key], job: Job) -> Iterator[list[tuple[Key, Explanation]]]:
        """Explain cards group by group; those that fail have an error for a heat, and are not kept."""
        targets = {index: key for key in keys for index in [key[0]]}
        done = 0
        draws = any(key[2].draws for key in keys)  # alone, so that no neighbour changes the draws
        for group in self._feature.batches([key[0] for key in keys], 1 if draws else GROUP):
            job.check()
            members = [targets[index] for index in group]
            found = self._explain_group(members, job, _Share(job, done, len(group), len(keys)))
            done += len(group)
            for key, explanation in found:
                if explanation.attribution is not None:
                    self._keep(key, explanation)
            yield found

    def _keep(self, key: Key, explanation: Explanation) -> None:
        self._found[key] = explanation
        while len(self._found) > self._kept:
            self._found.popitem(last=False)

    def _explain_group(self, keys: Sequence[Key], job: Job, share: _Share) -> list[tuple[Key, Explanation]]:
        try:
            return self._attribute(keys, job, share)
        except Cancelled:
            raise
        except Exception as error:  # whatever a model or preprocess of the user's raises
            if len(keys) == 1:
                return [(keys[0], Explanation(None, {"error": _words(error)}))]
        return [pair for key in keys for pair in self._explain_group([key], job, share)]  # find out whose fault it was

    def _attribute(self, keys: Sequence[Key], job: Job, share: _Share) -> list[tuple[Key, Explanation]]:
        indices, targets = [key[0] for key in keys], [key[1] for key in keys]
        method = keys[0][2]
        share.show(0, 1, method)
        case = self._feature.case(self._model, method, indices)
        attribution = method.attribute(
            self._model,
            case.inputs,
            target=targets,
            progress=lambda done, total: share.show(done, total, method),
            cancel=job.cancelled,
            **case.options,
        ).cpu()
        return [(key, self._one(key, attribution, row)) for row, key in enumerate(keys)]

    def _one(self, key: Key, attribution: Attribution, row: int) -> Explanation:
        index, target, method = key
        single = example_of(attribution, row)
        place = f" at {single.at}" if method.needs_layer and single.at else ""
        values = one_tensor(single, None)[0]
        drawn = self._feature.scores_drawn(values, index, method)
        heat = {
            "target": target,
            "method": method_text(method) + place + interpolation(values, drawn),
            "frame": self._feature.heat(drawn, index),
            "gap": None if single.gap is None else finite(single.gap[0]),
            "score": finite(single.scores[0]),
        }
        return Explanation(single, heat)


@dataclass(frozen=True)
class _Share:
    """The part of a job's progress that one group of cards has: `cards` of `total`, after `done`."""

    job: Job
    done: int
    cards: int
    total: int

    def show(self, rows: int, of: int, method: Method) -> None:
        """`rows` of the `of` rows of this group have been through the model; shown in rows of all groups."""
        label = method.label or type(method).__name__
        scale = of / self.cards
        self.job.progress(round(self.done * scale) + rows, round(self.total * scale), label)


def example_of(attribution: Attribution, row: int) -> Attribution:
    """The attribution of one of its examples, as if it had been asked for alone."""
    target = attribution.target
    return replace(
        attribution,
        values=_rows(attribution.values, row),
        scores=attribution.scores[row : row + 1],
        gap=None if attribution.gap is None else attribution.gap[row : row + 1],
        target=target[row] if isinstance(target, list) else target,
        baselines=None if attribution.baselines is None else _rows(attribution.baselines, row),
    )


def _rows(value: Any, row: int) -> Any:
    """One row of each tensor, copied so that it does not keep the rest; a tensor of one row serves all examples."""
    if isinstance(value, Tensor):
        return value if value.shape[0] == 1 else value[row : row + 1].clone()
    if isinstance(value, dict):
        return {name: _rows(part, row) for name, part in value.items()}
    return tuple(_rows(part, row) for part in value)


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, AttributionError) else f"{type(error).__name__}: {error}"
