"""Every kind of expression and every library function as a transformer in float32, on all short inputs."""

from __future__ import annotations

import pytest

from attrium_kernel.rasp import Program, compile
from attrium_kernel.rasp.text import load

from .inputs import every
from .test_expressions import ELEMENTWISE
from .test_library import CASES

TEXTS = {**{text: text for text in ELEMENTWISE}, **{name: text for name, (text, _) in CASES.items()}}
INPUTS = list(every("abc", 4))


@pytest.mark.parametrize("name", TEXTS)
def test_the_transformer_of_an_expression_agrees_with_it(name: str) -> None:
    """The expressions themselves are compared with plain Python in the tests of these names."""
    graph = Program(load(f'set example "abcba"; x = {TEXTS[name]};')["x"])
    found = compile(graph, ("a", "b", "c"), 4).decode_batch(INPUTS)
    for xs, ys in zip(INPUTS, found, strict=True):
        assert ys == pytest.approx(graph.output(xs), abs=1e-3), xs
