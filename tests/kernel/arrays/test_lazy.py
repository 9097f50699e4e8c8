"""Lazy tensors against the dense ones that they stand for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from attrium_kernel.arrays import ArrayError, Lazy, RegionError, lazy, make_frame


class Reads:
    """A tensor that is read lazily, and how much of it was read at once."""

    def __init__(self, tensor: Tensor, holes: bool = False) -> None:
        self.tensor = tensor
        self.regions: list[tuple[tuple[int, int], ...]] = []
        self.lazy = Lazy(tuple(tensor.shape), self._read, holes)

    def _read(self, ranges: tuple[tuple[int, int], ...]) -> Tensor:
        self.regions.append(ranges)
        return self.tensor[tuple(slice(start, stop) for start, stop in ranges)]

    @property
    def sizes(self) -> list[int]:
        return [math.prod(stop - start for start, stop in region) for region in self.regions]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(lazy, "BLOCK_CELLS", 16)
    return 16


@st.composite
def views(draw: Any) -> dict[str, Any]:
    """A shape, a region of it, pixels and a pooling."""
    shape = draw(st.lists(st.integers(1, 13), min_size=1, max_size=4))
    region = []
    for size in shape:
        start = draw(st.integers(0, size))
        region.append((start, draw(st.integers(start, size))))
    axes = draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, max_size=2, unique=True))
    return {
        "shape": shape,
        "region": draw(st.sampled_from([None, region])),
        "pixels": draw(st.one_of(st.none(), st.lists(st.integers(1, 8), min_size=1, max_size=len(axes)))),
        "axes": draw(st.sampled_from([None, axes])) if len(shape) > 1 else axes,
        "pooling": draw(st.sampled_from(["max", "min", "absmax", "mean"])),
        "quantise": draw(st.booleans()),
        "dtype": draw(st.sampled_from([torch.float32, torch.float64, torch.float16, torch.int64, torch.uint8])),
        "special": draw(st.sampled_from([None, math.nan, math.inf, -math.inf])),
    }


@settings(max_examples=400, deadline=None)
@given(views(), st.integers(1, 40))
def test_a_lazy_tensor_is_drawn_as_the_dense_one(view, limit):
    # A dense uint8 (height, width, 3) is taken for a picture; a lazy tensor does not know its dtype and says its axes.
    picture = view["dtype"] == torch.uint8 and len(view["shape"]) == 3 and view["shape"][2] in (3, 4)
    assume(view["axes"] is not None or not picture)
    tensor = (torch.randn(view["shape"], generator=torch.Generator().manual_seed(limit)) * 50).abs().to(view["dtype"])
    tensor = -tensor if view["dtype"] != torch.uint8 and limit % 2 else tensor
    if view["special"] is not None and tensor.is_floating_point():
        tensor.view(-1)[:: 1 + limit % 7] = view["special"]
    how = {key: view[key] for key in ("region", "pixels", "axes", "pooling", "quantise")}
    expected, reads = make_frame(tensor, "t", **how), Reads(tensor)
    before, lazy.BLOCK_CELLS = lazy.BLOCK_CELLS, limit
    try:
        found = make_frame(reads.lazy, "t", **how)
    finally:
        lazy.BLOCK_CELLS = before
    assert max(reads.sizes, default=0) <= limit
    if 0 in expected.shape:
        assert found.shape == expected.shape
        return
    if view["pooling"] == "mean":  # a sum in another order
        np.testing.assert_allclose(
            found.values, expected.values, rtol=1e-6, atol=1e-5 if expected.quantised is None else 1
        )
        assert found.range == expected.range and found.pooled == expected.pooled
    else:
        assert found.header == expected.header
        np.testing.assert_array_equal(found.stored, expected.stored)  # a NaN is a NaN, whatever its bits


def test_only_the_region_is_read_and_each_cell_once(small_blocks):
    reads = Reads(torch.arange(2.0 * 20 * 30).reshape(2, 20, 30))
    frame = make_frame(reads.lazy, region=[[1, 2], [3, 17], [4, 29]], pixels=[5, 6], pooling="max")
    seen = torch.zeros(2, 20, 30)
    for region in reads.regions:
        seen[tuple(slice(*ends) for ends in region)] += 1
    expected = torch.zeros(2, 20, 30)
    expected[1:2, 3:17, 4:29] = 1
    assert torch.equal(seen, expected)
    assert max(reads.sizes) <= small_blocks
    assert frame.range == (694.0, 1108.0)  # of the cells themselves: 600 + 3 * 30 + 4, and 600 + 16 * 30 + 28


def test_pieces_are_cut_along_the_first_drawn_axis_as_long_as_that_is_enough(small_blocks):
    reads = Reads(torch.zeros(2, 9, 4))
    make_frame(reads.lazy)
    assert reads.regions == [((0, 2), (a, min(a + 2, 9)), (0, 4)) for a in range(0, 9, 2)]


def test_blocks_of_the_real_size_stay_within_32_mib():
    assert lazy.BLOCK_CELLS * 4 <= 32 * 2**20
    reads = Reads(torch.zeros(1).expand(1, 4096, 4096))
    frame = make_frame(reads.lazy, pixels=[64, 64], pooling="max")
    assert frame.shape == (1, 64, 64) and frame.pooled.factor == (1.0, 64.0, 64.0)
    assert max(reads.sizes) == lazy.BLOCK_CELLS and sum(reads.sizes) == 4096 * 4096


def test_with_holes_a_window_shows_what_it_has_beside_them(small_blocks):
    tensor = torch.tensor([[1.0, math.nan, math.nan, math.nan], [2.0, -3.0, math.nan, math.nan]]).repeat(1, 8)
    for pooling, first in (("max", 2.0), ("min", -3.0), ("absmax", -3.0)):
        frame = make_frame(Reads(tensor, holes=True).lazy, pixels=[1, 16], pooling=pooling)
        expected = np.array([[first, math.nan] * 8], np.float32)
        np.testing.assert_array_equal(frame.stored, expected)
    poisoned = make_frame(Reads(tensor).lazy, pixels=[1, 16], pooling="max")
    assert np.isnan(poisoned.stored).all()
    with pytest.raises(ArrayError, match="holes in float32 numbers cannot be pooled by mean; pool floats by 'max'"):
        make_frame(Reads(tensor, holes=True).lazy, pixels=[1, 16], pooling="mean")


def test_the_smallest_of_a_window_is_the_largest_of_its_opposite():
    tensor = torch.randn(7, 11)
    smallest = make_frame(tensor, pixels=[3, 4], pooling="min")
    assert np.array_equal(smallest.stored, -make_frame(-tensor, pixels=[3, 4], pooling="max").stored)
    assert smallest.pooled.kind == "min"


def test_a_region_that_does_not_fit_reads_nothing():
    reads = Reads(torch.zeros(3, 4))
    with pytest.raises(RegionError, match="does not fit axis 1, which has 4 cells"):
        make_frame(reads.lazy, region=[[0, 3], [0, 5]])
    assert reads.regions == []
