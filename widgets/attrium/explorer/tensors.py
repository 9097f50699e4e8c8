"""Tensors that the screen may ask for by name: activations of either run, their difference, weights."""

from __future__ import annotations

import difflib
from typing import Any

from torch import Tensor

from attrium_kernel.arrays import Lazy
from attrium_kernel.tracing import Trace, Weights

from ..channel import Source
from .flow import lazy_tensor

PATTERNS = ("scores", "masked_scores", "pattern")


def find_tensor(name: str, run: Trace, base: Trace) -> Source | None:
    """`run/<trace name>`, `base/<trace name>`, `change/<trace name>` or `weights/<W_Q>/<layer>`; None if there is none.

    The example's axis is left out of activations.
    """
    kind, _, rest = name.partition("/")
    if kind in ("run", "base"):
        trace = run if kind == "run" else base
        return _activation(lazy_tensor(trace, rest), rest) if rest in trace else None
    if kind == "change" and rest in run and rest in base:
        return _activation(_difference(lazy_tensor(run, rest), lazy_tensor(base, rest)), rest, signed=True)
    if kind == "weights" and run.model is not None:
        found = _weight(Weights(run.model, run.architecture), *rest.split("/", 1))
        return None if found is None else Source(found)
    return None


def missing(name: str, run: Trace) -> str:
    """What to say of a name that `find_tensor` does not know."""
    known = [f"run/{site}" for site in run.names]
    near = difflib.get_close_matches(name, known, 1, 0.5) or ["run/<name of the trace>"]
    return f"there is no tensor {name!r} here; ask for {near[0]!r}, or one of base/, change/ or weights/W_Q/<layer>"


def _activation(tensor: Lazy, name: str, signed: bool = False) -> Source:
    largest = name.endswith(".pattern") and not signed
    return Source(tensor, pooling="max" if largest else "absmax")


def _difference(run: Lazy, base: Lazy) -> Lazy:
    def read(ranges: Any) -> Tensor:
        return run.read(ranges) - base.read(ranges)

    return Lazy(run.shape, read)


def _weight(weights: Weights, role: str, layer: str = "") -> Tensor | None:
    if role in ("W_E", "W_pos", "W_U", "b_U") and not layer:
        found: Tensor | None = getattr(weights, role)
        return found
    if role[:2] in ("W_", "b_") and layer.isdigit() and callable(method := getattr(weights, role, None)):
        made: Tensor | None = method(int(layer))
        return made
    return None
