"""What kind of head is this? Scores of attention patterns, each a number per head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..architecture import Architecture
from ..errors import SiteError
from ..trace import Trace, trace
from ..weights import Weights
from .patterns import Patterns, each_pattern, square

PERIOD = 24
"""Length of the random part that repeats, by default."""

Score = Callable[["Places"], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Places:
    """What pattern scores look at: one layer's pattern and where its tokens are.

    Args:
        pattern: `(batch, head, query, key)`.
        real: `(batch, position)` bool: not padding.
        ids: `(batch, position)`, or None.
        period: length of the repeated part, or None.
    """

    pattern: Tensor
    real: Tensor
    ids: Tensor | None
    period: int | None

    @property
    def distance(self) -> Tensor:
        """`(query, key)` how many positions the key lies before the query."""
        at = torch.arange(self.pattern.shape[-1], device=self.pattern.device)
        return at[:, None] - at

    def mass(self, keys: Tensor) -> tuple[Tensor, Tensor]:
        """Attention on the keys that a query is looking for, and which queries have any.

        Args:
            keys: bool, broadcastable to `(batch, query, key)`.
        """
        keys = keys & self.real[:, None, :] & self.real[:, :, None]
        return (self.pattern * keys[:, None]).sum(-1), keys.any(-1)


def previous_token(places: Places) -> tuple[Tensor, Tensor]:
    """Attention to the token before."""
    return places.mass((places.distance == 1)[None])


def current_token(places: Places) -> tuple[Tensor, Tensor]:
    """Attention to the token itself."""
    return places.mass((places.distance == 0)[None])


def first_token(places: Places) -> tuple[Tensor, Tensor]:
    """Attention to the first token that is not padding, from later ones: the sink where heads rest."""
    first = places.real.float().argmax(1)
    at = torch.arange(places.real.shape[1], device=places.real.device)
    is_first = at == first[:, None]
    return places.mass(is_first[:, None, :] & ~is_first[:, :, None])


def duplicate_token(places: Places) -> tuple[Tensor, Tensor]:
    """Attention to earlier copies of the same token, over the queries that have one."""
    if places.ids is None:
        raise SiteError("duplicate_token needs the ids of the tokens; pass a trace of ids or text, or ids=")
    return places.mass((places.ids[:, :, None] == places.ids[:, None, :]) & (places.distance > 0))


def induction(places: Places) -> tuple[Tensor, Tensor]:
    """Attention to the token after the previous copy of this one, `period - 1` back, from the second copy on."""
    if places.period is None:
        raise SiteError(
            "induction needs the period of a repeated sequence; pass period=, or use induction_scores(model)"
        )
    again = torch.arange(places.pattern.shape[-2], device=places.pattern.device)[None] >= places.period
    if places.ids is not None:  # a first token, or text between the copies, does not repeat
        again = again & (places.ids == places.ids.roll(places.period, 1))
    return places.mass((places.distance == places.period - 1) & again[:, :, None])


def entropy(places: Places) -> tuple[Tensor, Tensor]:
    """Of the pattern, in nats: 0 for one key, log(n) for n keys alike."""
    return torch.special.entr(places.pattern).sum(-1), places.real


def mean_distance(places: Places) -> tuple[Tensor, Tensor]:
    """Expected distance between query and key, in positions."""
    return (places.pattern * places.distance.abs()).sum(-1), places.real


SCORES: dict[str, Score] = {
    "previous_token": previous_token,
    "current_token": current_token,
    "first_token": first_token,
    "duplicate_token": duplicate_token,
    "induction": induction,
    "entropy": entropy,
    "mean_distance": mean_distance,
}


def head_scores(
    source: Patterns | nn.Module,
    names: str | Sequence[str] | None = None,
    *,
    period: int | None = None,
    ids: Tensor | None = None,
    mask: Tensor | None = None,
    stack: str | None = None,
    batch: int = 4,
    seed: int = 0,
) -> dict[str, Tensor]:
    """Scores of every head, averaged over queries and examples: name -> `(layer, head)` float32.

    A query counts where it is not padding and where what the score looks for is in the text: attention to earlier
    copies is averaged over the queries that have one. Heads are NaN where no query counts. `previous_token`,
    `current_token`, `first_token`, `duplicate_token` and `induction` are shares of attention, 0 to 1; `entropy` is in
    nats, `mean_distance` in positions.

    Args:
        source: a trace; patterns `(layer, batch, head, query, key)`; or a model, which is then run on random tokens
            that repeat (`induction_trace`).
        names: which scores; None is all that can be told: `induction` needs a period, `duplicate_token` ids.
        period: length of the part that repeats, in a text made of copies. With ids, only tokens that are the same as
            `period` before count; without, all from `period` on.
        ids: `(batch, position)` for patterns; those of a trace are known.
        mask: `(batch, position)`, True where a token is not padding; that of a trace is known.
        stack: of a trace; None is the one whose logits are read.
        batch, seed: for a model, as for `induction_trace`.

    Raises:
        SiteError: an unknown name, or one that lacks its period or ids; patterns that are not square; layers with
            different numbers of heads.
    """
    names = [names] if isinstance(names, str) else names
    if not isinstance(source, (Trace, Tensor)) and isinstance(getattr(source, "model", source), nn.Module):
        source = getattr(source, "model", source)
    if isinstance(source, nn.Module):
        period = PERIOD if period is None else period
        source = induction_trace(source, period=period, batch=batch, seed=seed)
    if isinstance(source, Trace):
        ids, mask = _tokens(source, stack, ids, mask)
    if names is None:
        lacking = {"induction"} if period is None else set()
        names = [name for name in SCORES if name not in lacking | ({"duplicate_token"} if ids is None else set())]
    for name in names:
        if name not in SCORES:
            raise SiteError(f"no head score {name!r}; there are {', '.join(SCORES)}")
    rows: dict[str, list[Tensor]] = {name: [] for name in names}
    for pattern in each_pattern(source, stack):
        places = _places(square(pattern), ids, mask, period)
        for name in names:
            rows[name].append(_mean(*SCORES[name](places)))
    if len({len(row) for row in next(iter(rows.values()), [])}) > 1:
        raise SiteError(
            "layers have different numbers of heads, so their scores make no table; score layers one at a time"
        )
    return {name: torch.stack(row) for name, row in rows.items()}


def repeated_tokens(
    vocab: int | Sequence[int], *, period: int = PERIOD, batch: int = 4, start: int | None = None, seed: int = 0
) -> Tensor:
    """`(batch, [1 +] 2 * period)` ids: random tokens, all different where there are enough, then the same again.

    Args:
        vocab: how many tokens there are, or the ids to draw from.
        period: length of the part that repeats.
        start: an id to put first, which models are used to seeing there; None for none.
        seed: of a generator of its own.
    """
    choices = torch.arange(vocab) if isinstance(vocab, int) else torch.as_tensor(list(vocab))
    choices = choices if start is None else choices[choices != start]
    generator = torch.Generator().manual_seed(seed)
    enough = len(choices) >= period
    rows = [
        choices[torch.randperm(len(choices), generator=generator)[:period]]
        if enough
        else choices[torch.randint(len(choices), (period,), generator=generator)]
        for _ in range(batch)
    ]
    twice = torch.stack(rows).repeat(1, 2)
    return twice if start is None else torch.cat([torch.full((batch, 1), start), twice], 1)


def induction_trace(
    model: nn.Module,
    *,
    architecture: Architecture | None = None,
    vocab: int | Sequence[int] | None = None,
    period: int = PERIOD,
    batch: int = 4,
    start: int | None = None,
    seed: int = 0,
) -> Trace:
    """A trace of the model on `repeated_tokens`, patterns only.

    Args:
        model: a decoder of text.
        architecture: None finds out.
        vocab: how many tokens, or the ids to draw from; None is the size of the embedding.
        start: the id to put first; None is the model's `bos_token_id` where its config has one within the vocabulary.
        period, batch, seed: as for `repeated_tokens`.

    Raises: `SiteError` for encoder-decoders, whose input is not one text.
    """
    architecture = Architecture.of(model) if architecture is None else architecture
    if len(architecture.stacks) > 1:
        raise SiteError(
            f"{architecture.model_name} has an encoder and a decoder; trace it on inputs of your own and pass the trace"
        )
    if vocab is None:
        vocab = Weights(model, architecture).W_E.shape[0]
    if start is None:
        start = _beginning(model, vocab)
    ids = repeated_tokens(vocab, period=period, batch=batch, start=start, seed=seed)
    device = next(model.parameters()).device
    return trace(model, ids.to(device), capture="blocks.*.attn.pattern", architecture=architecture)


def _beginning(model: nn.Module, vocab: int | Sequence[int]) -> int | None:
    """The model's begin-of-text id, if it names one that its vocabulary has."""
    bos = getattr(getattr(model, "config", None), "bos_token_id", None)
    return bos if isinstance(bos, int) and isinstance(vocab, int) and 0 <= bos < vocab else None


