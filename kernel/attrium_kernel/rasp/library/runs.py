"""Programs about runs: stretches of equal values."""

from __future__ import annotations

from ..expressions import SOp, aggregate, full, indices, select, tokens
from .positions import so_far
from .shifting import shift_by


def run_length(x: SOp = tokens) -> SOp:
    """How long the run is that this position is in, so far: `"aabbb"` gives 1, 2, 1, 2, 3."""
    starts = (x != shift_by(1, x, "")).named("starts")
    start = aggregate(select(starts, True, "==") & so_far, indices, 0, reduce="max").named("start")
    return (indices - start + 1).named("run_length")


def longest_run(x: SOp = tokens) -> SOp:
    """Length of the longest run, everywhere: `"aabbba"` gives 3. With a causal mask, the longest so far."""
    return aggregate(full, run_length(x), reduce="max").named("longest_run")
