"""Running a model with everything named, and changed where asked: one set of hooks, taken off at the end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from attrium_kernel.running import untouched

from .architecture import Architecture, Part, submodule
from .attention import Attention
from .capture import Capture, Keeper, trimmed
from .discover import discover, logits_of
from .edges import Receiver, receivers
from .errors import InterventionError, SiteError, TraceError
from .inputs import Inputs, uncompiled
from .interventions import Edge, Intervention, Site, Window, apply
from .names import Entry, catalog_of, why_absent
from .points import Point, unview, view
from .prepare import tokens_of
from .results import head_results, output_weight
from .tokens import Tokens
from .trace import Trace
from .watch import FunctionsSeen, acting, acts, interface_seen

ATTENTION = ("q", "k", "v", "rot_q", "rot_k", "scores", "masked_scores", "pattern", "z")


class Run:
    """A model with hooks on, for one or more forwards.

    Args:
        model: any module whose architecture is known or can be found.
        architecture: where its parts are; found by a short run by default.
        interventions: applied in every forward, in the order given.
        capture: what to keep; None keeps nothing.
        grad: keep the graph, so that gradients can be taken of what is kept.
        prepare: called when entered, with a stack that is closed on the way out: sweeps start in the middle by it.
        growing: the forwards continue one text (a KV cache): positions beyond the end of one may come in the next.

    Raises:
        TraceError: one of its kinds, when entered or run; the model is as before.
    """

    def __init__(
        self,
        model: nn.Module,
        architecture: Architecture | None = None,
        interventions: Sequence[Intervention] = (),
        capture: Any = None,
        grad: bool = False,
        growing: bool = False,
        prepare: Callable[[Run, contextlib.ExitStack], None] | None = None,
    ) -> None:
        self.model = getattr(model, "_orig_mod", model)  # hooks do not run inside a compiled graph
        self.architecture = architecture or discover(self.model)
        self.catalog = catalog_of(self.architecture)
        self.interventions = tuple(_checked(interventions))
        self.capture = None if capture is None else Capture.of(capture)
        self.grad = grad
        self.prepare = prepare
        self.window = Window(0, growing)
        self.values: dict[str, Tensor] = {}
        self.versions: dict[str, int] = {}
        self.records: dict[str, tuple[Attention, Tensor | None]] = {}
        self.calls: dict[Point, int] = {}
        self.passage = self.catalog.passage(() if self.capture is None else self.capture.names)
        self.copied: set[str] = {f"{b.name}.{r}" for b in self.architecture.blocks() for r in b.overwritten}
        self.edges = receivers(self, self.interventions)
        self.needed = set().union(*(edge.needs for edge in self.edges))
        self.shadowing: Receiver | None = None
        self._whole = set().union(*(edge.records for edge in self.edges))
        self.edits = self._edits()
        self._whole |= {self.catalog[name].record for name in self.edits if self.catalog[name].kind == "result"}
        self._attention: dict[str, dict[str, list[Intervention]]] = {}
        self._homes: dict[nn.Module, str] = {}
        self.at: str | None = None
        self._examples: int | None = None
        self.examples = 1
        self._stack: contextlib.ExitStack | None = None

    # --- entering and leaving

    def __enter__(self) -> Run:
        stack = contextlib.ExitStack()
        try:
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.set_grad_enabled(self.grad))
            stack.enter_context(untouched(self.model, False))
            stack.enter_context(uncompiled(self._blocks()))
            handles: list[Any] = []
            stack.callback(lambda: [handle.remove() for handle in handles])
            points = list(self._points())  # before the first hook: weights may be measured for them
            handles.extend(point.attach(self.model, self) for point in points)
            for edge in self.edges:
                edge.attach(stack)
            self._watch(stack)
            if self.prepare is not None:
                self.prepare(self, stack)
        except BaseException:
            stack.close()
            raise
        self._stack = stack
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._stack is not None
        self._stack.close()
        self._stack = None

    def _blocks(self) -> list[nn.Module]:
        return [self.model, *(submodule(self.model, block.path) for block in self.architecture.blocks())]

    def forward(self, inputs: Any, offset: int = 0, tokens: Tokens | None = None) -> tuple[Any, Trace | None]:
        """One forward.

        Args:
            inputs: as for `trace`, without text.
            offset: absolute position of the first token.
            tokens: put into the trace.

        Returns:
            What the model returned, and a `Trace` of what was captured, or None.
        """
        if self._stack is None:
            raise TraceError("the run has no hooks on; use it in a with block: with Run(...) as run: run.forward(...)")
        given = Inputs.of(inputs)
        self.window = replace(self.window, offset=offset)
        self._clear()
        args, kwargs = given.on(self.model)
        self.examples = next((v.shape[0] for v in (*args, *kwargs.values()) if isinstance(v, Tensor) and v.dim()), 1)
        if "past_key_values" in kwargs:  # a second run would fill the cache twice
            self.copied |= set(self.catalog)
        with acting(self):
            output = self.model(*args, **kwargs)
        written_over = {n for n, v in self.versions.items() if n not in self.copied and self.values[n]._version != v}
        if written_over:  # the model works in place here: once more, with copies
            self.copied |= written_over
            self._clear()
            with acting(self):
                output = self.model(*args, **kwargs)
        if self.capture is None:
            self._clear()
            return output, None
        made = self._made(output, tokens if tokens is not None else tokens_of(given))
        self._clear()
        return output, made

    def _clear(self) -> None:
        self.values.clear()
        self.versions.clear()
        self.records.clear()
        self.calls.clear()

    def _made(self, output: Any, tokens: Tokens | None) -> Trace:
        """The trace of what was kept; what was only needed on the way is let go."""
        assert self.capture is not None
        keeper = Keeper(self.capture)
        values = {
            name: keeper.keep(name, raw) for name in self.passage.tensors if (raw := self.values.get(name)) is not None
        }
        for name in self.edits:  # what was put in the place of results; unedited ones are computed when read
            if name in self.passage.names and self.catalog[name].kind == "result" and name in self.values:
                values[name] = keeper.keep(name, self.values[name])
        records = {
            name: keeper.record(name, *self._trimmed(name, wanted))
            for name, wanted in self.passage.records.items()
            if name in self.records
        }
        logits = logits_of(output)
        names = self.passage.names
        if logits is None or len(values) < len(self.passage.tensors) or len(records) < len(self.passage.records):
            held = values.keys() | records.keys() | ({"logits"} if logits is not None else set())
            names = tuple(n for n in names if set(self.catalog[n].sources or ("logits",)) <= held)
        return Trace(
            architecture=self.architecture,
            model=self.model,
            names=names,
            values=values,
            records=records,
            output=output,
            logits=logits,
            tokens=tokens,
            bytes=keeper.bytes,
            catalog=self.catalog,
            intervened=bool(self.interventions) or self.window.offset > 0,
            edited={self.catalog[n].record for n in self.edits if self.catalog[n].kind == "attention"},
        )

    def _trimmed(self, record: str, wanted: frozenset[str]) -> tuple[Attention, Tensor | None]:
        attention, z = self.records[record]
        assert self.capture is not None
        return (
            trimmed(attention, z, wanted, self.capture.patterns)
            if record in self._whole and z is not None
            else (attention, z)
        )

    # --- what is changed where

    def _edits(self) -> dict[str, list[Intervention]]:
        """Interventions by the full name of their activation."""
        edits: dict[str, list[Intervention]] = {}
        for intervention in self.interventions:
            if isinstance(intervention.at, Edge):
                continue
            for name in self.names_of(intervention.site):
                if self.catalog[name].kind == "logits":
                    raise SiteError("nothing reads the logits, so changing them changes nothing; name 'unembed'")
                edits.setdefault(name, []).append(intervention)
        return edits

    def names_of(self, site: Site) -> list[str]:
        """Full names of the activations that a site means."""
        try:
            return self.catalog.matching(site.name)
        except SiteError:
            why = why_absent(site.name, self.catalog)
            if why is None:
                raise
            raise SiteError(f"{site.name} is not in this model: {why}") from None

    def _points(self) -> Iterable[Point]:
        """Points for all that is changed, kept or needed on the way."""
        points = {key: Point(part, keeps=list(names)) for key, (part, names) in self.passage.places.items()}

        def at(part: Part) -> Point:
            return points.setdefault((part.path, part.side, part.call), Point(part))

        for name, entry in self.catalog.items() if self.edits else ():
            changes = self.edits.get(name)
            if changes and entry.kind in ("tensor", "result", "scale"):
                self._edit_at(at, entry, changes)
        for stack in self.architecture.stacks if self.grad else ():  # the graph begins here, whatever is frozen
            for part in (stack.embed, stack.pos_embed):
                if part is not None:
                    at(part).edits.insert(0, lambda raw: raw if raw.requires_grad else raw.detach().requires_grad_())
        extra = self.needed.union(*(self._needs(self.catalog[name]) for name in self.edits))
        for name in extra - set(self.passage.tensors):
            entry = self.catalog[name]
            if entry.kind == "tensor" and entry.part is not None:
                at(entry.part).keeps.append(name)
        return points.values()

    def _needs(self, entry: Entry) -> list[str]:
        """Tensors that a change needs to know."""
        if entry.block is None:
            return []
        total = _sum_of(entry)
        needed = [f"{entry.block.name}.{total[0]}"] if total is not None else []
        writer = entry.block.parts.get(total[1]) if total is not None else entry.part
        return [*needed, f"{entry.block.name}.resid_pre"] if writer is not None and writer.flat else needed

    def _edit_at(self, at: Callable[[Part], Point], entry: Entry, changes: list[Intervention]) -> None:
        """Put changes of one activation where they take effect."""
        total = _sum_of(entry)
        if total is not None and entry.block is not None:
            at(entry.block.part(total[1])).late.append(self._edit_of_sum(entry, *total, changes))
        elif entry.kind == "result":
            assert entry.block is not None
            at(entry.block.part(f"{entry.role}.out")).edits.insert(0, self._edit_of_results(entry, changes))
        elif entry.kind == "scale":
            assert entry.part is not None
            at(entry.part).edits.append(self._edit_of_scale(entry, changes))
        else:
            assert entry.part is not None
            at(entry.part).edits.append(self._edit_of_tensor(entry, changes))

    def _edit_of_tensor(self, entry: Entry, changes: list[Intervention]) -> Callable[[Tensor], Tensor]:
        def edit(raw: Tensor) -> Tensor:
            value = view(entry, raw, self.shape_of(entry))
            axes = entry.axes if value.dim() == len(entry.axes) else ("batch", "class")
            if entry.quantity == "pos_embed" and value.shape[0] == 1:  # one for all examples, until they differ
                value = value.expand(self.examples, -1, -1)
            new = apply(changes, entry.name, axes, value, self.window)
            return raw if new is value else unview(entry, raw, new)

        return edit

    def _edit_of_sum(
        self, entry: Entry, before: str, writer: str, changes: list[Intervention]
    ) -> Callable[[Tensor], Tensor]:
        """A stream inside a block is a sum that no module hands out: what is written is changed instead."""
        block = entry.block
        assert block is not None
        base_entry, writer_entry = self.catalog[f"{block.name}.{before}"], self.catalog[f"{block.name}.{writer}"]

        def edit(raw: Tensor) -> Tensor:
            base = view(base_entry, self.values[base_entry.name], None)
            written = view(writer_entry, raw, tuple(base.shape[:2]))  # type: ignore[arg-type]
            value = base + written
            new = apply(changes, entry.name, entry.axes, value, self.window)
            return raw if new is value else unview(writer_entry, raw, torch.where(new == value, written, new - base))

        return edit

    def _edit_of_results(self, entry: Entry, changes: list[Intervention]) -> Callable[[Tensor], Tensor]:
        """What heads write is changed by adding the difference to their sum."""
        weight = output_weight(self.model, entry)

        def edit(raw: Tensor) -> Tensor:
            results = head_results(weight, self.results_source(entry.record))
            new = self.values[entry.name] = apply(changes, entry.name, entry.axes, results, self.window)
            added = (new - results).sum(dim=2)
            flipped = entry.block is not None and entry.block.part(f"{entry.role}.out").position_first
            return raw + (added.transpose(0, 1) if flipped else added).reshape(raw.shape)

        return edit

    def _edit_of_scale(self, entry: Entry, changes: list[Intervention]) -> Callable[[Tensor], Tensor]:
        raise SiteError(
            f"{entry.name} is computed inside the norm; to hold a norm's output fixed, Patch({entry.name[:-5]}out, ...)"
        )

    # --- attention

    def _watch(self, stack: contextlib.ExitStack) -> None:
        """See the attentions that are changed or kept."""
        seen_needed = {self.catalog[n].record for n in self.edits if self.catalog[n].kind in ("attention", "result")}
        seen_needed |= set(self.passage.records)
        seen_needed |= set().union(*(edge.records for edge in self.edges))
        by_function = False
        for record in seen_needed:
            heads = self.catalog.attentions[record]
            changes = {q: c for q in ATTENTION if (c := self._changes(f"{record}.{q}"))} if self.edits else {}
            self._attention[record] = changes
            module = submodule(self.model, heads.path)
            self._homes[module] = record
            if not heads.interface:
                by_function = True
                stack.callback(module.register_forward_pre_hook(self._entered(record)).remove)
                stack.callback(module.register_forward_hook(self._left, always_call=True).remove)
        if self._attention:
            stack.enter_context(interface_seen(self._attended))
        if by_function:
            stack.enter_context(FunctionsSeen(self._attended, lambda: self.at is not None, lambda: self._examples))

    def _changes(self, name: str) -> list[Intervention]:
        found = self.edits.get(name, [])
        return found if found and self.catalog[name].kind == "attention" else []

    def _entered(self, record: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any) -> None:
            self.at = record
            first = next((a for a in args if isinstance(a, Tensor)), None)
            self._examples = None if first is None else first.shape[0]

        return hook

    def _left(self, module: nn.Module, args: Any, output: Any) -> None:
        self.at = None

    def _attended(self, module: nn.Module | None, attention: Attention, compute: Callable[..., Any]) -> Any:
        record = self._homes.get(module) if module is not None else self.at
        if record is None or not acts(self):
            return compute()
        repeats = self.catalog.attentions[record].repeats
        attention = attention.grouped(repeats)
        for edge in self.edges:
            attention = edge.received(record, attention)
        changes = self._attention[record]
        if not changes and not self.edges:
            out, weights = compute()
        else:
            attention, out, weights = self._changed(record, attention, changes, compute)
        if weights is not None and self.capture is not None and self.capture.patterns == "keep":
            attention = replace(attention, weights=weights)
        if self.shadowing is None:
            self._keep(record, attention, out)
        return out, weights

    def _keep(self, record: str, attention: Attention, out: Tensor) -> None:
        """Store an attention: all of it where the run itself needs it, else what the trace wants, else nothing."""
        wanted = self.passage.records.get(record)
        if record in self._whole:
            self.records[record] = attention, out
        elif wanted is not None and self.capture is not None:
            self.records[record] = trimmed(attention, out, wanted, self.capture.patterns)

    def _changed(
        self, record: str, attention: Attention, changes: Mapping[str, list[Intervention]], compute: Callable[..., Any]
    ) -> tuple[Attention, Tensor, Tensor | None]:
        """Apply the changes at one attention; the model's own function computes it unless scores or pattern change."""

        def edit(quantity: str, value: Tensor) -> Tensor:
            found = changes.get(quantity)
            entry_name = f"{record}.{quantity}"
            return apply(found, entry_name, self.catalog[entry_name].axes, value, self.window) if found else value

        def per_head(tensor: Tensor, *quantities: str) -> Tensor:
            for quantity in quantities:
                window, found = self.window, changes.get(quantity)
                if not found:
                    continue
                if quantity in ("k", "rot_k", "v"):  # a cache hands over all keys from the first on
                    self.window = replace(window, offset=0)
                tensor = edit(quantity, tensor.transpose(1, 2)).transpose(1, 2)
                self.window = window
            return tensor

        query = per_head(attention.query, "q", "rot_q")
        key = per_head(attention.key, "k", "rot_k")
        value = per_head(attention.value, "v")
        attention = attention.revised(query, key, value)
        weights = None
        if changes.keys() & {"scores", "masked_scores", "pattern"}:
            self._check_editable(record, attention, changes)
            attention, out = attention.edited(edit)
            weights = attention.weights
        elif attention.masked is not None:  # hand-written attention: its pattern is known, its product is still to come
            out, _ = (
                compute()
                if not self._reads_changed(changes)
                else (attention.mix(attention.pattern()).transpose(1, 2), 0)
            )
        else:
            times = self.catalog.attentions[record].repeats
            if times > 1:
                key, value = key.repeat_interleave(times, dim=1), value.repeat_interleave(times, dim=1)
            out, weights = compute(query, key, value)
        return attention, edit("z", out), weights

    def _reads_changed(self, changes: Mapping[str, Any]) -> bool:
        return bool(changes.keys() & {"q", "k", "v", "rot_q", "rot_k"}) or bool(self.edges)

    def _check_editable(self, record: str, attention: Attention, changes: Mapping[str, Any]) -> None:
        entry = self.catalog[f"{record}.pattern"]
        assert entry.heads is not None
        if not entry.heads.reproduced:
            raise InterventionError(
                f"{record}.{next(iter(changes))} can't be changed: this model's attention does more than softmax(q k / "
                "sqrt(d) + mask) v, and what was recomputed does not explain its output; change attn.z or attn.v "
                "instead"
            )

    def results_source(self, record: str) -> Tensor:
        """`(batch, position, head, d_head)`: what the heads of an attention have mixed in this forward."""
        z = self.records[record][1]
        assert z is not None
        heads = self.catalog.attentions[record]
        return z if z.dim() == 4 else z.reshape(*z.shape[:2], heads.n_heads, -1)

    def changed(self, changes: Sequence[Intervention], entry: Entry, value: Tensor) -> Tensor:
        """A value with interventions applied."""
        return apply(changes, entry.name, entry.axes, value, self.window)

    def shape_of(self, entry: Entry) -> tuple[int, int] | None:
        """`(batch, position)` in the entry's stack, once its block has been entered."""
        if entry.block is None:
            return None
        raw = self.values.get(f"{entry.block.name}.resid_pre")
        if raw is None:
            return None
        shape = raw.shape[:2] if entry.stack is None or entry.stack.batch_first else raw.shape[1::-1]
        return int(shape[0]), int(shape[1])


def _sum_of(entry: Entry) -> tuple[str, str] | None:
    """`(stream before, writer)` of a stream inside a block that goes on as a sum."""
    if entry.block is None or entry.block.form != "sequential":
        return None
    if entry.quantity == "resid_mid":
        return "resid_pre", "attn_out"
    if entry.quantity == "resid_cross":
        return "resid_mid", "cross_out"
    return None


def _checked(interventions: Any) -> list[Intervention]:
    if isinstance(interventions, str) or not isinstance(interventions, (Intervention, Iterable)):
        raise InterventionError(f"interventions={interventions!r}; pass a list of Zero(...), Patch(...) and the like")
    given = [interventions] if isinstance(interventions, Intervention) else list(interventions)
    for item in given:
        if not isinstance(item, Intervention):
            raise InterventionError(
                f"interventions holds {item!r}; pass Zero(...), Patch(...), Steer(...) and the like, in a list"
            )
    return given


__all__ = ["Run"]
