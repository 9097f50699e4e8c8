"""One run of one model on one input, with the attention that it shows and what stands at each position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from attrium_kernel.tracing import Trace

from ..errors import LengthError
from ..naming import names_of
from .kinds import Kind, kinds_of
from .patches import Patches

Strings = Sequence[str]


@dataclass(frozen=True, eq=False)
class Run:
    """One example of a trace.

    Args:
        label: what a reader calls it.
        trace: holds patterns, and scores and values if they can be shown.
        example: which of its batch.
        kinds: by name.
        queries, keys: strings of the positions, by kind.
        real: by kind, a bool for each key: not padding.
        patches: how a picture was cut, or None.
        named: whether the strings are tokens or patches, not mere numbers.
        heads: by kind, for each of its layers, what its heads are called.
    """

    label: str
    trace: Trace
    example: int
    kinds: Mapping[str, Kind]
    queries: Mapping[str, tuple[str, ...]]
    keys: Mapping[str, tuple[str, ...]]
    real: Mapping[str, tuple[bool, ...]] = field(default_factory=dict)
    patches: Patches | None = None
    named: bool = True
    heads: Mapping[str, list[list[str]]] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Any]:
        """As the screen has it."""
        queries = {kind: list(strings) for kind, strings in self.queries.items()}
        keys = {kind: list(strings) for kind, strings in self.keys.items()}
        heads = {"heads": dict(self.heads)} if self.heads else {}
        return {"label": self.label, "queries": queries, "keys": keys, **heads}

    def read(self, kind: Kind, layer: int, quantity: str, heads: slice, queries: slice | Tensor) -> Tensor:
        """`(head, query, key)` of what is asked for, in the model's own dtype; nothing else is computed."""
        name = kind.site(layer, quantity)
        with torch.no_grad():
            return self.trace.read(name, batch=self.example, head=heads, query=queries)

    def sink(self, kind: Kind) -> int:
        """The first key that is not padding, where heads rest."""
        real = self.real.get(kind.name, ())
        return real.index(True) if True in real else 0


def make_run(
    trace: Trace,
    label: str,
    *,
    example: int = 0,
    tokens: Strings | None = None,
    decoder_tokens: Strings | None = None,
    own_tokens: Strings | None = None,
    patches: Patches | None = None,
    names: Mapping[str, Any] | None = None,
) -> Run:
    """A run of a trace, its positions named by what is given, by the trace's own tokens, or by numbers.

    Args:
        trace: of one input or several.
        label: what a reader calls it.
        example: which input.
        tokens: strings of the first stack's positions.
        decoder_tokens: strings of an encoder-decoder's decoder.
        own_tokens: strings of the trace's ids, for want of `tokens`, where they fit; None for its own.
        patches: how the picture was cut.
        names: of heads, instead of the model's own: see `names_of`.

    Raises:
        DataError: if there is no attention in it.
        LengthError: if given strings are not as many as the positions, or there is no such example.
    """
    kinds = kinds_of(trace)
    first = next(iter(kinds.values()))
    count = trace.shape(first.site(first.layers[0], "pattern"))[0]
    if not 0 <= example < count:
        raise LengthError(f"example={example}, but the trace has {count}; pass 0 <= example < {count}")
    own = trace.tokens if trace.tokens is not None and example < len(trace.tokens.strings) else None
    own_tokens = own.strings[example] if own_tokens is None and own is not None else own_tokens
    read = _Side(own_tokens if tokens is None else tokens, tokens is not None, patches)
    written = _Side(decoder_tokens, decoder_tokens is not None, None)
    decoders = {kind.stack for kind in kinds.values() if kind.role == "cross"}
    mask = own.mask[example].tolist() if own is not None and own.mask is not None else []
    queries: dict[str, tuple[str, ...]] = {}
    keys: dict[str, tuple[str, ...]] = {}
    real: dict[str, tuple[bool, ...]] = {}
    for kind in kinds.values():
        side = written if kind.stack in decoders else read
        seen = read if kind.role == "cross" else side
        keys[kind.name] = seen.names(kind, "keys", kind.keys)
        queries[kind.name] = side.late(kind).names(kind, "queries", kind.queries)
        if seen is read and len(mask) == kind.keys:
            real[kind.name] = tuple(mask)
    named = any(not name.isdigit() for names in (*queries.values(), *keys.values()) for name in names)
    heads = _head_names(trace, kinds, names)
    return Run(label, trace, example, kinds, queries, keys, real, patches, named, heads)


def _head_names(trace: Trace, kinds: Mapping[str, Kind], given: Mapping[str, Any] | None) -> dict[str, list[list[str]]]:
    """Names of the heads of the stack that is the model's main one, or the only one."""
    blocks = names_of(trace.model, given).get("heads", [])
    main = trace.architecture.main.name if trace.architecture is not None else ""
    found: dict[str, list[list[str]]] = {}
    for kind in kinds.values():
        if kind.role == "attn" and kind.stack == main:
            layers = [blocks[layer] if layer < len(blocks) else [] for layer in kind.layers]
            fit = [names if len(names) <= heads else [] for names, heads in zip(layers, kind.heads)]
            if any(map(any, fit)):
                found[kind.name] = fit
    return found


@dataclass(frozen=True)
class _Side:
    """What may name the positions of a stack.

    Args:
        given: strings.
        sure: the user gave them, so they must fit.
        patches: of a picture.
    """

    given: Strings | None
    sure: bool
    patches: Patches | None

    def late(self, kind: Kind) -> _Side:
        """The last of the keys, where queries go on from cached ones."""
        if self.given is None or kind.role == "cross" or len(self.given) != kind.keys:
            return self
        return _Side(self.given[kind.keys - kind.queries :], self.sure, self.patches)

    def names(self, kind: Kind, what: str, count: int) -> tuple[str, ...]:
        """One string for each position."""
        if self.given is not None and len(self.given) == count:
            return tuple(map(str, self.given))
        if self.given is not None and self.sure:
            raise LengthError(
                f"there are {len(self.given)} tokens for {count} {what} of {kind.title.lower()}; pass one string for "
                "each position, tokens= for what the encoder (or the only stack) reads, decoder_tokens= for a decoder"
            )
        if self.patches is not None and self.patches.count == count:
            return self.patches.names
        return tuple(map(str, range(count)))
