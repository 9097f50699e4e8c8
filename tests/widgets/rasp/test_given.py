"""What RaspGraph takes as a program, and what comes with it."""

from __future__ import annotations

import pytest

from attrium.graph.given import GUESSES, read, with_vocabulary
from attrium.graph.inputs import fitted, read_tokens, read_vocabulary, spelled, write_tokens
from attrium_kernel.rasp import Program, RaspError, compile, tokens
from attrium_kernel.rasp.library import PROGRAMS
from attrium_kernel.rasp.text import TextError

from .sides import histogram, side_of

TEXT = "same = select(tokens, tokens, ==);\nhist = selector_width(same);"


def test_all_ways_to_give_a_program_make_the_same_one():
    wanted = Program(histogram())
    compiled = compile(histogram(), "abc", 5)
    for given in (histogram(), wanted, compiled, TEXT):
        assert read(given).make(5).same_as(wanted)
    assert read("hist").make(5).same_as(PROGRAMS["hist"].build(5))
    assert read(PROGRAMS["hist"]).example == "hist"


def test_a_library_program_comes_with_its_vocabulary_sample_and_mask():
    given, example = read("sort_unique"), PROGRAMS["sort_unique"]
    assert (given.vocabulary, given.sample, given.causal) == (example.vocabulary, example.sample, example.causal)
    assert given.accepts([1, 2]) and not given.accepts([1, 1])


def test_a_text_comes_with_its_example_and_what_it_draws():
    given = read('set example "abba"; x = tokens == "a"; y = indices; draw(x, "ba");')
    assert given.make(4).labels[-1] == "x"
    assert given.sample == ("b", "a") and given.language == "rasp"
    assert read('set example "abba"; tokens == "a";').vocabulary == ("a", "b")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (7, r"given as 7 \(int\); pass an s-op"),
        ("revers", "no program 'revers'; did you mean 'reverse'"),
        ("a = select(tokens, tokens, ==;", "line 1, column 30"),
        ("def f(x) { return x; }", "makes no s-op"),
    ],
)
def test_what_is_no_program_says_what_to_pass(wrong, words):
    with pytest.raises(RaspError, match=words):
        read(wrong)
    if "column" in words:
        with pytest.raises(TextError):
            read(wrong)


def test_a_vocabulary_is_guessed_for_which_the_program_compiles():
    assert with_vocabulary(read(histogram()), None, 5).vocabulary == GUESSES[0]
    assert with_vocabulary(read((tokens - 1).named("less")), None, 5).vocabulary == GUESSES[1]
    assert with_vocabulary(read(histogram()), "xyx", 5).vocabulary == ("x", "y")


def test_tokens_are_read_as_values_as_spelled_and_as_text():
    for given in ([1, 2, 1], ["1", "2", "1"], "121"):
        assert read_tokens(given, (1, 2), 3) == [1, 2, 1]
    assert read_tokens("10 -5", (10, -5), 3) == [10, -5]
    assert read_tokens("1 2", (1, "1", 2, "two"), 3) == [1, 2]
    assert write_tokens([1, "1"], (1, "1")) == ["1", "'1'"]
    assert read_tokens(["1", "'1'"], (1, "1"), 3) == [1, "1"]
    with pytest.raises(RaspError, match="position 1 is 'x'"):
        read_tokens("ax", "ab", 3)
    with pytest.raises(RaspError, match="4 tokens, but .* max_length=3"):
        read_tokens("abab", "ab", 3)
    assert fitted("abab", "ab", 3) == ["a", "b", "a"]
    assert fitted("xy", "ab", 3) is None


def test_a_vocabulary_keeps_the_kind_of_its_values():
    assert read_vocabulary(["1", "2", "7"], (1, 2)) == (1, 2, 7)
    assert read_vocabulary(["a", "7"], ("a", "b")) == ("a", "7")
    assert read_vocabulary([3, 3, 4.5]) == (3, 4.5)
    assert spelled(()) == []


def test_what_does_not_compile_is_still_a_program():
    side = side_of(tokens + 1, "abc")
    assert side.compiled is None and side.problem is not None
    with pytest.raises(ValueError, match="there is no model of .*"):
        _ = side.model


def test_a_model_that_would_not_fit_is_refused_before_it_is_made(monkeypatch):
    monkeypatch.setattr("attrium.graph.side.MOST_PARAMETERS", 1000)
    problem = side_of("sort_freq", "abc", 8).problem
    assert "parameters; lower max_length" in str(problem)


def test_a_compiled_program_is_used_as_it_is_and_made_anew_for_other_settings():
    compiled = compile(histogram(), "abc", 5)
    assert side_of(compiled, "abc", 5).compiled is compiled
    assert side_of(compiled, "abcd", 5).compiled is not compiled
