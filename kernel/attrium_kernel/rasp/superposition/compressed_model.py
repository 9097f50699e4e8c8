"""A compiled transformer whose residual stream is squeezed through one matrix.

Every component of the original reads and writes a stream of D labelled dimensions. Here the stream has d of them: what
a component writes, `(.., D)`, goes in as `write @ W`, and what it reads comes out as `stream @ W.T`, with the same W
`(D, d)` everywhere, embeddings and unembedding included. A row of W is the direction in which a feature is kept; where
d < D these cannot all be orthogonal.

Source: Lindner et al. 2023, "Tracr", section 5.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..craft import Craft
from ..errors import RaspError
from ..model import CompiledBlock, CompiledTransformer, assemble


class Halves(NamedTuple):
    """What a forward gives.

    Attributes:
        logits: `(seed, batch, position, output)`.
        written: what each half-layer writes, in the original's dimensions, before W: `(seed, batch, position, D)`
            each, in the order of `CompressedTransformer.places`.
        streams: the whole stream after each of them as the next one reads it, of the same shape.
    """

    logits: Tensor
    written: tuple[Tensor, ...]
    streams: tuple[Tensor, ...]


class CompressedTransformer(nn.Module):
    """A frozen model around one matrix, or several at once, one per seed.

    Args:
        model: the original; a frozen copy of it is kept.
        directions: W, `(seed, D, d)`; the only parameter.

    Shapes: ids `(seed, batch, position)`, or `(batch, position)` for the same ones everywhere.
    Raises: `RaspError` if W does not fit the model.
    """

    def __init__(self, model: CompiledTransformer, directions: Tensor) -> None:
        super().__init__()
        size = model.config.d_model
        if directions.ndim != 3 or directions.shape[1] != size:
            raise RaspError(f"directions have the shape {tuple(directions.shape)}; pass (seed, {size}, width)")
        self.original = copy.deepcopy(model).requires_grad_(False)
        self._halves = [
            (number, kind)
            for number, block in enumerate(self.original.blocks)
            if isinstance(block, CompiledBlock)
            for kind in _busy(block)
        ]
        self.directions = nn.Parameter(directions.detach().clone().to(model.device, model.dtype))

    @classmethod
    def of(cls, craft: Craft, directions: Tensor) -> CompressedTransformer:
        """A craft around W, `(D, d)` or `(seed, D, d)`, in float64."""
        given = directions if directions.ndim == 3 else directions[None]
        return cls(assemble(craft, dtype=torch.float64), given)

    @property
    def places(self) -> tuple[str, ...]:
        """Names of the half-layers that write something: `0.attention`, `0.mlp`, ..."""
        return tuple(f"{number}.{kind}" for number, kind in self._halves)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Halves:
        """Run all seeds side by side.

        Args:
            input_ids: BOS first, padding last.
            attention_mask: of the same shape, False at padding.
        """
        seeds = self.directions.shape[0]
        ids = input_ids.expand(seeds, *input_ids.shape[-2:])
        mask = self._mask(ids.shape, attention_mask)
        model = self.original
        embedded = model.token_embedding(ids) + model.position_embedding.weight[: ids.shape[-1]]
        stream = self._write(embedded)
        read = self._read(stream)
        written, streams = [], []
        for number, kind in self._halves:
            found = self._half(number, kind, read, mask)
            stream = stream + self._write(found)
            read = self._read(stream)
            written.append(found)
            streams.append(read)
        return Halves(model.unembedding(read), tuple(written), tuple(streams))

    def folded(self, seed: int = 0) -> CompiledTransformer:
        """One seed's model with W multiplied into its weights: a transformer of width d like any other."""
        w = self.directions[seed].detach()
        model = self.original
        size = w.shape[1]
        found = CompiledTransformer(
            replace(model.config, d_model=size, labels=tuple(f"compressed {i}" for i in range(size)))
        ).to(model.device, model.dtype)
        state = {name: value.clone() for name, value in model.state_dict().items()}
        for name, value in state.items():
            kind = name.rsplit(".", 2)[-2]
            reads = kind in ("query", "key", "value", "input", "unembedding") and name.endswith("weight")
            if reads or kind.endswith("_embedding"):
                state[name] = value @ w
            elif kind == "output":
                state[name] = w.T @ value
        found.load_state_dict(state)
        return found.eval()

    def _half(self, number: int, kind: str, x: Tensor, mask: Tensor | None) -> Tensor:
        block = self.original.blocks[number]
        assert isinstance(block, CompiledBlock)
        flat = x.flatten(0, 1)  # seeds are rows of one batch for the parts that all of them share
        written: Tensor = block.attention(flat, mask)[0] if kind == "attention" else block.mlp(flat)
        return written.view_as(x)

    def _write(self, x: Tensor) -> Tensor:
        return _times(x, self.directions)

    def _read(self, stream: Tensor) -> Tensor:
        return _times(stream, self.directions.transpose(1, 2))

    def _mask(self, shape: torch.Size, attention_mask: Tensor | None) -> Tensor | None:
        """True where a key may be seen, with a row for each input of each seed."""
        count = shape[-1]
        causal = torch.ones(count, count, dtype=torch.bool, device=self.directions.device).tril()
        if attention_mask is None:
            return causal if self.original.config.causal else None
        seen = attention_mask.bool().expand(shape).flatten(0, 1)[:, None, None, :]
        return seen & causal if self.original.config.causal else seen


def _times(x: Tensor, matrices: Tensor) -> Tensor:
    """`(seed, batch, position, in)` by `(seed, in, out)`, as one product per seed, much faster than one per input."""
    return torch.bmm(x.flatten(1, 2), matrices).view(*x.shape[:3], -1)


def _busy(block: CompiledBlock) -> list[str]:
    """The halves of a block that write something."""
    halves = {"attention": block.attention.output, "mlp": block.mlp.output}
    return [kind for kind, output in halves.items() if output.weight.any() or output.bias.any()]
