"""Which positions of two runs belong together: those of equal tokens, in order."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

import torch
from torch import Tensor

Pairs = list[tuple[int, int]]


def align(ours: Sequence[str], theirs: Sequence[str]) -> Pairs:
    """Pairs of positions with equal strings, ascending on both sides; padding ("") has no partner."""
    if list(ours) == list(theirs):
        pairs = [(i, i) for i in range(len(ours))]
    else:
        blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
        pairs = [(a + i, b + i) for a, b, size in blocks for i in range(size)]
    return [(a, b) for a, b in pairs if ours[a]]


def partners(pairs: Pairs, count: int) -> Tensor:
    """`(count,)` int64: the partner of each of our positions, -1 where it has none."""
    found = torch.full((count,), -1)
    if pairs:
        ours, theirs = torch.tensor(pairs).T
        found[ours] = theirs
    return found
