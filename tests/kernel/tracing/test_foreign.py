"""Traces of what others saved: hook names of TransformerLens as it writes them, plain hooks, `output_attentions`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor, nn

from attrium_kernel.tracing.architecture import Architecture
from attrium_kernel.tracing.errors import CaptureError, SiteError
from attrium_kernel.tracing.foreign import from_attention, from_transformer_lens, from_values
from attrium_kernel.tracing.tokens import Tokens
from attrium_kernel.tracing.trace import trace

LISTED = json.loads((Path(__file__).parent / "transformer_lens_names.json").read_text())
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32}
IDS = torch.arange(3, 9)[None]

STREAM = "batch position d_model"
HEADS = "batch position head d_head"
KEYS = "batch position kv_head d_head"
CELLS = "batch head query key"
NEURONS = "batch position d_mlp"


def perturbed(model: nn.Module) -> Any:
    """Norms start as the identity, which would hide mistakes."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval()


def gpt2() -> Any:
    config = transformers.GPT2Config(
        n_embd=16, n_head=4, n_layer=2, vocab_size=50, n_positions=20, bos_token_id=0, eos_token_id=0
    )
    config._attn_implementation = "eager"
    return perturbed(transformers.GPT2LMHeadModel(config))


def llama() -> Any:
    return perturbed(
        transformers.LlamaForCausalLM(transformers.LlamaConfig(**SMALL, num_key_value_heads=2, vocab_size=50))
    )


def t5() -> Any:
    config = transformers.T5Config(d_model=16, d_kv=4, d_ff=32, num_layers=2, num_heads=4, vocab_size=50)
    config._attn_implementation = "eager"
    return perturbed(transformers.T5ForConditionalGeneration(config))


def numbered(listing: dict[str, list[int]]) -> dict[str, Tensor]:
    """Each hook its own number, so that it can be told where a value comes from."""
    return {hook: torch.full(shape, float(n)) for n, (hook, shape) in enumerate(listing.items())}


def block(prefix: str, names: str) -> set[str]:
    return {f"{prefix}{name}" for name in names.split()}


PLAIN = (
    "resid_pre ln1.scale ln1.out attn.q attn.k attn.v attn.scores attn.pattern attn.z attn.out attn_out ln2.scale "
    "ln2.out mlp.pre mlp.post mlp_out resid_post"
)
ENDS = {"embed", "ln_final.scale", "ln_final.out", "unembed"}
T5 = PLAIN.replace("ln1.scale ", "").replace("ln2.scale ", "resid_mid ")
EXPECTED = {
    "gpt2": ENDS | {"pos_embed"} | block("blocks.0.", f"{PLAIN} resid_mid"),
    "llama": ENDS | block("blocks.0.", f"{PLAIN} resid_mid attn.rot_q attn.rot_k mlp.pre_linear"),
    "neox": ENDS | block("blocks.0.", PLAIN),
    "t5": {"encoder.ln_final.out", "decoder.ln_final.out", "unembed"}
    | block("encoder.blocks.0.", T5)
    | block("decoder.blocks.0.", T5)
    | block("decoder.blocks.0.", "ln_cross.out cross_out resid_cross")
    | block("decoder.blocks.0.cross.", "q k v scores pattern z out"),
}


@pytest.mark.parametrize("model", list(EXPECTED))
def test_every_hook_that_we_have_a_name_for_is_there(model: str) -> None:
    made = from_transformer_lens(numbered(LISTED[model]))
    assert set(made.names) == EXPECTED[model]
    assert made.model is None and made.architecture is None


