"""A compiled model is a transformer like any other: it is traced, edited, attributed and explored."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from ipywidgets import Widget

from attrium import AttentionExplorer, TransformerExplorer
from attrium_kernel import rasp
from attrium_kernel.attribution import FeatureAblation, IntegratedGradients
from attrium_kernel.rasp.compiling import compile
from attrium_kernel.rasp.craft import Craft
from attrium_kernel.rasp.decode import decode, read_nodes
from attrium_kernel.rasp.library import PROGRAMS
from attrium_kernel.tracing import Architecture, Replace, Site, Weights, Zero, load, trace

from . import crafts

TEXT = "abba"
CASES = [(name, causal) for name in ("previous_token", "histogram", "deep", "share_of_a") for causal in (False, True)]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def closed_widgets() -> Iterator[None]:
    """Explorers stay open until they are closed, and the tests of the widgets expect none."""
    yield
    Widget.close_all()


def made(name: str, causal: bool, **options: Any) -> crafts.Bundle:
    return crafts.bundle(getattr(crafts, name)(causal), **options)


NAMES = """embed pos_embed resid_pre attn.q attn.k attn.v attn.scores attn.masked_scores attn.pattern attn.z attn.result
attn.out attn_out resid_mid mlp.pre mlp.post mlp_out resid_post unembed logits""".split()


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(found.double(), wanted, atol=1e-4, rtol=1e-5)


def names_of(craft: Craft) -> list[str]:
    """The names that a trace should have."""
    blocks = [f"blocks.{i}.{n}" for i in range(max(1, len(craft.layers))) for n in NAMES[2:-2]]
    return [*NAMES[:2], *blocks, *NAMES[-2:]]


@pytest.mark.parametrize("attention", ["soft", "hard"])
@pytest.mark.parametrize(("name", "causal"), CASES)
def test_a_trace_has_every_name_with_the_crafts_values(name: str, causal: bool, attention: str) -> None:
    bundle, hard = made(name, causal, attention=attention), attention == "hard"
    craft, t = bundle.craft, trace(bundle, TEXT)
    assert list(t) == names_of(craft)
    ids = torch.tensor([bundle.tokenizer.encode_values(TEXT)])
    streams = {stream.place: stream.values for stream in craft.run(ids, hard=hard)}
    mask = torch.ones(5, 5, dtype=torch.bool).tril() if causal else None

    def same(site: str, wanted: torch.Tensor) -> None:
        close(t[site], wanted)

    before = streams["embedding"]
    for i, layer in enumerate(craft.layers):
        same(f"blocks.{i}.resid_pre", before)
        same(f"blocks.{i}.resid_mid", streams[f"{i}.attention"])
        same(f"blocks.{i}.resid_post", streams[f"{i}.mlp"])
        same(f"blocks.{i}.attn_out", streams[f"{i}.attention"] - before)
        for h, head in enumerate(layer.heads):
            pattern, mixed = head.pattern(before, mask, hard), head.pattern(before, mask, hard) @ head.value(before)
            close(t[f"blocks.{i}.attn.pattern"][:, h], pattern)
            close(t[f"blocks.{i}.attn.scores"][:, h], head.query(before) @ head.key(before).mT)
            close(t[f"blocks.{i}.attn.z"][:, :, h, : len(head.moved)], mixed)
            close(t[f"blocks.{i}.attn.result"][:, :, h], mixed @ head.output.weight())
        if layer.mlp:
            same(f"blocks.{i}.mlp.post", torch.relu(layer.mlp.input(streams[f"{i}.attention"])))
        before = streams[f"{i}.mlp"]
    torch.testing.assert_close(t.logits.double(), craft.logits(ids, hard=hard), atol=1e-3, rtol=0)


@pytest.mark.parametrize(("name", "causal"), CASES)
def test_the_parts_are_found_where_they_are(name: str, causal: bool) -> None:
    """Though weights are zero, or alike in several parts, as a trained model's never are."""
    architecture = Architecture.of(made(name, causal).model)
    assert architecture.main.causal is causal and not architecture.notes
    assert not architecture.main.blocks[0].attention.rotary  # type: ignore[union-attr]
    paths = {role: part.path for role, part in architecture.main.blocks[0].parts.items()}
    linear = {"q": "query", "k": "key", "v": "value", "o": "output"}
    assert {f"attn.{letter}": paths[f"attn.{letter}"] for letter in linear} == {
        f"attn.{letter}": f"blocks.0.attention.{module}" for letter, module in linear.items()
    }
    assert (paths["mlp.up"], paths["mlp.down"]) == ("blocks.0.mlp.input", "blocks.0.mlp.output")