def induction_scores(
    model: nn.Module,
    *,
    architecture: Architecture | None = None,
    vocab: int | Sequence[int] | None = None,
    period: int = PERIOD,
    batch: int = 4,
    start: int | None = None,
    seed: int = 0,
) -> Tensor:
    """How much each head attends, on random tokens that repeat, to the token after the previous copy: `(layer, head)`.

    Arguments as for `induction_trace`. 0 to 1; a head that does nothing else has nearly 1.

    Source: Olsson et al. 2022, "In-context learning and induction heads", appendix on head scores.
    """
    run = induction_trace(
        model, architecture=architecture, vocab=vocab, period=period, batch=batch, start=start, seed=seed
    )
    return head_scores(run, ["induction"], period=period)["induction"]


def _tokens(
    source: Trace, stack: str | None, ids: Tensor | None, mask: Tensor | None
) -> tuple[Tensor | None, Tensor | None]:
    """Ids and mask, those of the trace where none are given. Its tokens are the first stack's."""
    if source.architecture is not None and source.architecture.stack(stack) is not source.architecture.stacks[0]:
        return ids, mask
    tokens = source.tokens
    return (
        (ids, mask) if tokens is None else (tokens.ids if ids is None else ids, tokens.mask if mask is None else mask)
    )


def _places(pattern: Tensor, ids: Tensor | None, mask: Tensor | None, period: int | None) -> Places:
    shape, device = (pattern.shape[0], pattern.shape[-1]), pattern.device
    for what, given in (("ids", ids), ("mask", mask)):
        if given is not None and given.shape != shape:
            raise SiteError(f"{what} of shape {tuple(given.shape)}, but the pattern has (batch, position) = {shape}")
    real = torch.ones(shape, dtype=torch.bool, device=device) if mask is None else mask.to(device, torch.bool)
    return Places(pattern, real, None if ids is None else ids.to(device), period)


def _mean(values: Tensor, counts: Tensor) -> Tensor:
    """`(head,)` the mean of `(batch, head, query)` over the queries that count, `(batch, query)`."""
    counts = counts.expand(len(values), -1)[:, None]
    return torch.where(counts, values, 0.0).sum((0, 2)) / counts.sum()
