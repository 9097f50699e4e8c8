"""A method is a value; a call has one shape."""

from __future__ import annotations

import inspect
import operator
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from attrium_kernel.running import default_budget, modules_behind, parameter_bytes, untouched

from .case import Case
from .errors import AttributionError, ShapeError
from .evaluate import Cancel, Progress, Run
from .forward import Forward
from .places import At, find
from .result import Attribution, Timing
from .settings import check_settings
from .structure import Tensors, batch_size, unpack
from .targets import Neuron, Target, TargetSpec


@dataclass(frozen=True)
class Explained:
    """What a method found.

    Args:
        values: one tensor for each tensor at the place.
        gap: gives `(n,)` how far the values are from adding up to what they should; called only where it is wanted,
            since it may cost evaluations. None if the method does not promise that they add up.
    """

    values: Tensors
    gap: Callable[[], Tensor] | None = None


@dataclass(frozen=True)
class Method(ABC):
    """Base of all attribution methods: a frozen dataclass of settings with an `explain`.

    To write one: a frozen dataclass, fields made with `setting(...)`, and `explain(case)` that builds plans, folds them
    and returns `Explained`, one tensor for each tensor at the place. See docs/architecture.md.
    """

    label: ClassVar[str] = ""
    """Name for a reader; by default the class's own."""
    needs_gradient: ClassVar[bool] = True
    """Whether autograd must run through the model."""
    needs_layer: ClassVar[bool] = False
    """Whether `at=` must name a layer."""
    uses_mask: ClassVar[bool] = False
    """Whether it scores the features of a `mask`; other methods score every element, and refuse one."""
    uses_baselines: ClassVar[bool] = True
    """Whether it compares with `baselines`; other methods refuse them."""
    draws: ClassVar[bool] = False
    """Whether it uses random numbers, so that its values depend on the seed and on the examples explained together."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "label" not in cls.__dict__:  # a subclass of a method is another method
            cls.label = cls.__name__

    def __post_init__(self) -> None:
        check_settings(self)

    @abstractmethod
    def explain(self, case: Case) -> Explained:
        """Work out the values for all examples of the case."""

    def attribute(
        self,
        model: Callable[..., Any],
        inputs: Any,
        *,
        target: TargetSpec = None,
        baselines: Any = None,
        at: nn.Module | str | At | None = None,
        mask: Any = None,
        args: Any = (),
        kwargs: Mapping[str, Any] | None = None,
        seed: int | torch.Generator | None = 0,
        memory_budget: int | None = None,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> Attribution:
        """Explain `model`'s answer on `inputs`.

        The model runs in eval mode with frozen parameters and comes back exactly as it was, also after an error.

        Args:
            model: a module, or any callable. A Hugging Face output counts as its `.logits`.
            inputs: a tensor, a tuple (positional) or a dict (keyword) of tensors; the first dimension counts examples.
            target: the scalar to explain, for each example. An int (class); a list or tensor of ints, one for each
                example; a tuple, an index into an output of more dimensions, `(position, token)` say, or a list of
                those; a callable from the model's output to `(rows,)`; a `Neuron`; None for a model with one output.
            baselines: what the inputs are compared with. None (zero), a number, a tensor with one row or one for each
                example, a tuple or dict of these, or a callable `()` or `(inputs)` that returns one. `GradientShap`
                takes any number of rows. With `at`, baselines live there; `FromInputs(x)` carries model inputs there.
            at: where to attribute. None is the inputs; or a module, its dotted name, or `At(module, side, index)`.
            mask: whole numbers that broadcast to what is attributed; elements with one id are one feature, also across
                inputs. For the methods that score features, such as `FeatureAblation`.
            args, kwargs: further arguments of the model, not attributed. Tensors whose first dimension counts the
                examples follow their example; wrap in `Shared` one that only happens to have that size.
            seed: an int or a CPU `torch.Generator` for methods that draw; None draws afresh. The global generator is
                not used.
            memory_budget: bytes that one chunk of rows may need; None chooses (on a CPU 160 to 512 MiB, by the model's
                size). Changes no result beyond rounding.
            progress: called as `progress(done, total)` in rows, after every chunk.
            cancel: asked before every chunk; True raises `Cancelled`.

        Returns:
            An `Attribution`, its values structured and shaped like what was attributed.

        Raises:
            AttributionError: one of its kinds (`ShapeError`, `TargetError`, `PlaceError`, `ModelOutputError`,
                `NonFiniteError`), for input that cannot be explained.
            Cancelled: when `cancel` said so.
        """
        started = time.perf_counter()
        self._check_uses(baselines, mask)
        if memory_budget is not None and not memory_budget > 0:
            raise AttributionError(f"memory_budget={memory_budget!r}; pass a positive number of bytes, 256 * 2**20 say")
        if self.needs_gradient and callable(model):
            _check_not_inference(model)
        with torch.inference_mode(False), torch.no_grad(), untouched(model, self.needs_gradient):
            forward = _forward(model, inputs, target, at, args, kwargs)
            run = Run(
                lambda: memory_budget or default_budget(forward.inputs[0].device, parameter_bytes(model)),
                _generator(seed),
                progress,
                cancel,
            )
            case = Case(forward, run, baselines, mask)
            explained = self.explain(case)
            gap = explained.gap() if explained.gap else None
            scores = case.scores()
            run.finish()
        used = case.used_baselines
        return Attribution(
            values=case.layout.pack(explained.values),
            scores=scores,
            gap=gap,
            method=self,
            target=target,
            baselines=None if used is None else case.layout.pack(used),
            at=forward.place.name if forward.place else None,
            timing=Timing(time.perf_counter() - started, run.rows, run.calls, run.largest_chunk),
        )

    def _check_uses(self, baselines: Any, mask: Any) -> None:
        """An argument that would change nothing is refused."""
        name = type(self).__name__
        if mask is not None and not self.uses_mask:
            raise AttributionError(
                f"{name} scores every element by itself and takes no mask; leave mask= out and add up the values of "
                "each feature, or use FeatureAblation"
            )
        if baselines is not None and not self.uses_baselines:
            raise AttributionError(f"{name} compares with nothing and takes no baselines; leave baselines= out")


def all_methods() -> dict[str, type[Method]]:
    """Every method there is, by class name: ours and any subclass of `Method` that a user has defined."""
    found: dict[str, type[Method]] = {}

    def visit(cls: type[Method]) -> None:
        for sub in cls.__subclasses__():
            if not inspect.isabstract(sub):
                found[sub.__name__] = sub
            visit(sub)

    visit(Method)  # type: ignore[type-abstract]  # only walked, not made
    return found


def _forward(model: Any, inputs: Any, target: Any, at: Any, args: Any, kwargs: Any) -> Forward:
    if not callable(model):
        raise AttributionError(
            f"model is a {type(model).__name__}; pass a torch.nn.Module or a callable that returns scores"
        )
    layout, tensors = unpack(inputs, "inputs")
    n = batch_size(layout, tensors)
    twice = sorted(set(layout.names) & set(kwargs or ())) if layout.kind == "dict" else []
    if twice:
        raise ShapeError(f"{', '.join(twice)} is given both in inputs and in kwargs; pass it once")
    tensors = tuple(t.clone() if t.is_inference() else t.detach() for t in tensors)
    return Forward(
        model=model,
        layout=layout,
        inputs=tensors,
        origins=torch.arange(n),
        examples=n,
        target=Target(target, n),
        place=None if at is None else find(model, at),
        neuron=find(model, At(target.layer, target.side), "Neuron layer") if isinstance(target, Neuron) else None,
        args=args if isinstance(args, tuple) else (args,),
        kwargs=dict(kwargs or {}),
    )


def _generator(seed: int | torch.Generator | None) -> torch.Generator:
    if isinstance(seed, torch.Generator):
        return seed
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        try:
            generator.manual_seed(operator.index(seed))
        except TypeError:
            kind = type(seed).__name__
            raise AttributionError(
                f"seed={seed!r} is a {kind}; pass a whole number, a torch.Generator or None"
            ) from None
    return generator


def _check_not_inference(model: Callable[..., Any]) -> None:
    if any(p.is_inference() for root in modules_behind(model) for p in root.parameters()):
        raise AttributionError(
            "the model's parameters were made under torch.inference_mode(), so autograd cannot run through them; "
            "create or load the model outside inference_mode (torch.no_grad() is fine), or use a perturbation method "
            "such as FeatureAblation"
        )
