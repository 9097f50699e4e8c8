"""A sweep is a plain loop of traces, whatever is varied, in whatever batches; it streams, stops, leaves no mark."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from attrium_kernel.running import Cancelled
from attrium_kernel.tracing import (
    Edge,
    Intervention,
    LogitDifference,
    LogProbability,
    Mean,
    Patch,
    Replace,
    Resample,
    Scale,
    Site,
    Steer,
    Trace,
    TraceError,
    Zero,
    activation_patching,
    sweep,
    trace,
)
from attrium_kernel.tracing.sweeps import iterate

from . import models
from .closeness import assert_close
from .test_hygiene import Boom, boom, busy, untouched_all

BATCH, LENGTH = 2, 6
IDS, OTHER = models.ids(BATCH, LENGTH), models.ids(BATCH, LENGTH, seed=5)
AT_THE_END = LogitDifference((5, 6), (7, 8))


def everything(logits: Tensor) -> Tensor:
    """A plain callable that no position and no token is left out of."""
    weights = torch.linspace(-1, 1, logits[0].numel()).view(logits.shape[1:])
    return (logits.tanh() * weights).sum((1, 2)) / weights.numel() ** 0.5


METRICS: dict[str, Any] = {
    "difference at the end": AT_THE_END,
    "difference in the middle": LogitDifference((5, 9), 8, position=2),
    "difference at the start": LogitDifference(3, (9, 10), position=-LENGTH),
    "probability": LogProbability((11, 12), position=-2),
    "callable": everything,
}


def given(name: str, ids: Tensor) -> dict[str, Tensor]:
    """What a family is fed."""
    if name == "vit":
        return {"pixel_values": models.randn(BATCH, 3, 12, 12, seed=int(ids[0, 0]))}
    if len(models.SUBJECTS[name].stacks) == 2:
        return {"input_ids": models.ids(BATCH, 8, seed=int(ids[0, 0])), "decoder_input_ids": ids}
    return {"input_ids": ids}


def prefix(name: str) -> str:
    """Of the names in the stack whose logits are read."""
    return models.SUBJECTS[name].stacks[-1].prefix


@functools.cache
def source(name: str, implementation: str) -> Trace:
    """Where values come from: other texts."""
    return trace(models.shared(name, implementation), given(name, IDS))


def several(variation: Any) -> list[Intervention]:
    """A variation as a list."""
    return [variation] if isinstance(variation, Intervention) else list(variation)


def loop(model: Any, inputs: Any, variations: Iterable[Any], metric: Any, base: Sequence[Intervention] = ()) -> Tensor:
    """One plain run for each variation, `(variation, batch)`."""
    runs = [trace(model, inputs, capture=(), interventions=[*base, *several(v)]).logits for v in variations]
    return torch.stack([metric(logits) for logits in runs])


def assert_is_loop(
    model: Any, inputs: Any, variations: list[Any], metric: Any, base: Sequence[Intervention] = (), **how: Any
) -> Tensor:
    """A sweep gives what the loop gives, and the variations do something; all that differ are named."""
    found = sweep(model, inputs, variations, metric, base=base, **how)
    right = loop(model, inputs, variations, metric, base)
    assert found.shape == right.shape
    assert found.dtype == torch.float32
    off = (found - right).abs().amax(1)
    wrong = [
        f"{[str(i) for i in several(v)]}: {f.tolist()}, not {r.tolist()}"
        for v, f, r, o in zip(variations, found, right, off)
        if not o <= 1e-5
    ]
    assert not wrong, f"{len(wrong)} of {len(variations)} differ by up to {off.max():.2g}:\n" + "\n".join(wrong[:8])
    plain = loop(model, inputs, [[]], metric, base)
    assert bool(((right - plain).abs() > 1e-4).any()), "no variation changed anything"
    return found


# ---- every architecture


def some_of_each(name: str, implementation: str) -> list[Intervention]:
    """Every name of the model patched, part of it or whole, in every stack."""
    there = source(name, implementation)
    found: list[Intervention] = []
    for each in there.names:
        if (
            each == "logits"
            or each.endswith(("pos_embed", ".scale", "masked_scores", "mlp.router"))
            or ".mlp.out" in each
        ):
            continue
        named = there.axes(each)
        heads: Any = (0, -1) if "head" in named else 0 if "kv_head" in named else None
        scores = each.endswith(("scores", "pattern"))
        at = Site(
            each, head=heads, position=None if each in ("unembed", "pos_embed") or there[each].dim() < 3 else (1, -1)
        )
        found.append(Scale(at, 0.3) if scores or each.endswith("embed") else Patch(at, there))
    return found


@pytest.mark.parametrize(("name", "implementation"), models.CASES)
def test_every_name_of_every_architecture_is_swept_as_a_loop_would(name: str, implementation: str) -> None:
    model, inputs = models.shared(name, implementation), given(name, OTHER)
    metric = METRICS["callable"] if name != "vit" else lambda logits: logits.tanh().sum(-1)
    assert_is_loop(model, inputs, some_of_each(name, implementation), metric)


@pytest.mark.parametrize(
    ("name", "implementation"), [(name, subject.implementations[-1]) for name, subject in models.SUBJECTS.items()]
)
def test_with_a_metric_of_one_position_too(name: str, implementation: str) -> None:
    model, inputs = models.shared(name, implementation), given(name, OTHER)
    metric = LogitDifference((1, 2), (3, 4)) if name == "vit" else AT_THE_END
    assert_is_loop(model, inputs, some_of_each(name, implementation), metric)


@pytest.mark.parametrize("name", ["gpt2", "gpt-neo", "opt", "bert", "distilbert", "bart"])
def test_learned_positions_are_swept_though_the_model_makes_them_once_for_all_texts(name: str) -> None:
    """The model adds one row of positions to every text: a sweep must change them for one variation alone."""
    implementation = models.SUBJECTS[name].implementations[-1]
    model, inputs, p = models.shared(name, implementation), given(name, OTHER), prefix(name)
    there = source(name, implementation)
    variations: list[Any] = [
        Scale(f"{p}pos_embed", 0.5),
        Zero(Site(f"{p}pos_embed", position=1)),
        Patch("unembed", there),
    ]
    variations += [Steer(f"{p}pos_embed", models.randn(models.WIDTH)), Scale(f"{p}blocks.0.mlp_out", 0.5)]
    for metric in (AT_THE_END, everything):
        for size in (1, 10):
            assert_is_loop(model, inputs, variations, metric, batch_size=size)
        assert_is_loop(model, inputs, variations[2:], metric, base=variations[:1])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2", "phi", "bert", "t5", "falcon"])
def test_every_metric_is_that_of_the_loop(name: str, metric: str) -> None:
    implementation = models.SUBJECTS[name].implementations[-1]
    p, there = prefix(name), source(name, implementation)
    variations: list[Any] = [Zero("unembed")] if metric == "callable" else []
    variations += [
        Patch(f"{p}blocks.{i}.{part}", there)
        for i in (0, 1)
        for part in ("attn.z", "mlp_out", "resid_pre", "attn.v", "attn_out")
    ]
    variations += [
        Patch(Site(f"{p}blocks.{i}.{part}", position=at), there)
        for i in (0, 1)
        for part in ("resid_pre", "attn.k")
        for at in (1, 4, -1)
    ]
    if name != "bert":
        variations += [Scale(f"{p}ln_final.out", -0.5)]
    assert_is_loop(models.shared(name, implementation), given(name, OTHER), variations, METRICS[metric])


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma3", "bert", "phi", "bloom", "gpt-j"])
def test_padded_batches_are_swept(name: str, side: str) -> None:
    implementation = models.SUBJECTS[name].implementations[-1]
    model = models.shared(name, implementation)
    there = trace(model, models.ids(models.BATCH, models.LENGTH, seed=9))
    variations = [
        Patch(Site(f"blocks.{i}.{part}", position=5), there)
        for i in (0, 1)
        for part in ("resid_pre", "attn.z", "mlp_out")
    ]
    for metric in (LogitDifference((5, 6, 7), 8, -1 if side == "left" else 5), LogProbability(4, 5)):
        assert_is_loop(model, models.padded(side), variations, metric)


def test_texts_are_tokenized() -> None:
    tokenizer = _letters()
    model = models.shared("gpt2", "sdpa")
    texts = ["abcab", "bcaac"]
    found = sweep(model, texts, [Zero("blocks.0.mlp_out")], AT_THE_END, tokenizer=tokenizer)
    right = AT_THE_END(trace(model, texts, tokenizer, interventions=[Zero("blocks.0.mlp_out")]).logits)
    assert_close(found, right[None])


def _letters() -> Any:
    from tokenizers import Tokenizer, pre_tokenizers
    from tokenizers import models as kinds
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(
        kinds.WordLevel({letter: n + 4 for n, letter in enumerate("abcdefghij")} | {"?": 1}, unk_token="?")
    )
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="?", unk_token="?")


# ---- every intervention


def three() -> tuple[Any, Trace]:
    """A model of three layers, and a trace of three other texts."""
    model = models.shared("gpt2", "sdpa")
    return model, trace(model, models.ids(3, LENGTH, seed=7))


SITES = [
    Site("embed"),
    Site("blocks.0.resid_pre", position=1),
    Site("blocks.0.attn.z", head=(1, 2)),
    Site("blocks.1.attn.v", head=0),
    Site("blocks.1.attn.k", position=(0, -2)),
    Site("blocks.1.attn.q", head=3, position=-1),
    Site("blocks.1.attn.result", head=1),
    Site("blocks.1.mlp.post", index=(3, 9)),
    Site("blocks.1.resid_mid", position=2, index=(0, 7)),
    Site("blocks.2.attn_out", position=-1),
    Site("blocks.2.mlp_out"),
    Site("blocks.2.resid_post", position=-1),
    Site("ln_final.out", index=3),
    Site("unembed", index=(5, 8)),
]
MAKERS: dict[str, Callable[[Site], Intervention]] = {
    "zero": Zero,
    "scale": lambda site: Scale(site, -1.5),
    "own mean over positions": lambda site: Mean(site, over="position"),
    "own mean over the batch": lambda site: Mean(site, over="batch"),
    "own mean over all": lambda site: Mean(site, over="all"),
    "mean of a trace over positions": lambda site: Mean(site, same_batch(), over="position"),
    "mean of a trace over the batch": lambda site: Mean(site, three()[1], over="batch"),
    "mean of a trace over all": lambda site: Mean(site, three()[1]),
    "resample": lambda site: Resample(site, three()[1], seed=3),
    "resample of as many": lambda site: Resample(site, same_batch(), seed=4),
    "patch": lambda site: Patch(site, same_batch()),
    "patch from one text": lambda site: Patch(site, trace(three()[0], models.ids(1, LENGTH, seed=8))),
    "function": lambda site: Replace(site, lambda value: value.flip(-1).tanh() * 2),
    "function across positions": lambda site: Replace(site, lambda value: value.cumsum(1) * 0.5),
    "function across examples": lambda site: Replace(site, lambda value: value.flip(0)),
}


@functools.cache
def same_batch() -> Trace:
    """As many other texts as are run."""
    return trace(models.shared("gpt2", "sdpa"), IDS)


@pytest.mark.parametrize("how", MAKERS)
@pytest.mark.parametrize("metric", ["difference at the end", "difference in the middle", "callable"])
def test_every_intervention_is_that_of_the_loop(how: str, metric: str) -> None:
    assert_is_loop(three()[0], OTHER, [MAKERS[how](site) for site in SITES], METRICS[metric])


@pytest.mark.parametrize(
    "site",
    [
        Site("ln_final.out"),
        Site("unembed"),
        Site("blocks.2.resid_post"),
        Site("blocks.2.mlp_out"),
        Site("blocks.2.ln2.out"),
        Site("blocks.2.attn.out"),
        Site("blocks.2.attn.v"),
    ],
    ids=str,
)
@pytest.mark.parametrize("metric", ["difference at the end", "difference in the middle"])
def test_what_looks_at_other_positions_sees_them_as_they_are(site: Site, metric: str) -> None:
    variations = [
        Mean(site, over="position"),
        Mean(site, over="all"),
        Replace(site, lambda value: value.roll(1, 1)),
        Replace(site, lambda value: value - value.mean(1, keepdim=True)),
    ]
    assert_is_loop(three()[0], OTHER, variations, METRICS[metric])


def vector(n: int) -> Tensor:
    """A vector to steer by."""
    return models.randn(models.WIDTH, seed=n)


def test_vectors_and_tensors_with_a_batch_of_their_own() -> None:
    there = models.randn(BATCH, LENGTH, models.WIDTH, seed=1)
    variations = [
        Steer("blocks.0.resid_pre", vector(0)),
        Steer(Site("blocks.1.resid_mid", position=2), vector(1), strength=-2.0),
        Steer("blocks.1.resid_post", there),
        Patch("blocks.1.mlp_out", there),
        Patch(Site("blocks.0.mlp_out", position=3), there[:, 3:4]),
        Mean("blocks.2.mlp_out", vector(2)),
        Steer(Site("blocks.2.resid_pre", rows=1), there[1:2]),
        Patch(Site("blocks.2.resid_pre", rows=(1, 0)), there),
    ]
    for size in (1, 3, None):
        assert_is_loop(three()[0], OTHER, variations, AT_THE_END, batch_size=size)


def test_sites_of_some_examples_only() -> None:
    model, _ = three()
    there = trace(model, models.ids(3, LENGTH, seed=4))
    texts = models.ids(3, LENGTH, seed=6)
    sites = [
        Site(name, rows=rows)
        for name in ("embed", "blocks.0.attn.pattern", "blocks.1.attn.z", "blocks.2.resid_post", "unembed")
        for rows in (0, 2, -1, (0, 1), (2, 0), (-2,))
    ]
    variations: list[Any] = [maker(site) for site in sites for maker in (Zero, lambda s: Patch(s, there))]
    found = assert_is_loop(model, texts, variations, LogitDifference(5, 6), batch_size=7)
    plain = loop(model, texts, [[]], LogitDifference(5, 6))[0]
    assert_close(found[0, 1:], plain[1:])  # a site of the first example leaves the others alone


@pytest.mark.parametrize("rows", [2, 5, -3, (0, 2), (1, -4)])
def test_examples_that_are_not_there_are_refused_as_in_a_trace(rows: Any) -> None:
    model, _ = three()
    for name in ("blocks.1.mlp_out", "blocks.1.attn.z", "embed"):
        for size in (1, 4):
            with pytest.raises(TraceError, match="batch"):
                trace(model, OTHER, interventions=[Zero(Site(name, rows=rows))])
            with pytest.raises(TraceError, match="batch"):
                sweep(model, OTHER, [Zero(Site(name, rows=rows))] * 4, AT_THE_END, batch_size=size)


@pytest.mark.parametrize(("texts", "sources"), [(1, 3), (2, 3), (2, 4), (3, 2)])
@pytest.mark.parametrize(
    "site",
    [Site("blocks.1.mlp_out", position=2), Site("blocks.1.attn.z", head=1), Site("blocks.0.attn.pattern", head=0)],
    ids=str,
)
def test_a_source_of_another_number_of_texts_is_refused_as_in_a_trace(texts: int, sources: int, site: Site) -> None:
    model, ids = three()[0], models.ids(texts, LENGTH, seed=2)
    patch = Patch(site, trace(model, models.ids(sources, LENGTH, seed=3)))
    with pytest.raises(TraceError, match="as many as the batch"):
        trace(model, ids, interventions=[patch])
    for size in (1, 4):
        with pytest.raises(TraceError, match="as many as the batch"):
            sweep(model, ids, [patch] * 4, LogProbability(5), batch_size=size)


# ---- several together, edges, patterns with *


def test_variations_of_several_interventions() -> None:
    model, there = three()[0], same_batch()
    variations: list[Any] = [
        [Zero("blocks.0.mlp_out"), Patch(Site("blocks.2.attn.z", head=1), there)],
        [Patch(Site("blocks.2.attn.z", head=1), there), Zero("blocks.0.mlp_out")],
        [Scale("blocks.1.resid_pre", 2.0), Scale("blocks.1.resid_pre", 0.25)],
        [Zero(Site("blocks.1.attn.z", head=0)), Scale(Site("blocks.1.attn.z", head=0), 9.0)],
        [Steer("blocks.1.attn.z", models.randn(6)), Zero(Site("blocks.1.attn.z", head=0))],
        [Zero(Site("blocks.1.attn.z", head=0)), Steer("blocks.1.attn.z", models.randn(6))],
        [Zero("unembed"), Steer("unembed", models.randn(models.VOCAB))],
        [Zero("embed"), Zero("ln_final.out")],
        (Zero(Site("blocks.2.mlp.post", index=i)) for i in range(20)),
    ]
    variations[-1] = tuple(variations[-1])
    for metric in (AT_THE_END, everything):
        assert_is_loop(model, OTHER, variations, metric)


def test_names_with_a_star() -> None:
    model, there = three()[0], same_batch()
    variations = [
        Zero(Site("blocks.*.attn.z", head=2)),
        Patch("blocks.*.attn.pattern", there),
        Scale("blocks.[12].mlp_out", 2.0),
        Scale("*.ln1.out", 0.5),
        Zero("blocks.2.*_out"),
    ]
    for metric in (AT_THE_END, everything):
        assert_is_loop(model, OTHER, variations, metric)
        assert_is_loop(model, OTHER, [Zero("blocks.1.mlp_out"), Zero("blocks.2.attn_out")], metric, base=variations[:3])


def paths(name: str, there: Trace) -> list[Any]:
    """Edges between blocks and within one, of heads and of sublayers, to every kind of receiver."""
    last = models.SUBJECTS[name].stacks[0].layers - 1
    parallel = models.SUBJECTS[name].stacks[0].form == "parallel"
    receivers = [Site(f"blocks.{last}.attn.{letter}") for letter in "qkv"] + [
        Site(f"blocks.{last}.attn.q", head=2),
        Site(f"blocks.{last}.mlp"),
        Site("unembed"),
    ]
    senders = [
        Site("embed"),
        Site("blocks.0.attn.result", head=1),
        Site("blocks.0.mlp_out"),
        Site("blocks.0.attn_out", position=2),
    ]
    found: list[Any] = [Patch(Edge(s, r), there) for s, r in itertools.product(senders, receivers)]
    found += [
        Zero(Edge(Site(f"blocks.{last}.attn_out"), Site("unembed"))),
        Scale(Edge(Site(f"blocks.{last}.mlp_out"), Site("unembed")), -1.0),
    ]
    if not parallel:
        found += [Zero(Edge(Site(f"blocks.{last}.attn.result", head=0), Site(f"blocks.{last}.mlp")))]
    found += [
        [
            Zero(Edge(Site("blocks.0.mlp_out"), Site(f"blocks.{last}.attn.v"))),
            Zero(Site(f"blocks.{last}.attn.z", head=0)),
        ]
    ]
    found += [[Zero(Edge(s, receivers[4])), Patch(Edge(s, receivers[0]), there)] for s in senders[1:3]]
    return found


@pytest.mark.parametrize("name", ["gpt2", "llama", "phi", "qwen3", "granite", "gpt-neox", "gemma3"])
def test_edges_are_those_of_the_loop(name: str) -> None:
    implementation = models.SUBJECTS[name].implementations[-1]
    model, there = models.shared(name, implementation), source(name, implementation)
    edges = paths(name, there)
    if name == "gemma3":  # a norm after the heads: only whole sublayers send
        edges = [
            e for e in edges if all(not isinstance(i.at, Edge) or "result" not in i.at.sender.name for i in several(e))
        ]
    for metric in (AT_THE_END, everything):
        for size in (1, 5, 100):
            wanted = edges if size == 1 and metric is AT_THE_END else edges[::3]
            assert_close(sweep(model, OTHER, wanted, metric, batch_size=size), loop(model, OTHER, wanted, metric))


def test_edges_to_one_reader_stay_apart_in_a_batch() -> None:
    model, there = three()[0], same_batch()
    variations = [
        Patch(Edge(Site("blocks.0.attn.result", head=h), Site("blocks.2.attn.q", head=r)), there)
        for h in range(4)
        for r in range(4)
    ]
    found = assert_is_loop(model, OTHER, variations, AT_THE_END, batch_size=16)
    assert len({round(float(x), 5) for x in found[:, 0]}) > 12


# ---- interventions that are on in every run


BASES: dict[str, list[Any]] = {
    "embed": [Steer("embed", vector(5), 2.0)],
    "pos_embed": [Scale("pos_embed", 0.3)],
    "first stream": [Scale(Site("blocks.0.resid_pre", position=(1, 2)), 2.0)],
    "first norm": [Scale("blocks.0.ln1.out", 1.7)],
    "first attention": [Scale(Site("blocks.0.attn.z", head=1), 3.0)],
    "first pattern": [Scale("blocks.0.attn.pattern", 0.5)],
    "first mlp": [Scale("blocks.0.mlp_out", -2.0)],
    "end of the first": [Scale("blocks.0.resid_post", 1.8)],
    "same stream": [Scale("blocks.1.resid_pre", 2.5)],
    "same norm": [Scale("blocks.1.ln1.out", 1.7)],
    "same query": [Scale("blocks.1.attn.q", 3.0)],
    "same value": [Scale("blocks.1.attn.v", 3.0)],
    "same pattern": [Scale("blocks.1.attn.pattern", 0.4)],
    "same mix": [Scale("blocks.1.attn.z", 1.5)],
    "same result": [Scale(Site("blocks.1.attn.result", head=2), 1.5)],
    "same attention": [Scale("blocks.1.attn_out", 1.5)],
    "same middle": [Scale("blocks.1.resid_mid", 1.5)],
    "same second norm": [Scale("blocks.1.ln2.out", 1.5)],
    "same neurons": [Scale(Site("blocks.1.mlp.post", index=(1, 4)), 5.0)],
    "same mlp": [Scale("blocks.1.mlp_out", 1.5)],
    "end of the same": [Scale("blocks.1.resid_post", 1.8)],
    "final norm": [Scale("ln_final.out", 1.8)],
    "unembed": [Scale("unembed", 1.8)],
    "everywhere": [Scale("blocks.*.resid_pre", 1.3), Scale("blocks.*.attn.z", 1.2), Scale("blocks.*.mlp_out", 0.7)],
    "twice": [Scale("blocks.0.mlp_out", 1.3), Scale("blocks.0.mlp_out", 1.3), Steer("blocks.1.resid_post", vector(4))],
}
VARIED = [
    "embed",
    "blocks.0.resid_pre",
    "blocks.0.attn.v",
    "blocks.0.attn.z",
    "blocks.0.mlp.post",
    "blocks.0.mlp_out",
    "blocks.0.resid_post",
    "blocks.1.resid_pre",
    "blocks.1.ln1.out",
    "blocks.1.attn.q",
    "blocks.1.attn.pattern",
    "blocks.1.attn.z",
    "blocks.1.attn.result",
    "blocks.1.attn_out",
    "blocks.1.resid_mid",
    "blocks.1.ln2.out",
    "blocks.1.mlp_out",
    "blocks.1.resid_post",
    "blocks.2.attn.z",
    "blocks.2.mlp_out",
    "ln_final.out",
    "unembed",
]


def varied(name: str, implementation: str) -> list[Any]:
    """One small change at each of `VARIED` that the model has."""
    there = source(name, implementation)
    return [
        Scale(Site(each, position=None if "pattern" in each else (1, -1)), 0.4)
        for each in VARIED
        if each in there.names
    ]


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("name", ["gpt2", "phi", "bert", "olmo2"])
def test_what_is_on_in_every_run_is_on_once(name: str, base: str) -> None:
    implementation = models.SUBJECTS[name].implementations[-1]
    model, there = models.shared(name, implementation), source(name, implementation)
    always = [i for i in BASES[base] if "*" in i.site.name or i.site.name in there.names]
    if not always:
        pytest.skip("the model has no such place")
    assert_is_loop(model, OTHER, varied(name, implementation), AT_THE_END, base=always)


@pytest.mark.parametrize(
    "base",
    [
        [Zero(Edge(Site("blocks.0.attn_out"), Site("blocks.1.mlp")))],
        [Zero(Edge(Site("blocks.0.mlp_out"), Site("blocks.2.attn.v")))],
        [Scale(Edge(Site("embed"), Site("unembed")), 2.0)],
        [Zero(Edge(Site("blocks.1.mlp_out"), Site("unembed")))],
        [Zero(Edge(Site("blocks.0.attn.result", head=1), Site("blocks.0.mlp")))],
    ],
    ids=lambda base: str(base[0].at),
)
def test_paths_that_are_changed_in_every_run_are_changed_in_those_that_start_late(base: list[Any]) -> None:
    assert_is_loop(three()[0], OTHER, varied("gpt2", "sdpa"), AT_THE_END, base=base)


@pytest.mark.parametrize("name", ["t5", "bart"])
def test_bases_and_variations_in_both_stacks_of_an_encoder_decoder(name: str) -> None:
    implementation = "sdpa"
    model, there = models.shared(name, implementation), source(name, implementation)
    places = [
        f"{stack}.blocks.{i}.{part}"
        for stack in ("encoder", "decoder")
        for i in (0, 1)
        for part in ("resid_pre", "attn.z", "attn.q", "mlp_out")
    ]
    places += [f"decoder.blocks.{i}.cross.{part}" for i in (0, 1) for part in ("k", "v", "z")] + [
        "encoder.embed",
        "decoder.embed",
    ]
    variations: list[Any] = [Patch(place, there) for place in places]
    for base in (
        [],
        [Scale("encoder.blocks.1.mlp_out", 2.0)],
        [Scale("decoder.blocks.0.mlp_out", 2.0), Scale("decoder.embed", 1.5)],
        [Scale("decoder.blocks.1.cross.z", 2.0)],
    ):
        for metric in (AT_THE_END, everything):
            assert_is_loop(model, given(name, OTHER), variations, metric, base=base)


def test_a_base_of_values_for_each_example_goes_to_its_examples() -> None:
    there = same_batch()
    base = [Patch(Site("blocks.1.attn.z", head=2), there), Steer("embed", models.randn(BATCH, LENGTH, models.WIDTH))]
    base += [Zero(Site("blocks.2.mlp_out", rows=1))]
    for size in (1, 4, None):
        assert_is_loop(three()[0], OTHER, varied("gpt2", "sdpa"), AT_THE_END, base=base, batch_size=size)


# ---- batches


@pytest.mark.parametrize("metric", ["difference at the end", "callable"])
@pytest.mark.parametrize("name", ["gpt2", "bert", "t5"])
def test_the_size_of_a_batch_changes_no_number(name: str, metric: str) -> None:
    implementation = models.SUBJECTS[name].implementations[-1]
    model, variations = models.shared(name, implementation), some_of_each(name, implementation)
    right = sweep(model, given(name, OTHER), variations, METRICS[metric], batch_size=1)
    for size in (3, 10_000, None):
        assert_close(sweep(model, given(name, OTHER), variations, METRICS[metric], batch_size=size), right)


def rows_seen(model: Any, path: str, run: Callable[[], Any]) -> list[int]:
    """How many examples each call of a module held."""
    seen: list[int] = []
    handle = model.get_submodule(path).register_forward_hook(lambda module, args, output: seen.append(output.shape[0]))
    try:
        run()
    finally:
        handle.remove()
    return seen


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_a_batch_holds_no_more_rows_than_asked(size: int) -> None:
    model = models.build("gpt2", "sdpa")
    variations = [Zero(Site(f"blocks.{i}.mlp_out", position=p)) for i in range(3) for p in range(LENGTH)]
    trace(model, OTHER)
    seen = rows_seen(model, "transformer.ln_f", lambda: sweep(model, OTHER, variations, AT_THE_END, batch_size=size))
    assert max(seen) <= size * BATCH
    ran = sum(seen) // BATCH - len(variations)
    assert ran in (1, 2), (
        "each runs once, after the base, which may be run once more to check what is taken over from it"
    )
    assert max(seen) == min(size, LENGTH) * BATCH


def test_left_to_itself_a_batch_holds_a_few_hundred_tokens() -> None:
    model = models.build("gpt2", "sdpa")
    for batch, length in ((1, 4), (2, 9), (3, 20), (20, 30)):
        ids = models.ids(batch, length)
        variations = [Zero(Site("blocks.1.mlp_out", index=i)) for i in range(24)] * 5
        seen = rows_seen(
            model, "transformer.ln_f", lambda ids=ids, v=variations: sweep(model, ids, v, LogProbability(5))
        )
        assert max(seen) * length <= max(512, batch * length)
        assert sum(seen) // batch - len(variations) in (1, 2)


@pytest.mark.parametrize("size", [0, -3])
def test_a_batch_of_nothing_is_refused_or_one(size: int) -> None:
    model, variations = three()[0], [Zero("blocks.1.mlp_out"), Zero("blocks.0.mlp_out")]
    try:
        found = sweep(model, OTHER, variations, AT_THE_END, batch_size=size)
    except TraceError as error:
        message = str(error)
        found = loop(model, OTHER, variations, AT_THE_END) if "batch_size" in message else torch.empty(0)
    assert_close(found, loop(model, OTHER, variations, AT_THE_END))


def test_arguments_that_are_no_batch_are_left_as_they_are() -> None:
    model = models.shared("gpt2", "sdpa")
    for more in (
        {"position_ids": torch.arange(3, 3 + LENGTH)[None]},
        {"position_ids": torch.arange(3, 3 + LENGTH).expand(BATCH, -1).clone()},
        {"attention_mask": torch.ones(BATCH, LENGTH, dtype=torch.long)},
        {"token_type_ids": IDS},
    ):
        assert_is_loop(
            model,
            {"input_ids": OTHER, **more},
            [Zero("blocks.0.mlp_out"), Zero("blocks.2.attn.z"), Zero("embed")],
            AT_THE_END,
        )
    embedded = {"inputs_embeds": models.randn(BATCH, LENGTH, models.WIDTH)}
    assert_is_loop(model, embedded, [Zero("blocks.0.mlp_out"), Zero("blocks.2.attn.z")], AT_THE_END)


def test_a_single_text_as_a_row_of_ids() -> None:
    model, ids = models.shared("llama", "sdpa"), OTHER[0]
    metric = LogitDifference(5, 6)
    assert_is_loop(model, ids, [Zero("blocks.0.mlp_out"), Zero("blocks.1.attn.z")], metric)
    assert sweep(model, ids.tolist(), [Zero("blocks.0.mlp_out")], metric).shape == (1, 1)


def test_no_variations_give_an_empty_table() -> None:
    assert sweep(models.shared("gpt2"), OTHER, [], AT_THE_END).shape[0] == 0
    assert list(iterate(models.shared("gpt2"), OTHER, [], AT_THE_END)) == []


@pytest.mark.parametrize("wrong", [[[]], ["blocks.0.mlp_out"], [None], [[Zero("embed"), "embed"]]])
def test_what_is_no_intervention_is_refused(wrong: Any) -> None:
    with pytest.raises((TraceError, TypeError), match="(?i)intervention"):
        sweep(models.shared("gpt2"), OTHER, wrong, AT_THE_END)


@pytest.mark.parametrize(
    ("variation", "words"),
    [
        (Zero("blocks.9.mlp_out"), "blocks.9.mlp_out"),
        (Zero("logits"), "nothing reads the logits"),
        (Zero(Site("blocks.1.attn.z", head=4)), "head 4"),
        (Zero(Site("blocks.1.mlp_out", position=6)), "position 6"),
        (Zero(Site("blocks.1.mlp_out", head=0)), "has no heads"),
        (Zero("blocks.1.ln1.scale"), "computed inside the norm"),
        (Patch("blocks.1.attn.rot_q", torch.zeros(1)), "rot_q"),
    ],
)
def test_a_site_that_does_not_exist_is_refused_as_in_a_trace(variation: Any, words: str) -> None:
    model = models.build("gpt2")
    trace(model, OTHER)
    with untouched_all(model), pytest.raises(TraceError, match=words):
        sweep(model, OTHER, [Zero("blocks.0.mlp_out"), variation], AT_THE_END)
    with pytest.raises(TraceError, match=words):
        sweep(model, OTHER, [Zero("blocks.0.mlp_out")], AT_THE_END, base=[variation])


# ---- streaming, progress, cancelling


def mixed_variations() -> list[Any]:
    """25, in no order of layers."""
    order = torch.randperm(25, generator=torch.Generator().manual_seed(0)).tolist()
    names = ["embed", "blocks.0.attn.z", "blocks.1.mlp_out", "blocks.2.resid_pre", "unembed"]
    return [Scale(names[n % 5], n / 10) for n in order]


@pytest.mark.parametrize("size", [1, 2, 4, 100, None])
def test_every_variation_comes_exactly_once(size: int | None) -> None:
    model, variations = three()[0], mixed_variations()
    right = loop(model, OTHER, variations, AT_THE_END)
    index: list[int] = []
    for step in iterate(model, OTHER, variations, AT_THE_END, batch_size=size):
        assert step.values.shape == (len(step.index), BATCH)
        assert size is None or len(step.index) <= size
        assert_close(step.values, right[list(step.index)])
        index += step.index
    assert sorted(index) == list(range(25))


def test_progress_counts_up_to_all() -> None:
    calls: list[tuple[int, int]] = []
    sweep(three()[0], OTHER, mixed_variations(), AT_THE_END, batch_size=4, progress=lambda *at: calls.append(at))
    done = [at for at, _ in calls]
    assert done == sorted(set(done)) and done[-1] == 25 and {total for _, total in calls} == {25}
    assert all(0 < b - a <= 4 for a, b in itertools.pairwise([0, *done]))


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_cancel_stops_within_one_batch(after: int) -> None:
    model = busy("gpt2")
    trace(model, OTHER)
    forwards = {"now": 0}
    model.transformer.ln_f.register_forward_hook(lambda *a: forwards.update(now=forwards["now"] + 1))
    done: list[int] = []
    said = {"at": -1}

    def cancel() -> bool:
        if len(done) >= after and said["at"] < 0:
            said["at"] = forwards["now"]
        return len(done) >= after

    with untouched_all(model), pytest.raises(Cancelled):
        sweep(
            model,
            OTHER,
            mixed_variations(),
            AT_THE_END,
            batch_size=2,
            cancel=cancel,
            progress=lambda n, total: done.append(n),
        )
    assert len(done) == after, "batches ran on after the cancel"
    assert forwards["now"] == said["at"], "the model ran after the cancel"


@pytest.mark.parametrize("name", ["gpt2", "llama", "bloom", "t5"])
def test_between_batches_the_model_is_as_it_was(name: str) -> None:
    model, inputs = busy(name), given(name, OTHER)
    p = prefix(name)
    variations = [
        Scale(f"{p}blocks.{i}.{part}", 0.5)
        for i in (0, 1)
        for part in ("attn.z", "mlp_out", "resid_pre", "attn.pattern")
    ]
    trace(model, inputs)
    with untouched_all(model, *inputs.values()):
        steps = iterate(model, inputs, variations, AT_THE_END, batch_size=1)
    count = 0
    while True:
        with untouched_all(model, *inputs.values()):
            step = next(steps, None)
        if step is None:
            break
        count += 1
    assert count == len(variations)


def test_a_user_may_run_and_trace_the_model_between_batches() -> None:
    model = models.build("llama", "sdpa")
    variations = [Scale(f"blocks.{i}.{part}", 0.5) for i in (0, 1) for part in ("attn.z", "mlp_out", "resid_pre")]
    right = loop(model, OTHER, variations, AT_THE_END)
    plain = trace(model, IDS).logits
    found = torch.empty(len(variations), BATCH)
    for step in iterate(model, OTHER, variations, AT_THE_END, batch_size=2):
        found[list(step.index)] = step.values
        assert_close(trace(model, IDS).logits, plain, 0.0)
        sweep(model, IDS, [Zero("blocks.0.attn.z")], AT_THE_END)
    assert_close(found, right)


@pytest.mark.parametrize("name", ["gpt2", "llama", "bloom", "t5"])
def test_a_sweep_that_is_left_early_leaves_nothing_behind(name: str) -> None:
    model, inputs, p = busy(name), given(name, OTHER), prefix(name)
    trace(model, inputs)
    with untouched_all(model):
        steps = iterate(
            model, inputs, [Scale(f"{p}blocks.1.mlp_out", n / 4) for n in range(6)], AT_THE_END, batch_size=2
        )
        next(steps)
        steps.close()  # type: ignore[attr-defined]
    with untouched_all(model):
        for _ in iterate(
            model, inputs, [Scale(f"{p}blocks.1.attn.z", n / 4) for n in range(6)], AT_THE_END, batch_size=2
        ):
            break
    assert_close(
        trace(model, inputs).logits,
        trace(models.shared(name, models.SUBJECTS[name].implementations[-1]), inputs).logits,
        0.0,
    )


@pytest.mark.parametrize(
    "at",
    [
        "embed",
        "blocks.0.attn.pattern",
        "blocks.0.mlp_out",
        "blocks.1.attn.q",
        "blocks.1.attn.z",
        "blocks.1.attn.result",
        "blocks.1.resid_mid",
        "blocks.2.resid_post",
        "unembed",
    ],
)
@pytest.mark.parametrize("position", [True, False])
def test_an_intervention_that_raises_midway_leaves_everything_as_it_was(at: str, position: bool) -> None:
    model = busy("gpt2")
    trace(model, OTHER)
    calls = {"left": 3}

    def later(value: Tensor) -> Tensor:
        calls["left"] -= 1
        return boom(value) if calls["left"] == 0 else value

    metric = AT_THE_END if position else everything
    with untouched_all(model), pytest.raises(Boom, match="in the middle"):
        sweep(model, OTHER, [Replace(at, later)] * 6, metric, batch_size=1)
    assert_close(trace(model, OTHER).logits, trace(models.shared("gpt2", "sdpa"), OTHER).logits, 0.0)


@pytest.mark.parametrize("error", [Boom, KeyboardInterrupt])
@pytest.mark.parametrize("call", [1, 2, 4])
def test_a_metric_that_raises_midway_leaves_everything_as_it_was(call: int, error: type[BaseException]) -> None:
    model = busy("llama")
    trace(model, OTHER)
    calls = {"n": 0}

    def metric(logits: Tensor) -> Tensor:
        calls["n"] += 1
        if calls["n"] == call:
            raise error("from the metric")
        return logits[:, -1, 0]

    with untouched_all(model), pytest.raises(error):
        sweep(model, OTHER, [Zero(f"blocks.{i}.mlp_out") for i in (0, 1)] * 4, metric, batch_size=1)


def test_a_model_that_raises_midway_comes_back_as_it_was() -> None:
    model = busy("gpt2")
    calls = {"n": 0}

    def hook(module: Any, args: Any) -> None:
        calls["n"] += 1
        if calls["n"] == 4:
            raise Boom("the model")

    trace(model, OTHER)
    model.transformer.ln_f.register_forward_pre_hook(hook)
    with untouched_all(model), pytest.raises(Boom):
        sweep(model, OTHER, [Zero(f"blocks.{i}.mlp_out") for i in (0, 1, 2)] * 4, AT_THE_END, batch_size=1)


@pytest.mark.parametrize("raising", ["progress", "cancel", "on_result"])
def test_a_callback_that_raises_leaves_everything_as_it_was(raising: str) -> None:
    model = busy("gpt2")
    trace(model, OTHER)

    def callback(*given: Any) -> bool:
        raise Boom("in a callback")

    with untouched_all(model), pytest.raises(Boom):
        activation_patching(model, IDS, OTHER, AT_THE_END, "mlp_out", **{raising: callback})  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_it_works_under_every_gradient_mode(mode: Callable[[], Any]) -> None:
    model, variations = (
        models.build("llama"),
        [Zero("blocks.0.mlp_out"), Zero("blocks.1.attn.z"), Patch("blocks.1.mlp_out", source("llama", "eager"))],
    )
    right = loop(model, OTHER, variations, AT_THE_END)
    with mode():
        found = sweep(model, OTHER, variations, AT_THE_END)
    assert_close(found, right)
    assert not found.requires_grad and not found.is_inference()
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


def test_a_model_in_train_mode_is_swept_in_eval_mode() -> None:
    model = models.build("gpt2").train()
    variations = [Zero("blocks.0.mlp_out"), Zero("blocks.1.attn.z")]
    right = loop(models.shared("gpt2"), OTHER, variations, AT_THE_END)
    assert_close(sweep(model, OTHER, variations, AT_THE_END), right)
    assert all(module.training for module in model.modules())


def test_the_same_call_gives_the_same_bits() -> None:
    model, variations = three()[0], mixed_variations()
    assert torch.equal(sweep(model, OTHER, variations, AT_THE_END), sweep(model, OTHER, variations, AT_THE_END))
