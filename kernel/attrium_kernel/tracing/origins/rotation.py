"""Queries and keys turned by their position: which two features turn together and by how much, read from the data."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .facts import Made, Operand, number, signed, single
from .place import Place, length

SEEN = 24
"""Positions that are looked at to find the pair."""
CLOSE = 1e-3
"""Relative error that a rotation may leave."""


def rotated(place: Place) -> Made:
    """A feature of a query or key after its rotation."""
    letter = place.entry.quantity[-1]
    title = f"{'query' if letter == 'q' else 'key'} turned by its position"
    formula = "a × cos θ − b × sin θ"
    before = place.beside(letter)
    if not place.has(before):
        return Made(title, why=f"{before} is not in this trace: {place.book.trace.why(before)}")
    turn = None
    for candidate in dict.fromkeys((letter, "q", "k")):  # both are turned alike, and one may have been changed
        turn = turn or _turn(place, candidate)
    if turn is None:
        return Made(title, why="it is not a rotation of two features of what the projection gave")
    pair, cos, sin = turn
    p, d = place.index["position"], place.feature
    head = next(place.index[axis] for axis in ("head", "kv_head") if axis in place.index)
    axis = "head" if letter == "q" else "kv_head"
    vector, label = place.read(before, position=p, **{axis: head}), place.label(before)
    a, spot = float(vector[d]), (p, head, d)
    if pair == d:
        return Made(f"{title}: this feature does not turn", "a", "{sum}", a, (single(label(spot), a, before, spot),))
    b, other = float(vector[pair]), (p, head, pair)
    value = cos * a - sin * b
    terms = (single(label(spot), a, before, spot, cos), single(label(other), b, before, other, -sin))
    angle = math.degrees(math.atan2(sin, cos))
    size = math.hypot(cos, sin)
    others = [Operand("angle in degrees", None, None, angle)]
    if abs(size - 1) > CLOSE:
        others.append(Operand("stretched by", None, None, size))
        title = f"{title} and stretched"
    worked = f"{number(a)} × {signed(cos)} − {signed(b)} × {signed(sin)} = {number(value)}"
    return Made(f"{title}, with feature {pair}", formula, worked, value, terms, tuple(others))


def _turn(place: Place, letter: str) -> tuple[int, float, float] | None:
    """`(feature that turns with it, cos, sin)`; the feature itself where nothing turns; None if it is no rotation."""
    names = place.beside(letter), place.beside(f"rot_{letter}")
    if not all(map(place.has, names)):
        return None
    count, p, d = length(place.book.trace, names[0], "position"), place.index["position"], place.feature
    if length(place.book.trace, names[1], "position") != count:
        return None
    some = torch.linspace(0, count - 1, min(count, SEEN)).round().long().tolist()
    some = sorted({*some, p})
    q, r = (place.read(name)[some] for name in names)
    if q.shape != r.shape:
        return None
    eps = torch.finfo(place.book.attention(place.entry).query.dtype).eps
    if float((q[..., d] - r[..., d]).abs().max()) <= 8 * eps * float(q.abs().max()):
        return d, 1.0, 0.0
    cos, sin, error = _fits(q, r, d)
    if q.shape[0] * q.shape[1] == 1:  # one pair of numbers fits any turn and stretch
        error = error + (cos.square() + sin.square() - 1)[0].square()
    error[d] = torch.inf
    pair = int(error.argmin())
    if float(error[pair]) > max(CLOSE, 2 * eps) ** 2:
        return None
    at = some.index(p)
    return pair, float(cos[at, pair]), float(sin[at, pair])


def _fits(q: Tensor, r: Tensor, d: int) -> tuple[Tensor, Tensor, Tensor]:
    """For each feature, turned with feature d: cos and sin `(position, feature)`, least squares over the heads.

    Returns:
        cos, sin, and `(feature,)` the error left, relative to what is turned.
    """
    a, ra = q[..., d : d + 1], r[..., d : d + 1]
    energy = (a.square() + q.square()).sum(1)
    cos = (a * ra + q * r).sum(1) / energy.clamp(min=1e-30)
    sin = (a * r - q * ra).sum(1) / energy.clamp(min=1e-30)
    c, s = cos[:, None], sin[:, None]
    left = (ra - c * a + s * q).square() + (r - s * a - c * q).square()
    return cos, sin, left.sum((0, 1)) / energy.sum(0).clamp(min=1e-30)
