"""Positions and tokens as callers give them, and layers as names."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..architecture import Architecture, Stack
from ..errors import SiteError
from ..trace import Trace

Positions = int | Sequence[int] | slice | None
TokenIds = int | Sequence[int] | Tensor


def model_of(trace: Trace) -> nn.Module:
    """The model of a trace, or an error for a trace of values from elsewhere."""
    if trace.model is None:
        raise SiteError("this trace holds values from elsewhere, without a model to read weights from; trace a model")
    return trace.model


def architecture_of(trace: Trace) -> Architecture:
    """The architecture of a trace, or an error for a trace of values from elsewhere."""
    if trace.architecture is None:
        raise SiteError("this trace holds values from elsewhere, without an architecture; trace a model")
    return trace.architecture


def real_places(trace: Trace, stack: Stack | None = None) -> Tensor | None:
    """`(batch, position)` bool: places that are not padding; None where the trace does not say.

    Tokens of a trace are those of the input; a decoder that reads them from an encoder has others.
    """
    architecture = architecture_of(trace)
    if trace.tokens is None or (
        len(architecture.stacks) > 1 and (stack or architecture.main) is not architecture.stacks[0]
    ):
        return None
    return trace.tokens.mask


def chosen_positions(positions: Positions, length: int) -> list[int]:
    """Positions as a list of indices from 0; None is all, negative ones count from the end."""
    if positions is None:
        return list(range(length))
    if isinstance(positions, slice):
        return list(range(length))[positions]
    asked = [positions] if isinstance(positions, int) else list(positions)
    for p in asked:
        if not -length <= p < length:
            raise SiteError(f"position {p}, but there are {length} positions; pass {-length} <= position < {length}")
    return [p % length for p in asked]


def check_tokens(tokens: Tensor, vocab: int) -> Tensor:
    """The same, or an error for ids outside the vocabulary."""
    if tokens.is_floating_point() or tokens.dtype == torch.bool:
        raise SiteError(f"tokens are ids, whole numbers from 0 to {vocab - 1}, not {tokens.dtype}")
    bad = next((t for t in tokens.flatten().tolist() if not 0 <= t < vocab), None)
    if bad is not None:
        raise SiteError(f"token {bad}, but the vocabulary has {vocab} tokens; pass 0 <= token < {vocab}")
    return tokens


def stream_points(trace: Trace, stack: Stack, names: str | Sequence[str]) -> list[str]:
    """Names with axes (batch, position, d_model) in forward order.

    Args:
        names: `"all"` for every point of the stream (`resid_pre` of the first block, then `resid_mid`, `resid_cross`,
            `resid_post` of each); a name without its block (`"resid_post"`) for that of every block; a full name; a
            glob; or a list of these.
    """
    asked = [names] if isinstance(names, str) else list(names)
    found: list[str] = []
    for name in asked:
        if name == "all":
            some = [f"{stack.blocks[0].name}.resid_pre"]
            for block in stack.blocks:
                some += [f"{block.name}.{point}" for point in ("resid_mid", "resid_cross", "resid_post")]
            some = [point for point in some if point in trace.names]
        elif name in trace.names:
            some = [name]
        else:
            globs = [name] if name.startswith(stack.prefix + "blocks.") else [f"{stack.prefix}blocks.*.{name}"]
            some = [n for n in trace.names for glob in globs if fnmatch.fnmatchcase(n, glob)]
        if not some:
            raise SiteError(f"{name!r} is not in this trace: {trace.why(name)}")
        found += some
    order = {name: i for i, name in enumerate(trace.names)}
    points = sorted(dict.fromkeys(found), key=order.__getitem__)
    for point in points:
        if trace.axes(point) != ("batch", "position", "d_model"):
            raise SiteError(f"{point} has axes {trace.axes(point)}; a lens reads (batch, position, d_model)")
    return points
