"""One call of the user's model on some rows: arguments in, scores out, the tensor at the place read or replaced."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from attrium_kernel.running import modules_behind

from .errors import ModelOutputError, NonFiniteError, PlaceError
from .places import Place, Shared, Tap, check_replaceable, leaf, require_float
from .structure import Layout, Tensors
from .targets import Target


@dataclass(frozen=True)
class Evaluated:
    """What one call gave: the points at the place, the scores `(rows,)`, and gradients at the points if asked for."""

    points: Tensors
    scores: Tensor
    grads: Tensors | None


class _Reached(BaseException):
    """Ends a forward at the layer of a `Neuron`; not an Exception, so that no model swallows it."""


class _SummedOverRows(Exception):
    """The model returns one number for the whole batch."""


@dataclass(frozen=True)
class Forward:
    """The user's model with everything but the rows decided.

    `origins[i]` is the user's example that row `i` of `inputs` comes from: targets and further arguments follow it.
    """

    model: Callable[..., Any]
    layout: Layout
    inputs: Tensors
    origins: Tensor
    examples: int
    target: Target
    place: Place | None
    neuron: Place | None = None
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    learnt: set[str] = field(default_factory=set, compare=False)
    """What was found out about the model in earlier calls."""

    @property
    def countable(self) -> bool:
        """Whether operators can be counted; torch.compile would try to compile the counting as well."""
        return not any(type(m).__name__ == "OptimizedModule" for m in modules_behind(self.model))

    def with_inputs(self, inputs: Tensors, origins: Tensor) -> Forward:
        """The same model on other inputs, whose rows come from the given rows of these."""
        return replace(self, inputs=inputs, origins=self.origins[origins])

    def __call__(self, rows: Tensor, points: Tensors | None, gradient: bool) -> Evaluated:
        """Evaluate these rows of the inputs; `points` replaces what is at the place there."""
        if "summed" not in self.learnt:
            try:
                return self._call(rows, points, gradient)
            except _SummedOverRows:
                self.learnt.add("summed")
        return self._one_by_one(rows, points, gradient)

    def _one_by_one(self, rows: Tensor, points: Tensors | None, gradient: bool) -> Evaluated:
        """For a model that gives one number for all its rows."""
        parts = [
            self._call(rows[i : i + 1], None if points is None else tuple(p[i : i + 1] for p in points), gradient)
            for i in range(len(rows))
        ]
        return Evaluated(
            tuple(torch.cat(p) for p in zip(*(part.points for part in parts), strict=True)),
            torch.cat([part.scores for part in parts]),
            tuple(torch.cat(g) for g in zip(*(part.grads or () for part in parts), strict=True)) if gradient else None,
        )

    def _call(self, rows: Tensor, points: Tensors | None, gradient: bool) -> Evaluated:
        seen: list[Tensor] = []  # the points as the model met them; leaves, if gradients are wanted

        def meet(point: Tensor, name: str) -> Tensor:
            seen.append(leaf(require_float(point, name)) if gradient else point.detach())
            return seen[-1].clone()  # a model may work in place, and what was seen may not change

        inputs = tuple(t.index_select(0, rows.to(t.device)) for t in self.inputs)
        with torch.set_grad_enabled(gradient):
            if self.place is None:
                named = zip(self.layout.names, inputs if points is None else points, strict=True)
                inputs = tuple(meet(point, name) for name, point in named)
            scores = self._scores(
                inputs, rows, lambda natural: meet(self._replacement(natural, points), self._place_name)
            )
            if scores.dim() == 0:
                if len(rows) > 1:
                    raise _SummedOverRows
                scores = scores.reshape(1)
            _check_rows(seen, self._place_name, len(rows))
            _check_finite(scores.detach(), self.origins[rows])
            grads = _gradients(scores, seen) if gradient else None
        return Evaluated(tuple(s.detach() for s in seen), scores.detach(), grads)

    @property
    def _place_name(self) -> str:
        return f"layer {self.place.name!r}" if self.place else "inputs"

    def _replacement(self, natural: Tensor, points: Tensors | None) -> Tensor:
        assert self.place is not None
        return natural if points is None else check_replaceable(self.place, natural, points[0])

    def _scores(self, inputs: Tensors, rows: Tensor, at_place: Callable[[Tensor], Tensor]) -> Tensor:
        """Run the forward with the taps that place and target ask for."""
        origins = self.origins[rows]
        args, kwargs = self._arguments(inputs, origins)
        tap = Tap(self.place, at_place) if self.place else None
        if self.neuron is not None:
            return self._neuron_scores(self.neuron, tap, lambda: self.model(*args, **kwargs), origins)
        kept = _only_scored_position(self.model, self.target, kwargs)
        with tap.open() if tap else contextlib.nullcontext():
            output = self.model(*args, **kwargs)
        return self.target.pick(output, origins, kept)

    def _neuron_scores(self, neuron: Place, tap: Tap | None, run: Callable[[], Any], origins: Tensor) -> Tensor:
        """The forward ends at the neuron, once a first one has shown that its layer is called only once."""
        activation: list[Tensor] = []
        early = "neuron" in self.learnt

        def read(tensor: Tensor) -> Tensor:
            if tap is not None and not tap.calls:
                raise PlaceError(
                    f"layer {tap.place.name!r} was not called before the layer of the neuron, {neuron.name!r}; "
                    "attribute at an earlier layer"
                )
            activation.append(tensor)
            if early:
                raise _Reached
            return tensor.clone()  # what follows may work in place

        # the neuron's tap goes on after that of the place, so that it sees what was put there
        with (
            contextlib.suppress(_Reached),
            tap.open() if tap else contextlib.nullcontext(),
            Tap(neuron, read).open(),
        ):
            run()
        self.learnt.add("neuron")
        return self.target.pick_neuron(activation[0], origins, neuron.name)

    def _arguments(self, inputs: Tensors, origins: Tensor) -> tuple[list[Any], dict[str, Any]]:
        def follow(value: Any) -> Any:
            if isinstance(value, Shared):
                value = value.tensor
            elif isinstance(value, Tensor) and value.dim() > 0 and value.shape[0] == self.examples:
                value = value.index_select(0, origins.to(value.device))
            return value.clone() if isinstance(value, Tensor) and value.is_inference() else value

        args, kwargs = [follow(a) for a in self.args], {k: follow(v) for k, v in self.kwargs.items()}
        if self.layout.kind == "dict":
            return args, {**dict(zip(self.layout.names, inputs, strict=True)), **kwargs}
        return [*inputs, *args], kwargs


def _only_scored_position(model: Callable[..., Any], target: Target, kwargs: dict[str, Any]) -> bool:
    """Ask a language model for the logits of the one position that the target names; True if it was asked.

    Hugging Face decoders take `logits_to_keep`; the vocabulary head is then run on one row and not on the whole
    sequence. Their key/value cache is of no use here either. The scores are the same.
    """
    if not isinstance(model, nn.Module) or not hasattr(model, "config"):
        return False
    known = inspect.signature(model.forward).parameters
    if "use_cache" in known:
        kwargs.setdefault("use_cache", False)
    index = target.common
    if "logits_to_keep" not in known or "logits_to_keep" in kwargs or index is None or len(index) != 2:
        return False
    length = next((v.shape[1] for v in kwargs.values() if isinstance(v, Tensor) and v.dim() >= 2), 0)
    if not -length <= index[0] < length:
        return False  # an impossible position: let the target say so
    kwargs["logits_to_keep"] = torch.tensor([index[0]])
    return True


def _check_rows(seen: list[Tensor], name: str, rows: int) -> None:
    """The tensor at the place must have a row for each example, or its values would belong to none."""
    for point in seen:
        if point.shape[:1] != (rows,):
            raise PlaceError(
                f"{name} has shape {tuple(point.shape)} for {rows} example(s); its first dimension must count them: "
                "choose another layer, or have the model expand this one"
            )


def _check_finite(scores: Tensor, origins: Tensor) -> None:
    if math.isfinite(scores.sum()):  # one number to look at; a sum may overflow, so the rows have the last word
        return
    finite = torch.isfinite(scores)
    if not bool(finite.all()):
        row = int((~finite).nonzero()[0])
        raise NonFiniteError(
            f"the score of example {int(origins[row])} is {scores[row].item()}, and an attribution of it would mean "
            "nothing; look for a log or division in the model, an overflow in half precision, or inputs or baselines "
            "out of range"
        )


def _gradients(scores: Tensor, leaves: list[Tensor]) -> Tensors:
    if not scores.requires_grad:
        raise ModelOutputError(
            "the score does not depend on the inputs by operations that autograd can follow; does the model use "
            ".detach(), .numpy(), argmax or torch.no_grad()? Use a perturbation method such as FeatureAblation, or "
            "pass another target"
        )
    found: tuple[Tensor | None, ...] = torch.autograd.grad(scores, leaves, torch.ones_like(scores), allow_unused=True)
    return tuple(torch.zeros_like(p) if g is None else g for g, p in zip(found, leaves, strict=True))
