"""The loaders: a function per model. Each call gives a fresh model; what is heavy is imported when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from attrium_kernel.zoo.bundles import (
    ImageBundle,
    ImageTest,
    LanguageBundle,
    TableBundle,
    TableTest,
    TextBundle,
    TextTest,
)
from attrium_kernel.zoo.card import WEIGHTS, Card
from attrium_kernel.zoo.folders import path
from attrium_kernel.zoo.pixels import digit_pixels, scene_pixels

Bundle = ImageBundle | TextBundle | TableBundle | LanguageBundle


def load(name: str) -> Bundle:
    """A model by name.

    Raises: `ValueError` for a name that is not in `names()`.
    """
    path(name)
    loaders: dict[str, Callable[[], Bundle]] = {
        "scenes": scenes, "digits": digits, "reviews": reviews, "tabular": tabular, "tiny_gpt2": tiny_gpt2,
    }  # fmt: skip
    return loaders[name]()


def scenes() -> ImageBundle:
    """Drawn scenes of 64 by 64 pixels with one of eight objects; the object's mask is known."""
    from attrium_kernel.zoo.data.scenes import CLASSES
    from attrium_kernel.zoo.models.scene_net import SceneNet

    return ImageBundle(
        name="scenes",
        model=_restored(lambda: SceneNet(len(CLASSES)), _weights("scenes")),
        classes=list(CLASSES),
        preprocess=scene_pixels,
        grad_cam="stages.3",
        card=Card.load(path("scenes")),
        draw_test=_scenes_test,
    )


def digits() -> ImageBundle:
    """scikit-learn's handwritten digits, 8 by 8 pixels; pictures are `(n, 8, 8)` uint8."""
    from attrium_kernel.zoo.models.digit_net import DigitNet

    return ImageBundle(
        name="digits",
        model=_restored(DigitNet, _weights("digits")),
        classes=[str(digit) for digit in range(10)],
        preprocess=digit_pixels,
        grad_cam="features.6",
        card=Card.load(path("digits")),
        draw_test=_digits_test,
    )


def reviews() -> TextBundle:
    """Short written reviews: negative, mixed or positive; the deciding words are known."""
    from attrium_kernel.zoo.data.review_text import CLASSES
    from attrium_kernel.zoo.models.review_net import ReviewNet

    weights = _weights("reviews")
    tokens = weights["position.weight"].shape[0]
    return TextBundle(
        name="reviews",
        model=_restored(lambda: ReviewNet(weights["embedding.weight"].shape[0], len(CLASSES), tokens), weights),
        classes=list(CLASSES),
        tokenizer=Tokenizer.from_file(str(path("reviews") / "tokenizer.json")),
        max_tokens=tokens,
        card=Card.load(path("reviews")),
        draw_test=_reviews_test,
    )


def tabular() -> TableBundle:
    """scikit-learn's breast cancer measurements: malignant or benign."""
    from attrium_kernel.zoo.data.tables import breast_cancer
    from attrium_kernel.zoo.models.table_net import TableNet

    weights, split = _weights("tabular"), breast_cancer()
    mean, std = weights.pop("mean").numpy(), weights.pop("std").numpy()
    return TableBundle(
        name="tabular",
        model=_restored(lambda: TableNet(len(split.features), len(split.classes)), weights),
        classes=split.classes,
        features=split.features,
        mean=mean,
        std=std,
        card=Card.load(path("tabular")),
        load_test=lambda: TableTest(split.test.rows, split.test.labels),
    )


def tiny_gpt2() -> LanguageBundle:
    """A small GPT-2 that does induction, indirect objects, greater-than and agreement."""
    from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

    folder = path("tiny_gpt2")
    with _without_progress_bar():
        model = GPT2LMHeadModel.from_pretrained(folder, local_files_only=True)
    model.train(False)
    return LanguageBundle(
        name="tiny_gpt2",
        model=model,
        tokenizer=PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True),
        folder=folder,
        card=Card.load(folder),
    )


def _weights(name: str) -> dict[str, Tensor]:
    return load_file(path(name) / WEIGHTS)


def _restored(build: Callable[[], nn.Module], weights: Mapping[str, Tensor]) -> nn.Module:
    with torch.random.fork_rng(
        devices=[]
    ):  # building draws weights that are thrown away: leave the caller's draws alone
        model = build()
    model.load_state_dict(weights)
    return model.eval()


@contextmanager
def _without_progress_bar() -> Iterator[None]:
    """Keep transformers from drawing a bar for a load of milliseconds; its setting comes back afterwards."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers leaves both without annotations
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _scenes_test() -> ImageTest:
    from attrium_kernel.zoo.data.scenes import TEST_COUNT, TEST_SEED, draw_scenes

    drawn = draw_scenes(TEST_SEED, TEST_COUNT)
    return ImageTest(drawn.images, drawn.labels, drawn.masks)


def _digits_test() -> ImageTest:
    from attrium_kernel.zoo.data.tables import digits, ink_to_bytes

    held_out = digits().test
    return ImageTest(ink_to_bytes(held_out.rows), held_out.labels, None)


def _reviews_test() -> TextTest:
    from attrium_kernel.zoo.data.review_text import held_out_reviews

    drawn = held_out_reviews()
    return TextTest(
        texts=[review.text for review in drawn],
        labels=np.array([review.label for review in drawn]),
        spans=[review.spans for review in drawn],
    )
