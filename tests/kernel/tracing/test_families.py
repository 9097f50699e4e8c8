"""Many more families, about which nothing is written down: what holds for all of them holds, or they are refused."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import transformers as hf

from attrium_kernel.tracing import Trace, TraceError, trace

from . import models, oracles
from .closeness import assert_close

LLAMA = models.LLAMA_LIKE
ALL_HEADS = LLAMA | {"num_key_value_heads": 4}
ENCODER: dict[str, Any] = {
    "vocab_size": models.VOCAB,
    "hidden_size": models.WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": models.HEADS,
    "intermediate_size": models.NEURONS,
    "max_position_embeddings": 32,
    "pad_token_id": 1,
}
VISION = {k: v for k, v in ENCODER.items() if k.split("_")[0] in ("hidden", "num", "intermediate")} | {
    "image_size": 12,
    "patch_size": 4,
}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 12}
LATENT: dict[str, Any] = {
    "kv_lora_rank": 12,
    "q_lora_rank": 14,
    "qk_nope_head_dim": 6,
    "qk_rope_head_dim": 4,
    "v_head_dim": 5,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 12,
    "first_k_dense_replace": 1,
}
T5_LIKE = {"vocab_size": models.VOCAB, "d_model": 24, "num_layers": 2, "num_heads": 4, "d_kv": 10, "d_ff": 40}
TO_TEXT = {"decoder_start_token_id": 0, "pad_token_id": 1}
WHISPER: dict[str, Any] = {k: v for k, v in models.BART_LIKE.items() if "position" not in k and "forced" not in k} | {
    "num_mel_bins": 8,
    "max_source_positions": 10,
    "max_target_positions": 16,
    "scale_embedding": False,
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
}
CLIP_TEXT = {k: v for k, v in ENCODER.items() if k != "pad_token_id"} | {"eos_token_id": 0}

Family = tuple[str, Callable[[], Any], Callable[[], dict[str, Any]]]


def pixels() -> dict[str, Any]:
    """Two pictures."""
    return {"pixel_values": models.randn(2, 3, 12, 12)}


def family(
    kind: str, config: str, settings: dict[str, Any], inputs: Callable[[], dict[str, Any]] = models.text
) -> Family:
    """A class of models, its configuration's maker, its inputs' maker."""
    return kind, lambda: getattr(hf, config)(**settings), inputs


FAMILIES: dict[str, Family] = {
    "starcoder2": family("Starcoder2ForCausalLM", "Starcoder2Config", LLAMA),
    "nemotron": family("NemotronForCausalLM", "NemotronConfig", LLAMA | {"head_dim": 6}),
    "glm": family("GlmForCausalLM", "GlmConfig", LLAMA | {"head_dim": 6}),
    "glm4": family("Glm4ForCausalLM", "Glm4Config", LLAMA | {"head_dim": 6}),
    "cohere2": family("Cohere2ForCausalLM", "Cohere2Config", LLAMA | {"sliding_window": 4}),
    "olmo3": family("Olmo3ForCausalLM", "Olmo3Config", LLAMA | {"sliding_window": 4}),
    "nanochat": family("NanoChatForCausalLM", "NanoChatConfig", LLAMA),
    "llama without a head": family("LlamaModel", "LlamaConfig", LLAMA),
    "latent attention": family(
        "DeepseekV3ForCausalLM", "DeepseekV3Config", ALL_HEADS | LATENT | {"n_group": 1, "topk_group": 1}
    ),
    "qwen3-moe": family("Qwen3MoeForCausalLM", "Qwen3MoeConfig", LLAMA | EXPERTS | {"head_dim": 6}),
    "gated attention": family(
        "Qwen3NextForCausalLM",
        "Qwen3NextConfig",
        LLAMA
        | EXPERTS
        | {
            "head_dim": 6,
            "shared_expert_intermediate_size": 12,
            "layer_types": ["full_attention", "full_attention"],
        },
    ),
    "gpt-bigcode": family("GPTBigCodeForCausalLM", "GPTBigCodeConfig", models.gpt2_config().to_diff_dict()),
    "gpt2 classifier": family(
        "GPT2ForSequenceClassification",
        "GPT2Config",
        models.gpt2_config(num_labels=3, pad_token_id=1).to_diff_dict(),
    ),
    "gpt2 with cross-attention": family(
        "GPT2LMHeadModel",
        "GPT2Config",
        models.gpt2_config(add_cross_attention=True).to_diff_dict(),
        lambda: models.text() | {"encoder_hidden_states": models.randn(models.BATCH, 5, models.WIDTH)},
    ),
    "codegen": family(
        "CodeGenForCausalLM",
        "CodeGenConfig",
        {"vocab_size": 53, "n_embd": 24, "n_layer": 2, "n_head": 4, "rotary_dim": 4, "n_positions": 32}
        | models.SPECIAL,
    ),
    "falcon with slopes": family(
        "FalconForCausalLM",
        "FalconConfig",
        models.falcon_config(alibi=True, multi_query=False, parallel_attn=False).to_diff_dict(),
    ),
    "biogpt": family("BioGptForCausalLM", "BioGptConfig", ENCODER),
    "xglm": family(
        "XGLMForCausalLM",
        "XGLMConfig",
        {"vocab_size": 53, "d_model": 24, "ffn_dim": 40, "num_layers": 2, "attention_heads": 4, "pad_token_id": 1},
    ),
    "electra": family("ElectraForMaskedLM", "ElectraConfig", ENCODER | {"embedding_size": 16}),
    "modernbert": family(
        "ModernBertForMaskedLM", "ModernBertConfig", ENCODER | {"local_attention": 4, "global_attn_every_n_layers": 2}
    ),
    "roformer": family("RoFormerForMaskedLM", "RoFormerConfig", ENCODER),
    "mpnet": family("MPNetForMaskedLM", "MPNetConfig", ENCODER),
    "bert classifier": family("BertForSequenceClassification", "BertConfig", ENCODER | {"num_labels": 3}),
    "pegasus": family("PegasusForConditionalGeneration", "PegasusConfig", models.BART_LIKE, models.source_and_target),
    "umt5": family("UMT5ForConditionalGeneration", "UMT5Config", T5_LIKE | TO_TEXT, models.source_and_target),
    "whisper": family(
        "WhisperForConditionalGeneration",
        "WhisperConfig",
        WHISPER,
        lambda: {"input_features": models.randn(2, 8, 20), "decoder_input_ids": models.ids(2, 7)},
    ),
    "clip": family(
        "CLIPModel",
        "CLIPConfig",
        {"text_config": CLIP_TEXT, "vision_config": VISION | {"hidden_size": 32}, "projection_dim": 16},
        lambda: {"input_ids": models.ids(2, 9)} | pixels(),
    ),
    "dinov2": family("Dinov2Model", "Dinov2Config", VISION | {"mlp_ratio": 2}, pixels),
    "deit": family("DeiTForImageClassification", "DeiTConfig", VISION | {"num_labels": 5}, pixels),
    "wav2vec2": family(
        "Wav2Vec2ForCTC",
        "Wav2Vec2Config",
        {k: v for k, v in ENCODER.items() if "position" not in k}
        | {
            "conv_dim": (8, 8),
            "conv_stride": (4, 4),
            "conv_kernel": (8, 8),
            "num_feat_extract_layers": 2,
            "num_conv_pos_embeddings": 4,
            "num_conv_pos_embedding_groups": 2,
            "feat_extract_norm": "layer",
        },
        lambda: {"input_values": models.randn(2, 400)},
    ),
}
HARD: dict[str, Family] = {
    "scaled by a parameter": family("BeitForImageClassification", "BeitConfig", VISION | {"num_labels": 5}, pixels),
    "pooled by attention": family("SiglipVisionModel", "SiglipVisionConfig", VISION, pixels),
    "windows": family(
        "SwinForImageClassification",
        "SwinConfig",
        {"image_size": 16, "patch_size": 2, "embed_dim": 8, "depths": [2, 2], "num_heads": [2, 4], "window_size": 2},
        lambda: {"pixel_values": models.randn(2, 3, 16, 16)},
    ),
    "two streams": family(
        "XLNetLMHeadModel", "XLNetConfig", {"vocab_size": 53, "d_model": 24, "n_layer": 2, "n_head": 4, "d_inner": 40}
    ),
    "funnel": family(
        "FunnelForMaskedLM",
        "FunnelConfig",
        {
            "vocab_size": 53,
            "d_model": 24,
            "block_sizes": [1, 1],
            "n_head": 4,
            "d_head": 6,
            "d_inner": 40,
            "num_decoder_layers": 1,
        },
    ),
    "time series": family(
        "PatchTSTForPrediction",
        "PatchTSTConfig",
        {
            "num_input_channels": 2,
            "context_length": 32,
            "patch_length": 4,
            "patch_stride": 4,
            "prediction_length": 4,
            "d_model": 24,
            "num_attention_heads": 4,
            "num_hidden_layers": 2,
            "ffn_dim": 40,
        },
        lambda: {"past_values": models.randn(2, 32, 2)},
    ),
    "relative products": family(
        "DebertaV2ForMaskedLM",
        "DebertaV2Config",
        ENCODER | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    ),
    "local attention": family("LongformerForMaskedLM", "LongformerConfig", ENCODER | {"attention_window": 4}),
    "attention twice": family("DiffLlamaForCausalLM", "DiffLlamaConfig", LLAMA),
}


def made(name: str, implementation: str) -> tuple[Any, dict[str, Any]]:
    """A random model of a family and what it takes."""
    kind, config, inputs = (FAMILIES | HARD)[name]
    settings = config()
    settings._attn_implementation = implementation
    with models.seeded(0), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = getattr(hf, kind)(settings)
        except ValueError:
            pytest.skip(f"the library has no {implementation} attention for it")
    return models.randomise(model), inputs()


def assert_holds(model: Any, inputs: dict[str, Any], t: Trace, implementation: str, whole: bool = True) -> None:
    """What is true of every transformer; with `whole=False` names may be absent, but none may be wrong."""
    plain = oracles.plain(model, inputs)
    for key in ("logits", "last_hidden_state"):
        if key in plain:
            assert_close(t.output[key], plain[key], 0.0)
    assert t.architecture is not None
    for block in t.architecture.blocks():
        if whole or {f"{block.name}.attn_out", f"{block.name}.mlp_out", f"{block.name}.resid_post"} <= set(t.names):
            assert_adds_up(t, f"{block.name}.", block.form)
        for part in ("attn", "cross"):
            if f"{block.name}.{part}.result" in t.names and f"{block.name}.{part}.out" in t.names:
                o = model.get_submodule(block.parts[f"{part}.o"].path)
                bias = 0 if getattr(o, "bias", None) is None else o.bias.detach()
                total = t[f"{block.name}.{part}.result"].sum(2) + bias
                assert_close(total, t[f"{block.name}.{part}.out"], 1e-4)
    for each in t.names:
        assert t[each].dim() == len(t.axes(each)), each
    if implementation == "eager":
        assert_patterns(t, oracles.plain(model, inputs, output_attentions=True))


def assert_adds_up(t: Trace, p: str, form: str) -> None:
    """The stream is the sum of what is written to it."""
    total = t[p + "resid_pre"] + t[p + "attn_out"]
    if form != "parallel":
        assert_close(total, t[p + "resid_mid"], 1e-4)
    if form == "post-norm":
        total = t[p + "ln1.out"]
    if p + "cross_out" in t.names:
        total = total + t[p + "cross_out"]
        if form == "post-norm":
            total = t[p + "ln_cross.out"]
    assert_close(total + t[p + "mlp_out"], t[p + "resid_post"], 1e-4)


def assert_patterns(t: Trace, output: Any) -> None:
    """Patterns of the first stack are the library's."""
    found = output.get("attentions") or output.get("encoder_attentions")
    if found is None or found[0] is None or t.architecture is None:
        return
    for block, pattern in zip(t.architecture.stacks[0].blocks, found):
        assert_close(t[f"{block.name}.attn.pattern"], pattern, 1e-5)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.filterwarnings("ignore::UserWarning")  # of the library's configurations
def test_what_holds_for_transformers_holds_for_this_family(name: str, implementation: str) -> None:
    model, inputs = made(name, implementation)
    assert_holds(model, inputs, trace(model, inputs), implementation)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("name", HARD)
@pytest.mark.filterwarnings("ignore::UserWarning")  # of the library's configurations
def test_what_cannot_be_followed_is_refused_and_never_shown_wrong(name: str, implementation: str) -> None:
    model, inputs = made(name, implementation)
    try:
        t = trace(model, inputs)
    except TraceError as error:
        message = str(error)
    else:
        message = ""
        assert_holds(model, inputs, t, implementation, whole=False)
    assert not message or re.search(r"attention|add up", message)
