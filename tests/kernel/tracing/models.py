"""Tiny random transformers of every family, with what is known about each of them written down by hand.

The sizes are chosen so that no axis can be mistaken for another: 3 texts, 9 tokens, 4 heads (2 for keys) of 6 or 10
dimensions, width 24, 40 neurons, 53 tokens in the vocabulary. Weights are large, and biases and norms random, so that a
forgotten one shows.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
import transformers as hf
from torch import Tensor, nn

BATCH, LENGTH, WIDTH, HEADS, VOCAB, NEURONS = 3, 9, 24, 4, 53, 40
WINDOW = 4

Layout = Literal["separate", "blocks", "per head", "per group"]


@dataclass(frozen=True)
class Attention:
    """One attention, paths relative to the block.

    Args:
        q, k, v, o: projections; of a fused one the same path three times.
        layout: how a fused projection's features are ordered: all q, then all k, then all v ("blocks"); q, k, v of each
            head ("per head"); the queries of a group, its k, its v ("per group").
        d_head: dimensions of a head.
        kv_heads: heads of the keys and values.
        scale: factor of q.k.
        q_norm, k_norm: norms of queries and keys before the rotation.
        rotary: which dimensions turn together, "half" (j and j + n/2) or "pairs" (2j and 2j + 1), or none.
        rotary_dims: how many dimensions turn; 0 is all.
        theta: base of the rotation's frequencies, per layer.
        softcap: `c * tanh(scores / c)`.
        windows: positions that a query sees, itself included, per layer; None sees all.
        bias: "alibi" or "relative", added to the scores.
        sinks: path of a further logit per head that takes part in the softmax.
        causal: whether a query sees only what is before it.
    """

    q: str
    k: str
    v: str
    o: str
    layout: Layout = "separate"
    heads: int = HEADS
    kv_heads: int = HEADS
    d_head: int = WIDTH // HEADS
    scale: Callable[[int], float] = lambda layer: (WIDTH // HEADS) ** -0.5
    q_norm: str | None = None
    k_norm: str | None = None
    rotary: Literal["half", "pairs"] | None = None
    rotary_dims: int = 0
    theta: Callable[[int], float] = lambda layer: 10_000.0
    softcap: float | None = None
    windows: Callable[[int], int | None] = lambda layer: None
    bias: Literal["alibi", "relative"] | None = None
    sinks: str | None = None
    causal: bool = True


@dataclass(frozen=True)
class Stack:
    """Blocks in a row, paths as in `Subject.make`'s model; parts relative to the block."""

    blocks: str
    attention: Attention
    embed: str
    ln1: str | None = None
    ln2: str | None = None
    attn_post: str | None = None  # a norm between the attention and the stream
    mlp_post: str | None = None
    form: Literal["sequential", "parallel", "post-norm"] = "sequential"
    norm: Literal["layer", "rms"] = "layer"
    eps: float = 1e-5
    up: str | None = None  # None: no single module makes the neurons (experts)
    gate: str | None = None
    gate_up: str | None = None  # gate and up in one
    down: str | None = None
    mlp: str | None = None
    router: str | None = None
    pos_embed: str | None = None
    ln_final: str | None = None
    name: str = ""
    cross: Attention | None = None
    ln_cross: str | None = None
    multiplier: float = 1.0  # of what attention and MLP add
    layers: int = 2
    neurons: int = NEURONS
    call: int = 0  # which call of a shared embedding is this stack's

    @property
    def prefix(self) -> str:
        """What the names of this stack begin with."""
        return f"{self.name}." if self.name else ""


@dataclass(frozen=True)
class Subject:
    """A family: how to make a tiny model of it, what to feed it, and what is known about it."""

    make: Callable[[], nn.Module]
    stacks: tuple[Stack, ...]
    unembed: str
    inputs: Callable[[], dict[str, Tensor]]
    implementations: tuple[str, ...] = ("eager", "sdpa")
    logits: Callable[[Tensor, nn.Module], Tensor] = lambda unembed, model: unembed
    exact_names: bool = True  # whether the facts below name everything that the model has
    facts: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Build from `seed` and leave the global generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def ids(*shape: int, seed: int = 1) -> Tensor:
    """Token ids from 4 (below are special ones) to the vocabulary's end."""
    return torch.randint(4, VOCAB, shape, generator=torch.Generator().manual_seed(seed))


