"""Finds the parts of a transformer by running it once and following the numbers.

Names differ from model to model; sums do not. What a block adds to its stream is found by arithmetic: which module
outputs, added to what came in, give what comes next. Projections are found by the values that reach the attention
function, norms by what they read, the MLP by what reads the norm.
"""

from __future__ import annotations

import contextlib
import weakref
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from attrium_kernel.running import untouched

from .architecture import Architecture, Block, Heads, Part, Stack
from .errors import ArchitectureError
from .feed_forward import find_mlp
from .inputs import Inputs, example_inputs, inner_module, shortened, uncompiled
from .probe import Call, Event, Probe, close, each_block, shape_of_return
from .projections import find_projections
from .stream import follow_stream, is_norm_like, same

_known: weakref.WeakKeyDictionary[nn.Module, tuple[int, Architecture]] = weakref.WeakKeyDictionary()
"""What was found, and the signature that the model had."""


ORDINARY = set(
    "input_ids attention_mask decoder_input_ids decoder_attention_mask token_type_ids position_ids inputs_embeds "
    "labels past_key_values cache_position pixel_values decoder_inputs_embeds decoder_position_ids".split()
)
"""Arguments that a made-up example does without."""


def discover(model: nn.Module, inputs: Any = None) -> Architecture:
    """See `Architecture.of`."""
    model = inner_module(model)
    now = _signature(model)
    found = _known.get(model)
    if found is None or found[0] != now:
        found = _known[model] = now, _look(model, inputs)
    return found[1]


def _signature(model: nn.Module) -> int:
    """Changes when modules are added, taken away or replaced, and when hooks or forwards of their own come or go."""
    parts: list[int] = []
    queue = [model]
    while queue:
        module = queue.pop()
        hooks = (len(module._forward_hooks) << 16) + (len(module._forward_pre_hooks) << 1)
        parts.append((id(module) << 32) + hooks + ("forward" in module.__dict__))
        if module._modules:
            queue += [child for child in module._modules.values() if child is not None]
    return hash(tuple(parts))


def _look(model: nn.Module, inputs: Any) -> Architecture:
    """Run the model on tokens of our own where its configuration says what it takes: texts of one token, padding, later
    positions or repeated tokens hide differences. Otherwise, or if it refuses them, on what it is given.
    """
    if inputs is None:
        return _discover(model, example_inputs(model))
    if getattr(model, "main_input_name", None) in ("input_ids", "pixel_values") and hasattr(model, "config"):
        given = shortened(Inputs.of(inputs)).kwargs or {}
        others = {n: v[:1] for n, v in given.items() if isinstance(v, Tensor) and v.dim() and n not in ORDINARY}
        with contextlib.suppress(RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError):
            made = example_inputs(model)
            return _discover(model, replace(made, kwargs={**(made.kwargs or {}), **others}))
    return _discover(model, shortened(Inputs.of(inputs)))


def forget(model: nn.Module) -> None:
    """Look again the next time, after the model's modules were changed."""
    _known.pop(model, None)


def _discover(model: nn.Module, inputs: Inputs) -> Architecture:
    with torch.inference_mode(False), torch.no_grad(), untouched(model, False), uncompiled(model.modules()):
        probe = Probe(model).run(*inputs.on(model))
    if not probe.events:
        raise ArchitectureError(
            f"no attention was seen in a forward of {type(model).__name__}. Tracing sees attention that goes through "
            "the "
            "attention interface of transformers, nn.MultiheadAttention, scaled_dot_product_attention, or a softmax "
            "between two matrix products"
        )
    _refuse_shared(probe)
    stacks = _stacks(probe)
    unembed, note = _unembed(probe)
    width = stacks[-1].blocks[-1]
    notes = {} if unembed else {"unembed": note}
    for block in (b for stack in stacks for b in stack.blocks if b.form == "unknown"):
        notes[f"{block.name}.attn_out"] = (
            f"{block.path} does not add up: no modules in it have outputs that, added to what it is given, make what "
            "it returns, so what writes to its stream has no name; say it with "
            "architecture.corrected({'attn_out': path, ...})"
        )
    return Architecture(type(model).__name__, stacks, unembed, _width(probe, width), notes, _per_position(probe, width))


