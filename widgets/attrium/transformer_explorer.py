"""TransformerExplorer: the whole forward pass as one flow, every mark a value of the model."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import traitlets as t

from attrium_kernel.tracing import Architecture, Intervention, Trace
from attrium_kernel.tracing.generation import ends_of

from .base import AttriumWidget
from .channel import Answer, Source
from .downloads import download
from .errors import AttriumError, DataError
from .explorer import readings, saving
from .explorer.flow import flow
from .explorer.model_facts import model_facts
from .explorer.questions import ABOUT_A_RUN, Questions
from .explorer.shown import Shown, explore
from .explorer.subject import Prompt, Subject
from .explorer.tensors import find_tensor, missing
from .explorer.traits import ExplorerTraits, tour_facts
from .explorer.writing import draw
from .jobs import LOCK, Job
from .naming import check_names

ASKED = 256
"""Questions of the reader that a saved page takes along."""
PROMPTS = 64
"""Prompts that are remembered, so that going back to their ids brings their text back."""


class TransformerExplorer(ExplorerTraits, AttriumWidget):
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
        interventions: of `attrium.tracing`, on from the start; `w.interventions = [...]` later.
        examples: prompts that the reader may choose from.
        tour: a `Tour`, the name of one that ships ("basics"), or None.
        architecture: where the model's parts are; found by default.
        names: what its parts are called (`{"heads": [["earlier", "same"]], ...}`), instead of the names that the model
            itself has as `model.axis_names`: `dimensions`, `outputs`, `positions`; `heads` and `units` by block;
            `compared` (numbers of queries and keys) and `moved` (of values) by block and head.
        traits: any trait, for example `block=2, head=1, view="attention"`. A block, head or position beyond the last
            becomes the last. `ids` with a text are what was written on from it.

    The model runs in a worker: what is set runs at once, the newest wish wins, and `w.wait()` waits for it. After
    training the model, `w.retry()` runs it again. Both runs are kept, with all activations: `facts["bytes"]` each.

    | traits | |
    | --- | --- |
    | `text`, `ids` | the prompt, and its tokens with those written on; setting either runs the model |
    | `edits`, `seed`, `sampler` | interventions as dicts; how tokens are drawn |
    | `block`, `head`, `position`, `selection` | where the reader is, all from 0 |
    | `token`, `versus` | ids of the token followed (None: the likeliest), and of one to subtract |
    | `which`, `view`, `head_order` | "run" or "base"; what is open below the flow; how heads are sorted |
    | `tour`, `step`, `language`, `examples`, `title` | the story around it |
    | `model`, `tokens`, `facts`, `flow`, `run` | what came out; read only |

    Raises:
        TypeError: for an unknown keyword.
        TraitError: for a trait of the wrong kind.
        DataError: for inputs together with a text or ids.
        CaptureError: if the model is no module. Errors of the run itself show in the widget, and in `last_error`.
    """

    bundle: ClassVar[str] = "transformer_explorer"

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
        names: Mapping[str, Any] | None = None,
        **traits: Any,
    ) -> None:
        if inputs is not None and (text or traits.get("ids")):
            raise DataError("pass either inputs= or a text (or ids=): inputs take the place of the tokens")
        check_names(names)
        self._subject = Subject(model, tokenizer, inputs, architecture, names)
        self._shown: Shown | None = None
        self._pending: Callable[[], Prompt] | None = None  # wished for, and not yet on show
        self._written: dict[tuple[int, ...], Prompt] = {}
        self._own: dict[str, Intervention] = {}
        self._starting = True  # until the first run is asked for, traits only change
        self._settling = False  # while `_show` changes them
        self._asked: dict[str, tuple[str, dict[str, Any]]] = {}
        place = _read_place({str(name): traits.pop(name) for name in ("position", "selection") if name in traits})
        traits.setdefault("sampler", {})
        super().__init__(text=text, examples=list(examples), tour=tour_facts(tour), **traits)
        if not self.title:
            self.title = type(self._subject.model).__name__
        if interventions:
            self.interventions = [interventions] if isinstance(interventions, Intervention) else list(interventions)
        self._starting = False
        if self.ids:
            self._run_prompt(self._prompt_of(self.ids), place)
        elif text or inputs is not None:
            self._run_prompt(self._first_prompt(text), place)

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
    def interventions(self, given: Sequence[Intervention] | Intervention) -> None:
        listed: list[Any] = [given] if isinstance(given, Intervention) else list(given)
        if not all(isinstance(item, Intervention) for item in listed):
            raise t.TraitError(
                f"interventions={given!r}; pass a list of attrium.tracing's, Zero(...) say, or set edits"
            )
        self._own = {f"python-{n}": item for n, item in enumerate(listed)}
        self.edits = [{"id": key, "kind": "python", "part": "other"} for key in self._own]

    def generate(self, count: int = 1, token: int | None = None, position: int | None = None) -> None:
        """Write on, in the worker, as the buttons do.

        Args:
            count: how many tokens.
            token: id to take instead of drawing the first.
            position: write on after this position, dropping what follows; the last by default.

        Raises:
            AttriumError: if nothing has run yet, the model does not write on, or there is no such token or position.
        """
        shown, architecture = self._ready(), self._ready().base.architecture
        if not self._subject.reads_text:
            raise AttriumError("these inputs are no tokens, so there is nothing to write on after")
        if architecture is not None and not architecture.main.causal:
            raise AttriumError(
                f"{architecture.model_name} sees later tokens too, so it does not write on; write a longer prompt"
            )
        if not _is_whole(count) or count < 1:
            raise AttriumError(f"count={count!r}; pass how many tokens to write, at least 1")
        if token is not None:
            self._subject.check_token(token, f"token={token!r}:")
        last = len(shown.prompt) - 1
        if self._pending is None and position is not None and position not in range(last + 1):
            raise AttriumError(f"position={position!r}; pass a position of the prompt, 0 to {last}")
        wanted = self._wanted()
        self.submit("Generating", lambda job: self._write_on(job, self._cut(wanted(), position), count, token))

    def save(self, path: Any, tensor: str | None = None) -> None:
        """Write a tensor as a file.

        Args:
            path: ends in `.npz` or `.csv`.
            tensor: a name such as `run/blocks.0.attn.pattern`, `base/...`, `change/...` or `weights/W_Q/0`; by default
                the pattern of the head on show, `(1, query, key)`.

        Raises:
            AttriumError: for another ending, or a tensor that is not there.
        """
        target = Path(path)
        name = tensor or self._pattern_name()
        index = None if tensor else self._head_region(name)
        answer = self.answer("download", {"format": target.suffix[1:], "tensor": name, "index": index})
        target.write_bytes(answer.frames["file"].data)

    # The screen's questions

    def find_source(self, name: str) -> Source | None:
        """Activations of either run, their difference, and weights: see `find_tensor`.

        Raises:
            AttriumError: if nothing has run yet, or for another name.
        """
        shown = self._ready()
        if (found := find_tensor(name, shown.run, shown.base)) is None:
            raise AttriumError(missing(name, shown.run))
        return found

    def answer(self, question: str, args: dict[str, Any]) -> Answer:
        """The table of questions in protocol.ts."""
        if question == "download":
            return self._download(**args)
        if question not in (*ABOUT_A_RUN, "origin", "texts"):
            return super().answer(question, args)
        with LOCK:  # of one run: never from between the traits of two
            questions = Questions(self._subject, self._ready(), self.position, self.token, self.versus)
        return questions.answer(question, args)

    def _download(self, format: str, tensor: str, index: Any = None) -> Answer:
        return download(self._channel.view(tensor, index).values, tensor.split("/", 1)[-1], format)

    def _pattern_name(self) -> str:
        architecture = self.trace.architecture
        assert architecture is not None
        return f"run/{architecture.main.blocks[self.block].name}.attn.pattern"

    def _head_region(self, name: str) -> list[list[int]] | None:
        source = self.find_source(name)
        if source is None:
            return None
        heads, queries, keys = source.tensor.shape
        head = min(self.head, heads - 1)
        return [[head, head + 1], [0, queries], [0, keys]]

    # Saved pages

    def saved_questions(self) -> Iterable[tuple[str, dict[str, Any]]]:
        """What the reader has seen, and then what a walk through the model asks for."""
        with LOCK:
            shown, asked = self._shown, list(self._asked.values())
        if shown is not None:
            yield from asked
            count, blocks = len(shown.prompt), self.model["blocks"]
            yield from saving.questions(blocks, self.block, count, self.position, self.token, self.versus, shown.edited)

    def saved_tensors(self) -> Iterable[str]:
        """Patterns and scores of all blocks, then what heads mix, then the stream, then weights."""
        return () if self._shown is None else saving.tensors(self._shown.run, self.model["blocks"])

    # The run

    def _ready(self) -> Shown:
        with LOCK:  # a run that is being shown is shown first
            shown = self._shown
        if shown is None:
            raise AttriumError("nothing has run yet; write a prompt, and call wait() before reading from Python")
        return shown

    def _first_prompt(self, text: str) -> Callable[[], Prompt]:
        if self._subject.reads_text:
            return lambda: self._subject.encode(text)
        return lambda: Prompt((), ())

    def _prompt_of(self, ids: Sequence[int]) -> Callable[[], Prompt]:
        """The prompt of ids: one that was on show before, or what has become of the present text."""
        known = None if self._subject.two_stacks else self._written.get(tuple(ids))
        before, text = None if self._shown is None else self._shown.prompt, self.text  # a trace would be kept alive
        if known is not None:
            return lambda: known
        if before is not None:
            return lambda: self._subject.of_ids(ids, before)
        return lambda: self._subject.of_ids(ids, self._subject.encode(text) if text else None)

    def _wanted(self) -> Callable[[], Prompt]:
        """The prompt wished for last: the one on show, unless another is under way or failed."""
        if self._pending is not None:
            return self._pending
        prompt = self._ready().prompt
        return lambda: prompt

    def _run_prompt(self, prompt: Callable[[], Prompt], place: dict[str, Any] | None = None) -> None:
        """Run the model on a prompt, in the worker."""
        self._pending = prompt
        self.submit("Running the model", lambda job: self._publish(job, prompt(), place or {}))

    def _publish(self, job: Job, prompt: Prompt, place: dict[str, Any]) -> None:
        """Trace a prompt, with and without the interventions, and show it."""
        edits, own = list(self.edits), dict(self._own)
        shown = explore(self._subject, prompt, edits, own, self.seed, self._shown, job.check)
        blocks = len(shown.base.architecture.main.blocks) if shown.base.architecture else 0
        block = min(self.block, max(0, blocks - 1))
        pushed = flow(shown.run, shown.base if shown.edited else None, block, "run")
        described = self.model or model_facts(shown.base, self._subject.names)
        facts = {
            "forward_ms": shown.forward_ms,
            "bytes": shown.run.bytes,
            "edited": shown.edited,
            "checked": _checked(shown.run, block),
        }
        with job.turn():
            self._show(shown, pushed, described, facts, place)

    def _show(
        self, shown: Shown, pushed: Answer, described: dict[str, Any], facts: dict[str, Any], place: dict[str, Any]
    ) -> None:
        """Change all traits at once, without taking them for wishes."""
        prompt, was = shown.prompt, None if self._shown is None else len(self._shown.prompt)
        count = len(prompt)
        self._settling = True
        try:
            with self.hold_sync():
                self._shown, self._pending = shown, None
                self._remember(prompt)
                self._asked.clear()
                self.model = described
                self.block = min(self.block, max(0, described["blocks"] - 1))
                self.head = min(self.head, max(0, described["heads"] - 1))
                self.tokens = self._token_facts(prompt)
                self.ids = list(prompt.ids)
                if self._subject.reads_text and self.text != prompt.text:
                    self.text = prompt.text
                if was != count or "position" in place:
                    self.position = min(place.get("position", count - 1), count - 1)
                    self.selection = [i for i in place.get("selection", self.selection) if i < count]
                self.facts, self.flow = facts, pushed
                self.run += 1
        finally:
            self._settling = False

    def _remember(self, prompt: Prompt) -> None:
        self._written.pop(prompt.ids, None)
        self._written[prompt.ids] = prompt
        if len(self._written) > PROMPTS:
            del self._written[next(iter(self._written))]

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

    # Writing on

    def _cut(self, prompt: Prompt, position: int | None) -> Prompt:
        if position is None or position == len(prompt) - 1:
            return prompt
        return self._subject.of_ids(prompt.ids[: position + 1], prompt)

    def _write_on(self, job: Job, prompt: Prompt, count: int, token: int | None) -> None:
        """Append tokens one by one, each drawn from the logits on show; a run ends with the text."""
        for n in range(count):
            job.progress(n, count)
            if self._shown is None or self._shown.prompt.ids != prompt.ids:  # after a cut, its logits come first
                self._publish(job, prompt, {})
            chosen = token if n == 0 else None
            if chosen is None:
                if len(prompt) > 1 and prompt.ids[-1] in ends_of(self._subject.model, self._subject.tokenizer):
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

    def has_left_text(self) -> bool:
        """Whether what is on show is no longer what was written."""
        if self._shown is None or self._settling or self._pending is not None:
            return False
        return self._shown.prompt.ids != self._shown.prompt.written

    def _is_shown(self, text: str | None = None, ids: Sequence[int] | None = None) -> bool:
        """Whether a trait changed only because a run is being shown."""
        prompt = None if self._shown is None or not self._settling else self._shown.prompt
        return prompt is not None and (text == prompt.text if ids is None else tuple(ids) == prompt.ids)

    @t.observe("text")
    def _text_changed(self, change: Any) -> None:
        if not self._starting and self._subject.reads_text and not self._is_shown(text=change["new"]):
            self._run_prompt(self._first_prompt(change["new"]))

    @t.observe("ids")
    def _ids_changed(self, change: Any) -> None:
        if not self._starting and self._subject.reads_text and not self._is_shown(ids=change["new"]):
            self._run_prompt(self._prompt_of(change["new"]))

    @t.observe("edits")
    def _edits_changed(self, _change: Any) -> None:
        if not self._starting and (self._pending is not None or self._shown is not None):
            self._run_prompt(self._wanted())

    def _receive(self, widget: Any, content: Any, buffers: Any) -> None:
        if isinstance(content, dict) and content.get("kind") == "generate":
            try:
                self.generate(content.get("count", 1), content.get("token"), content.get("position"))
            except AttriumError as error:
                message = str(error)
                self.submit("Generating", lambda job: _raise(message))
            return
        if isinstance(content, dict) and content.get("kind") == "ask":
            self._note(content.get("question"), content.get("args"))
        super()._receive(widget, content, buffers)

    def _note(self, question: Any, args: Any) -> None:
        """Remember what the reader looked at: a saved page takes it along first."""
        if question in ABOUT_A_RUN and isinstance(args, dict):
            with LOCK:
                self._asked[f"{question} {sorted(args.items())}"] = (question, args)
                if len(self._asked) > ASKED:
                    del self._asked[next(iter(self._asked))]


def _is_whole(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)


def _raise(message: str) -> None:
    raise AttriumError(message)


def _read_place(given: dict[str, Any]) -> dict[str, Any]:
    """Where to begin, checked as far as it can be before the model has run."""
    position, selection = given.get("position", 0), given.get("selection", [])
    if not _is_whole(position) or position < 0:
        raise t.TraitError(f"position={position!r}; pass the number of a token, from 0")
    try:
        chosen = [operator.index(item) for item in selection]
    except TypeError:
        chosen = [-1]
    if any(item < 0 for item in chosen):
        raise t.TraitError(f"selection={selection!r}; pass a list of positions, from 0")
    return {**given, "selection": chosen}


def _checked(trace: Trace, block: int) -> str:
    """How well the pattern on show explains the layer's own output, in words; empty where it is the model's own."""
    assert trace.architecture is not None
    name = f"{trace.architecture.main.blocks[block].name}.attn.pattern"
    error = trace.pattern_error(name) if name in trace else None
    return "" if error is None else f"they explain it to {error:.1g} of its size"
