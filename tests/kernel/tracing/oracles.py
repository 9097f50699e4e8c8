"""What every name should be: from a plain forward's module inputs and outputs, and attention written out by hand.

Nothing here uses the tracer. A recording is made with ordinary hooks on the plain model; all that happens between
modules (splitting heads, rotation, scores, masks, softmax, results per head, scales of norms) is computed again from
`models.Stack`, the facts written down for each family.
"""

from __future__ import annotations

import contextlib
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from .models import Attention, Stack, Subject

HIDDEN = -1e4
"""Any masked score is below this."""


class Recording:
    """Copies of the first tensor that went in and came out of every module, call by call."""

    def __init__(self) -> None:
        self.inputs: dict[str, list[Tensor]] = defaultdict(list)
        self.outputs: dict[str, list[Tensor]] = defaultdict(list)

    @contextlib.contextmanager
    def of(self, model: nn.Module) -> Iterator[Recording]:
        """Record what runs inside."""
        handles = []
        for path, module in model.named_modules(remove_duplicate=False):

            def hook(module: Any, args: Any, kwargs: Any, output: Any, path: str = path) -> None:
                self.inputs[path].append(first(args, kwargs))
                self.outputs[path].append(first(output))

            handles.append(module.register_forward_hook(hook, with_kwargs=True))
        try:
            yield self
        finally:
            for handle in handles:
                handle.remove()


def first(*values: Any) -> Tensor:
    """A copy of the first tensor in there; an empty one where there is none."""
    for leaf in tree_leaves(values):
        if isinstance(leaf, Tensor):
            return leaf.detach().clone()
    return torch.empty(0)


def plain(model: nn.Module, inputs: Mapping[str, Any], **more: Any) -> Any:
    """The model's own answer, without a KV cache: keys that come out of one lie otherwise in memory, which shows in the
    last bits of products.
    """
    if getattr(getattr(model, "config", None), "use_cache", False):
        more.setdefault("use_cache", False)
    with torch.no_grad():
        return model(**inputs, **more)


