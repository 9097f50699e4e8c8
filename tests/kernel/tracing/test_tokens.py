"""Strings as they read, spans of the text, padding that leaves the user's tokenizer alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizer, PreTrainedTokenizerFast
from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

from attrium_kernel import zoo
from attrium_kernel.tracing.errors import CaptureError
from attrium_kernel.tracing.tokens import Tokens, tokenize

TEXTS = ["the cat sat on the mat", "the dog  ran"]
ODD = "naïve 猫 ran\n\t🙂!"


@pytest.fixture(scope="module")
def gpt2() -> PreTrainedTokenizerFast:
    folder = zoo.load("tiny_gpt2").folder
    return PreTrainedTokenizerFast.from_pretrained(folder)


@pytest.fixture
def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def sentencepiece() -> Tokenizer:
    """Spelled as Llama's: "▁" for a space, and bytes for what is not in the vocabulary."""
    pieces = ["<unk>", *(f"<0x{b:02X}>" for b in range(256)), "▁", "▁the", "▁cat", *"thecatsonmdgr"]
    vocab = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    merges = [("▁", "t"), ("▁t", "h"), ("▁th", "e"), ("▁", "c"), ("▁c", "a"), ("▁ca", "t")]
    vocab |= {a + b: len(vocab) + k for k, (a, b) in enumerate(merges) if a + b not in vocab}
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return tokenizer


WORDPIECE = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cat", "run", "##ning", "dog", "fast"]


def wordpiece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece({t: i for i, t in enumerate(WORDPIECE)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def slow_bert(folder: Path) -> BertTokenizerLegacy:
    (folder / "vocab.txt").write_text("\n".join(WORDPIECE))
    return BertTokenizerLegacy(str(folder / "vocab.txt"))


def test_byte_level_strings_put_together_are_the_text(gpt2: PreTrainedTokenizerFast) -> None:
    for text in TEXTS:
        tokens = tokenize(text, gpt2)
        assert "".join(tokens.strings[0]) == text
        assert tokens.ids.tolist() == [gpt2(text)["input_ids"]]
        assert tokens.mask is None and tokens.texts == [text]


def test_each_byte_of_a_split_character_is_shown_by_its_number(byte_level: Tokenizer) -> None:
    strings = tokenize(ODD, byte_level).strings[0]
    shown = "".join(strings)
    for character in "ï猫🙂":
        assert "".join(f"⟨{byte:02X}⟩" for byte in character.encode()) in shown
    assert "\n" in strings and "\t" in strings
    assert not any(set("ĠĊĉ") & set(string) for string in strings)


def test_every_byte_reads_back_from_its_letter() -> None:
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(pre_tokenizers.ByteLevel.alphabet())}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    ascii_text = "".join(map(chr, range(128)))
    assert "".join(tokenize(ascii_text, tokenizer).strings[0]) == ascii_text
    accents = "".join(map(chr, range(128, 0x800, 7)))
    expected = [f"⟨{byte:02X}⟩" for byte in accents.encode()]
    assert tokenize(accents, tokenizer).strings[0] == expected


def test_sentencepiece_strings_have_spaces_and_bytes() -> None:
    tokens = tokenize("the cat é\n", sentencepiece())
    assert tokens.strings[0] == [" the", " cat", " ", "⟨C3⟩", "⟨A9⟩", "\n"]


def test_wordpiece_stays_readable_and_special_tokens_have_no_span() -> None:
    tokens = tokenize("The running Cat", wordpiece())
    assert tokens.strings[0] == ["[CLS]", "the", "run", "##ning", "cat", "[SEP]"]
    assert tokens.offsets == [[(0, 0), (0, 3), (4, 7), (7, 11), (12, 15), (0, 0)]]


def test_ends_of_words_as_in_clip_read_as_spaces() -> None:
    tokenizer = Tokenizer(models.BPE({"cat</w>": 0, "c": 1, "a": 2, "t</w>": 3, "ca": 4, "s</w>": 5, "s": 6},
                                     [("c", "a"), ("ca", "t</w>")], end_of_word_suffix="</w>"))  # fmt: skip
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    assert tokenize("cat cas", tokenizer).strings[0] == ["cat ", "ca", "s "]


def test_added_tokens_are_shown_as_they_are(byte_level: Tokenizer) -> None:
    byte_level.add_special_tokens(["<Ġé>"])
    assert tokenize("<Ġé> the", byte_level).strings[0][0] == "<Ġé>"


@pytest.mark.parametrize("wrapped", [False, True])
def test_spans_cut_out_what_the_strings_say(gpt2: PreTrainedTokenizerFast, wrapped: bool) -> None:
    tokens = tokenize(TEXTS, gpt2 if wrapped else gpt2.backend_tokenizer)
    assert tokens.offsets is not None
    for text, strings, spans in zip(TEXTS, tokens.strings, tokens.offsets, strict=True):
        assert [text[a:b].strip() for a, b in spans] == [s.strip() for s in strings]


@pytest.mark.parametrize("side", ["right", "left"])
def test_shorter_rows_are_padded_and_masked(gpt2: PreTrainedTokenizerFast, side: str) -> None:
    tokens = tokenize(TEXTS, gpt2, side=side)
    alone = [tokenize(text, gpt2) for text in TEXTS]
    for row, single in enumerate(alone):
        real = tokens.mask[row]
        assert tokens.ids[row][real].tolist() == single.ids[0].tolist()
        assert [s for s, r in zip(tokens.strings[row], real, strict=True) if r] == single.strings[0]
        assert [o for o, r in zip(tokens.offsets[row], real, strict=True) if r] == single.offsets[0]
        assert all(s == "" for s, r in zip(tokens.strings[row], real, strict=True) if not r)
        assert tokens.position_ids()[row][real].tolist() == list(range(len(single.ids[0])))
    short = min(range(2), key=lambda row: alone[row].ids.shape[1])
    edge = 0 if side == "left" else -1
    assert not tokens.mask[short, edge] and tokens.mask[:, -1 - edge].all()
    inputs = tokens.inputs("cpu")
    assert inputs["attention_mask"].tolist() == tokens.mask.long().tolist()
    assert inputs["input_ids"].equal(tokens.ids)


@pytest.mark.parametrize("has_end", [False, True])
def test_a_tokenizer_without_pad_token_is_left_as_it_was(byte_level: Tokenizer, has_end: bool) -> None:
    if has_end:
        byte_level.add_special_tokens(["<end>"])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_level, eos_token="<end>" if has_end else None)
    before = tokenizer.backend_tokenizer.to_str()
    tokens = tokenize(TEXTS, tokenizer)
    assert set(tokens.ids[~tokens.mask].tolist()) == {tokenizer.eos_token_id if has_end else 0}
    assert tokenizer.pad_token is None and tokenizer.backend_tokenizer.to_str() == before