def randn(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers from a generator of their own."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def randomise(model: nn.Module, seed: int = 0, gain: float = 1.2) -> nn.Module:
    """Weights of order one, biases and norms that are neither 0 nor 1, in eval mode."""
    generator = torch.Generator().manual_seed(seed)

    def normal(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=generator)

    with torch.no_grad():
        for module in model.modules():
            for name, weight in module.named_parameters(recurse=False):
                if isinstance(module, nn.Embedding):
                    weight.copy_(normal(weight))
                elif weight.dim() >= 2:
                    transposed = type(module).__name__ in ("Conv1D", "GptOssExperts")
                    fan_in = (
                        weight.shape[-2] if transposed else weight[0].numel() if weight.dim() != 3 else weight.shape[-1]
                    )
                    weight.copy_(normal(weight) * gain * fan_in**-0.5)
                else:
                    around = 1.0 if bool((weight == 1).all()) else 0.0
                    weight.copy_(around + 0.3 * normal(weight))
                assert name
        for name, buffer in model.named_buffers():
            if name.endswith("final_logits_bias"):
                buffer.copy_(normal(buffer))
    return model.eval()


def of(model_class: Any, config: Callable[[], Any]) -> Callable[[], nn.Module]:
    """A maker of one random model; the attention implementation is set on the configuration by `build`."""

    def make(implementation: str = "eager") -> nn.Module:
        settings = config()
        settings._attn_implementation = implementation
        with seeded(0), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return randomise(model_class(settings))

    return make


def build(name: str, implementation: str = "eager") -> nn.Module:
    """A fresh model of a family; the same weights each time and in every implementation."""
    return SUBJECTS[name].make(implementation)  # type: ignore[call-arg]


_SHARED: dict[tuple[str, str], nn.Module] = {}


def shared(name: str, implementation: str = "eager") -> nn.Module:
    """The one model of a family that tests share; a test that changes it makes its own with `build`."""
    key = (name, implementation)
    if key not in _SHARED:
        _SHARED[key] = build(*key)
    return _SHARED[key]


def text() -> dict[str, Tensor]:
    """Token ids of full length."""
    return {"input_ids": ids(BATCH, LENGTH)}


def padded(side: str = "right") -> dict[str, Tensor]:
    """Token ids whose second text is three tokens shorter and whose third is one shorter."""
    mask = torch.ones(BATCH, LENGTH, dtype=torch.long)
    for row, missing in ((1, 3), (2, 1)):
        mask[row, slice(LENGTH - missing, None) if side == "right" else slice(0, missing)] = 0
    tokens = ids(BATCH, LENGTH)
    return {"input_ids": tokens.masked_fill(mask == 0, 1), "attention_mask": mask}


def source_and_target() -> dict[str, Tensor]:
    """For encoder-decoders: 9 tokens in, 7 out."""
    return {"input_ids": ids(BATCH, LENGTH), "decoder_input_ids": ids(BATCH, 7, seed=2)}


def pictures() -> dict[str, Tensor]:
    """For vision transformers: 12 x 12 pixels."""
    return {"pixel_values": randn(BATCH, 3, 12, 12, seed=3)}


SPECIAL = {"bos_token_id": 0, "eos_token_id": 0}
LLAMA_LIKE: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": HEADS,
    "num_key_value_heads": 2,
    "intermediate_size": NEURONS,
    "max_position_embeddings": 32,
    "pad_token_id": 1,
    **SPECIAL,
}
WIDE_HEADS = {"head_dim": 10}
SLIDING_THEN_FULL = ["sliding_attention", "full_attention"]


def self_attn(**changes: Any) -> Attention:
    """The attention of Llama and its kin: separate projections, grouped keys, everything rotated."""
    names = {part: f"self_attn.{part}_proj" for part in "qkvo"}
    return Attention(**({"kv_heads": 2, "rotary": "half"} | names | changes))


def wide(**changes: Any) -> Attention:
    """`self_attn` with heads of 10 dimensions: 4 * 10 is not the model's width."""
    return self_attn(**({"d_head": 10, "scale": lambda layer: 10**-0.5} | changes))


