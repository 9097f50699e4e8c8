"""One run of a model with everything watched: calls of modules, their tensors, and where attention was."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .attention import Attention
from .watch import FunctionsSeen, interface_seen, unseen


@dataclass(eq=False)
class Value:
    """A tensor as it was when it was seen, and the tensor itself, to tell whether it was written over since."""

    tensor: Tensor
    copy: Tensor
    version: int

    @classmethod
    def of(cls, tensor: Tensor) -> Value:
        """Remember a tensor."""
        with unseen():
            return cls(tensor, tensor.detach().to("cpu", copy=True), tensor._version)

    @property
    def overwritten(self) -> bool:
        """The model has written into it."""
        return self.tensor._version != self.version

    def rows(self) -> Tensor:
        """`(everything else, features)` in float64."""
        return self.copy.reshape(-1, self.copy.shape[-1]).double()


@dataclass(eq=False)
class Call:
    """One call of a module."""

    path: str
    module: nn.Module
    started: int
    value: Value | None
    """Its first floating-point input."""
    keyword: str | None
    others: list[Value] = field(default_factory=list)
    """Further floating-point inputs."""
    ids: Tensor | None = None
    """Its first integer input."""
    output: Value | None = None
    ended: int = 0
    returned: Any = None
    """What it returned, as it is."""

    def under(self, path: str) -> bool:
        """Whether it is the module at a path or inside it."""
        return self.path == path or self.path.startswith(f"{path}.")


@dataclass(eq=False)
class Event:
    """One attention."""

    path: str
    time: int
    attention: Attention
    mixed: Tensor
    interface: bool
    weights: Tensor | None

    def looks_back(self) -> bool:
        """Whether later keys are hidden from every query: by a mask, not just by scores that are far apart."""
        pattern = self.attention.pattern().detach()
        if pattern.shape[-1] != pattern.shape[-2] or bool(pattern.triu(1).any()):
            return False
        lowered = (self.attention.masked_scores() - self.attention.scores()).detach() < -1
        later = torch.ones_like(lowered).triu(1)
        return bool((lowered | ~later).all())


@dataclass(eq=False)
class Probe:
    """What one run showed."""

    model: nn.Module
    calls: list[Call] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    output: Any = None
    clock: int = 0
    open: list[Call] = field(default_factory=list)
    noise: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(0))

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Probe:
        """Run the model once."""
        paths = {module: name for name, module in self.model.named_modules()}
        with contextlib.ExitStack() as stack:
            for module in paths:
                stack.callback(module.register_forward_pre_hook(self._started(paths), with_kwargs=True).remove)
                stack.callback(module.register_forward_hook(self._ended).remove)
            stack.enter_context(interface_seen(self._attended(paths, interface=True)))
            stack.enter_context(FunctionsSeen(self._attended(paths, interface=False), batch=self._batch))
            self.output = self.model(*args, **kwargs)
        return self

    def _batch(self) -> int | None:
        """Examples in the module that is running, by what it was given."""
        value = next((call.value for call in reversed(self.open) if call.value is not None), None)
        return None if value is None else value.copy.shape[0]

    def _tick(self) -> int:
        self.clock += 1
        return self.clock

    def _started(self, paths: dict[nn.Module, str]) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            given = [(None, a) for a in args] + list(kwargs.items())
            floats = [
                (name, t) for name, t in given if isinstance(t, Tensor) and t.is_floating_point() and t.dim() >= 2
            ]
            ids = next((t for _, t in given if isinstance(t, Tensor) and not t.is_floating_point()), None)
            first = floats[0] if floats else None
            self.open.append(
                Call(
                    paths[module],
                    module,
                    self._tick(),
                    Value.of(first[1]) if first else None,
                    first[0] if first else None,
                    [Value.of(t) for _, t in floats[1:]],
                    ids,
                )
            )

        return hook

    def _ended(self, module: nn.Module, args: Any, output: Any) -> Any:
        while self.open and self.open[-1].module is not module:
            self.open.pop()
        if not self.open:
            return None
        call = self.open.pop()
        changed = self._stirred(module, output)
        output = output if changed is None else changed
        tensor = first_tensor(output)
        call.output = Value.of(tensor) if tensor is not None and tensor.is_floating_point() else None
        call.ended = self._tick()
        call.returned = output
        self.calls.append(call)
        return changed

    def _stirred(self, module: nn.Module, output: Any) -> Any:
        """A projection's output with noise on it, or None to leave it.

        Weights of zero, or two parts that happen to agree, would hide what is added to what. The run only serves to see
        where values go, so they may be any values.
        """
        own = [p for p in module.parameters(recurse=False) if p.dim() >= 2]
        leaf = next(module.children(), None) is None or isinstance(module, nn.MultiheadAttention)
        if not own or not leaf or isinstance(module, nn.Embedding):
            return None
        with unseen():
            tensor = first_tensor(output)
            if tensor is None or not tensor.is_floating_point() or tensor.dim() < 2:
                return None
            wide = tensor.float().nan_to_num(0.0, 0.0, 0.0)
            size = float(wide.std(unbiased=False)) or float(wide.abs().max())  # all alike: a bias and zero weights
            noise = torch.randn(tensor.shape, generator=self.noise) * (0.3 * size if size > 0 else 0.5)
            new = tensor.nan_to_num(0.0, 0.0, 0.0) + noise.to(tensor)
        if isinstance(output, Tensor):
            return new
        return (new, *output[1:]) if isinstance(output, tuple) and output[0] is tensor else None

    def _attended(self, paths: dict[nn.Module, str], interface: bool) -> Callable[..., Any]:
        def seen(module: nn.Module | None, attention: Attention, compute: Callable[..., Any]) -> Any:
            out, weights = compute()
            path = paths[module] if module in paths else self.open[-1].path if self.open else ""
            self.events.append(Event(path, self._tick(), attention, out.detach(), interface, weights))
            return out, weights

        return seen


def first_tensor(output: Any) -> Tensor | None:
    """The tensor that a module's output mainly is."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, (tuple, list)):
        return next((found for item in output if (found := first_tensor(item)) is not None), None)
    if isinstance(output, dict):
        return next((found for item in output.values() if (found := first_tensor(item)) is not None), None)
    return None


