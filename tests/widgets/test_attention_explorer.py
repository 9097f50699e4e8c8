"""AttentionExplorer: numbers on screen against the model's own, and against what a pencil gives."""

from __future__ import annotations

import base64
import io
import json
import math
import tracemalloc
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
import traitlets as t
import transformers as hf
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

import attrium
from attrium import AttentionExplorer
from attrium.attention import head_marks
from attrium.attention import overview as overviews
from attrium.attention.alignment import align
from attrium.attention.scales import scaled
from attrium.errors import DataError, LengthError
from attrium_kernel.arrays import lazy
from attrium_kernel.tracing import analysis
from tests.widgets.comms import Screen

TEXT = "The keys near the old door are small"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny models run fastest, and most repeatably, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def front_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's side is tested whether or not the bundle is built."""
    monkeypatch.setattr(AttentionExplorer, "_esm", "export default {}", raising=False)


@cache
def gpt2() -> Any:
    """The zoo's model with attention of its own making, and its tokenizer."""
    return attrium.load("tiny_gpt2")


@cache
def seeded(make: Any) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model: nn.Module = make().eval()
    for weight in model.parameters():  # patterns that differ from head to head
        weight.data.mul_(4 if weight.dim() > 1 else 1)
    return model


def llama() -> nn.Module:
    """Two layers, four heads that share two keys."""
    return hf.LlamaForCausalLM(
        hf.LlamaConfig(
            hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            vocab_size=50, bos_token_id=1, eos_token_id=2, attn_implementation="eager",
        )
    )  # fmt: skip


def t5() -> nn.Module:
    return hf.T5ForConditionalGeneration(
        hf.T5Config(d_model=24, d_kv=6, d_ff=32, num_layers=2, num_decoder_layers=3, num_heads=4, vocab_size=50,
                    decoder_start_token_id=0, attn_implementation="eager")
    )  # fmt: skip


def vit() -> nn.Module:
    return hf.ViTForImageClassification(
        hf.ViTConfig(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=32,
                     image_size=(32, 48), patch_size=16, num_labels=3, attn_implementation="eager")
    )  # fmt: skip


def bert() -> nn.Module:
    return hf.BertModel(
        hf.BertConfig(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=32, vocab_size=50,
                      attn_implementation="eager")
    )  # fmt: skip


def ids(*shape: int) -> Tensor:
    return torch.randint(3, 50, shape, generator=torch.Generator().manual_seed(5))


def weights(*shape: int, causal: bool = True) -> Tensor:
    """Random patterns `(layer, batch, head, query, key)`."""
    scores = torch.randn(shape, generator=torch.Generator().manual_seed(7))
    if causal:
        scores = scores.masked_fill(torch.ones(shape[-2:]).triu(1).bool(), -math.inf)
    return scores.softmax(-1)


def view(w: AttentionExplorer, name: str, index: Any = None, pixels: Any = None) -> np.ndarray[Any, Any]:
    """What the screen is given when it asks for a region."""
    screen = Screen(w)
    screen.say({"kind": "view", "id": 1, "tensor": name, "index": index, "pixels": pixels})
    content, buffers = screen.replies()[-1]
    assert content["kind"] == "view", content
    frame = content["frame"]
    stored = np.frombuffer(buffers[0], "<f4" if frame["dtype"] == "float32" else frame["dtype"]).reshape(frame["shape"])
    steps = frame["quantised"]
    return stored if steps is None else steps["offset"] + steps["scale"] * stored


def ask(w: AttentionExplorer, question: str, **args: Any) -> tuple[Any, dict[str, np.ndarray[Any, Any]]]:
    """What the screen is told."""
    screen = Screen(w)
    screen.say({"kind": "ask", "id": 1, "question": question, "args": args})
    content, buffers = screen.replies()[-1]
    assert content["kind"] == "answer", content
    frames = {}
    for (name, header), data in zip(content["frames"], buffers, strict=True):
        stored = np.frombuffer(data, "<f4" if header["dtype"] == "float32" else header["dtype"]).reshape(
            header["shape"]
        )
        steps = header["quantised"]
        frames[name] = stored if steps is None else steps["offset"] + steps["scale"] * stored
    return content["facts"], frames


def refusal(w: AttentionExplorer, **request: Any) -> str:
    screen = Screen(w)
    screen.say({"id": 1, **request})
    content, _ = screen.replies()[-1]
    assert content["kind"] == "error", content
    message: str = content["message"]
    return message


FIELD: dict[str, Any] = {"shown": 0, "minus": -1, "kind": "self", "measure": "pattern", "scale": "linear"}


# Sources


