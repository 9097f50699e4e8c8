"""What is explored: a model, with the way from a text or token ids to a trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from attrium_kernel.tracing import Architecture, Capture, Intervention, Tokens, Trace, tokenize, trace
from attrium_kernel.tracing.prepare import decoder_start, unpacked
from attrium_kernel.tracing.tokens import strings_of

from ..errors import DataError
from ..naming import names_of


@dataclass(frozen=True, eq=False)
class Prompt:
    """Token ids of the stack that is shown, and what a reader sees of them.

    Args:
        ids: of every position; empty for inputs that are no tokens.
        texts: as they read, one for each position.
        written: the ids that the reader wrote; what goes on from them was generated.
        spans: characters of the text that each written token covers, where that is known.
        source: what an encoder-decoder's encoder reads, else None.
        text: what the reader wrote.
    """

    ids: tuple[int, ...]
    texts: tuple[str, ...]
    written: tuple[int, ...] = ()
    spans: tuple[tuple[int, int] | None, ...] = ()
    source: tuple[int, ...] | None = None
    text: str = ""

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def given(self) -> int:
        """How many of the tokens are as they were written."""
        pairs = zip(self.ids, self.written)
        return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(self.ids), len(self.written)))

    def span(self, position: int) -> tuple[int, int] | None:
        """Characters of the text that a position covers; None where that is not known."""
        return self.spans[position] if position < min(self.given, len(self.spans)) else None


class Subject:
    """A model with its tokenizer, or with inputs that stay as they are.

    Args:
        model: a module, or what `load` returned.
        tokenizer: for texts.
        inputs: what the model takes instead of a text: pixels, embeddings, a mapping of arguments; one example.
        architecture: where the parts are; found by default.
        names: what its parts are called, instead of the model's own names: see `names_of`.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any = None,
        inputs: Any = None,
        architecture: Architecture | None = None,
        names: Mapping[str, Any] | None = None,
    ) -> None:
        self.model: nn.Module
        self.model, self.tokenizer = unpacked(model, tokenizer)
        self.inputs = inputs
        self.architecture = architecture
        self.names = names_of(self.model, names)
        self._strings: Callable[[list[int]], list[str]] = strings_of(self.tokenizer)
        self._special = _special_ids(self.tokenizer)
        self._vocabulary = _rows_of_embedding(self.model)

    @property
    def reads_text(self) -> bool:
        """Whether there is a prompt to write."""
        return self.inputs is None

    @property
    def two_stacks(self) -> bool:
        """Whether an encoder reads the text, and the decoder's tokens are shown."""
        return bool(getattr(getattr(self.model, "config", None), "is_encoder_decoder", False)) and self.reads_text

    def encode(self, text: str) -> Prompt:
        """The tokens of a text.

        Raises:
            DataError: without a tokenizer.
            CaptureError: if the text has none.
        """
        if self.tokenizer is None:
            raise DataError("a text needs a tokenizer; pass TransformerExplorer(model, tokenizer, text), or ids=")
        tokens = tokenize(text, self.tokenizer)
        ids = tuple(tokens.ids[0].tolist())
        if self.two_stacks:
            start = (decoder_start(self.model),)
            return Prompt(start, tuple(self.texts(start)), written=start, source=ids, text=text)
        spans = tokens.offsets[0] if tokens.offsets is not None else [(0, 0)] * len(ids)
        shown = tuple(None if a == b else (a, b) for a, b in spans)
        return Prompt(ids, tuple(tokens.strings[0]), ids, shown, text=text)

    def of_ids(self, ids: Sequence[int], before: Prompt | None) -> Prompt:
        """The tokens of ids, of the same text as the prompt before.

        Raises:
            DataError: for no ids, ids that the model has no embedding of, or a decoder's without a text to read.
        """
        ids = tuple(int(i) for i in ids)
        if not ids:
            raise DataError("ids=[] are no tokens; pass at least one")
        for token in ids:
            self.check_token(token, "token")
        if before is None and self.two_stacks:
            raise DataError("ids are the decoder's here; write the text that the encoder reads too")
        if before is None:
            return Prompt(ids, tuple(self.texts(ids)), written=ids, text=self.decode(ids))
        return replace(before, ids=ids, texts=tuple(self.texts(ids)))

    def check_token(self, token: Any, name: str) -> None:
        """Raises a `DataError` for what is no id of the model's vocabulary, as far as that is known."""
        most = self._vocabulary
        whole = isinstance(token, int) and not isinstance(token, bool)
        if not whole or token < 0 or (most is not None and token >= most):
            there_are = "from 0" if most is None else f"from 0 to {most - 1}"
            raise DataError(f"{name} {token!r} is not in the vocabulary; pass an id {there_are}")

    @property
    def weights(self) -> tuple[Any, ...]:
        """Equal as long as nobody changed a parameter: to tell whether a run is still the model's."""
        return tuple((id(p), p.data_ptr(), 0 if p.is_inference() else p._version) for p in self.model.parameters())

    def texts(self, ids: Sequence[int]) -> list[str]:
        """Tokens as they read."""
        return self._strings([int(i) for i in ids])

    def said(self, ids: Sequence[int], count: int) -> list[str]:
        """What some of `count` logits stand for: the model's own names of its outputs, or else tokens."""
        named = self.names.get("outputs", [])
        texts = {i: named[i] for i in ids if i < len(named) <= count and named[i]}
        others = [i for i in ids if i not in texts]
        texts.update(zip(others, self.texts(others) if others else ()))
        return [texts[i] for i in ids]

    def decode(self, ids: Sequence[int]) -> str:
        """Ids as a text."""
        decode = getattr(self.tokenizer, "decode", None)
        return str(decode(list(ids))) if decode is not None else " ".join(str(i) for i in ids)

    def is_special(self, token: int) -> bool:
        """Whether a token is one of the tokenizer's own marks."""
        return token in self._special

    def trace(self, prompt: Prompt, interventions: Sequence[Intervention] = (), capture: Any = "all") -> Trace:
        """Run the model on a prompt."""
        return trace(
            self.model,
            self.arguments(prompt),
            self.tokenizer,
            capture=capture,
            interventions=interventions,
            architecture=self.architecture,
        )

    def arguments(self, prompt: Prompt) -> Any:
        """What `trace` is given."""
        if self.inputs is not None:
            return self.inputs
        if prompt.source is not None:
            return {"input_ids": torch.tensor([prompt.source]), "decoder_input_ids": torch.tensor([prompt.ids])}
        return Tokens.of_ids(list(prompt.ids), self.tokenizer)

    def shuffled(self, prompt: Prompt, count: int, seed: int, capture: Sequence[str]) -> Trace:
        """The model on `count` random orders of the prompt's tokens, for resampling.

        Raises:
            DataError: for inputs that are no tokens.
        """
        if not self.reads_text or prompt.source is not None:
            raise DataError("resample draws shuffled prompts, and these inputs are no prompt; use zero or mean")
        generator = torch.Generator().manual_seed(seed)
        ids = torch.tensor(prompt.ids)
        rows: Tensor = torch.stack([ids[torch.randperm(len(ids), generator=generator)] for _ in range(count)])
        return trace(self.model, Tokens.of_ids(rows), capture=Capture(names=tuple(capture)),
                     architecture=self.architecture)  # fmt: skip


def _special_ids(tokenizer: Any) -> frozenset[int]:
    listed = getattr(tokenizer, "all_special_ids", None)
    if listed is not None:
        return frozenset(int(i) for i in listed)
    added = getattr(tokenizer, "get_added_tokens_decoder", None)
    return frozenset(i for i, token in added().items() if token.special) if added is not None else frozenset()


def _rows_of_embedding(model: nn.Module) -> int | None:
    """How many tokens a model has an embedding of; None if it does not say."""
    getter = getattr(model, "get_input_embeddings", None)
    try:
        table = getter() if getter is not None else None
    except NotImplementedError:
        return None
    return table.num_embeddings if isinstance(table, nn.Embedding) else None
