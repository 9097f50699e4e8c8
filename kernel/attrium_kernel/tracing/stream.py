"""The residual stream of a block, found by arithmetic: what is added to what came in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .architecture import Part
from .probe import Call, Event, roughness


@dataclass(frozen=True)
class Sum:
    """One addition to the stream.

    Args:
        writer: the call whose output is added.
        factor: what it is multiplied by.
        total: the sum.
        reader: the call that is first given the sum; None if it is the block's output.
        normed: the stream goes on as the output of `reader`, a norm (post-norm), rather than as the sum.
    """

    writer: Call
    factor: float
    total: Tensor
    reader: Call | None
    normed: bool


@dataclass(frozen=True)
class Stream:
    """How a block writes to its stream.

    Args:
        form: `"sequential"`, `"parallel"` or `"post-norm"`.
        sums: in order; for a parallel block the writers share one sum.
    """

    form: str
    sums: tuple[Sum, ...]

    def named(self, events: list[Event]) -> dict[str, Sum]:
        """The sums by the name of their writer: `attn_out`, `cross_out`, `mlp_out`."""
        waiting = list(zip(("attn_out", "cross_out"), events))
        names: dict[str, Sum] = {}
        if self.form == "parallel":
            return {"attn_out": self.sums[0], "mlp_out": self.sums[1]}
        for found in self.sums:
            attention = bool(waiting) and waiting[0][1].time < found.writer.ended
            names[waiting.pop(0)[0] if attention else "mlp_out"] = found
        return names

    def factors(self, events: list[Event]) -> dict[str, float]:
        """Factors other than 1, by the name of the writer."""
        return {name: found.factor for name, found in self.named(events).items() if found.factor != 1}

    def parts(self, block: Call, inside: list[Call], events: list[Event]) -> dict[str, Part]:
        """Places of the stream's points, its writers and the norms on the way."""
        named = self.named(events)
        parts: dict[str, Part] = {}
        stream = block.value.copy if block.value else None
        for writer, norm, point in (
            ("attn_out", "ln1", "resid_mid"),
            ("cross_out", "ln_cross", "resid_cross"),
            ("mlp_out", "ln2", "resid_post"),
        ):
            found = named.get(writer)
            if found is None:
                continue
            parts |= self._around(found, stream, inside, events, writer, norm)
            last = found is self.sums[-1] or self.form == "parallel"
            if found.reader is not None and not (last and not found.normed):
                parts[point if not last else "resid_post"] = place(found.reader, inside, "input")
            if found.normed and found.reader is not None and found.reader.output is not None:
                stream = found.reader.output.copy
            elif self.form != "parallel":
                stream = found.total
        if "resid_post" not in parts:
            parts["resid_post"] = Part(block.path)
        return parts

    def _around(
        self, found: Sum, stream: Tensor | None, inside: list[Call], events: list[Event], writer: str, norm: str
    ) -> dict[str, Part]:
        """The writer and the norms before and after it."""
        parts = {writer: place(found.writer, inside)}
        if is_norm_like(found.writer):
            parts["ln2_post" if writer == "mlp_out" else norm + "_post"] = place(found.writer, inside)
        if self.form == "post-norm":
            if found.reader is not None and found.normed:
                parts[norm] = place(found.reader, inside)
            return parts
        readers = [c for c in inside if is_norm_like(c) and stream is not None and same(c.value, stream)]
        readers.sort(key=lambda c: c.started)
        if self.form == "parallel" and writer == "mlp_out":
            readers = readers[1:]
        if readers:
            parts[norm] = place(readers[0], inside)
        return parts


def place(call: Call, inside: list[Call], side: str = "output") -> Part:
    """One side of a call, by number where its module is called several times (a shared dropout)."""
    calls = sorted((c for c in inside if c.path == call.path), key=lambda c: c.started)
    number = calls.index(call) if len(calls) > 1 else None
    return Part(call.path, side, keyword=call.keyword if side == "input" else None, call=number)


def follow_stream(block: Call, inside: list[Call], events: list[Event]) -> Stream | None:
    """Find the sums of a block, or None if it does not add up."""
    assert block.value is not None and block.output is not None
    walk = _Walk(block, inside, events)
    sums = walk.search(block.value.copy, events[0].time)
    if sums is not None:
        form = "post-norm" if any(s.normed for s in sums) else "sequential"
        return Stream(form, tuple(sums))
    pair = walk.parallel(block.value.copy, events[0].time)
    return None if pair is None else Stream("parallel", tuple(pair))


