"""GPT-2, Llama and BERT written out by hand, every named value passing through `edit` on its way.

With `edit` leaving values alone these are a second derivation of every name. With an edit they are what an intervention
at that name should do. With `direct`, they are path patching by hand: one reader of the stream is given another stream.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from . import oracles
from .models import SUBJECTS

Edit = Callable[[str, Tensor], Tensor]
"""`(name, value) -> value` that the rest of the model sees."""


class Values(dict[str, Tensor]):
    """All named values of a run, as the rest of the model saw them."""


def same(name: str, value: Tensor) -> Tensor:
    """No edit."""
    return value


class Run:
    """One forward; `at(name, value)` edits and keeps.

    Args:
        edit: what becomes of each value.
        direct: reader (`"blocks.1.attn.q"`, `"blocks.1.mlp"`, `"unembed"`) to what is added to the stream that this
            reader alone reads, `(batch, position, d_model)`.
        heads: reader to the heads of it that read the other stream; all where it is not named.
    """

    def __init__(
        self, edit: Edit = same, direct: dict[str, Tensor] | None = None, heads: dict[str, list[int]] | None = None
    ) -> None:
        self.edit = edit
        self.direct = direct or {}
        self.heads = heads or {}
        self.values = Values()

    def at(self, name: str, value: Tensor) -> Tensor:
        self.values[name] = value = self.edit(name, value)
        return value

    def read(self, name: str, stream: Tensor, reader: Callable[[Tensor], Tensor]) -> Tensor:
        """What a reader makes of the stream with its own addition, for those of its heads that have one."""
        value, other = reader(stream), reader(stream + self.direct[name])
        heads = self.heads.get(name, list(range(value.shape[2])))
        value = value.clone()
        value[:, :, heads] = other[:, :, heads]
        return value


def linear(module: nn.Module) -> Callable[[Tensor], Tensor]:
    """`x W + b` of a Linear or a Conv1D."""
    weight, bias = oracles.output_weight(module), getattr(module, "bias", None)
    return lambda x: x @ weight + (0 if bias is None else bias.detach())


def layer_norm(module: Any, eps: float) -> Callable[[Tensor], Tensor]:
    """Ba et al. 2016."""
    weight, bias = module.weight.detach(), module.bias.detach()

    def norm(x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt() * weight + bias

    return norm


def rms_norm(module: Any, eps: float) -> Callable[[Tensor], Tensor]:
    """Zhang & Sennrich 2019."""
    weight = module.weight.detach()
    return lambda x: x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * weight


def gelu_tanh(x: Tensor) -> Tensor:
    """GPT-2's approximation (Hendrycks & Gimpel 2016)."""
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def gelu(x: Tensor) -> Tensor:
    """Exact."""
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def silu(x: Tensor) -> Tensor:
    """x * sigmoid(x)."""
    return x / (1 + torch.exp(-x))


