"""Jobs: newest wins, cancel, errors, progress, and a message loop that never waits."""

from __future__ import annotations

import gc
import threading
import time
import weakref

import pytest
import torch

from attrium.base import AttriumWidget
from attrium.errors import DataError
from attrium.jobs import LOCK, UPDATES_PER_SECOND, failed
from attrium_kernel.attribution import Cancelled
from tests.widgets.comms import Screen


class Worker(AttriumWidget):
    """A widget with no front end, to give jobs to."""


def hold(job, gate: threading.Event, timeout_s: float = 10) -> None:
    """Stay in the job until the gate opens, asking for cancel as a method would."""
    end = time.monotonic() + timeout_s
    while not gate.wait(0.005):
        job.check()
        assert time.monotonic() < end, "the test forgot to open the gate"


def test_a_job_runs_off_the_main_thread_and_the_status_tells_of_it():
    widget, seen = Worker(), []
    widget.submit("Counting", lambda job: seen.append(threading.current_thread()))
    assert widget.wait(5)
    assert seen and seen[0] is not threading.main_thread()
    states = [status["state"] for status in Screen(widget).updates("status")]
    assert states == ["running", "idle"]
    assert Screen(widget).updates("status")[0]["label"] == "Counting"


def test_the_newest_request_wins_and_those_between_never_run():
    widget, ran, gate = Worker(), [], threading.Event()
    started = threading.Event()

    def first(job):
        ran.append("first started")
        started.set()
        hold(job, gate)
        ran.append("first finished")

    widget.submit("1", first)
    assert started.wait(5)
    for name in ("2", "3", "4"):
        widget.submit(name, lambda job, name=name: ran.append(name))
    assert widget.wait(5)
    assert ran == ["first started", "4"]
    assert [status for status in Screen(widget).updates("status") if status["message"]] == []
    assert widget.status["state"] == "idle"
    assert widget.status["message"] == ""


def test_an_overtaken_job_cannot_change_the_widget():
    widget, gate, started = Worker(), threading.Event(), threading.Event()
    outcome = []

    def slow(job):
        started.set()
        gate.wait(5)  # does not ask
        try:
            with job.turn():
                widget.height_px = 111
        except Cancelled:
            outcome.append("refused")
            raise

    def fast(job):
        with job.turn():
            widget.height_px = 222

    widget.submit("slow", slow)
    assert started.wait(5)
    widget.submit("fast", fast)
    gate.set()
    assert widget.wait(5)
    assert outcome == ["refused"]
    assert widget.height_px == 222


@pytest.mark.parametrize("way", ["python", "screen"])
def test_cancel_stops_the_running_job(way):
    widget, started = Worker(), threading.Event()

    def work(job):
        started.set()
        hold(job, threading.Event())

    widget.submit("Long", work)
    assert started.wait(5)
    widget.cancel() if way == "python" else Screen(widget).say({"kind": "cancel"})
    assert widget.wait(5)
    assert widget.status == {"state": "idle", "label": "", "done": 0, "total": 0, "message": "Cancelled"}
    assert widget.last_error is None


def test_an_error_is_shown_in_our_words_and_kept():
    widget = Worker()

    def work(job):
        raise DataError("three labels for two examples; pass one for each")

    widget.submit("Reading", work)
    assert widget.wait(5)
    assert widget.status["state"] == "error"
    assert widget.status["label"] == "Reading"
    assert widget.status["message"] == "three labels for two examples; pass one for each"
    assert isinstance(widget.last_error, DataError)
    assert widget.last_error.__traceback__ is not None


def test_an_error_that_is_not_ours_is_shown_with_its_class():
    widget = Worker()
    widget.submit("Dividing", lambda job: 1 / 0)
    assert widget.wait(5)
    assert widget.status["message"].startswith("ZeroDivisionError: division by zero")


def test_retry_runs_the_failed_work_again_and_success_clears_the_error():
    widget, tries = Worker(), []

    def work(job):
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("not yet")

    widget.submit("Trying", work)
    assert widget.wait(5)
    assert widget.status["state"] == "error"
    Screen(widget).say({"kind": "retry"})
    assert widget.wait(5)
    assert len(tries) == 2
    assert widget.status["state"] == "idle"
    assert widget.last_error is None


def test_retry_with_nothing_to_run_takes_the_error_off_the_screen():
    widget = Worker()
    widget.status = failed("Reading", DataError("no such file"))
    Screen(widget).say({"kind": "retry"})
    assert widget.status["state"] == "idle"


