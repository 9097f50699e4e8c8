"""The torch module of a craft: against the craft's own float64 run, and against the programs in plain Python."""

from __future__ import annotations

import copy
import itertools
import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from attrium_kernel.rasp.craft import Craft, Direction, Space
from attrium_kernel.rasp.decode import decode, decode_batch, read_nodes
from attrium_kernel.rasp.model import CompiledConfig, CompiledTransformer, assemble

from . import crafts

ANSWERS: dict[str, Callable[[Sequence[str], int, bool], Any]] = {
    "previous_token": lambda x, i, causal: x[i - 1] if i else None,
    "histogram": lambda x, i, causal: (x[: i + 1] if causal else x).count(x[i]),
    "share_of_a": lambda x, i, causal: (s := x[: i + 1] if causal else x).count("a") / len(s),
    "nothing": lambda x, i, causal: x[i],
}
KINDS = [(name, causal) for name in ("previous_token", "histogram", "share_of_a") for causal in (False, True)]
KINDS += [("nothing", False)]


def craft_of(name: str, causal: bool) -> Craft:
    made: Craft = getattr(crafts, name)(causal) if name != "nothing" else crafts.nothing()
    return made


def inputs(length: int) -> list[tuple[str, ...]]:
    return list(itertools.product(crafts.LETTERS, repeat=length))


def ids_of(xs: Sequence[Sequence[str]], width: int | None = None) -> torch.Tensor:
    """Ids with the BOS in front, padded with PAD to a width."""
    rows = [[0, *(2 + crafts.LETTERS.index(x) for x in xs_)] for xs_ in xs]
    return torch.tensor([row + [1] * ((width or len(row)) - len(row)) for row in rows])


