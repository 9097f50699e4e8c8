"""Jobs: long work in one thread per widget. The newest request wins, and the message loop never waits.

A job that was overtaken or cancelled finds out where it asks: in `check`, in `turn`, and in the kernel's own `cancel`.
Nothing that it finished after that reaches the widget.
"""

from __future__ import annotations

import atexit
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypedDict

from attrium_kernel.running import Cancelled

UPDATES_PER_SECOND = 20
"""Most progress updates that reach the screen."""
PACKAGES = ("attrium", "attrium_kernel")
"""Whose errors speak for themselves."""
LOCK = threading.RLock()
"""Held while traits change, by messages and by jobs. One for all widgets, since a link changes two of them at once."""


class Status(TypedDict):
    """What the screen says of the work: see `AttriumWidget.status`."""

    state: Literal["idle", "running", "error"]
    label: str
    done: int
    total: int
    message: str


def idle(message: str = "") -> Status:
    """The status of a widget with nothing to do."""
    return Status(state="idle", label="", done=0, total=0, message=message)


def failed(label: str, error: BaseException) -> Status:
    """The status after an error: our own errors in their own words, others with their class."""
    ours = any(kind.__module__.partition(".")[0] in PACKAGES for kind in type(error).__mro__)
    text = str(error) if ours else f"{type(error).__name__}: {error}. Its traceback is in .last_error"
    return Status(state="error", label=label, done=0, total=0, message=text)


class Job:
    """One piece of work, as the function that does it sees it."""

    def __init__(self, label: str, work: Callable[[Job], None], jobs: Jobs) -> None:
        self.label = label
        self._work = work
        self._jobs = jobs
        self._stopped = False
        self._shown_at = float("-inf")

    def run(self) -> None:
        """Do the work."""
        self._work(self)

    def stop(self) -> None:
        """Ask the work to end."""
        self._stopped = True

    def cancelled(self) -> bool:
        """Whether to end; pass it to the kernel as `cancel=`."""
        return self._stopped

    def check(self) -> None:
        """Raise `Cancelled` if the job should end."""
        if self._stopped:
            raise Cancelled(f"{self.label} was cancelled")

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Change the widget: only while this is the newest job, and with no message handled meanwhile."""
        with LOCK:
            self.check()
            yield

    def progress(self, done: int, total: int, label: str | None = None) -> None:
        """Say how far the work is; what comes faster than the eye, or while traits change, is dropped.

        It never waits: the kernel calls it while it keeps others off the model, and they may hold the lock.
        """
        if label is not None and label != self.label:
            self.label, self._shown_at = label, float("-inf")
        now = time.monotonic()
        if now - self._shown_at < 1 / UPDATES_PER_SECOND or not LOCK.acquire(blocking=False):
            return
        try:
            self._shown_at = now
            if not self._stopped:
                self._jobs.show(Status(state="running", label=self.label, done=done, total=total, message=""))
        finally:
            LOCK.release()


_running: weakref.WeakSet[Jobs] = weakref.WeakSet()
_PATIENCE_S = 5.0


def _end_all() -> None:
    """At the end of Python: a worker that is still inside torch then would abort the process."""
    waiting = list(_running)
    for jobs in waiting:
        jobs.cancel()
    for jobs in waiting:
        jobs.wait(_PATIENCE_S)


atexit.register(_end_all)


class Jobs:
    """The worker of one widget.

    Args:
        show: called with each new status, under the lock.
    """

    def __init__(self, show: Callable[[Status], None]) -> None:
        self.show = show
        self.last_error: BaseException | None = None
        self._changed = threading.Condition(LOCK)  # waiting lets go of the lock, however often it is held
        self._newest: Job | None = None
        self._waiting: Job | None = None
        self._thread: threading.Thread | None = None
        _running.add(self)

    def submit(self, label: str, work: Callable[[Job], None]) -> None:
        """Run `work(job)` in the worker; whatever runs now is told to stop, whatever waits is forgotten."""
        with LOCK:
            if self._newest is not None:
                self._newest.stop()
            self._newest = self._waiting = Job(label, work, self)
            self.show(Status(state="running", label=label, done=0, total=0, message=""))
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="attrium-worker", daemon=True)
                self._thread.start()

    def cancel(self) -> None:
        """Tell the running job to stop. It ends at its next question, usually after one chunk."""
        with LOCK:
            if self._newest is not None:
                self._newest.stop()

    def retry(self) -> None:
        """Run the newest job's work once more; without one, take an error off the screen."""
        with LOCK:
            if self._newest is None:
                self.show(idle())
            else:
                self.submit(self._newest.label, self._newest._work)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until no job runs or waits; False if that took longer than `timeout_s` seconds."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("wait() was called from the worker itself, which would wait for ever")
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None, timeout_s)

    def _serve(self) -> None:
        """Do jobs until there is none; a burst of work has one thread, an idle widget none."""
        while True:
            with self._changed:
                job, self._waiting = self._waiting, None
                if job is None:
                    self._thread = None
                    self._changed.notify_all()
                    return
            self._finish(job, _outcome(job))

    def _finish(self, job: Job, error: BaseException | None) -> None:
        with LOCK:
            if job is not self._newest:
                return
            if error is None:
                self.last_error = None
                self.show(idle())
            elif isinstance(error, Cancelled):
                self.show(idle("Cancelled"))
            else:
                _let_go(error)
                self.last_error = error
                self.show(failed(job.label, error))


def _outcome(job: Job) -> BaseException | None:
    try:
        job.run()
    except BaseException as error:  # a worker that died would leave the widget running for ever
        return error
    return None


def _let_go(error: BaseException) -> None:
    """Empty the frames of a traceback, which would keep their tensors alive; its lines stay."""
    chain: list[BaseException] = []
    rest: list[BaseException | None] = [error]
    while rest:
        link = rest.pop()
        if link is not None and link not in chain:
            chain.append(link)
            rest += [link.__cause__, link.__context__]
    for link in chain:
        traceback.clear_frames(link.__traceback__)
