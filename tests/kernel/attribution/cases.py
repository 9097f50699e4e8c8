"""Every method with the arguments it needs on a picture model, for the tests that hold for all of them."""

from __future__ import annotations

from typing import Any

import torch

from attrium_kernel.attribution import (
    Attribution,
    FeatureAblation,
    FromInputs,
    GradCAM,
    GradientShap,
    InputXGradient,
    IntegratedGradients,
    Method,
    Neuron,
    NoiseTunnel,
    Occlusion,
    Saliency,
)

from . import models

Case = tuple[Method, dict[str, Any]]


def explain(case: Case, model: Any, x: Any, **further: Any) -> Attribution:
    """The case's call, target 1 unless the case or the caller names another; the caller's arguments win."""
    method, own = case
    arguments: dict[str, Any] = {"target": 1} | own | further
    return method.attribute(model, x, **arguments)


def picture_cases(layer: str, dtype: torch.dtype = torch.float32) -> dict[str, Case]:
    """Methods and arguments for pictures of 3 x 12 x 12; `layer` is the name of a convolution."""
    rows = models.randn(4, 3, 12, 12, seed=50, dtype=dtype)
    thirds = torch.arange(12) // 4
    ablation: dict[str, Any] = {"mask": thirds[:, None] * 3 + thirds[None, :], "baselines": 0.1}
    at = {"at": layer}
    return {
        "saliency": (Saliency(), {}),
        "input x gradient": (InputXGradient(), {}),
        "integrated gradients": (IntegratedGradients(n_steps=6), {"baselines": rows[:1]}),
        "integrated gradients at a layer": (IntegratedGradients(n_steps=6), at | {"baselines": FromInputs(rows[:1])}),
        "integrated gradients of a neuron": (IntegratedGradients(n_steps=6), {"target": Neuron(layer, (0, 1, 1))}),
        "gradient SHAP": (GradientShap(n_samples=4, stdevs=0.1), {"baselines": rows}),
        "smoothgrad": (NoiseTunnel(Saliency(), n_samples=4), {}),
        "vargrad of Grad-CAM": (NoiseTunnel(GradCAM(), kind="vargrad", n_samples=4), at),
        "smoothgrad at a layer": (NoiseTunnel(Saliency(), kind="smoothgrad_sq", n_samples=4, where="place"), at),
        "smoothed ablation": (NoiseTunnel(FeatureAblation(), n_samples=2), ablation),
        "feature ablation": (FeatureAblation(), ablation),
        "occlusion": (Occlusion(4, 4), {}),
        "Grad-CAM": (GradCAM(), at),
    }


RANDOM = ["gradient SHAP", "smoothgrad", "vargrad of Grad-CAM", "smoothgrad at a layer", "smoothed ablation"]
ONE_PASS = ["saliency", "input x gradient", "Grad-CAM"]
