"""Path patching: a receiver sees the stream as if a sender had written something else; nothing else does."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .architecture import Block, submodule
from .attention import Attention
from .errors import InterventionError, SiteError
from .interventions import Edge, Intervention, Site, apply, region_of
from .points import unview, view
from .results import head_results, output_weight
from .watch import acts

if TYPE_CHECKING:
    from .run import Run

SENDERS = ("embed", "pos_embed", "result", "attn_out", "cross_out", "mlp_out")
RECEIVERS = "blocks.N.attn.q, .k, .v (with head=), blocks.N.attn, blocks.N.mlp and unembed"


class Sender:
    """What one intervention makes a sender write to one receiver, in one run."""

    def __init__(self, run: Run, intervention: Intervention) -> None:
        assert isinstance(intervention.at, Edge)
        self.run, self.intervention, self.edge = run, intervention, intervention.at
        names = run.names_of(self.edge.sender)
        if len(names) != 1:
            raise SiteError(
                f"an edge has one sender; {self.edge.sender.name!r} matches {len(names)} names, so give one edge each"
            )
        self.entry = run.catalog[names[0]]
        if self.entry.quantity not in SENDERS:
            raise SiteError(
                f"{self.entry.name} does not write to the stream; name one of {', '.join(SENDERS)} as sender"
            )
        block = self.entry.block
        if block is not None and block.form not in ("sequential", "parallel"):
            raise SiteError(
                f"{self.entry.name}: in a {block.form} model no path from writer to reader is direct (a norm stands on "
                "the stream after every sum); leave the edge out, and patch the activation itself"
            )
        if block is not None and self.entry.kind == "result" and "ln1_post" in block.parts:
            raise SiteError(
                f"{self.edge}: a norm stands between the heads and the stream ({block.parts['ln1_post'].path}), so "
                "what one head adds is not a fixed share; give attn_out as the sender instead"
            )
        self.weight = output_weight(run.model, self.entry) if self.entry.kind == "result" else None

    def difference(self) -> Tensor:
        """`(batch, position, d_model)`: what would have been written less what was, where the receiver reads."""
        run, entry = self.run, self.entry
        if self.weight is not None:
            value = head_results(self.weight, run.results_source(entry.record))
        else:
            value = view(entry, run.values[entry.name], run.shape_of(entry))
        change = apply([self.intervention], entry.name, entry.axes, value, run.window) - value
        if self.weight is not None:
            assert entry.block is not None
            writer = "cross_out" if entry.role == "cross" else "attn_out"
            change = change.sum(dim=2) * entry.block.factors.get(writer, 1.0)
        chosen = self.edge.receiver.position
        if chosen is None:
            return change
        site = replace(self.edge.receiver, head=None, index=None, rows=None)
        index = region_of(
            site, self.edge.receiver.name, ("batch", "position", "d_model"), tuple(change.shape), run.window
        )
        kept = torch.zeros(change.shape[1], dtype=torch.bool, device=change.device)
        if index is not None and index[1] is not None:
            kept[index[1].to(change.device)] = True
        return change * kept[None, :, None]


class Receiver:
    """A reader of the stream that sees it changed.

    An attention's module is run once more on the changed stream, and the queries, keys or values of the heads chosen
    are taken from that run: whatever the model does on the way (norms, rotary) is done by the model.

    Args:
        run: the run.
        kind: `"attn"`, `"mlp"` or `"unembed"`.
        block: its block; None for the unembedding.
        senders: all that send to it.
        heads: of an attention, the heads that read the changed stream, by `"q"`, `"k"`, `"v"`.
    """

    def __init__(
        self, run: Run, kind: str, block: Block | None, senders: tuple[Sender, ...], heads: dict[str, list[int]]
    ) -> None:
        self.run, self.kind, self.block, self.senders, self.heads = run, kind, block, senders, heads
        self.site = senders[0].edge.receiver
        for sender in senders:
            self._check_order(sender)
        self._shadow: Attention | None = None
        self._projected: dict[str, Tensor] = {}

    @property
    def records(self) -> set[str]:
        """Attentions that must be seen."""
        found = {sender.entry.record for sender in self.senders if sender.weight is not None}
        if self.heads:
            assert self.block is not None
            found.add(f"{self.block.name}.attn")
        return found

    @property
    def needs(self) -> set[str]:
        """Tensors that must be at hand."""
        found = {name for sender in self.senders if sender.weight is None for name in sender.entry.sources}
        if self.block is not None:
            names = {f"{self.block.name}.resid_pre", f"{self.block.name}.resid_mid"}
            found |= {name for name in names if name in self.run.catalog}
        return found

    def _check_order(self, sender: Sender) -> None:
        order = list(self.run.catalog)
        block = self.block
        own = block is not None and sender.entry.block is not None and sender.entry.block.name == block.name
        if self.kind == "unembed":
            late = False
        elif own and block is not None:
            late = self.kind == "attn" or block.form == "parallel" or sender.entry.quantity == "mlp_out"
        else:
            assert block is not None
            late = order.index(sender.entry.name) > order.index(f"{block.name}.resid_pre")
        if late:
            raise SiteError(
                f"{sender.edge}: the sender writes after the receiver has read; swap them, or name a later receiver"
            )

    def changed(self, stream: Tensor) -> Tensor:
        """The stream as the receiver sees it."""
        total = sum((sender.difference() for sender in self.senders), torch.zeros(()))
        return stream + total.to(stream).reshape(stream.shape)

    def attach(self, stack: contextlib.ExitStack) -> None:
        """Hook the receiver."""
        model, block = self.run.model, self.block
        if block is None:
            final = self.run.architecture.main.ln_final or self.run.architecture.unembed
            if final is None:
                raise SiteError(
                    f"{self.site}: neither a final norm nor an unembedding was found; name an earlier receiver"
                )
            stack.callback(submodule(model, final.path).register_forward_pre_hook(self._at_end).remove)
        elif self.kind == "mlp":
            inside = [p.path for r, p in block.parts.items() if r in ("mlp.up", "mlp.gate", "mlp.router")]
            paths = [block.parts["mlp"].path] if "mlp" in block.parts else list(dict.fromkeys(inside))
            if not paths:
                raise SiteError(
                    f"{self.site}: what reads the stream for the MLP was not found; correct the architecture"
                )
            for path in paths:
                stack.callback(submodule(model, path).register_forward_pre_hook(self._at_mlp).remove)
        else:
            module = submodule(model, block.part("attn").path)
            stack.callback(module.register_forward_pre_hook(self._at_attention, with_kwargs=True).remove)

    def _at_end(self, module: nn.Module, args: tuple[Any, ...]) -> Any:
        if not acts(self.run):
            return None
        return (self.changed(args[0]), *args[1:])

    def _read(self, role: str, stream: Tensor) -> Tensor:
        """What a reader is given when the stream is this: through the norm that stands before it."""
        assert self.block is not None
        norm = self.block.parts.get(role) or (self.block.parts.get("ln1") if self.block.form == "parallel" else None)
        return stream if norm is None else submodule(self.run.model, norm.path).forward(stream)

    def _stream(self, name: str) -> Tensor:
        assert self.block is not None
        full = f"{self.block.name}.{name}"
        return view(self.run.catalog[full], self.run.values[full], None)

    def _at_mlp(self, module: nn.Module, args: tuple[Any, ...]) -> Any:
        if not acts(self.run):
            return None
        assert self.block is not None
        before = "resid_mid" if f"{self.block.name}.resid_mid" in self.run.values else "resid_pre"
        return (self._read("ln2", self.changed(self._stream(before))).reshape(args[0].shape), *args[1:])

    def _at_attention(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        assert self.block is not None
        run = self.run
        if run.shadowing is not None or not acts(run):
            return
        moved = self._read("ln1", self.changed(self._stream("resid_pre")))
        if self.block.part("resid_pre").position_first:
            moved = moved.transpose(0, 1)
        args, kwargs = _with_first(args, kwargs, moved)
        run.shadowing, before = self, run.at
        run.at = f"{self.block.name}.attn"
        try:
            module.forward(*args, **kwargs)
        finally:
            run.shadowing, run.at = None, before
        names = [f"{self.block.name}.attn.{letter}" for letter in self.heads]
        self._projected = {name: run.values[name] for name in names if name in run.values}

    def received(self, record: str, attention: Attention) -> Attention:
        """The attention with the receiver's queries, keys or values from the changed stream."""
        if self.block is None or record != f"{self.block.name}.attn" or not self.heads:
            return attention
        if self.run.shadowing is self:
            self._shadow = attention
        if self.run.shadowing is not None or self._shadow is None:
            return attention
        shadow, self._shadow = self._shadow, None
        for letter, heads in self.heads.items():
            name = f"{self.block.name}.attn.{letter}"
            if name in self._projected:  # what a turned query was projected to is kept too
                entry, real = self.run.catalog[name], self.run.values[name]
                plain = view(entry, real, None).transpose(1, 2)
                changed = view(entry, self._projected[name], None).transpose(1, 2)
                self.run.values[name] = unview(entry, real, _taken(plain, changed, heads).transpose(1, 2))
        taken = {
            letter: _taken(getattr(attention, FIELDS[letter]), getattr(shadow, FIELDS[letter]), heads)
            for letter, heads in self.heads.items()
        }
        return attention.revised(
            taken.get("q", attention.query), taken.get("k", attention.key), taken.get("v", attention.value)
        )


