"""What a model is called with: left padding, models of every calling style, lists, arrays, offloaded weights."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from accelerate import cpu_offload
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from attrium_kernel import zoo
from attrium_kernel.tracing import Architecture, CaptureError, Tokens, Weights, generate, tokenize, trace
from attrium_kernel.tracing.sampling import Sampler

from . import models
from .closeness import assert_close
from .test_bad_input import says

TEXTS = ["the cat sat on the mat", "the dog ran"]
ROWS = models.ids(2, 5).tolist()


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return transformers.PreTrainedTokenizerFast.from_pretrained(zoo.load("tiny_gpt2").folder)


def words(text: str) -> list[int]:
    """A tokenizer for the models of these tests: an id for each word."""
    return [4 + sum(map(ord, word)) % 40 for word in text.split()]


# ---- padding on the left


@pytest.mark.parametrize("name", ["gpt2", "gpt-neo", "opt", "llama", "gpt-neox", "bert", "bloom"])
def test_a_text_padded_on_the_left_is_as_it_is_alone(name: str) -> None:
    model = models.shared(name)
    tokens = tokenize(TEXTS, words, side="left")
    together, alone = trace(model, tokens), trace(model, TEXTS[1], words)
    for point in ("logits", "blocks.0.resid_post", "blocks.1.resid_post", "blocks.1.mlp.post"):
        assert_close(together[point][1:, 3:], alone[point], 1e-4)
    assert_close(together["blocks.1.attn.pattern"][1:, :, 3:, 3:], alone["blocks.1.attn.pattern"], 1e-5)


def test_roberta_counts_positions_from_its_padding_id_itself() -> None:
    model = models.shared("roberta")
    ids = torch.tensor([words(TEXTS[0]), [1, 1, 1, *words(TEXTS[1])]])
    together = trace(model, Tokens.of_ids(ids, mask=ids != 1))
    assert_close(together.logits[1:, 3:], trace(model, TEXTS[1], words).logits, 1e-4)


def test_left_padding_longer_than_the_run_that_looks_for_parts() -> None:
    model: Any = models.build("gpt2")
    texts = ["the dog", " ".join(["a cat"] * 10)]
    together = trace(model, tokenize(texts, words, side="left"))
    assert_close(together.logits[:1, -2:], trace(model, texts[0], words).logits, 1e-4)


# ---- how ids go in


@dataclass
class Plain:
    """Settings in the style of hand-written models."""

    vocab_size: int = 53
    use_cache: bool = True


class Block(nn.Module):
    """Attention and an MLP, each added to the stream."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1, self.c_attn, self.c_proj = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8)
        self.ln_2, self.mlp = nn.LayerNorm(8), nn.Sequential(nn.Linear(8, 12), nn.GELU(), nn.Linear(12, 8))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (t.unflatten(-1, (2, 4)).transpose(1, 2) for t in self.c_attn(self.ln_1(x)).chunk(3, -1))
        mixed = scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        x = x + self.c_proj(mixed)
        added: Tensor = x + self.mlp(self.ln_2(x))
        return added


class Written(nn.Module):
    """Two blocks, and ids that have a name of their own."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.embed, self.h, self.head = nn.Embedding(53, 8), nn.Sequential(Block(), Block()), nn.Linear(8, 53)

    def forward(self, idx: Tensor) -> Tensor:
        logits: Tensor = self.head(self.h(self.embed(idx)))
        return logits


class Named(Written):
    """The same with the usual name, and no mask."""

    def forward(self, *, input_ids: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(input_ids)


class Wrapper(nn.Module):
    """What adapters do: a forward that hands everything on."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner, self.config = inner, inner.config

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.inner(*args, **kwargs)


def test_a_wrapper_takes_ids_and_mask_as_the_model_in_it() -> None:
    model = models.shared("llama")
    t = trace(Wrapper(model), TEXTS, words, capture="logits")
    assert_close(t.logits[1:, :3], trace(model, TEXTS[1], words).logits, 1e-4)


CONFIGS = [Plain(), {"vocab_size": 53, "n_layer": 1}, SimpleNamespace(use_cache=True), None]


