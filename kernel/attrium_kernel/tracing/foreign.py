"""Traces of activations that another library saved: TransformerLens, nnsight, `output_attentions`, hooks by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .architecture import Architecture, Part
from .errors import CaptureError, SiteError
from .names import CELLS, HEADS, STREAM, Catalog, Entry
from .points import view
from .tokens import Tokens
from .trace import Trace

NEURONS = ("batch", "position", "d_mlp")
AXES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("embed", "pos_embed", "resid_pre", "resid_mid", "resid_cross", "resid_post"), STREAM),
    **dict.fromkeys(("attn_out", "cross_out", "mlp_out", "out"), STREAM),
    **dict.fromkeys(("q", "rot_q", "z"), HEADS),
    **dict.fromkeys(("k", "rot_k", "v"), ("batch", "position", "kv_head", "d_head")),
    **dict.fromkeys(("scores", "masked_scores", "pattern"), CELLS),
    **dict.fromkeys(("pre", "pre_linear", "post"), NEURONS),
    **dict.fromkeys(("unembed", "logits"), ("batch", "position", "vocab")),
    "result": ("batch", "position", "head", "d_model"),
    "scale": ("batch", "position"),
    "router": ("batch", "position", "expert"),
}
"""Axes by the last word of a name."""

OURS = re.compile(
    r"unembed|logits|((encoder|decoder)\.)?(embed|pos_embed|ln_final\.(scale|out)|blocks\.\d+\.("
    r"resid_(pre|mid|cross|post)|(attn|cross|mlp)_out|ln(1|2|_cross)(_post)?\.(scale|out)|"
    r"(attn|cross)\.(q|k|v|rot_q|rot_k|scores|masked_scores|pattern|z|result|out)|mlp\.(pre|pre_linear|post|router)))"
)
"""Names of a trace."""

HOOKS = {
    "hook_in": "resid_pre", "hook_resid_pre": "resid_pre", "hook_resid_mid": "resid_mid",
    "hook_resid_mid2": "resid_cross", "hook_resid_mid_cross": "resid_cross",
    "hook_out": "resid_post", "hook_resid_post": "resid_post",
    "hook_attn_out": "attn_out", "hook_cross_attn_out": "cross_out", "hook_mlp_out": "mlp_out",
    "mlp.hook_pre": "mlp.pre", "mlp.hook_pre_linear": "mlp.pre_linear", "mlp.hook_post": "mlp.post",
    **{f"attn.{hook}": f"attn.{name}" for hook, name in {
        "hook_q": "q", "hook_k": "k", "hook_v": "v", "q.hook_out": "q", "k.hook_out": "k", "v.hook_out": "v",
        "hook_rot_q": "rot_q", "hook_rot_k": "rot_k", "hook_attn_scores": "scores", "hook_pattern": "pattern",
        "hook_z": "z", "o.hook_in": "z", "hook_result": "result", "o.hook_out": "out"}.items()},
    **{f"ln{n}.{hook}": f"ln{n}.{name}" for n in (1, 2) for hook, name in {
        "hook_scale": "scale", "hook_out": "out", "hook_normalized": "out"}.items()},
}  # fmt: skip
"""Hooks of a block in TransformerLens, and what we call them."""

ENDS = {
    "hook_embed": "embed", "embed.hook_out": "embed", "hook_pos_embed": "pos_embed", "pos_embed.hook_out": "pos_embed",
    "ln_final.hook_scale": "ln_final.scale", "ln_final.hook_out": "ln_final.out",
    "ln_final.hook_normalized": "ln_final.out", "unembed.hook_out": "unembed", "hook_unembed": "unembed",
}  # fmt: skip
"""Hooks outside the blocks."""


def from_transformer_lens(cache: Any, tokens: Tokens | Sequence[str] | None = None) -> Trace:
    """A trace of what TransformerLens cached.

    Args:
        cache: an `ActivationCache`, or any mapping of hook names to tensors, of `HookedTransformer` (up to version 3)
            or of `TransformerBridge`, also of encoder-decoders and of BERT. Hooks that we have no name for are left
            out.
        tokens: of the run, or one string for each position.

    Raises: `CaptureError` if no name is known.
    """
    given = {name: _tensor(name, value) for name, value in _items(cache, "a cache of TransformerLens").items()}
    values: dict[str, Tensor] = {}
    for hook, value in given.items():
        name = _of_hook(hook, given)
        # Before its weights a norm's output is `hook_normalized`, after them `hook_out`, where there are both.
        if name is not None and (name not in values or hook.endswith(".hook_out")):
            values[name] = value.squeeze(-1) if name.endswith(".scale") else value
    if not values:
        raise CaptureError(
            f"none of {len(given)} names is a hook of TransformerLens: {', '.join(list(given)[:4])}, ...; pass what "
            "model.run_with_cache(...) returns second, or use from_values for other names"
        )
    values = _with_scores_named(values)
    _set_post_norm_right(values, given)
    fitted = {name: _fitted(value, AXES[_word(name)]) for name, value in values.items()}
    kept = {name: value for name, value in fitted.items() if value is not None}
    width = next((value.shape[-1] for name, value in kept.items() if _word(name).startswith("resid")), None)
    if width is not None and "pos_embed" in kept and kept["pos_embed"].shape[-1] != width:
        del kept["pos_embed"]  # a bias of the attention, by distance
    return _trace(kept, {}, tokens)


def from_values(
    values: Mapping[str, Any],
    *,
    tokens: Tokens | Sequence[str] | None = None,
    architecture: Architecture | None = None,
    axes: Mapping[str, Sequence[str]] | None = None,
) -> Trace:
    """A trace of tensors saved in any way: with nnsight, with hooks, from a file.

    Args:
        values: by our name ("blocks.3.resid_post"), or by the path of the module that they came out of
            ("transformer.h.3.mlp", or "transformer.h.3.input" for what went in), which the architecture resolves:
            one tensor may then give several names, as queries, keys and values of one projection. Values that another
            object holds as `.value`, and the first tensor of a tuple, are taken out. A missing batch axis is added.
        architecture: of the model, `Architecture.of(model)`; needed for module paths.
        axes: of values under names of your own.

    Raises: `SiteError` for a name that is not ours and not resolved; `CaptureError` for another number of axes.
    """
    found: dict[str, Tensor] = {}
    own = {name: tuple(names) for name, names in (axes or {}).items()}
    for name, value in _items(values, "values").items():
        tensor = _tensor(name, value)
        if name in own or OURS.fullmatch(name):
            found[name] = _checked(name, tensor, own.get(name) or AXES[_word(name)])
        else:
            found.update(_of_module(name, tensor, architecture))
    if not found:
        raise CaptureError("got no values; pass at least one tensor with its name")
    return _trace(found, own, tokens)


def from_attention(
    attentions: Any = None,
    tokens: Tokens | Sequence[str] | None = None,
    *,
    encoder: Any = None,
    decoder: Any = None,
    cross: Any = None,
) -> Trace:
    """A trace of attention patterns alone, as transformers returns them with `output_attentions=True`.

    Args:
        attentions: one `(batch, head, query, key)` for each layer, None where a layer has none; or a tensor
            `(layer, batch, head, query, key)`; or the output of a model, which has them.
        tokens: of the queries and keys, or one string for each position.
        encoder: those of an encoder-decoder's encoder.
        decoder: those of its decoder among itself.
        cross: those of its decoder on the encoder's output.

    Raises: `CaptureError` if there is none, or one has other axes.
    """
    if attentions is not None and not isinstance(attentions, (Tensor, list, tuple)):
        parts = {key: getattr(attentions, f"{key}_attentions", None) for key in ("encoder", "decoder", "cross")}
        encoder, decoder, cross = (parts[key] for key in ("encoder", "decoder", "cross"))
        attentions = getattr(attentions, "attentions", None)
    kinds = {"blocks.{}.attn": attentions, "encoder.blocks.{}.attn": encoder, "decoder.blocks.{}.attn": decoder,
             "decoder.blocks.{}.cross": cross}  # fmt: skip
    values: dict[str, Tensor] = {}
    for prefix, layers in kinds.items():
        for i, layer in enumerate(() if layers is None else layers):
            if layer is not None:
                name = f"{prefix.format(i)}.pattern"
                values[name] = _checked(name, _tensor(name, layer), CELLS)
    if not values:
        raise CaptureError(
            "got no attention; load the model with attn_implementation='eager', run it with output_attentions=True, "
            "and pass its output, or output.attentions"
        )
    return _trace(values, {}, tokens)


def _trace(values: dict[str, Tensor], own: dict[str, tuple[str, ...]], tokens: Tokens | Sequence[str] | None) -> Trace:
    axes = {name: own.get(name) or AXES[_word(name)] for name in values}
    if tokens is not None and not isinstance(tokens, Tokens):
        tokens = Tokens.of_strings(tokens)
    return Trace.of_values(values, tokens, axes, logits=values.get("logits", values.get("unembed")))


def _word(name: str) -> str:
    return name.rpartition(".")[2]


def _items(given: Any, what: str) -> dict[str, Any]:
    """What a mapping holds; an `ActivationCache` is one in all but name."""
    items = getattr(given, "items", None)
    if items is None:
        raise CaptureError(f"got a {type(given).__name__}, expected {what}: a mapping of names to tensors")
    return {str(name): value for name, value in items()}


def _tensor(name: str, value: Any) -> Tensor:
    if not isinstance(value, (Tensor, list, tuple)) and hasattr(value, "value"):
        value = value.value
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], Tensor):
        value = value[0]  # what a block returned: its stream comes first
    if isinstance(value, Tensor):
        return value.detach()
    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CaptureError(f"{name} is a {type(value).__name__}, expected a tensor") from error


def _fitted(value: Tensor, axes: tuple[str, ...]) -> Tensor | None:
    """The value with a batch axis, None if it has another number of axes."""
    if value.ndim == len(axes) - 1:
        return value.unsqueeze(0)
    return value if value.ndim == len(axes) else None


def _checked(name: str, value: Tensor, axes: tuple[str, ...]) -> Tensor:
    if _word(name) == "scale" and value.ndim == len(axes) + 1 and value.shape[-1] == 1:
        value = value.squeeze(-1)
    fitted = _fitted(value, axes) if axes[0] == "batch" else value if value.ndim == len(axes) else None
    if fitted is None:
        raise CaptureError(
            f"{name} has the shape {tuple(value.shape)}, expected ({', '.join(axes)}), with or without batch"
        )
    return fitted


def _of_module(name: str, value: Tensor, architecture: Architecture | None) -> dict[str, Tensor]:
    """Our names for what went into a module or came out of it."""
    if architecture is None:
        raise SiteError(
            f"{name!r} is no name of a trace ('blocks.3.resid_post', 'blocks.3.attn.pattern', ...); for paths of "
            "modules pass architecture=Architecture.of(model), for names of your own axes={name: ('batch', ...)}"
        )
    side = "input" if name.endswith(".input") else "output"
    path = name.removesuffix(f".{side}")
    places = [(replace(entry, part=part), part) for entry in Catalog(architecture).values() for part in _places(entry)]
    here = [entry for entry, part in places if (part.path, part.side) == (path, side)]
    if not here:
        known = sorted({f"{part.path}.{part.side}" for _, part in places})
        raise SiteError(
            f"{name!r} is no name of a trace, and nothing that the architecture knows is the {side} of {path!r}; known "
            f"are {', '.join(known[:6])}, ..."
        )
    features = 4 if any(part.heads_first for _, part in places if (part.path, part.side) == (path, side)) else 3
    if value.ndim == features - 1:
        value = value.unsqueeze(0)
    if value.ndim != features:
        raise CaptureError(
            f"{name} has the shape {tuple(value.shape)}, expected {features} axes, with or without batch"
        )
    return {entry.name: view(entry, value, None) for entry in here}


def _places(entry: Entry) -> Iterator[Part]:
    """Where a value could be seen passing, also where a trace does not need to look."""
    parts: Mapping[str, Part] = {} if entry.block is None else entry.block.parts
    if entry.kind == "tensor" and entry.part is not None:
        yield entry.part
        writer = entry.role if entry.quantity == "out" else entry.quantity.removesuffix("_out")
        whole = parts.get(writer) if entry.quantity.endswith("out") else None
        if whole is not None and entry.part.path.rpartition(".")[0] == whole.path:
            yield whole  # the projection is the last that it does
    elif entry.kind == "attention" and f"{entry.role}.{entry.quantity}" in parts:
        yield parts[f"{entry.role}.{entry.quantity}"]
    elif entry.kind == "attention" and entry.quantity == "z" and f"{entry.role}.o" in parts:
        yield replace(parts[f"{entry.role}.o"], side="input")


# What TransformerLens means by its names.


def _of_hook(hook: str, given: Mapping[str, Tensor]) -> str | None:
    """Our name for a hook, None if we have none."""
    found = re.fullmatch(r"(?:(encoder|decoder)(?:_blocks|\.blocks)?|blocks)\.(\d+)\.(.+)", hook)
    if found is None:
        stack, inside = "", hook
        if ends := re.fullmatch(r"(encoder|decoder)_(?:ln_final|final_ln)\.(.+)", hook):
            stack, inside = f"{ends[1]}.", f"ln_final.{ends[2]}"
        wrong_scale = bool(stack) and "_ln_final.hook_scale" in hook
        return stack + ENDS[inside] if inside in ENDS and not wrong_scale else None
    if re.match("(en|de)coder_blocks", hook) and hook.endswith(".hook_scale"):
        return None  # the bridge's version of T5's norms takes a mean off, which T5 does not
    stack = f"{found[1]}." if found[1] else ""
    inside, block = found[3].removeprefix("self_"), hook.removesuffix(found[3])
    if inside.startswith("cross_attn."):
        name = HOOKS.get(inside.removeprefix("cross_"), "").replace("attn.", "cross.")
    elif any(other.startswith(f"{block}ln3.") for other in given):  # the norms of a decoder are counted in order
        names = {"ln2": "ln_cross", "ln3": "ln2"}
        norm, _, rest = inside.partition(".")
        name = HOOKS.get(f"ln1.{rest}", "").replace("ln1", names[norm]) if norm in names else HOOKS.get(inside, "")
    else:
        name = HOOKS.get(inside, "")
    return f"{stack}blocks.{found[2]}.{name}" if name else None


def _with_scores_named(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Scores are cached with the mask in most models, without in some; where they repeat the pattern, left out."""
    named: dict[str, Tensor] = {}
    for name, value in values.items():
        if not name.endswith(".scores"):
            named[name] = value
            continue
        pattern = values.get(f"{name.removesuffix('scores')}pattern")
        masked = bool((value <= torch.finfo(value.dtype).min / 2).any())
        if pattern is None or pattern.shape != value.shape or not torch.equal(pattern, value):
            named[name.removesuffix("scores") + ("masked_scores" if masked else "scores")] = value
    return named


def _set_post_norm_right(values: dict[str, Tensor], given: Mapping[str, Tensor]) -> None:
    """Where norms come after sums (BERT), a bridge's stream hooks are what comes out of the norms; we name the sums."""
    for hook, summed in given.items():
        found = re.fullmatch(r"((?:encoder\.)?blocks\.\d+\.)ln1\.hook_in", hook)
        before = values.get(f"{found[1]}resid_pre") if found else None
        written = values.get(f"{found[1]}attn.out") if found else None
        if found is None or before is None or written is None or before.shape != summed.shape:
            continue
        if torch.allclose(before, summed) or not torch.allclose(before + written, summed, rtol=1e-3, atol=1e-3):
            continue
        values[f"{found[1]}resid_mid"], values[f"{found[1]}attn_out"] = summed, written
        if f"{found[1]}ln2.hook_in" in given:
            values[f"{found[1]}resid_post"] = given[f"{found[1]}ln2.hook_in"]
