"""Attribution: for each case ours untuned, Captum as it comes, Captum tuned by hand, and the floor, on one workload."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from captum import attr as captum
from torch import Tensor, nn

from attrium_kernel.attribution import (
    FeatureAblation,
    FromInputs,
    GradCAM,
    IntegratedGradients,
    Method,
    Occlusion,
    Saliency,
)

from . import floors
from .case import Case, Contender, Limit, Run
from .networks import Scale, cnn, gpt2


@dataclass(frozen=True)
class Workload:
    """A network with its input, target and where rows are counted."""

    model: Any
    x: Tensor
    target: int
    counted: nn.Module
    scale: Scale


def pictures(scale: Scale) -> Workload:
    """The CNN on one picture; the target is its top class."""
    model, x = cnn(scale.pixels)
    with torch.no_grad():
        return Workload(model, x, int(model(x).argmax()), model.stem, scale)


def occluded(scale: Scale) -> Workload:
    """The CNN on a picture of the size that occlusion is asked for."""
    return pictures(dataclasses.replace(scale, pixels=scale.occlusion_pixels))


def language(scale: Scale) -> Workload:
    """GPT-2 on one sequence; the target is the top token of its last position."""
    model, ids = gpt2(scale)
    with torch.no_grad():
        target = int(model(ids).logits[0, -1].argmax())
    return Workload(model, ids, target, model.transformer.h[0], scale)


def ours(work: Workload, method: Method, **arguments: Any) -> Run:
    """Our call with nothing tuned."""

    def run() -> Tensor:
        values = method.attribute(work.model, work.x, **({"target": work.target} | arguments)).values
        assert isinstance(values, Tensor)
        return values

    return run


# ---- integrated gradients

STEPS = 50
PROBE_STEPS = 24
BATCHES = (2, 4, 8, 12, 24)


def captum_path(attribute: Callable[..., Any], work: Workload) -> tuple[Contender, Contender]:
    """Captum's integrated gradients as they come (all steps in one batch), and tuned; both with their delta."""

    def at_batch(batch: int | None, steps: int = STEPS) -> Run:
        def run() -> Tensor:
            values, _delta = attribute(
                work.x,
                target=work.target,
                n_steps=steps,
                internal_batch_size=batch,
                return_convergence_delta=True,
            )
            detached: Tensor = values.detach()
            return detached

        return run

    return Contender(at_batch(None)), Contender(at_batch(8), at_batch, lambda b: at_batch(b, PROBE_STEPS), BATCHES)


def path_floor(work: Workload, score: floors.Rows, points: Tensor) -> Contender:
    """50 rows forward and backward, and the two ends forward."""

    def at_batch(batch: int, steps: int = STEPS) -> Run:
        def run() -> None:
            floors.forwards(work.model, score, points, 2, 2)
            floors.backwards(work.model, score, points, steps, batch)

        return run

    return Contender(at_batch(8), at_batch, lambda b: at_batch(b, PROBE_STEPS), BATCHES)


def cnn_integrated_gradients(work: Workload) -> dict[str, Contender]:
    """50 steps from black, with the completeness gap."""
    points = work.x * torch.linspace(0, 1, max(BATCHES)).reshape(-1, 1, 1, 1)
    default, tuned = captum_path(captum.IntegratedGradients(work.model).attribute, work)
    return {
        "ours": Contender(ours(work, IntegratedGradients(n_steps=STEPS))),
        "captum": default,
        "captum tuned": tuned,
        "floor": path_floor(work, floors.cnn_score(work.model, work.target), points),
    }


def gpt2_integrated_gradients(work: Workload) -> dict[str, Contender]:
    """50 steps at the token embedding, score: the last position's top logit, with the completeness gap."""
    wte = work.model.transformer.wte
    method = captum.LayerIntegratedGradients(lambda ids: work.model(ids).logits[:, -1], wte)
    with torch.no_grad():
        points = wte(work.x) * torch.linspace(0, 1, max(BATCHES)).reshape(-1, 1, 1)
    default, tuned = captum_path(method.attribute, work)
    return {
        "ours": Contender(gpt2_call(work)),
        "captum": default,
        "captum tuned": tuned,
        "floor": path_floor(work, floors.gpt2_score(work.model, work.target), points),
    }


def gpt2_call(work: Workload, **arguments: Any) -> Run:
    """Our call on a Hugging Face model: no wrapper."""
    method, wte = IntegratedGradients(n_steps=STEPS), work.model.transformer.wte

    def run() -> Tensor:
        result = method.attribute(work.model, {"input_ids": work.x}, target=(-1, work.target), at=wte, **arguments)
        assert isinstance(result.values, Tensor)
        return result.values

    return run


def gpt2_from_token_zero(work: Workload) -> Tensor:
    """Captum's layer baseline is an input run through the layer (token 0); ours with the same one."""
    values = gpt2_call(work, baselines=FromInputs({"input_ids": torch.zeros_like(work.x)}))()
    assert values is not None
    return values


# ---- perturbations

PERTURBED = (1, 2, 4, 8, 16, 32)
PROBE_CELLS = 6


