"""One number of a trace, and what its formula may read: captured neighbours, weights, what its attention was given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from ..analysis.frozen import NormParts, norm_parts, tolerance
from ..analysis.places import model_of
from ..analysis.readout import Readout
from ..architecture import Architecture, Block, Stack
from ..attention import Attention
from ..errors import CaptureError, SiteError
from ..names import Catalog, Entry, catalog_of
from ..trace import Trace
from ..weights import Weights

Index = Mapping[str, int]


class Book:
    """A trace and what is worked out about it once: weights, norms, the map to the logits.

    Args:
        trace: of a model.
        architecture: of the trace.
    """

    def __init__(self, trace: Trace, architecture: Architecture) -> None:
        self.trace, self.architecture = trace, architecture
        self.catalog: Catalog = catalog_of(architecture)
        self._weights: dict[str, Weights] = {}
        self._norms: dict[str, NormParts] = {}
        self._readout: Readout | SiteError | None = None

    def weights(self, stack: Stack) -> Weights:
        """Of one stack."""
        if stack.name not in self._weights:
            self._weights[stack.name] = Weights(model_of(self.trace), self.architecture, stack=stack.name)
        return self._weights[stack.name]

    def norm(self, path: str) -> NormParts:
        """Weight, bias and centring of the norm at a path."""
        if path not in self._norms:
            self._norms[path] = norm_parts(self.module(path), self.architecture.d_model)
        return self._norms[path]

    def module(self, path: str) -> nn.Module:
        """A module of the model."""
        return model_of(self.trace).get_submodule(path)

    def readout(self) -> Readout:
        """The map from the last stream to the logits.

        Raises: `SiteError` where it is none, each time it is asked for.
        """
        if self._readout is None:
            try:
                self._readout = Readout.of(self.trace)
            except SiteError as error:
                self._readout = error
        if isinstance(self._readout, SiteError):
            raise self._readout
        return self._readout

    def attention(self, entry: Entry) -> Attention:
        """What the attention of a name was given."""
        found = self.trace._records.get(entry.record)
        if found is None:
            raise CaptureError(f"{entry.record} was not captured")
        return found[0]

    def tolerance(self, name: str) -> float:
        """Relative error that rounding explains at a name."""
        return tolerance(self.trace.read(name, **{a: slice(0, 1) for a in self.trace.axes(name)}).dtype)


@dataclass(frozen=True)
class Place:
    """One number of one example, where a rule says what made it.

    Args:
        book: the trace.
        entry: the name.
        index: by axis, without the example.
        example: which.
    """

    book: Book
    entry: Entry
    index: Index
    example: int

    @property
    def block(self) -> Block:
        """Its block."""
        assert self.entry.block is not None
        return self.entry.block

    @property
    def stack(self) -> Stack:
        """Its stack; the one whose logits are read for what belongs to none."""
        return self.entry.stack or self.book.architecture.main

    @property
    def layer(self) -> int:
        """Number of its block."""
        return [block.name for block in self.stack.blocks].index(self.block.name)

    @property
    def kind(self) -> Literal["self", "cross"]:
        """Of its attention."""
        return "cross" if self.entry.role == "cross" else "self"

    @property
    def weights(self) -> Weights:
        """Of its stack."""
        return self.book.weights(self.stack)

    @property
    def feature(self) -> int:
        """Along the last axis."""
        return list(self.index.values())[-1]

    def has(self, name: str) -> bool:
        """Whether a name was captured."""
        return name in self.book.trace

    def named(self, role: str) -> str:
        """The full name of something in its block."""
        return f"{self.block.name}.{role}"

    def beside(self, quantity: str) -> str:
        """The full name of something in its attention."""
        return f"{self.entry.record}.{quantity}"

    def label(self, name: str) -> Callable[[tuple[int, ...]], str]:
        """Of a number of a name: the block is left out where it is this one."""
        short = name.removeprefix(f"{self.entry.block.name}.") if self.entry.block else name
        return lambda index: f"{short}[{', '.join(map(str, index))}]"

    def read(self, name: str, **index: int) -> Tensor:
        """A part of another name in the same example, in float64, on the CPU."""
        trace = self.book.trace
        if name not in trace:
            raise CaptureError(f"{name} is not in this trace: {trace.why(name)}")
        first = {"batch": min(self.example, length(trace, name, "batch") - 1)}
        found: Tensor = trace.read(name, **first, **index).detach().double().cpu()
        return found

    def number(self, name: str, **index: int) -> float:
        """One number of another name in the same example; the last axes may be given by position in `index`."""
        return float(self.read(name, **index))

    def weight(self, role: str, *, cross: bool = False) -> str | None:
        """The name of a weight of its block, or None where weights of that stack have no names."""
        plain = self.kind == "self" or cross
        return f"weights/{role}/{self.layer}" if plain and self.stack is self.book.architecture.main else None

    def agrees(self, found: float, seen: float, size: float = 0.0) -> bool:
        """Whether two numbers are the same up to rounding, for terms of a size."""
        slack = self.book.tolerance(self.entry.name)
        return abs(found - seen) <= slack * max(abs(seen), abs(found), size, 1e-6)


def length(trace: Trace, name: str, axis: str) -> int:
    """Length of an axis of a name, without computing the name."""
    return trace._length(name, trace.axes(name), axis)