def _taken(plain: Tensor, changed: Tensor, heads: list[int]) -> Tensor:
    """`(batch, head, position, d_head)` with some heads from the changed run."""
    index = torch.tensor(heads, device=plain.device)
    out = plain.clone()
    out[:, index] = changed[:, index]
    return out


FIELDS = {"q": "query", "k": "key", "v": "value"}


def receivers(run: Run, interventions: Sequence[Intervention]) -> list[Receiver]:
    """All receivers of the edges among some interventions, each with all that is sent to it.

    Heads that are sent to by the same senders see the same stream, and are run together.
    """
    ends: dict[tuple[str, str, int], list[Sender]] = {}
    blocks: dict[str, Block | None] = {}
    for intervention in interventions:
        if not isinstance(intervention.at, Edge):
            continue
        if run.window.growing:
            raise InterventionError(
                f"{intervention.at}: path patching runs the receiver's attention twice, which a KV cache can't take; "
                "generate with use_cache=False"
            )
        sender = Sender(run, intervention)
        kind, letters, block = _reader(run, intervention.at.receiver)
        where = f"{kind} {block.name if block else ''}"
        blocks[where] = block
        for letter in letters or "-":
            for head in _heads(intervention.at.receiver, block, letter):
                ends.setdefault((where, letter, head), []).append(sender)
    groups: dict[tuple[str, tuple[Sender, ...]], dict[str, list[int]]] = {}
    for (where, letter, head), senders in ends.items():
        heads = groups.setdefault((where, tuple(senders)), {})
        if letter != "-":
            heads.setdefault(letter, []).append(head)
    return [
        Receiver(run, where.split(" ")[0], blocks[where], senders, heads) for (where, senders), heads in groups.items()
    ]


