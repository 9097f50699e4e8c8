"""Interventions as data: what to change, where, in the same run. Small frozen dataclasses that print and save."""

from __future__ import annotations

import contextlib
import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .errors import InterventionError, SiteError
from .watch import acting, unseen

if TYPE_CHECKING:
    from .trace import Trace

Index = int | tuple[int, ...] | None


@dataclass(frozen=True, repr=False)
class Site:
    """A place in the run: a named activation, or a part of it.

    Args:
        name: of the activation, `"blocks.3.attn.z"`; `*` stands for anything: `"blocks.*.attn.pattern"`.
        head: one or more heads (key-value heads for `attn.k` and `attn.v` under grouped-query attention); None for all.
        position: one or more positions, negative from the end; of the queries for scores and patterns. None for all.
        index: along the last axis: neurons, dimensions; keys for scores and patterns. None for all.
        rows: examples of the batch; None for all.
    """

    name: str
    head: Index = None
    position: Index = None
    index: Index = None
    rows: Index = None

    def __post_init__(self) -> None:
        name: Any = self.name
        if not isinstance(name, str) or not name:
            raise SiteError(f"a site's name is {self.name!r}; pass the name of an activation, 'blocks.3.attn.z' say")
        for field in ("head", "position", "index", "rows"):
            object.__setattr__(self, field, _index(field, getattr(self, field)))

    def __repr__(self) -> str:
        return f"Site({self})"

    def __str__(self) -> str:
        chosen = [f"{k}={v}" for k in ("head", "position", "index", "rows") if (v := getattr(self, k)) is not None]
        return f"{self.name}[{', '.join(chosen)}]" if chosen else self.name


@dataclass(frozen=True)
class Edge:
    """The direct path from a sender to a receiver through the residual stream (path patching).

    The receiver sees the stream as if the sender had written something else; all others see what it did write.

    Args:
        sender: what writes to the stream: `embed`, `attn.result` (with heads), `attn_out`, `cross_out`, `mlp_out`.
        receiver: what reads it, in a later block or sublayer: `attn.q`, `attn.k`, `attn.v` (with heads), `mlp` (the
            MLP's input), or `unembed` (the final norm's input).
    """

    sender: Site
    receiver: Site

    def __post_init__(self) -> None:
        for field in ("sender", "receiver"):
            given = getattr(self, field)
            object.__setattr__(self, field, Site(given) if isinstance(given, str) else given)

    @property
    def rows(self) -> Index:
        """Examples of the batch: the sender's."""
        return self.sender.rows

    def __str__(self) -> str:
        return f"{self.sender} -> {self.receiver}"


At = Site | Edge


@dataclass(frozen=True, repr=False)
class Intervention(ABC):
    """Base of all interventions: a place, and what is put there.

    Args:
        at: a `Site`, a name (which may hold `*`), or an `Edge`.
    """

    at: At

    def __post_init__(self) -> None:
        if isinstance(self.at, str):
            object.__setattr__(self, "at", Site(self.at))
        if not isinstance(self.at, (Site, Edge)):
            raise InterventionError(
                f"{type(self).__name__}(at={self.at!r}): pass a Site, an Edge or the name of an activation"
            )

    def __repr__(self) -> str:
        shown = {field.name: getattr(self, field.name) for field in fields(self)}
        parts = [_short(shown.pop("at")), *(f"{n}={_short(v)}" for n, v in shown.items() if v is not None)]
        return f"{type(self).__name__}({', '.join(parts)})"

    @property
    def site(self) -> Site:
        """Where the value is changed; an edge's sender."""
        return self.at.sender if isinstance(self.at, Edge) else self.at

    @abstractmethod
    def change(self, value: Tensor, where: Region) -> Tensor:
        """The new value of the part that the site names.

        Args:
            value: that part; axes chosen by one number are kept, of length one.
            where: which activation and which part it is.
        """


