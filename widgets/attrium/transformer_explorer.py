"""TransformerExplorer: the whole forward pass as one flow, every mark a value of the model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import traitlets as t

from attrium_kernel.tracing import Architecture, Intervention, Origins, Sampler, Trace
from attrium_kernel.tracing.errors import TraceError

from .base import AttriumWidget
from .channel import Answer, Source
from .downloads import download
from .errors import AttriumError, DataError
from .explorer import readings, saving
from .explorer.edits import make_interventions, read_edits
from .explorer.flow import flow
from .explorer.model_facts import model_facts
from .explorer.subject import Prompt, Subject
from .explorer.tensors import find_tensor
from .explorer.writing import draw, ends_text
from .frames import AnswerTrait
from .jobs import Job
from .selection import IndicesTrait
from .tour import Tour

VIEWS = ["", "embedding", "qkv", "attention", "output", "mlp", "logits", "lens", "contributions", "heads"]
SHUFFLES = 8
"""Random orders of the prompt that resampling draws from."""


@dataclass(frozen=True, eq=False)
class Shown:
    """What is on screen: a prompt, its run without interventions, and the one with them (the same if none is on)."""

    prompt: Prompt
    base: Trace
    run: Trace
    applied: tuple[Intervention, ...]

    def trace(self, which: Any) -> Trace:
        """One of the runs."""
        if which not in ("run", "base"):
            raise AttriumError(f"which={which!r}; pass 'run' or 'base'")
        return self.run if which == "run" else self.base

    def origins(self, which: Any) -> Origins:
        """What made the numbers of one of the runs; kept, since it looks up weights."""
        kept: dict[str, Origins] = self.__dict__.setdefault("_origins", {})
        if which not in kept:
            kept[which] = Origins(self.trace(which))
        return kept[which]


def _positions(widget: TransformerExplorer) -> tuple[int]:
    return (len(widget.tokens),)


class TransformerExplorer(AttriumWidget):
    """The whole forward pass of a transformer as one left-to-right flow, read from the model itself.

    ```python
    model, tokenizer = attrium.load("tiny_gpt2")
    w = TransformerExplorer(model, tokenizer, text="The keys near the door")
    w.block, w.head = 3, 2                                     # look at one head
    w.edits = [{"kind": "zero", "part": "head", "block": 3, "head": 2}]
    w.wait()
    w.trace.logits - w.base.logits                             # what that changed
    w.trace["blocks.3.attn.pattern"][0, w.head, w.selection]   # what the reader selected, as an index
    ```

    Args:
        model: any transformer that `attrium.trace` can run (a causal language model, an encoder, an encoder-decoder),
            or what `attrium.load` returned.
        tokenizer: for texts, of transformers or tokenizers.
        text: the prompt. For an encoder-decoder, what the encoder reads; the decoder's tokens are shown.
        inputs: what the model takes instead of a text (pixels, say): one example.
        interventions: of `attrium.tracing`, on from the start.
        examples: prompts that the reader may choose from.
        tour: a `Tour`, the name of one that ships ("basics"), or None.
        architecture: where the model's parts are; found by default.
        traits: any trait, for example `block=2, head=1, view="attention"`.

    Raises:
        TypeError: for an unknown keyword.
        CaptureError: if the model is no module. Errors of the run itself show in the widget, and in `last_error`.
    """

    bundle: ClassVar[str] = "transformer_explorer"

    # The input
    text = t.Unicode("", help="The prompt; setting it runs the model.").tag(sync=True)
    examples = t.List(t.Unicode(), help="Prompts to choose from.").tag(sync=True)
    ids = t.List(t.Int(), help="Token ids, generated ones included; setting them runs the model.").tag(sync=True)
    tokens = t.List(t.Dict(), help="id, text, span, special and generated of each position.").tag(sync=True)
    # The run
    model = t.Dict(help="What the model is: sizes, norms, activation, rotary, ties.").tag(sync=True)
    run = t.Int(0, help="Counts the runs; every answer belongs to one.").tag(sync=True)
    flow = AnswerTrait(help="The flow through the present block, as the last run left it.")
    facts = t.Dict(help="forward_ms, bytes, edited and checked of the last run.").tag(sync=True)
    # Where the reader is
    block = t.Int(0, min=0, help="The block on show, from 0.").tag(sync=True)
    head = t.Int(0, min=0, help="The head on show, from 0.").tag(sync=True)
    position = t.Int(0, min=0, help="The position whose lane is followed.").tag(sync=True)
    view = t.Enum(VIEWS, "", help="What is open below the flow.").tag(sync=True)
    selection = IndicesTrait(_positions, help="Positions that the reader selected, ascending.")
    token = t.Int(None, allow_none=True, help="Id of the token followed; None for the likeliest.").tag(sync=True)
    versus = t.Int(None, allow_none=True, help="Id of a token to subtract, or None.").tag(sync=True)
    which = t.Enum(["run", "base"], "run", help="The run with interventions, or the one without.").tag(sync=True)
    head_order = t.Unicode("", help="Score by which the field of heads is sorted; empty for by layer.").tag(sync=True)
    # What is changed, and how tokens are drawn
    edits: t.List[Any] = t.List(help="Interventions as dicts: kind, part, block, head, neuron, position, on, ...").tag(
        sync=True
    )
    sampler = t.Dict(help="temperature, top_k, top_p, min_p, greedy.").tag(sync=True)
    seed = t.Int(0, help="Of generation and of resampling.").tag(sync=True)
    # The story
    tour = t.Dict(None, allow_none=True, help="A guided tour as data: see Tour.").tag(sync=True)
    step = t.Int(-1, min=-1, help="Step of the tour, from 0; -1 for none.").tag(sync=True)
    language = t.Unicode("en", help="Of the tour.").tag(sync=True)
    title = t.Unicode("", help="Heading.").tag(sync=True)

    def __init__(
        self,
        model: Any,
        tokenizer: Any = None,
        text: str = "",
        *,
        inputs: Any = None,
        interventions: Sequence[Intervention] | Intervention = (),
        examples: Sequence[str] = (),
        tour: Any = "basics",
        architecture: Architecture | None = None,
        **traits: Any,
    ) -> None:
        self._subject = Subject(model, tokenizer, inputs, architecture)
        self._shown: Shown | None = None
        self._own: dict[str, Intervention] = {}
        self._settling = True  # until the first run is asked for, traits only change
        self._asked: dict[str, tuple[str, dict[str, Any]]] = {}
        later: dict[str, Any] = {
            str(name): traits.pop(name) for name in ("position", "selection", "ids") if name in traits
        }
        traits.setdefault("sampler", {})
        super().__init__(text=text, examples=list(examples), tour=_tour_facts(tour), **traits)
        if not self.title:
            self.title = type(self._subject.model).__name__
        if interventions:
            self.interventions = [interventions] if isinstance(interventions, Intervention) else list(interventions)
        self._settling = False
        if later.get("ids"):
            self.ids = later["ids"]
        elif text or inputs is not None:
            self._run_prompt(self._first_prompt(text), later)

    # Python's side

    @property
    def trace(self) -> Trace:
        """The run on show, with interventions.

        Raises:
            AttriumError: if nothing has run yet; `wait()` first.
        """
        return self._ready().run

    @property
    def base(self) -> Trace:
        """The same prompt without interventions.

        Raises:
            AttriumError: if nothing has run yet; `wait()` first.
        """
        return self._ready().base

    @property
    def interventions(self) -> list[Intervention]:
        """The interventions that are on, as the last run had them; set it to a list of `attrium.tracing`'s own."""
        return list(self._shown.applied) if self._shown is not None else []

    @interventions.setter
    def interventions(self, given: Sequence[Intervention]) -> None:
        self._own = {f"python-{n}": item for n, item in enumerate(given)}
        self.edits = [{"id": key, "kind": "python", "part": "other"} for key in self._own]

    def generate(self, count: int = 1, token: int | None = None, position: int | None = None) -> None:
        """Write on, in the worker, as the buttons do.

        Args:
            count: how many tokens.
            token: id to take instead of drawing the first.
            position: write on after this position, dropping what follows; the last by default.

        Raises:
            AttriumError: if nothing has run yet.
        """
        shown = self._ready()
        prompt, architecture = shown.prompt, shown.base.architecture
        if architecture is not None and not architecture.main.causal:
            raise AttriumError(
                f"{architecture.model_name} sees later tokens too, so it does not write on; write a longer prompt"
            )
        last = len(prompt) - 1 if position is None else position
        if not prompt.ids or not 0 <= last < len(prompt):
            raise AttriumError(f"position={position!r}; pass a position of the prompt, 0 to {len(prompt) - 1}")
        if last < len(prompt) - 1:
            prompt = self._subject.of_ids(prompt.ids[: last + 1], prompt)
        self.submit("Generating", lambda job: self._write_on(job, prompt, count, token))

    def save(self, path: Any, tensor: str | None = None) -> None:
        """Write a tensor of the run as `.npz` or `.csv`; by default the pattern of the head on show."""
        from pathlib import Path

        name = tensor or f"run/{self.trace.architecture.main.prefix}blocks.{self.block}.attn.pattern"  # type: ignore[union-attr]
        target = Path(path)
        index = None if tensor else self._head_region(name)
        answer = self.answer("download", {"format": target.suffix[1:], "tensor": name, "index": index})
        target.write_bytes(answer.frames["file"].data)

    # The screen's questions

    def find_source(self, name: str) -> Source | None:
        """Activations of either run, their difference, and weights: see `find_tensor`."""
        shown = self._ready()
        return find_tensor(name, shown.run, shown.base)

    def answer(self, question: str, args: dict[str, Any]) -> Answer:
        """The table of questions in protocol.ts."""
        answers: dict[str, Callable[..., Answer]] = {
            "flow": self._flow, "logits": self._logits, "lens": self._lens, "contributions": self._contributions,
            "heads": self._heads, "origin": self._origin, "download": self._download, "texts": self._texts,
        }  # fmt: skip
        if question not in answers:
            return super().answer(question, args)
        if question in ("flow", "logits", "lens", "contributions", "heads"):
            self._asked[f"{question} {sorted(args.items())}"] = (question, args)
        return answers[question](self._ready(), **args)

    def _flow(self, shown: Shown, block: int, which: str = "run") -> Answer:
        trace = shown.trace(which)
        count = len(trace.architecture.main.blocks) if trace.architecture else 0
        if not 0 <= block < count:
            raise AttriumError(f"block={block}; there are {count}, from 0")
        base = shown.base if shown.run is not shown.base and which == "run" else None
        return flow(trace, base, block, which)

    def _logits(self, shown: Shown, position: int, which: str = "run") -> Answer:
        following = [i for i in (self.token, self.versus) if i is not None]
        return readings.logits(shown.trace(which), self._subject, position, which, following, shown.prompt.ids)

    def _lens(self, shown: Shown, start: int, stop: int, token: int | None = None, which: str = "run") -> Answer:
        return readings.lens(shown.trace(which), self._subject, start, stop, self._followed(shown, token, None))

    def _contributions(
        self, shown: Shown, position: int, token: int | None = None, versus: int | None = None, which: str = "run"
    ) -> Answer:
        token = self._followed(shown, token, position)
        return readings.contributions(shown.trace(which), self._subject, position, token, versus)

    def _heads(self, shown: Shown, which: str = "run") -> Answer:
        try:
            token: int | None = self._followed(shown, None, None)
        except AttriumError:
            token = None
        return readings.heads(shown.trace(which), which, self.position, token)

    def _origin(self, shown: Shown, name: str, index: list[int], which: str = "run") -> Answer:
        return readings.made_of(shown.origins(which), name, index)

    def _download(self, shown: Shown, format: str, tensor: str, index: Any = None) -> Answer:
        return download(self._channel.view(tensor, index).values, tensor.split("/", 1)[-1], format)

    def _texts(self, shown: Shown, ids: list[int]) -> Answer:
        return Answer(dict(zip(map(str, ids), self._subject.texts(ids))))

    def _followed(self, shown: Shown, token: int | None, position: int | None) -> int:
        """The token that is followed: the one asked for, the reader's, or the likeliest."""
        if token is not None:
            return token
        if self.token is not None:
            return self.token
        where = min(self.position, len(shown.prompt) - 1) if position is None else position
        return int(readings.row_of_logits(shown.run, where).argmax())

    def _head_region(self, name: str) -> Any:
        source = self.find_source(name)
        assert source is not None
        heads, queries, keys = source.tensor.shape
        return [[min(self.head, heads - 1), min(self.head, heads - 1) + 1], [0, queries], [0, keys]]

    # Saved pages

    def saved_questions(self) -> Iterable[tuple[str, dict[str, Any]]]:
        """What the reader has seen, and then what a walk through the model asks for."""
        if self._shown is not None:
            yield from self._asked.values()
            edited = self._shown.run is not self._shown.base
            count = len(self._shown.prompt)
            yield from saving.questions(self.model["blocks"], count, self.position, self.token, self.versus, edited)

    def saved_tensors(self) -> Iterable[str]:
        """Patterns and scores of all blocks, then what heads mix, then the stream, then weights."""
        return () if self._shown is None else saving.tensors(self._shown.run, self.model["blocks"])

    # The run

    def _ready(self) -> Shown:
        if self._shown is None:
            raise AttriumError("nothing has run yet; write a prompt, and call wait() before reading from Python")
        return self._shown

    def _first_prompt(self, text: str) -> Callable[[], Prompt]:
        if self._subject.reads_text:
            return lambda: self._subject.encode(text)
        return lambda: Prompt((), ())

    def _run_prompt(self, prompt: Callable[[], Prompt], place: dict[str, Any] | None = None) -> None:
        """Run the model on a prompt, in the worker."""
        self.submit("Running the model", lambda job: self._publish(job, prompt(), place or {}))

    def _publish(self, job: Job, prompt: Prompt, place: dict[str, Any]) -> None:
        """Trace a prompt, with and without the interventions, and show it."""
        before = self._shown
        started = time.perf_counter()
        same = before is not None and before.prompt.ids == prompt.ids and before.prompt.source == prompt.source
        base = before.base if before is not None and same and self._subject.reads_text else self._subject.trace(prompt)
        job.check()
        if not self._subject.reads_text:
            prompt = _places(base)
        edits, own = list(self.edits), dict(self._own)
        applied = self._applied(edits, own, base, prompt)
        run = self._subject.trace(prompt, applied) if applied else base
        forward_ms = 1000 * (time.perf_counter() - started)
        shown = Shown(prompt, base, run, tuple(applied))
        block = min(self.block, max(0, len(base.architecture.main.blocks) - 1)) if base.architecture else 0
        pushed = flow(run, base if run is not base else None, block, "run")
        described = model_facts(base) if not self.model else self.model
        with job.turn():
            self._show(shown, pushed, described, forward_ms, block, place)

    def _show(
        self, shown: Shown, pushed: Answer, described: dict[str, Any], forward_ms: float, block: int, place: Any
    ) -> None:
        """Change all traits at once, without taking them for wishes."""
        was = None if self._shown is None else len(self._shown.prompt)
        count = len(shown.prompt)
        self._settling = True
        try:
            with self.hold_sync():
                self._shown = shown
                self._asked.clear()
                self.model = described
                self.block, self.head = block, min(self.head, max(0, described["heads"] - 1))
                self.tokens = self._token_facts(shown.prompt)
                self.ids = list(shown.prompt.ids)
                if shown.prompt.ids == shown.prompt.written and not self._subject.two_stacks and self.ids:
                    self.text = self.text if self._encodes(self.text, shown.prompt) else self._subject.decode(self.ids)
                if was != count or "position" in place:
                    self.position = min(place.get("position", count - 1), count - 1)
                    self.selection = [i for i in place.get("selection", self.selection) if i < count]
                self.facts = {
                    "forward_ms": forward_ms,
                    "bytes": shown.run.bytes,
                    "edited": shown.run is not shown.base,
                    "checked": _checked(shown.run, block),
                }
                self.flow = pushed
                self.run += 1
        finally:
            self._settling = False

    def _encodes(self, text: str, prompt: Prompt) -> bool:
        """Whether a text is what the prompt was made from: ids alone do not say how it was written."""
        try:
            return bool(text) and self._subject.encode(text).ids == prompt.ids
        except (DataError, TraceError):
            return False

    def _token_facts(self, prompt: Prompt) -> list[dict[str, Any]]:
        ids = prompt.ids or (-1,) * len(prompt)
        return [
            {
                "id": token,
                "text": text,
                "span": prompt.span(n),
                "special": self._subject.is_special(token),
                "generated": bool(prompt.ids) and n >= prompt.given,
            }
            for n, (token, text) in enumerate(zip(ids, prompt.texts))
        ]

    def _applied(
        self, edits: list[dict[str, Any]], own: dict[str, Intervention], base: Trace, prompt: Prompt
    ) -> list[Intervention]:
        def other(text: str, name: str) -> Trace:
            if not text:
                raise DataError("patching needs a second prompt: write the text to patch from")
            second = self._subject.encode(text)
            return self._subject.trace(second, capture=[name])

        def shuffled(name: str) -> Trace:
            return self._subject.shuffled(prompt, SHUFFLES, self.seed, [name])

        return make_interventions(edits, own, base, other, shuffled)

    # Writing on

    def _write_on(self, job: Job, prompt: Prompt, count: int, token: int | None) -> None:
        """Append tokens one by one, each drawn from the logits on show; a run ends with the text."""
        for n in range(count):
            job.progress(n, count)
            if self._shown is None or self._shown.prompt.ids != prompt.ids:  # after a cut, its logits come first
                self._publish(job, prompt, {})
            chosen = token if n == 0 else None
            if chosen is None:
                if ends_text(self._subject.model, prompt.ids[-1]) and len(prompt) > 1:
                    if n > 0:
                        return
                    raise AttriumError(
                        f"the text has ended with {prompt.texts[-1]!r}; take a token from the list, or cut the text"
                    )
                row = readings.row_of_logits(self._ready().run, len(prompt) - 1)
                chosen = draw(row, self.sampler, self.seed, len(prompt))
            prompt = self._subject.of_ids([*prompt.ids, chosen], prompt)
            job.check()
            self._publish(job, prompt, {})

    # Traits

    @t.validate("edits")
    def _read_edits(self, proposal: Any) -> list[dict[str, Any]]:
        return read_edits(proposal["value"], self._own)

    @t.validate("sampler")
    def _read_sampler(self, proposal: Any) -> dict[str, Any]:
        wanted = {"temperature": 1.0, "top_k": None, "top_p": None, "min_p": None, "greedy": False, **proposal["value"]}
        try:
            Sampler(**wanted)
        except (TypeError, TraceError) as error:
            raise t.TraitError(f"sampler={proposal['value']!r}: {error}") from error
        return wanted

    @t.validate("tour")
    def _read_tour(self, proposal: Any) -> dict[str, Any] | None:
        return _tour_facts(proposal["value"])

    @t.validate("position")
    def _position_exists(self, proposal: Any) -> int:
        position, count = int(proposal["value"]), len(self.tokens)
        if count and position >= count:
            raise t.TraitError(f"position={position}, but there are {count} tokens; pass 0 <= position < {count}")
        return position

    @t.validate("block", "head")
    def _part_exists(self, proposal: Any) -> int:
        name, value = proposal["trait"].name, int(proposal["value"])
        count = self.model.get(f"{name}s", 0) if self.model else 0
        if count and value >= count:
            raise t.TraitError(f"{name}={value}, but there are {count} {name}s; pass 0 <= {name} < {count}")
        return value

    @t.observe("text")
    def _text_changed(self, change: Any) -> None:
        if not self._settling and self._subject.reads_text:
            self._run_prompt(self._first_prompt(change["new"]))

    @t.observe("ids")
    def _ids_changed(self, change: Any) -> None:
        if self._settling or not self._subject.reads_text:
            return
        before = None if self._shown is None else self._shown.prompt
        if change["new"]:
            self._run_prompt(lambda: self._subject.of_ids(change["new"], before))

    @t.observe("edits")
    def _edits_changed(self, change: Any) -> None:
        if not self._settling and self._shown is not None:
            prompt = self._shown.prompt
            self._run_prompt(lambda: prompt)

    def _receive(self, widget: Any, content: Any, buffers: Any) -> None:
        if isinstance(content, dict) and content.get("kind") == "generate":
            try:
                self.generate(int(content.get("count", 1)), content.get("token"), content.get("position"))
            except AttriumError as error:
                message = str(error)
                self.submit("Generating", lambda job: _raise(message))
            return
        super()._receive(widget, content, buffers)


def _raise(message: str) -> None:
    raise AttriumError(message)


def _places(trace: Trace) -> Prompt:
    """Positions of inputs that are no tokens, by number."""
    texts = tuple(str(n) for n in range(trace.size("position")))
    return Prompt((), texts)


def _checked(trace: Trace, block: int) -> str:
    """How well the pattern on show explains the layer's own output, in words; empty where it is the model's own."""
    assert trace.architecture is not None
    name = f"{trace.architecture.main.blocks[block].name}.attn.pattern"
    error = trace.pattern_error(name) if name in trace else None
    return "" if error is None else f"they explain it to {error:.1g} of its size"


def _tour_facts(tour: Any) -> dict[str, Any] | None:
    if tour is None or isinstance(tour, dict):
        return tour
    if isinstance(tour, str):
        tour = Tour.load(tour)
    if not isinstance(tour, Tour):
        raise t.TraitError(f"tour={tour!r}; pass a Tour, the name of one that ships, or None")
    return tour.facts()
