"""What made the hidden units of an MLP, and its output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F  # torch's own habit
from torch import Tensor

from .facts import Made, Operand, number, signed
from .linear import Column, scaled, vector_times_column
from .place import Place
from .stream import sublayer_out

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "GELU": F.gelu,
    "GELU (tanh)": lambda x: F.gelu(x, approximate="tanh"),
    "SiLU": F.silu,
    "ReLU": F.relu,
    "ReLU²": lambda x: F.relu(x).square(),
    "quick GELU": lambda x: x * torch.sigmoid(1.702 * x),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "identity": lambda x: x,
}
SEEN = 16
"""Positions that are looked at to find the activation."""


def hidden_before(place: Place) -> Made:
    """A hidden unit before the activation, or the factor of a gated MLP that has none."""
    gate = place.entry.quantity == "mlp.pre" and "mlp.gate" in place.block.parts
    role, n = ("gate" if gate else "in"), place.feature
    weights = place.weights
    matrix = weights.W_gate(place.layer) if gate else weights.W_in(place.layer)
    bias = weights.b_gate(place.layer) if gate else weights.b_in(place.layer)
    column = Column(matrix[:, n], place.weight(f"W_{role}", cross=True), (), (n,))
    if bias is not None:
        name = place.weight(f"b_{role}", cross=True)
        column = replace(column, bias=float(bias[n]), bias_name=name, bias_index=(n,) if name else None)
    what = "gate of" if gate else "what is gated in" if "mlp.gate" in place.block.parts else "input of"
    title = f"{what} hidden unit {n}"
    formula = f"{{x}} · W_{role}[:, {n}]" + ("" if bias is None else f" + b_{role}[{n}]")
    return vector_times_column(
        place, title, formula, _read_by_mlp(place), {"position": place.index["position"]}, column
    )


def _read_by_mlp(place: Place) -> list[str]:
    """Names that the MLP may read, the likeliest first."""
    roles = ["ln_cross.out", "ln1.out"] if place.block.form == "post-norm" else ["ln2.out"]
    if place.block.form == "parallel":
        roles.append("ln1.out")
    return [place.named(role) for role in (*roles, "resid_cross", "resid_mid", "resid_pre")]


def hidden_after(place: Place) -> Made:
    """A hidden unit: the activation of its input, times the linear factor of a gated MLP."""
    n, at = place.feature, dict(place.index)
    pre, linear = place.named("mlp.pre"), place.named("mlp.pre_linear")
    title = f"hidden unit {n}"
    if not place.has(pre):
        return Made(title, why=f"{pre} is not in this trace: {place.book.trace.why(pre)}")
    spot, x, gated = tuple(at.values()), place.number(pre, **at), place.has(linear)
    factor = place.number(linear, **at) if gated else 1.0
    others: tuple[Operand, ...] = (Operand(place.label(pre)(spot), pre, spot, x),)
    if gated:
        others += (Operand(place.label(linear)(spot), linear, spot, factor),)
    name = activation_of(place)
    if name is None:
        why = "its activation is none of " + ", ".join(ACTIVATIONS)
        return Made(title, "activation(pre)" + (" × pre_linear" if gated else ""), others=others, why=why)
    acted = float(ACTIVATIONS[name](torch.tensor(x, dtype=torch.float64)))
    worked = f"{name}({number(x)})" + (f" × {signed(factor)}" if gated else "")
    return Made(
        f"{title}: {name} of its {'gate, times its linear factor' if gated else 'input'}",
        f"{name}(pre)" + (" × pre_linear" if gated else ""),
        f"{worked} = {number(acted * factor)}",
        acted * factor,
        others=others,
    )


def activation_of(place: Place) -> str | None:
    """The activation that gives most of what was captured, in this block or else in another (one may be changed)."""
    blocks = [place.block, *(b for b in place.stack.blocks if b is not place.block)]
    for block in blocks:
        pre, linear, post = (f"{block.name}.mlp.{q}" for q in ("pre", "pre_linear", "post"))
        if not (place.has(pre) and place.has(post)):
            continue
        x, y = place.read(pre)[-SEEN:], place.read(post)[-SEEN:]
        times = place.read(linear)[-SEEN:] if place.has(linear) else torch.ones_like(x)
        shares = {name: _share(act(x) * times, y, place) for name, act in ACTIVATIONS.items()}
        best = max(shares, key=lambda name: shares[name])
        if shares[best] > 0.5:
            return best
    return None


def _share(found: Tensor, seen: Tensor, place: Place) -> float:
    """Share of the numbers that agree up to rounding."""
    slack = place.book.tolerance(place.entry.name) / 10
    return float(((found - seen).abs() <= slack * (seen.abs() + 0.01 * seen.square().mean().sqrt())).double().mean())


def mlp_out(place: Place) -> Made:
    """What the MLP adds to the stream."""
    return sublayer_out(place) or down(place)


def down(place: Place) -> Made:
    """Hidden units times a column of the output projection, plus its bias."""
    d, post = place.feature, place.named("mlp.post")
    title = "what the MLP's hidden units write"
    if "mlp.down" not in place.block.parts:
        return Made(title, why=f"{post} is not in this trace: {place.book.trace.why(post)}")
    factor = place.block.factors.get(place.entry.quantity, 1.0)
    bias = place.weights.b_out(place.layer)
    column = Column(place.weights.W_out(place.layer)[:, d], place.weight("W_out", cross=True), (), (d,))
    if bias is not None:
        name = place.weight("b_out", cross=True) if factor == 1 else None
        column = replace(column, bias=float(bias[d]) * factor, bias_name=name, bias_index=(d,) if name else None)
    formula = scaled(f"(mlp.post · W_out[:, {d}])" if factor != 1 else f"mlp.post · W_out[:, {d}]", factor)
    formula += "" if bias is None else " + b_out"
    at = {"position": place.index["position"]}
    return vector_times_column(place, title, formula, [post], at, column, factor)


def router(place: Place) -> Made:
    """The score of an expert, where the router gives the output of one matrix."""
    part, e = place.entry.part, place.feature
    assert part is not None
    module = place.book.module(part.path)
    matrix, bias = getattr(module, "weight", None), getattr(module, "bias", None)
    title = f"score of expert {e}"
    if not isinstance(matrix, Tensor) or matrix.dim() != 2 or e >= len(matrix):
        return Made(title, why="the router is more than one matrix")
    column = Column(matrix[e], None, bias=None if bias is None else float(bias[e].detach()))
    at = {"position": place.index["position"]}
    made = vector_times_column(place, title, f"{{x}} · W_router[:, {e}]", _read_by_mlp(place), at, column)
    seen = place.number(place.entry.name, **place.index)
    if made.value is not None and not place.agrees(made.value, seen, made.size) and not place.book.trace.intervened:
        return Made(title, why="the router does more than one matrix does")
    return made
