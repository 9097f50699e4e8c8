"""Rollout and flow against paths counted one by one and networkx; value norms against every vector written out."""

from __future__ import annotations

import itertools
import math
from typing import Any

import networkx as nx
import pytest
import torch
from torch import Tensor

from attrium_kernel.running import Cancelled
from attrium_kernel.tracing import SiteError, Trace, trace
from attrium_kernel.tracing.analysis import attention_flow, attention_rollout, value_weighted_attention

from ..closeness import assert_close
from ..models import SUBJECTS, padded, shared
from ..oracles import expected


def patterns(layers: int = 3, batch: int = 2, heads: int = 2, n: int = 5, causal: bool = True, seed: int = 0) -> Tensor:
    scores = 2 * torch.randn(layers, batch, heads, n, n, generator=torch.Generator().manual_seed(seed))
    if causal:
        scores = scores.masked_fill(torch.ones(n, n).triu(1).bool(), -torch.inf)
    return scores.softmax(-1)


def edges(given: Tensor, residual: float, how: str) -> Tensor:
    """`(layer, batch, query, key)` with residuals, cell by cell."""
    layers, batch, heads, n, _ = given.shape
    out = torch.zeros(layers, batch, n, n, dtype=torch.float64)
    fuse: Any = {"mean": lambda x: sum(x) / len(x), "max": max, "min": min}[how]
    for layer, b, q in itertools.product(range(layers), range(batch), range(n)):
        row = [fuse([float(given[layer, b, h, q, k]) for h in range(heads)]) for k in range(n)]
        for k in range(n):
            out[layer, b, q, k] = (1 - residual) * row[k] / sum(row) + residual * (q == k)
    return out


@pytest.mark.parametrize("how", ["mean", "max", "min"])
@pytest.mark.parametrize("residual", [0.5, 0.2])
def test_rollout_is_the_sum_over_all_paths(how: Any, residual: float) -> None:
    given = patterns()
    weights = edges(given, residual, how)
    found = attention_rollout(given, residual=residual, heads=how)
    assert found.shape == (3, 2, 5, 5)
    for b, q, k in itertools.product(range(2), range(5), range(5)):
        paths = sum(
            float(weights[2, b, q, i] * weights[1, b, i, j] * weights[0, b, j, k])
            for i, j in itertools.product(range(5), range(5))
        )
        assert float(found[2, b, q, k]) == pytest.approx(paths, abs=1e-6)
    assert_close(found.sum(-1), torch.ones(3, 2, 5), 1e-5)


def test_rollout_of_uniform_attention_in_closed_form() -> None:
    uniform = torch.full((4, 1, 1, 6, 6), 1 / 6)
    found = attention_rollout(uniform)
    own = 0.5**4  # what never left its place; all else is spread evenly
    assert_close(found[-1, 0], own * torch.eye(6) + (1 - own) / 6, 1e-6)


def network(weights: Tensor, query: int, key: int) -> float:
    graph = nx.DiGraph()
    layers, n, _ = weights.shape
    for layer, q, k in itertools.product(range(layers), range(n), range(n)):
        if weights[layer, q, k] > 0:
            graph.add_edge((layer + 1, q), (layer, k), capacity=float(weights[layer, q, k]))
    if not (graph.has_node((layers, query)) and graph.has_node((0, key))):
        return 0.0
    return float(nx.maximum_flow_value(graph, (layers, query), (0, key)))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("residual", "how"), [(0.5, "mean"), (0.3, "max")])
def test_flow_is_that_of_networkx(causal: bool, residual: float, how: Any) -> None:
    given = patterns(causal=causal)
    weights = edges(given, residual, how)
    found = attention_flow(given, residual=residual, heads=how)
    assert found.error < 1e-6
    for b, q, k in itertools.product(range(2), range(5), range(5)):
        right = network(weights[:, b], q, k)
        assert abs(float(found.flow[b, q, k]) - right) <= found.error + 1e-6, (b, q, k)


