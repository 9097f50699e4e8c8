"""The names of a trace: what each one is, where it is read, and its axes."""

from __future__ import annotations

import difflib
import fnmatch
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from .architecture import Architecture, Block, Heads, Part, Stack, submodule
from .errors import SiteError

STREAM = ("batch", "position", "d_model")
HEADS = ("batch", "position", "head", "d_head")
CELLS = ("batch", "head", "query", "key")


@dataclass(frozen=True, eq=False)
class Entry:
    """One name.

    Args:
        name: in full, `"blocks.3.attn.pattern"`.
        axes: of the value.
        kind: `"tensor"` (passes through a module), `"attention"` (read from an attention), `"scale"` (of a norm),
            `"result"` (heads through W_O) or `"logits"`.
        part: where it passes, for a tensor; the norm, for a scale; the output projection, for a result.
        block: its block, or None.
        role: `"attn"` or `"cross"` for what belongs to an attention.
        quantity: the name without block and role.
        stack: its stack.
        source: for a scale, the name of what the norm is given.
    """

    name: str
    axes: tuple[str, ...]
    kind: str
    part: Part | None
    block: Block | None
    stack: Stack | None
    role: str = ""
    quantity: str = ""
    source: str = ""

    @property
    def heads(self) -> Heads | None:
        """The attention it belongs to."""
        if self.block is None:
            return None
        return self.block.cross if self.role == "cross" else self.block.attention

    @property
    def record(self) -> str:
        """Name of its attention's record."""
        assert self.block is not None
        return f"{self.block.name}.{self.role}"

    @property
    def sources(self) -> tuple[str, ...]:
        """What must be kept for it to be read: a tensor by its own name, or an attention's record."""
        if self.kind == "tensor":
            return (
                (self.name, f"{self.block.name}.resid_pre")
                if self.block and self.part and self.part.flat
                else (self.name,)
            )
        if self.kind == "scale":
            return (self.source,)
        return (self.record,) if self.kind in ("attention", "result") else ()


@dataclass(frozen=True)
class Passage:
    """What must be caught for some names to be readable.

    Args:
        names: the names, in the model's order.
        tensors: names of tensors to keep.
        records: what to keep of each attention, by its name: quantities such as `"z"` and `"pattern"`.
        places: `(path, side, call)` to the place and the tensors that pass there.
    """

    names: tuple[str, ...]
    tensors: tuple[str, ...]
    records: Mapping[str, frozenset[str]]
    places: Mapping[tuple[str, str, int | None], tuple[Part, tuple[str, ...]]]


class Catalog(Mapping[str, Entry]):
    """All names of an architecture, in the order in which a forward makes them."""

    def __init__(self, architecture: Architecture) -> None:
        self._entries = {entry.name: entry for entry in _entries(architecture)}
        self.attentions = {e.record: e.heads for e in self._entries.values() if e.kind == "attention" and e.heads}
        self.notes = architecture.notes
        self._passages: dict[tuple[str, ...], Passage] = {}
        self._computed: weakref.WeakKeyDictionary[nn.Module, dict[Any, Any]] = weakref.WeakKeyDictionary()

    def __getitem__(self, name: str) -> Entry:
        try:
            return self._entries[name]
        except KeyError:
            raise unknown(name, self._entries) from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def computed(self, names: tuple[str, ...], model: nn.Module) -> list[tuple[str, nn.Module]]:
        """Those of some names that are computed from weights when they are read, and the module that holds these."""
        found: dict[tuple[str, ...], list[tuple[str, nn.Module]]] = self._computed.setdefault(model, {})
        if names not in found:
            entries = [self._entries[name] for name in names if name in self._entries]
            found[names] = [
                (e.name, submodule(model, e.part.path)) for e in entries if e.kind in ("scale", "result") and e.part
            ]
        return found[names]

    def passage(self, patterns: tuple[str, ...]) -> Passage:
        """What must be caught for the names that some patterns mean; worked out once."""
        if patterns not in self._passages:
            if "*" in patterns:
                names = tuple(self._entries)
            else:
                chosen = {name for pattern in patterns for name in self.matching(pattern)}
                names = tuple(name for name in self._entries if name in chosen)
            self._passages[patterns] = self._passage(names)
        return self._passages[patterns]

    def _passage(self, names: tuple[str, ...]) -> Passage:
        found = dict.fromkeys(source for name in names for source in self._entries[name].sources)
        tensors = tuple(name for name in found if name in self._entries)
        places: dict[tuple[str, str, int | None], tuple[Part, tuple[str, ...]]] = {}
        for name in tensors:
            part = self._entries[name].part
            if part is not None:
                key = (part.path, part.side, part.call)
                places[key] = (part, (*places.get(key, (part, ()))[1], name))
        records: dict[str, set[str]] = {name: set() for name in found if name not in self._entries}
        for entry in (self._entries[name] for name in names):
            if entry.kind in ("attention", "result"):
                records[entry.record].add("z" if entry.kind == "result" else entry.quantity)
        return Passage(names, tensors, {name: frozenset(wanted) for name, wanted in records.items()}, places)

    def matching(self, pattern: str) -> list[str]:
        """Names that a pattern with `*` means; a name that does not exist raises."""
        if any(sign in pattern for sign in "*?["):
            found = fnmatch.filter(self._entries, pattern)
            if not found:
                raise SiteError(
                    f"{pattern!r} matches none of the names of this model; they are like {_some(self._entries)}"
                )
            return found
        return [self[pattern].name]


