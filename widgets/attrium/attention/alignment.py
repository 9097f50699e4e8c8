"""Which positions of two runs belong together: those of equal tokens, and of tokens that take each other's place."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

import torch
from torch import Tensor

Pairs = list[tuple[int, int]]


def align(ours: Sequence[str], theirs: Sequence[str]) -> Pairs:
    """Pairs of positions, ascending on both sides.

    Texts of as many tokens are taken position by position, as prompts that differ in a word are made. In others equal
    strings belong together, and between them as many tokens that differ; padding ("") has no partner.
    """
    if len(ours) == len(theirs):
        pairs = [(i, i) for i in range(len(ours))]
    else:
        steps = SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
        pairs = [(a + i, b + i) for _, a, stop, b, end in steps if stop - a == end - b for i in range(stop - a)]
    return [(a, b) for a, b in pairs if ours[a] and theirs[b]]


def partners(pairs: Pairs, count: int) -> Tensor:
    """`(count,)` int64: the partner of each of our positions, -1 where it has none."""
    found = torch.full((count,), -1)
    if pairs:
        ours, theirs = torch.tensor(pairs).T
        found[ours] = theirs
    return found
