"""The other ways to see inside one forward of GPT-2: plain hooks, Hugging Face's outputs, TransformerLens, nnsight.

What they keep has our names and axes, so that values can be compared. Full content is 14 tensors per block and 3 more.
None is asked for a key-value cache, which their own calls would make and nobody reads here.
"""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from torch import Tensor, nn

from .case import Contender

PACKAGES = ("transformer_lens", "nnsight")

BLOCK = (
    "resid_pre ln1.out attn.q attn.k attn.v attn.z attn.pattern attn_out resid_mid "
    "ln2.out mlp.pre mlp.post mlp_out resid_post"
).split()


def content(*layers: int | str) -> list[str]:
    """The names of everything that the rivals keep of these layers, or of all of them ("*"): 171 for 12."""
    blocks = [f"blocks.{i}.{name}" for i in layers for name in BLOCK]
    return ["embed", "pos_embed", *blocks, "ln_final.out"]


def twin(model: Any, attention: str) -> Any:
    """A copy of the modules on the same parameters: some rivals change the modules that they are given."""
    copied = copy.deepcopy(model, {id(parameter): parameter for parameter in model.parameters()})
    copied.set_attn_implementation(attention)
    return copied.eval()


def in_heads(x: Tensor, heads: int) -> Tensor:
    """`(batch, position, width)` to `(batch, position, head, d_head)`."""
    return x.unflatten(-1, (heads, -1))


def installed(contenders: dict[str, Contender]) -> dict[str, Contender]:
    """Without those whose package is not there."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    return {name: contender for name, contender in contenders.items() if name not in missing}


# ---- plain torch hooks

Keep = Callable[[dict[str, Tensor], tuple[Any, ...], Any], None]  # (kept, arguments of the module, its output)


def hooked(model: Any, ids: Tensor, places: list[tuple[nn.Module, Keep]]) -> dict[str, Tensor]:
    """One forward with a hook at every place; they are put on and taken off, as for any one call."""
    kept: dict[str, Tensor] = {}
    with ExitStack() as hooks:
        for module, keep in places:

            def hook(module: object, arguments: tuple[Any, ...], output: Any, keep: Keep = keep) -> None:
                keep(kept, arguments, output)

            hooks.callback(module.register_forward_hook(hook).remove)
        kept["logits"] = model(ids, use_cache=False).logits
    return kept


def everything(model: Any) -> list[tuple[nn.Module, Keep]]:
    """Where hooks see the full content of GPT-2 (with eager attention: only there does a pattern come out)."""
    body, heads = model.transformer, model.config.n_head
    places = [
        (body.wte, output_as("embed")),
        (body.wpe, output_as("pos_embed")),
        (body.ln_f, output_as("ln_final.out")),
    ]
    for i, block in enumerate(body.h):
        places += of_block(block, f"blocks.{i}.", heads)
    return places


def of_block(block: Any, prefix: str, heads: int) -> Iterator[tuple[nn.Module, Keep]]:
    """The places of one block."""

    def projections(kept: dict[str, Tensor], arguments: tuple[Any, ...], output: Tensor) -> None:
        for letter, part in zip("qkv", output.chunk(3, dim=-1), strict=True):
            kept[f"{prefix}attn.{letter}"] = in_heads(part, heads)

    def mixed(kept: dict[str, Tensor], arguments: tuple[Any, ...], output: Tensor) -> None:
        kept[prefix + "attn.z"] = in_heads(arguments[0], heads)

    def attention(kept: dict[str, Tensor], arguments: tuple[Any, ...], output: Any) -> None:
        kept[prefix + "attn_out"], kept[prefix + "attn.pattern"] = output

    def after_attention(kept: dict[str, Tensor], arguments: tuple[Any, ...], output: Tensor) -> None:
        kept[prefix + "resid_mid"], kept[prefix + "ln2.out"] = arguments[0], output

    def whole(kept: dict[str, Tensor], arguments: tuple[Any, ...], output: Tensor) -> None:
        kept[prefix + "resid_pre"], kept[prefix + "resid_post"] = arguments[0], output

    yield block.ln_1, output_as(prefix + "ln1.out")
    yield block.attn.c_attn, projections
    yield block.attn.c_proj, mixed
    yield block.attn, attention
    yield block.ln_2, after_attention
    yield block.mlp.c_fc, output_as(prefix + "mlp.pre")
    yield block.mlp.act, output_as(prefix + "mlp.post")
    yield block.mlp, output_as(prefix + "mlp_out")
    yield block, whole


def output_as(name: str) -> Keep:
    """Keep the output under this name."""

    def keep(kept: dict[str, Tensor], arguments: tuple[Any, ...], output: Tensor) -> None:
        kept[name] = output

    return keep


def one_pattern(model: Any, layer: int) -> list[tuple[nn.Module, Keep]]:
    """Where a hook sees one layer's pattern."""

    def keep(kept: dict[str, Tensor], arguments: tuple[Any, ...], output: Any) -> None:
        kept[f"blocks.{layer}.attn.pattern"] = output[1]

    return [(model.transformer.h[layer].attn, keep)]


