"""What made a logit."""

from __future__ import annotations

import math

from ..analysis.readout import Readout, last_of_stream
from ..errors import SiteError
from .facts import Made, Operand, number, single
from .linear import Column, vector_times_column
from .place import Place


def unembedded(place: Place) -> Made:
    """The last vector times the token's column of the unembedding."""
    t = place.feature
    title = f"final vector times the column of {'class' if 'class' in place.index else 'token'} {t}"
    architecture = place.book.architecture
    final, last = f"{architecture.main.prefix}ln_final.out", last_of_stream(architecture)
    try:
        readout: Readout | None = place.book.readout()
    except SiteError as error:
        if not place.book.trace.intervened:
            return Made(title, why=str(error))
        readout = None  # changed somewhere: the plain product is shown, and by how much it is missed
    if readout is None and "position" not in place.index:
        return Made(title, why="the logits were changed, and have no positions of their own")
    first, factor = (0, 1.0) if readout is None else (readout.first, readout.factor)
    p = first if "position" not in place.index else place.index["position"] + first
    weights = place.book.weights(architecture.main)
    bias = weights.b_U
    column = Column(
        weights.W_U[:, t], "weights/W_U", (), (t,), None if bias is None else float(bias[t]),
        None if bias is None else "weights/b_U", None if bias is None else (t,),
    )  # fmt: skip
    before = "" if factor == 1 else f"{number(factor)} × "
    formula = f"{before}{{x}} · W_U[:, {t}]" + ("" if bias is None else f" + b_U[{t}]")
    sources = [final] if architecture.main.ln_final is not None else [last]
    return vector_times_column(place, title, formula, sources, {"position": p}, column, factor)


def logit(place: Place) -> Made:
    """What the model makes of the output of its unembedding: usually nothing."""
    t, spot = place.feature, tuple(place.index.values())
    title = f"logit of {'class' if 'class' in place.index else 'token'} {t}"
    if not place.has("unembed"):
        return Made(title, why=f"unembed is not in this trace: {place.book.trace.why('unembed')}")
    if place.book.trace.axes("unembed") != place.book.trace.axes("logits"):
        return Made(title, why="the model picks its logits from the output of its unembedding")
    value = place.number("unembed", **place.index)
    try:
        readout: Readout | None = place.book.readout()
    except SiteError as error:
        if not (place.book.trace.intervened or place.agrees(value, place.number("logits", **place.index))):
            return Made(title, why=str(error))
        readout = None
    if readout is None or readout.plain:
        return Made(title, "unembed", "{sum}", value, (single(f"unembed{list(spot)}", value, "unembed", spot),))
    return _with_tail(readout, title, value, spot, t)


def _with_tail(readout: Readout, title: str, value: float, spot: tuple[int, ...], token: int) -> Made:
    scale, cap = readout.scale, readout.cap
    others: tuple[Operand, ...] = ()
    terms = [single(f"unembed{list(spot)}", value, "unembed", spot, None if scale == 1 else scale)]
    formula = "unembed" if scale == 1 else f"{number(scale)} × unembed"
    out = value * scale
    worked = number(value) if scale == 1 else f"{number(scale)} × {number(value)} = {number(out)}"
    if cap is not None:
        formula = f"{number(cap)} × tanh({formula} / {number(cap)})"
        worked = f"{number(cap)} × tanh({number(out)} / {number(cap)})"
        out = cap * math.tanh(out / cap)
        worked += f" = {number(out)}"
        others = (Operand("softcap", None, None, cap),)
    if readout.shift is not None:
        shift = float(readout.shift[token])
        formula, out = f"{formula} + shift", out + shift
        terms.append(single("shift of the token", shift))
        worked = f"{{sum}} = {number(out)}"
    return Made(title, formula, worked, out, tuple(terms), others)