def grid(pixels: int, cells: int) -> Tensor:
    """A mask `(1, 1, pixels, pixels)` of `cells` x `cells` patches."""
    index = torch.arange(pixels) * cells // pixels
    return (index[:, None] * cells + index[None, :])[None, None]


def perturbing(work: Workload, mine: Run, captum_at: Callable[[int], Run], rows: int) -> dict[str, Contender]:
    """The four contenders of a perturbation method; probes hide 6 x 6 patches."""
    points = work.x.repeat(max(PERTURBED), 1, 1, 1)
    score = floors.cnn_score(work.model, work.target)
    few = grid(work.x.shape[-1], PROBE_CELLS)

    def floor(batch: int, count: int = rows) -> Run:
        return lambda: floors.forwards(work.model, score, points, count, batch)

    def probe(batch: int) -> Run:
        method = captum.FeatureAblation(work.model)
        return lambda: method.attribute(work.x, target=work.target, feature_mask=few, perturbations_per_eval=batch)

    return {
        "ours": Contender(mine),
        "captum": Contender(captum_at(1)),
        "captum tuned": Contender(captum_at(8), captum_at, probe, PERTURBED[1:]),
        "floor": Contender(floor(8), floor, lambda b: floor(b, PROBE_CELLS**2), PERTURBED),
    }


def feature_ablation(work: Workload) -> dict[str, Contender]:
    """14 x 14 patches, each set to zero in turn: 196 rows and the picture itself."""
    mask, method = grid(work.x.shape[-1], 14), captum.FeatureAblation(work.model)

    def captum_at(batch: int) -> Run:
        return lambda: method.attribute(work.x, target=work.target, feature_mask=mask, perturbations_per_eval=batch)

    return perturbing(work, ours(work, FeatureAblation(), mask=mask), captum_at, rows=14 * 14 + 1)


def occlusion(work: Workload) -> dict[str, Contender]:
    """Windows of 8 x 8 with stride 8, each set to zero in turn, and the picture itself."""
    method = captum.Occlusion(work.model)

    def captum_at(batch: int) -> Run:
        return lambda: method.attribute(
            work.x,
            target=work.target,
            sliding_window_shapes=(3, 8, 8),
            strides=(3, 8, 8),
            perturbations_per_eval=batch,
        )

    return perturbing(work, ours(work, Occlusion()), captum_at, rows=(work.x.shape[-1] // 8) ** 2 + 1)


# ---- one pass


def saliency(work: Workload) -> dict[str, Contender]:
    """One forward and backward."""
    method, score = captum.Saliency(work.model), floors.cnn_score(work.model, work.target)
    return {
        "ours": Contender(ours(work, Saliency())),
        "captum": Contender(lambda: method.attribute(work.x, target=work.target).detach()),
        "floor": Contender(lambda: floors.backwards(work.model, score, work.x, 1, 1)),
    }


def grad_cam(work: Workload) -> dict[str, Contender]:
    """The last block's maps; the backward ends there, so one forward is all that counts."""
    method = captum.LayerGradCam(work.model, work.model.layer4)
    score = floors.cnn_score(work.model, work.target)
    return {
        "ours": Contender(ours(work, GradCAM(), at=work.model.layer4)),
        "captum": Contender(lambda: method.attribute(work.x, target=work.target, relu_attributions=True).detach()),
        "floor": Contender(lambda: floors.forwards(work.model, score, work.x, 1, 1)),
    }


INTEGRATED = (
    Limit("cpu", "floor", at_most=1.05),
    Limit("cpu", "captum tuned", at_most=1.05),
    Limit("memory", "captum", at_most=0.25),
)
PERTURBING = (Limit("cpu", "floor", at_most=1.08),)
ONE_PASS = (Limit("cpu", "floor", at_most=1.05),)

CASES = [
    Case(
        "ig-cnn",
        "IntegratedGradients, 50 steps, CNN",
        "attribution",
        pictures,
        cnn_integrated_gradients,
        same_as="captum tuned",
        limits=INTEGRATED,
    ),
    Case(
        "ig-gpt2",
        "IntegratedGradients, 50 steps, GPT-2 at the embedding",
        "attribution",
        language,
        gpt2_integrated_gradients,
        same_as="captum tuned",
        check=gpt2_from_token_zero,
        limits=(*INTEGRATED, Limit("cpu", "captum", saves_at_least=1.2)),
    ),
    Case(
        "ablation",
        "FeatureAblation, 14 x 14 patches, CNN",
        "attribution",
        pictures,
        feature_ablation,
        same_as="captum tuned",
        rounds=0.8,
        limits=PERTURBING,
    ),
    Case(
        "occlusion",
        "Occlusion, 8 x 8 windows, stride 8, CNN",
        "attribution",
        occluded,
        occlusion,
        same_as="captum tuned",
        rounds=0.4,
        limits=PERTURBING,
    ),
    Case(
        "saliency",
        "Saliency, CNN",
        "attribution",
        pictures,
        saliency,
        same_as="captum",
        repeats=5,
        rounds=3,
        limits=ONE_PASS,
    ),
    Case(
        "grad-cam",
        "Grad-CAM at layer4, CNN",
        "attribution",
        pictures,
        grad_cam,
        same_as="captum",
        repeats=8,
        rounds=3,
        limits=ONE_PASS,
    ),
]
