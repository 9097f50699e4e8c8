"""What the first block is given: rows of tables, added, and for some models scaled or normed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ..errors import TraceError
from .facts import Made, Terms, number, single
from .norms import norm_of, normed
from .place import Place

FEW = 16
"""Rows that a table of segments may have (BERT's token types)."""


def embedding(place: Place) -> Made:
    """A row of the token table, times a constant for some models."""
    p, tokens = place.index["position"], place.book.trace.tokens
    ids = None if tokens is None else tokens.ids
    own = ids is not None and place.stack is place.book.architecture.stacks[0] and p < ids.shape[1]
    guess = int(ids[place.example, p]) if ids is not None and own else None
    return _row(place, "row of the token table", "W_E", place.weights.W_E, guess)


def position_embedding(place: Place) -> Made:
    """A row of the table of positions."""
    return _row(place, "row of the table of positions", "W_pos", place.weights.W_pos, place.index["position"])


def _row(place: Place, title: str, role: str, table: Tensor, guess: int | None) -> Made:
    p, d = place.index["position"], place.feature
    seen = place.read(place.entry.name, position=p)
    if table.shape[1] != len(seen):
        return Made(title, why=f"the table has rows of {table.shape[1]}, which the model projects to {len(seen)}")
    found = _found(table, seen, guess)
    if found is None and guess is None:
        return Made(title, why="no row of the table is this vector, so which one it was made from is not known")
    row, factor = (guess or 0, 1.0) if found is None else found
    named = place.stack is place.book.architecture.main
    value = float(table[row, d])
    term = single(
        f"{role}[{row}, {d}]", value, f"weights/{role}" if named else None, (row, d) if named else None,
        None if factor == 1 else factor,
    )  # fmt: skip
    before = "" if factor == 1 else f"{number(factor)} × "
    return Made(
        title,
        f"{before}{role}[{row}, {d}]",
        f"{before}{number(value)}" + ("" if factor == 1 else f" = {number(value * factor)}"),
        value * factor,
        (term,),
    )


def _found(table: Tensor, seen: Tensor, guess: int | None) -> tuple[int, float] | None:
    """The row that a vector was made from, and the constant it was multiplied by."""
    if guess is not None and 0 <= guess < len(table):
        factor = _multiple(table[guess], seen)
        if factor is not None:
            return guess, factor
    alike = nn.functional.cosine_similarity(table.float(), seen.to(table.device, torch.float32)[None])
    best = int(alike.argmax())
    factor = _multiple(table[best], seen)
    return None if factor is None else (best, factor)


def _multiple(row: Tensor, seen: Tensor) -> float | None:
    """By what constant a row gives a vector, or None."""
    row, slack = row.double().cpu(), 8 * torch.finfo(row.dtype).eps
    size = float(row.square().sum())
    factor = float(row @ seen) / size if size else 1.0
    factor = 1.0 if abs(factor - 1) < 1e-6 else factor
    return factor if float((row * factor - seen).abs().max()) <= slack * float(seen.abs().max()) else None


@dataclass(frozen=True)
class Entrance:
    """How the vectors of a place become what the first block is given.

    Args:
        factor: of the token embedding.
        extra: label and `(d_model,)` of a further row that is added, or None.
        norm: path of a norm of the sum, or None.
    """

    factor: float = 1.0
    extra: tuple[str, Tensor] | None = None
    norm: str | None = None


def entrance(place: Place) -> Made:
    """The stream before the first block."""
    p, d, prefix = place.index["position"], place.feature, place.stack.prefix
    names = [name for name in (f"{prefix}embed", f"{prefix}pos_embed") if place.has(name)]
    title = "token embedding" + (" plus position" if len(names) > 1 else "")
    if f"{prefix}embed" not in names:
        return Made(title, why="the embedding is not in this trace")
    vectors = [place.read(name, position=p) for name in names]
    seen = place.read(place.entry.name, position=p)
    how = next((e for e in _readings(place, vectors, seen) if _explains(place, e, vectors, seen)), None)
    if how is None and not place.book.trace.intervened:
        listed = tuple(single(place.label(n)((p, d)), float(v[d]), n, (p, d)) for n, v in zip(names, vectors))
        return Made(title, terms=listed, why="the model does more to them before its first block than is captured")
    how = how or Entrance()
    terms: list[Terms] = []
    for n, (name, vector) in enumerate(zip(names, vectors)):
        factor = how.factor if n == 0 and how.factor != 1 else None
        terms.append(single(place.label(name)((p, d)), float(vector[d]), name, (p, d), factor))
    if how.extra is not None:
        terms.append(single(how.extra[0], float(how.extra[1][d])))
    formula = " + ".join(
        [("" if how.factor == 1 else f"{number(how.factor)} × ") + "embed"]
        + (["pos_embed"] if len(names) > 1 else [])
        + ([] if how.extra is None else [how.extra[0]])
    )
    made = Made(title, formula, terms=tuple(terms))
    if how.norm is None:
        return replace(made, worked=f"{{sum}} = {number(made.total)}", value=made.total)
    return _through(place, how, made, vectors)


def _through(place: Place, how: Entrance, made: Made, vectors: list[Tensor]) -> Made:
    """The sum through a norm: its terms are those of the sum, times what the norm makes of them."""
    assert how.norm is not None
    x = _sum(how, vectors)
    after = normed(place, "", how.norm, None, x, norm_of(place, how.norm, x), None)
    slope = after.terms[0].factors
    assert slope is not None
    terms = tuple(
        replace(t, factors=(t.factors if t.factors is not None else torch.ones_like(t.values)) * slope)
        for t in made.terms
    )
    kind = type(place.book.module(how.norm)).__name__
    return Made(
        f"{kind} of {made.title}",
        after.formula.replace("x", f"({made.formula})" if "(" not in after.formula else made.formula, 1),
        after.worked,
        after.value,
        terms + after.terms[1:],
        after.others,
    )


def _sum(how: Entrance, vectors: list[Tensor]) -> Tensor:
    total = vectors[0] * how.factor
    for vector in vectors[1:]:
        total = total + vector
    return total if how.extra is None else total + how.extra[1]


def _readings(place: Place, vectors: list[Tensor], seen: Tensor) -> Iterator[Entrance]:
    """The likeliest first."""
    yield Entrance()
    rest = seen if len(vectors) == 1 else seen - vectors[1]
    size = float(vectors[0].square().sum())
    if size:
        yield Entrance(factor=float(vectors[0] @ rest) / size)
    rows = [None, *_segments(place)]
    for extra in rows[1:]:
        yield Entrance(extra=extra)
    for norm in _norms(place):
        for extra in rows:
            yield Entrance(extra=extra, norm=norm)


def _explains(place: Place, how: Entrance, vectors: list[Tensor], seen: Tensor) -> bool:
    """Whether this gives the whole vector."""
    found = _sum(how, vectors)
    if how.norm is not None:
        parts = place.book.norm(how.norm)
        found = parts.linear(found.float().to(_device(parts.weight))).double().cpu() / norm_of(place, how.norm, found)
        found = found if parts.bias is None else found + parts.bias.double().cpu()
    return float((found - seen).abs().max()) <= place.book.tolerance(place.entry.name) * float(seen.abs().max())


def _device(tensor: Tensor | None) -> torch.device:
    return torch.device("cpu") if tensor is None else tensor.device


def _segments(place: Place) -> list[tuple[str, Tensor]]:
    """Rows of small tables beside that of the tokens."""
    embed = place.stack.embed
    home = "" if embed is None else embed.path.rpartition(".")[0]
    found = []
    for name, module in place.book.module(home).named_children():
        if isinstance(module, nn.Embedding) and len(module.weight) <= FEW:
            rows = module.weight.detach().double().cpu()
            found += [(f"{name}[{i}]", row) for i, row in enumerate(rows)]
    return [(label, row) for label, row in found if len(row) == place.book.architecture.d_model]


def _norms(place: Place) -> Iterator[str]:
    """Modules outside the blocks that may be a norm of the stream."""
    architecture = place.book.architecture
    last = {stack.ln_final.path for stack in architecture.stacks if stack.ln_final is not None}
    for path, module in place.book.module("").named_modules():
        own = list(module.parameters())
        inside = any(path.startswith(f"{stack.path}.") for stack in architecture.stacks)
        if own and not inside and path not in last and all(p.shape == (architecture.d_model,) for p in own):
            try:
                place.book.norm(path)
            except TraceError:
                continue
            yield path
