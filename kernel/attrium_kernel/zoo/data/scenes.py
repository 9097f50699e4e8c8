"""Scenes of 64 by 64 pixels: one object of eight kinds over a busy background, with the mask of the object.

A scene depends on `(seed, index)` alone. Size, place, tilt, flip, shape and colours vary; colours have the same
distribution in every class; clutter lies behind the object and a little of it in front.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from attrium_kernel.zoo.data.scene_objects import OBJECTS, Part, Points

SIZE = 64
SCALE = 4  # shapes are drawn this many times larger, then averaged down
CLASSES = list(OBJECTS)
TRAIN_SEED, TRAIN_COUNT = 1, 12_000
TEST_SEED, TEST_COUNT = 2, 1_000

Pixels = NDArray[np.float64]
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Scenes:
    """Pictures `(n, 64, 64, 3)` uint8, labels `(n,)` int64 into `CLASSES`, masks of the object `(n, 64, 64)` bool."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    masks: NDArray[np.bool_]


def draw_scenes(seed: int, count: int) -> Scenes:
    """The first `count` scenes of a seed; classes take turns."""
    drawn = [draw_scene(seed, index) for index in range(count)]
    return Scenes(
        images=np.stack([image for image, _ in drawn]),
        labels=np.arange(count, dtype=np.int64) % len(CLASSES),
        masks=np.stack([mask for _, mask in drawn]),
    )


def draw_scene(seed: int, index: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Scene number `index`: picture `(64, 64, 3)` and mask `(64, 64)`; its class is `CLASSES[index % 8]`."""
    rng = np.random.default_rng([seed, index])
    ground = _background(rng)
    scene = _with_clutter(ground, rng, count=int(rng.integers(3, 9)), radius=(2.0, 9.0))
    parts = OBJECTS[CLASSES[index % len(CLASSES)]](rng)
    layer = _object_layer(parts, _placement(rng), _palette(rng, scene.mean((0, 1))))
    colour, cover = layer[..., :3], layer[..., 3:]
    scene = scene * (1 - 0.4 * _shadow(cover))
    light = 1 + rng.uniform(0.05, 0.25) * np.linspace(0.6, -1, SIZE)[:, None, None]
    scene = scene * (1 - cover) + colour * light * cover
    before = scene
    scene = _with_clutter(scene, rng, count=int(rng.integers(0, 4)), radius=(1.5, 5.5))
    hidden = np.abs(scene - before).max(-1) > 0.04
    scene = scene + rng.normal(0, rng.uniform(0.0, 0.05), scene.shape)
    return (np.clip(scene, 0, 1) * 255).round().astype(np.uint8), (cover[..., 0] > 0.5) & ~hidden


def _background(rng: np.random.Generator) -> Pixels:
    """Colours `(64, 64, 3)` in [0, 1]: a gradient, hills, stripes, tiles or soft blotches between two colours."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] / (SIZE - 1)
    angle = rng.uniform(0, 2 * np.pi)
    along = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle)
    kind = rng.integers(5)
    if kind == 0:
        blend = along + 0.5
    elif kind == 1:
        horizon = rng.uniform(0.45, 0.8) + 0.06 * np.sin(rng.uniform(4, 10) * x + rng.uniform(0, 6))
        blend = np.clip((y - horizon) * 40 + 0.5, 0, 1) * 0.8 + 0.2 * y
    elif kind == 2:
        blend = 0.5 + 0.5 * np.sin(along * rng.uniform(15, 45) + rng.uniform(0, 6))
    elif kind == 3:
        tiles = rng.uniform(8, 20)
        blend = 0.5 + 0.5 * np.clip(4 * np.sin(tiles * (x + 0.3 * y)) * np.sin(tiles * (y - 0.3 * x)), -1, 1)
    else:
        coarse = Image.fromarray((rng.random((6, 6)) * 255).astype(np.uint8))
        blend = np.asarray(coarse.resize((SIZE, SIZE), Image.Resampling.BICUBIC)) / 255
    first = _colour(rng, saturation=(0.1, 0.7), value=(0.25, 1.0))
    second = 0.55 * first + 0.45 * _colour(rng, saturation=(0.1, 0.7), value=(0.25, 1.0))
    return np.asarray(first + np.clip(blend, 0, 1)[..., None] * (second - first), dtype=np.float64)


