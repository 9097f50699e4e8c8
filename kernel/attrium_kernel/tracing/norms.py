"""The scale that a norm divides by, from what it was given."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .errors import CaptureError
from .weights import in_memory


def norm_scale(module: nn.Module, stream: Tensor, name: str) -> Tensor:
    """What a layer norm or RMS norm divides by: `sqrt(variance + eps)` or `sqrt(mean square + eps)`.

    Which of the two a norm is shows in what it does: a layer norm takes no notice of a constant added to all features.

    Args:
        module: the norm.
        stream: `(batch, position, d_model)` what it was given.
        name: for the error.

    Returns:
        `(batch, position)`, float32 at least.

    Raises:
        CaptureError: it is neither, or its weights are nowhere in memory.
    """
    with in_memory(module):
        if any(p.is_meta for p in module.parameters(recurse=False)):
            raise CaptureError(
                f"{name}: the weights of its {type(module).__name__} are not in memory (meta device: not loaded, or "
                "offloaded); load the model without offloading this part"
            )
        return _scale(module, stream, name)


def _scale(module: nn.Module, stream: Tensor, name: str) -> Tensor:
    wide = stream.float() if stream.dtype in (torch.float16, torch.bfloat16) else stream
    given = next((getattr(module, n) for n in ("eps", "variance_epsilon", "epsilon") if hasattr(module, n)), 0.0)
    eps = torch.finfo(stream.dtype).eps if given is None else float(given)
    bias = getattr(module, "bias", None)  # before a forward, which sends offloaded weights away again
    centred = wide - wide.mean(-1, keepdim=True) if _centres(module, stream) else wide
    scale = (centred.square().mean(-1) + eps).sqrt()
    _check(module, stream, centred / scale.unsqueeze(-1), bias, name)
    return scale


def _centres(module: nn.Module, stream: Tensor) -> bool:
    """Whether a constant added to all features changes nothing."""
    if isinstance(module, nn.LayerNorm):
        return True
    with torch.no_grad():
        few = stream.reshape(-1, stream.shape[-1])[:2]
        size = few.abs().max() + 1
        plain, moved = module.forward(few), module.forward(few + size)
        return bool((plain - moved).abs().max() <= 1e-2 * (plain.abs().max() + 1e-6))


def _check(module: nn.Module, stream: Tensor, normed: Tensor, bias: object, name: str) -> None:
    """The norm must be this division and then one factor and one summand for each feature."""
    with torch.no_grad():
        rows = normed.reshape(-1, normed.shape[-1])[:2]
        if len(rows) < 2:
            return
        out = module.forward(stream.reshape(-1, stream.shape[-1])[:2]).to(rows.dtype)
        if isinstance(bias, Tensor):
            out = out - bias.to(out.device, out.dtype)
        cross = out[0] * rows[1] - out[1] * rows[0]
        slack = 5e-2 if stream.dtype in (torch.float16, torch.bfloat16) else 1e-3
        if float(cross.abs().max()) > slack * float((out[0] * rows[1]).abs().max() + 1e-6):
            raise CaptureError(
                f"{name}: {type(module).__name__} is neither a layer norm nor an RMS norm with one factor a feature, "
                "so it has no single scale"
            )
