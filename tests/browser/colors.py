"""The red-blue scale written a second time, in NumPy, to check the pixels that a front end draws."""

from __future__ import annotations

from typing import Any

import numpy as np

RED_BLUE = ["2166ac", "4393c3", "92c5de", "d1e5f0", "f7f7f7", "fddbc7", "f4a582", "d6604d", "b2182b"]
BEYOND_POSITIVE, BEYOND_NEGATIVE, NOT_A_NUMBER = "67001f", "053061", "ffc400"


def rgb(code: str) -> np.ndarray[Any, Any]:
    """Six hexadecimal digits as three numbers."""
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], dtype=float)


def red_blue(values: np.ndarray[Any, Any], clip_percentile: float = 1.0) -> np.ndarray[Any, Any]:
    """Colours `(..., 3)` of signed values; the scale ends before the largest `clip` percent, rounded down."""
    values = np.asarray(values, dtype=np.float32).astype(float)
    largest_first = np.sort(np.abs(values[np.isfinite(values)]))[::-1]
    end = largest_first[int(len(largest_first) * clip_percentile / 100)]
    stops = np.stack([rgb(code) for code in RED_BLUE])
    position = np.linspace(-end, end, len(stops))
    colors = np.stack([np.interp(values, position, stops[:, channel]) for channel in range(3)], axis=-1)
    colors[values > end] = rgb(BEYOND_POSITIVE)
    colors[values < -end] = rgb(BEYOND_NEGATIVE)
    colors[np.isnan(values)] = rgb(NOT_A_NUMBER)
    return colors
