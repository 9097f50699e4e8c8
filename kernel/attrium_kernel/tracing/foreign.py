"""Traces of activations that another library saved: TransformerLens, nnsight, `output_attentions`, hooks by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .architecture import Architecture
from .errors import CaptureError, SiteError
from .names import CELLS, HEADS, STREAM, Catalog
from .points import view
from .tokens import Tokens
from .trace import Trace

KEYS = ("batch", "position", "kv_head", "d_head")
NEURONS = ("batch", "position", "d_mlp")
VOCAB = ("batch", "position", "vocab")
AXES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("embed", "pos_embed", "resid_pre", "resid_mid", "resid_cross", "resid_post"), STREAM),
    **dict.fromkeys(("attn_out", "cross_out", "mlp_out", "out"), STREAM),
    **dict.fromkeys(("q", "rot_q", "z"), HEADS),
    **dict.fromkeys(("k", "rot_k", "v"), KEYS),
    **dict.fromkeys(("scores", "masked_scores", "pattern"), CELLS),
    **dict.fromkeys(("mlp.pre", "mlp.pre_linear", "mlp.post"), NEURONS),
    **dict.fromkeys(("unembed", "logits"), VOCAB),
    "result": ("batch", "position", "head", "d_model"),
    "scale": ("batch", "position"),
    "mlp.router": ("batch", "position", "expert"),
}
"""Axes by the last part of a name."""

WHOLE = re.compile(
    r"((encoder|decoder)\.)?((embed|pos_embed|unembed|logits|ln_final\.(scale|out))|blocks\.\d+\.("
    r"resid_(pre|mid|cross|post)|(attn|cross|mlp)_out|ln(1|2|_cross)(_post)?\.(scale|out)|"
    r"(attn|cross)\.(q|k|v|rot_q|rot_k|scores|masked_scores|pattern|z|result|out)|mlp\.(pre|pre_linear|post|router)))"
)
"""Names of a trace."""


def from_transformer_lens(cache: Any, tokens: Tokens | Sequence[str] | None = None) -> Trace:
    """A trace of what TransformerLens cached.

    Args:
        cache: an `ActivationCache`, or any mapping of hook names to tensors, of `HookedTransformer` (up to version 3)
            or of `TransformerBridge`, also of encoder-decoders. Names that have no counterpart are left out.
        tokens: of the run, or one string for each position.

    Raises: `CaptureError` if no name is known.
    """
    given = {str(name): _tensor(str(name), value) for name, value in _items(cache, "a cache")}
    values: dict[str, Tensor] = {}
    for hook, value in given.items():
        name = _of_hook(hook)
        if name is not None and name not in values:
            values[name] = value
    for hook in given:  # of two hooks for one name, the one below is what we mean
        if (better := PREFERRED.search(hook)) and (name := _of_hook(hook)):
            values[name] = given[hook] if better else values[name]
    if not values:
        raise CaptureError(
            f"none of the {len(given)} names is a hook of TransformerLens: {', '.join(list(given)[:4])}, ...; pass what "
            "model.run_with_cache(...) returns second, or use from_values for other names"
        )
    _repair(given, values)
    return _trace(values, {}, tokens)