# ---- Hugging Face's own outputs


def outputs(model: Any, ids: Tensor) -> Any:
    """`output_attentions` and `output_hidden_states`: 25 tensors for 12 layers."""
    return model(ids, use_cache=False, output_attentions=True, output_hidden_states=True)


def outputs_by_name(output: Any) -> dict[str, Tensor]:
    """Our names for them: the last of the hidden states has been through the final norm."""
    patterns = {f"blocks.{i}.attn.pattern": pattern for i, pattern in enumerate(output.attentions)}
    *states, final = output.hidden_states
    residual = {f"blocks.{i}.resid_pre": state for i, state in enumerate(states)}
    return patterns | residual | {"ln_final.out": final, "logits": output.logits}


# ---- TransformerLens


def bridge(model: Any) -> Any:
    """TransformerLens 4 around a copy of the model, as it comes."""
    from transformer_lens.model_bridge.sources import build_bridge_from_module

    copied = twin(model, "eager")
    return build_bridge_from_module(copied, "GPT2LMHeadModel", hf_config=copied.config, tokenizer=None)


THEIR_NAMES = {
    "resid_pre": "hook_resid_pre",
    "ln1.out": "ln1.hook_out",
    "attn.q": "attn.hook_q",
    "attn.k": "attn.hook_k",
    "attn.v": "attn.hook_v",
    "attn.z": "attn.hook_z",
    "attn.pattern": "attn.hook_pattern",
    "attn_out": "hook_attn_out",
    "resid_mid": "hook_resid_mid",
    "ln2.out": "ln2.hook_out",
    "mlp.pre": "mlp.hook_pre",
    "mlp.post": "mlp.hook_post",
    "mlp_out": "hook_mlp_out",
    "resid_post": "hook_resid_post",
}


def cache_by_name(result: tuple[Tensor, Any]) -> dict[str, Tensor]:
    """Our names for the 171 of its 493 entries that the others keep too, or for the patterns alone."""
    logits, cache = result
    named = {"embed": "hook_embed", "pos_embed": "hook_pos_embed", "ln_final.out": "ln_final.hook_out"}
    for i in range(len({key.split(".")[1] for key in cache if key.startswith("blocks.")})):
        named |= {f"blocks.{i}.{ours}": f"blocks.{i}.{theirs}" for ours, theirs in THEIR_NAMES.items()}
    return {"logits": logits} | {ours: cache[theirs] for ours, theirs in named.items() if theirs in cache}


# ---- nnsight


def nnsight(model: Any) -> Any:
    """Nnsight around a copy of the model."""
    from nnsight import NNsight

    return NNsight(twin(model, "eager"))


def traced_by_nnsight(model: Any, ids: Tensor, heads: int) -> dict[str, Tensor]:
    """The full content; modules are asked in the order in which they run, as nnsight wants it."""
    with model.trace(ids, use_cache=False):
        kept = {}.save()  # type: ignore[attr-defined] # within a trace, everything has this method
        body = model.transformer
        kept["embed"], kept["pos_embed"] = body.wte.output, body.wpe.output
        for i, block in enumerate(body.h):
            name = f"blocks.{i}."
            kept[name + "resid_pre"] = block.input
            kept[name + "ln1.out"] = block.ln_1.output
            q, k, v = block.attn.c_attn.output.chunk(3, dim=-1)
            kept[name + "attn.q"] = q.unflatten(-1, (heads, -1))
            kept[name + "attn.k"] = k.unflatten(-1, (heads, -1))
            kept[name + "attn.v"] = v.unflatten(-1, (heads, -1))
            kept[name + "attn.z"] = block.attn.c_proj.input.unflatten(-1, (heads, -1))
            kept[name + "attn_out"], kept[name + "attn.pattern"] = block.attn.output
            kept[name + "resid_mid"] = block.ln_2.input
            kept[name + "ln2.out"] = block.ln_2.output
            kept[name + "mlp.pre"] = block.mlp.c_fc.output
            kept[name + "mlp.post"] = block.mlp.act.output
            kept[name + "mlp_out"] = block.mlp.output
            kept[name + "resid_post"] = block.output
        kept["ln_final.out"] = body.ln_f.output
        kept["logits"] = model.lm_head.output
    return dict(kept)


def pattern_by_nnsight(model: Any, ids: Tensor, layer: int) -> dict[str, Tensor]:
    """One layer's pattern and the logits."""
    with model.trace(ids, use_cache=False):
        pattern = model.transformer.h[layer].attn.output[1].save()
        logits = model.lm_head.output.save()
    return {f"blocks.{layer}.attn.pattern": pattern, "logits": logits}
