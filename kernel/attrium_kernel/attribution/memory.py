"""How many rows fit: the bytes that a forward (and backward) needs, counted operator by operator."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

DEFAULT_CPU_BUDGET = 192 * 2**20
"""Bytes for one chunk on a CPU. More does not make it faster: beyond the caches, larger batches only cost memory."""


class Meter(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch does not type its modes
    """While active, counts the bytes of new tensors in this thread: `peak` alive at once, and `total` ever made.

    Views, and results written into an argument, are not new. Works the same on every device.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.alive = 0
        self.peak = 0
        self.total = 0
        self._known: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        made = [t for t in tree_leaves(out) if isinstance(t, Tensor)]
        if made:
            given = {t.untyped_storage()._cdata for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
            for tensor in made:
                self._see(tensor.untyped_storage(), given)
        return out

    def _see(self, storage: torch.UntypedStorage, given: set[int]) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in given or key in self._known:
            return
        self.alive += size
        self.total += size
        self.peak = max(self.peak, self.alive)

        def gone(_: object) -> None:
            self.alive -= size
            self._known.pop(key, None)

        self._known[key] = weakref.ref(storage, gone)


def default_budget(device: torch.device) -> int:
    """Bytes for one chunk: 192 MiB on a CPU; on a GPU a quarter of what is free, 4 GiB at most."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(min(free // 4, 4 * 2**30))
    return DEFAULT_CPU_BUDGET


class ChunkSizer:
    """Chooses how many rows go through the model at once, from what rows were seen to need.

    A forward tells what a forward needs at once, and (from all it made) a safe guess for a backward; the first
    chunk with a backward then replaces the guess by a count.
    """

    PROBE_ROWS = 4
    """Rows of a first chunk about which nothing is known."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._bytes_per_row: dict[bool, float] = {}
        self._counted: set[bool] = set()

    def rows(self, left: int, gradient: bool) -> int:
        """Rows for the next chunk of the `left` that remain, all chunks about even."""
        per_row = self._bytes_per_row.get(gradient)
        if per_row is None:
            return min(left, self.PROBE_ROWS)
        fit = max(1, int(self.budget // max(per_row, 1)))
        chunks = -(-left // fit)
        return -(-left // chunks)

    def wants_count(self, gradient: bool) -> bool:
        """Whether a chunk of this kind should be counted."""
        return gradient not in self._counted

    def learn(self, meter: Meter, rows: int, gradient: bool) -> None:
        """Note what a chunk of `rows` needed."""
        self._bytes_per_row[gradient] = meter.peak / rows
        self._counted.add(gradient)
        if not gradient:
            self._bytes_per_row.setdefault(True, meter.total / rows)