def split(layout: str, fused: Tensor, a: Attention) -> tuple[Tensor, Tensor, Tensor]:
    """Queries `(..., heads, d_head)`, keys and values `(..., kv_heads, d_head)` out of fused features."""
    shape = fused.shape[:-1]
    if layout == "blocks":
        q, k, v = fused.split([a.heads * a.d_head, a.kv_heads * a.d_head, a.kv_heads * a.d_head], -1)
    elif layout == "per head":
        q, k, v = fused.view(*shape, a.heads, 3, a.d_head).unbind(-2)
    else:
        grouped = fused.view(*shape, a.kv_heads, a.heads // a.kv_heads + 2, a.d_head)
        q, k, v = grouped[..., :-2, :], grouped[..., -2, :], grouped[..., -1, :]
    return (
        q.reshape(*shape, a.heads, a.d_head),
        k.reshape(*shape, a.kv_heads, a.d_head),
        v.reshape(*shape, a.kv_heads, a.d_head),
    )


def columns(a: Attention) -> list[list[int]]:
    """Which features of their modules q, k and v are, head after head."""
    if a.layout == "separate":
        return [list(range(n * a.d_head)) for n in (a.heads, a.kv_heads, a.kv_heads)]
    everything = torch.arange((a.heads + 2 * a.kv_heads) * a.d_head)
    return [part.flatten().tolist() for part in split(a.layout, everything, a)]


def rotated(x: Tensor, a: Attention, layer: int) -> Tensor:
    """Rotary embedding (Su et al. 2021, equation 34) of `(batch, position, head, d_head)`, position by position."""
    n = a.rotary_dims or a.d_head
    out = x.clone()
    for position in range(x.shape[1]):
        for j in range(n // 2):
            angle = position * a.theta(layer) ** (-2 * j / n)
            left, right = (j, j + n // 2) if a.rotary == "half" else (2 * j, 2 * j + 1)
            p, q = x[:, position, :, left], x[:, position, :, right]
            out[:, position, :, left] = p * math.cos(angle) - q * math.sin(angle)
            out[:, position, :, right] = q * math.cos(angle) + p * math.sin(angle)
    return out


def products(q: Tensor, k: Tensor, scale: float, softcap: float | None) -> Tensor:
    """Scaled q.k of each head with the keys of its group, `(batch, head, query, key)`."""
    group = q.shape[2] // k.shape[2]
    scores = torch.stack([q[:, :, h] @ k[:, :, h // group].transpose(1, 2) for h in range(q.shape[2])], 1) * scale
    return scores if softcap is None else softcap * torch.tanh(scores / softcap)


def allowed(a: Attention, layer: int, queries: int, keep: Tensor) -> Tensor:
    """Which keys a query may see: `(batch, 1, query, key)`, from the padding `keep` `(batch, key)`."""
    keys = keep.shape[1]
    q, k = torch.arange(queries)[:, None], torch.arange(keys)[None]
    seen = torch.ones(queries, keys, dtype=torch.bool)
    if a.causal:
        seen &= k <= q
    window = a.windows(layer)
    if window is not None:
        seen &= q - k < window
    return seen[None, None] & keep.bool()[:, None, None, :]


def alibi(heads: int, keys: int) -> Tensor:
    """Press et al. 2022: a slope per head (a power of two of them), times the key's position; `(head, 1, key)`."""
    slopes = torch.tensor([2 ** (-8 * (h + 1) / heads) for h in range(heads)])
    return slopes[:, None, None] * torch.arange(keys)


def relative_bias(weight: Tensor, queries: int, keys: int, both_sides: bool) -> Tensor:
    """T5's buckets (Raffel et al. 2020, section 2.1; distances to 128), `(head, query, key)`."""
    buckets = weight.shape[0] // 2 if both_sides else weight.shape[0]
    exact = buckets // 2
    out = torch.empty(weight.shape[1], queries, keys)
    for q in range(queries):
        for k in range(keys):
            distance = abs(k - q) if both_sides else max(q - k, 0)
            if distance >= exact:
                far = exact + int(math.log(distance / exact) / math.log(128 / exact) * (buckets - exact))
                distance = min(far, buckets - 1)
            out[:, q, k] = weight[distance + (buckets if both_sides and k > q else 0)]
    return out


def softmax(scores: Tensor, seen: Tensor, sinks: Tensor | None = None) -> Tensor:
    """Over the seen keys, and a sink per head that gets a share and gives nothing."""
    exps = torch.exp(scores - scores.masked_fill(~seen, -torch.inf).amax(-1, keepdim=True)) * seen
    total = exps.sum(-1, keepdim=True)
    if sinks is not None:
        top = scores.masked_fill(~seen, -torch.inf).amax(-1, keepdim=True)
        total = total + torch.exp(sinks[None, :, None, None] - top)
    return exps / total


def output_weight(module: nn.Module) -> Tensor:
    """`(in, out)` of a Linear or a Conv1D."""
    return (module.weight if type(module).__name__ == "Conv1D" else module.weight.T).detach()


def results(z: Tensor, o: nn.Module) -> Tensor:
    """Each head through its rows of the output projection: `(batch, position, head, d_model)`."""
    weight, d = output_weight(o), z.shape[-1]
    return torch.stack([z[:, :, h] @ weight[h * d : (h + 1) * d] for h in range(z.shape[2])], 2)


def norm_scale(x: Tensor, norm: str, eps: float) -> Tensor:
    """What a norm divides by, `(batch, position)`."""
    if norm == "layer":
        x = x - x.mean(-1, keepdim=True)
    return torch.sqrt(x.square().mean(-1) + eps)


def expected(subject: Subject, model: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every name that the facts of the family tell, with its value."""
    recording = Recording()
    with recording.of(model):
        plain(model, inputs)
    names: dict[str, Tensor] = {}
    for stack in subject.stacks:
        _stack(names, stack, model, recording, inputs)
    unembed = recording.outputs[subject.unembed][-1]
    names["unembed"] = unembed
    names["logits"] = subject.logits(unembed, model)
    return names


def _stack(
    names: dict[str, Tensor], stack: Stack, model: nn.Module, recording: Recording, inputs: Mapping[str, Tensor]
) -> None:
    p = stack.prefix
    if stack.embed:
        calls = recording.outputs[stack.embed]
        names[f"{p}embed"] = calls[stack.call] if len(calls) > 1 else calls[0]
    if stack.pos_embed:
        positions = recording.outputs[stack.pos_embed][0]
        names[f"{p}pos_embed"] = positions if positions.dim() == 3 else positions[None]
    for i in range(stack.layers):
        _block(names, stack, i, model, recording, inputs)
    if stack.ln_final:
        x = recording.inputs[stack.ln_final][0]
        names[f"{p}ln_final.scale"] = norm_scale(x, stack.norm, stack.eps)
        names[f"{p}ln_final.out"] = recording.outputs[stack.ln_final][0]


def _block(
    names: dict[str, Tensor],
    stack: Stack,
    i: int,
    model: nn.Module,
    recording: Recording,
    inputs: Mapping[str, Tensor],
) -> None:
    path, p = stack.blocks.format(i=i), f"{stack.prefix}blocks.{i}."
    resid_pre = recording.inputs[path][0]
    shape = resid_pre.shape[:2]

    def output(part: str) -> Tensor:
        value = recording.outputs[f"{path}.{part}"][0]
        return value.reshape(*shape, -1) if value.shape[:2] != shape else value

    def input_of(part: str) -> Tensor:
        value = recording.inputs[f"{path}.{part}"][0]
        return value.reshape(*shape, -1) if value.shape[:2] != shape else value

    def norm(name: str, part: str | None) -> None:
        if part is not None:
            names[f"{p}{name}.scale"] = norm_scale(input_of(part), stack.norm, stack.eps)
            names[f"{p}{name}.out"] = output(part)

    names[f"{p}resid_pre"] = resid_pre
    norm("ln1", stack.ln1)
    norm("ln2", stack.ln2)
    keep = padding(stack, inputs, shape[1], shape[0])
    _attention(names, f"{p}attn", stack.attention, i, path, stack, model, recording, keep)
    added = output(stack.attn_post) if stack.attn_post else names[f"{p}attn.out"]
    names[f"{p}attn_out"] = added * stack.multiplier
    stream = resid_pre + names[f"{p}attn_out"]
    if stack.form != "parallel":
        names[f"{p}resid_mid"] = stream
    if stack.cross is not None:
        norm("ln_cross", stack.ln_cross)
        source = torch.ones(shape[0], recording.inputs[f"{path}.{stack.cross.k}"][0].shape[1])
        source = inputs.get("attention_mask", source)
        _attention(names, f"{p}cross", stack.cross, i, path, stack, model, recording, source)
        names[f"{p}cross_out"] = names[f"{p}cross.out"]
        before = names[f"{p}ln1.out"] if stack.form == "post-norm" else stream
        stream = names[f"{p}resid_cross"] = before + names[f"{p}cross_out"]
    _mlp(names, p, stack, output, input_of)
    if stack.form == "post-norm":
        names[f"{p}resid_post"] = input_of(str(stack.ln2))
    else:
        names[f"{p}resid_post"] = recording.outputs[path][0].reshape(*shape, -1)


def _mlp(names: dict[str, Tensor], p: str, stack: Stack, output: Any, input_of: Any) -> None:
    if stack.router:
        names[f"{p}mlp.router"] = output(stack.router)
    if stack.gate_up:
        names[f"{p}mlp.pre"], names[f"{p}mlp.pre_linear"] = output(stack.gate_up).chunk(2, -1)
    elif stack.gate:
        names[f"{p}mlp.pre"], names[f"{p}mlp.pre_linear"] = output(stack.gate), output(stack.up)
    elif stack.up:
        names[f"{p}mlp.pre"] = output(stack.up)
    if stack.down:
        names[f"{p}mlp.post"] = input_of(stack.down)
    last = stack.mlp_post or stack.down or str(stack.mlp)
    names[f"{p}mlp_out"] = output(last) * stack.multiplier


def padding(stack: Stack, inputs: Mapping[str, Tensor], positions: int, batch: int) -> Tensor:
    """Which positions hold tokens, `(batch, position)`."""
    name = "decoder_attention_mask" if stack.name == "decoder" else "attention_mask"
    return inputs.get(name, torch.ones(batch, positions))


def _attention(
    names: dict[str, Tensor],
    name: str,
    a: Attention,
    layer: int,
    path: str,
    stack: Stack,
    model: nn.Module,
    recording: Recording,
    keep: Tensor,
) -> None:
    out = {part: recording.outputs[f"{path}.{getattr(a, part)}"][0] for part in "qkv"}
    if a.layout == "separate":
        q, k, v = (
            out[part].view(*out[part].shape[:2], heads, a.d_head)
            for part, heads in zip("qkv", (a.heads, a.kv_heads, a.kv_heads))
        )
    else:
        q, k, v = split(a.layout, out["q"], a)
    if a.q_norm and a.k_norm:
        q = _by_head(recording.outputs[f"{path}.{a.q_norm}"][0], q)
        k = _by_head(recording.outputs[f"{path}.{a.k_norm}"][0], k)
    names |= {f"{name}.q": q, f"{name}.k": k, f"{name}.v": v}
    if a.rotary:
        q, k = rotated(q, a, layer), rotated(k, a, layer)
        names |= {f"{name}.rot_q": q, f"{name}.rot_k": k}
    scores = products(q, k, a.scale(layer), a.softcap)
    seen = allowed(a, layer, q.shape[1], keep)
    if a.bias == "alibi":
        scores = scores + alibi(a.heads, k.shape[1])
    elif a.bias == "relative":
        table = model.get_submodule(f"{stack.blocks.format(i=0)}.{a.q.rpartition('.')[0]}.relative_attention_bias")
        scores = scores + relative_bias(table.weight.detach(), q.shape[1], k.shape[1], not a.causal)
    sinks = None if a.sinks is None else model.get_parameter(f"{path}.{a.sinks}").detach()
    pattern = softmax(scores, seen, sinks)
    names[f"{name}.scores"] = scores
    names[f"{name}.masked_scores"] = scores.masked_fill(~seen, -torch.inf)
    names[f"{name}.pattern"] = pattern
    group = a.heads // a.kv_heads
    z = torch.stack([pattern[:, h] @ v[:, :, h // group] for h in range(a.heads)], 2)
    names[f"{name}.z"] = z
    o = f"{path}.{a.o}"
    names[f"{name}.result"] = results(z, model.get_submodule(o))
    names[f"{name}.out"] = recording.outputs[o][0]


def _by_head(normed: Tensor, like: Tensor) -> Tensor:
    """A norm's output as `(batch, position, head, d_head)`, whether it ran flat, by head, or heads first."""
    if normed.shape == like.shape:
        return normed
    if normed.dim() == 4:
        return normed.transpose(1, 2)
    return normed.view(like.shape)
