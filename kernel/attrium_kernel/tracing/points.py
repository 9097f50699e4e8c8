"""Points of a run: where a tensor passes through a module, what is changed there, and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .architecture import Part, submodule
from .errors import CaptureError
from .names import Entry
from .watch import acts

if TYPE_CHECKING:
    from .run import Run

Edit = Callable[[Tensor], Tensor]
"""Raw tensor in, raw tensor out."""


@dataclass
class Point:
    """One side of one module.

    Args:
        part: which.
        edits: applied in order.
        keeps: names under which the tensor is stored then.
        late: applied after that: changes of what the tensor is added to.
    """

    part: Part
    edits: list[Edit] = field(default_factory=list)
    keeps: list[str] = field(default_factory=list)
    late: list[Edit] = field(default_factory=list)

    def attach(self, model: nn.Module, run: Run) -> Any:
        """Hook the module; returns the handle."""
        module = submodule(model, self.part.path)
        passed = _only_in(run, self._counted(run, self._passed(run)))
        if self.part.side == "output":
            return module.register_forward_hook(_after(passed))
        if self.part.keyword is not None:
            return module.register_forward_pre_hook(_before_named(passed, self.part.keyword), with_kwargs=True)
        return module.register_forward_pre_hook(_before(passed))

    def _passed(self, run: Run) -> Edit:
        """What happens to the tensor on its way."""
        values, edits, keeps, late = run.values, self.edits, self.keeps, self.late
        if not edits and not late and len(keeps) == 1:
            name, versions, copied = keeps[0], run.versions, run.copied

            def keep(raw: Tensor) -> Tensor:
                if name in copied:
                    values[name], raw = self._apart(raw)
                    return raw
                values[name] = raw
                versions[name] = raw._version
                return raw

            return keep

        def passed(raw: Tensor) -> Tensor:
            for edit in edits:
                raw = edit(raw)
            kept = raw
            if not run.copied.isdisjoint(keeps):
                kept, raw = self._apart(raw)
            for name in keeps:
                values[name] = kept
                run.versions[name] = kept._version
            for edit in late:
                raw = edit(raw)
            return raw

        return passed

    def _apart(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """`(kept, passed on)` of a tensor that the model writes into.

        A module's output is handed on as a copy, so that the kept one stays in the graph; of an input the caller holds
        the tensor itself, so the copy is kept.
        """
        return (raw, raw.clone()) if self.part.side == "output" else (raw.clone(), raw)

    def _counted(self, run: Run, passed: Edit) -> Edit:
        """Only at the n-th call of a module that several stacks share."""
        wanted = self.part.call
        if wanted is None:
            return passed

        def counted(raw: Tensor) -> Tensor:
            run.calls[self] = run.calls.get(self, -1) + 1
            return passed(raw) if run.calls[self] == wanted else raw

        return counted

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def _only_in(run: Run, passed: Edit) -> Edit:
    """Nothing happens in calls that are not part of the run."""
    return lambda raw: passed(raw) if acts(run) else raw


def _after(passed: Edit) -> Callable[..., Any]:
    def hook(module: nn.Module, args: Any, output: Any) -> Any:
        if isinstance(output, Tensor):
            new = passed(output)
            return None if new is output else new
        raw = output[0]
        if not isinstance(raw, Tensor):
            raise CaptureError(
                f"a {type(module).__name__} returned a {type(output).__name__} that does not begin with a tensor"
            )
        new = passed(raw)
        if new is raw:
            return None
        if isinstance(output, tuple):
            return (new, *output[1:])
        output[next(iter(output)) if isinstance(output, dict) else 0] = new
        return output

    return hook


def _before(passed: Edit) -> Callable[..., Any]:
    def hook(module: nn.Module, args: Any) -> Any:
        raw = args[0]
        new = passed(raw)
        return None if new is raw else (new, *args[1:])

    return hook


def _before_named(passed: Edit, keyword: str) -> Callable[..., Any]:
    def hook(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
        raw = kwargs[keyword]
        new = passed(raw)
        return None if new is raw else (args, {**kwargs, keyword: new})

    return hook


def view(entry: Entry, raw: Tensor, shape: tuple[int, int] | None) -> Tensor:
    """The value of a name in its own axes, from the tensor that passes.

    Args:
        entry: the name.
        raw: the tensor.
        shape: `(batch, position)` of the entry's stack, for tensors that come flattened (experts); None if unknown.
    """
    part, block = entry.part, entry.block
    assert part is not None
    if part.heads_first:
        return raw.transpose(1, 2)
    value = raw
    if part.position_first and value.dim() == 3:
        value = value.transpose(0, 1)
    if value.dim() == 2 and len(entry.axes) >= 3 and entry.name != "unembed":
        value = value.unsqueeze(0) if shape is None or value.shape[0] != shape[0] * shape[1] else value.view(*shape, -1)
    if part.columns is not None:
        value = _chosen(value, part.columns)
    if entry.heads is not None and entry.axes[-1] == "d_head":
        value = value.reshape(*value.shape[:2], -1, entry.heads.d_head)
    if block is not None and entry.quantity in block.factors:
        value = value * block.factors[entry.quantity]
    return value


def _chosen(value: Tensor, columns: tuple[int, ...]) -> Tensor:
    """Some features; a view where they are a run."""
    first, last = columns[0], columns[-1] + 1
    if columns == tuple(range(first, last)):
        return value[..., first:last]
    return value[..., torch.tensor(columns, device=value.device)]


def unview(entry: Entry, raw: Tensor, new: Tensor) -> Tensor:
    """The tensor that passes on, from a new value in the name's own axes."""
    part, block = entry.part, entry.block
    assert part is not None
    if part.heads_first:
        return new.transpose(1, 2)
    if block is not None and entry.quantity in block.factors:
        new = new / block.factors[entry.quantity]
    if entry.heads is not None and entry.axes[-1] == "d_head":
        new = new.reshape(*new.shape[:2], -1)
    flipped = part.position_first and raw.dim() == 3
    if part.columns is not None:
        whole = raw.transpose(0, 1) if flipped else raw.reshape(*new.shape[:2], -1)
        whole = whole.clone()
        whole[..., torch.tensor(part.columns, device=raw.device)] = new
        new = whole
    if flipped:
        new = new.transpose(0, 1)
    return new.reshape(raw.shape) if new.numel() == raw.numel() else new
