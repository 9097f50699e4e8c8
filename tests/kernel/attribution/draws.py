"""The documented random draws of GradientShap and NoiseTunnel, replayed here and fed into Captum.

The engine draws from one CPU `torch.Generator`. GradientShap: `rand(n_samples, n)` in float64, then
`randint(m, (n_samples, n))`, then the noise if there is any. Noise: per sample, per example, per input tensor one
`randn(feature_shape)`. Captum draws with `numpy.random` and `torch.normal`, examples outermost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

import numpy as np
import torch
from torch import Tensor


def noise_draws(generator: torch.Generator, n_samples: int, inputs: Sequence[Tensor], stdev: float) -> list[Tensor]:
    """Noise per input tensor, `(n_samples, n, *features)`."""
    drawn: list[list[list[Tensor]]] = [[] for _ in inputs]
    for _ in range(n_samples):
        for rows in drawn:
            rows.append([])
        for _example in range(inputs[0].shape[0]):
            for rows, x in zip(drawn, inputs, strict=True):
                rows[-1].append(torch.randn(x.shape[1:], generator=generator, dtype=x.dtype) * stdev)
    return [torch.stack([torch.stack(sample) for sample in rows]) for rows in drawn]


def shap_draws(
    seed: int, n_samples: int, inputs: Sequence[Tensor], baseline_rows: int, stdev: float = 0.0
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """GradientShap's `alphas` and `picks`, both `(n_samples, n)`, and its noise per input tensor."""
    generator = torch.Generator().manual_seed(seed)
    shape = (n_samples, inputs[0].shape[0])
    alphas = torch.rand(shape, generator=generator, dtype=torch.float64)
    picks = torch.randint(baseline_rows, shape, generator=generator)
    if stdev > 0:
        return alphas, picks, noise_draws(generator, n_samples, inputs, stdev)
    return alphas, picks, [torch.zeros(n_samples, *x.shape, dtype=x.dtype) for x in inputs]


def example_major(drawn: Tensor) -> Tensor:
    """`(n_samples, n, ...)` to Captum's rows `(n * n_samples, ...)`, the samples of an example side by side."""
    return drawn.transpose(0, 1).flatten(0, 1)


@contextmanager
def captum_draws(noise: Sequence[Tensor], alphas: Tensor | None = None, picks: Tensor | None = None) -> Iterator[None]:
    """Within this, Captum's calls of `torch.normal` and `numpy.random` answer with our draws; each must be used."""
    queue = [example_major(tensor) for tensor in noise]

    def normal(mean: float, std: Tensor) -> Tensor:
        answer = queue.pop(0)
        assert answer.shape == std.shape, (answer.shape, std.shape)
        return answer

    def uniform(low: float, high: float, size: int) -> np.ndarray:
        assert alphas is not None and alphas.numel() == size
        return example_major(alphas).numpy()

    def choice(rows: int, size: int) -> np.ndarray:
        assert picks is not None and picks.numel() == size and int(picks.max()) < rows
        return example_major(picks).numpy()

    with (
        mock.patch.object(torch, "normal", normal),
        mock.patch.object(np.random, "uniform", uniform),
        mock.patch.object(np.random, "choice", choice),
    ):
        yield
    assert not queue, "Captum did not use all of the noise"