def test_patterns_of_a_live_model_are_those_that_it_returns_itself():
    model, tokenizer = gpt2()
    w = AttentionExplorer((model, tokenizer), text=TEXT, layer=2, head=3)
    assert w.wait(60) and w.last_error is None
    given = tokenizer(TEXT, return_tensors="pt")
    eager = hf.AutoModelForCausalLM.from_config(model.config, attn_implementation="eager").eval()
    eager.load_state_dict(model.state_dict())
    with torch.no_grad():
        theirs = eager(**given, output_attentions=True).attentions
    for layer in range(len(theirs)):
        ours = view(w, f"attention/0/self/{layer}/pattern/linear")
        np.testing.assert_allclose(ours, theirs[layer][0].numpy(), atol=1e-5)
    np.testing.assert_allclose(w.values.numpy(), theirs[2][0, 3].numpy(), atol=1e-5)
    assert "".join(w.runs[0]["queries"]["self"]) == TEXT
    assert w.kinds == [
        {"name": "self", "title": "Self-attention", "layers": list(range(len(theirs))), "heads": [4] * len(theirs)}
    ]
    assert (w.run, w.kind, w.layer, w.head) == (1, "self", 2, 3)


def test_heads_that_share_keys_are_told_apart():
    model = seeded(llama)
    w = AttentionExplorer(model, inputs={"input_ids": ids(1, 9)})
    assert w.wait(60) and w.last_error is None
    theirs = model(ids(1, 9), output_attentions=True).attentions
    for layer in range(2):
        np.testing.assert_allclose(
            view(w, f"attention/0/self/{layer}/pattern/linear"), theirs[layer][0].detach().numpy(), atol=1e-5
        )


def test_an_encoder_decoder_has_three_kinds_with_tokens_of_their_own():
    model, source, target = seeded(t5), ids(1, 7), ids(1, 5)
    w = AttentionExplorer(
        model, inputs={"input_ids": source, "decoder_input_ids": target}, tokens=list("abcdefg"), kind="cross", layer=2
    )
    assert w.wait(60) and w.last_error is None
    assert [(k["name"], len(k["layers"])) for k in w.kinds] == [("encoder", 2), ("decoder", 3), ("cross", 3)]
    assert w.runs[0]["queries"]["encoder"] == w.runs[0]["keys"]["cross"] == list("abcdefg")
    assert w.runs[0]["queries"]["cross"] == w.runs[0]["keys"]["decoder"] == [str(i) for i in target[0].tolist()]
    theirs = model(input_ids=source, decoder_input_ids=target, output_attentions=True)
    for kind, layers in (
        ("encoder", theirs.encoder_attentions),
        ("decoder", theirs.decoder_attentions),
        ("cross", theirs.cross_attentions),
    ):
        for n, layer in enumerate(layers):
            ours = view(w, f"attention/0/{kind}/{n}/pattern/linear")
            np.testing.assert_allclose(ours, layer[0].detach().numpy(), atol=1e-5)
    assert w.values.shape == (5, 7)
    w.kind = "encoder"
    assert w.layer == 1 and w.values.shape == (7, 7)  # the encoder has no third layer
    assert "rollout" in w.measures
    w.kind = "cross"
    assert "rollout" not in w.measures and "value_weighted" in w.measures


def test_a_picture_has_patches_for_keys():
    model, pixels = seeded(vit), torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(1))
    picture = np.zeros((64, 96, 3), np.uint8)
    w = AttentionExplorer(model, inputs=pixels, image=picture)
    assert w.wait(60) and w.last_error is None
    assert (w.grid, w.prefix, w.show) == ([2, 3], 1, "picture")
    assert w.runs[0]["keys"]["self"] == [
        "[CLS]", "patch 0,0", "patch 0,1", "patch 0,2", "patch 1,0", "patch 1,1", "patch 1,2",
    ]  # fmt: skip
    theirs = model(pixels, output_attentions=True).attentions
    np.testing.assert_allclose(view(w, "attention/0/self/1/pattern/linear"), theirs[1][0].detach().numpy(), atol=1e-5)
    assert w.image.shape == (64, 96, 3)
    facts, _ = ask(w, "scores", shown=0, kind="self")
    assert [score["name"] for score in facts["scores"]] == ["first_token", "entropy"]


def test_an_image_processor_makes_the_input_of_a_picture():
    class Processor:
        model_input_names = ("pixel_values",)

        def __call__(self, images: Any, return_tensors: str) -> Any:
            return {"pixel_values": torch.as_tensor(images).permute(2, 0, 1)[None].float() / 255}

    picture = np.random.default_rng(0).integers(0, 255, (32, 48, 3), np.uint8)
    w = AttentionExplorer((seeded(vit), Processor()), image=picture, show="matrix")
    assert w.wait(60) and w.last_error is None
    theirs = seeded(vit)(**Processor()(picture, "pt"), output_attentions=True).attentions
    np.testing.assert_allclose(w.tensor(1, 2), theirs[1][0, 2].detach(), atol=1e-5)
    assert w.show == "matrix" and w.grid == [2, 3]
    w.explore(weights(1, 1, 1, 3, 3))
    assert (w.image, w.grid, w.prefix) == (None, [], 0)
    bare = AttentionExplorer(seeded(vit), image=picture)
    assert bare.wait(60) and "needs the model's image processor" in bare.status["message"]


