"""Data sets of texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from attrium_kernel.arrays import Frame, make_frame
from attrium_kernel.attribution import At, FromInputs, Method, PlaceError

from ..encoding import EncodedText, Encoder, encoder_of
from ..errors import DataError
from ..places import device_of, embedding_of, embeddings
from ..predictions import logits
from .base import Case, Feature, Model


class TextFeature(Feature):
    """Texts, attributed at the token embedding, or by hiding tokens for methods that need no gradient.

    Texts of equal length go through the model together, so nothing is ever padded.

    Args:
        texts: the texts.
        encode: texts to token ids and what the reader sees; see `encoder_of`.
        tokenizer: instead of `encode`, a tokenizer of transformers or of tokenizers.
        at: the embedding; by default the one that looks up the token ids.
        baselines: ids that stand for "no token": one id, or a function from ids `(n, tokens)` to such ids. By default
            the padding token's where it is known, else id 0; special tokens stay.
    """

    kind: ClassVar[str] = "text"
    setting_defaults: ClassVar[Mapping[str, Any]] = {"window": 1, "where": "place"}

    def __init__(
        self,
        texts: Sequence[str],
        *,
        encode: Encoder | None = None,
        tokenizer: Any = None,
        at: nn.Module | str | At | None = None,
        baselines: int | Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        if len(texts) == 0:
            raise DataError("the data set is empty; pass at least one text")
        self.texts = texts
        self._encode, self._pad = encoder_of(encode, tokenizer)
        self._at = at
        self._found: str | None = None
        self._baselines = baselines
        self._encoded: dict[int, EncodedText] = {}

    def __len__(self) -> int:
        return len(self.texts)

    def encoded(self, index: int) -> EncodedText:
        """The tokens of a text."""
        if index not in self._encoded:
            self._encoded[index] = self._encode(self.texts[index])
        return self._encoded[index]

    def batches(self, indices: Sequence[int], size: int) -> list[list[int]]:
        """Groups of texts of one length."""
        ordered = sorted(indices, key=lambda index: (len(self.encoded(index).tokens), index))
        groups = [list(group) for _, group in groupby(ordered, lambda index: len(self.encoded(index).tokens))]
        return [group[start : start + size] for group in groups for start in range(0, len(group), size)]

    def scores(self, model: Model, indices: Sequence[int]) -> Tensor:
        """The model's output."""
        inputs = self._inputs(model, indices)
        return logits(model, **inputs) if self._named else logits(model, inputs["input_ids"])

    @property
    def _named(self) -> bool:
        return self.encoded(0).attention_mask is not None

    def _ids(self, model: Model, indices: Sequence[int]) -> Tensor:
        return torch.stack([self.encoded(index).ids for index in indices]).to(device_of(model))

    def _inputs(self, model: Model, indices: Sequence[int]) -> dict[str, Tensor]:
        ids = self._ids(model, indices)
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}

    def card(self, index: int) -> dict[str, Any]:
        """The tokens."""
        text = self.encoded(index)
        return {"tokens": text.tokens, "words": text.words, "special": text.special}

    def case(self, model: Model, method: Method, indices: Sequence[int]) -> Case:
        """At the embedding for gradients; at the ids, every token a feature, for perturbations."""
        ids = self._ids(model, indices)
        inputs: Any = {"input_ids": ids} if self._named else ids
        kwargs = {"attention_mask": torch.ones_like(ids)} if self._named else {}
        blank = self._blank(ids, indices)
        baselines: Any = {"input_ids": blank} if self._named else blank
        if method.needs_layer:
            raise PlaceError(f"{method.label} explains by feature maps, and a text has none; choose another method")
        options: dict[str, Any] = {"kwargs": kwargs}
        if method.needs_gradient:
            options["at"] = self._place(model)
        if method.uses_baselines:
            options["baselines"] = FromInputs(baselines) if method.needs_gradient else baselines
        return Case(inputs, options)

    def _blank(self, ids: Tensor, indices: Sequence[int]) -> Tensor:
        """The ids with nothing said."""
        if callable(self._baselines):
            return self._baselines(ids)
        special = torch.tensor([self.encoded(index).special for index in indices], device=ids.device)
        blank = self._pad if self._baselines is None else self._baselines
        return torch.where(special, ids, torch.full_like(ids, blank))

    def scores_drawn(self, values: Tensor, index: int, method: Method) -> Tensor:
        """One number for each token, the embedding's width summed."""
        return values.sum(-1) if values.dim() == 2 else values

    def heat(self, drawn: Tensor, index: int) -> Frame:
        """All of it."""
        return make_frame(drawn, f"heat/{index}")

    def applies(self, cls: type[Method]) -> bool:
        """Not those that look at feature maps: a text has none."""
        return cls.needs_layer is not True

    def needs(self, model: Model, cls: type[Method]) -> str | None:
        """The embedding that gradients are taken at."""
        if cls.needs_gradient is False or self._at is not None:
            return None
        return None if embeddings(model) else "a token embedding: none was found in this model, so pass at= to Insights"

    def _place(self, model: Model) -> nn.Module | str | At:
        if self._at is not None:
            return self._at
        if self._found is None:
            ids = self._ids(model, [0])
            self._found = embedding_of(model, ids, lambda: self.scores(model, [0]))
        if self._found is None:
            raise PlaceError(
                "no embedding of the token ids was found in the model; pass at=, the module that embeds them, to "
                "Insights, or choose a method that needs no gradient, such as FeatureAblation"
            )
        return self._found
