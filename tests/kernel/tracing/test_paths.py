"""Direct paths through the residual stream, against path patching written out by hand."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import Tensor

from attrium_kernel.tracing import Edge, Mean, Patch, Scale, Site, Steer, Trace, TraceError, Zero, trace

from . import handwritten, models
from .closeness import assert_close, assert_same
from .test_interventions import IDS, OTHER, by_hand, edited

SENDERS = ["embed", "blocks.0.attn.result", "blocks.0.attn_out", "blocks.0.mlp_out"]
RECEIVERS = ["blocks.1.attn.q", "blocks.1.attn.k", "blocks.1.attn.v", "blocks.1.mlp", "unembed"]
MODELS = ["gpt2", "llama"]


@functools.cache
def other(name: str) -> Trace:
    """A trace of other texts."""
    return trace(models.shared(name), OTHER)


def written(values: handwritten.Values, sender: Site) -> Tensor:
    """What a sender adds to the stream."""
    value = values[sender.name]
    if sender.name.endswith("result"):
        heads = range(value.shape[2]) if sender.head is None else sender.head
        return value[:, :, [heads] if isinstance(heads, int) else list(heads)].sum(2)
    return value


def direct(name: str, sender: Site, receiver: Site) -> handwritten.Values:
    """The receiver alone reads the stream with the sender's part as it is in the other run; at all positions."""
    delta = written(by_hand(name, "OTHER"), sender) - written(by_hand(name), sender)
    heads = {} if receiver.head is None else {receiver.name: [receiver.head]}
    return handwritten.FORWARDS[name](models.shared(name), IDS, direct={receiver.name: delta}, heads=heads)


def assert_path(t: Trace, right: handwritten.Values) -> None:
    """Every value of the run is that of the hand-written one."""
    assert_close(t.logits, right["logits"], 3e-5)
    assert_same(
        t,
        right,
        3e-5,
        names=[n for n in right if not n.endswith(("ln_final.out", "ln_final.scale", "ln2.out", "ln2.scale"))],
    )


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("receiver", RECEIVERS)
@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("name", MODELS)
def test_a_patched_edge_is_path_patching_by_hand(name: str, sender: str, receiver: str, implementation: str) -> None:
    head = 1 if sender.endswith("result") else None
    to = (1 if receiver[-1] in "kv" else 2) if "attn" in receiver else None
    edge = Edge(Site(sender, head=head), Site(receiver, head=to))
    right = direct(name, edge.sender, edge.receiver)
    assert (right["logits"] - by_hand(name)["logits"]).abs().max() > 1e-4
    t = trace(models.shared(name, implementation), IDS, interventions=[Patch(edge, other(name))])
    assert_path(t, right)


@pytest.mark.parametrize("receiver", RECEIVERS)
@pytest.mark.parametrize("name", MODELS)
def test_all_heads_of_a_receiver_read_the_other_stream(name: str, receiver: str) -> None:
    edge = Edge("blocks.0.mlp_out", receiver)  # type: ignore[arg-type]  # names are sites
    t = trace(models.shared(name), IDS, interventions=[Patch(edge, other(name))])
    assert_path(t, direct(name, edge.sender, edge.receiver))


@pytest.mark.parametrize("name", MODELS)
def test_the_mlp_of_the_same_block_reads_its_attention(name: str) -> None:
    edge = Edge(Site("blocks.1.attn.result", head=3), Site("blocks.1.mlp"))
    t = trace(models.shared(name), IDS, interventions=[Patch(edge, other(name))])
    assert_path(t, direct(name, edge.sender, edge.receiver))


