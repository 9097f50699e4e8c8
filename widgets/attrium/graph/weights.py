"""The weights that compute a node, with names on both sides: the answer to `node`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from attrium_kernel.arrays import Frame, make_frame
from attrium_kernel.rasp import Elementwise, Selector, SOp
from attrium_kernel.rasp.craft import ABSENT, MLP, Craft, Head, Linear

from ..channel import Answer
from .lanes import heads_of_selector, scheduled
from .nodes import words_of_node
from .side import Side

ALWAYS = "always"
"""The row or column of a bias."""


class _Matrices:
    """Matrices that are shown, rows and columns of zeros left out."""

    def __init__(self) -> None:
        self.facts: list[dict[str, Any]] = []
        self.frames: dict[str, Frame] = {}

    def add(self, title: str, matrix: Tensor, rows: Sequence[str], columns: Sequence[str]) -> None:
        """One more, `(row, column)`, unless it is all zeros."""
        keep_rows, keep_columns = matrix.any(1).nonzero().flatten(), matrix.any(0).nonzero().flatten()
        if not len(keep_rows):
            return
        name = f"matrix:{len(self.facts)}"
        self.frames[name] = make_frame(matrix[keep_rows][:, keep_columns].float(), name)
        self.facts.append({
            "frame": name, "title": title,
            "rows": [rows[i] for i in keep_rows.tolist()], "columns": [columns[i] for i in keep_columns.tolist()],
        })  # fmt: skip


def weights(side: Side, label: str) -> Answer:
    """Query-key and value-output matrices of a node's heads, and the parts of MLPs and embeddings that write it.

    Raises:
        RaspError: there is no such node.
    """
    node, craft, found = side.program.node(label), side.model.craft, _Matrices()
    if isinstance(node, Selector):
        heads = [(layer, head) for layer, _, head in heads_of_selector(craft, label)]
    else:
        heads = [(n, head) for n, layer in enumerate(craft.layers) for head in layer.heads if label in head.nodes]
    _embeddings(found, craft, label)
    for layer, head in heads:
        names = craft.space.labels
        found.add(f"Layer {layer}, head {head.name}: query and key", _scores(head), [*names, ALWAYS], [*names, ALWAYS])
        if not isinstance(node, Selector):
            found.add(f"Layer {layer}, head {head.name}: value and output", _moved(head, craft, label),
                      [*names, ALWAYS], names)  # fmt: skip
    for number, each in enumerate(craft.layers):
        if each.mlp is not None:
            _mlp(found, craft, number, each.mlp, label)
    if node is side.program.output:
        _unembedding(found, craft)
    facts = {"label": label, "text": words_of_node(node), "matrices": found.facts, "note": _note(side, label, found)}
    return Answer(facts, found.frames)


def _with_bias(linear: Linear) -> Tensor:
    """Weight `(in, out)` and, as a last row, the bias."""
    return torch.cat([linear.weight(), linear.offset()[None]])


def _scores(head: Head) -> Tensor:
    """What a query direction and a key direction add to the score, biases included, `(query, key)`."""
    return _with_bias(head.query) @ _with_bias(head.key).T


def _moved(head: Head, craft: Craft, label: str) -> Tensor:
    """What a value direction writes to the node's dimensions."""
    moved = _with_bias(head.value) @ head.output.weight()
    own = craft.space.of(label)
    kept = torch.zeros_like(moved)
    kept[:, own] = moved[:, own]
    return kept


def _embeddings(found: _Matrices, craft: Craft, label: str) -> None:
    own = craft.space.of(label)
    size = len(craft.space)
    names = [str(value) for value in craft.vocabulary]
    for title, table, rows in (
        ("Token embedding", craft.token_table, names),
        ("Position embedding", craft.position_table, ["BOS", *map(str, range(craft.positions - 1))]),
    ):
        mine = {place: value for place, value in table.items() if place[1] in own}
        found.add(title, Linear((len(rows), size), mine).weight(), rows, craft.space.labels)


def _mlp(found: _Matrices, craft: Craft, number: int, mlp: MLP, label: str) -> None:
    units = [i for i, unit in enumerate(mlp.units) if unit.node == label]
    if not units:
        return
    names, texts = craft.space.labels, [mlp.units[i].text for i in units]
    found.add(f"Layer {number}, MLP in", _with_bias(mlp.input)[:, units], [*names, ALWAYS], texts)
    out = mlp.output.weight()[units]
    bias = torch.zeros(1, out.shape[1], dtype=out.dtype)
    own = craft.space.of(label)
    bias[0, own] = mlp.output.offset()[own]
    found.add(f"Layer {number}, MLP out", torch.cat([out, bias]), [*texts, ALWAYS], names)


def _unembedding(found: _Matrices, craft: Craft) -> None:
    outputs = ["absent" if value is ABSENT else str(value) for value in craft.outputs]
    found.add("Unembedding", _with_bias(craft.unembedding), [*craft.space.labels, ALWAYS], outputs)


def _note(side: Side, label: str, found: _Matrices) -> str:
    node = side.program.node(label)
    readers = [side.program.label(each) for each in side.program
               if any(child is node for child in side.program.inputs(each))]  # fmt: skip
    if found.facts:
        copied = isinstance(node, Elementwise) and scheduled(side.program, side.model)[label].place == "fused"
        return f"{', '.join(readers)} read through it; its own dimensions are there to be seen." if copied else ""
    if not readers:
        return "It has no weights."
    what = "dimensions" if isinstance(node, SOp) else "head"
    return (
        f"It has no {what} of its own: its function is in the weights of {', '.join(readers)}, which read through it."
    )
