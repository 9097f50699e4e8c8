"""The nodes of a program, where each is computed and what it looks like: the answer to `graph`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from attrium_kernel.rasp import (
    Aggregate,
    Compiled,
    CompileError,
    Constant,
    Elementwise,
    Expression,
    Select,
    Selector,
    SelectorWidth,
    SOp,
)
from attrium_kernel.rasp.craft import Craft, Head, Layer
from attrium_kernel.rasp.values import Values, ValueSet

from ..channel import Answer
from .lanes import Where, as_written, heads_of_selector, scheduled
from .shown import plain, shown
from .side import Side

SHOWN_VALUES = 24
"""Values of a node that are listed."""


def graph(side: Side) -> Answer:
    """Every node of a side."""
    program, compiled = side.program, side.compiled
    places = scheduled(program, compiled) if compiled else as_written(program)
    readers: dict[str, list[Expression]] = {label: [] for label in program.labels}
    for node in program:
        for child in {id(each): each for each in program.inputs(node)}.values():
            readers[program.label(child)].append(node)
    sets = _value_sets(side)
    nodes = [_facts(side, node, places[program.label(node)], readers, sets) for node in program]
    forecast = None if compiled is None else compiled.forecast._asdict()
    layers = compiled.forecast.layers if compiled else 1 + max(place.layer for place in places.values())
    return Answer({
        "label": side.label, "nodes": nodes, "layers": layers, "sizes": _sizes(compiled), "forecast": forecast,
        "text": program.to_text(),
    })  # fmt: skip


def _sizes(compiled: Compiled | None) -> list[dict[str, int]]:
    """Heads and hidden units of each layer."""
    layers = () if compiled is None else compiled.craft.layers
    return [{"heads": len(layer.heads), "units": len(layer.mlp.units) if layer.mlp else 0} for layer in layers]


def _written(compiled: Compiled | None, label: str) -> list[dict[str, Any]]:
    """The half-layers that write a node."""
    if compiled is None:
        return []
    found = []
    for entry in compiled.schedule.entries:
        if entry.node == label:
            layer = compiled.craft.layers[entry.layer]
            heads = sum(label in head.nodes for head in layer.heads) if entry.half == "attention" else 0
            units = _units(layer, label) if entry.half == "mlp" else 0
            found.append({"layer": entry.layer, "half": entry.half, "form": entry.form, "heads": heads, "units": units})
    return found


def _units(layer: Layer, label: str) -> int:
    """Hidden units of a layer that work for a node."""
    return 0 if layer.mlp is None else sum(unit.node == label for unit in layer.mlp.units)


def _facts(
    side: Side, node: Expression, where: Where, readers: dict[str, list[Expression]], sets: dict[str, ValueSet]
) -> dict[str, Any]:
    program, label = side.program, side.program.label(node)
    craft = side.compiled.craft if side.compiled else None
    heads = _heads(craft, node, label, where)
    values = sets.get(label)
    listed = None if values is None else values.values
    elementwise = isinstance(node, (Elementwise, Constant))
    alone = len(readers[label]) == 1 and isinstance(readers[label][0], Elementwise)
    minor = elementwise and not program.is_named(node) and (alone or isinstance(node, Constant))
    return {
        "label": label,
        "kind": node.kind,
        "named": program.is_named(node),
        "selector": isinstance(node, Selector),
        "text": words_of_node(node),
        "inputs": [program.label(child) for child in program.inputs(node)],
        **asdict(where),
        "dimensions": [] if craft is None else [craft.space.labels[i] for i in craft.space.of(label)],
        "heads": [head.name for head in heads],
        "units": 0 if craft is None else sum(_units(layer, label) for layer in craft.layers),
        "written": _written(side.compiled, label),
        "encoding": "" if craft is None else _encoding(craft, label),
        "count": -1 if listed is None else len(listed),
        "values": [text for value in (listed or ())[:SHOWN_VALUES] if (text := shown(value)) is not None],
        "absent": values is not None and values.absent,
        "minor": minor and node is not program.output,
    }  # fmt: skip


def words_of_node(node: Expression) -> str:
    """The function, predicate, constant or reduction of a node, as it is written."""
    if isinstance(node, Constant):
        return plain(node.value)
    if isinstance(node, Elementwise):
        return node.f.text
    if isinstance(node, Select):
        return node.predicate.text
    if isinstance(node, Aggregate):
        default = "" if node.default is None or node.reduce == "sum" else f", {plain(node.default)} where none is"
        return f"{node.reduce} of the selected{default}"
    if isinstance(node, SelectorWidth):
        return "number of the selected"
    words = {"tokens": "the input", "indices": "the positions, from 0", "selector_and": "both",
             "selector_or": "at least one", "selector_not": "not selected"}  # fmt: skip
    return words.get(node.kind, node.kind)


def _encoding(craft: Craft, label: str) -> str:
    roles = {craft.space.directions[i].role for i in craft.space.of(label)}
    found = [name for role, name in (("number", "number"), ("value", "one-hot")) if role in roles]
    return " and ".join(found)


def _heads(craft: Craft | None, node: Expression, label: str, where: Where) -> list[Head]:
    if craft is None:
        return []
    if isinstance(node, Selector):
        return [head for layer, _, head in heads_of_selector(craft, label) if layer == where.layer]
    return [head for layer in craft.layers for head in layer.heads if label in head.nodes]


def _value_sets(side: Side) -> dict[str, ValueSet]:
    if side.compiled is not None:
        return dict(side.compiled.values)
    values, found = Values(side.program, side.vocabulary, side.max_length, side.causal), dict[str, ValueSet]()
    for node in side.program:
        if isinstance(node, SOp):
            try:
                found[side.program.label(node)] = values.of(node)
            except CompileError:
                continue
    return found