def _per_position(probe: Probe, block: Block) -> bool:
    """Whether there are logits for each position of the last block's stream."""
    logits, call = logits_of(probe.output), _call(probe, block.path)
    if logits is None or logits.dim() != 3 or call.value is None:
        return False
    return logits.shape[1] in call.value.copy.shape[:2]


def _width(probe: Probe, block: Block) -> int:
    call = _call(probe, block.path)
    assert call.value is not None
    return call.value.copy.shape[-1]


def _refuse_shared(probe: Probe) -> None:
    seen: dict[str, int] = {}
    for event in probe.events:
        seen[event.path] = seen.get(event.path, 0) + 1
    twice = {path: n for path, n in seen.items() if n > 1}
    if twice:
        path, n = next(iter(twice.items()))
        raise ArchitectureError(
            f"module {path!r} computes attention {n} times in one forward: layers that share one module (as in ALBERT) "
            "have no names of their own and can't be traced yet"
        )


def _call(probe: Probe, path: str) -> Call:
    for call in probe.calls:
        if call.path == path:
            return call
    raise ArchitectureError(
        f"attention was seen inside {path!r}, which should be a block, but that module is not called itself, so it has "
        "no stream of its own; tracing needs each block to be a module with a forward"
    )


def _stacks(probe: Probe) -> tuple[Stack, ...]:
    groups: dict[str, list[tuple[str, list[Event]]]] = {}
    for container, path, events in each_block(probe.events, probe.model):
        groups.setdefault(container, []).append((path, events))
    names = _stack_names(probe, groups)
    stacks: list[Stack] = []
    end = 0
    for container, found in groups.items():
        stacks.append(_stack(probe, names[container], container, found, end))
        end = _call(probe, found[-1][0]).ended
    return tuple(stacks)


def _stack_names(probe: Probe, groups: dict[str, list[tuple[str, list[Event]]]]) -> dict[str, str]:
    containers = list(groups)
    if len(containers) == 1:
        return {containers[0]: ""}
    if len(containers) == 2 and all(len(events) == 2 for _, events in groups[containers[1]]):
        return {containers[0]: "encoder", containers[1]: "decoder"}
    split = [c.split(".") for c in containers]
    names = {}
    for container, parts in zip(containers, split):
        rare = [p for n, p in enumerate(parts) if any(len(o) <= n or o[n] != p for o in split)]
        names[container] = rare[0] if rare else container
    return names


def _stack(probe: Probe, name: str, container: str, found: list[tuple[str, list[Event]]], after: int) -> Stack:
    prefix = f"{name}." if name else ""
    blocks = tuple(_block(probe, f"{prefix}blocks.{i}", path, events) for i, (path, events) in enumerate(found))
    first, last = _call(probe, found[0][0]), _call(probe, found[-1][0])
    embed, pos_embed = _embeddings(probe, first, after)
    final = _reader(probe, last.output.copy if last.output else None, last.ended)
    batch_first = _batch_first(first, found[0][1][0])
    if not batch_first:
        blocks = tuple(
            replace(b, parts={r: replace(p, position_first=True) for r, p in b.parts.items()}) for b in blocks
        )
    ln_final = Part(final.path, position_first=not batch_first) if final else None
    causal = all(event.looks_back() for _, events in found for event in events[:1])
    return Stack(name, blocks, container, embed, pos_embed, ln_final, batch_first, causal)


def _batch_first(block: Call, event: Event) -> bool:
    """Whether a block's stream is `(batch, position, d_model)`."""
    assert block.value is not None
    batch, positions = event.attention.query.shape[0], event.attention.query.shape[2]
    shape = tuple(block.value.copy.shape[:2])
    if batch != positions and shape in ((batch, positions), (positions, batch)):
        return shape == (batch, positions)
    flags = [m.batch_first for m in block.module.modules() if isinstance(m, nn.MultiheadAttention)]
    return all(flags)


