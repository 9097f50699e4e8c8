"""Positions that no variation of a sweep can change: their keys and values are taken over as a KV cache.

In a causal model a position depends on earlier ones only. Up to the first position that an intervention changes, and
up to the first token in which the patched run and its source differ, all is as in the run that the sweep starts from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .architecture import Architecture
from .inputs import Inputs
from .interventions import Edge, Intervention, Mean, Patch, Replace, Resample, Scale, Steer, Zero
from .metrics import reading
from .trace import Trace

LOCAL = (Zero, Mean, Resample, Patch, Scale, Steer, Replace)
"""Interventions that are known to look at the part that they change, and no further."""


def shareable(model: nn.Module, architecture: Architecture, inputs: Inputs, metric: object) -> bool:
    """Whether a sweep may take over a beginning.

    It takes a causal model with the cache of transformers, whole texts, and a metric that reads one position counted
    from the end.
    """
    position, _ = reading(metric)
    config = getattr(model, "config", None)
    if not isinstance(position, int) or position >= 0 or config is None or inputs.ids() is None:
        return False
    if len(architecture.stacks) > 1 or not architecture.main.causal or not architecture.main.batch_first:
        return False
    if getattr(config, "sliding_window", None) or "sliding_attention" in (getattr(config, "layer_types", None) or ()):
        return False
    if set(inputs.kwargs or {}) - {"input_ids", "attention_mask", "use_cache"}:
        return False
    mask = (inputs.kwargs or {}).get("attention_mask")
    whole = mask is None or bool((torch.as_tensor(mask) == 1).all())
    heads = [block.attention for block in architecture.main.blocks]
    return whole and all(h is not None and h.interface and h.repeats == 1 and h.reproduced for h in heads)


def cache_names(architecture: Architecture) -> list[str]:
    """Keys and values of all blocks, as a cache holds them."""
    names = []
    for block in architecture.main.blocks:
        rotary = block.attention is not None and block.attention.rotary
        names += [f"{block.name}.attn.{'rot_k' if rotary else 'k'}", f"{block.name}.attn.v"]
    return names


def unchanged(variation: Sequence[Intervention], base: Trace, fresh: Trace | None) -> int:
    """How many positions from the start a variation can't change.

    Args:
        variation: its interventions.
        base: the run that the sweep starts from.
        fresh: a plain run of the model as it is now, of which equal tokens mean equal values; None if there is none.
    """
    return min(_unchanged(intervention, base, fresh) for intervention in variation)


def _unchanged(intervention: Intervention, base: Trace, fresh: Trace | None) -> int:
    if isinstance(intervention.at, Edge) or base.tokens is None:
        return 0
    if type(intervention) not in LOCAL or (isinstance(intervention, Mean) and intervention.source is None):
        return 0  # it may look at other positions of the run
    length = base.tokens.ids.shape[1]
    chosen = intervention.at.position
    first = 0
    if chosen is not None:
        numbers = (chosen,) if isinstance(chosen, int) else chosen
        first = min(n + length if n < 0 else n for n in numbers)
    if isinstance(intervention, Patch) and intervention.position is None and intervention.source is fresh:
        first = max(first, _same_tokens(fresh, base))
    return max(first, 0)


def _same_tokens(source: Trace | None, base: Trace) -> int:
    """Tokens at the start that two plain runs share."""
    if source is None or source.model is not base.model or source.intervened or base.intervened:
        return 0
    if source.tokens is None or base.tokens is None or source.tokens.ids.shape != base.tokens.ids.shape:
        return 0
    differ = (source.tokens.ids != base.tokens.ids).any(dim=0)
    return int(differ.int().argmax()) if bool(differ.any()) else len(differ)


def with_cache(model: nn.Module, base: Trace, inputs: Inputs, names: list[str], positions: int, repeats: int) -> Inputs:
    """Arguments for the rest of the text, its beginning in a cache.

    Args:
        model: the model.
        base: holds `cache_names`.
        inputs: of the whole text, its examples already repeated.
        names: see `cache_names`.
        positions: length of the beginning.
        repeats: how often the base run's examples follow one another.
    """
    from transformers import DynamicCache

    cache = DynamicCache()
    for layer, (key, value) in enumerate(zip(names[::2], names[1::2])):
        cache.update(_beginning(base[key], positions, repeats), _beginning(base[value], positions, repeats), layer)
    ids = inputs.ids()
    assert ids is not None
    given: dict[str, Any] = {"input_ids": ids[:, positions:], "past_key_values": cache, "use_cache": True}
    mask = (inputs.kwargs or {}).get("attention_mask")
    if mask is not None:
        given["attention_mask"] = mask
    return Inputs((), given)


def _beginning(value: Tensor, positions: int, repeats: int) -> Tensor:
    """`(batch, kv_head, position, d_head)` of the first positions."""
    part = value[:, :positions].transpose(1, 2)
    return part.repeat(repeats, 1, 1, 1) if repeats > 1 else part
