"""Where attention is seen while a model runs: the attention interface of transformers, and torch's own functions.

Each way calls back with an `Attention` before it is computed; the callback computes it (with the model's own function,
or edited) and returns what the model goes on with.
"""

from __future__ import annotations

import contextlib
import math
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
import torch.nn.functional as F  # torch's own habit
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .attention import Attention
from .handwritten import Handwritten, four, leading


class Seen(Protocol):
    """What is told of every attention.

    Args:
        module: the module that called it, or None where only the function was seen.
        attention: what it was given.
        compute: gives `(batch, query, head, d_value)`-shaped output as the model's own function computes it, and the
            pattern if that function hands it out.

    Returns:
        `(output, pattern or None)` for the model to go on with.
    """

    def __call__(  # noqa: D102  # the class says it
        self, module: nn.Module | None, attention: Attention, compute: Callable[..., tuple[Tensor, Tensor | None]]
    ) -> tuple[Tensor, Tensor | None]: ...


_here = threading.local()
_patch = threading.Lock()
_patched: dict[str, Any] = {"count": 0, "original": None}


@contextlib.contextmanager
def interface_seen(seen: Seen) -> Iterator[None]:
    """While active, attention that goes through the interface of transformers in this thread is told to `seen`.

    The interface's lookup is wrapped rather than an implementation registered: the model's configuration stays as it
    is, masks are made for the implementation that it names, and that very function computes the output.
    """
    library = sys.modules.get("transformers.modeling_utils")
    if library is None:
        yield
        return
    before = getattr(_here, "seen", None)
    _here.seen = seen
    _install(library.AttentionInterface)
    try:
        yield
    finally:
        _here.seen = before
        _uninstall(library.AttentionInterface)


def _install(interface: Any) -> None:
    with _patch:
        if _patched["count"] == 0:
            original = _patched["original"] = interface.get_interface
            interface.get_interface = lambda self, name, default: _looked_up(original(self, name, default), default)
        _patched["count"] += 1


def _uninstall(interface: Any) -> None:
    with _patch:
        _patched["count"] -= 1
        if _patched["count"] == 0:
            interface.get_interface = _patched["original"]


def _looked_up(function: Callable[..., Any], default: Callable[..., Any]) -> Callable[..., Any]:
    """The function that was looked up, told to this thread's `seen` if it has one."""
    seen: Seen | None = getattr(_here, "seen", None)
    if seen is None:
        return function

    def told(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, *rest: Any, **kwargs: Any) -> Any:
        mask = rest[0] if rest else kwargs.get("attention_mask")
        attention = _from_interface(module, query, key, value, mask, function is default, kwargs)

        def compute(query: Tensor = query, key: Tensor = key, value: Tensor = value) -> Any:
            with unseen():
                return function(module, query, key, value, *rest, **kwargs)

        return seen(module, attention, compute)

    return told


def _from_interface(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Any, eager: bool, kwargs: dict[str, Any]
) -> Attention:
    scaling = kwargs.get("scaling")
    is_causal = kwargs.get("is_causal")
    sinks = kwargs.get("s_aux", kwargs.get("sinks"))
    if sinks is None:
        sinks = getattr(module, "sinks", None)
    return Attention(
        query,
        key,
        value,
        mask=mask if isinstance(mask, Tensor) else None,
        scaling=query.shape[-1] ** -0.5 if scaling is None else float(scaling),
        softcap=kwargs.get("softcap"),
        bias=kwargs.get("position_bias"),
        sinks=sinks,
        causal=not eager
        and mask is None
        and query.shape[2] > 1
        and bool(getattr(module, "is_causal", True) if is_causal is None else is_causal),
    )


@contextlib.contextmanager
def unseen() -> Iterator[None]:
    """While active, torch functions of this thread are not watched: the model's own attention is one thing."""
    before = getattr(_here, "unseen", False)
    _here.unseen = True
    try:
        yield
    finally:
        _here.unseen = before


@contextlib.contextmanager
def acting(run: object | None) -> Iterator[None]:
    """While active, hooks of this run act in this thread, and those of no other: a function given by the user may call
    the model, or trace it, and another thread may run it plainly.
    """
    before = getattr(_here, "run", None)
    _here.run = run
    try:
        yield
    finally:
        _here.run = before


def acts(run: object) -> bool:
    """Whether hooks of a run act now in this thread."""
    return getattr(_here, "run", None) is run