def llama_stack(attention: Attention, **changes: Any) -> Stack:
    """The blocks of Llama and its kin."""
    return Stack(
        **(
            {
                "blocks": "model.layers.{i}",
                "attention": attention,
                "embed": "model.embed_tokens",
                "ln1": "input_layernorm",
                "ln2": "post_attention_layernorm",
                "norm": "rms",
                "eps": 1e-6,
                "gate": "mlp.gate_proj",
                "up": "mlp.up_proj",
                "down": "mlp.down_proj",
                "mlp": "mlp",
                "ln_final": "model.norm",
            }
            | changes
        )
    )


def llama_like(model_class: Any, config: Callable[[], Any], stack: Stack, **changes: Any) -> Subject:
    """A subject whose unembedding is `lm_head`."""
    return Subject(of(model_class, config), (stack,), "lm_head", text, **changes)


SUBJECTS: dict[str, Subject] = {}

# ---- GPT-2 and what came of it

GPT2_STACK = Stack(
    blocks="transformer.h.{i}",
    attention=Attention("attn.c_attn", "attn.c_attn", "attn.c_attn", "attn.c_proj", layout="blocks"),
    embed="transformer.wte",
    pos_embed="transformer.wpe",
    ln1="ln_1",
    ln2="ln_2",
    up="mlp.c_fc",
    down="mlp.c_proj",
    mlp="mlp",
    ln_final="transformer.ln_f",
    layers=3,
)


def gpt2_config(**changes: Any) -> hf.GPT2Config:
    """Three layers, `n_inner` other than four times the width."""
    return hf.GPT2Config(
        vocab_size=VOCAB, n_positions=32, n_embd=WIDTH, n_layer=3, n_head=HEADS, n_inner=NEURONS, **SPECIAL, **changes
    )


SUBJECTS["gpt2"] = Subject(of(hf.GPT2LMHeadModel, gpt2_config), (GPT2_STACK,), "lm_head", text)
SUBJECTS["gpt2 scaled by layer"] = replace(
    SUBJECTS["gpt2"],
    make=of(
        hf.GPT2LMHeadModel,
        lambda: gpt2_config(scale_attn_by_inverse_layer_idx=True, reorder_and_upcast_attn=True),
    ),
    stacks=(replace(GPT2_STACK, attention=replace(GPT2_STACK.attention, scale=lambda layer: 6**-0.5 / (layer + 1))),),
)
SUBJECTS["gpt-neo"] = Subject(
    of(
        hf.GPTNeoForCausalLM,
        lambda: hf.GPTNeoConfig(
            vocab_size=VOCAB,
            hidden_size=WIDTH,
            num_layers=2,
            num_heads=HEADS,
            attention_types=[[["global", "local"], 1]],
            window_size=WINDOW,
            intermediate_size=NEURONS,
            max_position_embeddings=32,
            **SPECIAL,
        ),
    ),
    (
        replace(
            GPT2_STACK,
            attention=Attention(
                **{part: f"attn.attention.{part}_proj" for part in "qkv"},
                o="attn.attention.out_proj",
                scale=lambda layer: 1.0,
                windows=lambda layer: WINDOW if layer == 1 else None,
            ),
            layers=2,
        ),
    ),
    "lm_head",
    text,
    implementations=("eager",),
)
SUBJECTS["gpt-j"] = Subject(
    of(
        hf.GPTJForCausalLM,
        lambda: hf.GPTJConfig(
            vocab_size=VOCAB,
            n_embd=WIDTH,
            n_layer=2,
            n_head=HEADS,
            n_inner=NEURONS,
            rotary_dim=4,
            n_positions=32,
            **SPECIAL,
        ),
    ),
    (
        Stack(
            blocks="transformer.h.{i}",
            attention=Attention(
                **{part: f"attn.{part}_proj" for part in "qkv"}, o="attn.out_proj", rotary="pairs", rotary_dims=4
            ),
            embed="transformer.wte",
            ln1="ln_1",
            form="parallel",
            up="mlp.fc_in",
            down="mlp.fc_out",
            mlp="mlp",
            ln_final="transformer.ln_f",
        ),
    ),
    "lm_head",
    text,
    implementations=("eager",),
)

# ---- GPT-NeoX, Bloom, Falcon, MPT: fused projections

