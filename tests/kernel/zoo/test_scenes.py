"""Scenes: the drawing depends on the seed alone, the mask is where the object is, the model does as its card says."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch

from attrium_kernel.zoo.data.scene_objects import OBJECTS
from attrium_kernel.zoo.data.scenes import CLASSES, draw_scene, draw_scenes

HASH = """
import hashlib
from attrium_kernel.zoo.data.scenes import draw_scenes
drawn = draw_scenes(seed=9, count=24)
print(hashlib.sha256(drawn.images.tobytes() + drawn.masks.tobytes()).hexdigest())
"""


def test_a_seed_gives_the_same_pixels_in_another_process():
    drawn = draw_scenes(seed=9, count=24)
    here = hashlib.sha256(drawn.images.tobytes() + drawn.masks.tobytes()).hexdigest()
    there = subprocess.run([sys.executable, "-c", HASH], capture_output=True, text=True, check=True).stdout.strip()
    assert here == there


def test_a_scene_depends_on_seed_and_index_alone():
    many = draw_scenes(seed=9, count=24)
    image, mask = draw_scene(seed=9, index=17)
    assert (many.images[17] == image).all() and (many.masks[17] == mask).all()
    assert (draw_scene(seed=10, index=17)[0] != image).any()


def test_shapes_types_and_classes_are_as_promised(scenes):
    test = scenes.test
    assert test.images.shape == (1000, 64, 64, 3) and test.images.dtype == np.uint8
    assert test.masks.shape == (1000, 64, 64) and test.masks.dtype == bool
    assert scenes.classes == CLASSES == list(OBJECTS) and np.bincount(test.labels).tolist() == [125] * 8


def test_every_object_is_seen_and_leaves_room_for_the_background(scenes):
    shares = scenes.test.masks.mean((1, 2))
    assert shares.min() > 0.01 and shares.max() < 0.6


def test_the_mask_is_where_the_object_is(scenes):
    """With the object's pixels gone the model is at a loss; with as many others gone, moved masks, it mostly is not."""
    images, masks, labels = scenes.test.images[:160], scenes.test.masks[:160], scenes.test.labels[:160]
    fill = np.stack([image[~mask].mean(0) for image, mask in zip(images, masks, strict=True)])[:, None, None]
    away = np.roll(masks, (32, 32), (1, 2)) & ~masks
    without_object = accuracy(scenes, np.where(masks[..., None], fill, images).astype(np.uint8), labels)
    without_others = accuracy(scenes, np.where(away[..., None], fill, images).astype(np.uint8), labels)
    assert without_object < 0.5 < 0.9 < without_others


def test_the_model_reaches_the_score_of_its_card(scenes):
    assert scenes.card.scores["accuracy"] >= 0.97
    assert accuracy(scenes, scenes.test.images, scenes.test.labels) == pytest.approx(
        scenes.card.scores["accuracy"], abs=0.002
    )


def test_colours_alone_do_not_give_the_class(scenes):
    assert scenes.card.scores["accuracy_of_colours_alone"] < 0.3


def test_the_place_for_grad_cam_has_eight_by_eight_positions(scenes):
    seen = []
    scenes.model.get_submodule(scenes.grad_cam).register_forward_hook(lambda *call: seen.append(call[2].shape))
    accuracy(scenes, scenes.test.images[:2], scenes.test.labels[:2])
    assert seen == [(2, 96, 8, 8)]


def test_preprocess_takes_one_picture_or_many_and_nothing_else(scenes):
    image = scenes.test.images[0]
    assert torch.equal(scenes.preprocess(image), scenes.preprocess(image[None]))
    assert scenes.preprocess(np.full((64, 64, 3), 255, np.uint8)).unique().tolist() == [2.0]
    with pytest.raises(ValueError, match=r"float64.*expected dtype uint8 and shape \(64, 64, 3\) or \(n, 64, 64, 3\)"):
        scenes.preprocess(image / 255)


def accuracy(bundle, images, labels):
    with torch.inference_mode():
        answers = torch.cat([bundle.model(part) for part in torch.split(bundle.preprocess(images), 250)]).argmax(-1)
    return (answers.numpy() == labels).mean()