def _block(probe: Probe, name: str, path: str, events: list[Event]) -> Block:
    call = _call(probe, path)
    if call.value is None or call.output is None:
        raise ArchitectureError(
            f"{name} ({path}) was not given, or did not return, a tensor; blocks must pass a stream on"
        )
    if call.value.copy.dim() > 3:
        raise ArchitectureError(
            f"{name} ({path}) is given {tuple(call.value.copy.shape)}; tracing follows attention over one row of "
            "positions, a stream of shape (batch, position, d_model)"
        )
    inside = [c for c in probe.calls if c.under(path) and c is not call]
    if len(events) > 2 or (len(events) == 2 and not _crosses(events[1], inside)):
        raise ArchitectureError(
            f"{name} ({path}) computes attention {len(events)} times, by {', '.join(e.path for e in events[:4])}: "
            "heads that "
            "are modules of their own can't be traced yet; compute all heads in one attention of shape (batch, head, "
            "position, d_head)"
        )
    stream = follow_stream(call, inside, events)
    parts: dict[str, Part] = {"resid_pre": Part(path, "input", keyword=call.keyword)}
    heads: dict[str, Heads] = {}
    for role, event in zip(("attn", "cross"), events):
        heads[role], found = _attention(probe, event, inside, role)
        parts |= found
    form, factors = "unknown", dict[str, float]()
    if stream is not None:
        form, factors = stream.form, stream.factors(events)
        parts |= stream.parts(call, inside, events)
        parts |= find_mlp(call, inside, events, stream)
    else:
        parts["resid_post"] = Part(path)
    parts = {role: _measured(part, probe, call) for role, part in parts.items()}
    returns, overwritten = shape_of_return(call.returned), _overwritten(parts, probe)
    return Block(name, path, form, parts, heads.get("attn"), heads.get("cross"), factors, returns, overwritten)


def _hands_on(home: Call | None, event: Event, output: Part | None, inside: list[Call]) -> int | None:
    """How an attention's module returns its result, if that is the mix, projected or not, and nothing more."""
    projection = None if output is None else next((c for c in inside if c.path == output.path), None)
    if home is None or home.output is None or projection is None or projection.output is None:
        return None
    mix = projection.output.copy if projection.under(home.path) else event.mixed.detach().cpu()
    same_values = mix.numel() == home.output.copy.numel() and torch.equal(mix.reshape(-1), home.output.copy.reshape(-1))
    return shape_of_return(home.returned, event.weights) if same_values else None


def _measured(part: Part, probe: Probe, block: Call) -> Part:
    """The place, with whether its tensor has batch and position as one axis."""
    call = next((c for c in probe.calls if c.path == part.path), None)
    value = None if call is None else call.value if part.side == "input" else call.output
    whole = block.value is not None and block.value.copy.dim() == 3
    return replace(part, flat=whole and value is not None and value.copy.dim() == 2)


def _crosses(event: Event, inside: list[Call]) -> bool:
    """Whether keys come from another stream than queries do."""
    parts, _ = find_projections(event.attention, event, inside, "cross")
    given = [next((c for c in inside if c.path == parts[r].path), None) for r in ("cross.q", "cross.k") if r in parts]
    if len(given) == 2 and given[0] and given[1] and given[0] is not given[1]:
        query, key = given[0].value, given[1].value
        return query is None or key is None or not same(query, key.copy)
    home = next((c for c in inside if c.path == event.path), None)
    return home is not None and any(not same(home.value, other.copy) for other in home.others)


def _attention(probe: Probe, event: Event, inside: list[Call], role: str) -> tuple[Heads, dict[str, Part]]:
    repeats = event.attention.repeats()
    attention = event.attention.grouped(repeats)
    parts = {role: Part(event.path)}
    projections, rotary = find_projections(attention, event, inside, role)
    parts |= projections
    home = next((c for c in inside if c.path == event.path), None)
    tolerance = {torch.float16: 2e-2, torch.bfloat16: 6e-2}.get(attention.query.dtype, 2e-4)
    reproduced = attention.error(event.mixed) <= tolerance
    heads = Heads(
        attention.query.shape[1],
        attention.key.shape[1],
        attention.query.shape[-1],
        attention.value.shape[-1],
        event.path,
        rotary,
        event.interface,
        reproduced,
        _hands_on(home, event, parts.get(f"{role}.o"), inside),
        repeats,
    )
    return heads, parts


def _overwritten(parts: dict[str, Part], probe: Probe) -> frozenset[str]:
    """Names whose tensor the model has written over by the end of the run."""
    calls = {call.path: call for call in probe.calls}
    names = set()
    for role, part in parts.items():
        call = calls.get(part.path)
        value = None if call is None else call.value if part.side == "input" else call.output
        if value is not None and value.overwritten:
            names.add(role)
    return frozenset(names)