NEOX_STACK = Stack(
    blocks="gpt_neox.layers.{i}",
    attention=Attention(
        *["attention.query_key_value"] * 3, "attention.dense", layout="per head", rotary="half", rotary_dims=4
    ),
    embed="gpt_neox.embed_in",
    ln1="input_layernorm",
    ln2="post_attention_layernorm",
    form="parallel",
    up="mlp.dense_h_to_4h",
    down="mlp.dense_4h_to_h",
    mlp="mlp",
    ln_final="gpt_neox.final_layer_norm",
)


def neox_config(**changes: Any) -> hf.GPTNeoXConfig:
    """A rotation of 4 of the 6 dimensions."""
    return hf.GPTNeoXConfig(
        vocab_size=VOCAB,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        intermediate_size=NEURONS,
        rotary_pct=0.7,
        max_position_embeddings=32,
        **SPECIAL,
        **changes,
    )


SUBJECTS["gpt-neox"] = Subject(of(hf.GPTNeoXForCausalLM, neox_config), (NEOX_STACK,), "lm_head", text)
SUBJECTS["gpt-neox sequential"] = replace(
    SUBJECTS["gpt-neox"],
    make=of(hf.GPTNeoXForCausalLM, lambda: neox_config(use_parallel_residual=False)),
    stacks=(replace(NEOX_STACK, form="sequential"),),
)
SUBJECTS["bloom"] = Subject(
    of(
        hf.BloomForCausalLM,
        lambda: hf.BloomConfig(vocab_size=VOCAB, hidden_size=WIDTH, n_layer=2, n_head=HEADS, **SPECIAL),
    ),
    (
        Stack(
            blocks="transformer.h.{i}",
            attention=Attention(
                *["self_attention.query_key_value"] * 3, "self_attention.dense", layout="per head", bias="alibi"
            ),
            embed="transformer.word_embeddings",
            ln1="input_layernorm",
            ln2="post_attention_layernorm",
            up="mlp.dense_h_to_4h",
            down="mlp.dense_4h_to_h",
            ln_final="transformer.ln_f",
            neurons=4 * WIDTH,
        ),
    ),
    "lm_head",
    text,
    implementations=("eager",),
)


def falcon_config(**changes: Any) -> hf.FalconConfig:
    """Rotary Falcon."""
    return hf.FalconConfig(
        vocab_size=VOCAB,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        ffn_hidden_size=NEURONS,
        **SPECIAL,
        **changes,
    )


FALCON_STACK = Stack(
    blocks="transformer.h.{i}",
    attention=Attention(
        *["self_attention.query_key_value"] * 3, "self_attention.dense", layout="per group", kv_heads=2, rotary="half"
    ),
    embed="transformer.word_embeddings",
    ln1="ln_attn",
    ln2="ln_mlp",
    form="parallel",
    up="mlp.dense_h_to_4h",
    down="mlp.dense_4h_to_h",
    mlp="mlp",
    ln_final="transformer.ln_f",
)
SUBJECTS["falcon"] = Subject(
    of(hf.FalconForCausalLM, lambda: falcon_config(num_kv_heads=2, new_decoder_architecture=True)),
    (FALCON_STACK,),
    "lm_head",
    text,
)
SUBJECTS["falcon multi-query"] = replace(
    SUBJECTS["falcon"],
    make=of(hf.FalconForCausalLM, lambda: falcon_config(multi_query=True, parallel_attn=True)),
    stacks=(
        replace(
            FALCON_STACK,
            attention=replace(FALCON_STACK.attention, layout="blocks", kv_heads=1),
            ln1="input_layernorm",
            ln2=None,
        ),
    ),
)
SUBJECTS["mpt"] = Subject(
    of(
        hf.MptForCausalLM,
        lambda: hf.MptConfig(vocab_size=VOCAB, d_model=WIDTH, n_layers=2, n_heads=HEADS, max_seq_len=32),
    ),
    (
        Stack(
            blocks="transformer.blocks.{i}",
            attention=Attention(*["attn.Wqkv"] * 3, "attn.out_proj", layout="blocks", bias="alibi"),
            embed="transformer.wte",
            ln1="norm_1",
            ln2="norm_2",
            up="ffn.up_proj",
            down="ffn.down_proj",
            ln_final="transformer.norm_f",
            neurons=4 * WIDTH,
        ),
    ),
    "lm_head",
    text,
    implementations=("eager",),
)

# ---- OPT