def _with_clutter(scene: Pixels, rng: np.random.Generator, count: int, radius: tuple[float, float]) -> Pixels:
    """The scene with `count` small shapes that are no object: discs, bars, triangles, squares; some see-through."""
    if count == 0:
        return scene
    layer = Image.new("RGBA", (SIZE * SCALE, SIZE * SCALE))
    pen = ImageDraw.Draw(layer)
    for _ in range(count):
        centre, size, angle = rng.uniform(0, SIZE, 2), rng.uniform(*radius), rng.uniform(0, 2 * np.pi)
        corners = [24, 3, 4, 2][rng.integers(4)]
        angles = angle + np.arange(corners) * 2 * np.pi / corners
        points = centre + size * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        colour = _rgba(_colour(rng, (0.2, 0.9), (0.2, 1.0)), rng.uniform(0.5, 1.0))
        outline = [(float(px), float(py)) for px, py in points * SCALE]
        if corners == 2:
            pen.line(outline, fill=colour, width=int(rng.integers(4, 10)))
        else:
            pen.polygon(outline, fill=colour)
    drawn = np.asarray(layer.reduce(SCALE), dtype=np.float64) / 255
    return scene * (1 - drawn[..., 3:]) + drawn[..., :3] * drawn[..., 3:]


def _placement(rng: np.random.Generator) -> tuple[Points, Points]:
    """A matrix `(2, 2)` and an offset `(2,)` from the object's box to pixels: size, tilt, flip, place."""
    size = rng.uniform(9, 25)
    angle = np.deg2rad(rng.uniform(-25, 25))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    stretch = np.diag([rng.choice([-1, 1]) * rng.uniform(0.88, 1.12), rng.uniform(0.88, 1.12)])
    room = max(0.0, SIZE / 2 - 0.9 * size)
    return size * stretch @ turn, SIZE / 2 + rng.uniform(-room, room, 2)


def _object_layer(parts: list[Part], placement: tuple[Points, Points], palette: dict[str, Colour]) -> Pixels:
    """Colour and cover of the object, `(64, 64, 4)` in [0, 1]."""
    matrix, offset = placement
    layer = Image.new("RGBA", (SIZE * SCALE, SIZE * SCALE))
    pen = ImageDraw.Draw(layer)
    for part in parts:
        points = (part.points @ matrix + offset) * SCALE
        pen.polygon([(float(x), float(y)) for x, y in points], fill=_rgba(np.array(palette[part.role]), 1.0))
    return np.asarray(layer.reduce(SCALE), dtype=np.float64) / 255


def _palette(rng: np.random.Generator, behind: Pixels) -> dict[str, Colour]:
    """A colour per role; the main one stands off from the mean colour behind it."""
    main = _colour(rng, (0.4, 0.95), (0.5, 1.0))
    while np.abs(main - behind).max() < 0.2:
        main = _colour(rng, (0.4, 0.95), (0.5, 1.0))
    chosen = {
        "main": main,
        "second": _colour(rng, (0.3, 0.9), (0.4, 1.0)),
        "accent": _colour(rng, (0.3, 0.95), (0.5, 1.0)),
        "dark": _colour(rng, (0.2, 0.7), (0.12, 0.38)),
        "light": _colour(rng, (0.0, 0.2), (0.85, 1.0)),
    }
    return {role: (float(c[0]), float(c[1]), float(c[2])) for role, c in chosen.items()}


def _shadow(cover: Pixels) -> Pixels:
    """The object's cover, moved two pixels right and three down, and blurred."""
    moved = np.pad(cover[..., 0], ((5, 2), (4, 2)))
    rows = np.stack([moved[k : k + SIZE] for k in range(5)]).sum(0)
    blurred = np.stack([rows[:, k : k + SIZE] for k in range(5)]).sum(0)
    return np.asarray(blurred / 25.0, dtype=np.float64)[..., None]


def _colour(rng: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]) -> Pixels:
    return np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(*value)))


def _rgba(colour: Pixels, alpha: float) -> tuple[int, int, int, int]:
    red, green, blue = (int(channel) for channel in (colour * 255).round())
    return red, green, blue, round(alpha * 255)
