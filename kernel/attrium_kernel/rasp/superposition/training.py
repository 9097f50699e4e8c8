"""Train the matrix through which a compiled model's stream is squeezed.

Only W learns, by Adam, on two losses: the output's, and the layers': squared differences between what each half-layer
writes and what it writes in the original. The second keeps the model doing the work in the original's way; without it
only the result counts. All seeds are trained at once, side by side and independently.

Source: Lindner et al. 2023, "Tracr", section 5, whose code for this was not released; rates, steps and starts are ours.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from attrium_kernel.running import Cancelled

from ..compiling import Compiled
from ..craft import Craft
from ..errors import RaspError
from ..expressions import Value
from . import measures
from .compressed_model import CompressedTransformer, Halves
from .result import Compressed
from .samples import BOS, PAD, given_inputs, some_inputs, split

Progress = Callable[[int, int], object]
Cancel = Callable[[], bool]

SPLIT_SEED = 0  # which inputs are held out is the same for all seeds
BETAS = (0.9, 0.99)


class Original(NamedTuple):
    """What the original does on some inputs.

    Attributes:
        ids: `(input, position)`.
        valid: `(input, position)`, where there is a token of the input.
        logits: `(input, position, output)`.
        written: for each half-layer `(input, position, D)`.
        streams: the stream after each of them, `(input, position, D)`.
    """

    ids: Tensor
    valid: Tensor
    logits: Tensor
    written: tuple[Tensor, ...]
    streams: tuple[Tensor, ...]


def compress(
    original: Compiled | Craft,
    width: int,
    *,
    steps: int = 3000,
    lr: float = 0.01,
    seeds: int | Sequence[int] = 1,
    layer_weight: float = 1.0,
    output_weight: float = 1.0,
    batch_size: int = 32,
    start: Tensor | float = 0.3,
    inputs: Iterable[Sequence[Value]] | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Compressed:
    """Squeeze a compiled program's residual stream into fewer dimensions.

    Args:
        original: a compiled program, or its craft; attention is an ordinary softmax.
        width: dimensions of the compressed stream, at most the original's.
        steps: steps of Adam; 0 only measures `start`.
        lr: its learning rate at the first step, which falls to 0 in a line.
        seeds: how many seeds (0, 1, ...), or which. Each has its own start and batches, and the same held-out inputs.
        layer_weight, output_weight: weights of the two losses.
        batch_size: inputs per step and seed.
        start: standard deviation of the random start, as a share of that of unit directions; or W itself, `(D, width)`
            or `(seed, D, width)`.
        inputs: what to train and to measure on, a quarter held out; None for all inputs, or at most 4,096 random
            ones where there are more.
        progress: called as `progress(done, total)` after every step.
        cancel: asked before every step; True raises `Cancelled`.

    Returns:
        W of every seed, its losses, and what the compressed models do on held-out inputs, in float64.

    Raises:
        RaspError: an option or an input is wrong, or the loss is no longer finite.
        Cancelled: when `cancel` said so.
    """
    craft = original.craft if isinstance(original, Compiled) else original
    _check(craft, width, steps, lr, batch_size, layer_weight, output_weight)
    chosen = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not chosen or len(set(chosen)) != len(chosen):
        raise RaspError(f"seeds={seeds!r}; pass how many, at least 1, or different whole numbers")
    chance = torch.Generator().manual_seed(SPLIT_SEED)
    ids = some_inputs(craft, chance) if inputs is None else given_inputs(craft, inputs)
    train, held = split(ids, chance)
    generators = [torch.Generator().manual_seed(seed) for seed in chosen]
    with torch.random.fork_rng(devices=[]):  # modules draw their first weights from the caller's generator
        identity = CompressedTransformer.of(craft, torch.eye(len(craft.space)))
        model = CompressedTransformer.of(craft, _start(start, len(craft.space), width, generators))
    with _one_thread():
        losses = _train(
            model, _run(identity, train), generators, steps, lr, batch_size, (output_weight, layer_weight),
            craft.numerical, progress, cancel,
        )  # fmt: skip
        return _measured(craft, chosen, model, _run(identity, held), losses)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """One thread for matrices this small: more do not help, and on a busy machine they wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _check(
    craft: Craft, width: int, steps: int, lr: float, batch_size: int, layer_weight: float, output_weight: float
) -> None:
    size = len(craft.space)
    if not 1 <= width <= size:
        raise RaspError(f"width={width}, but the stream has {size} dimensions; pass 1 <= width <= {size}")
    if steps < 0 or batch_size < 1:
        raise RaspError(f"steps={steps}, batch_size={batch_size}; pass steps >= 0 and batch_size >= 1")
    if not (lr > 0 and math.isfinite(lr)):
        raise RaspError(f"lr={lr}; pass a number above 0")
    if not (layer_weight >= 0 and output_weight >= 0 and layer_weight + output_weight > 0):
        raise RaspError(f"layer_weight={layer_weight}, output_weight={output_weight}; pass weights of at least 0, "
                        "not both 0")  # fmt: skip