def opt_config(**changes: Any) -> hf.OPTConfig:
    """Two layers."""
    return hf.OPTConfig(
        **(
            {
                "vocab_size": VOCAB,
                "hidden_size": WIDTH,
                "num_hidden_layers": 2,
                "num_attention_heads": HEADS,
                "ffn_dim": NEURONS,
                "max_position_embeddings": 32,
                "word_embed_proj_dim": WIDTH,
                "pad_token_id": 1,
                **SPECIAL,
            }
            | changes
        )
    )


OPT_STACK = Stack(
    blocks="model.decoder.layers.{i}",
    attention=Attention(**{part: f"self_attn.{part}_proj" for part in "qkv"}, o="self_attn.out_proj"),
    embed="model.decoder.embed_tokens",
    pos_embed="model.decoder.embed_positions",
    ln1="self_attn_layer_norm",
    ln2="final_layer_norm",
    up="fc1",
    down="fc2",
    ln_final="model.decoder.final_layer_norm",
)
SUBJECTS["opt"] = Subject(of(hf.OPTForCausalLM, opt_config), (OPT_STACK,), "lm_head", text)
SUBJECTS["opt post-norm"] = replace(
    SUBJECTS["opt"],
    make=of(hf.OPTForCausalLM, lambda: opt_config(do_layer_norm_before=False, word_embed_proj_dim=16)),
    stacks=(
        replace(OPT_STACK, form="post-norm", ln_final=None, embed=""),
    ),  # a projection makes it as wide as the stream
)

# ---- Llama and its kin