def test_two_stacks_side_by_side_have_names_of_their_own():
    sizes = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 3, "intermediate_size": 32}
    config = hf.CLIPConfig(
        text_config={**sizes, "vocab_size": 60, "eos_token_id": 2, "bos_token_id": 1},
        vision_config={**sizes, "image_size": 32, "patch_size": 16},
    )
    inputs = {"input_ids": torch.tensor([[1, 9, 8, 2]]), "pixel_values": torch.rand(1, 3, 32, 32)}
    w = AttentionExplorer(hf.CLIPModel(config).eval(), inputs=inputs)
    assert w.wait(60) and w.last_error is None
    assert w.runs[0]["keys"]["text_model"] == ["1", "9", "8", "2"]
    assert {kind["name"]: kind["title"] for kind in w.kinds}["vision_model"] == "Attention of vision model"


def test_the_grid_of_raw_attention_is_a_square_or_given():
    square = AttentionExplorer(weights(2, 1, 3, 17, 17, causal=False), image=np.zeros((8, 8, 3), np.uint8))
    assert (square.grid, square.prefix) == ([4, 4], 1)
    given = AttentionExplorer(
        weights(2, 1, 3, 17, 17, causal=False), image=np.zeros((8, 8, 3), np.uint8), grid=(3, 5), prefix=2
    )
    assert (given.grid, given.runs[0]["keys"]["self"][1:3]) == ([3, 5], ["[special 1]", "patch 0,0"])
    with pytest.raises(DataError, match="6 x 3 patches and 0 special tokens make 18 positions, but there are 17"):
        AttentionExplorer(weights(1, 1, 1, 17, 17), image=np.zeros((8, 8, 3), np.uint8), grid=(6, 3))
    with pytest.raises(DataError, match="23 positions are no square of patches; pass grid="):
        AttentionExplorer(weights(1, 1, 1, 23, 23), image=np.zeros((8, 8, 3), np.uint8))


@pytest.mark.parametrize("form", ["list", "tuple", "tensor", "no batch", "output"])
def test_raw_attention_is_taken_in_every_form_that_people_have(form):
    raw = weights(3, 2, 4, 6, 6)
    source = {
        "list": list(raw),
        "tuple": tuple(raw),
        "tensor": raw,
        "no batch": [layer[1] for layer in raw],
        "output": hf.modeling_outputs.BaseModelOutput(last_hidden_state=None, attentions=tuple(raw)),
    }[form]
    w = AttentionExplorer(source, tokens=list("abcdef"), example=0 if form == "no batch" else 1, layer=1)
    np.testing.assert_array_equal(view(w, "attention/0/self/1/pattern/linear"), raw[1, 1].numpy())
    assert w.runs == [{"label": "run 1", "queries": {"self": list("abcdef")}, "keys": {"self": list("abcdef")}}]
    assert w.measures == ["pattern", "rollout", "flow"]
    assert torch.equal(w.values, raw[1, 1, 0])


def test_parts_of_an_encoder_decoder_are_taken_by_name():
    encoder, cross = weights(1, 1, 2, 4, 4, causal=False), weights(1, 1, 2, 3, 4, causal=False)
    w = AttentionExplorer.from_attention(
        encoder=encoder, cross=cross, tokens=list("abcd"), decoder_tokens=list("xyz"), kind="cross"
    )
    assert [kind["name"] for kind in w.kinds] == ["encoder", "cross"]
    assert (w.runs[0]["queries"]["cross"], w.runs[0]["keys"]["cross"]) == (list("xyz"), list("abcd"))
    assert torch.equal(w.values, cross[0, 0, 0])


def test_queries_that_go_on_from_cached_keys_are_the_last_tokens():
    w = AttentionExplorer(weights(1, 1, 1, 2, 5, causal=False), tokens=list("abcde"))
    assert w.runs[0]["queries"]["self"] == ["d", "e"] and w.runs[0]["keys"]["self"] == list("abcde")