@dataclass(frozen=True)
class Region:
    """A part of one activation in one run.

    Args:
        name: of the activation.
        axes: its axes.
        index: for each axis the numbers chosen, or None for all; positions count from the start of the text.
        sizes: length of each axis of the whole.
        whole: the activation that the part is of.
        offset: absolute position of the first token in this forward.
    """

    name: str
    axes: tuple[str, ...]
    index: tuple[Tensor | None, ...]
    sizes: tuple[int, ...]
    whole: Tensor
    offset: int = 0

    def of(self, source: Trace | Tensor, value: Tensor, position: Index = None) -> Tensor:
        """The same part of another trace or tensor, shaped to fit `value`."""
        found = self._from_trace(source, position) if not isinstance(source, Tensor) else source
        if not isinstance(found, Tensor):
            raise InterventionError(f"the source of {self.name} is a {type(source).__name__}; pass a Trace or a tensor")
        found = found.to(device=value.device, dtype=value.dtype)
        try:
            return found.broadcast_to(value.shape)
        except RuntimeError:
            raise InterventionError(
                f"at {self.name} a value of shape {tuple(value.shape)} {self.axes} is to be replaced, but the source "
                "has "
                f"{tuple(found.shape)}; it must have the same positions (or name them with position=), and one example "
                "or as many as the batch"
            ) from None

    def _from_trace(self, source: Trace, position: Index) -> Tensor:
        axes = source.axes(self.name)
        if axes != self.axes:
            raise InterventionError(f"{self.name} has axes {axes} in the source and {self.axes} here")
        index: dict[str, Any] = {}
        for axis, chosen in zip(self.axes, self.index):
            if axis == "batch":
                count = source.size("batch")
                if chosen is not None and count > 1:
                    index[axis] = chosen
            elif axis in ("position", "query") and position is not None:
                index[axis] = [position] if isinstance(position, int) else list(position)
            elif axis in ("position", "query") and (chosen is not None or self.offset):
                chosen = torch.arange(self.sizes[self.axes.index(axis)]) if chosen is None else chosen
                index[axis] = chosen + self.offset
            elif chosen is not None:
                index[axis] = chosen
        return source.read(self.name, **index)


@dataclass(frozen=True, repr=False)
class Zero(Intervention):
    """Zero ablation."""

    def change(self, value: Tensor, where: Region) -> Tensor:
        """Zeros."""
        return torch.zeros_like(value)


@dataclass(frozen=True, repr=False, eq=False)
class Mean(Intervention):
    """Mean ablation.

    Args:
        source: the trace whose mean is put there (its examples and positions); a tensor with the mean itself; None for
            the mean of the run's own values.
        over: `"position"` (each example's mean over its positions), `"batch"` (each position's mean over the examples)
            or `"all"`.
    """

    source: Trace | Tensor | None = None
    over: str = "all"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source is not None:
            _check_source(self)
        if self.over not in ("position", "batch", "all"):
            raise InterventionError(f"Mean(over={self.over!r}): pass 'position', 'batch' or 'all'")

    def change(self, value: Tensor, where: Region) -> Tensor:
        """The mean."""
        if isinstance(self.source, Tensor):
            return where.of(self.source, value)
        kept = {"position": ("batch",), "batch": ("position", "query"), "all": ()}[self.over]
        averaged = [a for a in ("batch", "position", "query") if a not in kept and a in where.axes]
        source = where.whole if self.source is None else self.source.read(where.name)
        mean = source.mean(dim=[where.axes.index(a) for a in averaged], keepdim=True)
        for n, (axis, chosen) in enumerate(zip(where.axes, where.index)):
            if chosen is not None and axis not in averaged:
                moved = chosen + where.offset if axis in ("position", "query") and self.source is not None else chosen
                mean = mean.index_select(n, moved.to(mean.device))
        return where.of(mean, value)


@dataclass(frozen=True, repr=False, eq=False)
class Resample(Intervention):
    """Resample ablation: the same part of another example, drawn at random for each example (causal scrubbing).

    Args:
        source: a trace with several examples.
        seed: of the draw; the same for every site with that seed, so that one example's values stay together.
    """

    source: Trace
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_source(self)
        source: Any = self.source
        if isinstance(source, Tensor):
            raise InterventionError(
                "Resample draws examples of a trace; pass a Trace with several examples, not a tensor"
            )

    def change(self, value: Tensor, where: Region) -> Tensor:
        """Another example's value."""
        count = self.source.size("batch")
        generator = torch.Generator().manual_seed(self.seed)
        batch = where.sizes[0]
        drawn = torch.randint(count, (batch,), generator=generator)
        rows = drawn if where.index[0] is None else drawn[where.index[0]]
        index = (rows, *where.index[1:])
        return replace(where, index=index).of(self.source, value) if count > 1 else where.of(self.source, value)


@dataclass(frozen=True, repr=False, eq=False)
class Patch(Intervention):
    """Activation patching: the value from another run. On a pattern it freezes the pattern.

    Args:
        source: a trace (the same part of it is read), or a tensor that broadcasts to the part.
        position: positions in the source to read, where they differ from the site's.
    """

    source: Trace | Tensor
    position: Index = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_source(self)
        object.__setattr__(self, "position", _index("position", self.position))

    def change(self, value: Tensor, where: Region) -> Tensor:
        """The source's value."""
        return where.of(self.source, value, self.position)


