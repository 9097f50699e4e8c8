"""What a model is, as far as the picture of its forward pass needs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from attrium_kernel.tracing import Architecture, Block, Part, Trace, Weights
from attrium_kernel.tracing.errors import TraceError

from ..naming import Names, fitting


def model_facts(trace: Trace, names: Names | None = None) -> dict[str, Any]:
    """`ModelFacts` of protocol.ts, read from the model itself and from where its parts were found.

    `names` are what its parts are called: those that fit its sizes are kept.
    """
    model, architecture = trace.model, trace.architecture
    assert model is not None and architecture is not None
    stack = architecture.main
    block = stack.blocks[0]
    heads = next((b.attention for b in stack.blocks if b.attention is not None), None)
    first = next(iter(model.parameters()), None)
    hidden = [f"{b.name}.mlp.post" for b in stack.blocks if f"{b.name}.mlp.post" in trace]
    facts = {
        "name": architecture.model_name,
        "blocks": len(stack.blocks),
        "heads": heads.n_heads if heads else 0,
        "kv_heads": heads.n_kv_heads if heads else 0,
        "d_model": architecture.d_model,
        "d_head": heads.d_head if heads else 0,
        "d_mlp": trace.shape(hidden[0])[-1] if hidden else 0,
        "vocab": 0 if trace.logits is None else trace.logits.shape[-1],
        "form": block.form,
        "causal": stack.causal,
        "rotary": heads is not None and heads.rotary,
        "learned_positions": "pos_embed" in trace or f"{stack.prefix}pos_embed" in trace,
        "gated": any(f"{b.name}.mlp.pre_linear" in trace for b in stack.blocks),
        "activation": _activation(model, block),
        "norms": {
            "attention": _norm(model, block.parts.get("ln1")),
            "mlp": _norm(model, block.parts.get("ln2")),
            "final": _norm(model, stack.ln_final),
        },
        "tied": _tied(trace),
        "unembed_bias": _unembed_bias(model, architecture),
        "positions_have_logits": trace.logits is not None and trace.logits.dim() == 3,
        "parameters": sum(p.numel() for p in model.parameters()),
        "dtype": str(first.dtype).removeprefix("torch.") if first is not None else "",
        "device": str(first.device) if first is not None else "",
    }
    return {**facts, "names": _named(names or {}, facts)}


def _named(names: Names, facts: Mapping[str, Any]) -> Names:
    blocks, heads, d_head = facts["blocks"], facts["heads"], facts["d_head"]
    sizes = {
        "dimensions": (facts["d_model"],),
        "outputs": (facts["vocab"],),
        "heads": (blocks, heads),
        "units": (blocks, facts["d_mlp"]),
        "compared": (blocks, heads, d_head),
        "moved": (blocks, heads, d_head),
    }
    return fitting(names, sizes)


def _norm(model: nn.Module, part: Part | None) -> str:
    return "" if part is None else type(model.get_submodule(part.path)).__name__


def _activation(model: nn.Module, block: Block) -> str:
    """The class of the one activation function in the block; empty if it has several, or calls a plain function."""
    found = {
        type(module).__name__
        for module in model.get_submodule(block.path).modules()
        if type(module).__module__.rpartition(".")[2] in ("activation", "activations")
        and not isinstance(module, nn.MultiheadAttention)
    }
    return found.pop() if len(found) == 1 else ""


def _tied(trace: Trace) -> bool:
    assert trace.model is not None
    try:
        weights = Weights(trace.model, trace.architecture)
        table, unembed = weights.W_E, weights.W_U
    except TraceError:
        return False
    return table.data_ptr() == unembed.data_ptr()


def _unembed_bias(model: nn.Module, architecture: Architecture) -> bool:
    part = architecture.unembed
    return part is not None and getattr(model.get_submodule(part.path), "bias", None) is not None
