"""Texts and values to ids and back."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from attrium_kernel.rasp import RaspError
from attrium_kernel.rasp.craft import ABSENT
from attrium_kernel.rasp.tokenizer import plain_tokenizer, tokenizer_for
from attrium_kernel.tracing import tokenize


def test_single_characters_are_tokens_each_and_bos_is_put_in_front() -> None:
    made = tokenizer_for("abc")
    assert isinstance(made, PreTrainedTokenizerFast)
    assert made("cab")["input_ids"] == [0, 4, 2, 3] == made.encode_values("cab")
    assert made("c a\nb")["input_ids"] == [0, 4, 2, 3]  # white space is no token here
    assert made.decode([0, 4, 2, 3], skip_special_tokens=True) == "cab"
    assert made.convert_tokens_to_ids(["BOS", "PAD"]) == [0, 1] == [made.bos_token_id, made.pad_token_id]


def test_white_space_is_a_token_where_the_vocabulary_has_it() -> None:
    assert tokenizer_for(["a", " ", "\n"])("a \n")["input_ids"] == [0, 2, 3, 4]


def test_longer_tokens_are_split_at_white_space() -> None:
    made = tokenizer_for(["if", "x", "10"])
    assert made("if  10 x\nx")["input_ids"] == [0, 2, 4, 3, 3]
    assert made.decode([2, 4, 3]) == "if 10 x"


def test_numbers_are_read_from_digits() -> None:
    made = tokenizer_for([0, 1, 2])
    assert made("2101")["input_ids"] == made.encode_values([2, 1, 0, 1]) == [0, 4, 3, 2, 3]
    assert made.values_of([4, 3, 2]) == [2, 1, 0]


def test_a_number_and_its_text_are_two_tokens() -> None:
    made = tokenizer_for([1, "1", True, 1.0, "a"])
    assert made.encode_values([1, "1", True, 1.0]) == [0, 2, 3, 4, 5]
    assert [type(v) for v in made.values_of([2, 3, 4, 5])] == [int, str, bool, float]
    assert made.program_vocabulary.spellings == ("BOS", "PAD", "1", "'1'", "True", "1.0", "a")


def test_an_equal_value_of_another_type_is_taken() -> None:
    assert tokenizer_for([0, 1, 2]).encode_values([1.0, True, 2]) == [0, 3, 3, 4]


def test_letters_that_spell_bos_are_letters() -> None:
    assert tokenizer_for("BOSPAD")("BOSPAD")["input_ids"] == [0, 2, 3, 4, 5, 6, 7]
    words = tokenizer_for(["BOS", "go"])
    assert words.encode_values(["BOS", "go"]) == [0, 2, 3]
    assert words("'BOS' go")["input_ids"] == [0, 2, 3]
    with pytest.raises(RaspError, match="position 0 is 'BOS'"):
        words("BOS go")


def test_outputs_have_ids_and_values_but_are_no_input() -> None:
    made = tokenizer_for("ab", extra=[1, 2, (0, 1), ABSENT])
    assert made.values_of([0, 2, 4, 6, 7]) == ["BOS", "a", 1, (0, 1), None]
    with pytest.raises(RaspError, match="position 1 is 1 .int., which is not in the vocabulary .'a', 'b'."):
        made.encode_values(["a", 1])
    with pytest.raises(RaspError, match="position 1 is '1'"):
        made("a1")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "the input is empty"),
        ("abababa", "has 7 tokens, but the program was compiled for max_length=5"),
        ("abx", r"position 2 is 'x' \(str\), which is not in the vocabulary \('a', 'b'\)"),
    ],
)
def test_both_ways_in_say_what_is_wrong(given: str, words: str) -> None:
    made = tokenizer_for("ab", max_length=5)
    with pytest.raises(RaspError, match=words):
        made.encode_values(given)
    with pytest.raises(RaspError, match=words):
        made(given)
    with pytest.raises(RaspError, match=words):
        made(["ab", given], padding=True)


def test_a_value_of_the_wrong_type_is_named_with_what_was_meant() -> None:
    with pytest.raises(RaspError, match=r"position 0 is '1' \(str\).*did you mean 1 \(int\)\?"):
        tokenizer_for([0, 1]).encode_values("1")
    with pytest.raises(RaspError, match=r"position 0 is \[\] \(list\)"):
        tokenizer_for([0, 1]).encode_values([[]])


@pytest.mark.parametrize(("inputs", "words"), [([], "is empty"), (["a", "b", "a"], "has a value twice: 'a', 'b', 'a'")])
def test_a_vocabulary_must_be_one(inputs: Any, words: str) -> None:
    with pytest.raises(RaspError, match=words):
        tokenizer_for(inputs)


def test_rows_are_padded_on_the_right_and_cut_if_asked() -> None:
    made = tokenizer_for("ab", max_length=3)
    out = made(["ab", "a"], padding=True, return_tensors="pt")
    assert out["input_ids"].tolist() == [[0, 2, 3], [0, 2, 1]]
    assert out["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert made("ababab", truncation=True)["input_ids"] == [0, 2, 3, 2]


@pytest.mark.parametrize("inputs", [("a", "b"), ("if", "x")])
def test_saved_it_is_an_ordinary_tokenizer(inputs: tuple[str, ...], tmp_path: Path) -> None:
    made = tokenizer_for(inputs, extra=[7], max_length=4)
    made.save_pretrained(tmp_path)
    text = " ".join(inputs)
    for other in (AutoTokenizer.from_pretrained(tmp_path), plain_tokenizer(made.program_vocabulary)):
        assert other(text)["input_ids"] == made(text)["input_ids"]
        assert (other.bos_token, other.pad_token, other.model_max_length) == ("BOS", "PAD", 5)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))], ids=["copy", "pickle"])
def test_copies_are_the_same(copied: Any) -> None:
    made = copied(tokenizer_for("ab", extra=[ABSENT], max_length=4))
    assert made("ba")["input_ids"] == [0, 3, 2] == made.encode_values("ba")
    assert made.values_of([4]) == [None]


def test_tracing_reads_its_tokens() -> None:
    made = tokenize(["ab", "b"], tokenizer_for("ab"))
    assert made.strings == [["BOS", "a", "b"], ["BOS", "b", ""]]
    assert made.offsets == [[(0, 0), (0, 1), (1, 2)], [(0, 0), (0, 1), (0, 0)]]
