"""What made the output of a norm, and its scale."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..norms import norm_scale
from .facts import Made, Operand, Terms, number, plus, signed, single
from .place import Place


def norm_out(place: Place) -> Made:
    """`(x - mean) / scale * weight + bias`, without mean and bias for an RMS norm."""
    part = place.entry.part
    assert part is not None
    scale_name = place.entry.name.removesuffix(".out") + ".scale"
    title = f"{type(place.book.module(part.path)).__name__} of the stream"
    source = place.book.catalog[scale_name].source if scale_name in place.book.catalog else ""
    if not source:
        return Made(title, why="what this norm is given is not captured")
    p = place.index["position"]
    x = place.read(source, position=p)
    return normed(place, title, part.path, source, x, place.number(scale_name, position=p), scale_name)


def normed(
    place: Place, title: str, path: str, source: str | None, x: Tensor, scale: float, scale_name: str | None
) -> Made:
    """One feature of a norm of a vector.

    Args:
        place: the number.
        title: of it.
        path: of the norm.
        source: name of the vector; None if it has none.
        x: `(d_model,)` the vector.
        scale: of the norm there.
        scale_name: its name, or None.
    """
    parts, d, p = place.book.norm(path), place.feature, place.index["position"]
    weight = 1.0 if parts.weight is None else float(parts.weight[d])
    bias = 0.0 if parts.bias is None else float(parts.bias[d])
    mean = float(x.mean()) if parts.centred else 0.0
    label = "the sum" if source is None else place.label(source)((p, d))
    terms = [single(label, float(x[d]), source, None if source is None else (p, d), weight / scale)]
    top, formula = number(float(x[d])), "x"
    if parts.centred:
        terms.append(single(f"mean of the {len(x)} features", mean, None, None, -weight / scale))
        top, formula = f"({top}{plus(-mean)})", "(x − mean)"
    worked = f"{top} / {number(scale)}"
    formula += " / scale"
    if parts.weight is not None:
        worked, formula = f"{worked} × {signed(weight)}", f"{formula} × weight"
    if parts.bias is not None:
        terms.append(single("bias", bias))
        worked, formula = f"{worked}{plus(bias)}", f"{formula} + bias"
    value = (float(x[d]) - mean) / scale * weight + bias
    others = [Operand("scale", scale_name, None if scale_name is None else (p,), scale)]
    if parts.weight is not None:
        others.append(Operand("weight", None, None, weight))
    return Made(title, formula, f"{worked} = {number(value)}", value, tuple(terms), tuple(others))


def norm_scale_of(place: Place) -> Made:
    """`sqrt(variance + eps)`, or the root of the mean square."""
    part, source = place.entry.part, place.entry.source
    assert part is not None
    module, p = place.book.module(part.path), place.index["position"]
    x, centred = place.read(source, position=p), place.book.norm(part.path).centred
    mean = float(x.mean()) if centred else 0.0
    eps = epsilon(module, place.book.trace.read(source, position=p).dtype)
    n, label = len(x), place.label(source)
    away = "x − mean" if centred else "x"
    terms = Terms(
        lambda i: label((p, i)),
        x,
        source,
        lambda i: (p, i),
        adds=(x - mean).square(),
        write=lambda o: f"{signed(o.value - mean)}²",
    )
    value = float(((x - mean).square().mean() + eps) ** 0.5)
    return Made(
        "standard deviation over the features" if centred else "root mean square of the features",
        f"√(sum of ({away})² / {n} + eps)",
        f"√(({{sum}}) / {n} + {number(eps)}) = {number(value)}",
        value,
        (terms,),
        ((Operand(f"mean of the {n} features", None, None, mean),) if centred else ())
        + (Operand("eps", None, None, eps),),
    )


def epsilon(module: nn.Module, dtype: torch.dtype) -> float:
    """What a norm adds before it takes the root; a norm that says None takes the precision of its input."""
    given = next((getattr(module, n) for n in ("eps", "variance_epsilon", "epsilon") if hasattr(module, n)), 0.0)
    return torch.finfo(dtype).eps if given is None else float(given)


def norm_of(place: Place, path: str, x: Tensor) -> float:
    """The scale of a norm outside the blocks, for one vector."""
    module = place.book.module(path)
    like = next(module.parameters())
    rows = x.to(like.device, like.dtype)[None, None]
    return float(norm_scale(module, rows, path)[0, 0])
