"""The tabular classifier: a perceptron on scikit-learn's breast cancer measurements."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from attrium_kernel.zoo.card import WEIGHTS, Card
from attrium_kernel.zoo.data.tables import breast_cancer
from attrium_kernel.zoo.fit import fit, make_deterministic
from attrium_kernel.zoo.models.table_net import TableNet
from attrium_kernel.zoo.scores import classification_scores, shuffled_batches

SEED, EPOCHS, BATCH, LR = 11, 60, 32, 2e-3


def train(folder: Path) -> Card:
    """Train, score on the held-out quarter, write weights (with the standardisation) and card. A few seconds."""
    make_deterministic(SEED)
    split = breast_cancer()
    mean, std = split.train.rows.mean(0), split.train.rows.std(0)
    rows, test_rows = (torch.from_numpy((part.rows - mean) / std).float() for part in (split.train, split.test))
    labels, test_labels = torch.from_numpy(split.train.labels), torch.from_numpy(split.test.labels)
    model = TableNet(len(split.features), len(split.classes))
    batches = shuffled_batches(len(labels), BATCH, EPOCHS, SEED)
    train_loss = fit(
        model,
        lambda step: (rows[batches[step]], labels[batches[step]]),
        loss_of,
        steps=len(batches),
        lr=LR,
        weight_decay=0.1,
    )
    standardisation = {"mean": torch.from_numpy(mean), "std": torch.from_numpy(std)}
    save_file({**model.state_dict(), **standardisation}, folder / WEIGHTS)
    return Card(
        name="tabular",
        summary="Tells malignant from benign tumours by 30 measurements of cell nuclei.",
        architecture="A perceptron of two hidden layers of 32 ReLUs on standardised features.",
        parameters=sum(p.numel() for p in model.parameters()),
        data=f"`sklearn.datasets.load_breast_cancer` (569 rows, Wolberg et al. 1995): {len(labels)} to train,"
        f" {len(test_labels)} held out, classes in equal shares. `model.safetensors` also holds the"
        " training rows' mean and std.",
        training={
            "seed": SEED, "epochs": EPOCHS, "batch": BATCH, "highest_learning_rate": LR,
            "optimiser": "AdamW, weight decay 0.1", "training_loss_at_the_end": round(train_loss, 4),
        },
        scores=classification_scores(model, test_rows, test_labels),
        limits="A teaching model of a teaching data set; not for use on people.",
    ).save(folder)  # fmt: skip


def loss_of(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Mean cross-entropy, in nats."""
    rows, labels = batch
    return functional.cross_entropy(model(rows), labels)