@pytest.mark.parametrize("config", CONFIGS, ids=["dataclass", "dict", "namespace", "none"])
@pytest.mark.parametrize("kind", [Written, Named])
def test_ids_go_in_as_the_forward_takes_them(kind: type[Written], config: Any) -> None:
    from attrium_kernel.tracing.prepare import prepared

    model = kind(config).eval()
    for given in (TEXTS[0], Tokens.of_ids(words(TEXTS[0]))):
        module, inputs, _ = prepared(model, given, words)
        args, kwargs = inputs.on(module)
        assert_close(module(*args, **kwargs), Written.forward(model, torch.tensor([words(TEXTS[0])])))
    t = trace(model, TEXTS[0], words)
    assert_close(t["blocks.1.resid_post"], model.h(model.embed(t.tokens.ids)).detach())
    says(lambda: prepared(model, TEXTS, words), CaptureError, kind.__name__, "mask")


@pytest.mark.parametrize("config", CONFIGS, ids=["dataclass", "dict", "namespace", "none"])
@pytest.mark.parametrize("kind", [Written, Named])
def test_writing_on_with_a_configuration_that_is_not_of_transformers(kind: type[Written], config: Any) -> None:
    model, ids = kind(config).eval(), words(TEXTS[0])
    made = generate(model, TEXTS[0], words, sampler=Sampler(greedy=True), ends=())
    made.run(3)
    for _ in range(3):
        ids = [*ids, int(Written.forward(model, torch.tensor([ids]))[0, -1].argmax())]
    assert made.ids == ids


# ---- lists, arrays, mappings


@pytest.mark.parametrize(
    "given",
    [
        ROWS,
        (torch.tensor(ROWS),),
        np.array(ROWS),
        np.array(ROWS, dtype=np.uint8)[:, ::-1][:, ::-1],
        [torch.tensor(row) for row in ROWS],
        [torch.tensor([row]) for row in ROWS],
        {"input_ids": ROWS},
        {"input_ids": np.array(ROWS), "attention_mask": np.ones((2, 5))},
        {"input_ids": [torch.tensor(row) for row in ROWS], "attention_mask": [[1] * 5] * 2},
    ],
    ids=["lists", "tuple", "array", "uint8", "tensors", "rows", "mapping", "arrays", "mapping of tensors"],
)
def test_ids_of_every_kind_are_the_same_ids(given: Any) -> None:
    model = models.shared("gpt2")
    t = trace(model, given, capture="embed")
    assert t.tokens is not None and t.tokens.ids.tolist() == ROWS
    assert_close(t.logits, model(torch.tensor(ROWS)).logits.detach())


@pytest.mark.parametrize("given", [ROWS[0], tuple(ROWS[0]), np.array(ROWS[0]), torch.tensor(ROWS[0])])
def test_one_row_of_ids_gets_a_batch_axis(given: Any) -> None:
    model = models.shared("gpt2")
    wanted = model(torch.tensor(ROWS[:1])).logits.detach()
    assert_close(trace(model, given, capture="embed").logits, wanted)
    assert_close(trace(model, {"input_ids": given if not isinstance(given, tuple) else list(given)}).logits, wanted)


def test_what_a_tokenizer_answers_without_return_tensors_is_an_input(tokenizer: Any) -> None:
    model = zoo.load("tiny_gpt2").model
    wanted = trace(model, TEXTS[0], tokenizer, capture="embed").logits
    assert_close(trace(model, tokenizer(TEXTS[0]), capture="embed").logits, wanted)
    assert_close(trace(model, tokenizer([TEXTS[0]] * 2), capture="embed").logits, torch.cat([wanted] * 2))
    lengths = ", ".join(str(len(tokenizer(text)["input_ids"])) for text in TEXTS)
    says(lambda: trace(model, tokenizer(TEXTS)), CaptureError, "input_ids", lengths, "padding=True")


def test_rows_of_several_lengths_say_which() -> None:
    model = models.shared("gpt2")
    for ragged in ([[4, 5, 6], [7]], [torch.tensor([4, 5, 6]), torch.tensor([7])]):
        says(lambda given=ragged: trace(model, given), CaptureError, "3, 1", "pad")


def test_pictures_as_lists_and_arrays_are_pictures() -> None:
    model = models.shared("vit")
    pixels = models.randn(2, 3, 12, 12)
    wanted = model(pixels).logits.detach()
    for given in (pixels.tolist(), pixels.double().numpy(), list(pixels), {"pixel_values": pixels.numpy()}):
        assert_close(trace(model, given, capture="embed").logits, wanted)


# ---- encoder-decoders


