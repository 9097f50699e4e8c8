"""A tensor as a file that a reader takes away."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from attrium_kernel.arrays import make_frame

from .channel import Answer
from .errors import AttriumError


def download(values: npt.NDArray[Any], name: str, form: Any) -> Answer:
    """The frame `file` with the bytes of a CSV (one row per line of the last axis) or NPZ, and the fact `name`.

    Args:
        values: any shape; a CSV has one line for each row of the last axis.
        name: of the tensor; the key inside an NPZ, and the stem of the file's name.
        form: "csv" or "npz".

    Raises:
        AttriumError: for another form, or no values.
    """
    if values.size == 0:
        raise AttriumError(f"the region of {name} is empty; pass start < stop for each axis")
    file = io.BytesIO()
    if form == "npz":
        arrays: dict[str, Any] = {name.replace("/", "."): values}
        np.savez_compressed(file, **arrays)
    elif form == "csv":
        rows = values.reshape(-1, values.shape[-1]) if values.ndim else values.reshape(1, 1)
        np.savetxt(file, rows, delimiter=",", fmt="%.9g")
    else:
        raise AttriumError(f"format={form!r}; pass 'csv' or 'npz'")
    return as_file(file.getvalue(), name, form)


def as_file(data: bytes, name: str, form: str) -> Answer:
    """Bytes as the frame `file`, with a file's name made of any name as the fact `name`."""
    stem = re.sub(r"[^\w.-]+", "_", name).strip("_") or "tensor"
    return Answer({"name": f"{stem}.{form}"}, {"file": make_frame(np.frombuffer(data, np.uint8), "file")})
