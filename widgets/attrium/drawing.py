"""Traits that every drawing of scores has."""

from __future__ import annotations

from typing import Any

import traitlets as t
from traitlets import HasTraits

SIGNS = ["all", "positive", "negative", "absolute"]
COLORS = ["red-blue", "purple-green", "viridis", "magma", "grey"]
MODES = ["blend", "heatmap", "mask", "alpha", "contour", "image"]


class ScoreTraits(HasTraits):
    """How signed scores become colours."""

    sign = t.Enum(SIGNS, "all", help="Which scores are drawn.").tag(sync=True)
    clip_percentile = t.Float(
        1.0,
        min=0.0,
        max=50.0,
        help="Percent p: the p % largest |scores|, rounded down, lie beyond the end of the colours.",
    ).tag(sync=True)
    colors = t.Enum(COLORS, "red-blue", help="Colour scale.").tag(sync=True)


class PictureTraits(ScoreTraits):
    """How a heat map lies on its picture."""

    mode = t.Enum(MODES, "blend", help="How picture and scores are combined.").tag(sync=True)
    opacity = t.Float(0.7, min=0.0, max=1.0, help="Of the overlay, 0 to 1.").tag(sync=True)


class CaptionTrait(t.TraitType[Any, Any]):
    """Facts under a drawing: `target`, `score`, `method`, `gap`; text or finite numbers, all optional."""

    NAMES = ("target", "score", "method", "gap")
    info_text = "a dict with some of target, score, method and gap"

    def __init__(self) -> None:
        super().__init__({}, help="Facts under the drawing: target, score, method, gap.")
        self.tag(sync=True)

    def validate(self, obj: Any, value: Any) -> dict[str, Any]:
        """Only the known names."""
        if not isinstance(value, dict) or set(value) - set(self.NAMES):
            self.error(obj, value)
        return dict(value)

    def make_dynamic_default(self) -> dict[str, Any]:  # each widget has a dict of its own
        """Nothing to say."""
        return {}
