"""Tours are data: they are checked, saved, translated, and the one that ships says the same in three languages."""

from __future__ import annotations

import json
import re

import pytest

import attrium
from attrium import Tour, TourStep
from attrium.tour import PARTS, TRAITS, VIEWS, WORDS, TourError, shipped
from attrium.transformer_explorer import TransformerExplorer

MARK = re.compile(r"\*\*([^*]+)\*\*|`([^`]+)`")


def lesson() -> Tour:
    return Tour(
        "A lesson",
        [
            TourStep("Look", "One **row** each.", show={"view": "attention", "head": -1}, light=["attention"]),
            TourStep("Do", ["First.", "Second."], turn=("Choose a head.", {"head": {"changed": True}}), terms=["head"]),
        ],
    )


def test_a_tour_of_a_few_lines_is_what_the_widget_shows() -> None:
    w = TransformerExplorer(attrium.load("tiny_gpt2"), tour=lesson(), step=0)
    steps = w.tour["languages"]["en"]["steps"]
    assert [s["title"] for s in steps] == ["Look", "Do"]
    assert steps[0]["show"] == {"view": "attention", "head": -1}
    assert steps[0]["turn"] is None
    assert steps[1] == {
        "title": "Do",
        "text": ["First.", "Second."],
        "show": {},
        "light": [],
        "turn": {"ask": "Choose a head.", "done": {"head": {"changed": True}}},
        "terms": ["head"],
    }
    assert w.tour["languages"]["en"]["words"]["next"] == "Next"
    assert json.loads(json.dumps(w.tour)) == w.tour


def test_the_tour_that_ships_is_taken_by_name() -> None:
    w = TransformerExplorer(attrium.load("tiny_gpt2"), tour="basics", language="ja")
    assert set(w.tour["languages"]) == {"en", "zh-Hans", "ja"}
    assert "basics" in shipped()


def test_what_was_saved_is_loaded_with_all_its_languages(tmp_path) -> None:
    tour = lesson().translated(
        Tour("Eine Stunde", [TourStep("Sieh", "Je eine Zeile."), TourStep("Tu", "A.", turn=("Wähle.", {}))], "de",
             words={"name": "Deutsch", "next": "Weiter"})
    )  # fmt: skip
    tour.save(tmp_path / "lesson.json")
    again = Tour.load(tmp_path / "lesson.json")
    assert again.facts() == tour.facts()
    assert again.languages == ("en", "de")
    german = again.facts()["languages"]["de"]
    assert (german["name"], german["words"]["next"], german["words"]["back"]) == ("Deutsch", "Weiter", "Back")


def test_a_translation_takes_what_steps_show_from_the_original() -> None:
    other = Tour("Eine Stunde", [TourStep("Sieh", "Zeile."), TourStep("Tu", "A.", turn=("Wähle.", {}))], "de")
    german = lesson().translated(other).facts()["languages"]["de"]["steps"]
    assert german[0]["show"] == {"view": "attention", "head": -1}
    assert german[0]["light"] == ["attention"]
    assert german[1]["turn"] == {"ask": "Wähle.", "done": {"head": {"changed": True}}}
    assert german[1]["terms"] == ["head"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TourStep("A", "b", show={"blok": 1}), "Step 'A': show: no trait 'blok'; did you mean 'block'?"),
        (lambda: TourStep("A", "b", show={"view": "atention"}), "no view 'atention'; did you mean 'attention'"),
        (lambda: TourStep("A", "b", light=["attn"]), "light: no part 'attn'"),
        (lambda: TourStep("A", "b", light="attention"), "pass a list of names"),
        (lambda: TourStep("A", "b", turn=("Do it.", {"hed": 1})), "turn: no trait 'hed'; did you mean 'head'"),
        (lambda: TourStep("A", "b", show={"block": {1, 2}}), "pass numbers, texts, lists and dicts"),
        (lambda: TourStep("A", "b", show=["block"]), "pass a dict of traits"),
        (lambda: Tour("T", []), "has no steps"),
        (lambda: Tour("T", ["A"]), "'A' is no TourStep"),
        (lambda: Tour("T", [TourStep("A", "b")], language="klingon!"), "no language tag; pass one such as en, zh-Hans"),
        (lambda: Tour("T", [TourStep("A", "b")], words={"nxt": "x"}), "no word 'nxt'; did you mean 'next'"),
        (lambda: Tour.load("basic"), "no tour 'basic'; pass the path of a file, or one of basics"),
        (lambda: lesson().translated(Tour("T", [TourStep("A", "b")], "de")), "2 steps, and its translation to 'de' 1"),
        (lambda: lesson().translated(lesson()), "is there in 'en' already"),
        (
            lambda: lesson().translated(Tour("T", [TourStep("A", "b"), TourStep("A", "b")], "de")),
            "asks 'Choose a head.', and its translation 'A' asks nothing",
        ),
    ],
)  # fmt: skip
def test_mistakes_are_named(make, words) -> None:
    with pytest.raises(TourError, match=re.escape(words)):
        make()


@pytest.mark.parametrize("content", ["", "[]", '{"title": "x"}', '{"title": "x", "languages": {"en": {"steps": [1]}}}'])
def test_files_that_hold_no_tour_are_named(tmp_path, content) -> None:
    path = tmp_path / "broken.json"
    path.write_text(content)
    with pytest.raises(TourError, match=re.escape("broken.json holds no tour")):
        Tour.load(path)


def test_steps_set_and_wait_for_traits_that_the_widget_shares() -> None:
    shared = set(TransformerExplorer.class_traits(sync=True))
    assert set(TRAITS) <= shared
    assert set(VIEWS) == set(TransformerExplorer.class_traits()["view"].values)


def test_every_language_of_the_basics_marks_the_same_names_and_asks_the_same() -> None:
    tour = Tour.load("basics")
    assert 18 <= len(tour.steps) <= 20
    languages = tour.facts()["languages"]
    assert sum(step["turn"] is not None for step in languages["en"]["steps"]) >= 10
    for n, step in enumerate(languages["en"]["steps"]):
        for tag, entry in languages.items():
            other = entry["steps"][n]
            assert [s is None for s in (step["turn"], other["turn"])] in ([True, True], [False, False])
            for key in ("show", "light", "terms"):
                assert other[key] == step[key]
            assert len(other["text"]) == len(step["text"]), (tag, step["title"])
            codes = [{m[1] for m in MARK.findall(" ".join(s["text"])) if m[1]} for s in (step, other)]
            assert codes[0] == codes[1], (tag, step["title"])
            bare = MARK.sub("", " ".join([*other["text"], other["turn"]["ask"] if other["turn"] else ""]))
            assert not re.search(r"[*`<>]", bare), (tag, step["title"])


def test_the_basics_use_every_part_and_view_that_they_explain() -> None:
    steps = Tour.load("basics").steps
    assert {part for step in steps for part in step.light} >= set(PARTS) - {"contributions"}
    assert {step.show.get("view") for step in steps} >= {"embedding", "attention", "output", "logits", "lens"}


def test_no_two_steps_explain_the_same_word() -> None:
    terms = [term for step in Tour.load("basics").steps for term in step.terms]
    assert len(terms) == len(set(terms))
    assert all(term == term.lower() for term in terms)


def test_the_card_has_the_same_words_in_every_language() -> None:
    assert {frozenset(words) for words in WORDS.values()} == {frozenset(WORDS["en"])}
    assert set(WORDS) == set(Tour.load("basics").languages)
