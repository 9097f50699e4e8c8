"""A run of a transformer with every activation by name."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .architecture import Architecture, submodule
from .attention import Attention
from .errors import CaptureError, SiteError
from .names import Catalog, Entry, unknown, why_absent
from .norms import norm_scale
from .points import view
from .results import head_results, output_weight
from .tokens import Tokens

if TYPE_CHECKING:
    from .interventions import Intervention


class Trace:
    """What one run showed: tokens, logits, and activations under their usual names.

    Scores, patterns and results of heads are computed from what was captured when they are read, only for the part
    asked for. Values are views of what the model computed; do not write into them.

    Args:
        names: all names that can be read, in the order of the forward.
        values: tensors as they passed, by name.
        records: attentions, with what they mixed, by the name of the attention.
        axes: axes by name, for values that come from elsewhere.
        architecture: None for values that come from elsewhere.
        model: None for values that come from elsewhere.
        output: what the model returned.
        logits: `(batch, position, vocab)`, or `(batch, class)`; None if the model returned none.
        tokens: what the positions stand for; None if the inputs were no tokens.
        bytes: of what is kept, each storage counted once.
        catalog: what each name is.
        edited: attentions that interventions changed.
        intervened: the run was changed by interventions, or nothing is known of it.
    """

    def __init__(
        self,
        *,
        names: tuple[str, ...],
        values: Mapping[str, Tensor],
        records: Mapping[str, tuple[Attention, Tensor | None]] | None = None,
        axes: Mapping[str, tuple[str, ...]] | None = None,
        architecture: Architecture | None = None,
        model: nn.Module | None = None,
        output: Any = None,
        logits: Tensor | None = None,
        tokens: Tokens | None = None,
        bytes: int = 0,
        catalog: Catalog | None = None,
        edited: Collection[str] = (),
        intervened: bool = True,
    ) -> None:
        self.names = names
        self.architecture = architecture
        self.model = model
        self.output = output
        self.logits = logits
        self.tokens = tokens
        self.bytes = bytes
        self.intervened = intervened
        self._values = dict(values)
        self._records = dict(records or {})
        self._axes = dict(axes or {})
        self._catalog = catalog
        self._known = frozenset(names)
        self._weights: dict[str, Tensor] = {}
        self._stamps = self._stamped()
        self._edited = tuple(edited)
        self._verified: dict[str, str | None] = dict.fromkeys(edited)

    @classmethod
    def of_values(
        cls,
        values: Mapping[str, Tensor],
        tokens: Tokens | None = None,
        axes: Mapping[str, tuple[str, ...]] | None = None,
        logits: Tensor | None = None,
    ) -> Trace:
        """A trace of values from elsewhere, under our names, each with its axes."""
        size = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in values.values()}
        return cls(
            names=tuple(values), values=values, axes=axes, tokens=tokens, logits=logits, bytes=sum(size.values())
        )

    def __repr__(self) -> str:
        text = f"{len(self.names)} activations, {self.bytes / 2**20:,.1f} MiB"
        if self.tokens is not None:
            text = f"{tuple(self.tokens.ids.shape)} tokens, {text}"
        return f"Trace({'' if self.architecture is None else self.architecture.model_name + ', '}{text})"

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def keys(self) -> tuple[str, ...]:
        """All names, so that `dict(trace)` reads everything."""
        return self.names

    def __getstate__(self) -> dict[str, Any]:
        """Without the model and what it returned: values that are computed from weights can't be read afterwards."""
        return {**self.__dict__, "model": None, "output": None, "_stamps": {}, "_catalog": None, "_weights": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        from .names import catalog_of

        self.__dict__.update(state)
        if self.architecture is not None:
            self._catalog = catalog_of(self.architecture)

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __getitem__(self, name: str) -> Tensor:
        return self.read(name)

    def axes(self, name: str) -> tuple[str, ...]:
        """Names of the axes of an activation."""
        self._check(name)
        if name in self._axes:
            return self._axes[name]
        assert self._catalog is not None
        axes = self._catalog[name].axes
        value = self.logits if name == "logits" else self._values.get(name) if name == "unembed" else None
        return ("batch", "class") if value is not None and value.dim() == 2 else axes

    def shape(self, name: str) -> tuple[int, ...]:
        """Lengths of the axes of an activation; nothing is computed."""
        axes = self.axes(name)
        return tuple(self._length(name, axes, axis) for axis in axes)

    def size(self, axis: str) -> int:
        """Length of `"batch"` or `"position"`."""
        if axis not in ("batch", "position"):
            raise SiteError(f"size({axis!r}); pass 'batch' or 'position', or look at t[name].shape")
        for name in self._values:
            axes = self.axes(name) if name in self._known else ()
            if axis in axes and self._entry_is_plain(name):
                return int(self.read(name).shape[axes.index(axis)])
        for attention, _ in self._records.values():
            return int(attention.query.shape[0 if axis == "batch" else 2])
        if self.logits is not None and axis in ("batch", "position") and self.logits.dim() == 3:
            return int(self.logits.shape[0 if axis == "batch" else 1])
        raise SiteError(f"nothing in this trace has an axis {axis!r}")

    def _entry_is_plain(self, name: str) -> bool:
        return self._catalog is None or self._catalog[name].quantity not in ("pos_embed", "norm")

    def why(self, name: str) -> str:
        """Why a name can't be read from this trace; empty if it can."""
        if name in self._known:
            return ""
        if self._catalog is not None:
            if name in self._catalog:
                return "it was not captured: name it in capture=, if this forward passed it at all"
            found = why_absent(name, self._catalog)
            if found is not None:
                return found
        return str(unknown(name, self.names))

    def _check(self, name: str) -> None:
        if not isinstance(name, str):
            raise SiteError(
                f"a trace is read by name, not by {name!r}: t['blocks.0.attn.pattern'], t.read(name, head=3)"
            )
        if name in self._known:
            return
        tail = name.rpartition("*.")[2]
        if self._catalog is not None and any(known.endswith(f"blocks.0.{tail}") for known in self.names):
            raise SiteError(
                f"{name!r} is in every block: t.stack({tail!r}) gives all of them, and t['blocks.3.{tail}'] one"
            )
        if self._catalog is not None and (name in self._catalog or why_absent(name, self._catalog)):
            raise SiteError(f"{name} is not in this trace: {self.why(name)}")
        raise unknown(name, self.names)

    def read(self, name: str, **index: Any) -> Tensor:
        """A part of an activation.

        Args:
            name: of the activation.
            index: by the name of an axis: a number takes the axis away, a slice, list or tensor of numbers keeps it.

        Returns:
            The part; a view where nothing had to be computed.

        Raises:
            SiteError: for a name that is not in the trace, or an axis that it lacks.
        """
        axes = self.axes(name)
        if "head" in index and "head" not in axes and "kv_head" in axes:
            index["kv_head"] = index.pop("head")
        index = {axis: _number(given) for axis, given in index.items()}
        plan = {axis: _selection(axis, axes, name, given) for axis, given in index.items()}
        for axis, chosen in plan.items():
            _check_range(chosen, self._length(name, axes, axis), axis, name, index[axis])
        if name in self._axes:
            value = _take(self._values[name], axes, plan)
        elif name == "logits":
            assert self.logits is not None
            value = _take(self.logits, axes, plan)
        else:
            assert self._catalog is not None
            value = self._compute(self._catalog[name], axes, plan)
        for n in reversed(range(len(axes))):
            if isinstance(index.get(axes[n]), int):
                value = value.select(n, 0)
        return value

    def _length(self, name: str, axes: tuple[str, ...], axis: str) -> int:
        """How long an axis is, without computing anything."""
        if name in self._axes:
            return self._values[name].shape[axes.index(axis)]
        if name == "logits":
            assert self.logits is not None
            return self.logits.shape[axes.index(axis)]
        assert self._catalog is not None
        entry = self._catalog[name]
        if entry.kind in ("attention", "result"):
            attention, _ = self._records[entry.record]
            by_head = (attention.key if entry.quantity in ("k", "rot_k", "v") else attention.query).shape
            sizes = {"batch": by_head[0], "head": by_head[1], "kv_head": by_head[1], "position": by_head[2]}
            sizes |= {"query": attention.query.shape[2], "key": attention.key.shape[2]}
            sizes["d_head"] = attention.value.shape[-1] if entry.quantity in ("z", "v") else by_head[-1]
            sizes["d_model"] = self.architecture.d_model if self.architecture is not None else 0
            return sizes[axis]
        source = self._catalog[entry.source] if entry.kind == "scale" else entry
        value = view(source, self._values[source.name], self._shape(source))
        return value.shape[axes.index(axis)]

    def _need_model(self, entry: Entry) -> None:
        if self.model is None:
            raise CaptureError(
                f"{entry.name} is computed from the model's weights, and this trace came without its model; read it "
                "before saving the trace, or trace again"
            )

    def _check_weights(self, entry: Entry) -> None:
        """Weights that a value is computed from must be those of the run."""
        assert self.model is not None and entry.part is not None
        module = submodule(self.model, entry.part.path)
        if self._stamps and self._stamps[entry.name] != _stamp(module):
            raise CaptureError(
                f"{entry.name} is computed when it is read, from weights of {entry.part.path} that have changed since "
                "the trace was made; trace again, or read it before changing the model"
            )

    def _stamped(self) -> dict[str, tuple[Any, ...]]:
        """Versions of the weights that values are computed from."""
        if self.model is None or self._catalog is None:
            return {}
        return {name: _stamp(module) for name, module in self._catalog.computed(self.names, self.model)}

    def _compute(self, entry: Entry, axes: tuple[str, ...], plan: dict[str, Any]) -> Tensor:
        if entry.kind == "attention":
            return self._of_attention(entry, axes, plan)
        if entry.name in self._values and entry.kind == "result":  # an intervention put it there
            return _take(self._values[entry.name], axes, plan)
        if entry.kind == "result":
            z = self._records[entry.record][1]
            assert z is not None
            self._need_model(entry)
            self._check_weights(entry)
            part = {a: i for a, i in plan.items() if a != "d_model"}
            z = _take(_split(z, entry), ("batch", "position", "head", "d_head"), part)
            found = head_results(self._output_weight(entry), z, plan.get("head", slice(None)))
            return _take(found, axes, {a: i for a, i in plan.items() if a == "d_model"})
        if entry.kind == "scale":
            self._need_model(entry)
            assert self.model is not None and entry.part is not None
            self._check_weights(entry)
            assert self._catalog is not None
            source = self._catalog[entry.source]
            stream = view(source, self._values[source.name], self._shape(source))
            scale = norm_scale(self.model.get_submodule(entry.part.path), stream, entry.name)
            return _take(scale, axes, plan)
        return _take(view(entry, self._values[entry.name], self._shape(entry)), axes, plan)

    def _output_weight(self, entry: Entry) -> Tensor:
        """The output projection by heads, looked up once."""
        if entry.name not in self._weights:
            assert self.model is not None
            self._weights[entry.name] = output_weight(self.model, entry)
        return self._weights[entry.name]

    def _shape(self, entry: Entry) -> tuple[int, int] | None:
        if entry.block is None:
            return None
        raw = self._values.get(f"{entry.block.name}.resid_pre")
        if raw is None or raw.dim() != 3:
            return None
        first = entry.stack is None or entry.stack.batch_first
        return (raw.shape[0], raw.shape[1]) if first else (raw.shape[1], raw.shape[0])

    def _of_attention(self, entry: Entry, axes: tuple[str, ...], plan: dict[str, Any]) -> Tensor:
        attention, z = self._records[entry.record]
        quantity = entry.quantity
        if quantity == "z":
            assert z is not None
            return _take(_split(z, entry), axes, plan)
        if quantity in ("q", "rot_q"):
            return _take(attention.query.transpose(1, 2), axes, plan)
        if quantity in ("k", "rot_k"):
            return _take(attention.key.transpose(1, 2), axes, plan)
        if quantity == "v":
            return _take(attention.value.transpose(1, 2), axes, plan)
        part = (plan.get("batch", slice(None)), plan.get("head", slice(None)), plan.get("query", slice(None)))
        if (quantity == "pattern" and attention.weights is None) or (
            quantity == "masked_scores" and attention.masked is None
        ):
            self._verify(entry, attention, z)
        cells = getattr(attention, quantity)(*part)
        return _take(cells, axes, {a: i for a, i in plan.items() if a == "key"})

    def _verify(self, entry: Entry, attention: Attention, z: Tensor | None) -> None:
        """What is recomputed must explain what the layer returned in this very run, where that was kept too."""
        if entry.record not in self._verified:
            hollow = attention.value.numel() > 1 and attention.value.untyped_storage().nbytes() <= 8
            if z is None or hollow or z.dtype != attention.query.dtype or attention.weights is not None:
                self._verified[entry.record] = None
            else:
                error = attention.error(z)
                limit = {torch.float16: 2e-2, torch.bfloat16: 8e-2}.get(z.dtype, 1e-3)
                self._verified[entry.record] = None if error <= limit else f"{error:.2g}"
        found = self._verified[entry.record]
        if found is not None:
            raise CaptureError(
                f"{entry.name}: the pattern recomputed from query and key misses this layer's output by {found} of its "
                "size, so it isn't shown; load the model with attn_implementation='eager' and use "
                "Capture(patterns='keep') to read the pattern that the model computes itself"
            )

    def pattern_error(self, name: str) -> float | None:
        """How far the pattern recomputed from query and key is from explaining what its layer returned in this run.

        Args:
            name: of a pattern.

        Returns:
            The largest difference over a few queries, relative to the largest value; None where the pattern is the
            model's own, or the layer's output was not kept.
        """
        self._check(name)
        entry = None if self._catalog is None else self._catalog[name]
        if entry is None or entry.quantity != "pattern":
            return None
        attention, z = self._records[entry.record]
        return None if z is None or attention.weights is not None else attention.error(z)

    def examples(self, start: int, stop: int) -> Trace:
        """Some examples of a batch as a trace of their own; views of the same tensors."""
        rows, count = slice(start, stop), self.size("batch")

        def cut(name: str, raw: Tensor) -> Tensor:
            entry = self._catalog[name] if self._catalog is not None and name in self._catalog else None
            part = None if entry is None else entry.part
            if part is not None and part.position_first and raw.dim() == 3:
                return raw[:, rows]
            if part is not None and part.flat:
                return raw.reshape(count, -1, raw.shape[-1])[rows].reshape(-1, raw.shape[-1])
            return raw[rows] if raw.shape[0] == count else raw

        def whole(tensor: Tensor | None) -> Tensor | None:
            return tensor[rows] if tensor is not None and tensor.dim() > 1 and tensor.shape[0] == count else tensor

        tokens = self.tokens
        return Trace(
            names=self.names,
            values={name: cut(name, raw) for name, raw in self._values.items()},
            records={name: (attention.mapped(whole), whole(z)) for name, (attention, z) in self._records.items()},
            axes=self._axes,
            architecture=self.architecture,
            model=self.model,
            logits=whole(self.logits),
            tokens=None if tokens is None else tokens.rows(start, stop),
            bytes=self.bytes,
            catalog=self._catalog,
            edited=self._edited,
            intervened=self.intervened,
        )

    def graph(self, name: str) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """What autograd knows of an activation, for gradients of a trace made with `grad=True`.

        Returns:
            The tensor that passed through the model, and a function from its gradient to the gradient of the
            activation, in the activation's axes.

        Raises:
            SiteError: the activation is computed when read, so nothing in the model depends on it.
        """
        self._check(name)
        assert self._catalog is not None
        entry = self._catalog[name]
        if entry.kind == "tensor":
            scale = 1.0 if entry.block is None else entry.block.factors.get(entry.quantity, 1.0)
            return self._values[name], lambda slope: view(entry, slope, self._shape(entry)) / scale**2
        if entry.kind == "attention" and entry.quantity not in ("scores", "masked_scores", "pattern"):
            attention, z = self._records[entry.record]
            if entry.quantity == "z":
                assert z is not None
                return z, lambda slope: _split(slope, entry)
            field = {"q": "query", "k": "key", "v": "value"}[entry.quantity[-1]]
            tensor, back = attention.ends.get(field, (getattr(attention, field), None))
            return tensor, lambda slope: (slope if back is None else back(slope)).transpose(1, 2)
        raise SiteError(
            f"{name} is computed when it is read, so no gradient runs to it; take attn.z, attn.q, attn.k, attn.v or a "
            "tensor that passes through a module"
        )

    def stack(self, name: str, stack: str | None = None) -> Tensor:
        """One activation of all blocks, `(layer, ...)`.

        Args:
            name: without the block, `"resid_post"` or `"attn.pattern"`.
            stack: `"encoder"` or `"decoder"`; by default the one whose logits are read.
        """
        if self.architecture is not None:
            prefix = self.architecture.stack(stack).prefix
            count = len(self.architecture.stack(stack).blocks)
        else:
            prefix = f"{stack}." if stack else ""
            count = 1 + max(
                (int(n.split("blocks.")[1].split(".")[0]) for n in self.names if n.startswith(f"{prefix}blocks.")),
                default=-1,
            )
        if count == 0:
            raise SiteError(f"no blocks in this trace; names are {', '.join(self.names[:6])}")
        return torch.stack([self.read(f"{prefix}blocks.{i}.{name}") for i in range(count)])

    def items(self, *patterns: str) -> dict[str, Tensor]:
        """Activations whose names match one of the patterns (`*` for anything), all by default."""
        import fnmatch

        chosen = (
            self.names if not patterns else [n for n in self.names if any(fnmatch.fnmatchcase(n, p) for p in patterns)]
        )
        return {name: self.read(name) for name in chosen}


def trace(
    model: Any,
    inputs_or_text: Any,
    tokenizer: Any = None,
    *,
    capture: Any = "all",
    interventions: Sequence[Intervention] | Intervention = (),
    architecture: Architecture | None = None,
    grad: bool = False,
) -> Trace:
    """Run a transformer once and name every activation.

    Args:
        model: any `torch.nn.Module` whose attention can be seen (see `Architecture`), or a `Loaded`.
        inputs_or_text: a text or several (with a tokenizer), a tensor (the first argument: ids, pixels), a mapping of
            keyword arguments, or a tuple of arguments.
        tokenizer: a tokenizer of transformers or tokenizers, or anything with an `encode`.
        capture: `"all"`, names (which may hold `*`), a `Capture`, or None for the logits alone.
        interventions: what to change in the same run, applied in order.
        architecture: where the parts are; found and kept by default.
        grad: keep the graph, for gradients of what is captured.

    Returns:
        A `Trace`. The model runs in eval mode and is then as it was.

    Raises:
        TraceError: one of its kinds (`ArchitectureError`, `SiteError`, `InterventionError`, `CaptureError`).
    """
    from .interventions import Intervention
    from .prepare import prepared
    from .run import Run

    model, inputs, tokens = prepared(model, inputs_or_text, tokenizer)
    if architecture is None:
        from .discover import discover

        architecture = discover(model, inputs)
    changes = [interventions] if isinstance(interventions, Intervention) else interventions
    with Run(model, architecture, changes, "logits" if capture is None else capture, grad) as run:
        _, made = run.forward(inputs, tokens=tokens)
    assert made is not None
    return made


def _stamp(module: nn.Module) -> tuple[Any, ...]:
    """Tells whether a module's own parameters are the same ones and unchanged."""
    return tuple(
        ("meta", p.shape) if p.is_meta else (id(p), p._version, p.data_ptr(), p.dtype)  # offloaded: new ones every time
        for p in (module.parameters() if module._modules else module._parameters.values())
        if p is not None and not p.is_inference()
    )


def _split(z: Tensor, entry: Entry) -> Tensor:
    """`z` as `(batch, position, head, d_head)`: some models hand it on flattened."""
    heads = entry.heads
    assert heads is not None
    return z if z.dim() == 4 else z.reshape(*z.shape[:2], heads.n_heads, -1)


def _number(given: Any) -> Any:
    """A whole number of any kind (NumPy's, a tensor of one) as Python's; all else as it is."""
    if isinstance(given, bool) or (isinstance(given, Tensor) and given.dim() > 0):
        return given
    try:
        return operator.index(given)
    except TypeError:
        return given


def _selection(axis: str, axes: tuple[str, ...], name: str, given: Any) -> Any:
    """An index that keeps its axis."""
    if axis not in axes:
        raise SiteError(f"{name} has no axis {axis!r}; its axes are {axes}")
    if isinstance(given, bool):
        raise SiteError(f"{axis}={given}; pass a number, a slice or a list of numbers")
    if isinstance(given, int):
        return slice(given, given + 1 or None)
    if isinstance(given, slice):
        return given
    try:
        chosen = torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError):
        chosen = torch.tensor(0.5)
    if chosen.is_floating_point() or chosen.dtype == torch.bool or chosen.dim() > 1:
        raise SiteError(f"{axis}={given!r} at {name}; pass a number, a slice, or several whole numbers")
    return chosen.reshape(-1)


def _take(value: Tensor, axes: tuple[str, ...], plan: Mapping[str, Any]) -> Tensor:
    """The part of a tensor, axes kept."""
    for n, axis in enumerate(axes):
        chosen = plan.get(axis)
        if chosen is None:
            continue
        value = value[(slice(None),) * n + (chosen.to(value.device) if isinstance(chosen, Tensor) else chosen,)]
    return value


def _check_range(chosen: Any, size: int, axis: str, name: str, given: Any) -> None:
    """Numbers must lie on the axis; slices may run over its ends, as in Python."""
    numbers = [given] if isinstance(given, int) else chosen.tolist() if isinstance(chosen, Tensor) else []
    for number in numbers:
        if not -size <= number < size:
            raise SiteError(
                f"{axis} {number} at {name} is out of range: there are {size}, so pass {-size} to {size - 1}"
            )


__all__ = ["Trace", "trace"]
