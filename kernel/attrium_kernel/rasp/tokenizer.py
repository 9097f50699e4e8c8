"""A program's vocabulary as a tokenizer of transformers, which puts the BOS in front."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from .expressions import Value
from .vocabulary import Vocabulary


class ProgramTokenizer(PreTrainedTokenizerFast):
    """A `PreTrainedTokenizerFast` that also takes values, and says what is wrong with an input.

    Saved, it is an ordinary fast tokenizer.

    Attributes:
        program_vocabulary: ids and spellings of the program's values.
    """

    program_vocabulary: Vocabulary

    def encode_values(self, values: Iterable[Value]) -> list[int]:
        """Ids of an input, BOS first; see `Vocabulary.encode`."""
        return self.program_vocabulary.encode(values)

    def values_of(self, ids: Iterable[int]) -> list[Value]:
        """Values of ids; see `Vocabulary.values_of`."""
        return self.program_vocabulary.values_of(ids)

    def save_pretrained(self, save_directory: str | os.PathLike[str], *args: Any, **kwargs: Any) -> Any:
        """Write it to a folder as an ordinary fast tokenizer."""
        return plain_tokenizer(self.program_vocabulary).save_pretrained(save_directory, *args, **kwargs)

    def _encode_plus(self, text: Any, *args: Any, **kwargs: Any) -> Any:
        shortened = kwargs.get("truncation_strategy", "do_not_truncate") != "do_not_truncate"
        for row in [text] if isinstance(text, str) else text:
            if isinstance(row, str):
                self._check(row, shortened)
        return super()._encode_plus(text, *args, **kwargs)

    def _check(self, text: str, shortened: bool) -> None:
        """Raise for a text that is empty, too long, or has a token that is no input."""
        words = self.program_vocabulary
        pieces = [piece for piece, _ in self.backend_tokenizer.pre_tokenizer.pre_tokenize_str(text)]
        if not shortened or not pieces:
            words.check_length(len(pieces))
        known = set(words.spellings[2 : 2 + len(words.inputs)])
        for position, piece in enumerate(pieces):
            if piece not in known:
                raise words.unknown(piece, position)


def tokenizer_for(
    inputs: Sequence[Value],
    bos: str = "BOS",
    pad: str = "PAD",
    extra: Sequence[Value] = (),
    max_length: int | None = None,
) -> ProgramTokenizer:
    """The tokenizer of a vocabulary; arguments as of `Vocabulary`.

    A text is one token a character if all inputs are spelled with one (white space is skipped, unless it is one of
    them); else it is split at white space.

    Raises:
        RaspError: the vocabulary is empty or has a value twice.
    """
    vocabulary = Vocabulary(inputs, bos, pad, extra, max_length)
    made = ProgramTokenizer(**_settings(vocabulary))  # type: ignore[no-untyped-call]  # transformers has no types here
    made.program_vocabulary = vocabulary
    return made


def plain_tokenizer(vocabulary: Vocabulary) -> PreTrainedTokenizerFast:
    """The same as a `PreTrainedTokenizerFast` and no more."""
    return PreTrainedTokenizerFast(**_settings(vocabulary))  # type: ignore[no-untyped-call]  # as above


def _settings(vocabulary: Vocabulary) -> dict[str, Any]:
    limit = vocabulary.max_length
    return {
        "tokenizer_object": _backend(vocabulary),
        "bos_token": vocabulary.bos,
        "pad_token": vocabulary.pad,
        "padding_side": "right",  # the BOS stands at position 0
        "split_special_tokens": True,  # letters that spell BOS are letters
        "clean_up_tokenization_spaces": False,
        **({} if limit is None else {"model_max_length": limit + 1}),
    }


def _backend(vocabulary: Vocabulary) -> Tokenizer:
    made = Tokenizer(models.WordLevel({text: i for i, text in enumerate(vocabulary.spellings)}))
    if vocabulary.characters:
        each = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
        skip = not any(text.isspace() for text in vocabulary.spellings)
        made.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(r"\s+"), "removed"), each] if skip else [each]
        )
        made.decoder = decoders.Fuse()
    else:
        made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.post_processor = processors.TemplateProcessing(
        single=[vocabulary.bos, "$A"], special_tokens=[(vocabulary.bos, 0)]
    )
    return made
