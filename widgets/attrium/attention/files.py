"""Attention as a file that a reader takes away, with the tokens beside the numbers."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from attrium_kernel.arrays import make_frame

from ..channel import MAX_CELLS, Answer
from ..downloads import as_file
from ..errors import AttriumError
from .comparison import Address, Comparison

MOST_CELLS = {"csv": 2**21, "npz": MAX_CELLS}
"""Most numbers of one file; a CSV takes a microsecond and ten bytes for each."""


def download(comparison: Comparison, address: Address, form: Any, index: Any) -> Answer:
    """The frame `file` with the bytes, and the fact `name`.

    A CSV has a row for each head and query: the head, the query with its position, and a column for each key. An NPZ
    has `values` `(head, query, key)`, `heads`, `queries`, `keys`, and their positions.

    Args:
        comparison: the runs.
        address: which tensor.
        form: "csv" or "npz".
        index: `[[start, stop], ...]` for head, query and key; None is all.

    Raises:
        AttriumError: for another form, or more cells than a file may hold.
    """
    if form not in MOST_CELLS:
        raise AttriumError(f"format={form!r}; pass 'csv' or 'npz'")
    tensor = comparison.lazy(address)
    whole = [(0, size) for size in tensor.shape]
    cells = math.prod(stop - start for start, stop in (whole if index is None else index))
    if cells > MOST_CELLS[form]:
        raise AttriumError(f"{cells} numbers are too many for a {form} file; pick one head or fewer tokens")
    values = make_frame(tensor, address.name, region=index).stored
    (h0, _), (q0, q1), (k0, k1) = whole if index is None else index
    run = comparison.runs[address.shown]
    heads = np.arange(h0, h0 + len(values))
    queries = list(enumerate(run.queries[address.kind]))[q0:q1]
    keys = list(enumerate(run.keys[address.kind]))[k0:k1]
    data = _csv(values, heads, queries, keys) if form == "csv" else _npz(values, heads, queries, keys)
    one_head = f"_head_{h0}" if len(values) == 1 and tensor.shape[0] > 1 else ""
    return as_file(data, f"{address.name}{one_head}", form)


def _csv(values: npt.NDArray[Any], heads: Any, queries: list[tuple[int, str]], keys: list[tuple[int, str]]) -> bytes:
    """Cells begin with a number, so that no token is taken for a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["head", "query", *(f"{n} {key}" for n, key in keys)])
    for head, rows in zip(heads, values):
        for (n, query), row in zip(queries, rows):
            writer.writerow([head, f"{n} {query}", *(f"{value:.9g}" for value in row.tolist())])
    return text.getvalue().encode()


def _npz(values: npt.NDArray[Any], heads: Any, queries: list[tuple[int, str]], keys: list[tuple[int, str]]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(
        file,
        values=values,
        heads=heads,
        queries=np.array([query for _, query in queries]),
        keys=np.array([key for _, key in keys]),
        query_positions=np.array([n for n, _ in queries]),
        key_positions=np.array([n for n, _ in keys]),
    )
    return file.getvalue()
