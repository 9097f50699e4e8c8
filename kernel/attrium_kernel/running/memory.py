"""How many rows fit: the bytes that rows need on their way through the model, counted on the first of them."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

MIB = 2**20
CPU_BUDGET = (160 * MIB, 512 * MIB)
"""Least and most bytes for one chunk on a CPU. More does not make it faster: beyond the caches, larger batches only
cost memory. A model with many parameters reads them once for each chunk, so its chunks may be larger."""


class Meter(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch does not type its modes
    """While active, counts the bytes of new tensors in this thread: `peak` is the most alive at once.

    Views, and results written into an argument, are not new. Works the same on every device, at no measurable cost.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.alive = 0
        self.peak = 0
        self._known: dict[int, weakref.ref[Any]] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # otherwise the first use imports torch._dynamo: most of a second and 50 MB, for nothing

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
        self.peak = max(self.peak, self.alive)

        def gone(_: object) -> None:
            self.alive -= size
            self._known.pop(key, None)

        self._known[key] = weakref.ref(storage, gone)


def default_budget(device: torch.device, parameter_bytes: int) -> int:
    """Bytes for one chunk: on a CPU three quarters of the parameters', 160 to 512 MiB; on a GPU a quarter of what is
    free, 4 GiB at most.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(min(free // 4, 4 * 2**30))
    least, most = CPU_BUDGET
    return min(max(parameter_bytes * 3 // 4, least), most)


class ChunkSizer:
    """Chooses how many rows go through the model at once, from what the first rows were seen to need."""

    PROBE_ROWS = 4
    """Rows of a first chunk, about which nothing is known."""
    FORWARD_SHARE = 4
    """Forwards without backward get a quarter of the budget: they keep little, and were fastest in small chunks."""

    def __init__(self) -> None:
        self._fit: dict[bool, int] = {}

    def rows(self, left: int, gradient: bool) -> int:
        """Rows for the next chunk of the `left` that remain, all chunks about even."""
        fit = self._fit.get(gradient)
        if fit is None:
            return min(left, self.PROBE_ROWS)
        chunks = -(-left // fit)
        return -(-left // chunks)

    def wants_count(self, left: int, gradient: bool) -> bool:
        """Whether to count the next chunk: nothing is known of its kind yet, and more is to come."""
        return gradient not in self._fit and left > self.PROBE_ROWS

    def learn(self, meter: Meter, rows: int, gradient: bool, budget: int) -> None:
        """Note what a chunk of `rows` needed, and so how many fit into `budget` bytes."""
        share = budget if gradient else budget // self.FORWARD_SHARE
        self._fit[gradient] = max(1, share * rows // max(meter.peak, 1))
