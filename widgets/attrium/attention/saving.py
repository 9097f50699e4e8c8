"""What a saved page takes along, as far as that is known before it is saved."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..export import SAVED_BYTES
from .comparison import Address, Comparison
from .overview import SIDE


def saved_layers(comparison: Comparison, addresses: Sequence[Address]) -> list[int]:
    """Layers whose matrices fit into a saved page after its overviews, in the order given.

    Args:
        comparison: the runs.
        addresses: of the layers, the first to be saved first.
    """
    kinds = comparison.kinds.values()
    room = SAVED_BYTES - sum(2 * sum(kind.heads) * SIDE**2 for kind in kinds)
    kept = []
    for address in addresses:
        tensor = comparison.lazy(address)
        cells = math.prod(tensor.shape)
        whole = 4 * cells <= room // 4 or tensor.holes
        size = 4 * cells if whole else cells
        if size <= room:
            room -= size
            kept.append(address.layer)
    return kept