@dataclass(frozen=True, repr=False)
class Scale(Intervention):
    """Multiply.

    Args:
        factor: 0 ablates, 1 leaves, -1 turns round.
    """

    factor: float

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            factor = float(self.factor)
        except (TypeError, ValueError):
            factor = math.nan
        if not math.isfinite(factor):
            raise InterventionError(f"Scale(factor={self.factor!r}); pass a finite number")
        object.__setattr__(self, "factor", factor)

    def change(self, value: Tensor, where: Region) -> Tensor:
        """The value times the factor."""
        return value * self.factor


@dataclass(frozen=True, repr=False, eq=False)
class Steer(Intervention):
    """Add a vector (activation addition, Turner et al. 2023).

    Args:
        vector: `(last axis,)`, or what broadcasts to the part.
        strength: its factor.
    """

    vector: Tensor
    strength: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.vector, Tensor):
            raise InterventionError(f"Steer(vector={self.vector!r}); pass a tensor")
        if not bool(torch.isfinite(self.vector).all()) or not math.isfinite(self.strength):
            bad = self.vector[~torch.isfinite(self.vector)]
            what = f"the vector holds {bad.flatten()[0].item()}" if bad.numel() else f"strength={self.strength!r}"
            raise InterventionError(f"Steer: {what}; pass finite numbers")

    def change(self, value: Tensor, where: Region) -> Tensor:
        """The value plus the vector."""
        vector = torch.as_tensor(self.vector).to(device=value.device, dtype=value.dtype)
        try:
            return value + self.strength * vector.broadcast_to(value.shape)
        except RuntimeError:
            raise InterventionError(
                f"Steer at {where.name}: the vector has shape {tuple(vector.shape)}, the value {tuple(value.shape)} "
                f"{where.axes}; pass one number for each of the {value.shape[-1]} features of the last axis"
            ) from None


@dataclass(frozen=True, repr=False)
class Replace(Intervention):
    """Replace by what a function makes of the value.

    Args:
        function: `value -> new value` of the same shape.
    """

    function: Callable[[Tensor], Tensor]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not callable(self.function):
            raise InterventionError(f"Replace(function={self.function!r}); pass a function of the value")

    def change(self, value: Tensor, where: Region) -> Tensor:
        """The function's result."""
        new: Any = self.function(value)
        if not isinstance(new, Tensor) or new.shape != value.shape:
            got = f"a tensor of shape {tuple(new.shape)}" if isinstance(new, Tensor) else f"a {type(new).__name__}"
            raise InterventionError(
                f"Replace at {where.name}: the function was given {tuple(value.shape)} and returned {got}; it must "
                "return a tensor of the same shape"
            )
        return new


@dataclass(frozen=True)
class Window:
    """Which positions a forward covers.

    Args:
        offset: absolute position of its first token; more than 0 when a KV cache holds the ones before.
        growing: more forwards follow, so a position beyond the end may still come.
    """

    offset: int = 0
    growing: bool = False


@dataclass(frozen=True)
class Slice(Intervention):
    """An intervention on a run of examples of a larger batch, which it takes for the whole batch.

    Args:
        inner: the intervention.
        start: first example.
        stop: after the last.
    """

    inner: Intervention
    start: int
    stop: int

    def change(self, value: Tensor, where: Region) -> Tensor:
        """What the inner intervention does."""
        return self.inner.change(value, where)


def apply(
    interventions: Sequence[Intervention], name: str, axes: tuple[str, ...], value: Tensor, window: Window
) -> Tensor:
    """All interventions at one activation, in the order given; untouched parts keep their bits."""
    owned = False
    for intervention in interventions:
        if not isinstance(intervention, Slice):
            value, owned = _apply_one(intervention, name, axes, value, window), False
            continue
        rows = slice(intervention.start, intervention.stop)
        new = _apply_one(intervention.inner, name, axes, value[rows], window)
        value = value if owned else value.clone()
        value[rows], owned = new, True
    return value


