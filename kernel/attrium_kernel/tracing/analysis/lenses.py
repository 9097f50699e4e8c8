"""The logit lens: what the model would say if it stopped at each point of its stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from attrium_kernel.running import Cancelled, untouched

from ..errors import SiteError
from ..trace import Trace
from .places import (
    Positions,
    TokenIds,
    architecture_of,
    check_tokens,
    chosen_positions,
    model_of,
    stream_points,
)
from .readout import Readout, last_of_stream

CHUNK_BYTES = 64 * 2**20
"""Logits held at a time, in float32."""


class Translator(Protocol):
    """What a trained lens does to a vector of the stream before the model's readout, `TunedLens` for one."""

    def translate(self, name: str, resid: Tensor) -> Tensor:
        """`(..., d_model)` at the point `name` -> what it would be at the end of the stream."""


@dataclass(frozen=True)
class Lens:
    """What a lens reads at some points of one trace. Axes: (point, batch, position), on the CPU, in float32.

    Args:
        names: the points, in forward order.
        positions: which positions of the trace.
        top_tokens: `(point, batch, position, top)` ids of the likeliest tokens, likeliest first.
        top_probabilities: theirs.
        entropy: of the distribution, in nats.
        kl: KL(model's own distribution || the lens's), in nats; 0 where the lens agrees with the model.
        all_logits: `(point, batch, position, vocab)` where they were asked for, else None.
    """

    names: tuple[str, ...]
    positions: tuple[int, ...]
    top_tokens: Tensor
    top_probabilities: Tensor
    entropy: Tensor
    kl: Tensor
    all_logits: Tensor | None
    _normalizer: Tensor = field(repr=False)
    _source: _Source = field(repr=False)

    def logit(self, token: TokenIds) -> Tensor:
        """`(point, batch, position)` the logit of a token.

        Args:
            token: one id, or ids that broadcast to `(batch, position)`: the token that comes next, say.
        """
        return self._source.logit(self._ids(token))

    def probability(self, token: TokenIds) -> Tensor:
        """`(point, batch, position)` the probability of a token; ids as for `logit`."""
        return (self.logit(token) - self._normalizer).exp()

    def rank(self, token: TokenIds) -> Tensor:
        """`(point, batch, position)` how many tokens are likelier than this one: 0 is the top. Ids as for `logit`.

        Computes all logits once more, a chunk at a time.
        """
        ids = self._ids(token).reshape(-1, 1)
        rank = torch.empty(self._normalizer.shape, dtype=torch.long)
        flat = rank.reshape(len(self.names), -1)
        for point, rows, logits in self._source.chunks():
            own = logits.gather(1, ids[rows].to(logits.device))
            flat[point, rows] = (logits > own).sum(1).cpu()
        return rank

    def log_probabilities(self, name: str) -> Tensor:
        """`(batch, position, vocab)` at one point."""
        if name not in self.names:
            raise SiteError(f"{name!r} is not a point of this lens; it has {', '.join(self.names)}")
        point = self.names.index(name)
        rows = [logits.log_softmax(-1).cpu() for _, _, logits in self._source.chunks([point])]
        return torch.cat(rows).reshape(*self._normalizer.shape[1:], -1)

    def _ids(self, token: TokenIds) -> Tensor:
        ids = check_tokens(torch.as_tensor(token), self._source.vocab)
        try:
            return ids.expand(self._normalizer.shape[1:])
        except RuntimeError:
            raise SiteError(
                f"token ids of shape {tuple(ids.shape)} do not broadcast to (batch, position) = "
                f"{tuple(self._normalizer.shape[1:])}; pass one id, or one for each place"
            ) from None


