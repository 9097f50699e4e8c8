"""The channel: the front end asks for a view of a tensor or asks a question, and gets one answer or one error."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from attrium_kernel.arrays import Frame, Pooling, make_frame

from .errors import AttriumError

MAX_CELLS = 4096 * 4096
"""Most cells that one answer may hold, whatever is asked for."""


@dataclass(frozen=True, eq=False)
class Source:
    """A tensor that the front end may look at, and how it is drawn: see `make_frame`. Drawn are by default the last two
    axes. Answers of at most `exact_cells` cells are not quantised.
    """

    tensor: Any
    axes: Sequence[int] | None = None
    pooling: Pooling = "absmax"
    quantise: bool = False
    exact_cells: int = 0

    @property
    def drawn(self) -> Sequence[int]:
        """The axes that are drawn."""
        return range(len(self.tensor.shape))[-2:] if self.axes is None else self.axes


@dataclass(frozen=True, eq=False)
class Answer:
    """What a widget says to a question.

    Args:
        facts: anything JSON can hold, and numbers that are not finite: see `as_json`.
        frames: by name.
    """

    facts: Any
    frames: Mapping[str, Frame] = field(default_factory=dict)


class Channel:
    """Answers questions, and `view` requests from tensors that a widget has registered or that `find` gives by name.

    | request | answer |
    | --- | --- |
    | `{kind: "view", id, tensor, index: [[start, stop], ...], pixels: [h, w]}` | `{kind: "view", id, frame}`, buffer |
    | `{kind: "ask", id, question, args}` | `{kind: "answer", id, facts, frames: [[name, header], ...]}`, buffers |
    | whatever cannot be answered | `{kind: "error", id, message}` |

    Args:
        find: gives tensors that are not registered, by name.
        reply: answers questions, from a name and arguments.
    """

    def __init__(
        self,
        find: Callable[[str], Source | None] = lambda name: None,
        reply: Callable[[str, dict[str, Any]], Answer] | None = None,
    ) -> None:
        self._sources: dict[str, Source] = {}
        self._find = find
        self._reply = reply

    def register(self, name: str, source: Source | None) -> None:
        """Let the front end ask for a tensor by this name; None takes it away."""
        if source is None:
            self._sources.pop(name, None)
        else:
            self._sources[name] = source

    def answer(self, request: Any) -> tuple[dict[str, Any], list[memoryview]]:
        """The one answer to a request, and its buffers. Never raises."""
        number = request.get("id") if isinstance(request, dict) else None
        try:
            if isinstance(request, dict) and request.get("kind") == "ask":
                answer = self.ask(request.get("question"), request.get("args"))
                headers = [[name, frame.header] for name, frame in answer.frames.items()]
                content = {"kind": "answer", "id": number, "facts": as_json(answer.facts), "frames": headers}
                return content, [frame.data for frame in answer.frames.values()]
            frame = self._view(request)
        except Exception as error:
            return {"kind": "error", "id": number, "message": words_of(error)}, []
        return {"kind": "view", "id": number, "frame": frame.header}, [frame.data]

    def ask(self, question: Any, args: Any) -> Answer:
        """The answer to a question.

        Raises:
            AttriumError: if the question is not understood.
        """
        if self._reply is None or not isinstance(question, str) or not isinstance(args, dict):
            raise AttriumError(f"the question {question!r} with {args!r} is not understood here")
        return self._reply(question, args)

    def find(self, name: str) -> Source | None:
        """A tensor by name."""
        return self._sources.get(name) or self._find(name)

    def view(self, name: str, index: Any = None, pixels: Any = None) -> Frame:
        """A region of a tensor.

        Raises:
            AttriumError: for a tensor that is not there, or more cells than one answer may hold.
            RegionError: if the region does not fit.
        """
        return self._view({"kind": "view", "tensor": name, "index": index, "pixels": pixels})

    def _view(self, request: Any) -> Frame:
        if not isinstance(request, dict) or request.get("kind") != "view":
            raise AttriumError(
                f"the request {request!r} is not understood; expected kind 'view', 'ask', 'cancel' or 'retry'"
            )
        name = request.get("tensor")
        source = self.find(name) if isinstance(name, str) else None
        if source is None:
            near = difflib.get_close_matches(str(name), self._sources, 1) or sorted(self._sources)
            hint = f"ask for {', '.join(near)}" if near else "nothing is shown yet"
            raise AttriumError(f"there is no tensor {name!r} here; {hint}")
        index, pixels = request.get("index"), request.get("pixels")
        if (cells := _cells(source, index, pixels)) > MAX_CELLS:
            raise AttriumError(f"the view has {cells} cells; ask for at most {MAX_CELLS} with pixels")
        return make_frame(
            source.tensor,
            str(name),
            region=index,
            pixels=pixels,
            axes=source.drawn,
            pooling=source.pooling,
            quantise=source.quantise and cells > source.exact_cells,
        )


def words_of(error: Exception) -> str:
    """What a reader is told of an error: values that do not fit in their own words, others with their class."""
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"


def as_json(facts: Any) -> Any:
    """Facts without the numbers that JSON lacks: "NaN", "Infinity" and "-Infinity" are what JavaScript calls them."""
    if isinstance(facts, float) and not math.isfinite(facts):
        return "NaN" if math.isnan(facts) else "Infinity" if facts > 0 else "-Infinity"
    if isinstance(facts, dict):
        return {key: as_json(value) for key, value in facts.items()}
    return [as_json(value) for value in facts] if isinstance(facts, (list, tuple)) else facts


def _cells(source: Source, index: Any, pixels: Any) -> int:
    """The cells that an answer would have; 0 for a request that is not understood: `make_frame` says why."""
    try:
        sizes = list(source.tensor.shape) if index is None else [stop - start for start, stop in index]
        if pixels is not None:
            limits = list(pixels) if len(pixels) > 1 else list(pixels) * len(source.drawn)
            for axis, limit in zip(reversed(source.drawn), reversed(limits)):
                sizes[axis] = min(sizes[axis], limit)
        return math.prod(sizes)
    except (TypeError, ValueError, IndexError):
        return 0
