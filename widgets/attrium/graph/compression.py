"""A program's residual stream in fewer dimensions: trained on request, kept for each width, told to the screen.

The shared projection starts from the principal directions of the stream, which lose nothing while there are as many as
the stream uses, and learns from there. Steps that leave the error on held-out inputs larger than before are not kept.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attrium_kernel.arrays import make_frame
from attrium_kernel.rasp import EvaluationError
from attrium_kernel.rasp.craft import Craft
from attrium_kernel.rasp.expressions import Value
from attrium_kernel.rasp.superposition import Compressed, CompressedTransformer, compress
from attrium_kernel.rasp.superposition.measures import output_loss
from attrium_kernel.rasp.superposition.samples import BOS, PAD, given_inputs, split
from attrium_kernel.rasp.superposition.training import SPLIT_SEED

from ..channel import Answer
from ..errors import AttriumError
from ..jobs import Job
from .inputs import draw, in_turn
from .side import Side

MOST_STEPS = 50_000
MOST_INPUTS = 600
"""To train and to measure on; a quarter of them is held out."""
FEWEST_INPUTS = 4
LEARNING_RATE, STEEPNESS = 3e-3, 1.25
"""At the first step, where the stream holds no number above 1; it falls with this power of the largest one, which the
weights that read it make the more of. Found by trying on programs of the library.
"""
SMALLER = 4
"""What divides the learning rate after a training that was not kept."""
POINTS = 200
"""Most points of a loss curve; each is a mean over steps."""
DROPPED, SHARED = 0.1, 0.3
"""Limits of what is dropped (squared length) and of what is superposed (cosine)."""


@dataclass(frozen=True, eq=False)
class Sample:
    """What a program is compressed on.

    Attributes:
        craft: the program's.
        inputs: different inputs that the program is for and has a value on.
        every: whether these are all there are.
        principal: the principal directions of the stream at all tokens and half-layers, `(D, D)`, one a row.
        lr: the learning rate.
        held: how many inputs, and how many tokens of them, are held out.
        constant: accuracy and error on these of the best answer that is always the same.
    """

    craft: Craft
    inputs: tuple[tuple[Value, ...], ...]
    every: bool
    principal: Tensor
    lr: float
    held: tuple[int, int]
    constant: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Trained:
    """What was trained for one width.

    Attributes:
        found: W and what it does, with all losses so far.
        steps: steps taken since the start.
        own: those that led to this W.
        lost: the last ones, which were not kept, since they left a larger error.
        failures: how many trainings were not kept in a row; each makes the next one's steps smaller.
        start: accuracy and error on held-out inputs before the first step.
    """

    found: Compressed
    steps: int
    own: int
    lost: int
    failures: int
    start: tuple[float, float]

    @property
    def accuracy(self) -> float:
        """Share of tokens of held-out inputs with the model's own output."""
        return self.found.accuracy.item()

    @property
    def error(self) -> float:
        """Output loss on held-out inputs."""
        return self.found.error.item()


@dataclass(eq=False)
class Compressions:
    """All that was trained for the programs on show, by side and width; `count` goes on from program to program."""

    count: int = 0
    kept: dict[tuple[int, int], Trained] = field(default_factory=dict)
    samples: dict[int, Sample] = field(default_factory=dict)

    def of(self, side: int, width: int) -> Trained:
        """What was trained.

        Raises:
            AttriumError: nothing was, for that width.
        """
        if (side, width) not in self.kept:
            widths = ", ".join(str(w) for s, w in sorted(self.kept) if s == side)
            raise AttriumError(
                f"width={width} has not been trained; call compress({width})"
                + (f", or pass one of those that have: {widths}" if widths else "")
            )
        return self.kept[side, width]

    def listed(self, before: Sequence[dict[str, Any]], side: int, width: int) -> list[dict[str, Any]]:
        """The trait after a training: narrow widths first; `number` counts trainings, to tell answers apart."""
        self.count += 1
        one = self.kept[side, width]
        new = {"side": side, "width": width, "steps": one.steps, "accuracy": one.accuracy, "number": self.count}
        rest = [each for each in before if (each["side"], each["width"]) != (side, width)]
        return sorted([*rest, new], key=lambda each: (each["side"], each["width"]))


def train(side: Side, sample: Sample, width: int, steps: int, before: Trained | None, job: Job) -> Trained:
    """Train one width, on from where it was left.

    Raises:
        AttriumError: `width` or `steps` is none.
    """
    check_wish(side, width, steps)
    if before is None:
        before = _begun(sample, width)
    seed = before.steps  # other batches than before
    found = compress(
        sample.craft, width, steps=steps, lr=sample.lr / SMALLER**before.failures, seeds=[seed],
        start=before.found.directions, inputs=sample.inputs, progress=job.progress, cancel=job.cancelled,
    )  # fmt: skip
    better = found.error.item() <= before.error
    kept = replace(
        found if better else before.found,
        seeds=(seed,),
        output_losses=torch.cat([before.found.output_losses, found.output_losses]),
        layer_losses=torch.cat([before.found.layer_losses, found.layer_losses]),
    )
    taken = before.steps + steps
    if better:
        return Trained(kept, taken, before.own + steps, 0, 0, before.start)
    return Trained(kept, taken, before.own, before.lost + steps, before.failures + 1, before.start)


def check_wish(side: Side, width: int, steps: int) -> None:
    """Whether a width can be trained.

    Raises:
        AttriumError: it cannot.
    """
    size = len(side.model.craft.space)
    if type(width) is not int or not 1 <= width <= size:
        raise AttriumError(f"width={width!r}, but the stream has {size} dimensions; pass 1 <= width <= {size}")
    if type(steps) is not int or not 1 <= steps <= MOST_STEPS:
        raise AttriumError(f"steps={steps!r}; pass how many steps to train, 1 to {MOST_STEPS:,}")