@pytest.mark.parametrize("name", ["t5", "bart"])
def test_ids_alone_start_a_decoder_as_a_text_does(name: str) -> None:
    model: Any = models.shared(name)
    ids = torch.tensor([words(TEXTS[0])])
    start = torch.tensor([[model.config.decoder_start_token_id]])
    wanted = model(input_ids=ids, decoder_input_ids=start).logits.detach()
    mask = torch.ones_like(ids)
    for given in (TEXTS[0], ids, ids.tolist(), {"input_ids": ids}, {"input_ids": ids, "attention_mask": mask}, (ids,)):
        assert_close(trace(model, given, words, capture="logits").logits, wanted)


def test_what_a_decoder_is_given_stays() -> None:
    model: Any = models.shared("t5")
    ids, target = models.ids(2, 5), models.ids(2, 3, seed=2)
    for more in ({"decoder_input_ids": target}, {"labels": target}, {"decoder_inputs_embeds": model.shared(target)}):
        wanted = model(input_ids=ids, **more).logits.detach()
        assert_close(trace(model, {"input_ids": ids, **more}, capture="logits").logits, wanted)


def test_a_classifier_that_feeds_its_decoder_itself_is_left_to_it() -> None:
    config = transformers.BartConfig(**models.BART_LIKE, num_labels=3)
    model = transformers.BartForSequenceClassification(config).eval()
    ids = torch.cat([models.ids(2, 5), torch.full((2, 1), 2)], 1)  # it reads at the end token
    assert_close(trace(model, ids, capture="logits").logits, model(ids).logits.detach())


# ---- what does not fit


def test_an_image_processor_is_no_tokenizer() -> None:
    processor = transformers.ViTImageProcessorPil()
    says(
        lambda: trace(models.shared("gpt2"), "a text", processor), CaptureError, "ViTImageProcessorPil", "pixel_values"
    )


def test_a_model_of_pictures_takes_no_text() -> None:
    says(lambda: trace(models.shared("vit"), "a text", words), CaptureError, "pixel_values", "ViT")


@pytest.mark.parametrize("given", [torch.tensor(3), np.array(3), {"input_ids": torch.tensor(3)}], ids=repr)
def test_one_number_is_no_input(given: Any) -> None:
    says(lambda: trace(models.shared("gpt2"), given), CaptureError, "(batch, position)")


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (torch.randn(3, 12, 12), "pixels[None]"),
        ({"pixel_values": torch.randn(3, 12, 12)}, "(3, 12, 12)"),
        (torch.randn(12, 12), "(12, 12)"),
        (torch.zeros(1, 3, 12, 12, dtype=torch.uint8), "uint8"),
    ],
)
def test_pixels_that_do_not_fit_say_what_does(given: Any, word: str) -> None:
    says(lambda: trace(models.shared("vit"), given), CaptureError, word)


# ---- weights that accelerate keeps elsewhere


@pytest.mark.parametrize("name", ["gpt2", "llama", "bert", "t5", "olmo2"])
def test_offloaded_weights_are_fetched_to_be_read(name: str) -> None:
    subject, model, kept = models.SUBJECTS[name], models.build(name), models.build(name)
    cpu_offload(model, execution_device=torch.device("cpu"))
    away, here = trace(model, subject.inputs()), trace(kept, subject.inputs())
    read = [n for n in here.names if n.endswith((".scale", ".result"))]
    assert len(read) > 4
    for point in (*read, *read):  # reading must not make the trace look out of date
        assert_close(away[point], here[point])
    assert all(p.is_meta for p in model.parameters()), "weights are sent away again"


@pytest.mark.parametrize("name", ["gpt2", "llama", "bert"])
def test_weights_by_role_of_an_offloaded_model(name: str) -> None:
    model, kept = models.build(name), models.build(name)
    cpu_offload(model, execution_device=torch.device("cpu"))
    away, here = Weights(model, Architecture.of(model, models.text())), Weights(kept)
    for role in ("W_Q", "W_K", "W_V", "W_O", "W_in", "W_out", "b_Q", "b_O"):
        mine, right = getattr(away, role)(1), getattr(here, role)(1)
        assert (mine is None) == (right is None)
        if right is not None:
            assert_close(mine, right)
    assert_close(away.W_E, here.W_E)
    assert_close(away.W_U, here.W_U)


def test_norms_that_are_nowhere_say_so() -> None:
    from attrium_kernel.tracing.norms import norm_scale

    norm = nn.LayerNorm(8, device="meta")
    says(lambda: norm_scale(norm, torch.randn(1, 3, 8), "blocks.0.ln1.scale"), CaptureError, "meta", "load")
