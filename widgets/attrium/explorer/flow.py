"""The flow through one block: what each stage holds at each position, pooled to bars, and how much of it there is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from attrium_kernel.arrays import Frame, Lazy, make_frame
from attrium_kernel.tracing import Block, Trace, Weights
from attrium_kernel.tracing.errors import CaptureError, TraceError

from ..channel import Answer

STAGES = (
    "resid_pre", "ln1.out", "attn.q", "attn.k", "attn.v", "attn.z", "attn.out", "attn_out", "resid_mid",
    "ln_cross.out", "cross.z", "cross_out", "resid_cross",
    "ln2.out", "mlp.pre", "mlp.pre_linear", "mlp.post", "mlp_out", "resid_post",
)  # fmt: skip
"""Of one block; they come in the order of the forward, without those that the architecture lacks."""
BY_HEAD = ("attn.q", "attn.k", "attn.v", "attn.z", "cross.z")
BINS = 24
"""Bins of a bar as long as the residual stream."""
WIDE_BINS = 72
"""Bins of a bar of hidden units, and most of one that is split by heads."""
THUMBNAIL = 64
"""Most cells along a side of a pattern that is sent before anyone asked for it."""


def flow(trace: Trace, base: Trace | None, block: int, which: str) -> Answer:
    """`FlowFacts` and frames of one block; `base` is the run to compare with, if it is another one."""
    architecture = trace.architecture
    assert architecture is not None
    stack = architecture.main
    names = dict(_named(trace, stack.prefix, stack.blocks, block))
    norms, changes, stripes = [], [], {}
    for stage, name in names.items():
        value = rows_of(trace, name)
        norms.append(value.norm(dim=-1))
        if base is not None:
            changes.append((value - rows_of(base, name)).norm(dim=-1))
        stripes[f"stripe:{stage}"] = _stripe(trace, name, stage, value)
    at = stack.blocks[block]
    frames: dict[str, Frame] = {"norms": make_frame(torch.stack(norms), "norms")}
    if changes:
        frames["change"] = make_frame(torch.stack(changes), "change")
    facts = {
        "block": block,
        "which": which,
        "stages": list(names),
        "names": names,
        "sizes": {stage: math.prod(trace.shape(name)[2:]) for stage, name in names.items()},
        "head_norms": _head_norms(trace, at, block),
    }
    return Answer(facts, {**frames, **stripes, **_patterns(trace, at)})


def _named(trace: Trace, prefix: str, blocks: tuple[Block, ...], block: int) -> Iterator[tuple[str, str]]:
    """Stages that this run has, with their trace names."""
    entry = [("embed", f"{prefix}embed"), ("pos_embed", f"{prefix}pos_embed")]
    order = {name: n for n, name in enumerate(trace.names)}
    inside = [(stage, name) for stage in STAGES if (name := f"{blocks[block].name}.{stage}") in trace]
    inside.sort(key=lambda pair: order[pair[1]])
    last = "ln2.out" if blocks[-1].form == "post-norm" else "resid_post"
    end = [("final", f"{blocks[-1].name}.{last}"), ("ln_final.out", f"{prefix}ln_final.out")]
    for stage, name in entry + inside + end:
        if name in trace:
            yield stage, name


def rows_of(trace: Trace, name: str) -> Tensor:
    """`(position, features)` of the one example, float32 on the CPU."""
    value = trace.read(name)
    if trace.axes(name)[0] == "batch":
        value = value[0]
    return value.detach().reshape(value.shape[0], -1).float().cpu()


def _stripe(trace: Trace, name: str, stage: str, value: Tensor) -> Frame:
    size = value.shape[1]
    if stage in BY_HEAD:
        heads = trace.shape(name)[2]
        bins = heads * max(1, min(WIDE_BINS // heads, size // heads))
    else:
        bins = WIDE_BINS if stage.startswith("mlp.") else BINS
    return make_frame(value, name, pixels=[value.shape[0], min(bins, size)], pooling="absmax", quantise=True)


def _patterns(trace: Trace, block: Block) -> dict[str, Frame]:
    name = f"{block.name}.attn.pattern"
    if name not in trace:
        return {}
    lazy = lazy_tensor(trace, name)
    whole = max(lazy.shape[-2:]) <= THUMBNAIL  # then they are small, and sent as they are
    try:
        return {"patterns": make_frame(lazy, name, pixels=[THUMBNAIL, THUMBNAIL], pooling="max", quantise=not whole)}
    except CaptureError:  # not what the layer computed: asking for the pattern itself says why
        return {}


def lazy_tensor(trace: Trace, name: str) -> Lazy:
    """An activation of the one example, without its batch axis, read when and where it is looked at."""
    axes, shape = trace.axes(name), trace.shape(name)
    first = 1 if axes[0] == "batch" else 0
    batch = {"batch": 0} if first else {}

    def read(ranges: Any) -> Tensor:
        index = {axis: slice(start, stop) for axis, (start, stop) in zip(axes[first:], ranges)}
        value = trace.read(name, **batch, **index).detach()
        if name.endswith("masked_scores"):  # hidden cells are no numbers to a reader
            value = value.masked_fill(value <= torch.finfo(value.dtype).min / 2, math.nan)
        return value

    return Lazy(shape[first:], read, holes=name.endswith("masked_scores"))


def _head_norms(trace: Trace, block: Block, layer: int) -> list[float]:
    """Mean norm over the positions of what each head writes, `|z W_O|`; empty where that is not known."""
    name = f"{block.name}.attn.z"
    if name not in trace or trace.model is None:
        return []
    try:
        matrices = Weights(trace.model, trace.architecture).W_O(layer).float()
    except TraceError:
        return []
    z = trace.read(name, batch=0).detach().to(matrices.device).float()
    gram = matrices @ matrices.transpose(1, 2)  # (head, d_head, d_head): the norm without the wide result
    squares = torch.einsum("phd,hde,phe->ph", z, gram, z).clamp(min=0)
    return [float(n) for n in squares.sqrt().mean(0)]
