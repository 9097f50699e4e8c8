"""The values of all nodes on one input: the answers to `values`, `stream` and `check`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attrium_kernel.arrays import Frame, make_frame
from attrium_kernel.rasp import EvaluationError, Selector
from attrium_kernel.rasp.compiling import agree
from attrium_kernel.rasp.decode import decode, read_nodes
from attrium_kernel.rasp.expressions import Value

from ..channel import Answer
from .lanes import heads_of_selector
from .model_run import Run
from .problems import words
from .shown import all_shown, model_shown, numbers, shown
from .side import Side


def values(side: Side, tokens: Sequence[Value], names: Sequence[str], ablated: Sequence[str]) -> Answer:
    """The values of a side on an input.

    Args:
        side: the program.
        tokens: the input.
        names: how its tokens are spelled.
        ablated: labels of nodes that are taken out, in the model.
    """
    found, problem = side.values(tokens)
    run = None if side.compiled is None else side.running(tokens)
    sops = {label: value for label, value in found.items() if not isinstance(side.program.node(label), Selector)}
    own = {} if run is None else {label: run.values[label] for label in side.program.labels if label in run.values}
    cut = [] if side.compiled is None else [label for label in ablated if label in own]
    facts = {
        "tokens": list(names),
        "values": {label: all_shown(value) for label, value in sops.items()},
        "model": {label: model_shown(sops.get(label, []), value) for label, value in own.items()},
        "numbers": {label: each for label, value in sops.items() if (each := numbers(value)) is not None},
        "output": all_shown(sops.get(side.label, [])) if problem is None else [],
        "ablated": model_shown(sops.get(side.label, []), side.running(tokens, cut).output) if cut else None,
        "problem": problem_of(problem),
    }
    return Answer(facts, {**_selected(side, found), **({} if run is None else _weights(side, run))})


def problem_of(error: EvaluationError | None) -> dict[str, Any] | None:
    """Where a program has no value."""
    if error is None:
        return None
    return {"node": error.node or "", "position": -1 if error.position is None else error.position,
            "message": words(error)}  # fmt: skip


def _selected(side: Side, found: dict[str, Any]) -> dict[str, Frame]:
    """The matrices of all selectors, `(query, key)`."""
    return {
        f"select:{label}": make_frame(np.asarray(matrix, np.uint8), f"select:{label}")
        for label, matrix in found.items()
        if isinstance(side.program.node(label), Selector)
    }


def _weights(side: Side, run: Run) -> dict[str, Frame]:
    """The attention of the heads of each selector, without the BOS; several heads of one are added up."""
    frames: dict[str, Frame] = {}
    craft = side.model.craft
    for node in side.program:
        label = side.program.label(node)
        heads = heads_of_selector(craft, label) if isinstance(node, Selector) else []
        heads = [head for head in heads if head[0] == heads[0][0]]  # of its first layer
        if heads:
            added = torch.stack([run.patterns[layer][number] for layer, number, _ in heads]).sum(0)
            frames[f"weights:{label}"] = make_frame(added[1:, 1:], f"weights:{label}")
    return frames


def stream(side: Side, tokens: Sequence[Value], names: Sequence[str], ablated: Sequence[str]) -> Answer:
    """The residual stream after each half-layer, with what is ablated."""
    craft = side.model.craft
    cut = [label for label in ablated if craft.space.of(label)]
    run = side.running(tokens, cut)
    places = ["embedding", *(f"{i}.{half}" for i in range(len(run.patterns)) for half in ("attention", "mlp"))]
    dimensions = [{"label": str(each), "node": each.node} for each in craft.space.directions]
    bos = side.model.tokenizer.program_vocabulary.bos
    facts = {"places": places, "positions": [bos, *names], "dimensions": dimensions}
    return Answer(facts, {"stream": make_frame(run.streams.float(), "stream")})


def check(side: Side, tokens: Sequence[Value]) -> Answer:
    """Each node as the interpreter, the float64 weights and the torch model have it."""
    compiled, wanted = side.model, side.evaluated(tokens)
    run = side.running(tokens)
    craft = _craft_values(side, compiled.craft.run(compiled.ids([list(tokens)])[0].cpu())[-1].values)
    rows, first = [], None
    for node in side.program:
        label = side.program.label(node)
        if isinstance(node, Selector):
            continue
        expected, model = wanted[label], run.values.get(label)
        wrong = [i for i, value in enumerate(model or ()) if not agree(expected[i], value)]
        if wrong and first is None and model is not None:
            first = {"label": label, "position": wrong[0], "expected": shown(expected[wrong[0]]),
                     "found": shown(model[wrong[0]])}  # fmt: skip
        rows.append({
            "label": label, "interpreter": all_shown(expected), "craft": _maybe(expected, craft.get(label)),
            "model": _maybe(expected, model), "wrong": wrong,
        })  # fmt: skip
    return Answer({"rows": rows, "first": first})


def _maybe(expected: Sequence[Value], found: Sequence[Value] | None) -> list[str | None] | None:
    return None if found is None else model_shown(expected, found)


def _craft_values(side: Side, residual: Tensor) -> dict[str, list[Value]]:
    craft = side.model.craft
    return {**read_nodes(craft, residual), side.label: decode(craft, craft.unembedding(residual))}
