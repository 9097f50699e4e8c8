"""AttentionExplorer: what is asked for that is not there, or while other data comes in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import traitlets as t

from attrium import AttentionExplorer, load


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def pair() -> tuple[Any, Any]:
    model, tokenizer = load("tiny_gpt2")
    return model, tokenizer


@pytest.fixture
def explorer(pair: tuple[Any, Any]) -> AttentionExplorer:
    widget = AttentionExplorer(pair, text=["The keys near", "The boys near"])
    assert widget.wait(30) and widget.last_error is None
    return widget


def test_a_place_that_is_not_there_says_so_and_the_data_is_shown_all_the_same(pair):
    widget = AttentionExplorer(pair, text="The keys near", layer=99)
    assert widget.wait(30)
    assert "layer=99" in widget.status["message"]
    assert widget.run == 1
    assert widget.values.shape == (3, 3)


def test_the_overview_refuses_a_scale_that_says_nothing(explorer):
    now = {"shown": 0, "kind": "self", "measure": "pattern"}
    with pytest.raises(ValueError, match="scale 'loud' says nothing of"):
        explorer.answer("field", {**now, "minus": -1, "scale": "loud"})
    with pytest.raises(ValueError, match="scale 'log' says nothing of a difference"):
        explorer.answer("field", {**now, "minus": 1, "scale": "log"})


def test_heads_that_are_none_are_refused_in_words(explorer):
    for wrong in (["x"], [3], [["a", "b"]], [[0.5, 1]]):
        with pytest.raises(t.TraitError, match="heads_on"):
            explorer.heads_on = wrong
    with pytest.raises(ValueError, match="head='x'; pass a number"):
        explorer.tensor(head="x")


def test_a_question_that_comes_while_data_is_shown_is_answered_after_that(explorer, pair):
    shown, found = threading.Event(), list[tuple[int, int]]()

    def ask() -> None:
        assert shown.wait(30)
        answer = explorer.answer("field", {"shown": 0, "minus": -1, "kind": "self"})
        found.append((explorer.run, answer.facts["n"]))

    def change(_change: Any) -> None:
        shown.set()
        threading.Event().wait(0.3)

    asker = threading.Thread(target=ask)
    asker.start()
    explorer.observe(change, "runs")
    explorer.explore(pair, text="The keys near the door")
    assert explorer.wait(30)
    asker.join(30)
    assert found == [(2, 5)]