@pytest.mark.parametrize("attention", ["soft", "hard"])
@pytest.mark.parametrize(("name", "causal"), KINDS)
def test_every_input_gives_what_plain_python_gives(name: str, causal: bool, attention: Any) -> None:
    craft = craft_of(name, causal)
    model = assemble(craft, attention=attention)
    for length in range(1, crafts.LENGTH + 1):
        xs = inputs(length)
        wanted = [[ANSWERS[name](x, i, causal) for i in range(length)] for x in xs]
        found = decode_batch(craft, model(ids_of(xs)).logits)
        if craft.numerical:
            assert torch.allclose(torch.tensor(found), torch.tensor(wanted), atol=1e-5)
        else:
            assert found == wanted


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("name", "causal"), KINDS)
def test_the_stream_is_that_of_the_craft(name: str, causal: bool, dtype: torch.dtype) -> None:
    craft = craft_of(name, causal)
    ids = ids_of(inputs(crafts.LENGTH))
    out = assemble(craft, dtype=dtype)(ids, output_hidden_states=True, output_attentions=True)
    streams = craft.run(ids)
    kept = [streams[0], *(s for s in streams if s.place.endswith("mlp"))]
    tolerance = 1e-4 if dtype == torch.float32 else 1e-12
    for mine, theirs in zip(out.hidden_states, kept, strict=False):  # with no layer, a block that does nothing is added
        torch.testing.assert_close(mine.double(), theirs.values, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(out.logits.double(), craft.logits(ids), atol=20 * tolerance, rtol=tolerance)
    assert out.attentions[0].sum(-1).sub(1).abs().max() < 1e-5


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", ["previous_token", "histogram"])
def test_padding_changes_nothing_before_it(name: str, masked: bool) -> None:
    """PAD is masked by the weights; an attention mask is honoured as well, whatever stands at the padding."""
    craft = craft_of(name, False)
    model = assemble(craft)
    rows = [x for length in range(1, crafts.LENGTH + 1) for x in inputs(length)]
    ids = ids_of(rows, crafts.LENGTH + 1)
    mask = (ids != 1).long() if masked else None
    if masked:
        ids = ids.masked_fill(ids == 1, 2)  # an "a" that the mask hides
    found = decode_batch(craft, model(ids, attention_mask=mask).logits, [len(x) for x in rows])
    assert found == [[ANSWERS[name](x, i, False) for i in range(len(x))] for x in rows]


def test_heads_and_units_are_filled_up_and_labelled() -> None:
    config = CompiledConfig.of(crafts.histogram())
    assert (config.n_layer, config.n_head, config.d_head, config.d_mlp) == (1, 1, 4, 12)
    assert config.labels[:4] == ("bos", "pad", "tokens:a", "tokens:b") and config.labels[-1] == "hist:5"
    assert config.heads == (("same",),) and config.moved == ((("bos",),),)
    assert len(config.units[0]) == 12 and config.units[0][0].startswith("hist[inverse > ")
    two = crafts.previous_token()
    both = replace(two, layers=(two.layers[0], crafts.nothing_layer(), *two.layers))
    config = CompiledConfig.of(both)
    assert config.heads == (("select",), ("",), ("select",)) and (config.n_layer, config.d_mlp) == (3, 1)


def test_a_program_without_layers_has_one_that_does_nothing() -> None:
    model = assemble(crafts.nothing())
    assert model.config.n_layer == 1
    assert not any(bool(p.any()) for p in model.blocks.parameters())


def test_a_state_dict_goes_into_a_module_made_from_the_config() -> None:
    for attention in ("soft", "hard"):
        model = assemble(crafts.histogram(), attention=attention)  # type: ignore[arg-type]  # one of the two
        other = CompiledTransformer(model.config)
        assert not any(bool(p.any()) for p in other.parameters())
        other.load_state_dict(model.state_dict())
        ids = ids_of(inputs(4))
        assert torch.equal(other(ids).logits, model(ids).logits)
        assert torch.equal(other.blocks[0].attention.gaps, model.blocks[0].attention.gaps)  # type: ignore[union-attr]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"])
def test_copies_are_the_same(copied: Any) -> None:
    model = assemble(crafts.previous_token(True))
    ids = ids_of(inputs(3))
    assert torch.equal(copied(model)(ids).logits, model(ids).logits)
    assert copied(model).config == model.config


@pytest.mark.parametrize("attention", ["soft", "hard"])
def test_it_is_one_graph_for_torch_compile(attention: Any) -> None:
    model = assemble(crafts.histogram(True), attention=attention)
    ids = ids_of(inputs(3))
    graph = torch.compile(model, fullgraph=True, backend="eager")
    assert torch.equal(graph(ids, attention_mask=torch.ones_like(ids)).logits, model(ids).logits)


def test_embeddings_can_be_given_instead_of_ids() -> None:
    model = assemble(crafts.histogram())
    ids = ids_of(inputs(3))
    given = model(inputs_embeds=model.get_input_embeddings()(ids), use_cache=False, return_dict=True)
    assert torch.equal(given["logits"], model(ids)[0])


def test_hard_attention_cuts_what_is_a_gap_below() -> None:
    """Softened queries still select in hard mode, and no longer do in soft mode."""
    craft, ids = crafts.previous_token(), ids_of([("a", "b", "b", "a")])
    found = {}
    for attention in ("soft", "hard"):
        model = assemble(craft, attention=attention)  # type: ignore[arg-type]  # one of the two
        inner: Any = model.blocks[0].attention
        with torch.no_grad():
            inner.query.weight.mul_(0.02), inner.query.bias.mul_(0.02)
            inner.gaps.mul_(0.02)
        found[attention] = model(ids).logits[0]
    assert decode(craft, found["hard"]) == [None, "a", "b", "b"]
    torch.testing.assert_close(found["hard"].double(), craft.logits(ids)[0], atol=1e-4, rtol=0)
    assert (found["soft"] - found["hard"]).abs().max() > 5


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: m(ids_of([("a",) * 6])), "has 7 positions with its BOS, but the model was compiled for 6"),
        (lambda m: m(), "either input_ids or inputs_embeds"),
        (lambda m: assemble(crafts.nothing(), dtype=torch.float16), "pass torch.float32 or torch.float64"),
        (lambda m: assemble(crafts.nothing(), attention="firm"), "attention is 'firm'; pass 'soft' or 'hard'"),
    ],
)
def test_errors_say_what_to_do(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call(assemble(crafts.nothing()))


def test_an_average_of_numbers_is_read_as_their_mean() -> None:
    craft = crafts.histogram()
    logits = torch.full((3, len(craft.outputs)), -20.0)
    logits[:, 4:] = 0.0
    logits[1, [4, 6]] = 10.0  # half 1, half 3
    logits[2, 8] = 20.0
    assert decode(craft, logits) == [2.0, 5]


def test_letters_that_were_mixed_give_the_one_that_leads() -> None:
    craft = crafts.previous_token()
    logits = torch.tensor([[-20.0, -20, 0, 0, 20], [-20, -20, 8, 12, 0], [-20, -20, 4, 1, 15], [-20, -20, 0, 20, 0]])
    assert decode(craft, logits) == ["b", None, "b"]


@pytest.mark.parametrize(("name", "causal"), KINDS)
def test_nodes_are_read_from_the_stream(name: str, causal: bool) -> None:
    craft, node = craft_of(name, causal), {"previous_token": "previous", "histogram": "hist", "share_of_a": "share"}
    model = assemble(craft)
    for x in inputs(4):
        stream = model(ids_of([x]), output_hidden_states=True).hidden_states
        found = read_nodes(craft, stream[-1][0])
        assert found["tokens"] == list(x) and found["indices"] == [0, 1, 2, 3]
        if name in node:
            wanted = [ANSWERS[name](x, i, causal) for i in range(4)]
            assert found[node[name]] == (pytest.approx(wanted, abs=1e-5) if name == "share_of_a" else wanted)
            if not craft.numerical:
                assert read_nodes(craft, stream[0][0])[node[name]] == [None] * 4  # not written yet


def test_a_number_that_can_be_absent_says_so() -> None:
    number, present = Direction("n", "number", offset=8.0), Direction("n", "present")
    craft = replace(crafts.nothing(), space=Space([number, present]))
    found = read_nodes(craft, torch.tensor([[0.0, 0.0], [10.5, 1.0], [8.0, 0.0], [8.0, 0.75]]))
    assert found == {"n": [2.5, None, 0.0]}
