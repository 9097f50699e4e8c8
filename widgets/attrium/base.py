"""The base of every widget: shared traits, the tensor channel, jobs, errors on screen, pages without a kernel."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets as t

from attrium_kernel.arrays import Frame, make_frame

from .channel import Answer, Channel, Source
from .errors import AttriumError, BundleMissingError
from .export import save_html
from .jobs import LOCK, Job, Jobs, Status, idle

STATIC = Path(__file__).parent / "static"
"""Where the JavaScript build puts its bundles."""


class AttriumWidget(anywidget.AnyWidget):
    """What every Attrium widget can do.

    Subclasses name their `bundle`, declare their traits, register tensors for the channel and submit jobs.
    """

    bundle: ClassVar[str] = ""
    """Name of the front end: `static/<bundle>.js` and `.css`."""
    status = t.Dict(dict(idle()), help="What the worker does: state, label, done, total, message.").tag(sync=True)
    theme = t.Enum(["auto", "light", "dark"], "auto", help="Colours; auto follows the page.").tag(sync=True)
    height_px = t.Int(0, min=0, help="Height in CSS pixels; 0 is what the content needs.").tag(sync=True)

    _needs_kernel = t.List(t.Unicode(), help="Traits that only Python answers to: saved pages say so.").tag(sync=True)

    def __init_subclass__(cls, **keywords: Any) -> None:
        script, style = STATIC / f"{cls.bundle}.js", STATIC / f"{cls.bundle}.css"
        if "bundle" in cls.__dict__ and script.is_file():
            cls._esm = script
            if style.is_file():
                cls._css = style
        super().__init_subclass__(**keywords)

    def __init__(self, **traits: Any) -> None:
        for name in traits:
            self._check_keyword(name)
        if self.bundle and not hasattr(type(self), "_esm"):
            raise BundleMissingError(
                f"the front end of {type(self).__name__} is missing: {self.bundle}.js is not in {STATIC}. "
                "Run `make bundles` in a checkout, or `pip install .`, and restart the kernel"
            )
        self._channel = Channel(self.find_source, self.answer)
        self._jobs = Jobs(self._show_status)
        super().__init__(**traits)
        self.on_msg(self._receive)

    # Work

    @property
    def last_error(self) -> BaseException | None:
        """The error of the last job, with its traceback (less the local variables); None if it went well."""
        return self._jobs.last_error

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until the worker is done; False if that took longer than `timeout_s` seconds.

        While a job runs, the model is in eval mode, and frozen for methods that need gradients; then it is put back.
        Call `w.wait()` before training it.
        """
        return self._jobs.wait(timeout_s)

    def cancel(self) -> None:
        """Stop the running job, as the Cancel button does."""
        self._jobs.cancel()

    def retry(self) -> None:
        """Run the last job again, as the button beside an error does."""
        self._jobs.retry()

    def submit(self, label: str, work: Callable[[Job], None]) -> None:
        """Run `work(job)` in this widget's worker; a running job gives way to it."""
        self._jobs.submit(label, work)

    # The screen

    def register(self, name: str, source: Source | None) -> None:
        """Let the front end ask for regions of a tensor by name; None takes it away."""
        self._channel.register(name, source)

    def find_source(self, name: str) -> Source | None:
        """A tensor that is not registered, made when the front end asks for it; None if there is none of that name."""
        return None

    def answer(self, question: str, args: dict[str, Any]) -> Answer:
        """What the front end is told when it asks for more than a region of one tensor.

        Raises:
            AttriumError: for a question that this widget does not know.
        """
        raise AttriumError(f"{type(self).__name__} has no answer to {question!r}")

    def saved_questions(self) -> Iterable[tuple[str, dict[str, Any]]]:
        """Questions whose answers a saved page takes along."""
        return ()

    def saved_tensors(self) -> Iterable[str]:
        """Tensors, by name, that a saved page takes along."""
        return ()

    def saved_frame(self, name: str, room: int) -> Frame | None:
        """All of a tensor for a saved page: exact if it fits in a quarter of `room` bytes, else in 255 steps; None if
        that does not fit either.
        """
        try:
            source = self._channel.find(name)
            if source is None:
                return None
            cells = math.prod(source.tensor.shape)
            exact = 4 * cells <= room // 4
            if not exact and cells > room:
                return None
            frame = make_frame(source.tensor, name, quantise=not exact)
        except Exception:  # a model without such a weight, or a pattern that it did not compute: the page goes without
            return None
        return frame if len(frame.data) <= room else None  # what holds a NaN is always exact

    def to_html(self, path: str | os.PathLike[str], title: str = "") -> Path:
        """Save a page that shows this widget as it is now: one file, no kernel, no network. Returns its path."""
        return save_html(path, self, title=title)

    def close(self) -> None:
        """Stop the worker and close the widget."""
        if hasattr(self, "_jobs"):
            self._jobs.cancel()
        with LOCK:  # the worker may be telling the front end something
            super().close()

    # Messages

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take changes from the front end; the worker changes no trait meanwhile, so that no notice is lost."""
        with LOCK:
            super().set_state(sync_data)

    def notify_change(self, change: Any) -> None:
        """Tell the front end and observers of a change, from one thread at a time."""
        with LOCK:
            super().notify_change(change)

    def _receive(self, _widget: Any, content: Any, _buffers: Any) -> None:
        kind = content.get("kind") if isinstance(content, dict) else None
        if kind == "cancel":
            self.cancel()
        elif kind == "retry":
            self.retry()
        else:
            reply, buffers = self._channel.answer(content)
            self.send(reply, buffers)

    def _show_status(self, status: Status) -> None:
        self.status = dict(status)

    @classmethod
    def _check_keyword(cls, name: str) -> None:
        known = [trait for trait in cls.class_trait_names() if not trait.startswith("_")]
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(sorted(cls._own_traits()))}"
            raise TypeError(f"{cls.__name__}() got an unknown keyword {name!r}; {hint}")

    @classmethod
    def _own_traits(cls) -> list[str]:
        inherited = set(anywidget.AnyWidget.class_trait_names())
        return [name for name in cls.class_trait_names(sync=True) if name not in inherited and not name.startswith("_")]
