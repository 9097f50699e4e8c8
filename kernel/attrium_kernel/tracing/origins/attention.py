"""What made queries, keys and values, scores, patterns, and what heads write."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..attention import Attention
from ..errors import TraceError
from .facts import Made, Operand, Terms, number, plus, single
from .linear import Column, scaled, vector_times_column
from .place import Place
from .stream import end_of

WORDS = {"q": "query", "k": "key", "v": "value"}


def projection(place: Place) -> Made:
    """A feature of a query, key or value: what attention reads times a column of its projection."""
    letter = place.entry.quantity
    part = place.block.parts.get(f"{place.entry.role}.{letter}")
    if part is None or not _is_norm(place, part.path):
        return _projected(place, letter)
    word = WORDS[letter]
    try:
        made = _projected(place, letter)
    except (TraceError, RuntimeError):  # a norm of another kind, behind which the projection was not found
        made = Made(f"{word} of head {place.index[_heads_axis(place)]}")
    return replace(
        made,
        title=f"{made.title} after a norm of its own",
        formula=f"norm({made.formula})" if made.formula else "",
        value=None,
        why=f"the {word} passes a norm after its projection, and what it was before that is not captured",
    )


def _projected(place: Place, letter: str) -> Made:
    head, d = place.index[_heads_axis(place)], place.feature
    upper, weights = letter.upper(), place.weights
    column = Column(
        getattr(weights, f"W_{upper}")(place.layer, place.kind)[head, :, d], place.weight(f"W_{upper}"), (head,), (d,)
    )
    bias = getattr(weights, f"b_{upper}")(place.layer, place.kind)
    if bias is not None:
        name = place.weight(f"b_{upper}")
        column = replace(column, bias=float(bias[head, d]), bias_name=name, bias_index=(head, d) if name else None)
    return vector_times_column(
        place,
        f"{WORDS[letter]} of head {head}",
        f"{{x}} · W_{upper}[{head}, :, {d}]" + ("" if bias is None else f" + b_{upper}"),
        _read_by_attention(place, letter),
        {"position": place.index["position"]},
        column,
    )


def _heads_axis(place: Place) -> str:
    return "head" if "head" in place.index else "kv_head"


def _is_norm(place: Place, path: str) -> bool:
    """The part is a norm behind the projection: all its weights are vectors."""
    weights = list(place.book.module(path).parameters())
    return bool(weights) and all(weight.dim() == 1 for weight in weights)


def _read_by_attention(place: Place, letter: str) -> list[str]:
    """Names that the projection may read, the likeliest first."""
    post = place.block.form == "post-norm"
    if place.kind == "self":
        return [place.named(n) for n in (("resid_pre",) if post else ("ln1.out", "resid_pre"))]
    if letter == "q":
        return [place.named(n) for n in (("ln1.out",) if post else ("ln_cross.out", "resid_mid"))]
    encoder = place.book.architecture.stacks[0]
    last = encoder.blocks[-1]
    return [f"{encoder.prefix}ln_final.out", f"{last.name}.{end_of(last)}"]


def scores(place: Place) -> Made:
    """Query times key, scaled."""
    attention = place.book.attention(place.entry)
    h, i, j = (place.index[axis] for axis in ("head", "query", "key"))
    kv = h // attention.groups
    q, k = (next(n for n in (place.beside(f"rot_{x}"), place.beside(x)) if place.has(n)) for x in "qk")
    label = place.label(q)
    terms = Terms(
        lambda d: label((i, h, d)),
        place.read(q, position=i, head=h),
        q,
        lambda d: (i, h, d),
        place.read(k, position=j, kv_head=kv),
        factor_name=k,
        factor_index=lambda d: (j, kv, d),
    )
    title, scale = f"query {i} times key {j}, scaled", attention.scaling
    value = float(terms.sizes.sum()) * scale
    formula, worked = scaled("(query · key)", scale), f"{scaled('({sum})', scale)} = {number(value)}"
    others: tuple[Operand, ...] = (Operand("scale", None, None, scale),)
    if attention.softcap is not None:
        cap = attention.softcap
        formula = f"{number(cap)} × tanh({formula} / {number(cap)})"
        capped = cap * float(torch.tanh(torch.tensor(value / cap, dtype=torch.float64)))
        worked += f"; {number(cap)} × tanh({number(value)} / {number(cap)}) = {number(capped)}"
        value, title = capped, f"{title} and capped"
        others += (Operand("softcap", None, None, cap),)
    if attention.bias is not None:
        bias = cell(attention.bias, place.example, h, i, j)
        formula, title = f"{formula} + bias", f"{title}, plus a bias by distance"
        worked += f"; {number(value)}{plus(bias)} = {number(value + bias)}"
        value += bias
        others += (Operand("bias", None, None, bias),)
    return Made(title, formula, worked, value, (terms,), others)


def cell(tensor: Tensor, batch: int, head: int, query: int, key: int) -> float:
    """A number of what broadcasts to `(batch, head, query, key)`."""
    while tensor.dim() < 4:
        tensor = tensor.unsqueeze(0)
    return float(tensor[tuple(i if n > 1 else 0 for i, n in zip((batch, head, query, key), tensor.shape))].detach())


def masked_scores(place: Place) -> Made:
    """The score where the query may see the key, else the lowest number."""
    name, attention = place.beside("scores"), place.book.attention(place.entry)
    if not place.has(name):
        why = "the model's scores are not those of query and key alone, and only what follows the mask was seen"
        return Made("score after the mask", why=why)
    spot = tuple(place.index.values())
    score, dtype = place.number(name, **place.index), attention.query.dtype
    lowest, mask = torch.finfo(dtype).min, mask_at(attention, place, lowest=torch.finfo(dtype).min)
    label = place.label(name)(spot)
    if mask <= lowest / 2:
        return Made(
            "hidden by the mask: the lowest number there is",
            f"lowest number of {str(dtype).removeprefix('torch.')}",
            f"the score {number(score)} gives way to {number(lowest)}",
            lowest,
            others=(Operand(label, name, spot, score),),
        )
    terms = [single(label, score, name, spot)]
    if mask:
        terms.append(single("mask", mask))
    return Made(
        "score of a key that the query may see",
        "score + mask" if mask else "score",
        f"{{sum}} = {number(score + mask)}" if mask else "{sum}",
        score + mask,
        tuple(terms),
    )


def mask_at(attention: Attention, place: Place, lowest: float) -> float:
    """What the mask adds to a score."""
    h, i, j = (place.index[axis] for axis in ("head", "query", "key"))
    if attention.mask is not None:
        found = cell(attention.mask, place.example, h, i, j)
        return (0.0 if found else lowest) if attention.mask.dtype == torch.bool else max(found, lowest)
    if attention.masked is not None:  # the mask was only seen in what it did
        return lowest if cell(attention.masked, place.example, h, i, j) <= lowest / 2 else 0.0
    return lowest if attention.causal and j > i else 0.0


def pattern(place: Place) -> Made:
    """Softmax of a row of masked scores."""
    name, attention = place.beside("masked_scores"), place.book.attention(place.entry)
    h, i, j = (place.index[axis] for axis in ("head", "query", "key"))
    row, label = place.read(name, head=h, query=i), place.label(name)
    seen = row > torch.finfo(attention.query.dtype).min / 2
    seen = seen if bool(seen.any()) else ~seen  # a row that may see nothing looks everywhere
    keys = seen.nonzero()[:, 0].tolist()
    sink = None if attention.sinks is None else float(attention.sinks[h].detach())
    top = max([float(row.max())] + ([] if sink is None else [sink]))
    grown = (row - top).exp()
    own = float(grown[j]) if bool(seen[j]) else 0.0
    terms = [
        Terms(
            lambda n: label((h, i, keys[n])),
            row[seen],
            name,
            lambda n: (h, i, keys[n]),
            adds=grown[seen],
            write=lambda o: f"exp({number(o.value - top)})",
            first=keys.index(j) if j in keys else None,
        )
    ]
    if sink is not None:
        size = torch.tensor([sink - top], dtype=torch.float64).exp()
        values = torch.tensor([sink], dtype=torch.float64)
        terms.append(Terms(lambda n: "sink", values, adds=size, write=lambda o: f"exp({number(o.value - top)})"))
    value = own / sum(float(t.sizes.sum()) for t in terms)
    others = () if j in keys else (Operand(label((h, i, j)), name, (h, i, j), float(row[j])),)
    above = f"exp({number(float(row[j]) - top)})" if j in keys else "0"
    return Made(
        f"softmax: the share of key {j} in what query {i} attends to" if j in keys else "a hidden key gets nothing",
        "exp(score − largest) / sum over the keys of exp(score − largest)",
        f"{above} / ({{sum}}) = {number(value)}",
        value,
        tuple(terms),
        others,
    )


def mixed(place: Place) -> Made:
    """Values mixed by the pattern."""
    i, h, d = place.index["position"], place.index["head"], place.feature
    kv = h // place.book.attention(place.entry).groups
    p, v = place.beside("pattern"), place.beside("v")
    label = place.label(p)
    terms = Terms(
        lambda j: label((h, i, j)),
        place.read(p, head=h, query=i),
        p,
        lambda j: (h, i, j),
        place.read(v, kv_head=kv, d_head=d),
        factor_name=v,
        factor_index=lambda j: (j, kv, d),
    )
    total = float(terms.sizes.sum())
    return Made(
        f"values of head {h}, mixed by its pattern",
        "sum over the keys of pattern × value",
        f"{{sum}} = {number(total)}",
        total,
        (terms,),
    )


def result(place: Place) -> Made:
    """What one head writes: its mix times its slice of the output projection."""
    i, h, d = place.index["position"], place.index["head"], place.feature
    column = Column(place.weights.W_O(place.layer, place.kind)[h, :, d], place.weight("W_O"), (h,), (d,))
    formula = f"z · W_O[{h}, :, {d}]"
    at = {"position": i, "head": h}
    return vector_times_column(place, f"what head {h} writes", formula, [place.beside("z")], at, column)


def heads_out(place: Place) -> Made:
    """All heads' results, added, plus the bias of the projection."""
    i, d, name = place.index["position"], place.feature, place.beside("result")
    if not place.has(name):
        return Made("heads, added", why=f"{name} is not in this trace: {place.book.trace.why(name)}")
    label, bias = place.label(name), place.weights.b_O(place.layer, place.kind)
    terms = [
        Terms(lambda h: label((i, h, d)), place.read(name, position=i, d_model=d), name, lambda h: (i, h, d)),
    ]
    if bias is not None:
        stands = place.weight("b_O")
        terms.append(single("bias", float(bias[d]), stands, (d,) if stands else None))
    made = Made("what the heads write, added", terms=tuple(terms))
    formula = "sum over the heads of result" + ("" if bias is None else " + b_O")
    return replace(made, formula=formula, worked=f"{{sum}} = {number(made.total)}", value=made.total)