def test_a_trace_is_shown_at_once_and_strings_never_become_markup():
    model, tokenizer = gpt2()
    trace = attrium.trace(model, TEXT, tokenizer, capture="*.pattern")
    w = AttentionExplorer(trace, title="<b>")
    assert w.run == 1 and w.measures == ["pattern", "rollout", "flow"]
    assert torch.equal(w.tensor(3, slice(None)), trace["blocks.3.attn.pattern"][0])
    assert json.dumps(Screen(w).opened()["title"]) == '"<b>"'


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: AttentionExplorer([]), "the list of attention is empty"),
        (lambda: AttentionExplorer(torch.zeros(3, 3)), r"shape \(3, 3\); pass \(layer, batch, head, query, key\)"),
        (lambda: AttentionExplorer([list(weights(2, 1, 2, 1, 4))] * 3), "run the model once on the whole text"),
        (lambda: AttentionExplorer(weights(1, 1, 1, 3, 3), tokens=["a"]), "1 tokens for 3 keys of self-attention"),
        (lambda: AttentionExplorer(weights(1, 1, 1, 3, 3), tokens="abc"), "is one text; pass a list with one string"),
        (lambda: AttentionExplorer(weights(1, 1, 1, 3, 3), example=1), "example=1, but the trace has 1"),
        (lambda: AttentionExplorer(weights(1, 1, 1, 3, 3), labels=["a", "b"]), "2 labels for 1 runs"),
        (lambda: AttentionExplorer(weights(1, 1, 1, 3, 3), text="no"), "text= and inputs= are for models"),
        (lambda: AttentionExplorer(seeded(llama)), "pass either text= .* or inputs="),
        (lambda: AttentionExplorer(seeded(llama), weights(1, 1, 1, 3, 3), text="a"), "trace the models first"),
        (
            lambda: AttentionExplorer(weights(1, 1, 2, 3, 3), weights(1, 1, 3, 3, 3)),
            "'run 1' has 1 layers of 2 heads and 'run 2' has 1 layers of 3 heads",
        ),
        (
            lambda: AttentionExplorer([weights(1, 1, 1, 3, 3)[0], weights(1, 1, 1, 4, 4)[0]]),
            "different numbers of positions",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_refused_in_words_that_help(make, words):
    with pytest.raises((DataError, LengthError), match=words):
        make()


def test_a_trace_without_patterns_says_what_to_capture():
    model, tokenizer = gpt2()
    with pytest.raises(DataError, match="name 'blocks.\\*.attn.pattern' in it"):
        AttentionExplorer(attrium.trace(model, TEXT, tokenizer, capture="*.resid_post"))


def test_errors_of_a_model_show_in_the_widget():
    w = AttentionExplorer(seeded(llama), text="no tokenizer")
    assert w.wait(60)
    assert w.status["state"] == "error" and "needs a tokenizer" in w.status["message"]
    assert "there is no attention yet" in refusal(w, kind="ask", question="field", args=FIELD)
    assert w.values is None


# Measures


def test_scores_are_before_the_mask_and_hidden_keys_are_holes():
    model = seeded(llama)
    trace = attrium.trace(model, ids(1, 9))
    w = AttentionExplorer(trace, measure="scores")
    ours = view(w, "attention/0/self/1/scores/linear")
    later = np.triu(np.ones((9, 9), bool), 1)
    assert np.isnan(ours[:, later]).all()
    scores = trace["blocks.1.attn.scores"][0].numpy()
    np.testing.assert_array_equal(ours[:, ~later], scores[:, ~later])
    again = torch.from_numpy(np.where(np.isnan(ours), -np.inf, ours)).softmax(-1)
    np.testing.assert_allclose(again, trace["blocks.1.attn.pattern"][0], atol=1e-6)


@pytest.mark.parametrize(
    ("make", "kind", "stack"), [(llama, "self", None), (t5, "cross", "decoder"), (bert, "self", None)]
)
def test_value_weighted_is_the_kernels(make, kind, stack):
    inputs = {"input_ids": ids(1, 7)} | ({"decoder_input_ids": ids(1, 4)} if make is t5 else {})
    trace = attrium.trace(seeded(make), inputs)
    w = AttentionExplorer(trace, kind=kind)
    expected = analysis.value_weighted_attention(trace, 1, kind="self" if kind == "self" else "cross", stack=stack)
    ours = view(w, f"attention/0/{kind}/1/value_weighted/linear")
    np.testing.assert_allclose(ours, expected.heads[0].numpy(), rtol=1e-4, atol=1e-6)


def test_rollout_and_flow_are_the_kernels_up_to_the_layer():
    raw = weights(3, 1, 2, 6, 6)
    w = AttentionExplorer(raw, layer=1, head=1, measure="rollout")
    np.testing.assert_allclose(w.values, analysis.attention_rollout(raw)[1, 0], atol=1e-6)
    w.measure = "flow"
    np.testing.assert_allclose(w.values, analysis.attention_flow(raw[:2]).flow[0], atol=1e-6)
    part = view(w, "attention/0/self/2/flow/linear", [[0, 1], [3, 5], [0, 6]])
    np.testing.assert_allclose(part[0], analysis.attention_flow(raw).flow[0, 3:5], atol=1e-6)
    facts, frames = ask(w, "field", **{**FIELD, "measure": "flow"})
    assert facts["measure"] == "pattern" and frames["field"].shape == (3, 2, 6, 6)


def test_flow_is_not_offered_where_it_would_take_long_nor_rollout_where_layers_are_missing():
    assert "flow" not in AttentionExplorer(weights(1, 1, 1, 65, 65)).measures
    assert "flow" in AttentionExplorer(weights(1, 1, 1, 64, 64)).measures
    assert "flow" not in AttentionExplorer(weights(12, 1, 1, 48, 48, causal=False)).measures
    gap = AttentionExplorer([None, weights(1, 1, 1, 5, 5)[0]])
    assert gap.measures == ["pattern"] and gap.layer == 1


# Scales


def test_scales_by_hand():
    row = torch.tensor([[0.5, 0.2, 0.2, 0.1, 0.0]])
    nan = math.nan
    assert scaled(row, "linear") is row
    expected = {
        "log": [math.log10(0.5), math.log10(0.2), math.log10(0.2), -1.0, -6.0],
        "rank": [1, 2, 2, 4, nan],
        "no_sink": [nan, 0.4, 0.4, 0.2, 0.0],
    }
    for scale, values in expected.items():
        np.testing.assert_allclose(scaled(row, scale)[0], values, rtol=1e-6)
    np.testing.assert_allclose(scaled(row, "no_sink", 1)[0], [0.625, nan, 0.25, 0.125, 0], rtol=1e-6)
    alone = torch.tensor([[1.0, 0.0]])
    assert scaled(alone, "no_sink").isnan().all()
    signed = torch.tensor([[-1.0, 3.0, nan, -2.0]])
    np.testing.assert_array_equal(scaled(signed, "rank")[0], [2, 1, nan, 3])


def test_ranks_of_any_row_are_one_more_than_the_number_of_larger_weights():
    rows = torch.randint(0, 6, (3, 9, 30), generator=torch.Generator().manual_seed(2)).float()
    counted = 1 + (rows[..., None, :] > rows[..., None]).sum(-1).float()
    np.testing.assert_array_equal(scaled(rows, "rank"), counted.masked_fill(rows == 0, math.nan))


def test_the_sink_is_the_first_token_that_is_no_padding():
    trace = attrium.trace(seeded(bert), {"input_ids": ids(1, 5), "attention_mask": torch.tensor([[0, 1, 1, 1, 1]])})
    w = AttentionExplorer(trace, scale="no_sink")
    values = w.values
    assert values[:, 1].isnan().all() and not values[1:, 2:].isnan().any()
    np.testing.assert_allclose(values[2, 2:].sum(), 1.0, rtol=1e-5)


def test_pooled_views_show_what_matters_most():
    raw = weights(1, 1, 1, 40, 40)
    w = AttentionExplorer(raw)
    windows = raw[0, 0, 0].reshape(10, 4, 10, 4)
    np.testing.assert_array_equal(
        view(w, "attention/0/self/0/pattern/linear", pixels=[10, 10])[0], windows.amax((1, 3))
    )
    ranks = scaled(raw[0, 0, 0], "rank").nan_to_num(99).reshape(10, 4, 10, 4).amin((1, 3))
    pooled = np.nan_to_num(view(w, "attention/0/self/0/pattern/rank", pixels=[10, 10])[0], nan=99)
    np.testing.assert_array_equal(pooled, ranks)


def test_a_region_is_that_part_of_whole_rows_on_every_scale():
    w = AttentionExplorer(weights(1, 1, 3, 12, 12))
    for scale in ("linear", "log", "rank", "no_sink"):
        whole = view(w, f"attention/0/self/0/pattern/{scale}")
        part = view(w, f"attention/0/self/0/pattern/{scale}", [[1, 3], [2, 9], [4, 7]])
        np.testing.assert_array_equal(part, whole[1:3, 2:9, 4:7])


def test_large_answers_are_quantised_and_small_ones_exact():
    w = AttentionExplorer(weights(1, 1, 1, 800, 800))
    small = w.find_source("attention/0/self/0/pattern/linear")
    assert small is not None
    exact = w._channel.view("attention/0/self/0/pattern/linear", [[0, 1], [0, 600], [0, 800]])
    large = w._channel.view("attention/0/self/0/pattern/linear")
    assert exact.quantised is None and large.quantised is not None
    np.testing.assert_allclose(large.values[0], w.values, atol=large.quantised.scale / 2 + 1e-9)


# Differences


def test_tokens_are_aligned_by_place_in_texts_of_one_length_and_by_equal_strings_in_others():
    assert align("when Paul gave".split(), "when Mary gave".split()) == [(0, 0), (1, 1), (2, 2)]
    assert align(["", "a", "b"], ["", "", "b"]) == [(2, 2)]  # padding has no partner
    ours, theirs = "the cat sat on the mat".split(), "a cat quietly sat on the red mat".split()
    assert align(ours, theirs) == [(0, 0), (1, 1), (2, 3), (3, 4), (4, 5), (5, 7)]
    assert align("a b c".split(), "a x b y z".split()) == [(0, 0), (1, 2)]


def test_a_difference_is_signed_on_shared_tokens_and_nothing_elsewhere():
    one, two = weights(2, 1, 2, 3, 3), weights(2, 1, 2, 5, 5)
    w = AttentionExplorer(
        one, two, tokens=[["a", "b", "c"], ["a", "x", "b", "y", "z"]], labels=["short", "long"], minus=1
    )
    difference = view(w, "attention/0-1/self/1/pattern/linear")
    expected = np.full((2, 3, 3), np.nan, np.float32)
    at = {0: 0, 1: 2}  # "c" has no partner
    for q in at:
        for k in at:
            expected[:, q, k] = (one[1, 0, :, q, k] - two[1, 0, :, at[q], at[k]]).numpy()
    np.testing.assert_array_equal(difference, expected)
    facts, _ = ask(w, "alignment", shown=0, minus=1, kind="self")
    assert facts == {"pairs": [[0, 0], [1, 2]], "keys": [[0, 0], [1, 2]]}
    w.shown = 1  # the same run twice is no difference
    assert w.minus == -1 and [run["label"] for run in w.runs] == ["short", "long"]
    w.minus = 0
    back = w.tensor(1, slice(None))
    np.testing.assert_array_equal(back[:, 0, 2], -difference[:, 0, 1])


def test_several_texts_of_one_model_are_compared():
    w = AttentionExplorer(gpt2(), text=["The old keys near the door", "The keys near the door"], minus=1, layer=1)
    assert w.wait(60) and w.last_error is None
    assert [run["label"] for run in w.runs] == ["The old keys near the door", "The keys near the door"]
    _, frames = ask(w, "field", **{**FIELD, "minus": 1})
    difference = w.tensor(1, 2).numpy()
    shared = ~np.isnan(difference)
    assert shared.any() and not shared.all()
    ours, theirs = w.tensor(1, 2, minus=-1), w.tensor(1, 2, shown=1, minus=-1)
    assert difference[0, 0] == 0.0 and difference[-1, 0] == ours[-1, 0] - theirs[-1, 0]
    np.testing.assert_array_equal(np.isnan(frames["field"][1, 2]), ~shared)
    with pytest.raises(t.TraitError, match="scale='rank' says nothing of a difference; pass one of 'linear'"):
        w.scale = "rank"


# The overview


def test_the_field_holds_the_largest_weight_of_each_window_of_each_head():
    raw = weights(2, 1, 3, 96, 96)
    w = AttentionExplorer(raw)
    facts, frames = ask(w, "field", **FIELD)
    expected = raw[:, 0].reshape(2, 3, 48, 2, 48, 2).amax((3, 5)).numpy()
    assert frames["field"].shape == (2, 3, 48, 48)
    np.testing.assert_allclose(frames["field"], expected, atol=1 / 255)
    assert (facts["n"], facts["pooled"], facts["tokens"], facts["every"]) == (48, [2.0, 2.0], [96, 96], 1.0)
    assert (facts["layers"], facts["heads"], facts["saved"]) == ([0, 1], [3, 3], "")


def test_windows_of_the_field_show_what_they_have_beside_holes():
    raw = weights(1, 1, 1, 96, 96)
    _, frames = ask(AttentionExplorer(raw), "field", **{**FIELD, "scale": "no_sink"})
    rest = scaled(raw[0, 0, 0], "no_sink").nan_to_num(-1).reshape(48, 2, 48, 2).amax((1, 3))
    np.testing.assert_allclose(frames["field"][0, 0], rest, atol=1 / 255)  # no window is all holes
    assert rest.min() >= 0


def test_the_field_of_a_cross_attention_is_not_square_and_of_uneven_layers_has_holes():
    w = AttentionExplorer.from_attention(
        cross=[weights(1, 1, 2, 3, 60, causal=False)[0], weights(1, 1, 1, 3, 60, causal=False)[0]]
    )
    facts, frames = ask(w, "field", **{**FIELD, "kind": "cross"})
    assert frames["field"].shape == (2, 2, 3, 48) and facts["heads"] == [2, 1]
    assert np.isnan(frames["field"][1, 1]).all() and not np.isnan(frames["field"][1, 0]).any()
    scores, tables = ask(w, "scores", shown=0, kind="cross")
    assert [score["name"] for score in scores["scores"]] == ["entropy"]
    assert np.isnan(tables["score:entropy"][1, 1])


def test_in_long_texts_the_field_reads_some_queries_of_each_window_and_says_so(monkeypatch):
    monkeypatch.setattr(overviews, "BUDGET_CELLS", 96 * 2 * 60)
    raw = weights(1, 1, 2, 96, 96)
    facts, frames = ask(AttentionExplorer(raw), "field", **FIELD)
    assert facts["every"] == 2.0
    last = raw[0, 0, :, 1::2].reshape(2, 48, 48, 2).amax(-1)  # the last query of each window of two
    np.testing.assert_allclose(frames["field"][0], last, atol=1 / 255)


def test_scores_of_heads_are_the_kernels():
    model, tokenizer = gpt2()
    trace = attrium.trace(model, TEXT, tokenizer)
    facts, frames = ask(AttentionExplorer(trace), "scores", shown=0, kind="self")
    names = [score["name"] for score in facts["scores"]]
    assert {"previous_token", "first_token", "entropy", "mean_distance"} <= set(names) and "induction" not in names
    expected = analysis.head_scores(trace, names)
    for name in names:
        np.testing.assert_allclose(frames[f"score:{name}"], expected[name], atol=1e-5)


def test_scores_of_long_texts_look_at_the_first_queries_where_these_stand_alone(monkeypatch):
    monkeypatch.setattr(head_marks, "LONGEST", 8)
    raw = weights(2, 1, 2, 20, 20)
    facts, frames = ask(AttentionExplorer(raw), "scores", shown=0, kind="self")
    expected = analysis.head_scores(raw[..., :8, :8], ["previous_token"])["previous_token"]
    np.testing.assert_allclose(frames["score:previous_token"], expected, rtol=1e-5)
    assert facts["queries"] == 8 and "Only the first 8 queries" in facts["scores"][0]["doc"]
    both_ways = weights(2, 1, 2, 20, 20, causal=False)
    facts, frames = ask(AttentionExplorer(both_ways), "scores", shown=0, kind="self")
    assert [score["name"] for score in facts["scores"]] == ["entropy"] and facts["queries"] == 20
    spread = torch.special.entr(both_ways).sum(-1).mean((1, 3))
    np.testing.assert_allclose(frames["score:entropy"], spread, rtol=1e-5)


def test_a_text_that_repeats_has_induction_scores():
    n, period = 17, 8
    pattern = torch.zeros(1, 1, 1, n, n)
    for q in range(n):
        pattern[..., q, q - period + 1 if q > period else 0] = 1  # from the second copy of a token on
    w = AttentionExplorer(pattern, tokens=["^", *(list("abcdefgh") * 2)])
    _, frames = ask(w, "scores", shown=0, kind="self")
    assert frames["score:induction"].tolist() == [[1.0]]
    assert "score:induction" not in ask(AttentionExplorer(pattern), "scores", shown=0, kind="self")[1]


# Python's side


def test_a_selection_indexes_the_values_and_can_be_linked():
    w = AttentionExplorer(weights(2, 1, 2, 4, 4), tokens=list("abcd"), layer=1)
    words = attrium.TextAttribution(list("abcd"))
    t.link((w, "selection"), (words, "selection"))
    Screen(w).set(selection=[3, 1])
    assert words.selection == [1, 3]
    assert w.values[w.selection].shape == (2, 4)
    seen = []
    w.observe(lambda change: seen.append(change["new"]), "cell")
    Screen(w).set(cell=[2, 1])
    assert seen == [[2, 1]] and float(w.values[tuple(w.cell)]) == float(w.tensor(1, 0)[2, 1])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("layer", 2, "layer=2, but self-attention is in layers 0, 1; pass one"),
        ("head", 2, "head=2, but layer 0 has 2; pass 0 <= head < 2"),
        ("kind", "cross", "kind='cross'; pass one of 'self'"),
        ("shown", 1, "shown=1, but there are 1 runs"),
        ("minus", 0, "minus=0, the run on show itself"),
        ("measure", "scores", "'scores' cannot be computed here; pass one of 'pattern', 'rollout', 'flow'"),
        ("measure", "sum", "pattern"),
        ("cell", [0, 4], "there are 4 queries and 4 keys"),
        ("selection", [4], "there are 4 tokens"),
        ("heads_on", [[0, 5]], r"\[0, 5\], which is no \[layer, head\]"),
    ],
)
def test_a_place_that_is_not_there_is_refused(name, value, words):
    w = AttentionExplorer(weights(2, 1, 2, 4, 4))
    with pytest.raises(t.TraitError, match=words):
        setattr(w, name, value)