def _heads(site: Site, block: Block | None, letter: str) -> list[int]:
    """The heads of a receiver."""
    if letter == "-":
        return [0]
    assert block is not None and block.attention is not None
    count = block.attention.n_heads if letter == "q" else block.attention.n_kv_heads
    chosen = range(count) if site.head is None else [site.head] if isinstance(site.head, int) else site.head
    for head in chosen:
        if not -count <= head < count:
            raise SiteError(f"{site}: head {head} is out of range: there are {count}; name one of these")
    return [head % count for head in chosen]


def _reader(run: Run, site: Site) -> tuple[str, str, Block | None]:
    """`(what, letters, block)` of a receiver."""
    if site.name in ("unembed", "ln_final", "logits"):
        return "unembed", "", None
    blocks = {block.name: block for block in run.architecture.blocks()}
    head, _, tail = site.name.rpartition(".attn.") if ".attn." in site.name else site.name.rpartition(".")
    block = blocks.get(head)
    if block is not None and ".attn." in site.name and tail in ("q", "k", "v", "rot_q", "rot_k"):
        return "attn", tail[-1], block
    if block is not None and tail in ("attn", "mlp"):
        return tail, "qkv" if tail == "attn" else "", block
    raise SiteError(f"{site.name!r} is no receiver of an edge; name one of {RECEIVERS}")


def _with_first(args: tuple[Any, ...], kwargs: dict[str, Any], moved: Tensor) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments with the stream in place of what the module was given first."""
    if args:
        rest = tuple(moved if a is args[0] else a for a in args[1:])  # nn.MultiheadAttention: query, key, value
        return (moved, *rest), kwargs
    name = "hidden_states" if "hidden_states" in kwargs else next(iter(kwargs))
    return args, {**kwargs, name: moved}
