"""What the zoo hands out: a model with all that is needed to ask it questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from numpy import bool_, float64, int64, uint8
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from attrium_kernel.zoo.card import Card
from attrium_kernel.zoo.encoding import EncodedTexts, encode_texts

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast


@dataclass(frozen=True)
class ImageTest:
    """Held-out pictures: `images` uint8, `labels` `(n,)` int64, `masks` of the object (bool, None if not known)."""

    images: NDArray[uint8]
    labels: NDArray[int64]
    masks: NDArray[bool_] | None


@dataclass(frozen=True)
class TextTest:
    """Held-out texts, labels `(n,)` int64, and per text the spans `(start, stop)`, in characters, that decide it."""

    texts: list[str]
    labels: NDArray[int64]
    spans: list[tuple[tuple[int, int], ...]]


@dataclass(frozen=True)
class TableTest:
    """Held-out rows `(n, features)` float64 in the units of the data set, and labels `(n,)` int64."""

    rows: NDArray[float64]
    labels: NDArray[int64]


@dataclass(frozen=True)
class ImageBundle:
    """An image classifier.

    Args:
        model: in eval mode; takes what `preprocess` gives, answers with logits `(n, classes)`.
        classes: names by class index.
        preprocess: uint8 pictures as in `test.images` (one, or a batch) to the model's input.
        grad_cam: the name of the module to use for Grad-CAM.
        draw_test: makes `test`; called once.
    """

    name: str
    model: nn.Module
    classes: list[str]
    preprocess: Callable[[NDArray[uint8]], Tensor]
    grad_cam: str
    card: Card
    draw_test: Callable[[], ImageTest]

    @cached_property
    def test(self) -> ImageTest:
        """The held-out pictures, made anew from the generator or the data set when first asked for."""
        return self.draw_test()


@dataclass(frozen=True)
class TextBundle:
    """A text classifier.

    Args:
        model: in eval mode; `model(input_ids, attention_mask)` gives logits `(n, classes)`; attribute at
            `model.embedding`.
        classes: names by class index.
        tokenizer: of the `tokenizers` library.
        max_tokens: the longest text, special tokens included.
        draw_test: makes `test`; called once.
    """

    name: str
    model: nn.Module
    classes: list[str]
    tokenizer: Tokenizer
    max_tokens: int
    card: Card
    draw_test: Callable[[], TextTest]

    @cached_property
    def test(self) -> TextTest:
        """The held-out texts, written anew by the generator when first asked for."""
        return self.draw_test()

    def encode(self, texts: str | Sequence[str]) -> EncodedTexts:
        """Tokens of one text or several.

        Raises: `ValueError` for no text or a text longer than `max_tokens`.
        """
        return encode_texts(self.tokenizer, [texts] if isinstance(texts, str) else texts, self.max_tokens)

    def baseline_ids(self, input_ids: Tensor) -> Tensor:
        """The ids with [PAD] in place of each token but the special ones; same shape."""
        pad, *kept = (
            self.tokenizer.encode(name, add_special_tokens=False).ids[0] for name in ("[PAD]", "[CLS]", "[SEP]")
        )
        return torch.where(torch.isin(input_ids, torch.tensor(kept)), input_ids, pad)


@dataclass(frozen=True)
class TableBundle:
    """A classifier of rows of numbers.

    Args:
        model: in eval mode; takes standardised rows, answers with logits `(n, classes)`.
        features: names by column.
        mean, std: of the training rows, `(features,)`, in the units of the data set.
        load_test: makes `test`; called once.
    """

    name: str
    model: nn.Module
    classes: list[str]
    features: list[str]
    mean: NDArray[float64]
    std: NDArray[float64]
    card: Card
    load_test: Callable[[], TableTest]

    @cached_property
    def test(self) -> TableTest:
        """The held-out rows."""
        return self.load_test()

    def preprocess(self, rows: NDArray[float64]) -> Tensor:
        """Rows `(n, features)`, or one `(features,)`, standardised: float32 `(n, features)`.

        Raises: `ValueError` for another number of features.
        """
        if rows.ndim not in (1, 2) or rows.shape[-1] != len(self.features):
            raise ValueError(
                f"got rows of shape {rows.shape}, expected (n, {len(self.features)}), one column per feature"
            )
        return torch.from_numpy((rows.reshape(-1, len(self.features)) - self.mean) / self.std).float()


@dataclass(frozen=True)
class LanguageBundle:
    """A causal language model in Hugging Face format.

    Args:
        model: in eval mode; an output with `.logits` `(n, T, tokens)`.
        tokenizer: Hugging Face's fast tokenizer.
        folder: what `from_pretrained` takes.
    """

    name: str
    model: GPT2LMHeadModel
    tokenizer: PreTrainedTokenizerFast
    folder: Path
    card: Card

    def encode(self, texts: str | Sequence[str]) -> EncodedTexts:
        """Tokens of one text or several; a token's text keeps its leading space.

        Raises: `ValueError` for no text, an empty one, or one longer than the model's positions.
        """
        longest = int(self.model.config.n_positions)
        return encode_texts(self.tokenizer.backend_tokenizer, [texts] if isinstance(texts, str) else texts, longest)

    def next_words(self, text: str, count: int = 5) -> list[tuple[str, float]]:
        """The likeliest next tokens after a text, with their probabilities, best first."""
        with torch.inference_mode():
            logits = self.model(self.encode(text).input_ids).logits[0, -1]
        best = logits.softmax(-1).topk(count)
        return [
            (str(self.tokenizer.decode([int(i)])), float(p)) for p, i in zip(best.values, best.indices, strict=True)
        ]