def mixed(run: Run, p: str, q: Tensor, k: Tensor, v: Tensor, o: Any, seen: Tensor, scale: float) -> Tensor:
    """Attention from q, k, v `(batch, position, head, d_head)` to `attn_out`."""
    scores = run.at(f"{p}attn.scores", oracles.products(q, k, scale, None))
    masked = run.at(f"{p}attn.masked_scores", scores.masked_fill(~seen, -torch.inf))
    pattern = run.at(f"{p}attn.pattern", torch.softmax(masked, -1).nan_to_num())  # a padding token may see nothing
    group = q.shape[2] // k.shape[2]
    z = torch.stack([pattern[:, h] @ v[:, :, h // group] for h in range(q.shape[2])], 2)
    z = run.at(f"{p}attn.z", z)
    result = run.at(f"{p}attn.result", oracles.results(z, o))
    out = run.at(f"{p}attn.out", result.sum(2) + (0 if o.bias is None else o.bias.detach()))
    # Nothing lies between the two here: one tensor under two names, and an edit of one is an edit of both.
    run.values[f"{p}attn.out"] = attn_out = run.at(f"{p}attn_out", out)
    return attn_out


def gpt2(model: Any, ids: Tensor, keep: Tensor | None = None, **how: Any) -> Values:
    """`GPT2LMHeadModel`."""
    run, body = Run(**how), model.transformer
    batch, length = ids.shape
    seen = oracles.allowed(SUBJECTS["gpt2"].stacks[0].attention, 0, length, _ones(keep, ids))
    x = run.at("embed", body.wte.weight.detach()[ids])
    x = x + run.at("pos_embed", body.wpe.weight.detach()[:length].expand(batch, -1, -1))
    for i, block in enumerate(body.h):
        p = f"blocks.{i}."
        x = run.at(f"{p}resid_pre", x)
        ln1 = layer_norm(block.ln_1, 1e-5)
        run.at(f"{p}ln1.scale", oracles.norm_scale(x, "layer", 1e-5))
        out = run.at(f"{p}ln1.out", ln1(x))

        def part(
            name: str, number: int, out: Tensor = out, x: Tensor = x, ln1: Any = ln1, block: Any = block
        ) -> Tensor:
            def project(normed: Tensor) -> Tensor:
                return linear(block.attn.c_attn)(normed).chunk(3, -1)[number].view(batch, length, 4, 6)

            if name in run.direct:
                return run.at(name, run.read(name, x, lambda stream: project(ln1(stream))))
            return run.at(name, project(out))

        q, k, v = (part(f"{p}attn.{name}", number) for number, name in enumerate("qkv"))
        attn_out = mixed(run, p, q, k, v, block.attn.c_proj, seen, 6**-0.5)
        x = run.at(f"{p}resid_mid", x + attn_out)
        ln2 = layer_norm(block.ln_2, 1e-5)
        run.at(f"{p}ln2.scale", oracles.norm_scale(x, "layer", 1e-5))
        out = run.at(f"{p}ln2.out", ln2(x))
        if f"{p}mlp" in run.direct:
            out = ln2(x + run.direct[f"{p}mlp"])
        pre = run.at(f"{p}mlp.pre", linear(block.mlp.c_fc)(out))
        post = run.at(f"{p}mlp.post", gelu_tanh(pre))
        mlp_out = run.at(f"{p}mlp_out", linear(block.mlp.c_proj)(post))
        x = run.at(f"{p}resid_post", x + mlp_out)
    return _ends(run, x, layer_norm(body.ln_f, 1e-5), "layer", 1e-5, model.lm_head)


def llama(model: Any, ids: Tensor, keep: Tensor | None = None, **how: Any) -> Values:
    """`LlamaForCausalLM` with 4 heads of 10 dimensions, 2 for the keys."""
    run, body, a = Run(**how), model.model, SUBJECTS["llama"].stacks[0].attention
    batch, length = ids.shape
    seen = oracles.allowed(a, 0, length, _ones(keep, ids))
    x = run.at("embed", body.embed_tokens.weight.detach()[ids])
    for i, block in enumerate(body.layers):
        p = f"blocks.{i}."
        x = run.at(f"{p}resid_pre", x)
        ln1 = rms_norm(block.input_layernorm, 1e-6)
        run.at(f"{p}ln1.scale", oracles.norm_scale(x, "rms", 1e-6))
        out = run.at(f"{p}ln1.out", ln1(x))

        def part(name: str, module: Any, heads: int, out: Tensor = out, x: Tensor = x, ln1: Any = ln1) -> Tensor:
            def project(normed: Tensor) -> Tensor:
                return linear(module)(normed).view(batch, length, heads, 10)

            if name in run.direct:
                return run.at(name, run.read(name, x, lambda stream: project(ln1(stream))))
            return run.at(name, project(out))

        attn = block.self_attn
        q, k, v = (
            part(f"{p}attn.q", attn.q_proj, 4),
            part(f"{p}attn.k", attn.k_proj, 2),
            part(f"{p}attn.v", attn.v_proj, 2),
        )
        q = run.at(f"{p}attn.rot_q", oracles.rotated(q, a, i))
        k = run.at(f"{p}attn.rot_k", oracles.rotated(k, a, i))
        attn_out = mixed(run, p, q, k, v, attn.o_proj, seen, 10**-0.5)
        x = run.at(f"{p}resid_mid", x + attn_out)
        ln2 = rms_norm(block.post_attention_layernorm, 1e-6)
        run.at(f"{p}ln2.scale", oracles.norm_scale(x, "rms", 1e-6))
        out = run.at(f"{p}ln2.out", ln2(x))
        if f"{p}mlp" in run.direct:
            out = ln2(x + run.direct[f"{p}mlp"])
        gate = run.at(f"{p}mlp.pre", linear(block.mlp.gate_proj)(out))
        up = run.at(f"{p}mlp.pre_linear", linear(block.mlp.up_proj)(out))
        post = run.at(f"{p}mlp.post", silu(gate) * up)
        mlp_out = run.at(f"{p}mlp_out", linear(block.mlp.down_proj)(post))
        x = run.at(f"{p}resid_post", x + mlp_out)
    return _ends(run, x, rms_norm(body.norm, 1e-6), "rms", 1e-6, model.lm_head)


def bert(model: Any, ids: Tensor, keep: Tensor | None = None, **how: Any) -> Values:
    """`BertForMaskedLM`: each sum is normed."""
    run, body = Run(**how), model.bert
    batch, length = ids.shape
    seen = oracles.allowed(SUBJECTS["bert"].stacks[0].attention, 0, length, _ones(keep, ids))
    seen = seen.expand(-1, -1, length, -1)
    embeddings = body.embeddings
    x = run.at("embed", embeddings.word_embeddings.weight.detach()[ids])
    x = x + run.at("pos_embed", embeddings.position_embeddings.weight.detach()[:length].expand(batch, -1, -1))
    x = layer_norm(embeddings.LayerNorm, 1e-12)(x + embeddings.token_type_embeddings.weight.detach()[0])
    for i, block in enumerate(body.encoder.layer):
        p = f"blocks.{i}."
        x = run.at(f"{p}resid_pre", x)
        projections = (block.attention.self.query, block.attention.self.key, block.attention.self.value)
        q, k, v = (
            run.at(f"{p}attn.{name}", linear(module)(x).view(batch, length, 4, 6))
            for name, module in zip("qkv", projections)
        )
        dense = block.attention.output.dense
        attn_out = mixed(run, p, q, k, v, dense, seen, 6**-0.5)
        x = run.at(f"{p}resid_mid", x + attn_out)
        run.at(f"{p}ln1.scale", oracles.norm_scale(x, "layer", 1e-12))
        x = run.at(f"{p}ln1.out", layer_norm(block.attention.output.LayerNorm, 1e-12)(x))
        pre = run.at(f"{p}mlp.pre", linear(block.intermediate.dense)(x))
        post = run.at(f"{p}mlp.post", gelu(pre))
        mlp_out = run.at(f"{p}mlp_out", linear(block.output.dense)(post))
        x = run.at(f"{p}resid_post", x + mlp_out)
        run.at(f"{p}ln2.scale", oracles.norm_scale(x, "layer", 1e-12))
        x = run.at(f"{p}ln2.out", layer_norm(block.output.LayerNorm, 1e-12)(x))
    head = model.cls.predictions
    x = layer_norm(head.transform.LayerNorm, 1e-12)(gelu(linear(head.transform.dense)(x)))
    run.at("logits", run.at("unembed", linear(head.decoder)(x)))
    return run.values


FORWARDS: dict[str, Callable[..., Values]] = {"gpt2": gpt2, "llama": llama, "bert": bert}


def _ends(run: Run, x: Tensor, norm: Callable[[Tensor], Tensor], kind: str, eps: float, head: Any) -> Values:
    run.at("ln_final.scale", oracles.norm_scale(x, kind, eps))
    out = run.at("ln_final.out", norm(x + run.direct.get("unembed", torch.zeros(()))))
    run.at("logits", run.at("unembed", linear(head)(out)))
    return run.values


def _ones(keep: Tensor | None, ids: Tensor) -> Tensor:
    return torch.ones_like(ids) if keep is None else keep