@pytest.mark.parametrize("sender", SENDERS)
def test_only_the_receivers_head_changes(sender: str) -> None:
    clean = by_hand("gpt2")
    edge = Edge(Site(sender), Site("blocks.2.attn.v", head=3))
    t = trace(models.shared("gpt2"), IDS, interventions=[Patch(edge, other("gpt2"))])
    for name in (
        "embed",
        "blocks.0.attn.z",
        "blocks.0.mlp_out",
        "blocks.1.resid_post",
        "blocks.2.attn.q",
        "blocks.2.attn.pattern",
    ):
        assert_close(t[name], clean[name], 2e-5)
    assert_close(t["blocks.2.attn.z"][:, :, :3], clean["blocks.2.attn.z"][:, :, :3], 2e-5)
    assert (t["blocks.2.attn.z"][:, :, 3] - clean["blocks.2.attn.z"][:, :, 3]).abs().max() > 1e-3


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("position", [3, -1, (0, 2)], ids=str)
def test_a_senders_positions_and_rows_are_those_that_change(name: str, position: Any) -> None:
    sender = Site("blocks.0.attn.result", head=2, position=position, rows=(0, 2))
    delta = written(by_hand(name, "OTHER"), sender) - written(by_hand(name), sender)
    keep = torch.zeros(models.BATCH, models.LENGTH, 1)
    for row in (0, 2):
        keep[row, [position] if isinstance(position, int) else list(position)] = 1
    right = handwritten.FORWARDS[name](models.shared(name), IDS, direct={"blocks.1.attn.k": delta * keep})
    t = trace(models.shared(name), IDS, interventions=[Patch(Edge(sender, Site("blocks.1.attn.k")), other(name))])
    assert_path(t, right)


@pytest.mark.parametrize(
    ("make", "new"),
    [
        (lambda at: Zero(at), lambda v: v * 0),
        (lambda at: Scale(at, -2.0), lambda v: v * -2),
        (lambda at: Steer(at, torch.ones(models.WIDTH)), lambda v: v + 1),
        (lambda at: Mean(at, over="position"), lambda v: v.mean(1, keepdim=True).expand_as(v)),
    ],
    ids=["zero", "scale", "steer", "mean"],
)
@pytest.mark.parametrize("receiver", RECEIVERS)
def test_every_intervention_works_on_an_edge(make: Any, new: Any, receiver: str) -> None:
    sender = Site("blocks.0.mlp_out")
    value = by_hand("gpt2")[sender.name]
    right = handwritten.gpt2(models.shared("gpt2"), IDS, direct={receiver: new(value) - value})
    t = trace(models.shared("gpt2"), IDS, interventions=[make(Edge(sender, Site(receiver)))])
    assert_path(t, right)


@pytest.mark.parametrize("name", MODELS)
def test_edges_from_several_senders_add(name: str) -> None:
    senders = [Site("embed"), Site("blocks.0.attn.result", head=0), Site("blocks.0.mlp_out")]
    total = sum(written(by_hand(name, "OTHER"), s) - written(by_hand(name), s) for s in senders)
    right = handwritten.FORWARDS[name](models.shared(name), IDS, direct={"blocks.1.attn.q": total})
    edges = [Patch(Edge(s, Site("blocks.1.attn.q")), other(name)) for s in senders]
    assert_path(trace(models.shared(name), IDS, interventions=edges), right)


@pytest.mark.parametrize("name", MODELS)
def test_one_sender_to_several_receivers(name: str) -> None:
    sender = Site("blocks.0.attn.result", head=1)
    delta = written(by_hand(name, "OTHER"), sender) - written(by_hand(name), sender)
    receivers = ["blocks.1.attn.k", "blocks.1.attn.v", "unembed"]
    right = handwritten.FORWARDS[name](models.shared(name), IDS, direct=dict.fromkeys(receivers, delta))
    edges = [Patch(Edge(sender, Site(r)), other(name)) for r in receivers]
    assert_path(trace(models.shared(name), IDS, interventions=edges), right)


def test_a_sender_is_what_it_is_in_this_run() -> None:
    # An earlier intervention changes what the sender writes; the edge replaces that, and not the clean value.
    sender = Site("blocks.1.mlp_out")
    halved = edited("gpt2", [(Site("blocks.0.resid_mid"), lambda v: v * 0.5)])
    delta = by_hand("gpt2", "OTHER")[sender.name] - halved[sender.name]
    right = edited("gpt2", [(Site("blocks.0.resid_mid"), lambda v: v * 0.5)], direct={"blocks.2.attn.q": delta})
    interventions = [Scale("blocks.0.resid_mid", 0.5), Patch(Edge(sender, Site("blocks.2.attn.q")), other("gpt2"))]
    assert_path(trace(models.shared("gpt2"), IDS, interventions=interventions), right)


PRE_NORM = [
    name
    for name, subject in models.SUBJECTS.items()
    if len(subject.stacks) == 1 and subject.stacks[0].form != "post-norm" and name != "vit"
]


