"""The stream in fewer dimensions: what is kept is what was trained, and it is told as it is."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from attrium import RaspGraph
from attrium.errors import AttriumError
from attrium.graph.compression import MOST_INPUTS, Compressions, compression, sample_of, train
from attrium.jobs import Job, Jobs
from attrium_kernel.rasp.superposition.measures import features
from attrium_kernel.running import Cancelled
from tests.widgets.comms import Screen
from tests.widgets.test_base import interface_names

from .sides import histogram, job, library_side, side_of

SOURCE = (Path(__file__).parents[3] / "js/src/widgets/rasp_graph/protocol.ts").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def shift():
    side = library_side("shift_by_1", 4)
    return side, sample_of(side)


def overlaps_of(answer):
    return torch.tensor(answer.frames["overlaps"].stored).double()


def answer_of(side, sample, trained):
    return compression(Compressions(0, {(0, trained.found.width): trained}, {0: sample}), 0, trained.found.width)


def test_facts_are_those_of_the_protocol(shift):
    answer = answer_of(*shift, train(*shift, 5, 10, None, job()))
    assert set(answer.facts) == set(interface_names(SOURCE, "CompressionFacts"))
    assert set(answer.facts["features"][0]) == set(interface_names(SOURCE, "FeatureFacts"))


def test_with_all_its_dimensions_nothing_is_lost(shift):
    side, sample = shift
    size = len(side.model.craft.space)
    trained = train(side, sample, size, 1, None, job())
    facts = answer_of(side, sample, trained).facts
    assert facts["start"][0] == 1 and facts["accuracy"] == 1
    assert {each["fate"] for each in facts["features"]} == {"own"}
    assert torch.allclose(
        overlaps_of(answer_of(side, sample, trained)), torch.eye(size, dtype=torch.float64), atol=0.02
    )


def test_the_stream_fits_into_as_many_dimensions_as_it_uses(shift):
    side, sample = shift
    streams = []
    for tokens in sample.inputs:
        run = side.running(tokens)
        streams.append(run.streams.double().flatten(0, 1))
    rank = int(torch.linalg.matrix_rank(torch.cat(streams), rtol=1e-6))
    assert rank < len(side.model.craft.space)
    assert train(side, sample, rank, 1, None, job()).start[0] == 1
    assert train(side, sample, rank // 3, 1, None, job()).start[0] < 1


def test_training_makes_the_error_smaller_and_goes_on_from_where_it_was(shift):
    side, sample = shift
    first = train(side, sample, 7, 60, None, job())
    assert first.error < 0.5 * first.start[1] and (first.steps, first.own, first.lost) == (60, 60, 0)
    second = train(side, sample, 7, 60, first, job())
    assert second.error <= first.error and second.steps == 120
    assert len(second.found.output_losses) == 120
    assert torch.equal(second.found.output_losses[:60], first.found.output_losses)


def test_steps_that_make_it_worse_are_not_kept(shift, monkeypatch):
    side, sample = shift
    monkeypatch.setattr("attrium.graph.compression.MOST_STEPS", 500)
    wild = type(sample)(**{**vars(sample), "lr": 10.0})
    first = train(side, wild, 12, 5, None, job())
    assert first.error == first.start[1] and (first.own, first.lost, first.failures) == (0, 5, 1)
    facts = answer_of(side, wild, first).facts
    assert (facts["steps"], facts["own"], facts["lost"]) == (5, 0, 5)


def test_overlaps_features_and_losses_are_those_of_what_was_trained(shift):
    trained = train(*shift, 6, 30, None, job())
    answer = answer_of(*shift, trained)
    w = trained.found.directions[0]
    assert torch.allclose(overlaps_of(answer), w @ w.T, atol=1e-6)
    wanted = features(w, trained.found.labels, answer.facts["dropped"], answer.facts["shared"])
    assert [tuple(each.values()) for each in answer.facts["features"]] == [tuple(each) for each in wanted]
    assert [each["label"] for each in answer.facts["dimensions"]] == list(trained.found.labels)
    loss = torch.tensor(answer.frames["loss"].stored)
    assert loss.shape == (2, 30)
    assert torch.allclose(loss[1].double(), trained.found.layer_losses[:, 0], rtol=1e-5)


def test_a_long_curve_is_means_over_steps(shift):
    trained = train(*shift, 6, 401, None, job())
    loss = torch.tensor(answer_of(*shift, trained).frames["loss"].stored).double()
    assert loss.shape == (2, 200)
    assert loss[0, 0].item() == pytest.approx(trained.found.output_losses[:3, 0].mean().item(), rel=1e-5)
    assert loss[0, -1].item() == pytest.approx(trained.found.output_losses[-2:, 0].mean().item(), rel=1e-5)


def test_accuracy_is_that_of_the_folded_model_on_held_out_inputs(shift):
    side, sample = shift
    trained = train(side, sample, 9, 40, None, job())
    wide = sample_of(side).inputs
    right = [a == b for x in wide for a, b in zip(trained.found(x), side.model(x), strict=True)]
    assert sum(right) / len(right) == pytest.approx(trained.accuracy, abs=0.1)
    assert 0 < sample.held[0] < len(sample.inputs) and sample.held[1] > sample.held[0]


def test_a_constant_answer_is_measured_by_hand():
    side = side_of(histogram(), "ab", 2)
    sample = sample_of(side)
    assert sample.every and len(sample.inputs) == 6  # a b aa ab ba bb
    share, error = sample.constant
    assert sample.held[0] == 1 and share == 1.0  # one input, whose tokens all have the same count
    assert error == pytest.approx(0, abs=1e-3)


def test_a_program_that_reads_no_token_has_inputs_too():
    sample = sample_of(library_side("length", 4))
    assert len(sample.inputs) == 3 + 9 + 27 + 81 and sample.every


def test_inputs_are_those_the_program_is_for():
    side = library_side("sort_unique", 4)
    sample = sample_of(side)
    assert 4 <= len(sample.inputs) <= MOST_INPUTS
    assert all(side.given.accepts(tokens) for tokens in sample.inputs)


def test_too_few_inputs_are_an_error():
    with pytest.raises(AttriumError, match="has 2 inputs, but 4 or more"):
        sample_of(side_of(histogram(), "a", 2))


@pytest.mark.parametrize(("width", "steps"), [(0, 5), (1000, 5), (3, 0), (3, 10**9), ("3", 5), (3, True)])
def test_a_wish_that_cannot_be_is_an_error(shift, width, steps):
    with pytest.raises(AttriumError, match="width=|steps="):
        train(*shift, width, steps, None, job())


def test_a_cancelled_job_ends():
    side = library_side("shift_by_1", 4)
    stopped = Job("test", lambda job: None, Jobs(lambda status: None))
    stopped.stop()
    with pytest.raises(Cancelled):
        train(side, sample_of(side), 5, 1000, None, stopped)


# In the widget


def opened(name="shift_by_1", **options):
    widget = RaspGraph(name, max_length=4, **options)
    assert widget.wait(30)
    return widget


def test_the_reader_trains_a_width_and_asks_for_it():
    w = opened()
    Screen(w).say({"kind": "compress", "width": 6, "steps": 20})
    assert w.wait(60) and w.last_error is None
    assert w.width == 6
    [one] = w.trained
    assert set(one) == set(interface_names(SOURCE, "Trained"))
    assert (one["side"], one["width"], one["steps"]) == (0, 6, 20)
    assert w.answer("compression", {"side": 0, "width": 6}).facts["accuracy"] == one["accuracy"]
    assert w.compression().width == 6


def test_each_width_is_kept_and_training_goes_on():
    w = opened()
    for width in (9, 4, 9):
        w.compress(width, 10)
        assert w.wait(60)
    assert [(each["width"], each["steps"]) for each in w.trained] == [(4, 10), (9, 20)]
    assert [each["number"] for each in w.trained] == [2, 3]
    assert w.compression(4).width == 4 and w.compression().width == 9


def test_another_program_has_nothing_trained_and_its_answers_other_numbers():
    w = opened()
    w.compress(4, 5)
    assert w.wait(60)
    w.load("length")
    assert w.wait(30) and w.trained == []
    with pytest.raises(AttriumError, match="width=4 has not been trained"):
        w.answer("compression", {"side": 0, "width": 4})
    w.compress(4, 5)
    assert w.wait(60) and w.trained[0]["number"] == 2


def test_an_input_leaves_what_was_trained():
    w = opened()
    w.compress(4, 5)
    assert w.wait(60)
    w.tokens = "ab"
    assert len(w.trained) == 1 and w.compression().width == 4


def test_a_cancelled_training_leaves_nothing():
    w = opened()
    begun = threading.Event()
    w.observe(lambda change: change["new"]["total"] and begun.set(), "status")
    w.compress(4, 50_000)
    assert begun.wait(30)
    w.cancel()
    assert w.wait(30) and w.trained == [] and w.status["message"] == "Cancelled"


def test_a_wrong_wish_shows_in_the_widget():
    w = opened()
    Screen(w).say({"kind": "compress", "width": 999, "steps": 20})
    assert w.wait(30)
    assert w.status["state"] == "error" and "width=999" in w.status["message"]


def test_a_program_that_is_not_there_yet_is_waited_for():
    w = RaspGraph("shift_by_1", max_length=4)
    w.compress(4, 5)
    assert w.compression().width == 4
    w.load("length")
    w.compress(3, 5)
    assert w.compression().width == 3 and w.example == "length"


def test_a_saved_page_takes_along_what_was_trained():
    w = opened()
    w.compress(4, 5)
    assert w.wait(60)
    assert ("compression", {"side": 0, "width": 4}) in list(w.saved_questions())