def test_what_does_not_fit_any_more_follows_the_reader():
    w = AttentionExplorer(
        [weights(1, 1, 4, 5, 5)[0], weights(1, 1, 2, 5, 5)[0]], head=3, measure="rollout", scale="log"
    )
    w.layer = 1
    assert w.head == 1 and w.scale == "log"
    w.explore(weights(1, 1, 1, 2, 2), tokens=["x", "y"])
    assert (w.run, w.layer, w.head, w.selection, w.cell) == (2, 0, 0, [], None)
    assert w.runs[0]["queries"]["self"] == ["x", "y"]
    Screen(w).set(scale="rank", measure="pattern")
    assert w.scale == "rank"


def test_an_unknown_name_or_question_is_answered_in_words():
    w = AttentionExplorer(weights(2, 1, 2, 4, 4))
    assert "there is no tensor 'attention'" in refusal(w, kind="view", tensor="attention")
    assert "there are 1; pass 0 <= run < 1" in refusal(w, kind="view", tensor="attention/3/self/0/pattern/linear")
    assert "self-attention is in layers 0, 1" in refusal(w, kind="view", tensor="attention/0/self/7/pattern/linear")
    assert "'scores' cannot be computed" in refusal(w, kind="view", tensor="attention/0/self/0/scores/linear")
    assert "measures are pattern" in refusal(w, kind="view", tensor="attention/0/self/0/sum/linear")
    assert "has no answer to 'why'" in refusal(w, kind="ask", question="why", args={})
    with pytest.raises(DataError, match="head=9, but layer 0 has 2"):
        w.tensor(0, 9)
    with pytest.raises(DataError, match="pass slices that go forward"):
        w.tensor(0, 1, queries=slice(None, None, -1))
    assert torch.equal(w.tensor(0, slice(1, None), queries=slice(-3, None, 2)), w.tensor(0, slice(None))[1:, [1, 3]])
    assert w.tensor(0, slice(0, 0), queries=slice(3, 1)).shape == (0, 0, 4)


