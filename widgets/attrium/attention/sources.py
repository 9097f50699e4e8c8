"""From what a user has to runs: traces, attention as other libraries return it, or a model and what to feed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from attrium_kernel.tracing import Architecture, Capture, Loaded, Tokens, Trace, from_attention
from attrium_kernel.tracing import Run as ModelRun
from attrium_kernel.tracing.prepare import prepared, unpacked

from ..errors import AttriumError, DataError, LengthError
from ..jobs import Job
from .patches import Patches, find_patches
from .runs import Run, make_run

NEEDED = ("pattern", "masked_scores", "v", "z")
"""What is kept of each attention: patterns are computed from queries and keys when read, and checked against the output
`z`, which takes the values; these are weighed too."""


@dataclass(frozen=True)
class Reading:
    """How positions are named, for all sources.

    Args:
        tokens: strings of the first stack's positions, or a list of them for each run.
        decoder_tokens: the same of a decoder.
        tokenizer: makes strings of ids, and ids of texts.
        labels: of the runs.
        example: of a batch.
        picture: whether the positions are patches of a picture.
        grid, prefix: of its patches, where they are known.
        names: of heads, instead of the models' own.
    """

    tokens: Any = None
    decoder_tokens: Any = None
    tokenizer: Any = None
    labels: Sequence[str] | None = None
    example: int = 0
    picture: bool = False
    grid: Sequence[int] | None = None
    prefix: int | None = None
    names: Mapping[str, Any] | None = None

    def run(self, trace: Trace, n: int, count: int, label: str, decoder: Sequence[str] | None = None) -> Run:
        """The run number `n` of `count`."""
        tokens = _of_run(self.tokens, n, count, "tokens")
        ids = trace.tokens if self.tokenizer is not None else None
        return make_run(
            trace,
            self.label(n, label),
            example=self.example,
            tokens=tokens,
            decoder_tokens=_of_run(self.decoder_tokens, n, count, "decoder_tokens") or decoder,
            own_tokens=None if ids is None else _strings(ids, self.tokenizer, self.example),
            patches=self.patches(trace) if tokens is None else None,
            names=self.names,
        )

    def label(self, n: int, label: str) -> str:
        """What run `n` is called."""
        return label if self.labels is None else self.labels[n]

    def patches(self, trace: Trace) -> Patches | None:
        """Of the picture, if there is one."""
        config = getattr(trace.model, "config", None)
        sees = self.picture or getattr(trace.model, "main_input_name", "") == "pixel_values"
        if not sees or (not self.picture and trace.tokens is not None):
            return None
        try:
            return find_patches(trace, self.grid, self.prefix, config)
        except DataError:
            if self.picture:
                raise
            return None  # pixels that are no patches in a row: the positions have numbers


@dataclass(frozen=True, eq=False)
class Live:
    """A model to be run in the worker.

    Args:
        model: as `attrium.load` takes it.
        given: a text, or other inputs.
        label: of the run.
    """

    model: Any
    given: Any
    label: str


def is_live(source: Any) -> bool:
    """Whether a source has to be run first."""
    if isinstance(source, (str, nn.Module, Loaded)):
        return True
    if isinstance(source, tuple) and len(source) == 2 and isinstance(source[0], nn.Module):
        return True
    return isinstance(getattr(source, "model", None), nn.Module) and not isinstance(source, Trace)


def traced(source: Any) -> Trace:
    """The trace of a source that needs no run.

    Raises:
        CaptureError: if it holds no attention.
        DataError: for what `generate` returns, which has attention for each step.
    """
    if isinstance(source, Trace):
        return source
    attention = getattr(source, "attentions", None) or getattr(source, "decoder_attentions", None) or source
    if _is_nested(attention):
        raise DataError(
            "this is attention of each generated token, as generate(...) returns it, in which tokens have rows of "
            "different lengths; run the model once on the whole text: model(ids, output_attentions=True)"
        )
    if isinstance(attention, (list, tuple)) and not attention:
        raise DataError("the list of attention is empty; pass one (batch, head, query, key) for each layer")
    if isinstance(attention, Tensor) and attention.dim() not in (4, 5):
        raise DataError(
            f"attention has shape {tuple(attention.shape)}; pass (layer, batch, head, query, key), or a list with one "
            "(batch, head, query, key) for each layer"
        )
    return from_attention(source)


def _is_nested(attention: Any) -> bool:
    first = attention[0] if isinstance(attention, (list, tuple)) and attention else None
    return isinstance(first, (list, tuple)) and (not first or isinstance(first[0], Tensor))


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture that the model's image processor has to prepare."""

    image: Any


def plan(sources: Sequence[Any], text: Any, inputs: Any, image: Any = None) -> list[Live]:
    """One run for each model and each text.

    Raises:
        DataError: if there is nothing to feed a model, or more than one thing.
    """
    if text is None and inputs is None and image is not None:
        inputs = Picture(image)
    if (text is None) == (inputs is None):
        raise DataError("a model needs something to run on; pass either text= (one or several) or inputs=")
    if inputs is not None:
        given = [(inputs, "")]
    else:
        given = [(one, _short(one)) for one in ([text] if isinstance(text, str) else list(text))]
    if not given:
        raise DataError("text=[] names no text; pass one text or several")
    names = _numbered([_name_of(source) for source in sources]) if len(sources) > 1 else [""]
    return [
        Live(source, one, ": ".join(filter(None, [name, label if len(given) > 1 or not name else ""])) or "run")
        for source, name in zip(sources, names)
        for one, label in given
    ]


