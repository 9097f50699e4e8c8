"""scikit-learn's own data sets, split for training and testing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy import float64, int64, uint8
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split

SPLIT_SEED = 5


@dataclass(frozen=True)
class Part:
    """Rows (or pictures) and labels `(n,)`."""

    rows: NDArray[float64]
    labels: NDArray[int64]


@dataclass(frozen=True)
class Split:
    """Three quarters to train, a quarter held out, the classes in equal shares."""

    train: Part
    test: Part
    classes: list[str]
    features: list[str]


def breast_cancer() -> Split:
    """569 tumours with 30 measurements each, malignant or benign (Wolberg et al. 1995)."""
    data = load_breast_cancer()
    return _split(data.data, data.target, [str(c) for c in data.target_names], [str(f) for f in data.feature_names])


def digits() -> Split:
    """1,797 handwritten digits, `(n, 8, 8)`, ink from 0 to 16 (Alpaydin & Kaynak 1998)."""
    data = load_digits()
    return _split(data.images, data.target, [str(c) for c in data.target_names], [])


def ink_to_bytes(images: NDArray[float64]) -> NDArray[uint8]:
    """Ink from 0 to 16 as uint8 from 0 to 255."""
    return (images * (255 / 16)).round().astype(np.uint8)


def _split(rows: NDArray[float64], labels: NDArray[int64], classes: list[str], features: list[str]) -> Split:
    train, test, train_labels, test_labels = train_test_split(
        rows, labels, test_size=0.25, stratify=labels, random_state=SPLIT_SEED
    )
    return Split(Part(train, train_labels.astype(int64)), Part(test, test_labels.astype(int64)), classes, features)
