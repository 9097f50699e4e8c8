"""A case: some examples of one model, a place and a target, ready to be explained by any method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from . import baselines as baselines_
from . import masks
from .errors import PlaceError
from .evaluate import Chunk, Plan, Run, evaluate
from .forward import Forward
from .places import require_float
from .structure import Layout, Tensors, batch_size, match, rows_of, unpack


class Case:
    """What a method sees: `n` examples with their points at the place, baselines and features, and `fold`.

    A method builds a `Plan` and calls `fold(plan, reduce)`. Everything that a method asks for is worked out once,
    when it is first asked for.
    """

    def __init__(self, forward: Forward, run: Run, baselines: Any = None, mask: Any = None) -> None:
        self.forward = forward
        self.run = run
        self.n = len(forward.origins)
        self._baselines_spec = baselines
        self._mask_spec = mask
        self._parent: tuple[Case, Tensor] | None = None
        self._points: Tensors | None = None if forward.place else forward.inputs
        self._moved = False
        self._scores: Tensor | None = None
        self._baselines: Tensors | None = None
        self._features: masks.Features | None = None
        self._ends: tuple[Tensor, Tensor] | None = None

    @property
    def layout(self) -> Layout:
        """Names and structure of the tensors at the place."""
        place = self.forward.place
        return Layout("tensor", (f"layer {place.name!r}",)) if place else self.forward.layout

    def fold(self, plan: Plan, reduce: Callable[[Chunk], object]) -> None:
        """Evaluate the rows of `plan`, chunk by chunk, and give each chunk to `reduce`."""
        if plan.points is None and self._moved:
            points = self.points()
            moved = Plan(plan.examples, lambda a, b: rows_of(points, plan.examples[a:b]), plan.gradient)
            evaluate(self.forward, moved, self.run, reduce)
        else:
            evaluate(self.forward, plan, self.run, reduce)

    def each(self, reduce: Callable[[Chunk], object], *, gradient: bool) -> None:
        """Evaluate every example once, as it is."""
        scores: list[Tensor] = []

        def keep(chunk: Chunk) -> None:
            scores.append(chunk.scores)
            reduce(chunk)

        self.fold(Plan(torch.arange(self.n), gradient=gradient), keep)
        self._scores = torch.cat(scores)

    def scores(self) -> Tensor:
        """`(n,)` the explained number at each example."""
        if self._scores is None:
            self.each(lambda _: None, gradient=False)
        assert self._scores is not None
        return self._scores

    def points(self) -> Tensors:
        """The tensors at the place for all examples, `(n, *features)`: the inputs, or what the layer makes of them."""
        if self._points is None:
            found: list[Tensors] = []
            self.each(lambda chunk: found.append(chunk.points), gradient=False)
            self._points = tuple(torch.cat(parts) for parts in zip(*found, strict=True))
        return self._points

    def baselines(self) -> Tensors:
        """One baseline for all examples or one for each, `(1 or n, *features)`."""
        if self._parent:
            parent, origin = self._parent
            return rows_of(parent.baselines(), origin)
        if self._baselines is None:
            self._baselines = self._resolve_baselines((1, self.n))
        return self._baselines

    def distribution(self) -> Tensors:
        """Any number of baselines, `(m, *features)`."""
        if self._parent:
            return self._parent[0].distribution()
        if self._baselines is None:
            self._baselines = self._resolve_baselines(None)
        return self._baselines

    @property
    def whole(self) -> bool:
        """Whether these are the user's examples and not noisy copies of them."""
        return self._parent is None

    def float_points(self) -> Tensors:
        """The points, for a method that needs gradients at them: raises `PlaceError` if they are whole numbers."""
        for point, name in zip(self.points(), self.layout.names, strict=True):
            require_float(point, name)
        return self.points()

    @property
    def used_baselines(self) -> Tensors | None:
        """The baselines, if a method asked for them."""
        return self._baselines

    def features(self) -> masks.Features:
        """The features that the mask defines, or every element as its own."""
        if self._parent:
            parent, origin = self._parent
            whole = parent.features()
            return masks.Features(rows_of(whole.ids, origin), whole.count)
        if self._features is None:
            self._features = masks.resolve(self._mask_spec, self.layout, self.points())
        return self._features

    def ends(self) -> tuple[Tensor, Tensor]:
        """`(n,)` scores at the examples and `(n,)` scores at their baselines."""
        if self._ends is None:
            base = self.baselines()
            if self.forward.place is None and self._scores is None:
                self._ends = self._both_ends(base)
            else:
                self.points()
                self._ends = self.scores(), self.scores_at(lambda rows: rows_of(base, rows))
        return self._ends

    def scores_at(self, points: Callable[[Tensor], Tensors]) -> Tensor:
        """`(n,)` scores with each example's point replaced by `points(rows)`."""
        found: list[Tensor] = []
        rows = torch.arange(self.n)
        self.fold(Plan(rows, lambda a, b: points(rows[a:b])), lambda chunk: found.append(chunk.scores))
        return torch.cat(found)

    def noisy(self, rows: Tensor, noise: Tensors, where: str) -> Case:
        """A case of copies of these rows with noise added to the inputs, or to the points at the place."""
        moved = where == "place" and self.forward.place is not None
        if self._moved and not moved:
            raise PlaceError(
                "noise on the inputs would undo the noise at the place around it; use where='place' inside too"
            )
        clean = rows_of(self.forward.inputs, rows)
        inputs = clean if moved else tuple(x + e for x, e in zip(clean, noise, strict=True))
        case = Case(self.forward.with_inputs(inputs, rows), self.run)
        case._parent = (self, rows)
        if moved:
            case._points = tuple(x + e for x, e in zip(rows_of(self.points(), rows), noise, strict=True))
            case._moved = True
        return case

    def _both_ends(self, base: Tensors) -> tuple[Tensor, Tensor]:
        """At the inputs, examples and baselines can share a forward."""
        x, found = self.points(), []
        rows = torch.arange(2 * self.n) % self.n

        def points(a: int, b: int) -> Tensors:
            cut = min(max(self.n - a, 0), b - a)  # rows before the cut are examples
            heads, tails = rows_of(x, rows[a:b][:cut]), rows_of(base, rows[a:b][cut:])
            return tuple(torch.cat([h, t]) for h, t in zip(heads, tails, strict=True))

        self.fold(Plan(rows, points), lambda chunk: found.append(chunk.scores))
        both = torch.cat(found)
        self._scores = both[: self.n]
        return both[: self.n], both[self.n :]

    def _resolve_baselines(self, rows: tuple[int, ...] | None) -> Tensors:
        return baselines_.resolve(
            self._baselines_spec, self.layout, self.points(), lambda inputs: self._run_inputs(inputs, rows), rows
        )

    def _run_inputs(self, inputs: Any, allowed: tuple[int, ...] | None) -> Tensors:
        """The points at the place for other inputs (`FromInputs`)."""
        expected = self.forward.layout
        parts = match(inputs, expected, "FromInputs")
        layout, tensors = unpack(
            expected.pack(tuple(_with_batch(p, x) for p, x in zip(parts, self.forward.inputs, strict=True))),
            "FromInputs",
        )
        rows = batch_size(layout, tensors)
        if allowed is not None and rows not in allowed:
            raise PlaceError(f"FromInputs has {rows} rows for {self.n} examples; pass one row for all, or one for each")
        if self.forward.place is None:
            return tensors
        other = Case(self.forward.with_inputs(tensors, torch.arange(rows) % self.n), self.run)
        return other.points()


def _with_batch(part: Any, like: Tensor) -> Any:
    return part.unsqueeze(0) if isinstance(part, Tensor) and part.dim() == like.dim() - 1 else part
