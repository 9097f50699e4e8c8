"""CPU and wall time in interleaved rounds, and extra peak memory in a fresh process."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from .case import Case, Contender, Run, Workload

TUNING_TRIES = 3


@dataclass
class Timing:
    """What one contender cost, one entry per round, for one run each."""

    cpu_s: list[float] = field(default_factory=list)
    wall_s: list[float] = field(default_factory=list)
    rows: int = 0
    batch: int | None = None


@dataclass
class Times:
    """All contenders of a case, and how far the values of each are from the reference, as a share of the largest."""

    timings: dict[str, Timing]
    differences: dict[str, float]


def time_case(case: Case, work: Workload, rounds: int) -> Times:
    """Tune what can be tuned, warm up, check the values, then time in rounds whose order rotates."""
    contenders = case.contenders(work)
    runs: dict[str, Run] = {}
    timings = {name: Timing() for name in contenders}
    for name, contender in contenders.items():
        runs[name], timings[name].batch = tuned(contender)
    differences = differing(case, work, contenders, runs, timings)
    gc.collect()
    gc.freeze()  # what importing the contenders left is many objects; collecting them again would dwarf a short run
    names = list(runs)
    for turn in range(max(2, round(rounds * case.rounds))):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            cpu, wall = timed(runs[name], case.repeats)
            timings[name].cpu_s.append(cpu)
            timings[name].wall_s.append(wall)
    return Times(timings, differences)


def differing(
    case: Case, work: Workload, contenders: dict[str, Contender], runs: dict[str, Run], timings: dict[str, Timing]
) -> dict[str, float]:
    """Run each once, as its warm-up: count its rows, and compare its values; no more than two results are held."""
    same_as = case.reference(runs)
    with counting_rows(work, timings[same_as]):
        reference = contenders[same_as].values(runs[same_as]())
    differences = {}
    for name in (name for name in runs if name != same_as):
        with counting_rows(work, timings[name]):
            found = contenders[name].values(runs[name]())
        if name == "ours" and case.check:
            found = contenders[name].values(case.check(work))
        if found:
            differences[name] = distance(found, reference)
        elif name in case.judged:
            raise AssertionError(f"{name} has no values to compare with those of {same_as}")
    return differences


def tuned(contender: Contender) -> tuple[Run, int | None]:
    """The contender at its fastest batch size, by the least CPU time of interleaved tries of a shorter run."""
    if contender.at_batch is None or contender.probe is None:
        return contender.run, None
    runs = {batch: contender.probe(batch) for batch in contender.batches}
    best = dict.fromkeys(runs, float("inf"))
    for attempt in range(TUNING_TRIES):
        for batch, run in runs.items():
            if attempt and best[batch] > 1.25 * min(best.values()):
                continue  # clearly slower already
            best[batch] = min(best[batch], timed(run, 1)[0])
    chosen = min(best, key=lambda batch: best[batch])
    return contender.at_batch(chosen), chosen


def timed(run: Run, repeats: int) -> tuple[float, float]:
    """CPU and wall seconds of one run, the mean over `repeats`."""
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.process_time() - cpu) / repeats, (time.perf_counter() - wall) / repeats


@contextlib.contextmanager
def counting_rows(work: Workload, timing: Timing) -> Iterator[None]:
    """Count the rows that enter the network's first block, where that is asked for."""

    def count(module: object, args: tuple[Tensor, ...], kwargs: dict[str, Tensor]) -> None:
        first = args[0] if args else kwargs["hidden_states"]
        timing.rows += first.shape[0]

    if work.counted is None:
        yield
        return
    handle = work.counted.register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def distance(found: Mapping[str, Tensor], reference: Mapping[str, Tensor]) -> float:
    """Largest difference as a share of the largest value of the tensor; over the names that both have."""
    shared = [name for name in found if name in reference]
    assert shared and all(found[name].shape == reference[name].shape for name in shared)
    return max(float((found[name] - reference[name]).abs().max() / reference[name].abs().max()) for name in shared)


# ---- memory


def memory(contender: Contender, run: Run) -> dict[str, float]:
    """Extra peak of one run, and what its result then holds, in MB (10^6 bytes). Meant for a fresh process."""
    if contender.warm:
        contender.warm()
    gc.collect()
    before = storages()
    kept: list[Any] = []
    extra = extra_peak_mb(lambda: kept.append(run()))
    gc.collect()
    held = sum(size for place, size in storages().items() if place not in before)
    return {"extra_mb": extra, "held_mb": held / 1e6}


def storages() -> dict[int, int]:
    """Where the storages of all living tensors are, and their bytes: each once, whoever holds it."""
    tensors = [thing for thing in gc.get_objects() if issubclass(type(thing), Tensor)]
    return {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}


def extra_peak_mb(run: Run) -> float:
    """Peak resident memory during `run` over the level before it, in MB (10^6 bytes). Meant for a fresh process."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # what building the model left unused would hide the first megabytes
    level = resident("VmRSS")
    watch = Watch()
    with watch:
        run()
    return (watch.peak - level) / 1e6


class Watch:
    """The peak of resident memory while open: the kernel's own high-water mark, or samples where it is not offered."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._stop = threading.Event()
        self._sampler: threading.Thread | None = None

    def __enter__(self) -> None:
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            self._sampler = threading.Thread(target=self._sample, daemon=True)
            self._sampler.start()

    def __exit__(self, *exc: object) -> None:
        if self._sampler:
            self._stop.set()
            self._sampler.join()
        else:
            self.peak = resident("VmHWM")

    def _sample(self) -> None:
        while not self._stop.is_set():
            self.peak = max(self.peak, resident("VmRSS"))
            self._stop.wait(0.002)


def resident(key: str) -> float:
    """`VmRSS` (now) or `VmHWM` (peak) of this process in bytes."""
    for line in Path(f"/proc/{os.getpid()}/status").read_text().splitlines():
        if line.startswith(key):
            return float(line.split()[1]) * 1024
    raise RuntimeError(f"{key} is not in /proc/self/status; the memory benchmark needs Linux (pass --no-memory)")