def _apply_one(intervention: Intervention, name: str, axes: tuple[str, ...], value: Tensor, window: Window) -> Tensor:
    index = region_of(intervention.site, name, axes, tuple(value.shape), window)
    if index is None:
        return value
    where = Region(name, axes, index, tuple(value.shape), value, window.offset)
    mesh = _mesh(index, value)
    part = value if mesh is None else value[mesh]
    with acting(None), unseen():  # a user's function may run the model, or attention of its own
        new = intervention.change(part, where).to(value.dtype)
    if mesh is None:
        return new.clone(memory_format=torch.contiguous_format)  # some models write into it, and it may be the source's
    if not torch.is_grad_enabled():
        out = value.clone()
        out[mesh] = new
        return out
    return value.index_put(mesh, new)


def region_of(
    site: Site, name: str, axes: tuple[str, ...], sizes: tuple[int, ...], window: Window
) -> tuple[Tensor | None, ...] | None:
    """The numbers chosen along each axis, counted in this forward; None if none of them is in it.

    Raises:
        SiteError: the site chooses along an axis that the activation lacks, or beyond its end.
    """
    chosen = {"batch": site.rows, "head": site.head, "position": site.position, "last": site.index}
    if site.head is not None and not any("head" in a and not a.startswith("d_") for a in axes):
        raise SiteError(f"{name} has no heads, only {axes}; leave head= out, or name attn.z, attn.q, attn.result, ...")
    found: list[Tensor | None] = []
    for n, (axis, size) in enumerate(zip(axes, sizes)):
        key = "head" if axis in ("head", "kv_head") else "position" if axis in ("position", "query") else axis
        key = "last" if n == len(axes) - 1 and axis not in ("position", "head", "kv_head") else key
        wanted = chosen.get(key)
        if wanted is None:
            found.append(None)
            continue
        numbers = [wanted] if isinstance(wanted, int) else list(wanted)
        local = _local(numbers, axis, size, window if key == "position" else Window(), name)
        if not local:
            return None
        found.append(torch.tensor(local))
    if site.position is not None and not any(a in ("position", "query") for a in axes):
        raise SiteError(f"{name} has no positions, only {axes}; leave position= out")
    return tuple(found)


def _local(numbers: list[int], axis: str, size: int, window: Window, name: str) -> list[int]:
    """Numbers counted from the start of this forward; those of earlier or later forwards are left out."""
    local = []
    for number in numbers:
        at = number + size if number < 0 else number - window.offset
        if 0 <= at < size:
            local.append(at)
        elif not window.growing and (number < 0 or number >= window.offset):
            raise SiteError(f"{axis} {number} at {name}: there are {size}, so pass {-size} to {size - 1}")
    return local


def _short(value: Any) -> str:
    """A field on one line: tensors by their shape."""
    if isinstance(value, Tensor):
        return f"tensor{tuple(value.shape)}"
    return str(value) if isinstance(value, (Site, Edge)) else repr(value)


def _check_source(intervention: Any) -> None:
    from .trace import Trace

    source = intervention.source
    if not isinstance(source, (Trace, Tensor)):
        raise InterventionError(
            f"{type(intervention).__name__}(source={source!r}): pass the Trace that values come from, or a tensor"
        )


def _mesh(index: tuple[Tensor | None, ...], value: Tensor) -> tuple[Tensor, ...] | None:
    """Open index grid for `value[mesh]`; None when everything is chosen."""
    if all(i is None for i in index):
        return None
    grid = []
    for n, chosen in enumerate(index):
        numbers = torch.arange(value.shape[n]) if chosen is None else chosen
        shape = [1] * len(index)
        shape[n] = -1
        grid.append(numbers.to(value.device).reshape(shape))
    return tuple(grid)


def _index(field: str, given: Any) -> Index:
    if given is None:
        return None
    items = given.flatten().tolist() if isinstance(given, Tensor) else given
    if isinstance(items, bool) or (isinstance(items, (list, tuple)) and any(isinstance(i, bool) for i in items)):
        raise SiteError(f"{field}={given!r} holds truth values; pass numbers, mask.nonzero().flatten() say")
    if not isinstance(given, Tensor) or given.dim() == 0:
        with contextlib.suppress(TypeError):
            return operator.index(given)
    if isinstance(given, slice):
        if given.start is None or given.stop is None or min(given.start, given.stop) < 0:
            raise SiteError(f"{field}={given}: write both ends of a slice, counted from 0, or pass a tuple of numbers")
        given = range(given.start, given.stop, given.step or 1)
    if isinstance(given, Tensor):
        given = given.tolist()
    try:
        numbers = tuple(operator.index(n) for n in given)
    except TypeError:
        raise SiteError(f"{field}={given!r}; pass a number, several numbers, or None for all") from None
    if not numbers:
        raise SiteError(f"{field} is empty; pass at least one number, or None for all")
    return numbers
