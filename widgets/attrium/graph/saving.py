"""What a saved page takes along of a RaspGraph, the most looked at first."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .scores import METHODS
from .side import Side

MOST_ASKED = 4000
"""Places whose dependencies are worked out for a page."""
MOST_SCORED = 100
"""Attributions that are worked out for a page, those of the pinned position, or the last one, first."""


def questions(
    sides: Sequence[Side],
    side: int,
    count: int,
    position: int,
    trained: Sequence[dict[str, Any]] = (),
    methods: Iterable[str] = METHODS,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Graph, values and stream of all sides, the one on show first; what was trained; weights of each node; then what
    made each value; then attributions.

    Args:
        sides: the programs.
        side: the one on show.
        count: how many tokens the input has.
        position: the pinned one, or -1.
        trained: the trait.
        methods: names of the attribution methods.
    """
    named = ("", *methods)
    order = sorted(range(len(sides)), key=lambda i: i != side)
    for i in order:
        for question in ("graph", "values", "stream", "check"):
            yield question, {"side": i}
    yield from (("compression", {"side": each["side"], "width": each["width"]}) for each in trained)
    for i in order:
        yield from (("node", {"label": label, "side": i}) for label in sides[i].program.labels)
    places = (
        ("dependencies", {"label": label, "position": place, "side": i})
        for i in order
        for label in sides[i].program.labels
        for place in range(count)
    )
    yield from itertools.islice(places, MOST_ASKED)
    at = position if position >= 0 else count - 1
    near = sorted(range(count), key=lambda place: abs(place - at))
    scores = (
        ("attribution", {"method": method, "position": place, "side": i})
        for i in order
        for place in near
        for method in named
    )
    yield from itertools.islice(scores, MOST_SCORED)
