"""The linear algebra between a program and a transformer: labelled directions, heads, MLPs, and their series.

A `Craft` is a transformer in which every dimension, head and hidden unit has a name, kept sparse and in float64. It
runs by itself (`Craft.run`) and is what the torch module is assembled from, weight by weight.

Position 0 of every sequence is the BOS token: heads that select nothing rest on it. Sources: Lindner et al. 2023,
"Tracr", section 3 (the intermediate model); the constructions are described where they are made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from .expressions import Value

Role = Literal["bos", "pad", "value", "number", "present"]


class Direction(NamedTuple):
    """One dimension of the residual stream.

    Attributes:
        node: label of the node it belongs to ("bos" and "pad" for the two marks).
        role: "value", 1 where the node has this value; "number", the node's number; "present", 1 where it has one;
            "bos" or "pad", 1 at such a token.
        value: the value it stands for, None for a number or a mark.
        offset: what is added to a number, so that float32 rounds it to an even grid (see `counting`).
    """

    node: str
    role: Role
    value: Value = None
    offset: float = 0.0

    def __str__(self) -> str:
        if self.role == "value":
            return f"{self.node}:{self.value}"
        return f"{self.node} present" if self.role == "present" else self.node


class Space:
    """Directions in order, with their places."""

    def __init__(self, directions: Sequence[Direction]) -> None:
        self.directions = tuple(directions)
        self._index = {direction: i for i, direction in enumerate(self.directions)}
        if len(self._index) != len(self.directions):
            raise ValueError("two directions of a space are the same")

    def __len__(self) -> int:
        return len(self.directions)

    def index(self, direction: Direction) -> int:
        """The place of a direction."""
        return self._index[direction]

    def __contains__(self, direction: Direction) -> bool:
        return direction in self._index

    @property
    def labels(self) -> list[str]:
        """Names of the dimensions, in order: `hist:3`, `frac_prevs`, `bos`."""
        return [str(direction) for direction in self.directions]

    def of(self, node: str) -> list[int]:
        """The places of a node's dimensions."""
        return [i for i, direction in enumerate(self.directions) if direction.node == node]


@dataclass(frozen=True, eq=False)
class Linear:
    """A sparse affine map of row vectors: `x @ weight + bias`.

    Attributes:
        shape: (in, out).
        entries: weights that are not zero, by (row, column).
        bias: offsets that are not zero, by column.
    """

    shape: tuple[int, int]
    entries: Mapping[tuple[int, int], float]
    bias: Mapping[int, float] = field(default_factory=dict)

    def weight(self, dtype: torch.dtype = torch.float64) -> Tensor:
        """The weight as a dense tensor `(in, out)`."""
        dense = torch.zeros(self.shape, dtype=dtype)
        if self.entries:
            places = torch.tensor(list(self.entries), dtype=torch.long)
            dense[places[:, 0], places[:, 1]] = torch.tensor(list(self.entries.values()), dtype=torch.float64).to(dtype)
        return dense

    def offset(self, dtype: torch.dtype = torch.float64) -> Tensor:
        """The bias as a dense tensor `(out,)`."""
        dense = torch.zeros(self.shape[1], dtype=dtype)
        for column, value in self.bias.items():
            dense[column] = value
        return dense

    @cached_property
    def _dense(self) -> tuple[Tensor, Tensor]:
        return self.weight(), self.offset()

    def __call__(self, x: Tensor) -> Tensor:
        """`x @ weight + bias` in float64, `x` being `(..., in)`."""
        weight, bias = self._dense
        return x @ weight + bias


@dataclass(frozen=True, eq=False)
class Head:
    """One attention head: scores are `query(x) @ key(x).T`, unscaled; what it moves is `output(value(x))`.

    Attributes:
        name: label of the selector it computes.
        nodes: labels of the nodes whose results it writes.
        query, key: maps from the residual stream to the dimensions the two are compared in.
        value: map from the residual stream to what is moved.
        output: map from what is moved to the residual stream.
        compared: names of the dimensions of `query` and `key`.
        moved: names of the dimensions of `value`.
        gap: scores this far or further below the largest one count as not selected (hard attention cuts them off).
    """

    name: str
    nodes: tuple[str, ...]
    query: Linear
    key: Linear
    value: Linear
    output: Linear
    compared: tuple[str, ...]
    moved: tuple[str, ...]
    gap: float

    def pattern(self, x: Tensor, mask: Tensor | None = None, hard: bool = False) -> Tensor:
        """Attention weights `(..., query, key)`; `mask` is True where a key may be seen."""
        scores = self.query(x) @ self.key(x).transpose(-1, -2)
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf)
        if hard:
            scores = cut(scores, self.gap)
        return torch.softmax(scores, dim=-1)

    def __call__(self, x: Tensor, mask: Tensor | None = None, hard: bool = False) -> Tensor:
        """What the head adds to the stream `(..., position, dimension)`."""
        return self.output(self.pattern(x, mask, hard) @ self.value(x))


