"""What made this number: asked of a trace, by name and index."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import SiteError, TraceError
from ..trace import Trace
from .facts import Made, Origin, number
from .place import Book, Place, length
from .table import rule_of


class Origins:
    """Origins of the numbers of one trace; what they share (weights, norms) is worked out once.

    Args:
        trace: of a model. A trace of values from elsewhere has numbers, but nothing is known of what made them.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self._book = None if trace.architecture is None else Book(trace, trace.architecture)

    def of(self, name: str, index: Sequence[int], *, example: int = 0, terms: int = 24) -> Origin:
        """What made one number.

        Args:
            name: of the activation, `"blocks.3.attn.pattern"`.
            index: along its axes without the example, `(head, query, key)`; negative numbers count from the end.
            example: which of the batch.
            terms: how many summands to list at most; the rest is added up.

        Raises:
            SiteError: for a name that is not in the trace, or an index that does not fit its axes.
            CaptureError: for a name whose numbers can't be read, a pattern that does not explain its layer, say.
        """
        axes = tuple(axis for axis in self.trace.axes(name) if axis != "batch")
        if len(index) != len(axes):
            raise SiteError(
                f"index {tuple(index)} at {name}: it needs {len(axes)} numbers, one for each of {', '.join(axes)}"
            )
        if terms < 1:
            raise SiteError(f"terms={terms}; pass how many summands to list, at least 1")
        first = 0 if length(self.trace, name, "batch") == 1 else example
        value = float(self.trace.read(name, batch=first, **dict(zip(axes, index))).detach())
        shape = tuple(length(self.trace, name, axis) for axis in axes)
        at = tuple(int(i) % n for i, n in zip(index, shape))
        made = self._made(name, dict(zip(axes, at)), example)
        operands, rest, worked = made.shortened(terms)
        if made.value is None:
            worked = f"Not recomputed: {made.why}."
        title = self._title(name, made, value)
        return Origin(name, at, axes, shape, value, made.value, title, made.formula, worked, operands, rest)

    def _made(self, name: str, index: dict[str, int], example: int) -> Made:
        if self._book is None:
            return Made("a value from elsewhere", why="this trace holds values from elsewhere, without a model")
        entry = self._book.catalog[name]
        try:
            return rule_of(entry)(Place(self._book, entry, index, example))
        except TraceError as error:  # weights gone or changed, operands not captured, parts not found
            return Made(entry.quantity or name, why=str(error).rstrip("."))

    def _title(self, name: str, made: Made, value: float) -> str:
        """With what the formula leaves unexplained."""
        if made.value is None or self._book is None:
            return made.title
        slack = self._book.tolerance(name) * max(abs(value), abs(made.value), made.size, 1e-6)
        gap = value - made.value
        if abs(gap) <= slack:
            return made.title
        if self.trace.intervened:
            return f"{made.title}; changed by an intervention"
        return f"{made.title}; the formula misses it by {number(gap)}"


def origin(trace: Trace, name: str, index: Sequence[int], *, example: int = 0, terms: int = 24) -> Origin:
    """What made one number of a trace: its operands, the formula, and the number computed again from them.

    Formulas are the usual ones; parts that differ between models (which norm, which activation, what turns with what)
    are read from the model and the trace. `recomputed` is what the formula gives, also where that is not what was
    captured; it is None where a step in between was not captured, and `worked` then says which.

    Args:
        trace: of a model.
        name: of the activation, `"blocks.3.attn.pattern"`.
        index: along its axes without the example, `(head, query, key)`; negative numbers count from the end.
        example: which of the batch.
        terms: how many summands to list at most; the rest is added up.

    Raises:
        SiteError: for a name that is not in the trace, or an index that does not fit its axes.
    """
    return Origins(trace).of(name, index, example=example, terms=terms)
