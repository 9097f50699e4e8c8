"""Places in a model: where attributions live (`at=`), and how the tensor there is read or replaced in a forward."""

from __future__ import annotations

import contextlib
import copy
import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from attrium_kernel.running import modules_behind

from .errors import PlaceError

Side = Literal["output", "input"]


@dataclass(frozen=True)
class At:
    """A tensor inside the model: the output or the first input of a module.

    Args:
        module: the module, or its dotted name in the model (`"transformer.wte"`).
        side: `output` or `input`.
        index: which tensor, where the module returns (or takes) several.
    """

    module: nn.Module | str
    side: Side = "output"
    index: int = 0

    def __post_init__(self) -> None:
        check_side(self.side)


def check_side(side: str) -> None:
    """Raise `PlaceError` for a side that there is not."""
    if side not in ("output", "input"):
        raise PlaceError(f"side={side!r}; pass 'output' or 'input'")


@dataclass(frozen=True)
class Shared:
    """A further argument that all rows share, though its first dimension may happen to equal the number of examples.

    Args:
        tensor: given to the model as it is, for example class weights.
    """

    tensor: Tensor


@dataclass(frozen=True)
class FromInputs:
    """Baselines given as model inputs: they are run through the model to the place (`at=`), as in Captum.

    Args:
        inputs: what the model takes, same structure as the inputs; one row, or one for each example.
    """

    inputs: Any


@dataclass(frozen=True)
class Place:
    """An `At` that has been found in a model."""

    module: nn.Module
    name: str
    side: Side
    index: int


def find(model: Callable[..., Any], at: nn.Module | str | At, word: str = "at") -> Place:
    """Find the module meant; raises `PlaceError` with the nearest names if there is none. `word` names the argument."""
    at = at if isinstance(at, At) else At(at)
    module: Any = at.module
    named = [
        (name.removeprefix("_orig_mod."), module)  # torch.compile puts the user's model there
        for root in modules_behind(model)
        for name, module in root.named_modules(remove_duplicate=False)
    ]
    if isinstance(module, str):
        return Place(_named(module, named, word), module, at.side, at.index)
    if not isinstance(module, nn.Module):
        kind = type(module).__name__
        raise PlaceError(f"{word}={module!r} is a {kind}; pass a module of the model, its dotted name, or At(...)")
    names = [name for name, other in named if other is module]
    if named and not names:
        kind = type(module).__name__
        raise PlaceError(f"{word}={kind}(...) is not part of the model; pass one of model.named_modules()")
    return Place(module, (names and names[0]) or type(module).__name__, at.side, at.index)


def _named(name: str, named: list[tuple[str, nn.Module]], word: str) -> nn.Module:
    """The one module of this name."""
    found = list(dict.fromkeys(module for other, module in named if other == name and name))
    if len(found) > 1:
        raise PlaceError(f"{word}={name!r} is the name of layers in {len(found)} modules; pass the module itself")
    if not found:
        known = list(dict.fromkeys(other for other, _ in named if other))
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known[:5]
        raise PlaceError(
            f"{word}={name!r}: no such layer; did you mean {', '.join(map(repr, near)) or 'another model'}?"
        )
    return found[0]


class Tap:
    """What passes a place during one forward: the tensor is read, and may be replaced."""

    def __init__(self, place: Place, replace: Callable[[Tensor], Tensor]) -> None:
        self.place = place
        self.calls = 0
        self._replace = replace

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Hooked while open; raises `PlaceError` on leaving normally if the module was never called."""
        module = self.place.module
        if isinstance(module, torch.jit.ScriptModule):
            raise PlaceError(
                f"layer {self.place.name!r} is compiled by torch.jit.script and cannot be tapped; attribute at the "
                "inputs, or use the Python model"
            )
        if self.place.side == "output":
            handle = module.register_forward_hook(lambda _m, _args, output: self._pass(output))
        else:
            handle = module.register_forward_pre_hook(
                lambda _m, args, kwargs: self._pass_input(args, kwargs), with_kwargs=True
            )
        try:
            yield
        finally:
            handle.remove()
        if self.calls == 0:
            raise PlaceError(
                f"layer {self.place.name!r} was not called in the forward; choose a layer that this input reaches"
            )

    def _pass_input(self, args: Any, kwargs: Any) -> Any:
        if args:
            return self._pass(args), kwargs
        return args, self._pass(kwargs)

    def _pass(self, value: Any) -> Any:
        self.calls += 1
        if self.calls > 1:
            raise PlaceError(
                f"layer {self.place.name!r} is called more than once in one forward, so its {self.place.side} is "
                "ambiguous; "
                "choose a layer that is called once"
            )
        tensor = _pick(value, self.place)
        return _put(value, self.place, self._replace(tensor))


def _pick(value: Any, place: Place) -> Tensor:
    items = [value] if isinstance(value, Tensor) else list(value.values() if isinstance(value, Mapping) else value)
    found = items[place.index] if -len(items) <= place.index < len(items) else None
    if not isinstance(found, Tensor):
        kinds = ", ".join(type(item).__name__ for item in items)
        raise PlaceError(
            f"At(index={place.index}): the {place.side} of layer {place.name!r} holds {len(items)} value(s), "
            f"({kinds}); "
            "pass the index of a tensor among them"
        )
    return found


def _put(value: Any, place: Place, tensor: Tensor) -> Any:
    """`value` with the tensor of the place replaced, in the structure it had."""
    if isinstance(value, Tensor):
        return tensor
    if isinstance(value, Mapping):
        changed: Any = copy.copy(value)
        changed[list(value)[place.index]] = tensor
        return changed
    items = list(value)
    items[place.index] = tensor
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)


def check_replaceable(place: Place, natural: Tensor, points: Tensor) -> Tensor:
    """`points`, once they are seen to fit the tensor that they replace."""
    if natural.shape != points.shape:
        raise PlaceError(
            f"layer {place.name!r} gives {tuple(natural.shape)} but {tuple(points.shape)} was to replace it; "
            "the first dimension of the layer's tensor must count the examples"
        )
    return points.to(natural.dtype)


def require_float(tensor: Tensor, name: str) -> Tensor:
    """Gradients need floating-point numbers."""
    if not (tensor.is_floating_point() or tensor.is_complex()):
        kind = str(tensor.dtype).removeprefix("torch.")
        raise PlaceError(
            f"{name} has dtype {kind}, and a gradient method needs floating point; attribute at the embedding layer "
            '(at=model.get_input_embeddings() or at="name.of.embedding"), pass it as args=/kwargs= if it is not to be '
            "attributed, or use a perturbation method such as FeatureAblation"
        )
    return tensor


def leaf(tensor: Tensor) -> Tensor:
    """A new autograd leaf with these values."""
    return tensor.detach().requires_grad_(True)