def test_a_worker_lives_on_after_an_error_and_leaves_no_thread_behind():
    widget, seen = Worker(), []
    before = threading.active_count()
    widget.submit("bad", lambda job: 1 / 0)
    widget.submit("good", lambda job: seen.append(1))
    assert widget.wait(5)
    assert seen == [1]
    end = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_progress_is_coalesced_and_never_goes_back():
    widget = Worker()

    def work(job):
        end = time.monotonic() + 0.5
        done = 0
        while time.monotonic() < end:
            done += 1
            job.progress(done, 10**9)

    widget.submit("Counting", work)
    assert widget.wait(10)
    shown = [status["done"] for status in Screen(widget).updates("status") if status["total"] == 10**9]
    assert 2 <= len(shown) <= 0.5 * UPDATES_PER_SECOND + 2
    assert shown == sorted(shown)


def test_a_new_label_is_shown_at_once():
    widget = Worker()

    def work(job):
        time.sleep(0.05)  # until the main thread waits: what comes while it holds the lock is dropped
        job.progress(1, 2, "Predicting")
        job.progress(0, 3, "Explaining")

    widget.submit("Predicting", work)
    assert widget.wait(5)
    labels = [status["label"] for status in Screen(widget).updates("status")]
    assert labels == ["Predicting", "Predicting", "Explaining", ""]


def test_messages_are_answered_while_a_job_runs():
    widget, gate = Worker(), threading.Event()
    widget.submit("Long", lambda job: hold(job, gate))
    start = time.monotonic()
    for height in range(50):
        Screen(widget).set(height_px=height)
    Screen(widget).say({"kind": "view", "id": 1, "tensor": "none", "index": [], "pixels": [1, 1]})
    spent = time.monotonic() - start
    assert not widget.wait(0), "the job ended before the messages came: nothing was tested"
    gate.set()
    assert widget.wait(5)
    assert spent < 1.0
    assert widget.height_px == 49
    assert len(Screen(widget).replies()) == 1


def test_waiting_inside_a_message_lets_the_worker_finish():
    widget, results = Worker(), []

    def work(job):
        with job.turn():
            widget.theme = "dark"

    def react(change):
        widget.submit("Dark", work)
        results.append(widget.wait(5))

    widget.observe(react, "height_px")
    Screen(widget).set(height_px=7)
    assert results == [True]
    assert widget.theme == "dark"


def test_wait_gives_up_after_its_time():
    widget, gate = Worker(), threading.Event()
    widget.submit("Long", lambda job: hold(job, gate))
    assert widget.wait(0.05) is False
    gate.set()
    assert widget.wait(5) is True


def test_waiting_in_the_worker_itself_is_refused():
    widget = Worker()
    widget.submit("Waiting", lambda job: widget.wait(1))
    assert widget.wait(5)
    assert "wait() was called from the worker itself" in widget.status["message"]


def test_closing_a_widget_stops_its_job():
    widget, stopped = Worker(), threading.Event()

    def work(job):
        while not job.cancelled():
            time.sleep(0.005)
        stopped.set()

    widget.submit("Long", work)
    widget.close()
    assert stopped.wait(5)


def test_progress_never_waits_for_whoever_changes_traits():
    widget, started, go_on, passed = Worker(), threading.Event(), threading.Event(), threading.Event()

    def work(job):
        started.set()
        go_on.wait(5)
        job.progress(1, 2)
        passed.set()

    widget.submit("Explaining", work)
    assert started.wait(5)
    with LOCK:  # as set_state and notify_change do, with an observer that waits for the worker's model
        go_on.set()
        arrived = passed.wait(2)
    assert widget.wait(5)
    assert arrived


def test_an_update_that_was_dropped_does_not_count_as_shown():
    widget, started, dropped, go_on = Worker(), threading.Event(), threading.Event(), threading.Event()

    def work(job):
        started.set()
        go_on.wait(5)
        job.progress(1, 3)
        dropped.set()
        with job.turn():
            job.progress(2, 3)

    widget.submit("Explaining", work)
    assert started.wait(5)
    with LOCK:
        go_on.set()
        assert dropped.wait(2)
    assert widget.wait(5)
    assert [status["done"] for status in Screen(widget).updates("status")] == [0, 2, 0]


def test_a_kept_error_keeps_no_tensors():
    widget, held = Worker(), []

    def inner():
        tensor = torch.zeros(4)
        held.append(weakref.ref(tensor))
        raise KeyError("first")

    def work(job):
        tensor = torch.zeros(4)
        held.append(weakref.ref(tensor))
        try:
            inner()
        except KeyError as error:
            raise DataError("second") from error

    widget.submit("Failing", work)
    assert widget.wait(5)
    gc.collect()
    assert [tensor() for tensor in held] == [None, None]
    assert widget.last_error.__traceback__ is not None