def run_live(job: Job, lives: Sequence[Live], reading: Reading, load: Callable[[Any], Any]) -> list[Run]:
    """Run the models, in the worker."""
    runs: list[Run] = []
    for n, live in enumerate(lives):
        job.check()
        job.progress(n, len(lives), f"Running {live.label}" if len(lives) > 1 else "Running the model")
        trace, tokenizer, decoder = _forward(live, reading, load)
        named = reading if reading.tokenizer is not None else replace(reading, tokenizer=tokenizer)
        runs.append(named.run(trace, n, len(lives), live.label, decoder))
    return runs


def _forward(live: Live, reading: Reading, load: Callable[[Any], Any]) -> tuple[Trace, Any, list[str] | None]:
    """A trace with what the views need, the tokenizer, and the decoder's tokens where there is one."""
    source = load(live.model) if isinstance(live.model, str) else live.model
    model, tokenizer = unpacked(source, reading.tokenizer)
    given = _processed(tokenizer, live.given.image) if isinstance(live.given, Picture) else live.given
    model, inputs, tokens = prepared(model, given, tokenizer)
    architecture = Architecture.of(model, inputs)
    with ModelRun(model, architecture, (), Capture(names=tuple(_names(architecture)))) as run:
        _, trace = run.forward(inputs, tokens=tokens)
    assert trace is not None
    ids = (inputs.kwargs or {}).get("decoder_input_ids")
    decoder = None if ids is None else Tokens.of_ids(ids, _reads_text(tokenizer)).strings[reading.example]
    return trace, _reads_text(tokenizer), decoder


def _names(architecture: Architecture) -> list[str]:
    return [
        f"{block.name}.{role}.{quantity}"
        for stack in architecture.stacks
        for block in stack.blocks
        for role, heads in (("attn", block.attention), ("cross", block.cross))
        if heads is not None
        for quantity in (*NEEDED, *(("scores",) if heads.reproduced else ()))
    ]


def _reads_text(tokenizer: Any) -> Any:
    """The tokenizer, unless it is an image processor."""
    gives = getattr(tokenizer, "model_input_names", ())
    return None if "pixel_values" in gives and not hasattr(tokenizer, "convert_ids_to_tokens") else tokenizer


def _strings(tokens: Tokens, tokenizer: Any, example: int) -> list[str] | None:
    """Strings of ids, if the trace has ids but no strings of its own."""
    if example >= len(tokens.strings) or bool((tokens.ids[example] < 0).any()):
        return None
    mask = None if tokens.mask is None else tokens.mask[example]
    return Tokens.of_ids(tokens.ids[example], tokenizer, mask).strings[0]


def _of_run(given: Any, n: int, count: int, name: str) -> list[str] | None:
    """What belongs to run `n`: one list for all runs, or a list for each."""
    if given is None:
        return None
    if isinstance(given, Tokens):
        return list(given.strings[min(n, len(given.strings) - 1)])
    if isinstance(given, str):
        raise LengthError(f"{name}={given!r} is one text; pass a list with one string for each position")
    if all(isinstance(one, str) for one in given):
        return list(given)
    if len(given) != count:
        raise LengthError(f"{name} has {len(given)} lists for {count} runs; pass one list for each run")
    return None if given[n] is None else [str(one) for one in given[n]]


def label_of(trace: Trace, n: int, example: int) -> str:
    """What run `n` is called."""
    texts = trace.tokens.texts if trace.tokens is not None else None
    return _short(texts[example]) if texts and example < len(texts) else f"run {n + 1}"


def _name_of(source: Any) -> str:
    """What a model is called."""
    name = source if isinstance(source, str) else getattr(source, "name", None)
    model = source[0] if isinstance(source, tuple) else getattr(source, "model", source)
    return name if isinstance(name, str) and name else type(model).__name__


def _numbered(names: list[str]) -> list[str]:
    """Names that occur more than once with their number."""
    return [f"{name} {n + 1}" if names.count(name) > 1 else name for n, name in enumerate(names)]


def _short(text: str, most: int = 40) -> str:
    if not isinstance(text, str):
        raise AttriumError(f"text holds a {type(text).__name__}; pass texts, or inputs= for anything else")
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _processed(tokenizer: Any, image: Any) -> Mapping[str, Any]:
    """What an image processor makes of a picture.

    Raises:
        DataError: if there is none.
    """
    if "pixel_values" not in getattr(tokenizer, "model_input_names", ()):
        raise DataError(
            "a picture needs the model's image processor to become pixels; pass (model, processor), or inputs= with "
            "what the model takes"
        )
    return dict(tokenizer(images=image, return_tensors="pt"))
