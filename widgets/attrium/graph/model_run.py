"""What a compiled model does on one input, half-layer by half-layer, with nodes ablated or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from attrium_kernel.rasp import Compiled
from attrium_kernel.rasp.craft import Craft
from attrium_kernel.rasp.decode import decode, read_nodes
from attrium_kernel.rasp.expressions import Value
from attrium_kernel.rasp.model import CompiledBlock


@dataclass(frozen=True, eq=False)
class Run:
    """One forward of the torch model.

    Attributes:
        streams: `(half-layer, position, dimension)`, the embedding first; position 0 is the BOS.
        patterns: `(head, query, key)` of each layer.
        logits: `(position, output)`.
        values: of the nodes in the residual stream at the end, and of the output.
        output: the output.
    """

    streams: Tensor
    patterns: tuple[Tensor, ...]
    logits: Tensor
    values: dict[str, list[Value]]
    output: list[Value]


def run_model(compiled: Compiled, tokens: Sequence[Value], ablated: Sequence[str] = ()) -> Run:
    """Run the modules of a compiled model one after the other.

    An ablated node is taken out as soon as it is written, at every position but the BOS: it has no value where it is
    one-hot, and is 0 where it is a number.

    Args:
        compiled: the model.
        tokens: the input.
        ablated: labels of nodes that are in the residual stream.
    """
    model, out = compiled.model, [_cut(compiled.craft, label) for label in ablated]
    with torch.no_grad():
        ids = compiled.ids([list(tokens)])
        count = ids.shape[1]
        mask = torch.ones(count, count, dtype=torch.bool, device=ids.device).tril() if compiled.causal else None
        x = model.token_embedding(ids) + model.position_embedding(torch.arange(count, device=ids.device))
        x = _without(x, out, 0)
        streams, patterns = [x], []
        for layer, block in enumerate(model.blocks):
            assert isinstance(block, CompiledBlock)
            written, pattern = block.attention(x, mask)
            x = _without(x + written, out, 2 * layer + 1)
            streams.append(x)
            x = _without(x + block.mlp(x), out, 2 * layer + 2)
            streams.append(x)
            patterns.append(pattern[0].cpu())
        logits = model.unembedding(x)[0]
    output = decode(compiled.craft, logits)
    values = {**read_nodes(compiled.craft, x[0]), compiled.name: output}
    return Run(torch.cat(streams).cpu(), tuple(patterns), logits.cpu(), values, output)


def written_at(craft: Craft, label: str) -> int:
    """The half-layer that first writes a node's dimensions: 0 the embedding, 2i + 1 and 2i + 2 those of layer i."""
    own = set(craft.space.of(label))
    if any(column in own for _, column in (*craft.token_table, *craft.position_table)):
        return 0
    for number, layer in enumerate(craft.layers):
        heads = (column for head in layer.heads for _, column in head.output.entries)
        if own.intersection(heads, layer.offsets):
            return 2 * number + 1
        if layer.mlp is not None and own.intersection(column for _, column in layer.mlp.output.entries):
            return 2 * number + 2
    return 2 * len(craft.layers)


@dataclass(frozen=True)
class _Cut:
    """Dimensions of an ablated node, what they are without it, and from which half-layer on."""

    columns: list[int]
    values: list[float]
    start: int


def _cut(craft: Craft, label: str) -> _Cut:
    columns = craft.space.of(label)
    return _Cut(columns, [craft.space.directions[i].offset for i in columns], written_at(craft, label))


def _without(x: Tensor, cuts: Sequence[_Cut], half: int) -> Tensor:
    for cut in cuts:
        if half >= cut.start and cut.columns:
            x = x.clone()
            x[:, 1:, cut.columns] = torch.tensor(cut.values, dtype=x.dtype, device=x.device)
    return x