@pytest.mark.parametrize(
    ("model", "name", "hook", "axes"),
    [
        ("gpt2", "embed", "embed.hook_out", STREAM),
        ("gpt2", "pos_embed", "pos_embed.hook_out", STREAM),
        ("gpt2", "blocks.0.resid_mid", "blocks.0.hook_resid_mid", STREAM),
        ("gpt2", "blocks.0.ln1.scale", "blocks.0.ln1.hook_scale", "batch position"),
        ("gpt2", "blocks.0.attn.z", "blocks.0.attn.o.hook_in", HEADS),
        ("gpt2", "blocks.0.attn.pattern", "blocks.0.attn.hook_pattern", CELLS),
        ("gpt2", "blocks.0.mlp.post", "blocks.0.mlp.hook_post", NEURONS),
        ("gpt2", "unembed", "unembed.hook_out", "batch position vocab"),
        ("llama", "blocks.0.attn.q", "blocks.0.attn.q.hook_out", HEADS),
        ("llama", "blocks.0.attn.k", "blocks.0.attn.k.hook_out", KEYS),
        ("llama", "blocks.0.attn.rot_k", "blocks.0.attn.hook_rot_k", KEYS),
        ("llama", "blocks.0.mlp.pre", "blocks.0.mlp.hook_pre", NEURONS),
        ("llama", "blocks.0.mlp.pre_linear", "blocks.0.mlp.hook_pre_linear", NEURONS),
        ("t5", "encoder.blocks.0.resid_mid", "encoder_blocks.0.hook_resid_mid", STREAM),
        ("t5", "decoder.blocks.0.attn.k", "decoder_blocks.0.self_attn.k.hook_out", KEYS),
        ("t5", "decoder.blocks.0.cross.k", "decoder_blocks.0.cross_attn.k.hook_out", KEYS),
        ("t5", "decoder.blocks.0.ln_cross.out", "decoder_blocks.0.ln2.hook_out", STREAM),
        ("t5", "decoder.blocks.0.resid_cross", "decoder_blocks.0.hook_resid_mid2", STREAM),
        ("t5", "decoder.blocks.0.ln2.out", "decoder_blocks.0.ln3.hook_out", STREAM),
    ],
)
def test_a_name_has_its_hooks_value_and_axes(model: str, name: str, hook: str, axes: str) -> None:
    cache = numbered(LISTED[model])
    made = from_transformer_lens(cache)
    assert made.axes(name) == tuple(axes.split())
    assert made[name].ndim == len(made.axes(name))
    assert made[name].flatten()[0] == cache[hook].flatten()[0]


def test_a_norms_output_is_what_comes_after_its_weights() -> None:
    cache = {"blocks.0.ln1.hook_out": torch.ones(1, 2, 4), "blocks.0.ln1.hook_normalized": torch.zeros(1, 2, 4)}
    for order in (cache, dict(reversed(cache.items()))):
        assert from_transformer_lens(order)["blocks.0.ln1.out"].equal(torch.ones(1, 2, 4))
    alone = {"blocks.0.ln1.hook_normalized": torch.full((1, 2, 4), 3.0)}  # HookedTransformer has no other
    assert from_transformer_lens(alone)["blocks.0.ln1.out"].equal(torch.full((1, 2, 4), 3.0))


@pytest.mark.parametrize(
    ("low", "name"),
    [(-math.inf, "masked_scores"), (torch.finfo(torch.float32).min, "masked_scores"), (-90.0, "scores")],
)
def test_scores_are_named_by_whether_a_mask_is_in_them(low: float, name: str) -> None:
    scores = torch.randn(1, 2, 3, 3).masked_fill(torch.ones(3, 3).triu(1).bool(), low)
    cache = {"blocks.0.attn.hook_attn_scores": scores, "blocks.0.attn.hook_pattern": scores.softmax(-1)}
    made = from_transformer_lens(cache)
    assert made.names == (f"blocks.0.attn.{name}", "blocks.0.attn.pattern")
    assert made[f"blocks.0.attn.{name}"].equal(scores)


def test_scores_that_repeat_the_pattern_are_left_out() -> None:
    pattern = torch.rand(1, 2, 3, 3)
    made = from_transformer_lens({"blocks.0.attn.hook_attn_scores": pattern, "blocks.0.attn.hook_pattern": pattern})
    assert made.names == ("blocks.0.attn.pattern",)


def test_relative_positions_are_not_a_part_of_the_stream() -> None:
    cache = {"hook_pos_embed": torch.rand(4, 6, 6), "blocks.0.hook_resid_pre": torch.rand(4, 6, 16)}
    assert from_transformer_lens(cache).names == ("blocks.0.resid_pre",)


def test_a_hooked_transformers_cache_without_batch() -> None:
    values = {
        "hook_embed": torch.rand(5, 16), "blocks.0.hook_resid_pre": torch.rand(5, 16),
        "blocks.0.ln1.hook_scale": torch.rand(5, 1), "blocks.0.attn.hook_q": torch.rand(5, 4, 4),
        "blocks.0.attn.hook_result": torch.rand(5, 4, 16), "blocks.0.attn.hook_pattern": torch.rand(4, 5, 5),
        "blocks.0.mlp.hook_post": torch.rand(5, 64), "blocks.1.hook_resid_pre": torch.rand(5, 16),
    }  # fmt: skip
    cache = SimpleNamespace(items=values.items)  # an ActivationCache is no Mapping
    made = from_transformer_lens(cache, tokens=["a", " b", " c", " d", " e"])
    assert made["blocks.0.attn.result"].equal(values["blocks.0.attn.hook_result"][None])
    assert made["blocks.0.ln1.scale"].equal(values["blocks.0.ln1.hook_scale"].T)
    assert made.read("blocks.0.attn.pattern", head=2, batch=0).equal(values["blocks.0.attn.hook_pattern"][2])
    assert made.stack("resid_pre").shape == (2, 1, 5, 16)
    assert made.tokens.strings == [["a", " b", " c", " d", " e"]]