def test_padding_that_a_tokenizer_does_by_itself_is_taken_off(byte_level: Tokenizer) -> None:
    byte_level.enable_padding(length=40, pad_id=7)
    tokens = tokenize(TEXTS, byte_level)
    byte_level.no_padding()
    assert tokens.ids.shape[1] == max(len(e.ids) for e in byte_level.encode_batch(TEXTS))
    assert set(tokens.ids[~tokens.mask].tolist()) == {7}


def test_slow_tokenizers_get_spans_by_search(tmp_path: Path) -> None:
    text = "The running Cat"
    slow, fast = tokenize(text, slow_bert(tmp_path)), tokenize(text, wordpiece())
    assert slow.strings == fast.strings and slow.ids.equal(fast.ids)
    assert slow.offsets == fast.offsets


def test_spans_that_cannot_be_found_are_left_out(tmp_path: Path) -> None:
    tokens = tokenize(["the cat", "the zebra"], slow_bert(tmp_path))
    assert tokens.strings[1][:3] == ["[CLS]", "the", "[UNK]"]
    assert tokens.offsets is None


class Letters(PreTrainedTokenizer):
    """A tokenizer in Python that knows nothing but letters, and numbers beyond its vocabulary."""

    @property
    def vocab_size(self) -> int:
        return 26

    def get_vocab(self) -> dict[str, int]:
        return {chr(97 + i): i for i in range(26)} | dict(self.added_tokens_encoder)

    def _tokenize(self, text: str, **_: object) -> list[str]:
        return [letter for letter in text if letter.isalpha()]

    def _convert_token_to_id(self, token: str) -> int:
        return ord(token) - 97

    def _convert_id_to_token(self, index: int) -> str | None:
        return chr(97 + index) if index < 26 else None


def test_a_tokenizer_written_in_python_with_gaps_between_tokens() -> None:
    tokens = tokenize("a bc", Letters())
    assert tokens.strings == [["a", "b", "c"]] and tokens.ids.tolist() == [[0, 1, 2]]
    assert tokens.offsets == [[(0, 1), (2, 3), (3, 4)]]