def _embeddings(probe: Probe, first: Call, after: int) -> tuple[Part | None, Part | None]:
    """The token embedding and the learned positions between the stack before and a stack's first block."""
    assert first.value is not None
    before = [c for c in probe.calls if after < c.ended < first.started and c.output is not None]
    tables = [c for c in before if isinstance(c.module, nn.Embedding) or "embedding" in type(c.module).__name__.lower()]
    tables = [c for c in tables if hasattr(c.module, "weight") and c.output and c.output.copy.dim() >= 2]
    where = [c for c in tables if "position" in c.path.lower() or c.path.split(".")[-1] in ("wpe", "pos_emb")]
    words = [c for c in tables if c not in where]
    if not words:
        whole = next(
            (c for c in reversed(before) if c.output is not None and _same(c.output.copy, first.value.copy)), None
        )
        return (Part(whole.path) if whole else None), None
    token = max(words, key=lambda c: (_rows(c.module), -c.started))
    width = first.value.copy.shape[-1]
    if token.output is not None and token.output.copy.shape[-1] != width:  # a narrower table, widened afterwards
        token = next((c for c in before if c.started > token.ended and same(c.value, token.output.copy)), token)
    fitting = [c for c in where if c.output is not None and c.output.copy.shape[-1] == width]
    return _numbered(probe, token), _numbered(probe, fitting[0]) if fitting else None


def _rows(table: nn.Module) -> int:
    weight = table.weight
    return weight.shape[0] if isinstance(weight, Tensor) else 0


def _numbered(probe: Probe, call: Call) -> Part:
    """The place of one call of a module, by number if there are several."""
    calls = sorted((c for c in probe.calls if c.path == call.path), key=lambda c: c.started)
    batch, positions = probe.events[0].attention.query.shape[0], probe.events[0].attention.query.shape[2]
    old = call.output is not None and batch != positions and tuple(call.output.copy.shape[:2]) == (positions, batch)
    return Part(call.path, call=calls.index(call) if len(calls) > 1 else None, position_first=old)


def _reader(probe: Probe, stream: Tensor | None, after: int) -> Call | None:
    """The first norm that reads a stream after some time."""
    if stream is None:
        return None
    later = sorted((c for c in probe.calls if c.started > after), key=lambda c: c.started)
    return next((c for c in later if is_norm_like(c) and c.value is not None and _same(c.value.copy, stream)), None)


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.equal(a, b)


def _unembed(probe: Probe) -> tuple[Part | None, str]:
    """The projection whose last axis is the logits'."""
    logits = logits_of(probe.output)
    if logits is None:
        return None, "the model returned no logits"
    for call in reversed(probe.calls):
        out = call.output
        if out is None or call.path == "" or any(True for _ in call.module.children()):
            continue
        if out.copy.shape[-1] == logits.shape[-1] and call.value is not None:
            scores = logits.detach().cpu()
            if out.copy.shape == scores.shape and _in_step(out.copy, scores):
                return Part(call.path), ""
            if (
                out.copy.dim() == 3
                and out.copy.transpose(0, 1).shape == scores.shape
                and _in_step(out.copy.transpose(0, 1), scores)
            ):
                return Part(call.path, position_first=True), ""
    return None, "no projection gives the logits (up to a scale or cap)"


def _in_step(a: Tensor, b: Tensor) -> bool:
    """Equal, or up to a bias for each token, or one is a rising function of the other (a softcap, a scale)."""
    added = (b.double() - a.double()).reshape(-1, a.shape[-1])
    if close(a.double(), b.double(), a.dtype) or (len(added) > 1 and close(added, added[:1].expand_as(added), a.dtype)):
        return True
    left, right = a.double().flatten()[:4096], b.double().flatten()[:4096]
    order = left.argsort()
    steps = right[order].diff()
    return bool((steps >= -1e-3 * right.abs().max()).all())


def logits_of(output: Any) -> Tensor | None:
    """The logits in what a model returned."""
    if isinstance(output, Tensor):
        return output
    found = getattr(output, "logits", None)
    if isinstance(found, Tensor):
        return found
    if isinstance(output, dict):
        return None
    if not isinstance(output, (tuple, list)):
        return None
    return next((t for t in output if isinstance(t, Tensor) and t.is_floating_point() and t.dim() >= 2), None)


__all__ = ["discover", "forget", "logits_of"]