def seen(model: nn.Module, inputs: Any, places: dict[str, tuple[str, str]]) -> dict[str, Tensor]:
    """What passes the named sides of modules in one forward, by hooks written out."""
    found: dict[str, Tensor] = {}

    def keep(name: str, side: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            value = args[0] if side == "input" else output
            found[name] = value[0] if isinstance(value, tuple) else value

        return hook

    handles = [model.get_submodule(path).register_forward_hook(keep(n, side)) for n, (path, side) in places.items()]
    with torch.no_grad():
        model(**inputs) if isinstance(inputs, dict) else model(inputs)
    for handle in handles:
        handle.remove()
    return found


def test_the_sums_hold_for_what_a_bridge_caches_of_bert() -> None:
    model = perturbed(transformers.BertForMaskedLM(transformers.BertConfig(**SMALL, vocab_size=50)))
    layer = "bert.encoder.layer.0"
    cache = seen(model, {"input_ids": IDS}, {
        "blocks.0.hook_in": (layer, "input"), "blocks.0.attn.o.hook_out": (f"{layer}.attention.output.dense", "output"),
        "blocks.0.ln1.hook_in": (f"{layer}.attention.output.LayerNorm", "input"),
        "blocks.0.ln1.hook_out": (f"{layer}.attention.output.LayerNorm", "output"),
        "blocks.0.hook_attn_out": (f"{layer}.attention.output.LayerNorm", "output"),
        "blocks.0.hook_mlp_out": (f"{layer}.output.dense", "output"),
        "blocks.0.hook_resid_mid": (f"{layer}.output.LayerNorm", "input"),
        "blocks.0.ln2.hook_in": (f"{layer}.output.LayerNorm", "input"),
        "blocks.0.ln2.hook_out": (layer, "output"), "blocks.0.hook_out": (layer, "output"),
    })  # fmt: skip
    made = from_transformer_lens(cache)
    torch.testing.assert_close(made["blocks.0.resid_mid"], made["blocks.0.resid_pre"] + made["blocks.0.attn_out"])
    torch.testing.assert_close(made["blocks.0.resid_post"], made["blocks.0.ln1.out"] + made["blocks.0.mlp_out"])
    assert made["blocks.0.ln2.out"].equal(cache["blocks.0.hook_out"])


# Values under any names.


def test_our_names_and_names_of_ones_own() -> None:
    pattern, own = torch.rand(4, 5, 5), torch.rand(3, 7)
    made = from_values(
        {"blocks.1.attn.pattern": pattern, "blocks.1.ln1.scale": torch.rand(2, 5, 1), "probe": own,
         "logits": [[[1.0, 2.0]]]},
        axes={"probe": ("layer", "feature")},
        tokens=Tokens.of_ids([[1, 2, 3, 4, 5]]),
    )  # fmt: skip
    assert made["blocks.1.attn.pattern"].equal(pattern[None]) and made.axes("blocks.1.attn.pattern") == tuple(
        CELLS.split()
    )
    assert made["probe"].equal(own) and made.axes("probe") == ("layer", "feature")
    assert made["blocks.1.ln1.scale"].shape == (2, 5)
    assert made.logits.tolist() == [[[1.0, 2.0]]] and made.tokens.strings == [["1", "2", "3", "4", "5"]]


@pytest.mark.parametrize(
    ("make", "paths", "names"),
    [
        (gpt2,
         "transformer.h.1.attn.c_attn transformer.h.1.attn.c_proj.input transformer.h.0.attn transformer.h.1.mlp.c_fc "
         "transformer.h.1.mlp.c_proj.input transformer.h.1 transformer.h.0.input transformer.ln_f lm_head.output",
         "blocks.1.attn.q blocks.1.attn.k blocks.1.attn.v blocks.1.attn.z blocks.0.attn_out blocks.0.attn.out "
         "blocks.1.mlp.pre blocks.1.mlp.post blocks.1.resid_post blocks.0.resid_pre ln_final.out unembed"),
        (llama,
         "model.layers.0.self_attn.q_proj model.layers.0.self_attn.k_proj model.layers.0.mlp.gate_proj "
         "model.layers.0.mlp.up_proj model.layers.0.mlp model.embed_tokens",
         "blocks.0.attn.q blocks.0.attn.k blocks.0.mlp.pre blocks.0.mlp.pre_linear blocks.0.mlp_out embed"),
    ],
)  # fmt: skip
def test_what_hooks_saw_is_named_by_the_architecture(make: Any, paths: str, names: str) -> None:
    model = make()
    sides = {path: (path.removesuffix(".input").removesuffix(".output"),
                    "input" if path.endswith(".input") else "output") for path in paths.split()}  # fmt: skip
    truth = trace(model, IDS)
    made = from_values(seen(model, {"input_ids": IDS}, sides), architecture=Architecture.of(model))
    assert set(made.names) == set(names.split())
    for name in made.names:
        assert made.axes(name) == truth.axes(name), name
        torch.testing.assert_close(made[name], truth[name])


def test_saved_objects_tuples_and_lost_batches_are_taken() -> None:
    model = gpt2()
    truth = trace(model, IDS)
    stream = truth["blocks.0.resid_post"]
    for saved in (SimpleNamespace(value=stream), (stream, None), SimpleNamespace(value=(stream,)), stream[0]):
        made = from_values({"transformer.h.0": saved}, architecture=Architecture.of(model))
        assert made["blocks.0.resid_post"].equal(stream)


# Patterns alone.


def test_attentions_of_a_decoder() -> None:
    model = gpt2()
    with torch.no_grad():
        output = model(IDS, output_attentions=True)
    for given in (output, output.attentions, torch.stack(output.attentions), [a[0] for a in output.attentions]):
        made = from_attention(given, [f"t{i}" for i in range(6)])
        assert made.names == ("blocks.0.attn.pattern", "blocks.1.attn.pattern")
        assert made.stack("attn.pattern").equal(torch.stack(output.attentions))
        assert made.tokens.strings[0][5] == "t5" and made.tokens.ids.tolist() == [[-1] * 6]
    gappy = from_attention([None, output.attentions[1]])
    assert gappy.names == ("blocks.1.attn.pattern",)


def test_attentions_of_an_encoder_decoder() -> None:
    with torch.no_grad():
        output = t5()(input_ids=IDS, decoder_input_ids=IDS[:, :4], output_attentions=True)
    apart = from_attention(
        encoder=output.encoder_attentions, decoder=output.decoder_attentions, cross=output.cross_attentions
    )
    for made in (apart, from_attention(output)):
        assert len(made.names) == 6
        assert made["encoder.blocks.1.attn.pattern"].equal(output.encoder_attentions[1])
        assert made["decoder.blocks.0.attn.pattern"].equal(output.decoder_attentions[0])
        assert made["decoder.blocks.1.cross.pattern"].equal(output.cross_attentions[1])
        assert made.stack("cross.pattern", stack="decoder").shape == (2, 1, 4, 4, 6)


# Mistakes.


def test_what_is_no_cache_says_so() -> None:
    with pytest.raises(CaptureError, match="none of 2 names is a hook of TransformerLens: a, b, .*run_with_cache"):
        from_transformer_lens({"a": torch.zeros(1), "b": torch.zeros(1)})
    with pytest.raises(CaptureError, match="got a Tensor, expected a cache of TransformerLens"):
        from_transformer_lens(torch.zeros(1))
    with pytest.raises(CaptureError, match="hook_embed is a str, expected a tensor"):
        from_transformer_lens({"hook_embed": "nothing"})


def test_values_that_cannot_be_named_say_what_to_pass() -> None:
    with pytest.raises(
        SiteError, match=r"'transformer.h.0' is no name of a trace .*architecture=Architecture.of\(model\)"
    ):
        from_values({"transformer.h.0": torch.zeros(1, 2, 16)})
    with pytest.raises(SiteError, match="nothing that the architecture knows is the output of 'transformer.h.9'"):
        from_values({"transformer.h.9": torch.zeros(1, 2, 16)}, architecture=Architecture.of(gpt2()))
    with pytest.raises(
        CaptureError, match=r"blocks.0.attn.pattern has the shape \(5, 5\), expected \(batch, head, query"
    ):
        from_values({"blocks.0.attn.pattern": torch.zeros(5, 5)})
    with pytest.raises(CaptureError, match=r"transformer.h.0 has the shape \(16,\), expected 3 axes"):
        from_values({"transformer.h.0": torch.zeros(16)}, architecture=Architecture.of(gpt2()))
    with pytest.raises(CaptureError, match=r"mine has the shape \(2,\), expected \(layer, unit\)"):
        from_values({"mine": torch.zeros(2)}, axes={"mine": ("layer", "unit")})
    with pytest.raises(CaptureError, match="got no values"):
        from_values({})


def test_no_attention_says_how_to_get_some() -> None:
    for nothing in (None, (), [None, None], SimpleNamespace(attentions=None)):
        with pytest.raises(CaptureError, match="got no attention; .*output_attentions=True"):
            from_attention(nothing)
    with pytest.raises(CaptureError, match=r"blocks.0.attn.pattern has the shape \(5, 5\)"):
        from_attention([torch.zeros(5, 5)])
    with pytest.raises(CaptureError, match=r"got \[0\] strings"):
        from_attention([torch.zeros(1, 1, 5, 5)], tokens=[])