@pytest.mark.parametrize("name", PRE_NORM)
def test_the_last_mlp_has_one_reader(name: str) -> None:
    # All that the last MLP writes goes to the unembedding: its one edge is the whole of it.
    model, last = models.shared(name), models.SUBJECTS[name].stacks[0].layers - 1
    there = trace(model, OTHER)
    whole = trace(model, IDS, interventions=[Patch(f"blocks.{last}.mlp_out", there)]).logits
    edge = Edge(Site(f"blocks.{last}.mlp_out"), Site("unembed"))
    assert_close(trace(model, IDS, interventions=[Patch(edge, there)]).logits, whole, 2e-5)
    assert (whole - trace(model, IDS).logits).abs().max() > 1e-3


@pytest.mark.parametrize("name", [n for n in PRE_NORM if models.SUBJECTS[n].stacks[0].form == "sequential"])
def test_the_last_attention_has_two_readers(name: str) -> None:
    model, last = models.shared(name), models.SUBJECTS[name].stacks[0].layers - 1
    there, sender = trace(model, OTHER), Site(f"blocks.{last}.attn_out")
    whole = trace(model, IDS, interventions=[Patch(sender, there)]).logits
    edges = [Patch(Edge(sender, Site(r)), there) for r in (f"blocks.{last}.mlp", "unembed")]
    # The MLP's answer to its own edge reaches the unembedding by itself.
    assert_close(trace(model, IDS, interventions=edges).logits, whole, 2e-5)


@pytest.mark.parametrize("name", [n for n in PRE_NORM if models.SUBJECTS[n].stacks[0].attn_post is None])
def test_heads_edges_are_the_attentions_edge(name: str) -> None:
    model, there = models.shared(name), trace(models.shared(name), OTHER)
    for receiver in ("blocks.1.attn.v", "unembed"):
        whole = Patch(Edge(Site("blocks.0.attn_out"), Site(receiver)), there)
        heads = Patch(Edge(Site("blocks.0.attn.result"), Site(receiver)), there)
        one_by_one = [
            Patch(Edge(Site("blocks.0.attn.result", head=h), Site(receiver)), there) for h in range(models.HEADS)
        ]
        right = trace(model, IDS, interventions=[whole]).logits
        assert_close(trace(model, IDS, interventions=[heads]).logits, right, 2e-5)
        assert_close(trace(model, IDS, interventions=one_by_one).logits, right, 2e-5)


@pytest.mark.parametrize("name", PRE_NORM)
def test_an_edge_to_all_readers_of_a_block_is_another_stream_for_that_block(name: str) -> None:
    # Block 1 reads another embedding, and so does what follows: as if block 1 had been given another stream.
    model, last = models.shared(name), models.SUBJECTS[name].stacks[0].layers - 1
    if last != 1:
        pytest.skip("the block must be the last")
    there = trace(model, OTHER)
    stream = trace(model, IDS)["blocks.1.resid_pre"] + there["blocks.0.mlp_out"] - trace(model, IDS)["blocks.0.mlp_out"]
    whole = trace(model, IDS, interventions=[Patch("blocks.1.resid_pre", stream)]).logits
    receivers = [f"blocks.1.{r}" for r in ("attn.q", "attn.k", "attn.v", "mlp")] + ["unembed"]
    edges = [Patch(Edge(Site("blocks.0.mlp_out"), Site(r)), there) for r in receivers]
    assert_close(trace(model, IDS, interventions=edges).logits, whole, 2e-5)


@pytest.mark.parametrize("receiver", RECEIVERS)
def test_an_edge_patched_from_the_same_run_changes_nothing(receiver: str) -> None:
    for name in MODELS:
        t = trace(models.shared(name), IDS)
        edge = Edge(Site("blocks.0.attn.result"), Site(receiver))
        assert_close(trace(models.shared(name), IDS, interventions=[Patch(edge, t)]).logits, t.logits, 2e-5)


def test_no_path_runs_backwards() -> None:
    for sender, receiver in (("blocks.1.mlp_out", "blocks.1.attn.q"), ("blocks.2.attn_out", "blocks.1.mlp")):
        with pytest.raises(TraceError, match=sender):
            trace(models.shared("gpt2"), IDS, interventions=[Zero(Edge(Site(sender), Site(receiver)))])
