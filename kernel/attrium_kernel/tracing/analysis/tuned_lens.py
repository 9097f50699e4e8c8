"""The tuned lens: an affine map for each point of the stream, trained to say what the model will say at its end."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from attrium_kernel.running import Cancelled, untouched

from ..architecture import Architecture
from ..errors import LoadError, SiteError
from ..trace import Trace, trace
from .lenses import CHUNK_BYTES
from .places import real_places
from .readout import Readout, last_of_stream

FORMAT = "attrium tuned lens 1"


@dataclass(frozen=True)
class TunedLens:
    """Translators of the stream, applied by `logit_lens(trace, lens=tuned)`.

    A vector x at the point i becomes `x + x @ weight[i] + bias[i]`, which the model's own last norm and unembedding
    then read. The stream after the last block is left as it is.

    Args:
        names: the points it was trained for.
        weight: `(point, d_model, d_model)`, float32.
        bias: `(point, d_model)`.
        last: the name of the end of the stream.
        losses: `(step, point)` KL(model || lens) in nats while training.

    Source: Belrose et al. 2023, "Eliciting latent predictions from transformers with the tuned lens", equations 3 to 5.
    """

    names: tuple[str, ...]
    weight: Tensor = field(repr=False)
    bias: Tensor = field(repr=False)
    last: str
    losses: Tensor = field(default_factory=lambda: torch.empty(0, 0), repr=False)

    def translate(self, name: str, resid: Tensor) -> Tensor:
        """`(..., d_model)` at a point -> what it would be at the end of the stream, in float32.

        Raises: `SiteError` for a point that it was not trained for.
        """
        if name == self.last:
            return resid
        if name not in self.names:
            raise SiteError(f"this lens was not trained for {name}; it has {', '.join(self.names)} and {self.last}")
        i = self.names.index(name)
        wide = resid.float()
        return wide + wide @ self.weight[i].to(wide.device) + self.bias[i].to(wide.device)

    @classmethod
    def train(
        cls,
        model: nn.Module,
        batches: Iterable[Any],
        *,
        architecture: Architecture | None = None,
        tokenizer: Any = None,
        steps: int = 250,
        lr: float = 1e-3,
        progress: Callable[[int, int], None] | None = None,
        cancel: Callable[[], bool] | None = None,
    ) -> TunedLens:
        """Train translators for the first `resid_pre` and every `resid_post` but the last.

        Weights begin at zero, so the untrained lens is the logit lens. Adam, the rate falling to 0 in a straight line,
        gradients clipped to norm 1 for each point. The model is run in eval mode and is not changed.

        Args:
            model: the transformer.
            batches: what `trace` takes as inputs: ids `(batch, position)`, lists of texts (with `tokenizer`), or
                mappings with an `attention_mask`, whose padding is left out. Gone through again when they end; one
                batch is one step.
            architecture: None finds out.
            tokenizer: for texts.
            steps: how many batches to learn from.
            lr: highest learning rate.
            progress: called as `progress(done, total)` in steps.
            cancel: asked before every step; True raises `Cancelled`.

        Raises:
            SiteError: the model's logits do not come from its stream by a norm and an unembedding; no batches.
            Cancelled: when `cancel` said so.
        """
        architecture = Architecture.of(model) if architecture is None else architecture
        last, points = last_of_stream(architecture), _points(architecture)
        learner: _Learner | None = None
        for step, batch in enumerate(itertools.islice(_again(batches), steps)):
            if cancel is not None and cancel():
                raise Cancelled
            seen = trace(
                model, batch, tokenizer, capture=[*points, last, "unembed", "logits"], architecture=architecture
            )
            if learner is None:
                learner = _Learner(Readout.of(seen), points, seen[last])
            learner.learn(seen, last, lr * (1 - step / steps))
            if progress is not None:
                progress(step + 1, steps)
        if learner is None:
            raise SiteError(f"no batches to train on (steps={steps}); pass at least one batch of ids and one step")
        return cls(tuple(points), learner.weight.detach(), learner.bias.detach(), last, torch.stack(learner.losses))

    def save(self, path: str | Path) -> None:
        """Write a safetensors file; losses are kept."""
        tensors = {"weight": self.weight, "bias": self.bias, "losses": self.losses}
        about = {"format": FORMAT, "names": json.dumps(self.names), "last": self.last}
        save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, str(path), metadata=about)

    @classmethod
    def load(cls, path: str | Path) -> TunedLens:
        """Read what `save` wrote.

        Raises: `LoadError` for another kind of file.
        """
        with safe_open(str(path), framework="pt") as file:
            about = file.metadata() or {}
            if about.get("format") != FORMAT:
                raise LoadError(
                    f"{path} is not a tuned lens saved here (format {about.get('format')!r}, not {FORMAT!r})"
                )
            tensors = {key: file.get_tensor(key) for key in ("weight", "bias", "losses")}
        return cls(
            tuple(json.loads(about["names"])), tensors["weight"], tensors["bias"], about["last"], tensors["losses"]
        )


class _Learner:
    """The translators while they are trained."""

    def __init__(self, readout: Readout, points: list[str], like: Tensor) -> None:
        d = like.shape[-1]
        self.readout, self.points = readout, points
        self.weight = torch.zeros(len(points), d, d, device=like.device, requires_grad=True)
        self.bias = torch.zeros(len(points), d, device=like.device, requires_grad=True)
        self.adam = torch.optim.Adam([self.weight, self.bias])
        self.losses: list[Tensor] = []

    def learn(self, seen: Trace, last: str, lr: float) -> None:
        """One step."""
        assert seen.model is not None
        keep = _real(seen, seen[last])
        self.adam.zero_grad()
        with torch.inference_mode(False), untouched(seen.model, True):
            with torch.no_grad():
                final = seen[last][keep]
            streams = [seen[name][keep].float() for name in self.points]
            self.losses.append(self._gradients(streams, final))
        self._clip()
        for group in self.adam.param_groups:
            group["lr"] = lr
        self.adam.step()

    def _clip(self) -> None:
        """Gradients of each point to norm 1 at most."""
        grads = [g for g in (self.weight.grad, self.bias.grad) if g is not None]
        norm = sum(g.flatten(1).square().sum(1) for g in grads)
        for grad in grads:
            grad /= torch.as_tensor(norm).sqrt().clamp(min=1.0).reshape(-1, *[1] * (grad.dim() - 1))

    def _gradients(self, streams: list[Tensor], final: Tensor) -> Tensor:
        """Adds the gradients of the mean KL at every point, a chunk of rows at a time; returns the KLs."""
        rows = len(final)
        losses = torch.zeros(len(streams))
        size = max(1, CHUNK_BYTES // (4 * self.readout.weight.shape[1]))
        for a in range(0, rows, size):
            with torch.no_grad():
                target = self.readout.logits(final[a : a + size]).log_softmax(-1)
            for i, stream in enumerate(streams):
                x = stream[a : a + size]
                with torch.enable_grad():
                    log_p = self.readout.logits(x + x @ self.weight[i] + self.bias[i]).log_softmax(-1)
                    loss = functional.kl_div(log_p, target, reduction="sum", log_target=True) / rows
                    torch.autograd.backward(loss)
                losses[i] += loss.detach().cpu()
        return losses


def _points(architecture: Architecture) -> list[str]:
    blocks = architecture.main.blocks
    if blocks[0].form == "post-norm":
        return [f"{blocks[0].name}.resid_pre", *(f"{block.name}.ln2.out" for block in blocks[:-1])]
    return [f"{blocks[0].name}.resid_pre", *(f"{block.name}.resid_post" for block in blocks[:-1])]


def _again(batches: Iterable[Any]) -> Iterable[Any]:
    """The batches over and over; an iterator is remembered as it goes. Texts and tensors count as one batch each."""
    if isinstance(batches, (str, Tensor, Mapping)):
        batches = [batches]
    return itertools.cycle(batches)


def _real(seen: Trace, like: Tensor) -> Tensor:
    """`(batch, position)` bool: places that are not padding."""
    mask = real_places(seen)
    if mask is None:
        return torch.ones(like.shape[:2], dtype=torch.bool, device=like.device)
    return mask.to(like.device, torch.bool)