class _Walk:
    """Searches the sums from what a block is given to what it returns."""

    def __init__(self, block: Call, inside: list[Call], events: list[Event]) -> None:
        assert block.output is not None and block.value is not None
        self.end = block.output.copy
        self.calls = sorted(inside, key=lambda c: c.started)
        self.width = self.end.shape[-1]
        self.numel = block.value.copy.numel()
        self.tolerance = roughness(self.end.dtype)

    def search(self, stream: Tensor, after: int) -> list[Sum] | None:
        """Sums that lead from `stream` to the block's output, by calls after a time."""
        for reader, total in self._later(after):
            if _equal(total, stream):
                continue
            until = reader.started if reader else self.calls[-1].ended + 10**6
            found = self._writer(total, stream, after, until)
            if found is None:
                continue
            writer, factor = found
            if reader is None:
                return [Sum(writer, factor, total, None, False)]
            plain = self._onward(Sum(writer, factor, total, reader, False), total, reader.started)
            if plain is not None:
                return plain
            if is_norm_like(reader) and reader.output is not None and self._fits(reader.output.copy):
                normed = self._onward(Sum(writer, factor, total, reader, True), reader.output.copy, reader.ended)
                if normed is not None:
                    return normed
        return None

    def _onward(self, found: Sum, stream: Tensor, after: int) -> list[Sum] | None:
        if _equal(stream, self.end):
            return [found]
        rest = self.search(stream, after)
        return None if rest is None else [found, *rest]

    def _later(self, after: int) -> list[tuple[Call | None, Tensor]]:
        """What later calls were given, in order, and the block's output last."""
        given: list[tuple[Call | None, Tensor]] = [
            (c, c.value.copy)
            for c in self.calls
            if c.started > after and c.value is not None and self._fits(c.value.copy)
        ]
        given.sort(key=lambda item: (item[0].started,) if item[0] else (0,))
        # A wrapper and the norm in it are given one tensor; the norm says more.
        norms = [(c, t) for c, t in given if c is not None and is_norm_like(c)]
        preferred = []
        for reader, total in given:
            better = next((n for n, t in norms if t is total or _equal(t, total)), None)
            preferred.append((better or reader, total))
        return [*preferred, (None, self.end)] if self._fits(self.end) else preferred

    def _fits(self, tensor: Tensor) -> bool:
        return tensor.shape[-1] == self.width and tensor.numel() == self.numel

    def _writers(self, after: int, until: int) -> list[Call]:
        ended = [
            c for c in self.calls if after < c.ended < until and c.output is not None and self._fits(c.output.copy)
        ]
        return sorted(ended, key=lambda c: (c.output.copy.dim() != self.end.dim() if c.output else True, c.ended))

    def _writer(self, total: Tensor, stream: Tensor, after: int, until: int) -> tuple[Call, float] | None:
        """The call whose output is what was added, and the factor."""
        added = total.double().reshape(-1) - stream.double().reshape(-1)
        for call in self._writers(after, until):
            assert call.output is not None
            factor = self._explains(added, call.output.copy.double().reshape(-1), stream)
            if factor is not None:
                return call, factor
        return None

    def parallel(self, stream: Tensor, after: int) -> list[Sum] | None:
        """Two writers that read the same stream and are added at once."""
        if not self._fits(self.end):
            return None
        added = self.end.double().reshape(-1) - stream.double().reshape(-1)
        writers = self._writers(0, 10**9)
        attention = [c for c in writers if c.ended > after]
        for first in attention:
            for second in writers:
                if second is first or second.output is None or first.output is None:
                    continue
                both = (first.output.copy.double() + second.output.copy.double()).reshape(-1)
                factor = self._explains(added, both, stream)
                if factor is not None:
                    return [Sum(first, factor, self.end, None, False), Sum(second, factor, self.end, None, False)]
        return None

    def _explains(self, added: Tensor, written: Tensor, stream: Tensor) -> float | None:
        """The factor by which `added` is `written`, nearly always 1; None if it is no multiple of it."""
        if not bool(written.any()):
            return None
        size = float(added.norm())
        slack = self.tolerance * size + 4 * self.tolerance * 1e-2 * float(stream.double().norm())
        if float((added - written).norm()) <= slack:
            return 1.0
        factor = float(added @ written / (written @ written))
        if abs(factor) < 1e-3 or float((added - factor * written).norm()) > slack:
            return None
        return round(factor, 6)


def is_norm_like(call: Call) -> bool:
    """A layer norm or RMS norm, by type or by name."""
    return isinstance(call.module, nn.LayerNorm) or (
        "norm" in type(call.module).__name__.lower() and next(call.module.children(), None) is None
    )


def same(value: Any, tensor: Tensor) -> bool:
    """Whether a recorded value equals a tensor, up to the shape of its leading axes."""
    return value is not None and _equal(value.copy, tensor)


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.numel() == b.numel() and a.shape[-1] == b.shape[-1] and torch.equal(a.reshape(b.shape), b)
