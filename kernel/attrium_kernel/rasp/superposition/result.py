"""What a compression found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..craft import Craft
from ..decode import decode_batch
from ..expressions import Value
from ..model import CompiledTransformer
from .compressed_model import CompressedTransformer
from .measures import Feature, features
from .samples import given_inputs


@dataclass(frozen=True, eq=False)
class Compressed:
    """One program's stream in fewer dimensions, once for each seed; axis 0 of every tensor but the losses is the seed.

    Attributes:
        craft: the original.
        seeds: the seeds.
        directions: W, `(seed, D, d)`; row i is the direction in which dimension i of the original is kept.
        output_losses, layer_losses: `(step, seed)`, on the batch of each step, before weighting.
        accuracy: `(seed,)`, share of tokens of held-out inputs with the original's output.
        error: `(seed,)`, output loss on held-out inputs: mean squared error of a number, else cross-entropy.
        places: names of the half-layers that write something.
        faithfulness: `(seed, place)`, mean cosine of what each half-layer writes with what the original's writes, in
            the original's dimensions, on held-out inputs. A half-layer that writes a single number has 1 if its sign
            is right.
        stream_faithfulness: `(seed, place)`, the same for the whole stream after each half-layer, as it is read.
    """

    craft: Craft
    seeds: tuple[int, ...]
    directions: Tensor
    output_losses: Tensor
    layer_losses: Tensor
    accuracy: Tensor
    error: Tensor
    places: tuple[str, ...]
    faithfulness: Tensor
    stream_faithfulness: Tensor

    @property
    def width(self) -> int:
        """Dimensions of the compressed stream, d."""
        return self.directions.shape[2]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the original's dimensions."""
        return tuple(self.craft.space.labels)

    @property
    def overlaps(self) -> Tensor:
        """`(seed, D, D)`, inner products of the features' directions; W^T W in the paper, where W is (d, D)."""
        return self.directions @ self.directions.transpose(1, 2)

    @property
    def best(self) -> int:
        """Place, along the seed axis, of the smallest error on held-out inputs."""
        return int(self.error.argmin())

    def features(self, seed: int | None = None, dropped: float = 0.1, shared: float = 0.3) -> list[Feature]:
        """What became of each dimension of the original.

        Args:
            seed: place along the seed axis; None for the best.
            dropped, shared: as for `measures.features`.
        """
        return features(self.directions[self.best if seed is None else seed], self.labels, dropped, shared)

    def model(self, seed: int | None = None) -> CompiledTransformer:
        """The compressed transformer of width d, with W folded into its weights; float64.

        Args:
            seed: place along the seed axis; None for the best.
        """
        with torch.random.fork_rng(devices=[]):  # modules draw their first weights
            whole = CompressedTransformer.of(self.craft, self.directions)
            return whole.folded(self.best if seed is None else seed)

    def __call__(self, inputs: Sequence[Value], seed: int | None = None) -> list[Value]:
        """What the compressed model says about an input: a value per token, as a compiled program does."""
        ids = given_inputs(self.craft, [inputs])[:, : len(inputs) + 1]
        with torch.no_grad():
            return decode_batch(self.craft, self.model(seed)(ids).logits)[0]

    def __repr__(self) -> str:
        low, high = self.accuracy.min().item(), self.accuracy.max().item()
        sizes = f"{len(self.labels)} -> {self.width} dimensions, {len(self.seeds)} seeds"
        return f"Compressed({sizes}, accuracy {low:.3f} to {high:.3f})"
