"""Scores by which heads are sorted: what kind of head is this, on this very text?"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from attrium_kernel.arrays import make_frame
from attrium_kernel.tracing.analysis import head_scores

from ..channel import Answer
from .comparison import Comparison
from .kinds import Kind
from .measures import ROW_CELLS, rows_in_pieces
from .runs import Run

LONGEST = 512
"""Queries that scores look at; of a longer text that only looks back, the first, whose rows are whole."""
MARKS: dict[str, tuple[str, str, bool]] = {
    "previous_token": ("Previous token", "Mean attention to the token before.", True),
    "current_token": ("Same token", "Mean attention to the token itself.", True),
    "first_token": ("First token", "Mean attention to the first token, where heads rest.", True),
    "duplicate_token": ("Earlier copies", "Mean attention to earlier copies of the same token, where there are.", True),
    "induction": ("Induction", "Mean attention to the token after the last copy of this one; the text repeats.", True),
    "entropy": ("Spread", "Mean entropy of the pattern, in nats: 0 for one key, log(n) for n keys alike.", False),
    "mean_distance": ("Distance", "Mean distance between query and key, weighted by attention, in positions.", True),
}
"""Title, explanation, and whether the highest come first."""
OF_PICTURES = ("first_token", "entropy")
"""Positions of patches are no order of tokens."""
LEAST_PERIOD = 4


def head_marks(comparison: Comparison, shown: int, name: str) -> Answer:
    """Facts `{scores: [{name, title, doc, high_first}], layers, heads, queries}` and a frame `score:<name>`
    `(layer, head)` float32 for each; NaN for a head that a layer does not have.

    Scores that have no meaning here are left out: copies where no token repeats, induction where the text is no
    sequence that repeats, distances between patches, all but the spread for cross-attention and for texts that are too
    long and look both ways. `queries` is how many queries were looked at.
    """
    run, kind = comparison.runs[shown], comparison.kind(shown, name)
    count = min(kind.queries, LONGEST)
    tables = _of_square(run, kind, count) if kind.is_square else None
    if tables is None:
        count = kind.queries
        tables = {"entropy": _spread(run, kind)}
    tables = {mark: table for mark, table in tables.items() if not bool(table.isnan().all())}
    part = "" if count == kind.queries else f" Only the first {count} queries were looked at."
    facts = {
        "scores": [
            {"name": mark, "title": MARKS[mark][0], "doc": MARKS[mark][1] + part, "high_first": MARKS[mark][2]}
            for mark in MARKS
            if mark in tables
        ],
        "layers": len(kind.layers),
        "heads": max(kind.heads),
        "queries": count,
    }
    return Answer(facts, {f"score:{mark}": make_frame(tables[mark], mark) for mark in MARKS if mark in tables})


def _of_square(run: Run, kind: Kind, count: int) -> dict[str, Tensor] | None:
    """`(layer, head)` by name; None if rows of the first `count` queries reach beyond them."""
    ids, real = _ids(run, kind)
    period = _period(ids, real)
    names = [mark for mark in MARKS if mark != "induction" or period is not None]
    if run.patches is not None:
        names = [mark for mark in names if mark in OF_PICTURES]
    elif not run.named:
        names = [mark for mark in names if mark != "duplicate_token"]
    rows: dict[str, list[Tensor]] = {mark: [] for mark in names}
    for layer, heads in zip(kind.layers, kind.heads):
        pattern = run.read(kind, layer, "pattern", slice(0, heads), torch.arange(count)).float().cpu()
        if bool(pattern[..., count:].any()):
            return None
        found = head_scores(
            pattern[None, None, ..., :count], names, period=period, ids=ids[None, :count], mask=real[None, :count]
        )
        for mark in names:
            rows[mark].append(found[mark][0])
    return {mark: _table(parts) for mark, parts in rows.items()}


def _spread(run: Run, kind: Kind) -> Tensor:
    """`(layer, head)`: the mean entropy of all rows, some at a time."""
    rows = []
    for layer, heads in zip(kind.layers, kind.heads):
        total = torch.zeros(heads)
        for queries in rows_in_pieces(kind.queries, max(1, ROW_CELLS // (heads * kind.keys))):
            pattern = run.read(kind, layer, "pattern", slice(0, heads), queries).float().cpu()
            total += torch.special.entr(pattern).sum((-1, -2))
        rows.append(total / kind.queries)
    return _table(rows)


def _table(rows: list[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=torch.nan)


def _ids(run: Run, kind: Kind) -> tuple[Tensor, Tensor]:
    """Numbers that are equal where tokens are, `(key,)`, and which are no padding."""
    strings = run.keys[kind.name]
    numbers: dict[Any, int] = {}
    ids = torch.tensor([numbers.setdefault(string, len(numbers)) for string in strings])
    known = run.real.get(kind.name)
    return ids, torch.ones(len(ids), dtype=torch.bool) if known is None else torch.tensor(known)


def _period(ids: Tensor, real: Tensor) -> int | None:
    """The length after which the text repeats, if nearly all of it does."""
    if not bool(real.all()):
        return None
    for period in range(LEAST_PERIOD, len(ids) // 2 + 1):
        same = ids[period:] == ids[:-period]
        if int(same.sum()) >= max(period - 1, 0.9 * (len(same) - 1)):  # a first token may stand before the copies
            return period
    return None