def shape_of_return(returned: Any, ignored: Tensor | None = None) -> int | None:
    """0 for a bare tensor, the length of a tuple of a tensor and nothing else that matters, None for anything else.

    Args:
        returned: what a module returned.
        ignored: a tensor that may be among the rest: attention weights, which go only to the user.
    """
    if isinstance(returned, Tensor):
        return 0
    if isinstance(returned, tuple) and returned and isinstance(returned[0], Tensor):
        rest = [item for item in returned[1:] if item is not None and item is not ignored]
        return None if rest else len(returned)
    return None


def close(a: Tensor, b: Tensor, dtype: torch.dtype) -> bool:
    """Equal up to the rounding of a dtype, relative to the larger norm."""
    size = max(float(a.norm()), float(b.norm()), 1e-30)
    return float((a - b).norm()) <= roughness(dtype) * size


def roughness(dtype: torch.dtype) -> float:
    """Relative error below which two results of that dtype count as the same number."""
    return {torch.float16: 5e-3, torch.bfloat16: 3e-2}.get(dtype, 1e-4)


def each_block(events: list[Event], model: nn.Module) -> Iterator[tuple[str, str, list[Event]]]:
    """`(path of the list, path of the block, its attentions)`: blocks are the items of the outermost list."""
    groups: dict[tuple[str, str], list[Event]] = {}
    for event in events:
        names = event.path.split(".")
        at = next((n for n, name in enumerate(names) if name.isdigit() and n > 0), None)
        if at is None:
            at = _lone_block(names, model)
        groups.setdefault((".".join(names[:at]), ".".join(names[: at + 1])), []).append(event)
    for (container, path), found in groups.items():
        yield container, path, found


def _lone_block(names: list[str], model: nn.Module) -> int:
    """Without a list: the module that holds the attention module is the block."""
    return max(len(names) - 2, 0)