def cut(scores: Tensor, gap: Tensor | float) -> Tensor:
    """Hard attention: scores that are `gap` or more below the largest become minus infinity."""
    return scores.masked_fill(scores <= scores.amax(dim=-1, keepdim=True) - gap, -torch.inf)


class Unit(NamedTuple):
    """A hidden unit's label: the node it works for, and what makes it fire."""

    node: str
    text: str

    def __str__(self) -> str:
        return f"{self.node}[{self.text}]"


@dataclass(frozen=True, eq=False)
class MLP:
    """`output(relu(input(x)))`.

    Attributes:
        input, output: maps to and from the hidden units.
        units: for each hidden unit, the node it works for and what makes it fire.
    """

    input: Linear
    output: Linear
    units: tuple[Unit, ...]

    def __call__(self, x: Tensor) -> Tensor:
        """What the MLP adds to the stream `(..., position, dimension)`."""
        return self.output(torch.relu(self.input(x)))


@dataclass(frozen=True, eq=False)
class Layer:
    """An attention half and an MLP half; either may be idle.

    Attributes:
        heads: the heads, side by side.
        offsets: what the attention half adds everywhere, by dimension (`b_O`).
        mlp: the MLP, None if it is idle.
    """

    heads: tuple[Head, ...]
    offsets: Mapping[int, float]
    mlp: MLP | None


class Stream(NamedTuple):
    """The residual stream `(position, dimension)` after one half-layer: "embedding", "0.attention", "0.mlp", ..."""

    place: str
    values: Tensor


@dataclass(frozen=True, eq=False)
class Craft:
    """A whole transformer of labelled parts.

    Attributes:
        space: directions of the residual stream.
        vocabulary: the token values, in the order of their ids: BOS, PAD, then the program's inputs.
        token_table: what each token writes, by (token id, dimension).
        position_table: what each position writes, by (position, dimension); position 0 is the BOS.
        positions: how many positions there are, the BOS counted.
        layers: the layers.
        unembedding: map from the residual stream to the outputs.
        outputs: what each output stands for: for a categorical program the values (`ABSENT` for none), for a numerical
            one a single entry, the label of the output.
        numerical: whether the output is one number.
        causal: whether a query sees only keys up to its own position.
        inputs: the values an input is made of, which follow BOS and PAD in the vocabulary; empty if that is not known.
    """

    space: Space
    vocabulary: tuple[Value, ...]
    token_table: Mapping[tuple[int, int], float]
    position_table: Mapping[tuple[int, int], float]
    positions: int
    layers: tuple[Layer, ...]
    unembedding: Linear
    outputs: tuple[Value, ...]
    numerical: bool
    causal: bool
    inputs: tuple[Value, ...] = ()

    def embed(self, ids: Tensor) -> Tensor:
        """The residual stream `(..., position, dimension)` before the first layer, for ids `(..., position)`."""
        tokens = Linear((len(self.vocabulary), len(self.space)), self.token_table).weight()
        places = Linear((self.positions, len(self.space)), self.position_table).weight()
        return tokens[ids] + places[: ids.shape[-1]]

    def run(self, ids: Tensor, *, hard: bool = False) -> list[Stream]:
        """The residual stream after the embedding and after each half-layer, in float64.

        Args:
            ids: token ids `(position,)` or `(batch, position)`, BOS first.
            hard: cut off attention below each head's gap.
        """
        x = self.embed(ids)
        count = ids.shape[-1]
        mask = torch.ones(count, count, dtype=torch.bool).tril() if self.causal else None
        streams = [Stream("embedding", x)]
        for number, layer in enumerate(self.layers):
            change = Linear((0, len(self.space)), {}, layer.offsets).offset()
            x = x + sum((head(x, mask, hard) for head in layer.heads), change)
            streams.append(Stream(f"{number}.attention", x))
            if layer.mlp is not None:
                x = x + layer.mlp(x)
            streams.append(Stream(f"{number}.mlp", x))
        return streams

    def logits(self, ids: Tensor, *, hard: bool = False) -> Tensor:
        """The outputs `(..., position, output)`."""
        return self.unembedding(self.run(ids, hard=hard)[-1].values)


class Absent:
    """The output that stands for "no value"."""

    def __repr__(self) -> str:
        return "absent"

    def __reduce__(self) -> str:
        return "ABSENT"  # copies and pickles are the one there is


ABSENT = Absent()
