"""The reference compiler beside ours: a program of ours as Tracr's expressions, compiled and run by Tracr.

It takes part where the package `tracr` is installed in the interpreter of the rivals.
"""

from __future__ import annotations

import importlib.util
import logging
from typing import Any

from attrium_kernel import rasp as ours

from .rasp_programs import Item

INSTALLED = importlib.util.find_spec("tracr") is not None
STALLS = {"nary_sequencemap_3": 10}
"""Programs that it does not compile in minutes above this length."""


def takes(item: Item) -> bool:
    """Whether Tracr compiles the program in reasonable time."""
    return item.max_length <= STALLS.get(item.name, item.max_length)


def compiled(item: Item) -> Any:
    """Tracr's model; its exactness is what the widths of this length need, its own default would be wrong at 20."""
    from tracr.compiler import compiling

    logging.getLogger("absl").setLevel(logging.ERROR)
    return compiling.compile_rasp_to_model(
        expression(item.program),
        vocab=set(item.vocabulary),
        max_seq_len=item.max_length,
        compiler_bos="BOS",
        compiler_pad="PAD",
        mlp_exactness=4 * item.max_length * (item.max_length + 1),
    )


def run(model: Any, given: list[Any]) -> list[Any]:
    """The decoded output without the BOS."""
    found: list[Any] = model.apply(["BOS", *given]).decoded[1:]
    return found


def sizes(model: Any) -> dict[str, int]:
    """Layers, heads, head size, width of the residual stream and of the MLPs, and parameters."""
    import jax

    config = model.model_config
    return {
        "layers": config.num_layers,
        "heads": config.num_heads,
        "d_head": config.key_size,
        "d_model": len(model.residual_labels),
        "d_mlp": config.mlp_hidden_size,
        "parameters": sum(leaf.size for leaf in jax.tree_util.tree_leaves(model.params)),
    }


def expression(program: ours.Program) -> Any:
    """The output of a program of ours as Tracr's expression; one object per node."""
    made: dict[ours.Expression, Any] = {}
    for node in program:
        made[node] = _node(node, [made[child] for child in program.inputs(node)])
    return made[program.output]


def _node(node: Any, inputs: list[Any]) -> Any:
    from tracr.rasp import rasp

    match node:
        case ours.LinearSequenceMap():
            found = rasp.LinearSequenceMap(*inputs, *node.factors)
        case ours.Elementwise():
            found = rasp.Map(node.f.call, *inputs) if len(inputs) == 1 else rasp.SequenceMap(node.f.call, *inputs)
        case ours.Select():
            return rasp.Select(*inputs, node.predicate.call)
        case ours.SelectorWidth():
            found = rasp.SelectorWidth(*inputs)
        case ours.Aggregate():
            found = rasp.Aggregate(*inputs, default=node.default)
        case _:
            return {"tokens": rasp.tokens, "indices": rasp.indices}[node.kind]
    return rasp.numerical(found) if node.encoding == "numerical" else found
