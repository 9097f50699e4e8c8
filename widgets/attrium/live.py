"""A question that a widget can ask its worker again: explain this input of this model by that method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from attrium_kernel.attribution import Attribution, IntegratedGradients, Method

from .jobs import Job
from .methods import method_of
from .places import device_of, last_convolution
from .predictions import logits


@dataclass(frozen=True, eq=False)
class Question:
    """One example, `inputs` `(1, ...)`, and how to explain it.

    None chooses: the method is `IntegratedGradients()`, the target the predicted class, a layer the last convolution.
    Baselines and mask wait for methods that use them.
    """

    model: Callable[..., Any]
    inputs: Tensor
    method: Method | None = None
    target: Any = None
    at: Any = None
    baselines: Any = None
    mask: Any = None
    seed: int | None = 0

    def changed(self, **changes: Any) -> Question:
        """The question with some of its parts replaced."""
        known = [field.name for field in fields(self)]
        if unknown := sorted(set(changes) - set(known)):
            raise TypeError(f"unknown keyword {unknown[0]!r}; pass some of {', '.join(known)}")
        if (method := changes.get("method")) is not None:
            changes["method"] = method_of(method)
        return replace(self, **changes)

    @property
    def label(self) -> str:
        """For the progress bar."""
        method = self.method or IntegratedGradients()
        return method.label or type(method).__name__

    def answer(self, job: Job) -> Attribution:
        """Run the method, in the worker."""
        method = self.method or IntegratedGradients()
        inputs = self.inputs.to(device_of(self.model))
        return method.attribute(
            self.model,
            inputs,
            target=self._predicted(inputs) if self.target is None else self.target,
            baselines=self.baselines if method.uses_baselines else None,
            at=last_convolution(self.model) if self.at is None and method.needs_layer else self.at,
            mask=self.mask if method.uses_mask else None,
            seed=self.seed,
            progress=job.progress,
            cancel=job.cancelled,
        ).cpu()

    def _predicted(self, inputs: Tensor) -> int | None:
        """The class with the largest output; None for a model with one number."""
        output = logits(self.model, inputs)
        return int(torch.argmax(output[0])) if output.dim() == 2 and output.shape[1] > 1 else None
