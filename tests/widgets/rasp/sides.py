"""Programs to try the parts on, and a job that nobody cancels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrium.graph.given import read
from attrium.graph.side import Side, make_side
from attrium.jobs import Job, Jobs
from attrium_kernel.rasp import indices, length, select, selector_width, tokens
from attrium_kernel.rasp.library import PROGRAMS


def side_of(program: Any, vocabulary: Sequence[Any] = "abc", max_length: int = 6, **options: Any) -> Side:
    return make_side(read(program), vocabulary, max_length, options.get("causal", False), options.get("keep", "all"))


def library_side(name: str, max_length: int = 6, **options: Any) -> Side:
    return side_of(name, PROGRAMS[name].vocabulary, max_length, **options)


def histogram() -> Any:
    return selector_width(select(tokens, tokens, "==").named("same")).named("hist")


def mirrored() -> Any:
    from attrium_kernel.rasp import aggregate

    opposite = (length - indices - 1).named("opposite")
    return aggregate(select(indices, opposite, "==").named("flip"), tokens).named("reversed")


def job() -> Job:
    return Job("test", lambda job: None, Jobs(lambda status: None))
