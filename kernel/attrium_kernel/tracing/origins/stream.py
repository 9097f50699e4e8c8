"""What made the residual stream: what came before, plus what each sublayer wrote."""

from __future__ import annotations

from ..architecture import Block
from .entrance import entrance
from .facts import Made, number, single
from .place import Place

SUBLAYERS = (
    ("attn_out", "resid_mid", "ln1"),
    ("cross_out", "resid_cross", "ln_cross"),
    ("mlp_out", "resid_post", "ln2"),
)
"""What writes to the stream, the point of the stream after it, and the norm that a post-norm block has there."""


def resid_pre(place: Place) -> Made:
    """The end of the block before, or the embeddings."""
    if place.layer == 0:
        return entrance(place)
    before = place.stack.blocks[place.layer - 1]
    name = f"{before.name}.{end_of(before)}"
    return added(place, "the stream as the block before left it", [name])


def end_of(block: Block) -> str:
    """What a block hands on, by its name in the block."""
    return "ln2.out" if block.form == "post-norm" and "ln2" in block.parts else "resid_post"


def stream_sum(place: Place) -> Made:
    """The stream before, plus what was written since."""
    names = addends(place.block, place.entry.quantity)
    if len(names) < 2:
        return Made("the stream", why="what this block adds to its stream was not found")
    return added(place, "the stream, and what was added to it", [place.named(name) for name in names])


def addends(block: Block, point: str) -> list[str]:
    """What a point of the stream is the sum of, by names in the block."""
    state, written = "resid_pre", []
    for writer, after, norm in SUBLAYERS:
        if writer in block.parts:
            written.append(writer)
        if after == point:
            break
        if after in block.parts:
            state = f"{norm}.out" if block.form == "post-norm" and norm in block.parts else after
            written = []
    return [state, *written]


def added(place: Place, title: str, names: list[str]) -> Made:
    """The same feature of several names, added."""
    at = dict(place.index)
    spot = tuple(at.values())
    missing = [name for name in names if not place.has(name)]
    formula = " + ".join(name.removeprefix(f"{place.block.name}.") for name in names)
    if missing:
        return Made(title, formula, why=f"{missing[0]} is not in this trace: {place.book.trace.why(missing[0])}")
    terms = tuple(single(place.label(name)(spot), place.number(name, **at), name, spot) for name in names)
    made = Made(title, formula, terms=terms)
    equals = "" if len(names) == 1 else f" = {number(made.total)}"
    return Made(title, formula, f"{{sum}}{equals}", made.total, terms)


def attention_out(place: Place) -> Made:
    """What attention adds to the stream."""
    return sublayer_out(place) or Made("what attention adds to the stream", why="what its heads write was not found")


def sublayer_out(place: Place) -> Made | None:
    """What a sublayer adds to the stream, where it is its output through a norm, or times a constant."""
    writer = place.entry.quantity.removesuffix("_out")
    post = {"attn": "ln1_post.out", "cross": "ln_cross_post.out", "mlp": "ln2_post.out"}[writer]
    name = next((n for n in (place.named(post), place.named(f"{writer}.out")) if place.has(n)), None)
    if name is None:
        return None
    factor, spot = place.block.factors.get(place.entry.quantity, 1.0), tuple(place.index.values())
    value = place.number(name, **place.index)
    before = "" if factor == 1 else f"{number(factor)} × "
    return Made(
        f"what {'the MLP' if writer == 'mlp' else 'attention'} adds to the stream",
        before + name.removeprefix(f"{place.block.name}."),
        f"{before}{number(value)}" + (f" = {number(factor * value)}" if before else ""),
        value * factor,
        (single(place.label(name)(spot), value, name, spot, None if factor == 1 else factor),),
    )
