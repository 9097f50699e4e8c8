"""What the screen's sampler is held to: the kernel's numbers, in a file that both sides are compared with.

`python -m tests.widgets.test_sampler_golden` writes the file anew (then `npm run format` in js/); sampler.test.ts,
beside the file, reads it.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from attrium_kernel.tracing import Sampler

GOLDEN = Path(__file__).parents[2] / "js" / "tests" / "widgets" / "transformer_explorer" / "golden-sampler.json"

OFF: dict[str, Any] = {"temperature": 1.0, "top_k": None, "top_p": None, "min_p": None, "greedy": False}
SETTINGS: list[dict[str, Any]] = [
    OFF,
    {**OFF, "temperature": 0.7},
    {**OFF, "temperature": 0.0},
    {**OFF, "greedy": True, "temperature": 0.3, "top_k": 5},
    {**OFF, "temperature": 1e-3},
    {**OFF, "temperature": 5.0, "top_k": 7},
    {**OFF, "top_k": 1},
    {**OFF, "top_k": 100_000},
    {**OFF, "top_p": 0.9},
    {**OFF, "top_p": 0.5},
    {**OFF, "top_p": 0.0},
    {**OFF, "top_p": 1.0, "min_p": 0.02},
    {**OFF, "min_p": 0.0},
    {**OFF, "min_p": 1.0},
    {**OFF, "temperature": 1.3, "top_k": 9, "top_p": 0.8, "min_p": 0.1},
    {**OFF, "temperature": 0.8, "top_k": 50, "top_p": 0.95},
]


def vocabulary(name: str) -> Tensor:
    """Logits that Python and JavaScript make alike, to the last bit: square roots of whole numbers, halves."""
    if name == "ties":
        return torch.tensor([1.5, 3.0, -2.0, 3.0, 1.5, 0.0, -0.0, 1.5, 3.0, -8.0, 2.0, 1.5], dtype=torch.float32)
    if name == "ruled out":
        return torch.tensor([0.5, -math.inf, 2.5, -math.inf, 2.5, -1.0, -math.inf, 1.0], dtype=torch.float32)
    if name == "even":
        return torch.full((16,), -3.25)
    if name == "made equal":
        # Apart as float32, and one number once the largest is subtracted: then the lower id comes first.
        return torch.tensor([*(k * 2.0**-26 for k in range(8)), 2.0], dtype=torch.float32)
    shuffled = torch.arange(50_257, dtype=torch.float64) * 7919 % 50_257
    return (12 - shuffled.sqrt() / 8).float()


NAMES = ("ties", "ruled out", "even", "made equal", "large")


def case(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The kernel's numbers for some tokens, and totals over all."""
    logits = vocabulary(name)
    stages = Sampler(**settings).stages(logits)
    model = logits.double().softmax(-1)
    left = [logits > -math.inf, *stages.kept.values()][-1]
    order = logits.sort(descending=True, stable=True).indices
    shown = (
        list(range(len(logits))) if len(logits) < 20 else [*order[:12].tolist(), *order[[40, 300, 9000, -1]].tolist()]
    )
    return {
        "vocabulary": name,
        "settings": settings,
        "ids": shown,
        "scaled": [_number(stages.scaled[i]) for i in shown],
        "kept": {key: [bool(kept[i]) for i in shown] for key, kept in stages.kept.items()},
        "counts": {key: int(kept.sum()) for key, kept in stages.kept.items()},
        "model": [float(model[i]) for i in shown],
        "sampler": [float(stages.probabilities[i]) for i in shown],
        "mass": float(model[left].sum()),
    }


def cases() -> list[dict[str, Any]]:
    return [case(name, settings) for name in NAMES for settings in SETTINGS]


def _number(value: Tensor) -> float | None:
    """JSON has no infinity: None is minus infinity."""
    return float(value) if math.isfinite(value) else None


def test_the_file_holds_what_the_kernel_says() -> None:
    stored = json.loads(GOLDEN.read_text())
    fresh = cases()
    assert len(stored) == len(fresh)
    for old, new in zip(stored, fresh):
        for key in ("vocabulary", "settings", "ids", "kept", "counts"):
            assert old[key] == new[key], f"{key} of {new['vocabulary']} with {new['settings']}"
        assert old["scaled"] == new["scaled"], "both are what float32 gives"
        for key in ("model", "sampler"):
            assert old[key] == pytest.approx(new[key], rel=1e-5, abs=1e-9), f"{key} with {new['settings']}"
        assert old["mass"] == pytest.approx(new["mass"], rel=1e-5)


def test_the_cases_reach_ties_and_nuclei_wider_than_a_list() -> None:
    by = {(c["vocabulary"], json.dumps(c["settings"])): c for c in cases()}
    tied = by["ties", json.dumps(SETTINGS[6])]
    assert tied["counts"]["top_k"] == 3, "top_k=1 keeps all three largest"
    nucleus = by["large", json.dumps(SETTINGS[8])]
    assert nucleus["counts"]["top_p"] > 200


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(cases(), indent=1) + "\n")
