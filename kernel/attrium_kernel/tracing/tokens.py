"""Tokens of texts: ids for the model, strings and character spans for the reader, whatever tokenizer they come from."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor

from .errors import CaptureError

Spans = list[tuple[int, int]]
Side = Literal["right", "left"]


@dataclass(frozen=True, eq=False)
class Tokens:
    """Texts as a model takes them and as a reader sees them.

    Args:
        ids: `(batch, position)` int64.
        strings: for each row one string a position, as it reads in a text (" the"); "" for padding.
        offsets: for each row one `(start, stop)` a position, in characters of the text; `(0, 0)` for special tokens
            and padding. None where the tokenizer cannot tell.
        texts: the texts, None for tokens made from ids.
        mask: `(batch, position)` bool, False for padding; None if there is none.

    Raises: `CaptureError` if the shapes do not fit.
    """

    ids: Tensor
    strings: list[list[str]]
    offsets: list[Spans] | None = None
    texts: list[str] | None = None
    mask: Tensor | None = None

    def __post_init__(self) -> None:
        shape = tuple(self.ids.shape)
        if len(shape) != 2 or self.ids.is_floating_point() or self.ids.dtype == torch.bool:
            raise CaptureError(
                f"got token ids of shape {shape} and {self.ids.dtype}, expected (batch, position) of integers; for one "
                "row use Tokens.of_ids(ids)"
            )
        if len(self.strings) != shape[0] or any(len(row) != shape[1] for row in self.strings):
            raise CaptureError(
                f"got strings for rows of {[len(row) for row in self.strings]} tokens, but ids of shape {shape}; give "
                'one string for each id, "" for padding'
            )
        if self.mask is not None and tuple(self.mask.shape) != shape:
            raise CaptureError(f"got a mask of shape {tuple(self.mask.shape)}, expected that of the ids, {shape}")

    @classmethod
    def of_ids(
        cls, ids: Tensor | Sequence[int] | Sequence[Sequence[int]], tokenizer: Any = None, mask: Tensor | None = None
    ) -> Tokens:
        """Tokens of ids that the caller already has, `(position,)` or `(batch, position)`.

        Without a tokenizer the strings are the ids as numbers. The mask, of the same shape, is true or 1 for real
        tokens.

        Raises: `CaptureError` if the ids are not whole numbers of that shape.
        """
        try:
            table = ids if isinstance(ids, Tensor) else torch.tensor(ids)
        except (TypeError, ValueError) as error:
            raise CaptureError(
                f"got {_short(ids)} for token ids, expected whole numbers in rows of one length; to encode a text use "
                "tokenize(text, tokenizer)"
            ) from error
        if table.ndim not in (1, 2) or table.numel() == 0 or table.is_floating_point() or table.dtype == torch.bool:
            raise CaptureError(
                f"got token ids of shape {tuple(table.shape)} and {table.dtype}, expected whole numbers of shape "
                "(position,) or (batch, position), at least one"
            )
        table = table.reshape(-1, table.shape[-1]).long()
        if mask is not None and mask.numel() != table.numel():
            raise CaptureError(
                f"got a mask of shape {tuple(mask.shape)}, expected that of the ids, {tuple(table.shape)}"
            )
        kept = None if mask is None else mask.reshape(table.shape).bool()
        return cls(table, _strings(table, kept, strings_of(tokenizer)), mask=kept)

    @classmethod
    def of_strings(cls, strings: Sequence[str] | Sequence[Sequence[str]]) -> Tokens:
        """Tokens of which only the strings are known, one row or several of one length; their ids are -1.

        Raises: `CaptureError` if there is none, or the rows differ in length.
        """
        rows = [list(strings)] if all(isinstance(s, str) for s in strings) else [list(row) for row in strings]
        if not rows[0] or any(len(row) != len(rows[0]) for row in rows):
            raise CaptureError(
                f"got {[len(row) for row in rows]} strings in the rows, expected at least one, as many in each row"
            )
        return cls(torch.full((len(rows), len(rows[0])), -1), [[str(s) for s in row] for row in rows])

    def rows(self, start: int, stop: int) -> Tokens:
        """Some of the texts."""
        return Tokens(
            self.ids[start:stop],
            self.strings[start:stop],
            None if self.offsets is None else self.offsets[start:stop],
            None if self.texts is None else self.texts[start:stop],
            None if self.mask is None else self.mask[start:stop],
        )

    def inputs(self, device: torch.device | str | None = None) -> dict[str, Tensor]:
        """`input_ids` and `attention_mask` (int64, 1 for real tokens), both `(batch, position)`, on a device."""
        mask = torch.ones_like(self.ids) if self.mask is None else self.mask.long()
        return {"input_ids": self.ids.to(device), "attention_mask": mask.to(device)}

    def position_ids(self, device: torch.device | str | None = None) -> Tensor:
        """`(batch, position)` int64: real tokens counted from 0, padding 0.

        Models that count positions by column (GPT-2, say) need these when rows are padded on the left.
        """
        return (self.inputs(device)["attention_mask"].cumsum(1) - 1).clamp(min=0)


def tokenize(texts: str | Sequence[str], tokenizer: Any, *, side: Side = "right") -> Tokens:
    """Encode one text or several, with the special tokens that the tokenizer adds by default.

    Args:
        tokenizer: of transformers or the `tokenizers` library; a processor or bundle with one as `.tokenizer`; an
            object with `encode` (text to ids) and `decode`; or a function from a text to its ids. It is not changed;
            without a pad token the end-of-text id, else 0, fills masked places.
        side: where shorter rows are padded.

    Raises: `CaptureError` for no text, a text without tokens, or something that is no text or tokenizer.
    """
    rows = _checked(texts)
    if side not in ("right", "left"):
        raise CaptureError(f"got side={side!r}, expected 'right' or 'left'")
    reader = _reader(tokenizer)
    ids, spans = reader.encode(rows)
    for text, row in zip(rows, ids, strict=True):
        if not row:
            raise CaptureError(f"the text {text!r} has no token; give a text of at least one word, or a begin token")
    width = max(len(row) for row in ids)
    table, kept = torch.full((len(ids), width), reader.pad_id), torch.zeros(len(ids), width, dtype=torch.bool)
    for i, row in enumerate(ids):
        place = slice(0, len(row)) if side == "right" else slice(width - len(row), width)
        table[i, place], kept[i, place] = torch.tensor(row), True
    offsets = None if spans is None else [_padded(row, width, side) for row in spans]
    return Tokens(table, _strings(table, kept, reader.show), offsets, rows, None if bool(kept.all()) else kept)


def strings_of(tokenizer: Any) -> Callable[[list[int]], list[str]]:
    """From ids to how they read, one string each; numbers without a tokenizer.

    Raises: `CaptureError` for something that is no tokenizer.
    """
    return _numbers if tokenizer is None else _reader(tokenizer).show


def _checked(texts: Any) -> list[str]:
    listed = [texts] if isinstance(texts, str) else texts
    if not isinstance(listed, Sequence) or isinstance(listed, bytes) or not listed:
        raise CaptureError(f"got {_short(texts)}, expected a text or a list of at least one text")
    for i, text in enumerate(listed):
        if not isinstance(text, str):
            raise CaptureError(
                f"got a list whose entry {i} is {_short(text)}, expected texts; for token ids use Tokens.of_ids(ids)"
            )
    return list(listed)


def _short(value: Any) -> str:
    return f"a {type(value).__name__} ({repr(value)[:60]})"


def _padded(row: Spans, width: int, side: Side) -> Spans:
    padding = [(0, 0)] * (width - len(row))
    return row + padding if side == "right" else padding + row


def _strings(ids: Tensor, mask: Tensor | None, show: Callable[[list[int]], list[str]]) -> list[list[str]]:
    shown = [show(row) for row in ids.tolist()]
    if mask is None:
        return shown
    return [[s if real else "" for s, real in zip(*pair, strict=True)] for pair in zip(shown, mask.tolist())]


@dataclass(frozen=True)
class _Reader:
    """What any tokenizer comes down to: texts to ids and spans (if known), ids to strings, an id to pad with."""

    encode: Callable[[list[str]], tuple[list[list[int]], list[Spans] | None]]
    show: Callable[[list[int]], list[str]]
    pad_id: int


def _reader(tokenizer: Any) -> _Reader:
    if isinstance(tokenizer, type):
        raise CaptureError(
            f"got the class {tokenizer.__name__} for a tokenizer; pass an object, made by from_pretrained"
        )
    if callable(tokenizer) and hasattr(tokenizer, "convert_ids_to_tokens"):
        return _hugging_face(tokenizer)
    if hasattr(tokenizer, "encode_batch") and hasattr(tokenizer, "id_to_token"):
        return _rust(tokenizer)
    if getattr(tokenizer, "tokenizer", None) is not None:
        return _reader(tokenizer.tokenizer)
    if hasattr(tokenizer, "encode") and hasattr(tokenizer, "decode"):
        return _plain(tokenizer.encode, lambda ids: [_decoded(tokenizer, i) for i in ids])
    if callable(tokenizer) and not isinstance(tokenizer, torch.nn.Module):
        return _plain(tokenizer, _numbers)
    raise CaptureError(
        f"got {_short(tokenizer)} for a tokenizer, expected one of transformers or tokenizers, an object with encode "
        "and decode, or a function from a text to its ids; pass tokenizer=..., or ids instead of a text"
    )


def _hugging_face(tokenizer: Any) -> _Reader:
    backend = getattr(tokenizer, "backend_tokenizer", None) if getattr(tokenizer, "is_fast", False) else None
    added = {int(i) for i in getattr(tokenizer, "added_tokens_decoder", {})}
    spell = _spelling(_marks(backend)) if backend is not None else _spelling(_slow_marks(tokenizer))

    def show(ids: list[int]) -> list[str]:
        return [_shown(i, t, i in added, spell) for i, t in zip(ids, tokenizer.convert_ids_to_tokens(ids), strict=True)]

    def encode(texts: list[str]) -> tuple[list[list[int]], list[Spans] | None]:
        if backend is None:
            ids = [list(row) for row in tokenizer(texts)["input_ids"]]
            bare = added - {getattr(tokenizer, "unk_token_id", None)}  # what is unknown stands in the text somewhere
            return ids, _found(texts, [["" if i in bare else s for i, s in zip(row, show(row))] for row in ids])
        out = tokenizer(texts, return_offsets_mapping=True)
        return [list(row) for row in out["input_ids"]], [[(a, b) for a, b in row] for row in out["offset_mapping"]]

    # Asked by name first: transformers warns about a missing pad token when its id is asked for.
    names = [name for name in ("pad", "eos") if getattr(tokenizer, f"{name}_token", None) is not None]
    return _Reader(encode, show, int(getattr(tokenizer, f"{names[0]}_token_id")) if names else 0)


def _rust(tokenizer: Any) -> _Reader:
    added = set(tokenizer.get_added_tokens_decoder())
    spell = _spelling(_marks(tokenizer))

    def show(ids: list[int]) -> list[str]:
        return [_shown(i, tokenizer.id_to_token(i), i in added, spell) for i in ids]

    def encode(texts: list[str]) -> tuple[list[list[int]], list[Spans] | None]:
        ids, spans = [], []
        for e in tokenizer.encode_batch(texts):  # its own padding, if any, is taken off again
            real = [k for k, flag in enumerate(e.attention_mask) if flag]
            ids.append([e.ids[k] for k in real])
            spans.append([e.offsets[k] for k in real])
        return ids, spans

    pad = (tokenizer.padding or {}).get("pad_id")
    known = [tokenizer.token_to_id(name) for name in ("[PAD]", "<pad>", "</s>", "<|endoftext|>")]
    return _Reader(encode, show, next((i for i in [pad, *known] if i is not None), 0))


def _plain(encode_one: Callable[[str], Any], show: Callable[[list[int]], list[str]]) -> _Reader:
    def encode(texts: list[str]) -> tuple[list[list[int]], list[Spans] | None]:
        rows = [encode_one(text) for text in texts]
        try:
            ids = [[int(i) for i in row] for row in rows]
        except (TypeError, ValueError) as error:
            raise CaptureError(f"the tokenizer answered {_short(rows[0])}, expected the ids of one text") from error
        return ids, _found(texts, [show(row) for row in ids])

    return _Reader(encode, show, 0)


def _decoded(tokenizer: Any, token: int) -> str:
    """One id of a tokenizer that only decodes; of tiktoken the bytes, for a token may be a part of a character."""
    if hasattr(tokenizer, "decode_single_token_bytes"):
        try:
            return _text_of_bytes(tokenizer.decode_single_token_bytes(token))
        except KeyError:
            return f"⟨id {token}⟩"
    return str(tokenizer.decode([token]))


def _numbers(ids: list[int]) -> list[str]:
    return [str(i) for i in ids]


def _found(texts: list[str], strings: list[list[str]]) -> list[Spans] | None:
    """Spans by search: each token must follow the last one after nothing but space. None if any cannot be found."""
    rows = [_search(text, row) for text, row in zip(texts, strings, strict=True)]
    found = [row for row in rows if row is not None]
    return found if len(found) == len(rows) else None


def _search(text: str, strings: list[str]) -> Spans | None:
    lower = text.lower() if len(text.lower()) == len(text) else text
    spans, cursor = [], 0
    for string in strings:
        piece = string.strip() or string
        if not piece:  # a special token
            spans.append((0, 0))
            continue
        tries = [(where, p) for where in (text, lower) for p in (piece, piece.removeprefix("##")) if p]
        starts = [(where.find(p, cursor), len(p)) for where, p in tries]
        near = [(start, size) for start, size in starts if start >= 0 and not text[cursor:start].strip()]
        if not near:
            return None
        start, size = near[0]
        cursor = start + size
        spans.append((start, cursor))
    return spans


# How tokens are spelled in a vocabulary, and how they read.


def _marks(tokenizer: Any) -> frozenset[str]:
    """Which spellings a tokenizer of the `tokenizers` library uses, by the parts that it is made of."""
    state = "".join(_state(part) for part in (tokenizer.decoder, tokenizer.pre_tokenizer))
    signs = {"bytes": '"ByteLevel"', "▁": "▁", "space": '"Metaspace"', "</w>": "</w>"}
    return frozenset(mark for mark, sign in signs.items() if sign in state)


def _state(part: Any) -> str:
    try:
        return "" if part is None else str(part.__getstate__(), "utf-8")
    except Exception:  # a part written in Python cannot be saved; nothing is known of it then
        return ""


def _slow_marks(tokenizer: Any) -> frozenset[str]:
    return frozenset({"bytes"} if hasattr(tokenizer, "byte_decoder") else {"▁"})


def _spelling(marks: frozenset[str]) -> Callable[[str], str]:
    """From a token of the vocabulary to how it reads."""

    def spell(token: str) -> str:
        end = "</w>" if "</w>" in marks and token.endswith("</w>") else ""
        token = token.removesuffix(end)
        if "bytes" in marks:
            token = _from_byte_letters(token)
        elif byte := re.fullmatch("<0x([0-9A-Fa-f]{2})>", token):
            token = _text_of_bytes(bytes.fromhex(byte[1]))
        elif marks & {"▁", "space"}:
            token = token.replace("▁", " ")
        return f"{token} " if end else token

    return spell


def _shown(token_id: int, token: str | None, added: bool, spell: Callable[[str], str]) -> str:
    if token is None:  # rows of the embedding beyond the vocabulary
        return f"⟨id {token_id}⟩"
    return token if added else spell(token)


@cache
def _byte_letters() -> dict[str, int]:
    """The letter of each byte in a byte-level vocabulary: itself if printable in Latin-1, else from U+0100 on.

    Source: the vocabulary of GPT-2 (Radford et al. 2019).
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(b): b for b in printable} | {chr(256 + k): b for k, b in enumerate(others)}


def _from_byte_letters(token: str) -> str:
    letters = _byte_letters()
    if any(letter not in letters for letter in token):
        return token
    return _text_of_bytes(bytes(letters[letter] for letter in token))


def _text_of_bytes(raw: bytes) -> str:
    """UTF-8 to text; a byte that is only a part of a character reads as ⟨E2⟩."""
    text = raw.decode("utf-8", "surrogateescape")
    return re.sub("[\udc80-\udcff]", lambda byte: f"⟨{ord(byte[0]) - 0xDC00:02X}⟩", text)