SUBJECTS["llama"] = llama_like(
    hf.LlamaForCausalLM,
    lambda: hf.LlamaConfig(**LLAMA_LIKE, **WIDE_HEADS, attention_bias=True, mlp_bias=True),
    llama_stack(wide()),
)
SUBJECTS["mistral"] = llama_like(
    hf.MistralForCausalLM,
    lambda: hf.MistralConfig(**LLAMA_LIKE, **WIDE_HEADS, sliding_window=WINDOW),
    llama_stack(wide(windows=lambda layer: WINDOW)),
)
SUBJECTS["qwen2"] = llama_like(hf.Qwen2ForCausalLM, lambda: hf.Qwen2Config(**LLAMA_LIKE), llama_stack(self_attn()))
SUBJECTS["qwen3"] = llama_like(
    hf.Qwen3ForCausalLM,
    lambda: hf.Qwen3Config(**LLAMA_LIKE, **WIDE_HEADS),
    llama_stack(wide(q_norm="self_attn.q_norm", k_norm="self_attn.k_norm")),
)
SUBJECTS["gemma"] = llama_like(
    hf.GemmaForCausalLM, lambda: hf.GemmaConfig(**LLAMA_LIKE, **WIDE_HEADS), llama_stack(wide())
)
SANDWICH = {
    "ln2": "pre_feedforward_layernorm",
    "attn_post": "post_attention_layernorm",
    "mlp_post": "post_feedforward_layernorm",
}
SUBJECTS["gemma2"] = llama_like(
    hf.Gemma2ForCausalLM,
    lambda: hf.Gemma2Config(
        **LLAMA_LIKE,
        **WIDE_HEADS,
        sliding_window=WINDOW,
        layer_types=SLIDING_THEN_FULL,
        query_pre_attn_scalar=7,
        attn_logit_softcapping=1.5,
        final_logit_softcapping=3.0,
    ),
    llama_stack(
        wide(
            scale=lambda layer: 7**-0.5,
            softcap=1.5,
            windows=lambda layer: WINDOW if layer == 0 else None,
        ),
        **SANDWICH,
    ),
    implementations=("eager",),
    logits=lambda unembed, model: 3.0 * torch.tanh(unembed / 3.0),
)
SUBJECTS["gemma3"] = llama_like(
    hf.Gemma3ForCausalLM,
    lambda: hf.Gemma3TextConfig(
        **LLAMA_LIKE,
        **WIDE_HEADS,
        sliding_window=WINDOW,
        layer_types=SLIDING_THEN_FULL,
        query_pre_attn_scalar=7,
        rope_parameters={
            "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
            "full_attention": {"rope_type": "default", "rope_theta": 5_000.0},
        },
    ),
    llama_stack(
        wide(
            scale=lambda layer: 7**-0.5,
            q_norm="self_attn.q_norm",
            k_norm="self_attn.k_norm",
            theta=lambda layer: 100.0 if layer == 0 else 5_000.0,
            windows=lambda layer: WINDOW if layer == 0 else None,
        ),
        **SANDWICH,
    ),
)
SUBJECTS["phi3"] = llama_like(
    hf.Phi3ForCausalLM,
    lambda: hf.Phi3Config(**LLAMA_LIKE),
    llama_stack(
        self_attn(**dict.fromkeys("qkv", "self_attn.qkv_proj"), layout="blocks"),
        eps=1e-5,
        gate=None,
        up=None,
        gate_up="mlp.gate_up_proj",
    ),
)
SUBJECTS["phi"] = llama_like(
    hf.PhiForCausalLM,
    lambda: hf.PhiConfig(**LLAMA_LIKE, partial_rotary_factor=0.7),
    llama_stack(
        self_attn(o="self_attn.dense", rotary_dims=4),
        ln2=None,
        norm="layer",
        eps=1e-5,
        form="parallel",
        gate=None,
        up="mlp.fc1",
        down="mlp.fc2",
        ln_final="model.final_layernorm",
    ),
)
SUBJECTS["granite"] = llama_like(
    hf.GraniteForCausalLM,
    lambda: hf.GraniteConfig(
        **LLAMA_LIKE,
        embedding_multiplier=3.0,
        logits_scaling=4.0,
        residual_multiplier=0.6,
        attention_multiplier=0.3,
    ),
    llama_stack(self_attn(scale=lambda layer: 0.3), multiplier=0.6),
    logits=lambda unembed, model: unembed / 4.0,
)
SUBJECTS["olmo2"] = llama_like(
    hf.Olmo2ForCausalLM,
    lambda: hf.Olmo2Config(**LLAMA_LIKE),
    llama_stack(
        self_attn(q_norm="self_attn.q_norm", k_norm="self_attn.k_norm"),
        eps=1e-5,
        ln1=None,
        ln2=None,
        attn_post="post_attention_layernorm",
        mlp_post="post_feedforward_layernorm",
    ),
)
SUBJECTS["cohere"] = llama_like(
    hf.CohereForCausalLM,
    lambda: hf.CohereConfig(**LLAMA_LIKE, logit_scale=0.3),
    llama_stack(
        self_attn(rotary="pairs", theta=lambda layer: 500_000.0), norm="layer", eps=1e-5, form="parallel", ln2=None
    ),
    logits=lambda unembed, model: unembed * 0.3,
)
SUBJECTS["stablelm"] = llama_like(
    hf.StableLmForCausalLM,
    lambda: hf.StableLmConfig(**LLAMA_LIKE, partial_rotary_factor=0.7, use_qkv_bias=True),
    llama_stack(self_attn(rotary_dims=4), norm="layer", eps=1e-5),
)
SUBJECTS["stablelm parallel"] = llama_like(
    hf.StableLmForCausalLM,
    lambda: hf.StableLmConfig(**LLAMA_LIKE, partial_rotary_factor=0.7, qk_layernorm=True, use_parallel_residual=True),
    llama_stack(
        self_attn(rotary_dims=4, q_norm="self_attn.q_layernorm", k_norm="self_attn.k_layernorm"),
        norm="layer",
        eps=1e-5,
        form="parallel",
        ln2=None,
    ),
)

# ---- mixtures of experts

