"""The objects of the scenes: each class is a function that draws a list of coloured outlines.

Coordinates are `(x, y)` in a box from -1 to 1, y pointing down; parts come back to front. A part's colour is a role,
so that all classes share one distribution of colours and colour alone says nothing about the class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Role = Literal["main", "second", "accent", "dark", "light"]
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """One filled outline: `points` `(corner, 2)` and the role of its colour."""

    points: Points
    role: Role


def house(rng: np.random.Generator) -> list[Part]:
    """Walls, gable roof, door, one or two windows, often a chimney."""
    half, eaves, ridge = rng.uniform(0.6, 0.85), rng.uniform(-0.25, 0.0), rng.uniform(-1.0, -0.75)
    parts = [Part(_rect(0.3 * half, ridge + 0.05, 0.6 * half, eaves), "accent")] if rng.random() < 0.6 else []
    parts += [
        Part(_rect(-half, eaves, half, 0.9), "main"),
        Part(_polygon((-half - 0.15, eaves), (0, ridge), (half + 0.15, eaves)), "second"),
    ]
    door = rng.uniform(-0.5, 0.1) * half
    parts += [Part(_rect(door, 0.35, door + 0.3, 0.9), "dark")]
    parts += [Part(_rect(0.35 * half, 0.15, 0.75 * half, 0.5), "light")]
    if rng.random() < 0.5:
        parts += [Part(_ellipse(0, (eaves + ridge) / 2 + 0.12, 0.14, 0.14), "light")]
    return parts


def tree(rng: np.random.Generator) -> list[Part]:
    """A trunk under a round crown, a cloud of leaves or stacked triangles."""
    width = rng.uniform(0.09, 0.16)
    parts = [Part(_polygon((-width, 0.0), (width, 0.0), (1.4 * width, 1.0), (-1.4 * width, 1.0)), "dark")]
    kind = rng.integers(3)
    if kind == 0:
        parts += [Part(_ellipse(0, -0.35, rng.uniform(0.55, 0.75), 0.65), "main")]
        parts += [Part(_ellipse(-0.18, -0.5, 0.3, 0.25), "second")]
    elif kind == 1:
        spots = [(-0.4, -0.1, 0.4), (0.4, -0.12, 0.4), (0.0, -0.5, 0.48), (0.0, -0.15, 0.4)]
        parts += [Part(_ellipse(x, y, r, r), "main") for x, y, r in spots]
        parts += [Part(_ellipse(-0.1, -0.55, 0.25, 0.22), "second")]
    else:
        wide = rng.uniform(0.55, 0.75)
        for level, role in ((0.45, "main"), (0.05, "second"), (-0.35, "main")):
            size = wide * (0.65 + 0.4 * (level + 0.35))
            parts += [Part(_polygon((-size, level), (0, level - 0.65), (size, level)), _role(role))]
    return parts


def boat(rng: np.random.Generator) -> list[Part]:
    """A hull, a mast and one or two sails."""
    deck, mast = rng.uniform(0.35, 0.5), rng.uniform(-0.1, 0.15)
    parts = [
        Part(_rect(mast - 0.04, -1.0, mast + 0.04, deck), "dark"),
        Part(_polygon((mast + 0.07, -0.9), (mast + 0.07, deck - 0.1), (0.85, deck - 0.1)), "second"),
    ]
    if rng.random() < 0.7:
        parts += [Part(_polygon((mast - 0.07, -0.7), (mast - 0.07, deck - 0.1), (-0.65, deck - 0.1)), "light")]
    parts += [Part(_polygon((-0.95, deck), (0.95, deck), (0.6, 0.95), (-0.65, 0.95)), "main")]
    if rng.random() < 0.5:
        high, low = deck + 0.14, deck + 0.26
        parts += [Part(_polygon((-0.85, high), (0.86, high), (0.78, low), (-0.77, low)), "accent")]
    return parts


def car(rng: np.random.Generator) -> list[Part]:
    """A body, a cabin with windows, two wheels."""
    roof, back, front = rng.uniform(-0.6, -0.4), rng.uniform(-0.75, -0.5), rng.uniform(0.3, 0.5)
    parts = [
        Part(_polygon((back - 0.15, 0.0), (back + 0.15, roof), (front - 0.15, roof), (front + 0.25, 0.0)), "main"),
        Part(_polygon((back + 0.02, -0.03), (back + 0.2, roof + 0.1), (-0.1, roof + 0.1), (-0.1, -0.03)), "light"),
        Part(_polygon((0.0, -0.03), (0.0, roof + 0.1), (front - 0.2, roof + 0.1), (front + 0.1, -0.03)), "light"),
        Part(_polygon((-1, 0.1), (-0.93, -0.03), (0.85, -0.03), (1, 0.15), (1, 0.48), (-1, 0.48)), "main"),
        Part(_rect(0.85, 0.12, 1.0, 0.25), "accent"),
    ]
    for x in (-0.55, 0.55):
        parts += [Part(_ellipse(x, 0.48, 0.25, 0.25), "dark"), Part(_ellipse(x, 0.48, 0.11, 0.11), "second")]
    return parts


def fish(rng: np.random.Generator) -> list[Part]:
    """An oval body, a forked tail, fins, an eye, sometimes stripes."""
    tall, tail = rng.uniform(0.38, 0.58), rng.uniform(0.35, 0.55)
    parts = [
        Part(_polygon((-0.45, 0), (-1.0, -tail), (-0.82, 0), (-1.0, tail)), "second"),
        Part(_polygon((-0.2, -0.8 * tall), (0.1, -tall - 0.28), (0.35, -0.8 * tall)), "second"),
        Part(_ellipse(0.2, 0, 0.75, tall), "main"),
    ]
    if rng.random() < 0.6:
        for x in (-0.1, 0.2):
            y = tall * float(np.sqrt(1 - ((x - 0.2) / 0.75) ** 2)) * 0.96
            parts += [Part(_polygon((x, -y), (x + 0.12, -y), (x + 0.12, y), (x, y)), "accent")]
    parts += [Part(_polygon((0.15, 0.1), (-0.12, 0.34), (0.3, 0.28)), "second")]
    parts += [Part(_ellipse(0.62, -0.12, 0.12, 0.12), "light"), Part(_ellipse(0.64, -0.12, 0.06, 0.06), "dark")]
    return parts


def flower(rng: np.random.Generator) -> list[Part]:
    """Petals around a disc, on a stem with a leaf."""
    petals, reach, high = int(rng.integers(5, 9)), rng.uniform(0.36, 0.44), -0.35
    parts = [
        Part(_rect(-0.05, high, 0.05, 1.0), "dark"),
        Part(_polygon((0.03, 0.75), (0.3, 0.4), (0.6, 0.38), (0.4, 0.65)), "accent"),
    ]
    if rng.random() < 0.5:
        parts += [Part(_polygon((-0.03, 0.85), (-0.3, 0.5), (-0.6, 0.48), (-0.4, 0.75)), "accent")]
    start = rng.uniform(0, np.pi)
    for angle in start + np.arange(petals) * 2 * np.pi / petals:
        petal = _ellipse(reach, 0, 0.27, 1.35 / petals)
        parts += [Part(_turned(petal, float(angle)) + np.array([0, high]), "main")]
    parts += [Part(_ellipse(0, high, 0.22, 0.22), "second")]
    return parts


def star(rng: np.random.Generator) -> list[Part]:
    """Five points, often with a smaller star inside."""
    inner, start = rng.uniform(0.38, 0.5), rng.uniform(-0.4, 0.4)
    angles = start - np.pi / 2 + np.arange(10) * np.pi / 5
    radii = np.where(np.arange(10) % 2 == 0, 1.0, inner)
    outline = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    parts = [Part(outline, "main")]
    kind = rng.random()
    if kind < 0.4:
        parts += [Part(0.6 * outline, "second")]
    elif kind < 0.7:
        halves = [np.stack([np.zeros(2), outline[k], outline[(k + 1) % 10]]) for k in range(0, 10, 2)]
        parts += [Part(half, "second") for half in halves]
    return parts


def cup(rng: np.random.Generator) -> list[Part]:
    """A mug: a body that narrows, a handle, a rim, sometimes a band and a saucer."""
    top, bottom, half = rng.uniform(-0.6, -0.4), 0.8, rng.uniform(0.5, 0.6)
    foot = half * rng.uniform(0.65, 1.0)
    parts = [Part(_ellipse(-0.1, bottom, 0.95, 0.13), "light")] if rng.random() < 0.5 else []
    parts += [Part(_ring(half, 0.1, 0.36, 0.4, 0.14), "second")]
    corners = (-half - 0.1, top), (half - 0.1, top), (foot - 0.1, bottom), (-foot - 0.1, bottom)
    parts += [Part(_polygon(*corners), "main")]
    if rng.random() < 0.5:
        parts += [Part(_rect(-foot - 0.1, 0.15, foot - 0.1, 0.35), "accent")]
    parts += [Part(_ellipse(-0.1, top, half, 0.15), "light"), Part(_ellipse(-0.1, top + 0.02, 0.8 * half, 0.1), "dark")]
    return parts


OBJECTS: dict[str, Callable[[np.random.Generator], list[Part]]] = {
    "house": house, "tree": tree, "boat": boat, "car": car, "fish": fish, "flower": flower, "star": star, "cup": cup,
}  # fmt: skip


def _polygon(*corners: tuple[float, float]) -> Points:
    return np.array(corners, dtype=np.float64)


def _rect(left: float, top: float, right: float, bottom: float) -> Points:
    return _polygon((left, top), (right, top), (right, bottom), (left, bottom))


def _ellipse(x: float, y: float, across: float, down: float) -> Points:
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    return np.stack([x + across * np.cos(angles), y + down * np.sin(angles)], axis=1)


def _ring(x: float, y: float, across: float, down: float, thick: float) -> Points:
    outer = _ellipse(x, y, across, down)
    inner = _ellipse(x, y, across - thick, down - thick)
    return np.concatenate([outer, outer[:1], inner[:1], inner[::-1]])


def _turned(points: Points, angle: float) -> Points:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[cos, sin], [-sin, cos]]), dtype=np.float64)


def _role(name: str) -> Role:
    return "main" if name == "main" else "second"