def test_flow_of_chosen_queries_progress_and_cancel() -> None:
    given, seen = patterns(), []
    whole = attention_flow(given)
    part = attention_flow(given, queries=[-1, 1], progress=lambda *s: seen.append(s))
    assert part.queries == (4, 1)
    assert torch.equal(part.flow, whole.flow[:, [4, 1]])
    assert seen[-1] == (20, 20)
    with pytest.raises(Cancelled):
        attention_flow(given, cancel=lambda: True)


def test_flow_never_exceeds_what_one_unit_can_bring() -> None:
    found = attention_flow(patterns(n=6, layers=4)).flow
    assert found.max() <= 1 + 1e-6
    assert found.min() >= 0
    # the last token of a causal text keeps at least its residual path
    assert (found.diagonal(dim1=1, dim2=2) >= 0.5).all()


def test_a_trace_is_read_layer_by_layer() -> None:
    run = trace(shared("gpt2"), SUBJECTS["gpt2"].inputs())
    found = attention_rollout(run.stack("attn.pattern"))
    assert torch.equal(attention_rollout(run), found)
    t5 = trace(shared("t5"), SUBJECTS["t5"].inputs())
    assert attention_rollout(t5, stack="encoder").shape == (2, 3, 9, 9)
    assert attention_rollout(t5).shape == (2, 3, 7, 7)


def test_hidden_rows_keep_themselves() -> None:
    given = patterns()
    given[:, :, :, 2] = 0.0
    found = attention_rollout(given)
    assert_close(found[-1, :, 2], torch.eye(5)[2].expand(2, 5), 1e-6)
    assert torch.isfinite(attention_rollout(trace(shared("llama"), padded("left")))).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: attention_rollout(patterns(), residual=1.5), "residual=1.5; pass a share between 0 and 1"),
        (lambda: attention_rollout(patterns(), heads="median"), "heads='median'; pass 'mean', 'max' or 'min'"),
        (lambda: attention_rollout(patterns()[0]), r"pass \(batch, head, query, key\) for each layer"),
        (lambda: attention_rollout(patterns()[..., :4]), "5 queries and 4 keys"),
        (lambda: attention_flow(patterns(), queries=7), "position 7"),
    ],
)
def test_mistakes_are_named(call: Any, message: str) -> None:
    with pytest.raises(SiteError, match=message):
        call()


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2", "gpt-neox", "t5"])
def test_value_norms_are_lengths_of_what_is_moved(name: str) -> None:
    model, subject = shared(name), SUBJECTS[name]
    values, stack = expected(subject, model, subject.inputs()), subject.stacks[-1]
    run = trace(model, subject.inputs())
    for kind, role, a in (("self", "attn", stack.attention), ("cross", "cross", stack.cross)):
        if a is None:
            continue
        found = value_weighted_attention(run, 1, kind=kind)  # type: ignore[arg-type]
        p = f"{stack.prefix}blocks.1.{role}"
        pattern, v = values[f"{p}.pattern"], values[f"{p}.v"]
        o = model.get_submodule(f"{stack.blocks.format(i=1)}.{a.o}")
        weight = (o.weight if type(o).__name__ == "Conv1D" else o.weight.T).detach()
        batch, heads, queries, keys = pattern.shape
        assert found.heads.shape == pattern.shape and found.summed.shape == (batch, queries, keys)
        for b, q, k in itertools.product((0, 2), (0, 3, 6), (0, 2, 3)):
            moved = []
            for h in range(heads):
                f = v[b, k, h // (heads // v.shape[2])] @ weight[h * a.d_head : (h + 1) * a.d_head]
                moved.append(pattern[b, h, q, k] * f)
                assert math.isclose(found.heads[b, h, q, k], moved[-1].norm(), rel_tol=1e-4, abs_tol=1e-6)
            assert math.isclose(found.summed[b, q, k], sum(moved).norm(), rel_tol=1e-4, abs_tol=1e-5)  # type: ignore[union-attr]


def test_values_from_elsewhere_have_no_output_projection() -> None:
    with pytest.raises(SiteError, match="values from elsewhere"):
        value_weighted_attention(Trace.of_values({}), 0)
