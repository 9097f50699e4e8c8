"""The digit classifier: scikit-learn's handwritten digits, moved a little at random."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from attrium_kernel.zoo.card import WEIGHTS, Card
from attrium_kernel.zoo.data.tables import digits, ink_to_bytes
from attrium_kernel.zoo.fit import fit, make_deterministic
from attrium_kernel.zoo.models.digit_net import DigitNet
from attrium_kernel.zoo.pixels import digit_pixels
from attrium_kernel.zoo.scores import classification_scores, shuffled_batches

SEED, EPOCHS, BATCH, LR = 7, 60, 64, 3e-3


def train(folder: Path) -> Card:
    """Train, score on the held-out quarter, write weights and card. About a minute on one core."""
    make_deterministic(SEED)
    split = digits()
    pixels, labels = digit_pixels(ink_to_bytes(split.train.rows)), torch.from_numpy(split.train.labels)
    held_out = digit_pixels(ink_to_bytes(split.test.rows)), torch.from_numpy(split.test.labels)
    model = DigitNet(len(split.classes))
    batches = shuffled_batches(len(labels), BATCH, EPOCHS, SEED)
    train_loss = fit(
        model,
        lambda step: (_moved(pixels[batches[step]], step), labels[batches[step]]),
        loss_of,
        steps=len(batches),
        lr=LR,
        weight_decay=0.05,
    )
    save_file(model.state_dict(), folder / WEIGHTS)
    return Card(
        name="digits",
        summary="Names a handwritten digit of 8 by 8 pixels.",
        architecture="Three 3x3 convolutions (16, 32, 32 channels), a linear head.",
        parameters=sum(p.numel() for p in model.parameters()),
        data=f"`sklearn.datasets.load_digits` (1,797 digits, Alpaydin & Kaynak 1998): {len(labels):,} to train,"
        f" {len(held_out[1])} held out, classes in equal shares.",
        training={
            "seed": SEED, "epochs": EPOCHS, "batch": BATCH, "highest_learning_rate": LR,
            "optimiser": "AdamW, weight decay 0.05", "training_loss_at_the_end": round(train_loss, 4),
        },
        scores=classification_scores(model, *held_out),
        limits="Writers of the training digits may also have written held-out ones; the data set does not tell.",
    ).save(folder)  # fmt: skip


def loss_of(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Mean cross-entropy, in nats."""
    pixels, labels = batch
    return functional.cross_entropy(model(pixels), labels)


def _moved(pixels: Tensor, step: int) -> Tensor:
    """A batch moved by up to one pixel each way; empty pixels come in at the edge."""
    down, right = torch.randint(0, 3, (2,), generator=torch.Generator().manual_seed(step)).tolist()
    return functional.pad(pixels, (1, 1, 1, 1))[:, :, int(down) : int(down) + 8, int(right) : int(right) + 8]