def test_a_download_has_the_tokens_beside_the_numbers():
    raw = weights(1, 1, 2, 3, 3)
    w = AttentionExplorer(raw, tokens=["=SUM(A1)", "a,b", "c"])
    tensor, index = "attention/0/self/0/pattern/linear", [[1, 2], [0, 3], [0, 2]]
    facts, frames = ask(w, "download", format="csv", tensor=tensor, index=index)
    assert facts == {"name": "attention_0_self_0_pattern_linear_head_1.csv"}
    lines = bytes(frames["file"]).decode().splitlines()
    assert lines[0] == 'head,query,0 =SUM(A1),"1 a,b"' and len(lines) == 4
    assert float(lines[2].split(",")[-1]) == pytest.approx(float(raw[0, 0, 1, 1, 1]), rel=1e-8)
    facts, frames = ask(w, "download", format="npz", tensor=tensor)
    file = np.load(io.BytesIO(frames["file"].tobytes()))
    np.testing.assert_array_equal(file["values"], raw[0, 0])
    assert file["keys"].tolist() == ["=SUM(A1)", "a,b", "c"] and facts["name"].endswith(".npz")
    assert "pass 'csv' or 'npz'" in refusal(
        w, kind="ask", question="download", args={"format": "xls", "tensor": tensor}
    )