def test_objects_that_encode_and_decode_and_plain_functions() -> None:
    letters = SimpleNamespace(encode=lambda s: [ord(c) for c in s], decode=lambda ids: "".join(map(chr, ids)))
    assert tokenize("cat", letters).strings == [["c", "a", "t"]]
    assert tokenize("cat", letters).offsets == [[(0, 1), (1, 2), (2, 3)]]
    plain = tokenize("cat", letters.encode)
    assert plain.ids.tolist() == [[99, 97, 116]] and plain.strings == [["99", "97", "116"]]
    assert plain.offsets is None


def test_a_tokenizer_that_gives_bytes_shows_parts_of_characters() -> None:
    tiktoken_like = SimpleNamespace(
        encode=lambda s: list(s.encode()), decode=None, decode_single_token_bytes=lambda i: bytes([i])
    )
    assert tokenize("aé", tiktoken_like).strings == [["a", "⟨C3⟩", "⟨A9⟩"]]


@pytest.mark.parametrize("name", ["tiny_gpt2", "reviews"])
def test_the_zoo_encodes_the_same(name: str) -> None:
    bundle = zoo.load(name)
    texts = ["a good film", "the film was a long and boring thing"]
    ours, theirs = tokenize(texts, bundle), bundle.encode(texts)
    assert ours.inputs()["attention_mask"].equal(theirs.attention_mask)
    assert (ours.ids * ours.mask).equal(theirs.input_ids * theirs.attention_mask)
    for row, real in enumerate(ours.mask):
        assert [o for o, r in zip(ours.offsets[row], real, strict=True) if r] == theirs.offsets[row]


def test_ids_with_and_without_a_tokenizer(gpt2: PreTrainedTokenizerFast) -> None:
    ids = tokenize(TEXTS[0], gpt2).ids
    assert Tokens.of_ids(ids[0], gpt2).strings == tokenize(TEXTS[0], gpt2).strings
    assert Tokens.of_ids([[5, 6]]).strings == [["5", "6"]]
    masked = Tokens.of_ids([[5, 6], [7, 0]], mask=torch.tensor([[1, 1], [1, 0]]))
    assert masked.strings == [["5", "6"], ["7", ""]] and masked.mask.tolist() == [[True, True], [True, False]]
    assert Tokens.of_ids([gpt2.vocab_size + 3], gpt2).strings == [[f"⟨id {gpt2.vocab_size + 3}⟩"]]


def test_a_text_without_a_token_says_so(gpt2: PreTrainedTokenizerFast) -> None:
    with pytest.raises(CaptureError, match="the text '' has no token; give a text"):
        tokenize(["cat", ""], gpt2)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ([], "expected a text or a list of at least one text"),
        (None, "got a NoneType .*expected a text"),
        (b"cat", "got a bytes .*expected a text"),
        (["cat", 3], "entry 1 is a int .*Tokens.of_ids"),
        ([[1, 2]], "entry 0 is a list .*Tokens.of_ids"),
    ],
)
def test_what_is_no_text_is_refused(gpt2: PreTrainedTokenizerFast, texts: object, words: str) -> None:
    with pytest.raises(CaptureError, match=words):
        tokenize(texts, gpt2)


@pytest.mark.parametrize("tokenizer", [None, 3, "gpt2", torch.nn.Linear(1, 1)])
def test_what_is_no_tokenizer_is_refused(tokenizer: object) -> None:
    with pytest.raises(CaptureError, match="for a tokenizer, expected one of transformers"):
        tokenize("cat", tokenizer)


def test_other_misuse_is_refused(gpt2: PreTrainedTokenizerFast) -> None:
    with pytest.raises(CaptureError, match="got the class .* pass an object"):
        tokenize("cat", PreTrainedTokenizerFast)
    with pytest.raises(CaptureError, match="got side='up', expected 'right' or 'left'"):
        tokenize("cat", gpt2, side="up")
    with pytest.raises(CaptureError, match="the tokenizer answered a int .*expected the ids of one text"):
        tokenize("cat", lambda text: 3)
    with pytest.raises(CaptureError, match="whole numbers in rows of one length"):
        Tokens.of_ids([[1], [2, 3]])
    with pytest.raises(CaptureError, match="torch.float32, expected whole numbers"):
        Tokens.of_ids(torch.zeros(2, 3))
    with pytest.raises(CaptureError, match=r"shape \(1, 0\)"):
        Tokens.of_ids(torch.zeros(1, 0, dtype=torch.long))
    with pytest.raises(CaptureError, match="one string for each id"):
        Tokens(torch.zeros(1, 2, dtype=torch.long), [["a"]])
    with pytest.raises(CaptureError, match="expected that of the ids"):
        Tokens.of_ids([[1, 2]], mask=torch.ones(1, 3))
