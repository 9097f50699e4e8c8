"""Interventions as the screen has them: dicts that print, toggle and travel, made into the kernel's own to run."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import traitlets as t

from attrium_kernel.tracing import Intervention, Mean, Patch, Resample, Scale, Site, Trace, Zero

from ..errors import DataError

KINDS = ("zero", "mean", "resample", "scale", "patch", "freeze", "python")
PARTS = ("head", "attention", "mlp", "neuron", "position", "other")
DEFAULTS: dict[str, Any] = {
    "id": "", "kind": "zero", "part": "head", "block": 0, "head": None, "neuron": None, "position": None,
    "factor": 1.0, "text": "", "from_position": None, "on": True, "label": "", "site": "",
}  # fmt: skip
VERBS = {"zero": "zero", "mean": "mean of", "resample": "resample", "patch": "patch", "freeze": "freeze pattern of"}


@dataclass(frozen=True)
class Extent:
    """What there is to intervene on."""

    prefix: str
    blocks: int
    heads: int
    d_mlp: int
    positions: int


def read_edits(given: Any, own: Mapping[str, Intervention]) -> list[dict[str, Any]]:
    """Interventions from the screen or from Python, complete and labelled.

    Args:
        given: dicts with some of the fields of `Edit` in protocol.ts.
        own: kernel interventions by the `id` of their dict.

    Raises:
        TraitError: for what is neither, or fields that are unknown or missing.
    """
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Sequence):
        raise t.TraitError(f"edits={given!r}; pass a list of dicts such as {{'kind': 'zero', 'part': 'head', ...}}")
    found = [_read(item, own) for item in given]
    taken: set[str] = set()
    for edit in found:
        if edit["id"] in taken and edit["kind"] != "python":  # the screen tells them apart by it
            edit["id"] = _new_id()
        taken.add(edit["id"])
    return found


def _new_id() -> str:
    return f"edit-{uuid.uuid4().hex[:8]}"


def _read(item: Any, own: Mapping[str, Intervention]) -> dict[str, Any]:
    if not isinstance(item, Mapping) or set(item) - set(DEFAULTS):
        unknown = sorted(set(item) - set(DEFAULTS)) if isinstance(item, Mapping) else type(item).__name__
        raise t.TraitError(f"edits has {unknown}; an edit has some of {', '.join(DEFAULTS)}")
    edit = {**DEFAULTS, **item}
    _check(edit, "kind", KINDS)
    _check(edit, "part", PARTS)
    for name in ("block", "head", "neuron", "position", "from_position"):
        value = edit[name]
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise t.TraitError(f"edits: {name}={value!r}; pass a whole number from 0, or None where it may be left out")
    if not isinstance(edit["text"], str):
        raise t.TraitError(f"edits: text={edit['text']!r}; pass the prompt to patch from")
    if edit["kind"] == "python":
        if edit["id"] not in own:
            raise t.TraitError("edits: kind 'python' stands for interventions that were set from Python; set "
                               "explorer.interventions = [...]")  # fmt: skip
        return {**edit, "label": str(own[edit["id"]]), "site": str(own[edit["id"]].site.name), "on": bool(edit["on"])}
    needed = {"head": "head", "neuron": "neuron", "position": "position"}.get(edit["part"])
    if edit["part"] == "other" or (needed and edit[needed] is None) or edit["block"] is None:
        raise t.TraitError(f"edits: part {edit['part']!r} needs block and {needed or 'a part such as head or mlp'}")
    if edit["kind"] == "freeze" and edit["part"] not in ("head", "attention"):
        raise t.TraitError(f"edits: kind 'freeze' holds attention patterns; part={edit['part']!r} has none")
    edit["factor"] = _factor(edit["factor"])
    edit["id"] = str(edit["id"] or _new_id())
    edit["on"], edit["label"], edit["site"] = bool(edit["on"]), label_of(edit), site_name(edit)
    return edit


def _factor(given: Any) -> float:
    try:
        factor = float(given)
    except (TypeError, ValueError):
        factor = math.nan
    if not math.isfinite(factor):
        raise t.TraitError(f"edits: factor={given!r}; pass a number")
    return factor


def _check(edit: Mapping[str, Any], name: str, known: Sequence[str]) -> None:
    if edit[name] not in known:
        raise t.TraitError(f"edits: {name}={edit[name]!r}; pass one of {', '.join(known)}")


def label_of(edit: Mapping[str, Any]) -> str:
    """An edit in words."""
    block = edit["block"]
    part = {
        "head": f"head {block}.{edit['head']}",
        "attention": f"attention of block {block}",
        "mlp": f"MLP of block {block}",
        "neuron": f"neuron {edit['neuron']} of block {block}",
        "position": f"stream into block {block}",
    }[edit["part"]]
    where = "" if edit["position"] is None else f" at position {edit['position']}"
    if edit["kind"] == "scale":
        return f"{edit['factor']:g} times {part}{where}"
    source = ""
    if edit["kind"] == "patch":
        text = edit["text"] if len(edit["text"]) <= 24 else edit["text"][:23] + "\u2026"
        source = f" from \u201c{text}\u201d"
        if edit["from_position"] is not None:
            source += f", position {edit['from_position']}"
    return f"{VERBS[edit['kind']]} {part}{where}{source}"


def site_name(edit: Mapping[str, Any]) -> str:
    """The activation that an edit changes, without the prefix of its stack."""
    stage = {"head": "attn.z", "attention": "attn_out", "mlp": "mlp_out", "neuron": "mlp.post", "position": "resid_pre"}
    name = "attn.pattern" if edit["kind"] == "freeze" else stage[edit["part"]]
    return f"blocks.{edit['block']}.{name}"


def site_of(edit: Mapping[str, Any], prefix: str) -> Site:
    """The place in the run."""
    head = edit["head"] if edit["part"] == "head" else None
    neuron = edit["neuron"] if edit["part"] == "neuron" else None
    return Site(f"{prefix}{site_name(edit)}", head=head, position=edit["position"], index=neuron)


def make_interventions(
    edits: Sequence[Mapping[str, Any]],
    own: Mapping[str, Intervention],
    base: Trace,
    other: Callable[[str, str], Trace],
    shuffled: Callable[[str], Trace],
) -> list[Intervention]:
    """The kernel's interventions for the edits that are on.

    Args:
        edits: complete ones, as `read_edits` returns.
        own: interventions set from Python, by id.
        base: the run without interventions, whose patterns are frozen.
        other: gives the trace of a second prompt, for one site.
        shuffled: gives the trace of shuffled prompts, for one site.
    """
    assert base.architecture is not None
    prefix = base.architecture.main.prefix
    made: list[Intervention] = []
    for edit in edits:
        if not edit["on"]:
            continue
        kind = edit["kind"]
        if kind == "python":
            made.append(own[edit["id"]])
            continue
        site = site_of(edit, prefix)
        if kind == "zero":
            made.append(Zero(site))
        elif kind == "mean":
            made.append(Mean(site, over="position"))
        elif kind == "scale":
            made.append(Scale(site, edit["factor"]))
        elif kind == "resample":
            made.append(Resample(site, shuffled(site.name)))
        elif kind == "freeze":
            made.append(Patch(site, base))
        else:
            second = other(edit["text"], site.name)
            _check_lengths(edit, second.size("position"), base.size("position"))
            made.append(Patch(site, second, position=edit["from_position"]))
    return made


def _check_lengths(edit: Mapping[str, Any], theirs: int, ours: int) -> None:
    """All positions are patched from those of the same number: there must be as many."""
    if edit["position"] is None and edit["from_position"] is None and theirs != ours:
        raise DataError(
            f"{edit['label']}: the second prompt has {theirs} tokens and this one {ours}; write one of as many tokens, "
            "or patch one position"
        )