EXPERTS: dict[str, Any] = {"gate": None, "up": None, "down": None, "router": "mlp.gate"}
SUBJECTS["mixtral"] = llama_like(
    hf.MixtralForCausalLM,
    lambda: hf.MixtralConfig(**LLAMA_LIKE, **WIDE_HEADS, num_local_experts=5, num_experts_per_tok=2),
    llama_stack(wide(theta=lambda layer: 1_000_000.0), eps=1e-5, **EXPERTS),
    exact_names=False,
)
SUBJECTS["qwen2-moe"] = llama_like(
    hf.Qwen2MoeForCausalLM,
    lambda: hf.Qwen2MoeConfig(
        **LLAMA_LIKE,
        moe_intermediate_size=12,
        shared_expert_intermediate_size=20,
        num_experts=5,
        num_experts_per_tok=2,
        decoder_sparse_step=1,
    ),
    llama_stack(self_attn(), **EXPERTS),
    exact_names=False,
)
SUBJECTS["olmoe"] = llama_like(
    hf.OlmoeForCausalLM,
    lambda: hf.OlmoeConfig(**LLAMA_LIKE, num_experts=5, num_experts_per_tok=2),
    llama_stack(self_attn(q_norm="self_attn.q_norm", k_norm="self_attn.k_norm"), eps=1e-5, **EXPERTS),
    exact_names=False,
)
SUBJECTS["gpt-oss"] = llama_like(
    hf.GptOssForCausalLM,
    lambda: hf.GptOssConfig(
        **LLAMA_LIKE,
        **WIDE_HEADS,
        num_local_experts=5,
        num_experts_per_tok=2,
        sliding_window=WINDOW,
        layer_types=SLIDING_THEN_FULL,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
    ),
    llama_stack(
        wide(sinks="self_attn.sinks", windows=lambda layer: WINDOW if layer == 0 else None),
        eps=1e-5,
        **(EXPERTS | {"router": "mlp.router"}),
    ),
    implementations=("eager",),
    exact_names=False,
)

# ---- encoders


def bert_config(config_class: Any, **changes: Any) -> Any:
    """Two layers of BERT or RoBERTa."""
    return config_class(
        vocab_size=VOCAB,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        intermediate_size=NEURONS,
        max_position_embeddings=32,
        **changes,
    )


def bert_stack(root: str) -> Stack:
    """Post-norm blocks."""
    return Stack(
        blocks=f"{root}.encoder.layer.{{i}}",
        attention=Attention(
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
            "attention.output.dense",
            causal=False,
        ),
        embed=f"{root}.embeddings.word_embeddings",
        pos_embed=f"{root}.embeddings.position_embeddings",
        ln1="attention.output.LayerNorm",
        ln2="output.LayerNorm",
        form="post-norm",
        eps=1e-12,
        up="intermediate.dense",
        down="output.dense",
    )


SUBJECTS["bert"] = Subject(
    of(hf.BertForMaskedLM, lambda: bert_config(hf.BertConfig, pad_token_id=1)),
    (bert_stack("bert"),),
    "cls.predictions.decoder",
    text,
)
SUBJECTS["roberta"] = Subject(
    of(hf.RobertaForMaskedLM, lambda: bert_config(hf.RobertaConfig, pad_token_id=1)),
    (bert_stack("roberta"),),
    "lm_head.decoder",
    text,
)
SUBJECTS["distilbert"] = Subject(
    of(
        hf.DistilBertForMaskedLM,
        lambda: hf.DistilBertConfig(
            vocab_size=VOCAB,
            dim=WIDTH,
            n_layers=2,
            n_heads=HEADS,
            hidden_dim=NEURONS,
            max_position_embeddings=32,
            pad_token_id=1,
        ),
    ),
    (
        Stack(
            blocks="distilbert.transformer.layer.{i}",
            attention=Attention(
                **{part: f"attention.{part}_lin" for part in "qkv"}, o="attention.out_lin", causal=False
            ),
            embed="distilbert.embeddings.word_embeddings",
            pos_embed="distilbert.embeddings.position_embeddings",
            ln1="sa_layer_norm",
            ln2="output_layer_norm",
            form="post-norm",
            eps=1e-12,
            up="ffn.lin1",
            down="ffn.lin2",
        ),
    ),
    "vocab_projector",
    text,
)
SUBJECTS["vit"] = Subject(
    of(
        hf.ViTForImageClassification,
        lambda: hf.ViTConfig(
            hidden_size=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=HEADS,
            intermediate_size=NEURONS,
            image_size=12,
            patch_size=4,
            num_labels=5,
        ),
    ),
    (
        Stack(
            blocks="vit.layers.{i}",
            attention=Attention(**{part: f"attention.{part}_proj" for part in "qkvo"}, causal=False),
            embed="",
            ln1="layernorm_before",
            ln2="layernorm_after",
            eps=1e-12,
            up="mlp.fc1",
            down="mlp.fc2",
            mlp="mlp",
            ln_final="vit.layernorm",
        ),
    ),
    "classifier",
    pictures,
    exact_names=False,
)

# ---- encoder-decoders


def t5_attention(path: str, **changes: Any) -> Attention:
    """Unscaled, with heads of 10 dimensions."""
    names = {part: f"{path}.{part}" for part in "qkvo"}
    return Attention(**({"d_head": 10, "scale": lambda layer: 1.0} | names | changes))


