"""The flow that `draw` asks for: which layer of heads a program's selectors work in, by the rule of RASP.

What a selector reads has to be there before its layer; elementwise work is free. Each node stands as early as it can,
and the heads of a layer are the different selectors that are used in it. A compiled model may need more layers, for
functions of several numbers, but never fewer.

Source: Weiss et al. 2021, "Thinking Like Transformers".
"""

from __future__ import annotations

from dataclasses import dataclass

from ..expressions import Aggregate, Expression, Selector, SelectorWidth, SOp
from ..program import Program


@dataclass(frozen=True)
class FlowHead:
    """A selector in a layer, and what is taken with it there.

    Attributes:
        selector: which keys each query looks at; may be composite.
        gathers: the aggregates and widths of it in this layer.
    """

    selector: Selector
    gathers: tuple[Aggregate | SelectorWidth, ...]


@dataclass(frozen=True)
class FlowLayer:
    """A layer of heads, and the elementwise s-ops that can be worked out after it.

    Attributes:
        heads: the different selectors used in the layer; none in the first entry of a flow, which is the input.
        elementwise: s-ops that no earlier layer could give.
    """

    heads: tuple[FlowHead, ...]
    elementwise: tuple[SOp, ...]


def flow(x: SOp | Program) -> tuple[FlowLayer, ...]:
    """The layers of a program, from the input (an entry without heads) on.

    The number of layers in the sense of the paper is one less than the number of entries.
    """
    program = x if isinstance(x, Program) else Program(x)
    depths: dict[int, int] = {}
    for node in program.nodes:
        below = max((depths[id(child)] for child in program.inputs(node)), default=0)
        depths[id(node)] = below + isinstance(node, (Aggregate, SelectorWidth))
    return tuple(_layer(program, depths, layer) for layer in range(depths[id(program.output)] + 1))


def _layer(program: Program, depths: dict[int, int], layer: int) -> FlowLayer:
    here = [node for node in program.nodes if depths[id(node)] == layer]
    gathers: dict[int, list[Aggregate | SelectorWidth]] = {}
    selectors: dict[int, Selector] = {}
    for node in here:
        if isinstance(node, (Aggregate, SelectorWidth)):
            selector: Expression = program.inputs(node)[0]
            assert isinstance(selector, Selector)
            selectors[id(selector)] = selector
            gathers.setdefault(id(selector), []).append(node)
    heads = tuple(FlowHead(selectors[key], tuple(found)) for key, found in gathers.items())
    elementwise = (node for node in here if isinstance(node, SOp) and not isinstance(node, (Aggregate, SelectorWidth)))
    return FlowLayer(heads, tuple(elementwise))
