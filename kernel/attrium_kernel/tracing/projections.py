"""Which module outputs become query, key and value, and which module mixes the heads: found by the values."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .architecture import Part
from .attention import Attention
from .probe import Call, Event, roughness


def find_projections(attention: Attention, event: Event, inside: list[Call], role: str) -> tuple[dict[str, Part], bool]:
    """Parts `{role}.q`, `.k`, `.v`, `.o`, `.out`, and whether query or key are turned after their projection."""
    before = [c for c in inside if c.ended < event.time and c.output is not None]
    parts: dict[str, Part] = {}
    rotary = False
    for letter, tensor in (("q", attention.query), ("k", attention.key), ("v", attention.value)):
        wanted = tensor.detach().cpu()
        latest = sorted(before, key=lambda c: -c.ended)
        # Exact values first: with one feature in all, every projection is a multiple of every other.
        for call, scaled in [(call, scaled) for scaled in (False, True) for call in latest]:
            part = _source(call, wanted, scaled)
            if part is not None:
                parts[f"{role}.{letter}"] = part
                rotary |= letter != "v" and not _all_equal(call, part, wanted)
                break
    return parts | _output(event, inside, role), rotary


def _source(call: Call, wanted: Tensor, scaled: bool) -> Part | None:
    """Where in a call's output the values are that attention got; at position 0, where rotary turns nothing.

    `scaled` takes one factor on all of them too: a scaling before the dot product.
    """
    assert call.output is not None
    out = call.output.copy
    batch, heads, n, _ = wanted.shape
    if out.numel() % max(batch * n, 1):
        return None
    if out.shape == wanted.shape and heads != n and _near(out[0, :, 0], wanted[0, :, 0]):
        return Part(call.path, heads_first=True)
    rows = out.reshape(batch * n, -1)[0] if out.shape[:2] != (n, batch) or batch == n else out[0, 0].reshape(-1)
    columns = _columns(rows, wanted[0, :, 0], scaled)
    if columns is None:
        return None
    return Part(call.path, columns=None if columns == tuple(range(rows.numel())) else columns)


def _columns(row: Tensor, wanted: Tensor, scaled: bool) -> tuple[int, ...] | None:
    """Indices into `row` that give `wanted (heads, d)`, flattened, or None."""
    heads, d = wanted.shape
    size, flat = heads * d, wanted.reshape(-1)
    if row.numel() == size:
        return tuple(range(size)) if _near(row, flat) or (scaled and _near_multiple(row, flat)) else None
    if row.numel() < size or not bool(flat.any()):
        return None
    for start in range(0, row.numel() - size + 1, d):  # [q | k | v]
        if _near(row[start : start + size], flat):
            return tuple(range(start, start + size))
    for chunks in range(heads, 0, -1):  # per head or group of heads: [q k v][q k v]...
        if row.numel() % chunks or size % chunks:
            continue
        grid, part = row.reshape(chunks, -1), flat.reshape(chunks, -1)
        for start in range(0, grid.shape[1] - part.shape[1] + 1, d):
            if _near(grid[:, start : start + part.shape[1]], part):
                index = torch.arange(row.numel()).reshape(chunks, -1)[:, start : start + part.shape[1]]
                return tuple(index.reshape(-1).tolist())
    return None


def _near(a: Tensor, b: Tensor) -> bool:
    a, b = a.double(), b.double()
    size = float(b.norm())
    return size > 0 and float((a - b).norm()) <= 0.1 * roughness(a.dtype if a.is_floating_point() else b.dtype) * size


def _near_multiple(a: Tensor, b: Tensor) -> bool:
    """Equal up to one factor: a scaling before the dot product."""
    a, b = a.double(), b.double()
    if not bool(a.any()):
        return False
    factor = float(a @ b / (a @ a))
    return factor > 0 and float((factor * a - b).norm()) <= 1e-5 * float(b.norm())


def _all_equal(call: Call, part: Part, wanted: Tensor) -> bool:
    """Whether the projection reaches the dot product unchanged at every position."""
    assert call.output is not None
    out = call.output.copy
    batch, heads, n, d = wanted.shape
    if part.heads_first:
        return torch.equal(out, wanted)
    ours = out if out.shape[:2] == (batch, n) or out.shape[0] == batch * n else out.transpose(0, 1)
    ours = ours.reshape(batch, n, -1)
    if part.columns is not None:
        ours = ours[..., list(part.columns)]
    return torch.equal(ours.reshape(batch, n, heads, d).transpose(1, 2), wanted)


def _output(event: Event, inside: list[Call], role: str) -> dict[str, Part]:
    """The projection that mixes the heads: the first linear map after the attention that reads all heads."""
    heads, d = event.attention.query.shape[1], event.attention.value.shape[-1]
    home = next((c for c in inside if c.path == event.path), None)
    if home is not None and isinstance(home.module, nn.MultiheadAttention):
        width = home.module.embed_dim
        packed = {
            f"{role}.{letter}": Part(home.path, columns=tuple(range(i * width, (i + 1) * width)))
            for i, letter in enumerate("qkv")
        }
        return packed | {f"{role}.o": Part(f"{home.path}.out_proj"), f"{role}.out": Part(home.path)}
    after = sorted((c for c in inside if c.started > event.time), key=lambda c: c.started)
    linear = next((c for c in after if is_linear(c) and c.value and c.value.copy.shape[-1] == heads * d), None)
    if linear is None:
        return {}
    call = outermost(linear, inside)
    out = {f"{role}.out": Part(call.path)}
    if linear.value is None or not _near(linear.value.copy.reshape(-1), event.mixed.detach().cpu().reshape(-1)):
        return out  # a gate or a norm stands between: heads do not write separately
    return {f"{role}.o": Part(call.path)} | out


def outermost(linear: Call, inside: list[Call]) -> Call:
    """A linear map with what is wrapped around it (an adapter): given the same tensor, with a result of its own."""
    found = linear
    for call in sorted(inside, key=lambda c: -len(c.path)):
        wraps = found.under(call.path) and call is not found
        if not wraps or call.others or call.value is None or call.output is None or found.output is None:
            continue
        same = found.value is not None and call.value.tensor is found.value.tensor
        if not same or call.output.copy.shape != found.output.copy.shape:
            break
        within = [c for c in inside if c is not call and c.under(call.path) and c.output is not None]
        if any(c is not found and c.output and _equal(c.output.copy, call.output.copy) for c in within):
            break
        found = call
    return found


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.equal(a, b)


def is_linear(call: Call) -> bool:
    """A linear map: a matrix of weights, floats in, floats out."""
    weight = getattr(call.module, "weight", None)
    return (
        isinstance(weight, Tensor)
        and weight.dim() == 2
        and not isinstance(call.module, nn.Embedding)
        and call.value is not None
        and call.output is not None
    )