def catalog_of(architecture: Architecture) -> Catalog:
    """The names of an architecture, made once."""
    found = architecture.__dict__.get("_catalog")
    if found is None:
        found = Catalog(architecture)
        object.__setattr__(architecture, "_catalog", found)
    return found


def unknown(name: str, names: Iterable[str]) -> SiteError:
    """The error for a name that does not exist, with the nearest that do."""
    near = difflib.get_close_matches(name, list(names), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"names are like {_some(names)}"
    return SiteError(f"no activation {name!r} in this model; {hint}")


def _some(names: Iterable[str]) -> str:
    return ", ".join(list(names)[:6]) + ", ..."


def _entries(architecture: Architecture) -> Iterator[Entry]:
    for stack in architecture.stacks:
        prefix = stack.prefix
        for role in ("embed", "pos_embed"):
            part = getattr(stack, role)
            if part is not None:
                yield Entry(prefix + role, STREAM, "tensor", part, None, stack, quantity=role)
        for block in stack.blocks:
            yield from _of_block(block, stack)
        if stack.ln_final is not None:
            last = stack.blocks[-1]
            end = "ln2.out" if last.form == "post-norm" else "resid_post"
            yield from _norm(f"{prefix}ln_final", stack.ln_final, None, stack, f"{last.name}.{end}")
    if architecture.unembed is not None:
        yield Entry("unembed", ("batch", "position", "vocab"), "tensor", architecture.unembed, None, None)
    yield Entry("logits", ("batch", "position", "vocab"), "logits", None, None, None)


def _of_block(block: Block, stack: Stack) -> Iterator[Entry]:
    def tensor(role: str, axes: tuple[str, ...] = STREAM) -> Iterator[Entry]:
        if role in block.parts:
            yield Entry(f"{block.name}.{role}", axes, "tensor", block.parts[role], block, stack, quantity=role)

    def norm(role: str) -> Iterator[Entry]:
        if role in block.parts:
            source = _norm_source(block, role)
            yield from _norm(
                f"{block.name}.{role}", block.parts[role], block, stack, source and f"{block.name}.{source}"
            )

    post = block.form == "post-norm"
    yield from tensor("resid_pre")
    if not post:
        yield from norm("ln1")
    if block.attention is not None:
        yield from _of_attention(block, "attn", block.attention, stack)
    yield from norm("ln1_post")
    yield from tensor("attn_out")
    yield from tensor("resid_mid")
    if post:
        yield from norm("ln1")
    if block.cross is not None:
        if not post:
            yield from norm("ln_cross")
        yield from _of_attention(block, "cross", block.cross, stack)
        yield from norm("ln_cross_post")
        yield from tensor("cross_out")
        yield from tensor("resid_cross")
        if post:
            yield from norm("ln_cross")
    if not post:
        yield from norm("ln2")
    yield from tensor("mlp.router", ("batch", "position", "expert"))
    for role in ("mlp.pre", "mlp.pre_linear", "mlp.post"):
        yield from tensor(role, ("batch", "position", "d_mlp"))
    yield from tensor("mlp.out")
    yield from norm("ln2_post")
    yield from tensor("mlp_out")
    yield from tensor("resid_post")
    if post:
        yield from norm("ln2")


def _norm(name: str, part: Part, block: Block | None, stack: Stack, source: str | None) -> Iterator[Entry]:
    if source:
        axes = ("batch", "position")
        yield Entry(f"{name}.scale", axes, "scale", part, block, stack, quantity=name.rpartition(".")[2], source=source)
    yield Entry(f"{name}.out", STREAM, "tensor", part, block, stack, quantity="norm")


def _norm_source(block: Block, role: str) -> str | None:
    """What a norm of a block is given, by its name in the block; None if it has none."""
    if role == "ln1_post":
        return "attn.out" if "attn.out" in block.parts else None
    if role == "ln_cross_post":
        return "cross.out" if "cross.out" in block.parts else None
    if role == "ln2_post":
        return "mlp.out" if "mlp.out" in block.parts else None
    if block.form == "post-norm":
        return {"ln1": "resid_mid", "ln_cross": "resid_cross", "ln2": "resid_post"}[role]
    if role == "ln1" or block.form == "parallel":
        return "resid_pre"
    before = "resid_cross" if role == "ln2" and "resid_cross" in block.parts else "resid_mid"
    return before if before in block.parts else "resid_pre"


def _of_attention(block: Block, role: str, heads: Heads, stack: Stack) -> Iterator[Entry]:
    def entry(quantity: str, axes: tuple[str, ...], kind: str = "attention", part: Part | None = None) -> Entry:
        return Entry(f"{block.name}.{role}.{quantity}", axes, kind, part, block, stack, role, quantity)

    keys = ("batch", "position", "kv_head", "d_head")
    for letter, axes in (("q", HEADS), ("k", keys)):
        part = block.parts.get(f"{role}.{letter}")
        if not heads.rotary:
            yield entry(letter, axes)
        elif part is not None:
            yield entry(letter, axes, "tensor", part)
    yield entry("v", keys)
    if heads.rotary:
        yield entry("rot_q", HEADS)
        yield entry("rot_k", keys)
    if heads.reproduced:
        yield entry("scores", CELLS)
    for quantity in ("masked_scores", "pattern"):
        yield entry(quantity, CELLS)
    yield entry("z", HEADS)
    out = block.parts.get(f"{role}.o")
    if out is not None:
        yield entry("result", ("batch", "position", "head", "d_model"), "result", out)
        yield entry("out", STREAM, "tensor", block.parts[f"{role}.out"])


EXPERTS = " (a mixture of experts keeps the maps of all experts in one parameter)"

ABSENT = {
    "ln1": "no norm reads what attention reads",
    "ln2": "no norm reads what the MLP reads",
    "ln_final": "no norm reads the last block's output",
    "unembed": "no module gives the logits",
    "pos_embed": "no module adds learned positions (they may be rotary, relative, or a bare parameter)",
    "resid_mid": "attention and MLP read the same stream and are added at once (parallel), or one of them is missing",
    "rot_q": "nothing turns the query between its projection and the dot product: it is attn.q",
    "rot_k": "nothing turns the key between its projection and the dot product: it is attn.k",
    "mlp.pre": "no linear map that reads the stream was found in the MLP" + EXPERTS,
    "mlp.post": "no linear map that writes to the stream was found in the MLP" + EXPERTS,
    "mlp.pre_linear": "the MLP is not gated",
    "mlp.router": "the MLP is not a mixture of experts",
    "scores": "the scores recomputed from query and key do not explain this layer's output, so they are not shown",
    "result": "the projection that mixes the heads was not found",
    "out": "the projection that mixes the heads was not found",
}


def why_absent(name: str, catalog: Catalog) -> str | None:
    """Why a well-formed name is not in a model, or None if it isn't a name that any model has."""
    block, _, role = name.rpartition(".")
    if role in ("attn_out", "mlp_out", "resid_mid", "cross_out") and f"{block}.attn_out" in catalog.notes:
        return catalog.notes[f"{block}.attn_out"]
    for key, why in ABSENT.items():
        if name == key or name.endswith((f".{key}", f".{key}.out", f".{key}.scale")) or name.startswith(f"{key}."):
            layer = name.split("blocks.")[-1].split(".")[0] if "blocks." in name else ""
            if layer and not any(f"blocks.{layer}." in known for known in catalog):
                return None
            return why
    return None
