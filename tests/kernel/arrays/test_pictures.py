"""Pictures and heat maps in every form that people have them in."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from attrium_kernel.arrays import PictureError, fit_heat, sum_channels, to_picture

COLOUR = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
GREY = COLOUR[:, :, 0]


@pytest.mark.parametrize(
    "image",
    [
        COLOUR,
        COLOUR.transpose(2, 0, 1),
        COLOUR[None],
        torch.from_numpy(COLOUR),
        torch.from_numpy(COLOUR).permute(2, 0, 1)[None],
        torch.from_numpy(COLOUR).permute(2, 0, 1).float() / 255,
        COLOUR / 255.0,
        COLOUR.astype(np.int64),
        Image.fromarray(COLOUR),
        np.dstack([COLOUR, np.full((9, 7), 128, np.uint8)]),
    ],
)
def test_a_colour_picture_is_the_same_in_every_form(image):
    assert np.array_equal(to_picture(image), COLOUR)


@pytest.mark.parametrize(
    "image", [GREY, GREY[None], GREY[:, :, None], torch.from_numpy(GREY)[None, None], Image.fromarray(GREY)]
)
def test_a_grey_picture_has_three_equal_channels(image):
    assert np.array_equal(to_picture(image), np.dstack([GREY] * 3))


def test_a_normalised_picture_is_shown_as_it_was():
    mean, std = [0.5, 0.4, 0.3], [0.2, 0.25, 0.3]
    normalised = (torch.from_numpy(COLOUR).permute(2, 0, 1) / 255 - torch.tensor(mean)[:, None, None]) / torch.tensor(
        std
    )[:, None, None]
    assert np.array_equal(to_picture(normalised, mean=mean, std=std), COLOUR)


def test_a_mask_is_black_and_white():
    assert np.unique(to_picture(GREY > 128)).tolist() == [0, 255]


def test_a_uint8_picture_is_not_copied():
    assert np.shares_memory(to_picture(COLOUR), COLOUR)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((2, 3, 8, 8)), r"shape \(2, 3, 8, 8\).*pick one picture of a batch"),
        (np.zeros((8, 8, 5)), r"shape \(8, 8, 5\); expected \(height, width, 3\)"),
        (np.zeros((0, 8, 3)), "shape"),
        (np.full((8, 8, 3), 2.0), "floats from 2 to 2; expected 0 to 1: pass the mean= and std="),
        (np.full((8, 8, 3), np.nan), "NaN"),
        (np.full((8, 8, 3), 300), "whole numbers from 300 to 300; expected 0 to 255"),
    ],
)
def test_what_is_no_picture_says_what_was_given_and_what_to_do(image, words):
    with pytest.raises(PictureError, match=words):
        to_picture(image)


def test_a_mean_that_does_not_belong_to_the_picture_is_noticed():
    with pytest.raises(PictureError, match="check mean= and std="):
        to_picture(np.ones((4, 4, 3)), mean=0.5, std=1.0)
    with pytest.raises(PictureError, match="mean has 2 numbers"):
        to_picture(np.ones((4, 4, 3)), mean=[0.5, 0.5])


def test_channels_are_summed_with_their_signs():
    values = torch.tensor([[[1.0]], [[-3.0]], [[0.5]]])
    assert sum_channels(values).tolist() == [[-1.5]]
    assert sum_channels(values[None]).tolist() == [[-1.5]]
    assert sum_channels(values[0]).tolist() == [[1.0]]
    with pytest.raises(PictureError, match=r"shape \(2, 3, 4, 4\).*pick one example"):
        sum_channels(torch.zeros(2, 3, 4, 4))


def test_a_small_map_is_spread_bilinearly_and_a_map_of_the_size_is_left_alone():
    heat = torch.randn(3, 3)
    assert fit_heat(heat, (3, 3)) is heat
    spread = fit_heat(heat, (12, 9))
    assert torch.equal(spread, functional.interpolate(heat[None, None], (12, 9), mode="bilinear")[0, 0])
    # In the middle of each cell of an even upsampling by 3 stands the cell's own value.
    assert torch.allclose(fit_heat(heat, (9, 9))[1::3, 1::3], heat)


def test_a_map_larger_than_the_picture_is_refused():
    with pytest.raises(PictureError, match="values are 9 x 9 but the image 8 x 9"):
        fit_heat(torch.zeros(9, 9), (8, 9))