class FunctionsSeen(TorchFunctionMode):
    """Tells `seen` of attention by torch's own functions, and of a softmax between two products.

    Seen are `scaled_dot_product_attention`, `multi_head_attention_forward` (by which `nn.MultiheadAttention` and
    `nn.TransformerEncoder` run), and hand-written attention: a softmax over the last axis of a matrix product, whose
    result is multiplied by another tensor.

    Args:
        seen: told of each attention.
        inside: whether to look at all now.
        batch: examples in the module that is running, or None: tells what a single leading axis stands for.
    """

    def __init__(
        self, seen: Seen, inside: Callable[[], bool] = lambda: True, batch: Callable[[], int | None] = lambda: None
    ) -> None:
        super().__init__()
        self.seen = seen
        self.inside = inside
        self.batch = batch
        self.written = Handwritten(seen, batch)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(_here, "unseen", False) or not self.inside():
            return func(*args, **kwargs)
        if func is F.scaled_dot_product_attention:
            return self._product(*args, **kwargs)
        if func is F.multi_head_attention_forward:
            with self:
                return multi_head(*args, **kwargs)
        return self.written(func, args, kwargs)

    def _product(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        shape = query.shape
        lead = leading(query, self.batch())
        attention = Attention(
            four(query, lead),
            four(key, lead),
            four(value, lead),
            mask=attn_mask if attn_mask is None else four(attn_mask, lead),
            scaling=query.shape[-1] ** -0.5 if scale is None else scale,
            causal=is_causal,
        )

        def compute(
            query: Tensor = attention.query, key: Tensor = attention.key, value: Tensor = attention.value
        ) -> Any:
            extra = {"enable_gqa": True} if enable_gqa else {}
            mask = attention.mask if query.dim() == 4 else attn_mask
            out = F.scaled_dot_product_attention(query, key, value, mask, dropout_p, is_causal, scale=scale, **extra)
            return out.transpose(1, 2), None

        out, _ = self.seen(None, attention, compute)
        return out.transpose(1, 2).reshape(*shape[:-1], value.shape[-1])


def multi_head(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """What `torch.nn.functional.multi_head_attention_forward` computes, in steps that can be seen.

    Its arguments, its shapes `(position, batch, d_model)`, its results, but one product attention in the middle.
    """
    if bias_k is not None or bias_v is not None or add_zero_attn or static_k is not None or static_v is not None:
        from .errors import ArchitectureError

        raise ArchitectureError(
            "nn.MultiheadAttention with bias_k, bias_v, add_zero_attn or static keys has keys that no token stands "
            "for; tracing needs add_bias_kv=False and add_zero_attn=False"
        )
    single = query.dim() == 2
    if single:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
    weights = in_proj_weight.chunk(3) if in_proj_weight is not None else (q_proj_weight, k_proj_weight, v_proj_weight)
    biases = in_proj_bias.chunk(3) if in_proj_bias is not None else (None, None, None)
    given = zip((query, key, value), weights, biases)
    q, k, v = (_heads(F.linear(t, w, b), num_heads) for t, w, b in given)  # type: ignore[arg-type]
    mask = _joined_mask(attn_mask, key_padding_mask, q, k.shape[2])
    kept: list[Tensor] = []
    out = F.scaled_dot_product_attention(q, k, v, mask, dropout_p if training else 0.0)
    if need_weights:
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        kept.append((scores if mask is None else scores + mask).softmax(-1))
    batch, heads, n, d = out.shape
    flat = out.permute(2, 0, 1, 3).reshape(n, batch, heads * d)
    result = F.linear(flat, out_proj_weight, out_proj_bias)
    shown = (kept[0].mean(dim=1) if average_attn_weights else kept[0]) if kept else None
    if single:
        return result.squeeze(1), None if shown is None else shown.squeeze(0)
    return result, shown


def _heads(flat: Tensor, heads: int) -> Tensor:
    n, batch, width = flat.shape
    return flat.view(n, batch, heads, width // heads).permute(1, 2, 0, 3)


def _joined_mask(attn_mask: Tensor | None, padding: Tensor | None, q: Tensor, keys: int) -> Tensor | None:
    """One mask to add, `(batch or 1, head or 1, query, key)`; in torch's masks True means hidden."""
    mask = None if attn_mask is None else _to_add(attn_mask, q)
    if mask is not None and mask.dim() == 3:
        mask = mask.view(q.shape[0], -1, *mask.shape[1:]) if mask.shape[0] != 1 else mask[None]
    if padding is not None:
        hidden = _to_add(padding, q).view(-1, 1, 1, keys)
        mask = hidden if mask is None else mask + hidden
    return mask if mask is None else mask[(None,) * (4 - mask.dim())]


def _to_add(mask: Tensor, like: Tensor) -> Tensor:
    if mask.dtype != torch.bool:
        return mask.to(like.dtype)
    return torch.zeros_like(mask, dtype=like.dtype).masked_fill_(mask, float("-inf"))
