"""One thread and a fixed seed for every test of the engine."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from attrium_kernel.attribution import (
    FeatureAblation,
    GradientShap,
    InputXGradient,
    IntegratedGradients,
    Method,
    NoiseTunnel,
    Occlusion,
    Saliency,
)

SEVERAL: dict[str, Method] = {
    "saliency": Saliency(),
    "input x gradient": InputXGradient(),
    "integrated gradients": IntegratedGradients(n_steps=6),
    "gradient SHAP": GradientShap(n_samples=3, stdevs=0.1),
    "smoothgrad": NoiseTunnel(Saliency(), n_samples=3),
    "feature ablation": FeatureAblation(),
    "occlusion": Occlusion(2, 1),
}


@pytest.fixture(autouse=True)
def one_thread_and_fixed_seeds() -> Iterator[None]:
    """Small models run fastest, and most repeatably, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    """Both precisions in which the methods are compared."""
    chosen: torch.dtype = request.param
    return chosen


@pytest.fixture(params=SEVERAL)
def method(request: pytest.FixtureRequest) -> Method:
    """Every method that needs no layer."""
    return SEVERAL[request.param]
