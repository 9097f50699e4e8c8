"""Any tensor as a NumPy array, without a copy where its memory can be shared."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from .errors import DtypeError

Dtype = Literal["uint8", "float32", "int32"]
DTYPES: dict[Dtype, str] = {"uint8": "<u1", "float32": "<f4", "int32": "<i4"}
"""What travels to the screen, and how its bytes lie."""


def to_numpy(tensor: Any) -> npt.NDArray[Any]:
    """A real array of numbers or booleans, detached and on the CPU.

    Raises:
        DtypeError: for complex numbers, objects or text.
    """
    array = _torch_to_numpy(tensor) if isinstance(tensor, torch.Tensor) else np.asarray(tensor)
    if array.dtype.kind not in "biuf":
        raise DtypeError(
            f"an array of {array.dtype} cannot be drawn; pass real numbers (for complex ones, .abs() or .real)"
        )
    return array


def _torch_to_numpy(tensor: torch.Tensor) -> npt.NDArray[Any]:
    tensor = tensor.detach().cpu().resolve_neg()
    if tensor.is_complex():
        raise DtypeError(f"a tensor of {tensor.dtype} cannot be drawn; pass .abs(), .angle(), .real or .imag")
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    if tensor.is_floating_point() and tensor.dtype not in (torch.float32, torch.float64):
        tensor = tensor.float()  # NumPy has no bfloat16 or float8
    array: npt.NDArray[Any] = tensor.numpy()
    return array