def _begun(sample: Sample, width: int) -> Trained:
    """W of the principal directions of the stream, untrained; exact from as many as the stream uses."""
    found = compress(sample.craft, width, steps=0, start=sample.principal[:width].T, inputs=sample.inputs)
    return Trained(found, 0, 0, 0, 0, (found.accuracy.item(), found.error.item()))


# The inputs


def sample_of(side: Side, job: Job | None = None) -> Sample:
    """Inputs of a program, and what its model does on them.

    Raises:
        AttriumError: there are too few to hold some out.
    """
    craft = side.model.craft
    inputs, every = _inputs(side, job)
    if len(inputs) < FEWEST_INPUTS:
        raise AttriumError(
            f"the program has {len(inputs)} inputs, but {FEWEST_INPUTS} or more are needed to hold some out; take more "
            "values into the vocabulary, or raise max_length"
        )
    ids = given_inputs(craft, inputs)
    identity = CompressedTransformer.of(craft, torch.eye(len(craft.space)))
    model = identity.original
    with torch.no_grad():
        found = identity(ids, ids != PAD)
        embedded = model.token_embedding(ids) + model.position_embedding.weight[: ids.shape[1]]
        streams = torch.cat([each[ids != PAD] for each in (embedded, *(stream[0] for stream in found.streams))])
        held = split(ids, torch.Generator().manual_seed(SPLIT_SEED))[1]
        wanted = identity(held, held != PAD).logits[0]
    valid = (held != BOS) & (held != PAD)
    lr = LEARNING_RATE / max(1.0, streams.abs().max().item()) ** STEEPNESS
    return Sample(
        craft, inputs, every, _principal(streams), lr, (len(held), int(valid.sum())),
        _constant(wanted, valid, craft.numerical),
    )  # fmt: skip


def _inputs(side: Side, job: Job | None) -> tuple[tuple[tuple[Value, ...], ...], bool]:
    """All inputs that a program is for and has a value on, or as many random ones; and whether these are all."""
    count = sum(len(side.vocabulary) ** n for n in range(1, side.max_length + 1))
    every = count <= MOST_INPUTS
    draws = random.Random(0)
    given = (
        in_turn(side.vocabulary, side.max_length, count)
        if every
        else (draw(draws, side.vocabulary, side.max_length, side.given.accepts) for _ in range(2 * MOST_INPUTS))
    )
    kept: dict[tuple[Any, ...], tuple[Value, ...]] = {}
    for tokens in given:
        if job is not None:
            job.check()
        if tokens is None or not side.given.accepts(tokens) or not _has_value(side, tokens):
            continue
        kept[tuple((type(token), token) for token in tokens)] = tuple(tokens)
        if len(kept) == MOST_INPUTS:
            break
    return tuple(kept.values()), every


def _has_value(side: Side, tokens: Sequence[Value]) -> bool:
    try:
        side.evaluated(tokens)
    except EvaluationError:
        return False
    return True


def _principal(streams: Tensor) -> Tensor:
    """The principal directions of vectors `(number, D)`, each counted with length 1: numbers are large at the BOS."""
    rows = streams[streams.norm(dim=1) > 0]
    thin = torch.linalg.qr(rows / rows.norm(dim=1, keepdim=True), mode="r").R  # has the same ones
    found: Tensor = torch.linalg.svd(thin, full_matrices=True).Vh
    return found


def _constant(wanted: Tensor, valid: Tensor, numerical: bool) -> tuple[float, float]:
    """Accuracy and error of always giving the commonest output, and of always giving the best one."""
    rows = wanted[valid]
    if numerical:
        counts = np.unique(rows[:, 0].numpy().round(6), return_counts=True)[1]
        share, best = int(counts.max()) / len(rows), rows.mean(0)
    else:
        share = rows.argmax(-1).bincount().max().item() / len(rows)
        best = rows.softmax(-1).mean(0).clamp_min(1e-30).log()
    error = output_loss(best.expand(1, *wanted.shape), wanted, valid[None], numerical)
    return share, error.item()


# The answer


def compression(compressions: Compressions, side: int, width: int) -> Answer:
    """What was trained for a width; see protocol.ts. Frames: `overlaps` `(D, D)`, `loss` `(2, point)`."""
    trained, sample = compressions.of(side, width), compressions.samples[side]
    found = trained.found
    points = min(POINTS, max(1, trained.steps))
    losses = torch.cat([found.output_losses, found.layer_losses], 1).T
    curves = torch.stack([part.mean(1) for part in losses.tensor_split(points, dim=1)], 1)
    facts = {
        "width": width,
        "dimensions": [{"label": str(each), "node": each.node} for each in found.craft.space.directions],
        "features": [
            {"label": each.label, "norm": each.norm, "overlap": each.overlap, "other": each.other, "fate": each.fate}
            for each in found.features(0, DROPPED, SHARED)
        ],
        "dropped": DROPPED,
        "shared": SHARED,
        "numerical": found.craft.numerical,
        "accuracy": trained.accuracy,
        "error": trained.error,
        "start": list(trained.start),
        "constant": list(sample.constant),
        "held": list(sample.held),
        "inputs": len(sample.inputs),
        "every": sample.every,
        "steps": trained.steps,
        "own": trained.own,
        "lost": trained.lost,
        "places": [
            {"place": place, "faithfulness": value}
            for place, value in zip(found.places, found.faithfulness[0].tolist(), strict=True)
        ],
    }
    frames = {
        "overlaps": make_frame(found.overlaps[0].float(), "overlaps"),
        "loss": make_frame(np.asarray(curves, np.float32), "loss"),
    }
    return Answer(facts, frames)
