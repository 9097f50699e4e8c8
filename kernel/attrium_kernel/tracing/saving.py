"""Interventions to a file and back: settings as JSON, values as safetensors, no code."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .errors import InterventionError
from .interventions import Edge, Intervention, Mean, Patch, Resample, Scale, Site, Steer, Zero
from .trace import Trace

FORMAT = "attrium interventions 1"
KINDS: dict[str, type[Intervention]] = {kind.__name__: kind for kind in (Zero, Mean, Resample, Patch, Scale, Steer)}


def save_interventions(path: str | Path, interventions: Sequence[Intervention]) -> None:
    """Write interventions to one file.

    Of a trace that values come from, only the activations that the intervention names are written.

    Args:
        path: of the file; a safetensors file with the settings in its header.
        interventions: any but `Replace`, whose function is code.

    Raises:
        InterventionError: one can't be saved.
    """
    tensors: dict[str, Tensor] = {}
    described = [_described(intervention, f"{n}", tensors) for n, intervention in enumerate(interventions)]
    header = {"format": FORMAT, "interventions": json.dumps(described)}
    save_file({name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}, path, metadata=header)


def load_interventions(path: str | Path) -> list[Intervention]:
    """Read what `save_interventions` wrote.

    Raises:
        InterventionError: the file holds something else.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
    except (SafetensorError, OSError) as error:
        raise InterventionError(f"{path} can't be read as a file of interventions: {error}") from None
    if header.get("format") != FORMAT:
        raise InterventionError(f"{path} holds no interventions; write one with save_interventions(path, [...])")
    return [_made(item, tensors) for item in json.loads(header["interventions"])]


def _described(intervention: Intervention, key: str, tensors: dict[str, Tensor]) -> dict[str, Any]:
    kind = type(intervention).__name__
    if KINDS.get(kind) is not type(intervention):
        raise InterventionError(f"{kind} holds code and can't be saved; those that can are {', '.join(KINDS)}")
    found: dict[str, Any] = {"kind": kind}
    for field in fields(intervention):
        value = getattr(intervention, field.name)
        if isinstance(value, (Site, Edge)):
            value = _place(value)
        elif isinstance(value, Tensor):
            tensors[f"{key}.{field.name}"] = value
            value = {"tensor": f"{key}.{field.name}"}
        elif isinstance(value, Trace):
            value = {"trace": _trace(value, intervention.site.name, f"{key}.{field.name}", tensors)}
        found[field.name] = value
    return found


def _place(at: Site | Edge) -> dict[str, Any]:
    if isinstance(at, Edge):
        return {"sender": _place(at.sender), "receiver": _place(at.receiver)}
    return {field.name: getattr(at, field.name) for field in fields(at)}


def _trace(source: Trace, pattern: str, key: str, tensors: dict[str, Tensor]) -> list[dict[str, Any]]:
    """The activations of a trace that a site names."""
    names = [name for name in source.names if fnmatch.fnmatchcase(name, pattern)]
    if not names:
        raise InterventionError(f"the source trace holds nothing named {pattern!r}, so there is nothing to save")
    for name in names:
        tensors[f"{key}.{name}"] = source[name]
    return [{"name": name, "tensor": f"{key}.{name}", "axes": source.axes(name)} for name in names]


def _made(item: dict[str, Any], tensors: dict[str, Tensor]) -> Intervention:
    kind = KINDS[item.pop("kind")]
    values = {name: _value(name, value, tensors) for name, value in item.items()}
    return kind(**values)


def _value(name: str, value: Any, tensors: dict[str, Tensor]) -> Any:
    if name == "at":
        return _at(value)
    if isinstance(value, dict) and "tensor" in value:
        return tensors[value["tensor"]]
    if isinstance(value, dict) and "trace" in value:
        parts = value["trace"]
        axes = {part["name"]: tuple(part["axes"]) for part in parts}
        return Trace.of_values({part["name"]: tensors[part["tensor"]] for part in parts}, axes=axes)
    return tuple(value) if isinstance(value, list) else value


def _at(value: dict[str, Any]) -> Site | Edge:
    if "sender" in value:
        sender, receiver = _at(value["sender"]), _at(value["receiver"])
        assert isinstance(sender, Site) and isinstance(receiver, Site)
        return Edge(sender, receiver)
    fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in value.items()}
    return Site(**fields)


def compare(a: Trace, b: Trace, names: Iterable[str] | None = None) -> dict[str, Tensor]:
    """What the second trace has more than the first, by name: `b - a`.

    Args:
        a: a trace.
        b: another of the same shapes.
        names: names or patterns with `*`; by default all that both have, but `unembed`, results of heads and scores
            after the mask (large, or full of hidden cells): name these to get them.

    Raises:
        InterventionError: shapes differ, or a name is in neither.
    """
    both = [name for name in a.names if name in b]
    if names is None:
        chosen = [n for n in both if not n.endswith((".result", ".masked_scores")) and n != "unembed"]
    else:
        patterns = [names] if isinstance(names, str) else list(names)
        chosen = [name for name in both if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
        if not chosen:
            raise InterventionError(f"none of {patterns} is in both traces; names are like {', '.join(both[:5])}")
    differences = {}
    for name in chosen:
        left, right = a[name], b[name]
        if left.shape != right.shape:
            raise InterventionError(
                f"{name} has shape {tuple(left.shape)} in the first trace and {tuple(right.shape)} in the second; "
                "compare runs on texts of the same length"
            )
        differences[name] = right - left
    return differences
