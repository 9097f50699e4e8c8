"""The kinds of attention that a trace holds: of a stack among itself, or of a decoder on its encoder."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Literal

from attrium_kernel.tracing import Trace

from ..errors import DataError

Role = Literal["attn", "cross"]
SITE = re.compile(r"(?:(?P<stack>.+)\.)?blocks\.(?P<layer>\d+)\.(?P<role>attn|cross)\.pattern")
TITLES = {
    "self": "Self-attention",
    "encoder": "Encoder self-attention",
    "decoder": "Decoder self-attention",
    "cross": "Cross-attention: decoder on encoder",
}


@dataclass(frozen=True)
class Kind:
    """Attention of one kind in all layers.

    Args:
        name: "self", "encoder", "decoder", "cross", or the name of another stack.
        stack: of the queries; "" where there is one.
        role: "attn" or "cross".
        layers: blocks that have it, ascending.
        heads: how many each of them has.
        queries, keys: positions on either side, the same in all layers.
    """

    name: str
    stack: str
    role: Role
    layers: tuple[int, ...]
    heads: tuple[int, ...]
    queries: int
    keys: int

    @property
    def title(self) -> str:
        """For a reader."""
        return TITLES.get(self.name, f"Attention of {self.name.replace('_', ' ')}")

    @property
    def facts(self) -> dict[str, Any]:
        """As the screen has it."""
        return {"name": self.name, "title": self.title, "layers": list(self.layers), "heads": list(self.heads)}

    @property
    def is_square(self) -> bool:
        """Queries and keys are the same positions."""
        return self.role == "attn" and self.queries == self.keys

    def site(self, layer: int, quantity: str) -> str:
        """The name in the trace."""
        prefix = f"{self.stack}." if self.stack else ""
        return f"{prefix}blocks.{layer}.{self.role}.{quantity}"

    def heads_of(self, layer: int) -> int:
        """Heads of one layer.

        Raises:
            DataError: for a layer without this attention.
        """
        if layer not in self.layers:
            raise DataError(f"layer={layer!r}, but {self.title.lower()} is in layers {_spell(self.layers)}; pass one")
        return self.heads[self.layers.index(layer)]


def kinds_of(trace: Trace) -> dict[str, Kind]:
    """The kinds in a trace, by name.

    Raises:
        DataError: if there is none, or layers of one kind see different numbers of positions.
    """
    found: dict[tuple[str, Role], list[int]] = defaultdict(list)
    for name in trace.names:
        if match := SITE.fullmatch(name):
            role: Role = "cross" if match["role"] == "cross" else "attn"
            found[match["stack"] or "", role].append(int(match["layer"]))
    if not found:
        raise DataError(
            "this trace holds no attention patterns; trace with capture='all', or name 'blocks.*.attn.pattern' in it"
        )
    crossed = sum(role == "cross" for _, role in found)
    kinds = [_kind(trace, stack, role, sorted(layers), crossed > 1) for (stack, role), layers in found.items()]
    return {kind.name: kind for kind in kinds}


def _kind(trace: Trace, stack: str, role: Role, layers: list[int], several: bool) -> Kind:
    prefix = f"{stack}." if stack else ""
    shapes = [trace.shape(f"{prefix}blocks.{layer}.{role}.pattern") for layer in layers]
    sizes = {shape[-2:] for shape in shapes}
    if len(sizes) > 1:
        listed = ", ".join(f"{queries} x {keys}" for queries, keys in sorted(sizes))
        raise DataError(
            f"layers of {stack or 'the model'} attend over different numbers of positions ({listed}), so their "
            "patterns have no tokens in common; pass the layers of one size: output.attentions[:2], say"
        )
    ((queries, keys),) = sizes
    name = (f"{stack} cross" if several else "cross") if role == "cross" else stack or "self"
    return Kind(name, stack, role, tuple(layers), tuple(shape[1] for shape in shapes), queries, keys)


def _spell(numbers: tuple[int, ...]) -> str:
    """Numbers in a row as a range."""
    if len(numbers) > 2 and list(numbers) == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(map(str, numbers))
