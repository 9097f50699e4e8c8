"""What a trace keeps: which names, in which form, within how much memory."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .attention import Attention
from .errors import CaptureError

UNASKED = 2**28
"""Bytes that are kept without asking how much memory is free."""


@dataclass(frozen=True)
class Capture:
    """What to keep.

    Args:
        names: names, which may hold `*`; all by default.
        dtype: to keep floating-point values in, `torch.float16` say; None for their own.
        device: to keep them on, `"cpu"` say; None for where they are.
        memory_budget: bytes that may be kept; None for three quarters of the free memory.
        patterns: `"recompute"` (from queries and keys, when read) or `"keep"` (as computed in the run).
    """

    names: tuple[str, ...] = ("*",)
    dtype: torch.dtype | None = None
    device: str | torch.device | None = None
    memory_budget: int | None = None
    patterns: str = "recompute"

    def __post_init__(self) -> None:
        names: Any = self.names
        names = (names,) if isinstance(names, str) else tuple(names)
        object.__setattr__(self, "names", names)
        if self.patterns not in ("recompute", "keep"):
            raise CaptureError(f"Capture(patterns={self.patterns!r}): pass 'recompute' or 'keep'")
        if self.memory_budget is not None and not self.memory_budget > 0:
            raise CaptureError(f"Capture(memory_budget={self.memory_budget!r}): pass a positive number of bytes")
        if self.device is not None:
            try:
                torch.device(self.device)
            except (RuntimeError, TypeError):
                raise CaptureError(f"Capture(device={self.device!r}): pass a device of torch, 'cpu' say") from None
        dtype: Any = self.dtype
        if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
            raise CaptureError(f"Capture(dtype={self.dtype!r}): pass a floating-point dtype, torch.float16 say")

    @classmethod
    def of(cls, given: Any) -> Capture:
        """From `"all"`, a name, several names, or itself."""
        if isinstance(given, Capture):
            return given
        if given is None or given == "all":
            return cls()
        if isinstance(given, str):
            return cls((given,))
        if isinstance(given, (Sequence, Set)) and all(isinstance(name, str) for name in given):
            return cls(tuple(given))
        raise CaptureError(f"capture={given!r}; pass 'all', a name, several names (which may hold *), or a Capture")


EVERYTHING = {"v", "scores", "masked_scores", "pattern", "z"}


class Keeper:
    """Keeps tensors in the form asked for, each one once, and counts their bytes."""

    def __init__(self, capture: Capture) -> None:
        self.device = None if capture.device is None else torch.device(capture.device)
        self.dtype = capture.dtype
        self.patterns = capture.patterns
        self.plain = self.device is None and self.dtype is None
        self.budget = capture.memory_budget
        self.bytes = 0
        self._storages: set[int] = set()
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}

    def keep(self, name: str, tensor: Tensor) -> Tensor:
        """The tensor to store: itself, or its form on another device or in another dtype.

        Args:
            name: for the error.
            tensor: what was seen.
        """
        kept = tensor
        if not self.plain:
            found = self._kept.get(id(tensor))
            kept = found[1] if found else self._converted(tensor)
            self._kept[id(tensor)] = (tensor, kept)
        storage = kept.untyped_storage()
        key = storage.data_ptr()
        if key not in self._storages:
            self._storages.add(key)
            self.bytes += storage.nbytes()
            self._check(name, kept.device)
        return kept

    def _check(self, name: str, device: torch.device) -> None:
        if self.budget is None and self.bytes > UNASKED:
            self.budget = self.bytes + _free_memory(device) * 3 // 4
        if self.budget is not None and self.bytes > self.budget:
            raise CaptureError(
                f"keeping {name} would take the trace to {self.bytes / 2**20:,.2f} MiB, more than its budget of "
                f"{self.budget / 2**20:,.2f} MiB; capture fewer names (capture='blocks.*.resid_post'), keep them as "
                "Capture(dtype=torch.float16, device='cpu'), or raise Capture(memory_budget=...)"
            )

    def _converted(self, tensor: Tensor) -> Tensor:
        dtype = self.dtype if tensor.is_floating_point() else None
        return tensor.to(device=self.device or tensor.device, dtype=dtype or tensor.dtype)

    def record(self, name: str, attention: Attention, z: Tensor | None) -> tuple[Attention, Tensor | None]:
        """An attention with its tensors in the form asked for."""
        fields: dict[str, Any] = {}
        for field in TENSORS:
            value: Tensor | None = getattr(attention, field)
            if value is not None and not _is_hollow(value):
                fields[field] = self.keep(name, value)
        kept = attention if self.plain else replace(attention, **fields)
        return kept, None if z is None else self.keep(name, z)


def trimmed(attention: Attention, z: Tensor, wanted: frozenset[str], patterns: str) -> tuple[Attention, Tensor | None]:
    """An attention with only what is needed to read some quantities, as soon as it has passed.

    The rest is replaced by an empty tensor of the same shape, so that a layer's tensors can go before the next comes.

    Args:
        attention: all of it.
        z: what it mixed.
        wanted: quantities, such as `"z"` and `"pattern"`.
        patterns: as in `Capture`.
    """
    if patterns == "keep" and "pattern" in wanted and attention.weights is None:
        attention = replace(attention, weights=attention.pattern())
    if patterns == "recompute" and attention.masked is not None and attention.before is None:
        attention = replace(attention, weights=None)  # seen, not edited: the softmax of the scores that are kept
    if patterns == "recompute" and wanted >= EVERYTHING:
        return attention, z
    known = {"pattern": attention.weights, "masked_scores": attention.masked, "scores": attention.before}
    computed = any(quantity in wanted and value is None for quantity, value in known.items())
    needed = {
        "query": computed or bool(wanted & {"q", "rot_q"}),
        "key": computed or bool(wanted & {"k", "rot_k"}),
        "value": "v" in wanted,
        "mask": computed,
        "bias": computed,
        "sinks": computed,
        "before": "scores" in wanted,
        "weights": "pattern" in wanted,
        "masked": "masked_scores" in wanted or ("pattern" in wanted and attention.weights is None),
    }
    fields: dict[str, Any] = {}
    for field, kept in needed.items():
        value: Tensor | None = getattr(attention, field)
        if value is not None and not kept:
            fields[field] = _hollow(value) if field in ("query", "key", "value") else None
    return replace(attention, **fields), z if "z" in wanted else None


TENSORS = ("query", "key", "value", "mask", "bias", "sinks", "before", "weights", "masked")


def _is_hollow(tensor: Tensor) -> bool:
    return tensor.numel() > 1 and not any(tensor.stride())


def _hollow(tensor: Tensor) -> Tensor:
    """A tensor of the same shape that holds one number."""
    return tensor.new_zeros(()).expand(tensor.shape)


def _free_memory(device: torch.device) -> int:
    """Bytes that are free where a tensor is kept."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        with open("/proc/meminfo") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):  # not a Linux machine
        return 2**33