def t5_stack(name: str, gated: bool) -> Stack:
    """The encoder or the decoder."""
    decoder = name == "decoder"
    mlp = f"layer.{2 if decoder else 1}"
    return Stack(
        name=name,
        blocks=f"{name}.block.{{i}}",
        attention=t5_attention("layer.0.SelfAttention", bias="relative", causal=decoder),
        embed=f"{name}.embed_tokens",
        call=int(decoder),
        ln1="layer.0.layer_norm",
        ln2=f"{mlp}.layer_norm",
        norm="rms",
        eps=1e-6,
        gate=f"{mlp}.DenseReluDense.wi_0" if gated else None,
        up=f"{mlp}.DenseReluDense.wi_1" if gated else f"{mlp}.DenseReluDense.wi",
        down=f"{mlp}.DenseReluDense.wo",
        mlp=f"{mlp}.DenseReluDense",
        ln_final=f"{name}.final_layer_norm",
        cross=t5_attention("layer.1.EncDecAttention", causal=False) if decoder else None,
        ln_cross="layer.1.layer_norm" if decoder else None,
    )


def t5_config(**changes: Any) -> hf.T5Config:
    """Two layers on each side."""
    return hf.T5Config(
        vocab_size=VOCAB,
        d_model=WIDTH,
        num_layers=2,
        num_heads=HEADS,
        d_kv=10,
        d_ff=NEURONS,
        decoder_start_token_id=0,
        pad_token_id=1,
        eos_token_id=0,
        **changes,
    )


SUBJECTS["t5"] = Subject(
    of(hf.T5ForConditionalGeneration, t5_config),
    (t5_stack("encoder", False), t5_stack("decoder", False)),
    "lm_head",
    source_and_target,
)
SUBJECTS["t5 gated"] = replace(
    SUBJECTS["t5"],
    make=of(
        hf.T5ForConditionalGeneration,
        lambda: t5_config(feed_forward_proj="gated-gelu", tie_word_embeddings=False),
    ),
    stacks=(t5_stack("encoder", True), t5_stack("decoder", True)),
)
BART_LIKE: dict[str, Any] = {
    "vocab_size": VOCAB,
    "d_model": WIDTH,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": HEADS,
    "decoder_attention_heads": HEADS,
    "encoder_ffn_dim": NEURONS,
    "decoder_ffn_dim": 44,
    "max_position_embeddings": 32,
    "decoder_start_token_id": 2,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "forced_eos_token_id": 2,
    "scale_embedding": True,
}


def bart_stack(name: str) -> Stack:
    """Post-norm, with biases."""
    decoder = name == "decoder"

    def attention(path: str, causal: bool) -> Attention:
        return Attention(**{part: f"{path}.{part}_proj" for part in "qkv"}, o=f"{path}.out_proj", causal=causal)

    return Stack(
        name=name,
        blocks=f"model.{name}.layers.{{i}}",
        attention=attention("self_attn", decoder),
        embed=f"model.{name}.embed_tokens",
        pos_embed=f"model.{name}.embed_positions",
        ln1="self_attn_layer_norm",
        ln2="final_layer_norm",
        form="post-norm",
        up="fc1",
        down="fc2",
        cross=attention("encoder_attn", False) if decoder else None,
        ln_cross="encoder_attn_layer_norm" if decoder else None,
        neurons=44 if decoder else NEURONS,
    )


SUBJECTS["bart"] = Subject(
    of(hf.BartForConditionalGeneration, lambda: hf.BartConfig(**BART_LIKE)),
    (bart_stack("encoder"), bart_stack("decoder")),
    "lm_head",
    source_and_target,
    logits=lambda unembed, model: unembed + model.final_logits_bias,
)
SUBJECTS["marian"] = replace(
    SUBJECTS["bart"],
    make=of(hf.MarianMTModel, lambda: hf.MarianConfig(**BART_LIKE)),
)

CASES = [(name, implementation) for name, subject in SUBJECTS.items() for implementation in subject.implementations]
"""Every family in every attention implementation that it has."""
TEXT_ONLY = [case for case in CASES if len(SUBJECTS[case[0]].stacks) == 1 and case[0] != "vit"]
"""Those that take token ids and nothing else."""