@pytest.mark.parametrize("name", list(PROGRAMS))
def test_programs_of_the_library_are_traced(name: str) -> None:
    """Each part where it is, and the stream that of the craft."""
    example = PROGRAMS[name]
    compiled = compile(example.build(8), example.vocabulary, 8, causal=example.causal)
    t = trace(compiled.model, compiled.ids([example.sample[:8]]))
    assert t.architecture is not None and t.architecture.main.causal is example.causal
    assert list(t) == names_of(compiled.craft)
    for i, block in enumerate(t.architecture.main.blocks):
        paths = [block.parts[f"attn.{letter}"].path for letter in "qkvo"]
        assert paths == [f"blocks.{i}.attention.{module}" for module in ("query", "key", "value", "output")]
    for stream in compiled.craft.run(compiled.ids([example.sample[:8]])):
        number, _, half = stream.place.partition(".")
        point = {"attention": "resid_mid", "mlp": "resid_post"}.get(half)
        close(t[f"blocks.{number}.{point}" if point else "blocks.0.resid_pre"], stream.values)


def test_silencing_the_head_of_a_node_changes_that_node_and_what_comes_from_it() -> None:
    """Names of heads say what they compute: without that of "first", only what needs it is wrong."""
    hist = rasp.selector_width(rasp.select(rasp.tokens, rasp.tokens, "==")).named("hist")
    first = rasp.aggregate(rasp.select(rasp.indices, 0, "=="), rasp.tokens).named("first")
    program = rasp.SequenceMap("x if y == 1 else '-'", first, hist).named("both")
    compiled = compile(program, "ab", 4)
    layer, head = next(
        (i, h) for i, layer in enumerate(compiled.craft.layers) for h, each in enumerate(layer.heads)
        if "first" in each.nodes
    )  # fmt: skip
    t = trace(compiled, "baa", interventions=[Zero(Site(f"blocks.{layer}.attn.z", head=head))])
    assert compiled.model.config.heads[layer][head] == compiled.craft.layers[layer].heads[head].name
    stream = t[f"blocks.{len(compiled.craft.layers) - 1}.resid_post"][0]
    found, right = read_nodes(compiled.craft, stream), compiled.node_values("baa")
    assert right["first"] == ["b", "b", "b"] and found["first"] == [None] * 3
    assert found["hist"] == pytest.approx([1, 2, 2], abs=1e-3)


def test_weights_by_name_are_the_crafts() -> None:
    bundle = made("previous_token", True)
    weights, head = Weights(bundle.model), bundle.craft.layers[0].heads[0]
    assert torch.equal(weights.W_Q(0)[0].double(), head.query.weight())
    assert torch.equal(weights.W_O(0)[0, :2].double(), head.output.weight())


def test_a_model_without_heads_is_traced_too() -> None:
    bundle = crafts.bundle(crafts.nothing())
    t = trace(bundle, TEXT)
    assert list(t) == names_of(bundle.craft)
    assert decode(bundle.craft, t.logits[0]) == list(TEXT)


@pytest.mark.parametrize("x", ["".join(x) for x in itertools.product("ab", repeat=3)])
def test_without_its_head_the_node_is_gone_and_the_others_are_not(x: str) -> None:
    bundle = made("previous_token", True)
    t = trace(bundle, x, interventions=[Zero(Site("blocks.0.attn.z", head=0))])
    found = read_nodes(bundle.craft, t["blocks.0.resid_post"][0])
    assert found["previous"] == [None] * 3 and found["tokens"] == list(x)
    assert decode(bundle.craft, t.logits[0]) == [None] * 3


def test_looking_at_one_key_only_moves_its_token() -> None:
    """A pattern set by hand is followed: every position now copies the last token."""
    bundle = made("previous_token", False)
    pattern = torch.zeros(1, 1, 5, 5)
    pattern[..., -1] = 1
    t = trace(bundle, "abab", interventions=[Replace("blocks.0.attn.pattern", lambda _: pattern)])
    assert decode(bundle.craft, t.logits[0]) == ["b"] * 4


@pytest.mark.parametrize("position", range(4))
def test_ablating_embeddings_finds_the_token_that_was_copied(position: int) -> None:
    """The logit of the copied letter falls by 20 without the previous token, and by nothing without any other."""
    bundle = made("previous_token", True)
    ids = torch.tensor([bundle.tokenizer.encode_values("abba")])
    letter = bundle.tokenizer.convert_tokens_to_ids("abba"[position - 1]) if position else 4
    rows = torch.arange(5)[None, :, None]
    found = FeatureAblation().attribute(
        bundle.model, ids, target=(position + 1, letter), at="token_embedding", mask=rows, baselines=0.0
    )
    scores = found.values[0].amax(-1) if isinstance(found.values, torch.Tensor) else found.values[0][0].amax(-1)
    wanted = torch.zeros(5)
    if position:
        wanted[position] = 20.0
    torch.testing.assert_close(scores[1:].float(), wanted[1:], atol=1e-3, rtol=0)


