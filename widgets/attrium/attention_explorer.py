"""AttentionExplorer: every head of every layer, in one picture, as a matrix, as arcs, or on an image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import traitlets as t
from torch import Tensor

from attrium_kernel.arrays import Frame, make_frame, to_picture
from attrium_kernel.tracing import from_attention

from .attention.comparison import Address, Comparison
from .attention.files import download
from .attention.head_marks import head_marks
from .attention.measures import Measure
from .attention.overview import overview
from .attention.place import PLACES, PlaceTraits
from .attention.saving import saved_layers
from .attention.scales import Scale
from .attention.sources import Live, Reading, is_live, label_of, plan, run_live, traced
from .base import AttriumWidget
from .channel import Answer, Source
from .errors import AttriumError, DataError, LengthError
from .frames import FrameTrait
from .jobs import LOCK, Job
from .loading import load
from .naming import check_names

MOST_PIXELS = (512, 512)
"""Larger pictures are averaged to this size."""


def _picture_frame(_widget: AttentionExplorer, image: Any) -> Frame:
    return make_frame(to_picture(image), "image", pixels=MOST_PIXELS, axes=(0, 1), pooling="mean")


class AttentionExplorer(PlaceTraits, AttriumWidget):
    """Attention of any transformer: overview of all heads, matrix, arcs, scores, differences.

    ```python
    w = AttentionExplorer(attrium.trace(model, "The keys near the door", tokenizer))
    w = AttentionExplorer(model(ids, output_attentions=True), tokens=tokens)           # as BertViz takes it
    w = AttentionExplorer(attrium.load("tiny_gpt2"), text=["The keys are", "The key is"], minus=1)
    w.values[w.selection]        # rows of the tokens that the reader selected, of the head on screen
    w.cell                       # [query, key] that the reader pinned
    ```

    Nothing is computed but what is looked at: one head of 8,192 tokens is read in blocks of rows.

    | measure | value |
    | --- | --- |
    | pattern | attention weights, as the model used them |
    | scores | scaled scores before the mask, signed; NaN where the mask hides the key |
    | value_weighted | the weight times the length of the value after the output projection (Kobayashi et al. 2020) |
    | rollout | where a position came from, the layers up to this one multiplied (Abnar and Zuidema 2020) |
    | flow | the same as a maximum flow; one problem for each pair, so for at most 64 tokens, fewer in deep models and
    where later keys count too |

    | scale | value |
    | --- | --- |
    | linear | as it is |
    | log | decimal logarithm, at least -6 |
    | rank | how many keys of the row have more, plus 1; NaN for hidden keys |
    | no_sink | the share of the row without its first key; NaN where nothing is left |

    Args:
        source: a `Trace`; attention as other libraries return it (one `(batch, head, query, key)` for each layer, a
            tensor `(layer, batch, head, query, key)`, or the output of a model with attentions); or a model, a
            `Loaded`, `(model, tokenizer)` or a name for `attrium.load`, which is then run on `text` or `inputs`.
        more: others to compare it with, of the same layers and heads.
        text: for models: one text, or several to compare.
        inputs: for models that take no text: what `attrium.trace` takes.
        tokens: one string for each position, or a list of them for each run; known where there is a tokenizer.
        decoder_tokens: the same for an encoder-decoder's decoder.
        tokenizer: makes tokens of texts, and strings of ids.
        labels: what the runs are called, one for each.
        image: the picture that a vision transformer was given; with `(model, image processor)` it is also the input.
        grid: rows and columns of its patches, where neither the model's config nor their number tells.
        prefix: how many special tokens come before them.
        example: which input of a batch.
        names: what heads are called, for each layer (`{"heads": [["earlier", "same"]]}`), instead of the names that
            the model itself has as `model.axis_names`.
        traits: any trait, for example `layer=3, head=2, measure="value_weighted"`.

    Raises:
        DataError, LengthError: for sources or tokens that do not fit, each with what to pass instead. Errors of a model
            that is run show in the widget, and in `last_error`.
        TypeError: for an unknown keyword.
    """

    bundle: ClassVar[str] = "attention_explorer"

    runs: t.List[Any] = t.List(help="label, queries and keys by kind: the strings of positions, for each run.").tag(
        sync=True
    )
    kinds: t.List[Any] = t.List(help="name, title, layers, and heads of each layer, for each kind.").tag(sync=True)
    run = t.Int(0, help="Counts the data sets; every answer belongs to one.").tag(sync=True)
    show = t.Enum(["matrix", "arcs", "picture"], "matrix", help="How the head is drawn.").tag(sync=True)
    order = t.Unicode("", help="Score by which the overview is sorted; empty for by layer.").tag(sync=True)
    image = FrameTrait(_picture_frame, help="The picture whose patches attend, or None.")
    grid = t.List(t.Int(), help="Rows and columns of patches; empty where there is no picture.").tag(sync=True)
    prefix = t.Int(0, min=0, help="Special tokens before the patches.").tag(sync=True)
    title = t.Unicode("", help="Heading.").tag(sync=True)

    def __init__(
        self,
        source: Any = None,
        *more: Any,
        text: str | Sequence[str] | None = None,
        inputs: Any = None,
        tokens: Any = None,
        decoder_tokens: Any = None,
        tokenizer: Any = None,
        labels: Sequence[str] | None = None,
        image: Any = None,
        grid: Sequence[int] | None = None,
        prefix: int | None = None,
        example: int = 0,
        names: Mapping[str, Any] | None = None,
        **traits: Any,
    ) -> None:
        self._comparison: Comparison | None = None
        for name in traits:
            self._check_keyword(name)
        places = {name: traits.pop(name) for name in PLACES if name in traits}
        chosen = traits.pop("show", None)
        super().__init__(**traits)
        check_names(names)
        reading = Reading(tokens, decoder_tokens, tokenizer, labels, example, image is not None, grid, prefix, names)
        if source is not None:
            self._explore([source, *more], text, inputs, image, reading, places)
        elif image is not None:
            self.image = image
        if chosen is not None:
            self.show = chosen

    @classmethod
    def from_attention(
        cls,
        attention: Any = None,
        tokens: Any = None,
        *,
        encoder: Any = None,
        decoder: Any = None,
        cross: Any = None,
        **keywords: Any,
    ) -> AttentionExplorer:
        """Show attention of an encoder-decoder given in parts.

        Args:
            attention: as for the constructor, of a model with one stack.
            tokens: what the encoder (or the only stack) reads.
            encoder, decoder, cross: one `(batch, head, query, key)` for each layer.
            keywords: more of the constructor's, `decoder_tokens=` say.
        """
        if encoder is None and decoder is None and cross is None:
            return cls(attention, tokens=tokens, **keywords)
        found = from_attention(attention, encoder=encoder, decoder=decoder, cross=cross)
        return cls(found, tokens=tokens, **keywords)

    # Python's side

    @property
    def values(self) -> Tensor | None:
        """The head on screen, `(query, key)` float32, in its measure and scale; None before there is one."""
        return None if self._comparison is None else self.tensor()

    def tensor(
        self,
        layer: int | None = None,
        head: int | slice | None = None,
        *,
        kind: str | None = None,
        measure: Measure | None = None,
        scale: Scale | None = None,
        shown: int | None = None,
        minus: int | None = None,
        queries: slice | None = None,
    ) -> Tensor:
        """Attention as numbers; what is not given is as on screen.

        Args:
            layer, kind, measure, scale, shown, minus: as the traits.
            head: a number, or a slice of heads, which keeps the axis. Rollout and flow have one, of all heads.
            queries: some of the rows.

        Returns:
            `(query, key)` or `(head, query, key)`, float32.

        Raises:
            DataError: for what is not there.
        """
        address = self._address(layer, kind, measure, scale, shown, minus)
        lazy = self._ready().lazy(address)
        asked = self.head if head is None else head
        if not isinstance(asked, (int, slice)):
            raise DataError(f"head={asked!r}; pass a number, or a slice of heads")
        if isinstance(asked, int):
            asked = 0 if lazy.shape[0] == 1 and address.measure in ("rollout", "flow") else asked
            if not 0 <= asked < lazy.shape[0]:
                raise DataError(f"head={asked}, but layer {address.layer} has {lazy.shape[0]}; pass 0 <= head < that")
        heads = range(lazy.shape[0])[asked if isinstance(asked, slice) else slice(asked, asked + 1)]
        rows = range(lazy.shape[1])[slice(None) if queries is None else queries]
        if heads.step < 1 or rows.step < 1:
            raise DataError(f"head={asked!r}, queries={queries!r}; pass slices that go forward, and .flip() the result")
        ends = [(part.start, max(part.start, part.stop)) for part in (heads, rows)]
        found = lazy.read((*ends, (0, lazy.shape[2])))
        found = found[:: heads.step, :: rows.step]
        return found if isinstance(asked, slice) else found[0]

    def explore(
        self,
        source: Any,
        *more: Any,
        text: str | Sequence[str] | None = None,
        inputs: Any = None,
        tokens: Any = None,
        decoder_tokens: Any = None,
        tokenizer: Any = None,
        labels: Sequence[str] | None = None,
        image: Any = None,
        grid: Sequence[int] | None = None,
        prefix: int | None = None,
        example: int = 0,
        names: Mapping[str, Any] | None = None,
    ) -> None:
        """Show something else; arguments as for the constructor. The reader stays at the same head if there is one."""
        check_names(names)
        reading = Reading(tokens, decoder_tokens, tokenizer, labels, example, image is not None, grid, prefix, names)
        self._explore([source, *more], text, inputs, image, reading, {})

    # The screen's questions

    def find_source(self, name: str) -> Source | None:
        """`attention/<shown>[-<minus>]/<kind>/<layer>/<measure>/<scale>`: `(head, query, key)`."""
        comparison = self._ready()
        address = comparison.address(name)
        return None if address is None else comparison.source(address)

    def answer(self, question: str, args: dict[str, Any]) -> Answer:
        """`field`, `scores`, `alignment` and `download`, as protocol.ts has them."""
        answers: dict[str, Callable[..., Answer]] = {
            "field": self._field, "scores": self._scores, "alignment": self._alignment, "download": self._file,
        }  # fmt: skip
        return answers[question](**args) if question in answers else super().answer(question, args)

    def _field(
        self, shown: int = 0, minus: int = -1, kind: str = "", measure: Measure = "pattern", scale: Scale = "linear"
    ) -> Answer:
        comparison = self._ready()
        layers = comparison.kind(shown, kind).layers
        address = Address(shown, minus, kind, layers[0], measure, scale)
        comparison.lazy(address)  # says what is not there
        answer = comparison.once(("field", address), lambda: overview(comparison, address))
        return Answer({**answer.facts, "saved": self._saved_note()}, answer.frames)

    def _scores(self, shown: int = 0, kind: str = "") -> Answer:
        comparison = self._ready()
        return comparison.once(("scores", shown, kind), lambda: head_marks(comparison, shown, kind))

    def _alignment(self, shown: int, minus: int, kind: str) -> Answer:
        queries, keys = self._ready().aligned(shown, minus, kind)
        return Answer({"pairs": [list(pair) for pair in queries], "keys": [list(pair) for pair in keys]})

    def _file(self, format: str, tensor: str, index: Any = None) -> Answer:
        comparison = self._ready()
        address = comparison.address(tensor)
        if address is None:
            raise AttriumError(f"there is no tensor {tensor!r} here; names are like {self._address().name!r}")
        return download(comparison, address, format, index)

    # Saved pages

    def saved_questions(self) -> Iterable[tuple[str, dict[str, Any]]]:
        """The overview and the scores of what is on show, then those of other kinds."""
        if self._comparison is None:
            return
        now = {"shown": self.shown, "minus": self.minus, "measure": self.measure, "scale": self.scale}
        yield "field", {**now, "kind": self.kind}
        for kind in sorted(self._comparison.kinds, key=lambda name: name != self.kind):
            yield "scores", {"shown": self.shown, "kind": kind}
            if self.minus >= 0:
                yield "alignment", {"shown": self.shown, "minus": self.minus, "kind": kind}
            plain = {"shown": self.shown, "minus": self.minus, "measure": "pattern", "scale": "linear"}
            yield "field", {**plain, "kind": kind}

    def saved_tensors(self) -> Iterable[str]:
        """All layers as they are on show, the nearest first; then their patterns; then other kinds and runs."""
        if self._comparison is None:
            return
        names = [address.name for address in self._nearest(self._address())]
        for kind in self._comparison.kinds:
            for shown in range(len(self._comparison.runs)):
                plain = Address(shown, -1, kind, self._comparison.kinds[kind].layers[0])
                names += [address.name for address in self._nearest(plain)]
        yield from dict.fromkeys(names)

    def _nearest(self, address: Address) -> list[Address]:
        layers = self._ready().kinds[address.kind].layers
        ordered = sorted(layers, key=lambda layer: (abs(layer - self.layer), layer))
        one = address
        return [Address(one.shown, one.minus, one.kind, layer, one.measure, one.scale) for layer in ordered]

    def _saved_note(self) -> str:
        """What a saved page would leave out of what is on show."""
        with LOCK:
            comparison, addresses = self._ready(), self._nearest(self._address())
        kept = saved_layers(comparison, addresses)
        if len(kept) == len(addresses):
            return ""
        which = ", ".join(map(str, sorted(kept))) if kept else "no layer"
        return (
            f"A saved page holds 8 MB: the matrices of {'layers ' if kept else ''}{which} of {len(addresses)}, "
            "and the overview of all; the others need a running kernel."
        )

    # The data

    def _explore(
        self, sources: list[Any], text: Any, inputs: Any, image: Any, reading: Reading, places: dict[str, Any]
    ) -> None:
        frame = None if image is None else _picture_frame(self, image)
        live = [is_live(source) for source in sources]
        if any(live) and not all(live):
            raise DataError("models and traces cannot be compared at once; trace the models first: trace(model, text)")
        if all(live):
            lives = plan(sources, text, inputs, image)
            self._check_labels(reading, len(lives))
            self._picture(frame)
            self.submit("Running the model", lambda job: self._run(job, lives, reading, places))
            return
        if text is not None or inputs is not None:
            raise DataError("text= and inputs= are for models; traces and attention come with theirs")
        self._check_labels(reading, len(sources))
        traces = [traced(source) for source in sources]
        runs = [
            reading.run(trace, n, len(traces), label_of(trace, n, reading.example)) for n, trace in enumerate(traces)
        ]
        comparison = Comparison(runs)
        with LOCK:
            self._picture(frame)
            self._present(comparison, places)

    def _picture(self, frame: Frame | None) -> None:
        """Show a picture, or none."""
        self.image = frame
        if frame is not None:
            self.show = "picture"
        elif self.show == "picture":
            self.show = "matrix"

    def _check_labels(self, reading: Reading, count: int) -> None:
        if reading.labels is not None and len(reading.labels) != count:
            raise LengthError(f"there are {len(reading.labels)} labels for {count} runs; pass one for each")

    def _run(self, job: Job, lives: list[Live], reading: Reading, places: dict[str, Any]) -> None:
        comparison = Comparison(run_live(job, lives, reading, load))
        with job.turn():
            self._present(comparison, places)

    def _present(self, comparison: Comparison, places: dict[str, Any]) -> None:
        """Show other data: the reader stays where that is possible, or goes to the places asked for."""
        first, kinds = comparison.runs[0], comparison.kinds
        with self.hold_sync():
            self._comparison = comparison  # questions that come in between are answered from it
            self.selection, self.cell, self.heads_on, self.minus = [], None, [], -1
            self.shown = min(self.shown, len(comparison.runs) - 1)
            self.runs = [run.facts for run in comparison.runs]
            self.kinds = [kind.facts for kind in kinds.values()]
            patches = first.patches
            self.grid = [] if patches is None else [patches.rows, patches.columns]
            self.prefix = 0 if patches is None else patches.prefix
            self.kind = self.kind if self.kind in kinds else next(iter(kinds))
            self._settle()
            self.run += 1  # before the places: one that does not exist spoils no more than itself
            for name in PLACES:
                if name in places:
                    setattr(self, name, places[name])

    def _ready(self) -> Comparison:
        with LOCK:  # data that is being shown is shown first
            comparison = self._comparison
        if comparison is None:
            raise AttriumError("there is no attention yet; call wait(), or look at last_error")
        return comparison

    def _address(
        self,
        layer: int | None = None,
        kind: str | None = None,
        measure: Measure | None = None,
        scale: Scale | None = None,
        shown: int | None = None,
        minus: int | None = None,
    ) -> Address:
        """What is on screen, but for what is given."""
        return Address(
            self.shown if shown is None else shown,
            self.minus if minus is None else minus,
            self.kind if kind is None else kind,
            self.layer if layer is None else layer,
            self.measure if measure is None else measure,
            self.scale if scale is None else scale,
        )