# Saved pages and long texts


def test_a_saved_page_takes_the_present_layer_first_and_says_what_is_left_out():
    w = AttentionExplorer(weights(6, 1, 4, 800, 800), layer=3)
    tensors = list(w.saved_tensors())
    assert tensors[:3] == [f"attention/0/self/{layer}/pattern/linear" for layer in (3, 2, 4)]
    facts, _ = ask(w, "field", **FIELD)
    assert "the matrices of layers 2, 3, 4 of 6" in facts["saved"]
    assert ("field", FIELD) in list(w.saved_questions())


def test_a_saved_page_holds_what_a_view_asks_for(tmp_path):
    w = AttentionExplorer(weights(2, 1, 2, 5, 5), tokens=list("abcde"), layer=1)
    page = w.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    state = json.loads(page.split('id="attrium-state">')[1].split("</script>")[0])
    (model,) = [
        model for model in state["models"].values() if model["name"] == "AnyModel" and "kinds" in model["state"]
    ]
    assert any(key.startswith("field\n") for key in model["kept"]["answers"])
    frame = model["kept"]["tensors"]["attention/0/self/1/pattern/linear"]
    assert frame["shape"] == [2, 5, 5]
    stored = np.frombuffer(base64.b64decode(frame["data"]), "<f4").reshape(2, 5, 5)
    np.testing.assert_array_equal(stored, w.tensor(1, slice(None)))