def test_integrated_gradients_adds_up_on_it() -> None:
    bundle = made("previous_token", True)
    ids = torch.tensor([bundle.tokenizer.encode_values("abba")])
    found = IntegratedGradients(n_steps=64).attribute(
        bundle.model, ids, target=(3, 3), at="token_embedding", baselines=0.0
    )
    assert float(found.values.sum()) == pytest.approx(20.0, abs=0.1)


@pytest.mark.parametrize(("name", "causal"), CASES)
def test_the_transformer_explorer_shows_it(name: str, causal: bool) -> None:
    bundle = made(name, causal)
    widget = TransformerExplorer(bundle.model, bundle.tokenizer, TEXT)
    assert widget.wait(30) and widget.last_error is None, widget.last_error
    assert [token["text"] for token in widget.tokens] == ["BOS", *TEXT]
    assert {k: widget.model[k] for k in ("causal", "learned_positions", "rotary", "activation", "unembed_bias")} == {
        "causal": causal, "learned_positions": True, "rotary": False, "activation": "ReLU", "unembed_bias": True,
    }  # fmt: skip
    assert widget.model["d_model"] == len(bundle.craft.space)
    logits = bundle.model(torch.tensor([widget.ids])).logits[0].detach()
    for position in range(5):
        answer = widget.answer("logits", {"position": position, "which": "run"})
        assert answer.frames["logits"].values == pytest.approx(logits[position].numpy(), abs=1e-4)
    pattern = trace(bundle, TEXT)["blocks.0.attn.pattern"][0].detach().numpy()
    assert widget.answer("heads", {"which": "run"}).frames["field"].values[0] == pytest.approx(pattern, abs=0.01)
    widget.answer("flow", {"block": 0, "which": "run"})
    head = len(bundle.craft.layers[0].heads) - 1
    widget.edits = [{"kind": "zero", "part": "head", "block": 0, "head": head}]
    assert widget.wait(30) and widget.last_error is None, widget.last_error
    assert not torch.equal(widget.trace.logits, widget.base.logits)


@pytest.mark.parametrize(("name", "causal"), CASES[:-2])  # the last has one logit, and none to compare it with
def test_contributions_add_up_in_the_explorer(name: str, causal: bool) -> None:
    bundle = made(name, causal)
    widget = TransformerExplorer(bundle.model, bundle.tokenizer, TEXT)
    assert widget.wait(30)
    answer = widget.answer("contributions", {"position": 3, "token": 3, "versus": 2, "which": "run"})
    logits = widget.trace.logits[0, 3]
    assert answer.facts["total"] == pytest.approx(float(logits[3] - logits[2]), abs=1e-3)
    assert sum(item["value"] for item in answer.facts["items"]) == pytest.approx(answer.facts["total"], abs=1e-3)


@pytest.mark.parametrize("attention", ["soft", "hard"])
def test_the_attention_explorer_shows_it(attention: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AttentionExplorer, "_esm", "export default {}", raising=False)
    bundle = made("previous_token", True, attention=attention)
    widget = AttentionExplorer(load(bundle), text=TEXT, layer=0, head=0)
    assert widget.wait(30) and widget.last_error is None, widget.last_error
    assert widget.kinds == [{"name": "self", "title": "Self-attention", "layers": [0], "heads": [1]}]
    assert widget.runs[0]["queries"]["self"] == ["BOS", *TEXT]
    previous = torch.tensor([[1.0, 0, 0, 0, 0], [1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0]])
    torch.testing.assert_close(torch.as_tensor(widget.values.numpy()), previous, atol=1e-4, rtol=0)
    field = widget.answer("field", {"shown": 0, "minus": -1, "kind": "self", "measure": "pattern", "scale": "linear"})
    assert field.frames


def test_the_transformer_explorer_writes_on_and_says_where_it_ends() -> None:
    bundle = made("previous_token", True)
    widget = TransformerExplorer(bundle.model, bundle.tokenizer, "aab", sampler={"greedy": True})
    assert widget.wait(30)
    widget.generate(2)
    assert widget.wait(30) and widget.last_error is None, widget.last_error
    assert bundle.tokenizer.values_of(widget.ids) == ["BOS", "a", "a", "b", "a", "b"]
    for change, words in [
        (lambda: widget.generate(1), "learned positions for 6"),
        (lambda: setattr(widget, "text", "abx"), "position 2 is 'x'"),
        (lambda: setattr(widget, "text", "ababab"), "compiled for max_length=5"),
    ]:
        change()
        assert widget.wait(30) and words in str(widget.last_error)
