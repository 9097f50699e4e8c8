"""From the residual stream to the logits: the model's own last norm, unembedding, and what follows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from attrium_kernel.running import untouched

from ..architecture import Architecture
from ..errors import SiteError
from ..trace import Trace
from ..weights import Weights
from .frozen import tolerance
from .places import architecture_of, model_of

PLACES_CHECKED = 8
"""Places of a trace at which the readout is compared with what the model did."""


@dataclass(frozen=True)
class Readout:
    """The map from a vector of the stream to logits, made of the model's own modules.

    `logits(x) = tail(unembed(factor * norm(x)))`, where `tail(u) = cap * tanh(scale * u / cap)`, or `scale * u` without
    a cap, plus a constant `shift` for each token.

    Args:
        norm: the norm after the last block; None without one.
        unembed: the module that gives the logits.
        weight, bias: of the unembedding, `(d_model, vocab)` and `(vocab,)` or None.
        factor: between norm and unembedding (T5 with tied embeddings), usually 1.
        scale: after the unembedding (Cohere, Granite), usually 1.
        cap: softcap of the logits (Gemma 2), or None.
        shift: `(vocab,)` added last (BART), or None.
        first: the position of the stream that the first logits belong to, where the model reads out only some.
        pooled: the logits have no position axis; they are read at position `first` (a classification token).
    """

    norm: nn.Module | None
    unembed: nn.Module
    weight: Tensor
    bias: Tensor | None
    factor: float = 1.0
    scale: float = 1.0
    cap: float | None = None
    shift: Tensor | None = None
    first: int = 0
    pooled: bool = False

    @classmethod
    def of(cls, trace: Trace) -> Readout:
        """Find the map, and check it against the trace at a few places.

        Raises: `SiteError` for a model whose logits do not come from its stream this way; says why.
        """
        model = model_of(trace)
        architecture = architecture_of(trace)
        if architecture.unembed is None:
            raise SiteError(f"{architecture.model_name} has no unembedding, so its stream stands for no logits")
        norm = architecture.main.ln_final
        weights = Weights(model, architecture)
        bare = cls(
            None if norm is None else model.get_submodule(norm.path),
            model.get_submodule(architecture.unembed.path),
            weights.W_U,
            weights.b_U,
        )
        last = trace[last_of_stream(architecture)]
        seen, logits = unembedded(trace), trace["logits"]
        with torch.no_grad(), untouched(model, False):
            for first, pooled in _alignments(last, seen):
                x = _some_places(last[:, first] if pooled else last[:, first:])
                u = _some_places(seen)
                factor, error = _factor(bare, x, u)
                if error <= tolerance(u.dtype):
                    found = replace(bare, factor=factor, first=first, pooled=pooled)
                    return (
                        _with_tail(found, model, u, _some_places(logits).to(u.device))
                        if logits.shape == seen.shape
                        else found
                    )
        raise SiteError(
            f"The logits of {architecture.model_name} are not its unembedding ({architecture.unembed.path}) of its "
            f"last stream {'after ' + norm.path if norm else 'as it is'}: the model does something else in between, or "
            "the trace was changed there by an intervention. Lenses and direct logits need that map"
        )

    @property
    def plain(self) -> bool:
        """Whether the model's logits are those of its unembedding."""
        return self.cap is None and self.shift is None and self.scale == 1

    def logits(self, resid: Tensor) -> Tensor:
        """`(..., d_model)` -> `(..., vocab)` in float32, on the model's device."""
        return self.tail(self.unembedded(resid).float())

    @property
    def dtype(self) -> torch.dtype:
        """Of the model here."""
        return self._like.dtype

    @property
    def _like(self) -> Tensor:
        return next(p for module in (self.norm, self.unembed) if module is not None for p in module.parameters())

    def unembedded(self, resid: Tensor) -> Tensor:
        """`(..., d_model)` -> `(..., vocab)`: before a scale or softcap of the logits."""
        out: Tensor = self.unembed(self._normed(resid).to(self.weight.device))
        return out

    def token_logits(self, resid: Tensor, ids: Tensor) -> Tensor:
        """`(rows, d_model)` and one id for each row -> `(rows,)` logits, without those of other tokens."""
        normed, ids = self._normed(resid).to(self.weight.device).float(), ids.to(self.weight.device)
        out = (normed * self.weight.T[ids].float()).sum(-1)
        out = out if self.bias is None else out + self.bias[ids].float()
        shift = None if self.shift is None else self.shift.to(ids.device)[ids]
        return replace(self, shift=shift).tail(out)

    def _normed(self, resid: Tensor) -> Tensor:
        resid = resid.to(self._like.device, self._like.dtype)
        normed: Tensor = resid if self.norm is None else self.norm(resid)
        return normed if self.factor == 1 else normed * self.factor

    def tail(self, unembedded: Tensor) -> Tensor:
        """What the model does to the output of its unembedding, `(..., vocab)`."""
        out = unembedded if self.scale == 1 else unembedded * self.scale
        out = out if self.cap is None else self.cap * torch.tanh(out / self.cap)
        return out if self.shift is None else out + self.shift.to(out.device)


