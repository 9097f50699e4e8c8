"""One thread and a fixed seed for every test of the engine."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
import torch


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
