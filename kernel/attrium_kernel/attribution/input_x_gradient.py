"""Input times gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .case import Case
from .method import Explained, Method
from .saliency import gradients


@dataclass(frozen=True)
class InputXGradient(Method):
    """The input times the gradient of the target: the first-order Taylor term.

    Shapes: `(n, *features)` -> the same. Units: those of the target.
    Source: Shrikumar, Greenside, Shcherbina, Kundaje 2016, section 2.
    """

    label: ClassVar[str] = "Input x gradient"
    uses_baselines: ClassVar[bool] = False

    def explain(self, case: Case) -> Explained:
        """One forward and backward."""
        return Explained(gradients(case, "times_input"))
