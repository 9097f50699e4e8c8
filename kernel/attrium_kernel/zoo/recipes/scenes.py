"""The scene classifier: drawn scenes, each epoch mirrored and moved at random."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn import functional

from attrium_kernel.zoo.card import WEIGHTS, Card
from attrium_kernel.zoo.data.scenes import CLASSES, TEST_COUNT, TEST_SEED, TRAIN_COUNT, TRAIN_SEED, Scenes, draw_scenes
from attrium_kernel.zoo.fit import fit, make_deterministic
from attrium_kernel.zoo.models.scene_net import SceneNet
from attrium_kernel.zoo.pixels import scene_pixels
from attrium_kernel.zoo.scores import classification_scores, shuffled_batches

SEED, EPOCHS, BATCH, LR, SMOOTHING = 1, 12, 64, 4e-3, 0.05


def train(folder: Path) -> Card:
    """Draw, train, score on scenes of another seed; write weights and card. About 8 minutes on one core."""
    make_deterministic(SEED)
    drawn, test = draw_scenes(TRAIN_SEED, TRAIN_COUNT), draw_scenes(TEST_SEED, TEST_COUNT)
    pixels, labels = scene_pixels(drawn.images), torch.from_numpy(drawn.labels)
    model = SceneNet(len(CLASSES))
    test_pixels, test_labels = scene_pixels(test.images), torch.from_numpy(test.labels)
    batches = shuffled_batches(TRAIN_COUNT, BATCH, EPOCHS, SEED)
    train_loss = fit(
        model,
        lambda step: (_moved(pixels[batches[step]], step), labels[batches[step]]),
        loss_of,
        steps=len(batches),
        lr=LR,
        weight_decay=0.05,
        watch=lambda model: str(classification_scores(model, test_pixels, test_labels)),
    )
    save_file(model.state_dict(), folder / WEIGHTS)
    return Card(
        name="scenes",
        summary="Names the one object of eight kinds in a drawn scene of 64 by 64 pixels.",
        architecture="A residual network: stem, four stages of one block (16, 32, 64, 96 channels),"
        " mean over space, linear head.",
        parameters=sum(p.numel() for p in model.parameters()),
        data=f"Our own generator (`zoo/data/scenes.py`): {TRAIN_COUNT:,} scenes of seed {TRAIN_SEED} to train,"
        f" {TEST_COUNT:,} of seed {TEST_SEED} held out; classes {', '.join(CLASSES)}. Colours have the same"
        " distribution in every class: see the score of a logistic regression on colour histograms (chance is 0.125).",
        training={
            "seed": SEED, "epochs": EPOCHS, "batch": BATCH, "highest_learning_rate": LR,
            "optimiser": "AdamW, weight decay 0.05", "label_smoothing": SMOOTHING,
            "training_loss_at_the_end": round(train_loss, 4),
        },
        scores={
            **classification_scores(model, test_pixels, test_labels),
            "accuracy_of_colours_alone": colours_alone(drawn, test),
        },
        limits="Made for explanations whose truth is known (the object's mask); it has never seen a photograph.",
    ).save(folder)  # fmt: skip


def loss_of(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Mean cross-entropy with smoothed labels, in nats."""
    pixels, labels = batch
    return functional.cross_entropy(model(pixels), labels, label_smoothing=SMOOTHING)


def colours_alone(train: Scenes, test: Scenes) -> float:
    """Held-out accuracy of a logistic regression on 4x4x4 colour histograms."""
    judge = LogisticRegression(max_iter=500).fit(_histograms(train), train.labels)
    return float(judge.score(_histograms(test), test.labels))


def _histograms(scenes: Scenes) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    bins = (scenes.images // 64).astype(np.int64) @ np.array([16, 4, 1])
    return np.stack([np.bincount(row.ravel(), minlength=64) / row.size for row in bins])


def _moved(pixels: Tensor, step: int) -> Tensor:
    """A batch moved by up to six pixels (wrapping round) and mirrored in every other step."""
    generator = torch.Generator().manual_seed(step)
    down, right = (torch.randint(-6, 7, (2,), generator=generator)).tolist()
    moved = pixels.roll((int(down), int(right)), (2, 3))
    return moved.flip(3) if step % 2 else moved