def logit_lens(
    trace: Trace,
    names: str | Sequence[str] = "resid_post",
    *,
    positions: Positions = None,
    top: int = 5,
    keep_logits: bool = False,
    lens: Translator | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Lens:
    """Send points of the stream through the model's last norm and unembedding (and softcap, where it has one).

    Logits are made 64 MiB at a time, and only kept with `keep_logits`. At the last `resid_post` the lens is the
    model. In a post-norm model (BART) the points to read are `"ln2.out"`.

    Args:
        trace: with the model's own logits.
        names: `"all"` points of the stream, or names as in `stream_points`; `attn_out` and `mlp_out` can be read too.
        positions: which; None is all.
        top: how many of the likeliest tokens to keep for each place.
        keep_logits: keep `(point, batch, position, vocab)`.
        lens: a trained lens; None reads the stream as it is.
        progress: called as `progress(done, total)` in vectors.
        cancel: asked before every chunk; True raises `Cancelled`.

    Raises:
        SiteError: a name or position is not in the trace, or the logits of this model do not come from its stream by a
            norm and an unembedding.
        Cancelled: when `cancel` said so.

    Source: nostalgebraist 2020, "interpreting GPT: the logit lens".
    """
    architecture = architecture_of(trace)
    points = stream_points(trace, architecture.main, names)
    readout = Readout.of(trace)
    batch, length, _ = trace[last_of_stream(architecture)].shape
    source = _Source(trace, readout, lens, points, chosen_positions(positions, length), batch)
    shape = (len(points), batch, len(source.positions))
    n = shape[1] * shape[2]
    top = min(top, source.vocab)
    values, tokens = torch.empty(len(points), n, top), torch.empty(len(points), n, top, dtype=torch.long)
    entropy, kl, normalizer = (torch.empty(len(points), n) for _ in range(3))
    kept = torch.empty(len(points), n, source.vocab) if keep_logits else None
    final, final_rows = torch.empty(0), slice(0, 0)
    done = 0
    for point, rows, logits in source.chunks():
        if cancel is not None and cancel():
            raise Cancelled
        if rows != final_rows:
            final, final_rows = source.final(rows), rows
        log_p = logits.log_softmax(-1)
        best = log_p.topk(top, -1)
        values[point, rows], tokens[point, rows] = best.values.exp().cpu(), best.indices.cpu()
        entropy[point, rows] = -_dot(log_p.exp(), log_p).cpu()
        kl[point, rows] = _dot(final.exp(), final - log_p).cpu()
        normalizer[point, rows] = logits.logsumexp(-1).cpu()
        if kept is not None:
            kept[point, rows] = logits.cpu()
        done += len(logits)
        if progress is not None:
            progress(done, len(points) * n)
    return Lens(
        names=tuple(points),
        positions=tuple(source.positions),
        top_tokens=tokens.reshape(*shape, top),
        top_probabilities=values.reshape(*shape, top),
        entropy=entropy.reshape(shape),
        kl=kl.reshape(shape),
        all_logits=None if kept is None else kept.reshape(*shape, source.vocab),
        _normalizer=normalizer.reshape(shape),
        _source=source,
    )


def _dot(p: Tensor, log_q: Tensor) -> Tensor:
    """Sum of p log q over tokens, where a probability of 0 counts 0 whatever its logarithm."""
    return torch.where(p > 0, p * log_q, 0.0).sum(-1)


class _Source:
    """Gives the logits of some points of a trace, a chunk of rows (batch x position) at a time."""

    def __init__(
        self,
        trace: Trace,
        readout: Readout,
        lens: Translator | None,
        points: list[str],
        positions: list[int],
        batch: int,
    ) -> None:
        self.trace, self.readout, self.lens, self.points, self.positions = trace, readout, lens, points, positions
        self.batch, self.vocab = batch, readout.weight.shape[1]

    def chunks(self, points: list[int] | None = None) -> Iterator[tuple[int, slice, Tensor]]:
        """`(point, rows, logits (rows, vocab))`, all points of the same rows before the next rows."""
        n, size = self.batch * len(self.positions), max(1, CHUNK_BYTES // (4 * self.vocab))
        model = model_of(self.trace)
        for a in range(0, n, size):
            rows = slice(a, min(a + size, n))
            for point in range(len(self.points)) if points is None else points:
                with torch.no_grad(), untouched(model, False):
                    logits = self.readout.logits(self._resid(point, rows))
                yield point, rows, logits

    def final(self, rows: slice) -> Tensor:
        """`(rows, vocab)` the log-probabilities that the model itself gave there."""
        with torch.no_grad(), untouched(model_of(self.trace), False):
            return self.readout.logits(self._at(last_of_stream(architecture_of(self.trace)), rows)).log_softmax(-1)

    def logit(self, ids: Tensor) -> Tensor:
        """`(point, batch, position)` of one token at each place `(batch, position)`, without the other logits."""
        rows = slice(0, ids.numel())
        with torch.no_grad(), untouched(model_of(self.trace), False):
            each = [self.readout.token_logits(self._resid(i, rows), ids.reshape(-1)) for i in range(len(self.points))]
        return torch.stack(each).cpu().reshape(-1, *ids.shape)

    def _resid(self, point: int, rows: slice) -> Tensor:
        resid = self._at(self.points[point], rows)
        return resid if self.lens is None else self.lens.translate(self.points[point], resid)

    def _at(self, name: str, rows: slice) -> Tensor:
        at = torch.arange(rows.start, rows.stop)
        n = len(self.positions)
        return self.trace[name][at // n, torch.tensor(self.positions)[at % n]]
