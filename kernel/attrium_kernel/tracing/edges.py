"""Path patching: a receiver sees the stream as if a sender had written something else; nothing else does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .attention import Attention
from .errors import InterventionError, SiteError
from .interventions import Edge, Intervention, apply, region_of
from .names import Entry
from .points import view
from .results import head_results, output_weight

if TYPE_CHECKING:
    from .run import Run

SENDERS = ("embed", "pos_embed", "result", "attn_out", "cross_out", "mlp_out")
RECEIVERS = "blocks.N.attn.q, .k, .v (with head=), blocks.N.attn, blocks.N.mlp and unembed"


class EdgePatch:
    """One intervention on an edge, in one run.

    For an attention as receiver its module is run once more on the changed stream, and the queries, keys or values of
    the heads chosen are taken from that run: whatever the model does on the way (norms, rotary) is done by the model.
    """

    def __init__(self, run: Run, intervention: Intervention) -> None:
        assert isinstance(intervention.at, Edge)
        self.run, self.intervention, self.edge = run, intervention, intervention.at
        if run.window.growing:
            raise InterventionError(
                f"{self.edge}: path patching runs the receiver's attention twice, which a KV cache can't take; generate "
                "with use_cache=False"
            )
        self.sender = self._sender()
        self.receiver, self.letters, self.block = self._receiver()
        self._check_order()
        self.weight = output_weight(run.model, self.sender) if self.sender.kind == "result" else None
        self._shadow: Attention | None = None
        self._in_shadow = False
        run.needed |= self._needs()

    @property
    def attentions(self) -> list[Entry]:
        """Names of attentions that must be seen."""
        found = [self.sender] if self.sender.kind == "result" else []
        if self.letters:
            assert self.block is not None
            found.append(self.run.catalog[f"{self.block}.attn.pattern"])
        return found

    def _sender(self) -> Entry:
        names = self.run._names_of(self.edge.sender)
        if len(names) != 1:
            raise SiteError(f"an edge has one sender; {self.edge.sender.name!r} matches {len(names)} names")
        entry = self.run.catalog[names[0]]
        if entry.quantity not in SENDERS:
            raise SiteError(f"{entry.name} does not write to the stream; senders are {', '.join(SENDERS)}")
        if entry.block is not None and entry.block.form == "post-norm":
            raise SiteError(
                f"{entry.name}: in a post-norm model a norm stands on the stream after every sum, so no path is direct"
            )
        return entry

    def _receiver(self) -> tuple[str, str, str | None]:
        """`(what, letters, block)` of the receiver."""
        name = self.edge.receiver.name
        block, _, tail = name.rpartition(".attn.") if ".attn." in name else name.rpartition(".")
        blocks = {b.name for b in self.run.architecture.blocks()}
        if ".attn." in name and block in blocks and tail in ("q", "k", "v", "rot_q", "rot_k"):
            return "attn", tail[-1], block
        if block in blocks and tail == "attn":
            return "attn", "qkv", block
        if block in blocks and tail == "mlp":
            return "mlp", "", block
        if name in ("unembed", "ln_final", "logits"):
            return "unembed", "", None
        raise SiteError(f"{name!r} is no receiver of an edge; receivers are {RECEIVERS}")

    def _check_order(self) -> None:
        order = list(self.run.catalog)
        writer = order.index(self.sender.name)
        reader = {
            "attn": f"{self.block}.attn.pattern",
            "mlp": f"{self.block}.mlp_out",
            "unembed": order[-1],
        }[self.receiver]
        same_block = self.sender.block is not None and self.sender.block.name == self.block
        parallel = same_block and self.sender.block is not None and self.sender.block.form == "parallel"
        if order.index(reader) <= writer or parallel or (same_block and self.sender.quantity == "mlp_out"):
            raise SiteError(f"{self.edge}: the sender writes after the receiver has read; swap them or choose a later receiver")

    def _needs(self) -> set[str]:
        """Activations that must be at hand."""
        needs = set() if self.sender.kind == "result" else {self.sender.name}
        if self.block is not None:
            needs.add(f"{self.block}.resid_pre")
            if self.receiver == "mlp" and f"{self.block}.resid_mid" in self.run.catalog:
                needs.add(f"{self.block}.resid_mid")
        return needs

    # --- in the run

    def difference(self) -> Tensor:
        """`(batch, position, d_model)`: what the sender would have written, less what it wrote."""
        run, entry = self.run, self.sender
        if entry.kind == "result":
            assert self.weight is not None
            value = head_results(self.weight, run.records[entry.record][1])
        else:
            value = view(entry, run.values[entry.name], None)
        new = apply([self.intervention], entry.name, entry.axes, value, run.window)
        change = new - value
        if entry.kind != "result":
            return change
        change = change.sum(dim=2)
        assert entry.block is not None
        if "ln1_post" in entry.block.parts:
            raise SiteError(
                f"{self.edge}: a norm stands between the heads and the stream ({entry.block.parts['ln1_post'].path}), so "
                "what one head adds is not a fixed share; send attn_out instead"
            )
        return change * entry.block.scale

    def attach(self, stack: contextlib.ExitStack) -> None:
        """Hook the receiver."""
        model = self.run.model
        if self.receiver == "unembed":
            final = self.run.architecture.main.ln_final or self.run.architecture.unembed
            if final is None:
                raise SiteError(f"{self.edge}: neither a final norm nor an unembedding was found")
            module = model.get_submodule(final.path)
            stack.callback(module.register_forward_pre_hook(self._final).remove)
            return
        block = next(b for b in self.run.architecture.blocks() if b.name == self.block)
        if self.receiver == "mlp":
            read = block.parts.get("mlp") or block.part("mlp.up")
            paths = {read.path} if "mlp" in block.parts else {p.path for r, p in block.parts.items() if r in ("mlp.up", "mlp.gate")}
            for path in paths:
                stack.callback(model.get_submodule(path).register_forward_pre_hook(self._mlp(block)).remove)
            return
        module = model.get_submodule(block.part("attn").path)
        stack.callback(module.register_forward_pre_hook(self._attention(block), with_kwargs=True).remove)

    def _final(self, module: nn.Module, args: tuple[Any, ...]) -> Any:
        return (self._moved(args[0], self.difference()), *args[1:])

    def _moved(self, stream: Tensor, change: Tensor) -> Tensor:
        """The stream with the difference, at the receiver's positions."""
        chosen = self.edge.receiver.position
        if chosen is not None:
            site = replace(self.edge.receiver, head=None, index=None, rows=None)
            index = region_of(site, self.edge.receiver.name, ("batch", "position", "d_model"), tuple(change.shape), self.run.window)
            kept = torch.zeros(change.shape[1], dtype=torch.bool, device=change.device)
            if index is not None and index[1] is not None:
                kept[index[1].to(change.device)] = True
            change = change * kept[None, :, None]
        return stream + change.reshape(stream.shape).to(stream.dtype)

    def _read(self, block: Any, role: str, stream: Tensor) -> Tensor:
        """What a reader is given when the stream is this: through the norm that stands before it."""
        norm = block.parts.get(role) or (block.parts.get("ln1") if block.form == "parallel" else None)
        return stream if norm is None else self.run.model.get_submodule(norm.path).forward(stream)

    def _mlp(self, block: Any) -> Callable[..., Any]:
        def hook(module: nn.Module, args: tuple[Any, ...]) -> Any:
            stream = self._stream_before_mlp(block)
            moved = self._read(block, "ln2", self._moved(stream, self.difference()))
            return (moved.reshape(args[0].shape), *args[1:])

        return hook

    def _stream_before_mlp(self, block: Any) -> Tensor:
        run = self.run
        name = f"{block.name}.resid_pre" if block.form == "parallel" else f"{block.name}.resid_mid"
        if name in run.values:
            return view(run.catalog[name], run.values[name], None)
        return view(run.catalog[f"{block.name}.resid_pre"], run.values[f"{block.name}.resid_pre"], None)

    def _attention(self, block: Any) -> Callable[..., Any]:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            stream = self.run.values[f"{block.name}.resid_pre"]
            moved = self._read(block, "ln1", self._moved(stream, self.difference()))
            args, kwargs = _with_first(args, kwargs, moved)
            self._in_shadow = True
            try:
                module.forward(*args, **kwargs)
            finally:
                self._in_shadow = False

        return hook

    def received(self, record: str, attention: Attention) -> Attention:
        """The attention with the receiver's queries, keys or values from the changed stream."""
        if record != f"{self.block}.attn" or not self.letters:
            return attention
        if self._in_shadow:
            self._shadow = attention
            return attention
        shadow, self._shadow = self._shadow, None
        if shadow is None:
            return attention
        fields = {"q": "query", "k": "key", "v": "value"}
        return replace(attention, **{fields[n]: self._taken(getattr(attention, fields[n]), getattr(shadow, fields[n])) for n in self.letters})

    def _taken(self, plain: Tensor, changed: Tensor) -> Tensor:
        """The heads chosen from the changed run."""
        heads = self.edge.receiver.head
        if heads is None:
            return changed
        index = torch.tensor([heads] if isinstance(heads, int) else list(heads), device=plain.device)
        if int(index.max()) >= plain.shape[1] or int(index.min()) < -plain.shape[1]:
            raise SiteError(f"{self.edge}: head {heads} of {plain.shape[1]}")
        out = plain.clone()
        out[:, index] = changed[:, index]
        return out


def _with_first(args: tuple[Any, ...], kwargs: dict[str, Any], moved: Tensor) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments with the stream in place of what the module was given first."""
    if args:
        rest = tuple(moved if a is args[0] else a for a in args[1:])  # nn.MultiheadAttention: query, key, value
        return (moved, *rest), kwargs
    name = "hidden_states" if "hidden_states" in kwargs else next(iter(kwargs))
    return args, {**kwargs, name: moved}