class Largest(TorchDispatchMode):
    """Notes the largest tensor that torch makes."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for made in out if isinstance(out, (tuple, list)) else [out]:
            if isinstance(made, Tensor) and made.dim() > 0 and any(made.stride()):
                self.bytes = max(self.bytes, made.untyped_storage().nbytes())
        return out


def test_one_head_of_8192_tokens_is_drawn_from_blocks_of_rows():
    n = 8192
    config = hf.GPT2Config(n_layer=1, n_head=2, n_embd=16, vocab_size=60, n_positions=n, bos_token_id=0, eos_token_id=0)
    w = AttentionExplorer(hf.GPT2LMHeadModel(config).eval(), inputs={"input_ids": ids(1, n)})
    assert w.wait(60) and w.last_error is None
    assert w.measures == ["pattern", "scores", "value_weighted"]  # rollout would need all of it at once
    name = "attention/0/self/0/pattern/linear"
    tracemalloc.start()
    with Largest() as largest:
        frame = w._channel.view(name, [[1, 2], [0, n], [0, n]], [512, 512])
        corner = w._channel.view(name, [[1, 2], [n - 64, n], [0, 4096]], [64, 4096])
        narrow = w._channel.view(name, [[1, 2], [0, n], [0, 16]], [512, 16])
        field = w.answer("field", FIELD)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert frame.shape == (1, 512, 512) and frame.pooled.factor == (1.0, 16.0, 16.0)
    assert largest.bytes <= 2**25 and peak <= 2**26
    assert lazy.BLOCK_CELLS * 4 <= 2**25
    rows = w.tensor(0, 1, queries=slice(n - 64, n))
    np.testing.assert_allclose(corner.values[0], rows[:, :4096], atol=1e-6)
    assert torch.allclose(rows.sum(-1), torch.ones(64), atol=1e-4)
    last = rows[-16:].reshape(16, 512, 16).amax((0, 2)).numpy()
    np.testing.assert_allclose(frame.values[0, -1], last, atol=1e-6 + (frame.quantised.scale if frame.quantised else 0))
    assert narrow.shape == (1, 512, 16) and field.facts["every"] > 1
