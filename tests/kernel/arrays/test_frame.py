"""Frames against the tensors they came from."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attrium_kernel.arrays import DtypeError, RegionError, make_frame


@pytest.mark.parametrize(
    ("dtype", "travels_as"),
    [
        (torch.float32, "float32"),
        (torch.float64, "float32"),
        (torch.bfloat16, "float32"),
        (torch.float16, "float32"),
        (torch.uint8, "uint8"),
        (torch.bool, "uint8"),
        (torch.int64, "int32"),
        (torch.int16, "int32"),
    ],
)
def test_every_number_arrives_as_it_was(dtype, travels_as):
    tensor = (torch.randn(3, 5, 7) * 40).to(dtype)
    frame = make_frame(tensor, "weights")
    assert (frame.name, frame.shape, frame.dtype) == ("weights", (3, 5, 7), travels_as)
    assert np.array_equal(frame.stored, tensor.float().numpy().astype(travels_as))
    assert len(frame.data) == tensor.numel() * (1 if travels_as == "uint8" else 4)


def test_a_contiguous_float32_tensor_is_shown_in_place_and_not_copied():
    tensor = torch.randn(6, 4)
    assert np.shares_memory(make_frame(tensor).stored, tensor.numpy())
    assert not np.shares_memory(make_frame(tensor.T).stored, tensor.numpy())
    assert np.array_equal(make_frame(tensor.T).stored, tensor.T.numpy())


def test_the_bytes_are_little_endian_and_row_major():
    frame = make_frame(np.array([[1, 2], [3, 4]], dtype=">f4").T)
    assert bytes(frame.data) == np.array([1, 3, 2, 4], dtype="<f4").tobytes()


def test_a_tensor_that_needs_grad_and_a_sparse_one_are_read():
    assert np.array_equal(make_frame(torch.eye(2, requires_grad=True)).stored, np.eye(2))
    assert np.array_equal(make_frame(torch.eye(2).to_sparse()).stored, np.eye(2))


def test_a_region_is_that_slice_and_states_its_own_range():
    tensor = torch.arange(24.0).reshape(4, 6)
    frame = make_frame(tensor, region=[[1, 3], [2, 5]])
    assert np.array_equal(frame.stored, tensor[1:3, 2:5].numpy())
    assert frame.range == (8.0, 16.0)


def test_the_range_is_that_of_the_finite_source_before_pooling():
    tensor = torch.tensor([[9.0, -9.0], [torch.nan, torch.inf]])
    frame = make_frame(tensor, pixels=[1, 1], pooling="mean")
    assert frame.range == (-9.0, 9.0)
    assert make_frame(torch.full((2,), torch.nan)).range is None


@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (3, 0)])
def test_scalars_and_empty_tensors_have_frames_too(shape):
    frame = make_frame(torch.zeros(shape), pixels=[2, 2])
    assert frame.shape == shape
    assert frame.stored.shape == shape


def test_a_pooled_frame_states_factor_and_kind_and_spans_the_source():
    frame = make_frame(torch.randn(100, 7), pixels=[30, 30])
    assert frame.shape == (30, 7)
    assert frame.pooled.kind == "absmax"
    assert frame.pooled.factor == (100 / 30, 1.0)
    assert [round(n * f) for n, f in zip(frame.shape, frame.pooled.factor)] == [100, 7]


def test_pixels_apply_to_the_picture_axes_of_a_colour_picture_and_to_the_last_two_of_a_tensor():
    assert make_frame(np.zeros((8, 8, 3), np.uint8), pixels=[2, 4]).shape == (2, 4, 3)
    assert make_frame(np.zeros((8, 8, 3), np.float32), pixels=[2, 4]).shape == (8, 2, 3)
    assert make_frame(np.zeros((8, 8, 9), np.float32), pixels=[2, 4], axes=(0, 2)).shape == (2, 8, 4)
    assert make_frame(np.zeros(9), pixels=[1, 4]).shape == (4,)


def test_quantised_values_are_within_half_a_step():
    tensor = torch.randn(50, 50)
    frame = make_frame(tensor, quantise=True)
    assert frame.dtype == "uint8"
    assert frame.quantised.scale == pytest.approx((tensor.max() - tensor.min()).item() / 255)
    assert np.abs(frame.values - tensor.numpy()).max() <= frame.quantised.scale / 2 + 1e-6
    assert frame.stored.min() == 0 and frame.stored.max() == 255


def test_a_constant_is_quantised_exactly():
    frame = make_frame(torch.full((3,), 2.5), quantise=True)
    assert np.array_equal(frame.values, [2.5] * 3)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_what_no_step_can_stand_for_is_stored_exactly_instead(bad):
    tensor = torch.tensor([0.0, bad, 1.0])
    frame = make_frame(tensor, quantise=True)
    assert frame.quantised is None
    assert np.array_equal(frame.stored, tensor.numpy(), equal_nan=True)


def test_integers_beyond_int32_become_floats():
    frame = make_frame(torch.tensor([2**40, 1]))
    assert frame.dtype == "float32"
    assert frame.stored[0] == 2.0**40


def test_the_header_is_json_with_the_words_of_the_wire():
    header = json.loads(json.dumps(make_frame(torch.ones(4, 2), "x", pixels=[2, 2], quantise=True).header))
    assert header == {
        "name": "x",
        "shape": [2, 2],
        "dtype": "uint8",
        "range": [1.0, 1.0],
        "pooled": {"kind": "absmax", "factor": [2.0, 1.0]},
        "quantised": {"scale": 0.0, "offset": 1.0},
    }


def test_two_frames_of_one_tensor_are_not_equal():
    tensor = torch.zeros(3)
    frame = make_frame(tensor)
    assert frame == frame
    assert frame != make_frame(tensor)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"region": [[0, 2]]}, r"1 ranges for a tensor of shape \(4, 6\)"),
        ({"region": [[0, 5], [0, 6]]}, "axis 0, which has 4 cells; give whole numbers with 0 <= start <= stop <= 4"),
        ({"region": [[-1, 2], [0, 6]]}, "axis 0"),
        ({"region": [[0, 2], [0.5, 6]]}, "axis 1"),
        ({"region": [[0, 2], [0, 6, 1]]}, "axis 1"),
        ({"pixels": [0, 4]}, r"pixels=\[0, 4\]; give whole numbers of at least 1"),
    ],
)
def test_a_region_that_does_not_fit_says_what_would(keywords, words):
    with pytest.raises(RegionError, match=words):
        make_frame(torch.zeros(4, 6), **keywords)


@pytest.mark.parametrize("thing", [torch.zeros(2, dtype=torch.complex64), np.array(["a"]), np.array([1 + 2j]), [None]])
def test_what_is_no_real_number_is_refused_by_its_type(thing):
    with pytest.raises(DtypeError, match="cannot be drawn; pass"):
        make_frame(thing)


@settings(deadline=None)  # a busy machine is no fault
@given(
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    kind=st.sampled_from(["mean", "absmax", "max"]),
)
def test_pooling_agrees_with_a_naive_loop_over_the_stated_windows(rows, columns, height, width, kind):
    tensor = np.random.default_rng(rows * 41 + columns).normal(size=(rows, columns))
    frame = make_frame(tensor, pixels=[height, width], pooling=kind)
    assert frame.shape == (min(rows, height), min(columns, width))
    edges = [
        [size * i // length for i in range(length + 1)] for size, length in zip(tensor.shape, frame.shape, strict=True)
    ]
    for i in range(frame.shape[0]):
        for j in range(frame.shape[1]):
            cells = tensor[edges[0][i] : edges[0][i + 1], edges[1][j] : edges[1][j + 1]].ravel()
            wanted = {"mean": cells.mean(), "max": cells.max(), "absmax": cells[np.abs(cells).argmax()]}[kind]
            assert frame.stored[i, j] == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("kind", ["mean", "absmax", "max"])
def test_a_nan_is_never_hidden_by_pooling(kind):
    tensor = torch.randn(8, 8)
    tensor[3, 5] = torch.nan
    stored = make_frame(tensor, pixels=[2, 2], pooling=kind).stored
    assert np.isnan(stored).tolist() == [[False, True], [False, False]]


def test_an_infinity_survives_pooling_with_its_sign():
    tensor = torch.ones(4, 4)
    tensor[0, 0], tensor[3, 3] = -torch.inf, torch.inf
    assert make_frame(tensor, pixels=[2, 2]).stored.tolist() == [[-np.inf, 1], [1, np.inf]]
    assert make_frame(tensor, pixels=[2, 2], pooling="mean").stored[0, 0] == -np.inf


def test_a_pooled_picture_is_the_rounded_mean_of_its_pixels():
    picture = np.array([[[0, 10, 255], [1, 11, 255]]], np.uint8)
    frame = make_frame(picture, pixels=[1, 1], pooling="mean")
    assert frame.dtype == "uint8"
    assert frame.stored.tolist() == [[[0, 10, 255]]]
