"""Measures: numbers for each query and key of a layer, computed for the rows asked for."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from attrium_kernel.tracing import Weights
from attrium_kernel.tracing.analysis import attention_flow, attention_rollout

from ..errors import DataError
from .kinds import Kind
from .runs import Run

Measure = Literal["pattern", "scores", "value_weighted", "rollout", "flow"]
MEASURES: tuple[Measure, ...] = ("pattern", "scores", "value_weighted", "rollout", "flow")
ROW_CELLS = 2**20
"""Most cells of whole rows that are computed at once; softmax and mask need a few times as much."""
ROLLOUT_BYTES = 2**26
"""Rollout is kept for all layers, and offered while that takes no more than this: 12 layers of 1,182 tokens."""
FLOW_TOKENS, FLOW_COST = 64, 12 * 64**4
"""Maximum flow is one problem for each pair: offered for at most 64 tokens, and while all of them take about 2 s."""
TWO_WAY = 10
"""How much longer a flow takes where keys after the query count too."""


class Measures:
    """The measures of one run.

    | measure | heads | value |
    | --- | --- | --- |
    | pattern | all | attention weights, as the model used them |
    | scores | all | scaled scores before the mask, signed; NaN where the mask hides the key |
    | value_weighted | all | the weight times the length of the value after the output projection |
    | rollout | one | `attention_rollout`, from the first layer up to this one |
    | flow | one | `attention_flow`, from the first layer up to this one |
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._offered: dict[str, list[Measure]] = {}
        self._norms: dict[tuple[str, int], Tensor] = {}
        self._means: dict[str, list[Tensor]] = {}
        self._rollouts: dict[str, Tensor] = {}
        self._flows: dict[tuple[str, int], tuple[Tensor, Tensor]] = {}

    def offered(self, kind: Kind) -> list[Measure]:
        """What can be computed here."""
        if kind.name not in self._offered:
            self._offered[kind.name] = self._find(kind)
        return self._offered[kind.name]

    def _find(self, kind: Kind) -> list[Measure]:
        trace = self.run.trace
        has = {q: all(kind.site(n, q) in trace for n in kind.layers) for q in ("scores", "masked_scores", "v")}
        from_model = trace.model is not None and trace.architecture is not None
        found: list[Measure] = ["pattern"]
        if has["scores"] and has["masked_scores"]:
            found.append("scores")
        if has["v"] and from_model:
            found.append("value_weighted")
        depth = len(kind.layers)
        follows = kind.is_square and kind.layers == tuple(range(depth))
        if follows and depth * kind.keys**2 * 4 <= ROLLOUT_BYTES:
            found.append("rollout")
            cost = depth * kind.keys**4
            if kind.keys <= FLOW_TOKENS and cost * (1 if self._looks_back(kind, cost) else TWO_WAY) <= FLOW_COST:
                found.append("flow")
        return found

    def heads(self, kind: Kind, layer: int, measure: Measure) -> int:
        """How many heads a measure has in a layer: one where it puts them together."""
        heads = kind.heads_of(layer)
        return 1 if measure in ("rollout", "flow") else heads

    def rows(self, kind: Kind, layer: int, measure: Measure, heads: slice, queries: Tensor) -> Tensor:
        """`(head, query, key)` float32 on the CPU: whole rows of the queries asked for.

        Raises:
            DataError: for a measure that is not offered.
        """
        if measure not in (offered := self.offered(kind)):
            raise DataError(
                f"{measure!r} cannot be computed for {kind.title.lower()} here; pass one of {', '.join(offered)}: "
                "scores and values need a trace of a model, rollout and flow all layers and a text that is not too long"
            )
        if measure == "scores":
            return self._scores(kind, layer, heads, queries)
        if measure == "rollout":
            return self._rollout(kind)[kind.layers.index(layer)][None, queries]
        if measure == "flow":
            return self._flow(kind, layer, queries)[None]
        pattern = _plain(self.run.read(kind, layer, "pattern", heads, queries))
        return pattern * self._norms_of(kind, layer)[heads, None] if measure == "value_weighted" else pattern

    def _scores(self, kind: Kind, layer: int, heads: slice, queries: Tensor) -> Tensor:
        masked = self.run.read(kind, layer, "masked_scores", heads, queries)
        hidden = masked <= torch.finfo(masked.dtype).min / 2
        return _plain(self.run.read(kind, layer, "scores", heads, queries)).masked_fill(_cpu(hidden), math.nan)

    def _norms_of(self, kind: Kind, layer: int) -> Tensor:
        """`(head, key)` float32: the length of each value after the output projection.

        By the Gram matrix of W_O, so that no vector of the stream's width is made for each head and key.
        """
        key = (kind.name, layer)
        if key not in self._norms:
            trace = self.run.trace
            assert trace.model is not None and trace.architecture is not None
            weights = Weights(trace.model, trace.architecture, stack=kind.stack)
            w_o = weights.W_O(layer, "cross" if kind.role == "cross" else "self").detach().double().cpu()
            values = _cpu(trace.read(kind.site(layer, "v"), batch=self.run.example)).double().transpose(0, 1)
            values = values.repeat_interleave(len(w_o) // len(values), 0)
            gram = w_o @ w_o.transpose(1, 2)
            self._norms[key] = ((values @ gram) * values).sum(-1).clamp(min=0).sqrt().float()
        return self._norms[key]

    def _mean_patterns(self, kind: Kind) -> list[Tensor]:
        """`(1, 1, query, key)` of each layer, its heads averaged row by row."""
        if kind.name not in self._means:
            found = []
            for layer, heads in zip(kind.layers, kind.heads):
                step = max(1, ROW_CELLS // (heads * kind.keys))
                pieces = rows_in_pieces(kind.queries, step)
                whole = torch.cat(
                    [_plain(self.run.read(kind, layer, "pattern", slice(None), rows)).mean(0) for rows in pieces]
                )
                found.append(whole[None, None])
            self._means[kind.name] = found
        return self._means[kind.name]

    def _looks_back(self, kind: Kind, cost: int) -> bool:
        """No query attends to a later key; not looked into where flow is out of the question anyway."""
        if cost > FLOW_COST:
            return False
        architecture = self.run.trace.architecture
        if architecture is not None:
            return architecture.stack(kind.stack).causal
        return not any(bool(pattern.triu(1).any()) for pattern in self._mean_patterns(kind))

    def _rollout(self, kind: Kind) -> Tensor:
        """`(layer, query, key)`."""
        if kind.name not in self._rollouts:
            self._rollouts[kind.name] = attention_rollout(self._mean_patterns(kind))[:, 0]
        return self._rollouts[kind.name]

    def _flow(self, kind: Kind, layer: int, queries: Tensor) -> Tensor:
        """`(query, key)`; what was computed before is kept."""
        known, flow = self._flows.setdefault(
            (kind.name, layer),
            (torch.zeros(kind.queries, dtype=torch.bool), torch.zeros(kind.queries, kind.keys)),
        )
        if wanted := sorted({query for query in queries.tolist() if not known[query]}):
            patterns = self._mean_patterns(kind)[: kind.layers.index(layer) + 1]
            flow[wanted] = attention_flow(patterns, queries=wanted).flow[0].float()
            known[wanted] = True
        return flow.index_select(0, queries)


def rows_in_pieces(count: int, step: int) -> list[Tensor]:
    """Numbers of rows, at most `step` at a time."""
    return [torch.arange(start, min(start + step, count)) for start in range(0, count, step)]


def _plain(value: Tensor) -> Tensor:
    return _cpu(value).float()


def _cpu(value: Tensor) -> Tensor:
    return value.detach().cpu()