def _start(start: Tensor | float, size: int, width: int, generators: Sequence[torch.Generator]) -> Tensor:
    if isinstance(start, Tensor):
        if start.shape[-2:] != (size, width) or start.ndim not in (2, 3):
            raise RaspError(f"start has the shape {tuple(start.shape)}; pass ({size}, {width}), or one per seed")
        if start.ndim == 3 and len(start) != len(generators):
            raise RaspError(f"start has {len(start)} matrices for {len(generators)} seeds; pass one for each")
        return start.detach().double().expand(len(generators), size, width)
    drawn = [torch.randn(size, width, dtype=torch.float64, generator=generator) for generator in generators]
    return torch.stack(drawn) * start / math.sqrt(width)


def _run(identity: CompressedTransformer, ids: Tensor) -> Original:
    """The original on some inputs: a stream squeezed through the identity is the original's."""
    with torch.no_grad():
        found = identity(ids, ids != PAD)
    valid = (ids != BOS) & (ids != PAD)
    return Original(
        ids, valid, found.logits[0], *(tuple(x[0] for x in each) for each in (found.written, found.streams))
    )


def _train(
    model: CompressedTransformer,
    original: Original,
    generators: Sequence[torch.Generator],
    steps: int,
    lr: float,
    batch_size: int,
    weights: tuple[float, float],
    numerical: bool,
    progress: Progress | None,
    cancel: Cancel | None,
) -> Tensor:
    """Train W in place; the two losses `(step, 2, seed)`."""
    optimizer = torch.optim.Adam([model.directions], lr=lr, betas=BETAS)
    history = torch.zeros(steps, 2, len(generators), dtype=torch.float64)
    count = len(original.ids)
    for step in range(steps):
        if cancel is not None and cancel():
            raise Cancelled(f"cancelled after {step} of {steps} steps")
        rows = torch.stack([torch.randint(count, (batch_size,), generator=each) for each in generators])
        found: Halves = model(original.ids[rows], original.ids[rows] != PAD)
        valid = original.valid[rows]
        output = measures.output_loss(found.logits, original.logits[rows], valid, numerical)
        layers = measures.layer_loss(found, tuple(each[rows] for each in original.written), valid)
        history[step, 0], history[step, 1] = output.detach(), layers.detach()
        if not history[step].isfinite().all():
            raise RaspError(f"the loss is not finite after {step} steps; pass a smaller lr than {lr}")
        optimizer.param_groups[0]["lr"] = lr * (1 - step / steps)
        optimizer.zero_grad()
        # A sum over seeds: no seed's loss depends on another's W, and Adam scales each entry by itself.
        (weights[0] * output + weights[1] * layers).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if progress is not None:
            progress(step + 1, steps)
    return history


def _measured(
    craft: Craft, seeds: tuple[int, ...], model: CompressedTransformer, held: Original, losses: Tensor
) -> Compressed:
    with torch.no_grad():
        found: Halves = model(held.ids, held.ids != PAD)
    valid = held.valid
    written, streams = (
        torch.stack([measures.similarity(a, b, valid) for a, b in zip(mine, theirs, strict=True)], 1)
        for mine, theirs in ((found.written, held.written), (found.streams, held.streams))
    )
    everywhere = valid.expand(len(seeds), *valid.shape)
    return Compressed(
        craft=craft,
        seeds=seeds,
        directions=model.directions.detach().clone(),
        output_losses=losses[:, 0],
        layer_losses=losses[:, 1],
        accuracy=measures.accuracy(found.logits, held.logits, valid, craft.numerical),
        error=measures.output_loss(found.logits, held.logits, everywhere, craft.numerical),
        places=model.places,
        faithfulness=written,
        stream_faithfulness=streams,
    )
