"""Where each node of a program is computed: in which layer and half."""

from __future__ import annotations

from dataclasses import dataclass

from attrium_kernel.rasp import Aggregate, Compiled, Elementwise, Expression, Program, Select, Selector, SelectorWidth
from attrium_kernel.rasp.craft import Craft, Head


@dataclass(frozen=True)
class Where:
    """Where a node is computed: layer (-1 is the embedding), half, and how."""

    layer: int
    half: str
    place: str

    @property
    def time(self) -> int:
        """Half-layers in order, the embedding first."""
        return 0 if self.layer < 0 else 2 * self.layer + (1 if self.half == "attention" else 2)

    @classmethod
    def at(cls, time: int) -> Where:
        """A half-layer by its time, where something is only read."""
        return cls((time - 1) // 2, ("mlp", "attention")[time % 2], "fused") if time else cls(-1, "embedding", "fused")


def heads_of_selector(craft: Craft, label: str) -> list[tuple[int, int, Head]]:
    """Layer, place and head of those that compute a selector."""
    return [
        (layer, number, head)
        for layer, each in enumerate(craft.layers)
        for number, head in enumerate(each.heads)
        if head.name == label or (head.name.startswith(f"{label}.") and head.name[len(label) + 1 :].isdigit())
    ]


def scheduled(program: Program, compiled: Compiled) -> dict[str, Where]:
    """Where the compiler put each node. What is fused is where its first reader is, also if a copy is written later."""
    own = _own_places(program, compiled)
    found: dict[str, Where] = {}
    reader: dict[str, Where] = {}
    last = max((where.time for where in own.values()), default=0)
    for node in reversed(program.nodes):
        label = program.label(node)
        place = own.get(label, Where.at(last))
        first = reader.get(label, place)
        if label not in own or (isinstance(node, Elementwise) and first.time < place.time):
            place = Where(first.layer, first.half, "fused")
        found[label] = place
        for child in program.inputs(node):
            name = program.label(child)
            if name not in reader or place.time < reader[name].time:
                reader[name] = place
    return found


def _own_places(program: Program, compiled: Compiled) -> dict[str, Where]:
    """Places of the nodes that have dimensions or heads."""
    craft, found = compiled.craft, dict[str, Where]()
    for entry in reversed(compiled.schedule.entries):  # of two, the first one stays
        found[entry.node] = Where(entry.layer, entry.half, "written")
    for node in program:
        label = program.label(node)
        if node.kind in ("tokens", "indices"):
            found[label] = Where(-1, "embedding", "written" if craft.space.of(label) else "fused")
        elif isinstance(node, Selector) and (heads := heads_of_selector(craft, label)):
            found[label] = Where(heads[0][0], "attention", "head")
    return {label: found[label] for label in program.labels if label in found}


def as_written(program: Program) -> dict[str, Where]:
    """Places of a program that does not compile: as early as what each node is made from allows."""
    times: dict[int, int] = {}
    for node in program:
        times[id(node)] = _earliest(node, [times[id(child)] for child in program.inputs(node)])
    return {program.label(node): _drawn(node, times[id(node)]) for node in program}


def _earliest(node: Expression, before: list[int]) -> int:
    """The half-layer of a node after those of its inputs: attention is at odd times, MLPs are at even ones."""
    if node.kind in ("tokens", "indices", "constant"):
        return 0
    if isinstance(node, Select):
        return _next_odd(max(before))
    if isinstance(node, Selector):  # one head with those that it combines
        return max(before)
    if isinstance(node, (Aggregate, SelectorWidth)):
        selector, *moved = before
        return max(selector, _next_odd(max(moved, default=0)))
    return max(2, max(before) + max(before) % 2)  # elementwise nodes are fused into one MLP


def _next_odd(time: int) -> int:
    return time + 1 + time % 2


def _drawn(node: Expression, time: int) -> Where:
    place = "head" if isinstance(node, Selector) else "written"
    return Where((time - 1) // 2, Where.at(time).half, place)