def unembedded(trace: Trace) -> Tensor:
    """What the unembedding gave: `(batch, position, vocab)`, or `(batch, class)`."""
    seen = trace["unembed"]
    return seen.reshape(-1, seen.shape[-1]) if len(trace.axes("unembed")) == 2 else seen


def last_of_stream(architecture: Architecture) -> str:
    """The name of what the final norm, or the unembedding, receives."""
    block = architecture.main.blocks[-1]
    return f"{block.name}.{'ln2.out' if block.form == 'post-norm' else 'resid_post'}"


def _alignments(last: Tensor, seen: Tensor) -> Iterator[tuple[int, bool]]:
    """Which positions the logits may belong to: `(first, pooled)`."""
    if seen.dim() == last.dim():
        yield last.shape[1] - seen.shape[1], False
    else:
        yield from ((0, True), (last.shape[1] - 1, True))


def _some_places(tensor: Tensor) -> Tensor:
    """`(batch[, position], features)` -> `(places, features)`: a few places of the trace, the last among them."""
    n = tensor.shape[:-1].numel()
    rows = torch.linspace(0, n - 1, min(n, PLACES_CHECKED)).round().long().to(tensor.device)
    return tensor.reshape(n, -1)[rows]


def _factor(bare: Readout, resid: Tensor, seen: Tensor) -> tuple[float, float]:
    """The factor between norm and unembedding, and how far the map is then from what was seen (relative)."""
    try:
        out = bare.unembedded(resid).float()
    except RuntimeError:  # widths differ: a projection stands in between
        return 1.0, float("inf")
    seen = seen.to(out.device).float()
    bias = torch.zeros_like(out[0]) if bare.bias is None else bare.bias.float()
    factor = float(((out - bias) * (seen - bias)).sum() / (out - bias).square().sum().clamp(min=1e-30))
    if abs(factor - 1) <= tolerance(bare.dtype):
        factor = 1.0
    error = ((out - bias) * factor + bias - seen).abs().amax() / seen.abs().amax().clamp(min=1e-30)
    return factor, float(error)


def _with_tail(readout: Readout, model: nn.Module, seen: Tensor, logits: Tensor) -> Readout:
    """With what stands between the output of the unembedding and the logits that the model returned."""
    seen, wide = seen.float(), logits.float()
    allowed = tolerance(logits.dtype) * wide.abs().amax()
    for cap in (None, *_softcaps(getattr(model, "config", None))):
        before = wide if cap is None else cap * torch.atanh((wide / cap).clamp(-1 + 1e-6, 1 - 1e-6))
        fitted = float((seen * before).sum() / seen.square().sum().clamp(min=1e-30))
        for scale in (1.0, fitted):
            found = replace(readout, scale=scale, cap=cap)
            if (found.tail(seen) - wide).abs().amax() <= allowed:
                return found
    shift = (wide - seen).mean(0)
    if len(seen) > 1 and (seen + shift - wide).abs().amax() <= allowed:
        return replace(readout, shift=shift)
    raise SiteError(
        "The logits that the model returned are neither the output of its unembedding, nor that times or plus "
        "constants, nor a softcap that its config names: so a lens would not show what the model says"
    )


def _softcaps(config: Any) -> list[float]:
    """Softcaps that a configuration names, also in the part of it that is about text."""
    if config is None:
        return []
    settings = {**vars(config), **vars(getattr(config, "text_config", None) or config)}
    return [float(v) for k, v in settings.items() if "softcap" in k and isinstance(v, (int, float)) and v > 0]
