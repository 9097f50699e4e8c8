"""The parts of a block's MLP: what reads the stream, the activation, what writes back."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile

import torch
import torch.nn.functional as F  # torch's own habit
from torch import Tensor

from .architecture import Part
from .probe import Call, Event, roughness
from .projections import is_linear, outermost
from .stream import Stream, same

ACTIVATIONS: list[Callable[[Tensor], Tensor]] = [
    F.silu,
    F.gelu,
    lambda x: F.gelu(x, approximate="tanh"),
    F.relu,
    lambda x: F.relu(x).square(),
    torch.sigmoid,
    torch.tanh,
    lambda x: x,
]


def find_mlp(block: Call, inside: list[Call], events: list[Event], stream: Stream) -> dict[str, Part]:
    """Parts `mlp`, `mlp.up`, `mlp.down`, ... of a block."""
    writer = stream.named(events).get("mlp_out")
    if writer is None:
        return {}
    attention = {e.path for e in events} if stream.form == "parallel" else set()
    earliest = 0 if stream.form == "parallel" else max(e.time for e in events)
    mine = [
        c for c in inside
        if c.ended <= writer.writer.ended and c.started > earliest and not any(c.under(a) for a in attention)
    ]  # fmt: skip
    if stream.form != "parallel":  # linear maps of the attention that come after it
        mine = [c for c in mine if c.started > _last_attention_write(stream, events)]
    maps = {outermost(c, mine) for c in mine if is_linear(c)}
    maps -= {c for c in maps for other in maps if c is not other and c.under(other.path)}
    linear = sorted(maps, key=lambda c: c.started)
    width = block.value.copy.shape[-1] if block.value else 0
    downs = [c for c in linear if c.output is not None and c.output.copy.shape[-1] == width and c is not linear[0]]
    parts: dict[str, Part] = {}
    if downs and _writes(downs[-1], writer.writer):
        down = downs[-1]
        ups = [c for c in linear if c is not down and c.started < down.started]
        first = ups[0] if ups else None
        ups = [c for c in ups if first and first.value and same(c.value, first.value.copy)]
        parts |= _dense(ups, down, mine)
        if down is not writer.writer:  # a norm stands between the MLP and the stream
            parts["mlp.out"] = Part(down.path)
    else:
        parts |= _experts(block, mine, writer.writer)
    home = _home([c.path for c in mine if any(c.path == p.path for p in parts.values())], block.path)
    if home is not None and any(c.path == home for c in inside):
        parts["mlp"] = Part(home)
    return parts


def _last_attention_write(stream: Stream, events: list[Event]) -> int:
    named = stream.named(events)
    ends = [named[n].writer.ended for n in ("attn_out", "cross_out") if n in named]
    return max(ends, default=0)


def _writes(down: Call, writer: Call) -> bool:
    """Whether the last linear map is what the writer hands on, itself or through a norm, and not one expert of many."""
    if down.output is None or writer.output is None:
        return False
    return same(writer.output, down.output.copy) or same(writer.value, down.output.copy)


def _dense(ups: list[Call], down: Call, mine: list[Call]) -> dict[str, Part]:
    parts = {"mlp.down": Part(down.path), "mlp.post": Part(down.path, "input")}
    if not ups or down.value is None:
        return parts
    inner = down.value.rows()
    if len(ups) == 1:
        up = ups[0]
        out = up.output.rows() if up.output else inner
        if out.shape[-1] == 2 * inner.shape[-1]:
            return parts | _fused(up, out, inner)
        return parts | {"mlp.up": Part(up.path), "mlp.pre": Part(up.path)}
    outs = [c.output.rows() for c in ups[:2] if c.output]
    gate = (
        0 if _gates(outs[0], outs[1], inner) else 1 if _gates(outs[1], outs[0], inner) else _feeds_activation(ups, mine)
    )
    return parts | {
        "mlp.gate": Part(ups[gate].path),
        "mlp.up": Part(ups[1 - gate].path),
        "mlp.pre": Part(ups[gate].path),
        "mlp.pre_linear": Part(ups[1 - gate].path),
    }


def _fused(up: Call, out: Tensor, inner: Tensor) -> dict[str, Part]:
    """Gate and up in one matrix: halves, or every other column."""
    width = inner.shape[-1]
    halves = (tuple(range(width)), tuple(range(width, 2 * width)))
    turns = (tuple(range(0, 2 * width, 2)), tuple(range(1, 2 * width, 2)))
    for one, two in (halves, turns):
        for gate, linear in ((one, two), (two, one)):
            if _gates(out[:, list(gate)], out[:, list(linear)], inner):
                return {
                    "mlp.gate": Part(up.path, columns=gate),
                    "mlp.up": Part(up.path, columns=linear),
                    "mlp.pre": Part(up.path, columns=gate),
                    "mlp.pre_linear": Part(up.path, columns=linear),
                }
    return {"mlp.up": Part(up.path)}


def _gates(gate: Tensor, linear: Tensor, inner: Tensor) -> bool:
    if not gate.shape == linear.shape == inner.shape:
        return False
    size = float(inner.norm())
    return any(
        float((act(gate) * linear - inner).norm()) <= 10 * roughness(torch.float32) * size for act in ACTIVATIONS
    )


def _feeds_activation(ups: list[Call], mine: list[Call]) -> int:
    """Index of the projection whose output an activation module is given; the first where none tells."""
    for i, up in enumerate(ups[:2]):
        if any(c is not up and not is_linear(c) and up.output and same(c.value, up.output.copy) for c in mine):
            return i
    return 0


def _experts(block: Call, mine: list[Call], writer: Call) -> dict[str, Part]:
    """A mixture of experts: the router is what can be named."""
    router = next((c for c in mine if c.path.split(".")[-1] in ("gate", "router", "classifier") and c.output), None)
    below = writer.path.removeprefix(block.path + ".").split(".")[0]
    parts = {"mlp": Part(f"{block.path}.{below}")} if any(c.path == f"{block.path}.{below}" for c in mine) else {}
    return parts | ({"mlp.router": Part(router.path)} if router else {})


def _home(paths: list[str], block: str) -> str | None:
    """The module that holds all of these and is smaller than the block."""
    if not paths:
        return None
    split = [path.split(".") for path in paths]
    shared = [names[0] for names in takewhile(lambda names: len(set(names)) == 1, zip(*split))]
    home = ".".join(shared)
    return home if len(home) > len(block) else None
