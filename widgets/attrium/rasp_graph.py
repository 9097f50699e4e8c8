"""RaspGraph: a RASP program as a graph and as a transformer, run on an input."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import traitlets as t

import __main__
from attrium_kernel.attribution import Method
from attrium_kernel.rasp import Compiled, Evaluation, Program, RaspError
from attrium_kernel.rasp.expressions import Value
from attrium_kernel.rasp.superposition import Compressed

from .base import AttriumWidget
from .channel import Answer
from .errors import AttriumError
from .graph import saving
from .graph.comparing import check_many, find_difference
from .graph.compression import Compressions, check_wish, compression, sample_of, train
from .graph.dependencies import dependencies
from .graph.evaluated import check, stream, values
from .graph.given import Given, Language, examples, of_code, of_example, read
from .graph.inputs import SHORTEST, draw, fitted, read_tokens, spelled, write_tokens
from .graph.nodes import graph
from .graph.problems import problem
from .graph.running_code import CodeError, from_python, from_text
from .graph.scores import METHODS, attribution
from .graph.side import Side
from .graph.traits import PLACES, RaspTraits
from .graph.weights import weights
from .graph.wishes import Check, Settled, Source, Wish, ready, settle
from .jobs import LOCK, Job, failed, idle

if TYPE_CHECKING:
    from .attention_explorer import AttentionExplorer
    from .transformer_explorer import TransformerExplorer

ERRORS = (AttriumError, RaspError, t.TraitError)
DEFAULT_LENGTH = 10


class RaspGraph(RaspTraits, AttriumWidget):
    """A RASP program, drawn where it runs in the transformer that it compiles into.

    ```python
    w = RaspGraph("reverse")                                       # a program of the library
    w = RaspGraph(selector_width(select(tokens, tokens, "==")), "abc", max_length=8, input="abca")
    w = RaspGraph("same = select(tokens, tokens, ==); selector_width(same);", vocabulary="abc")    # RASP text
    w.tokens = "abba"; w.values["reverse"]                         # what the interpreter says of every node
    w.compiled(w.tokens), w.compiled.check("abba")                 # the model
    w.ablated = ["hist"]                                           # take a node out of the model
    w.compress(8); w.compression().overlaps                        # train its stream into 8 dimensions
    w.methods["200 steps"] = IntegratedGradients(n_steps=200)      # any other method, beside those in Explain
    ```

    Args:
        program: an s-op, a `Program`, what `compile(...)` made, the name of a library program, or RASP text.
        vocabulary: the values of inputs. None: as the library has it, the tokens of `input` or of the text's example,
            else letters, numbers or brackets, whichever the program compiles for.
        max_length: longest input; 10 by default.
        other: a second program, to compare it with, for the same inputs.
        input: the first input, values or a text; by default the library's sample, or a random one.
        causal: queries see only keys up to their own position; by default as the library has it.
        keep: "all" writes every s-op into the residual stream, to be seen there; "needed" only what is read.
        traits: any trait, for example `node="reverse", panel="weights"`.

    The program is compiled in a worker, and so is every other one: `w.compiled` waits for it, and so does `w.wait()`.
    Python code of the reader's runs only when told to, RASP text as it is typed.

    Raises:
        RaspError: for what is no program, or an input that is not in the vocabulary. What is wrong with compiling shows
            in the widget, in `problem`, and in `w.compiled`.
        TypeError: for an unknown keyword.
    """

    bundle: ClassVar[str] = "rasp_graph"

    def __init__(
        self,
        program: Any = None,
        vocabulary: Sequence[Value] | None = None,
        max_length: int | None = None,
        *,
        other: Any = None,
        input: Sequence[Value] | None = None,
        causal: bool | None = None,
        keep: Literal["needed", "all"] = "all",
        **traits: Any,
    ) -> None:
        self.methods: dict[str, Method] = dict(METHODS)
        self._sides: tuple[Side, ...] = ()
        self._compressions = Compressions()  # of these
        self._wish: Wish | None = None  # wished for, and not yet on show
        self._typed: list[str] | None = None  # an input that came after the wish
        self._settling = True  # while traits change that are no wishes
        for name in traits:
            self._check_keyword(name)
        places = {name: traits.pop(name) for name in PLACES if name in traits}
        super().__init__(keep=keep, examples=examples(), **traits)
        self._settling = False
        if program is None:
            return
        givens = [read(program), *([] if other is None else [read(other)])]
        if max_length is None:
            compiled = next((given.compiled for given in givens if given.compiled), None)
            max_length = DEFAULT_LENGTH if compiled is None else compiled.max_length
        wish = Wish(
            tuple(map(ready, givens)), 0, vocabulary, max_length, causal, keep, input, places=places
        )  # fmt: skip
        settled = settle(wish)
        self._wish = wish
        self._take(settled)
        self.submit("Compiling", lambda job: self._compile(job, settled))

    # Python's side

    @property
    def program(self) -> Program:
        """The program on show."""
        return self._shown().program

    @property
    def compiled(self) -> Compiled:
        """Its model.

        Raises:
            CompileError: it does not compile; says which node is at fault.
        """
        side = self._shown()
        if side.problem is not None:
            raise side.problem
        return side.model

    @property
    def input(self) -> list[Value]:
        """The input on show, as values."""
        self.wait()
        return self._input()

    @property
    def values(self) -> Evaluation:
        """The values of all nodes of the program on show, by label, as the interpreter has them.

        Raises:
            EvaluationError: the program has no value on this input.
        """
        return self._shown().evaluated(self.input)

    @property
    def model_values(self) -> dict[str, list[Value]]:
        """The values of the nodes in the residual stream, read back from the model, with what is ablated."""
        side = self._shown()
        return dict(side.running(self.input, self._cut(side)).values)

    def edit(self, code: str, language: Language = "python") -> None:
        """Run code, and show the program that it makes in place of the one on show. RASP text or Python."""
        if language not in ("python", "rasp"):
            raise AttriumError(f"language={language!r}; pass 'python' or 'rasp'")
        with LOCK:
            self._settle_traits(code=code, language=language)
            names = self._sides[self.side].given.functions if self._sides else {}
            self._change(_written(code, language, names), adopt=True)

    def load(self, name: str) -> None:
        """Show a program of the library in place of the one on show.

        Raises:
            RaspError: there is none of that name.
        """
        with LOCK:
            self._change(ready(of_example(name)), vocabulary=None, causal=None)

    def explore(self, program: Any, **settings: Any) -> None:
        """Show another program in place of the one on show; `vocabulary`, `causal` and `tokens` as they come with it,
        or as given.
        """
        with LOCK:
            self._change(ready(read(program)), **{"vocabulary": None, "causal": None, **settings})

    def randomise(self, seed: int | None = None) -> None:
        """Show a random input that the program is for."""
        side = self._present_side() if self._sides else self._shown()
        draws = random.Random(seed)
        for _ in range(50):
            tokens = draw(draws, side.vocabulary, side.max_length, side.given.accepts, SHORTEST)
            if tokens is not None and tokens != self._input() and side.values(tokens)[1] is None:
                self.tokens = write_tokens(tokens, side.vocabulary)
                return
        raise AttriumError("no random input was found that the program has a value on")

    def check(self, count: int = 200, seed: int = 0) -> None:
        """Compare model and interpreter on random inputs, in the worker; the result is `checked`."""
        self.submit(
            "Checking", lambda job: self._checked(job, lambda: check_many(self._present_side(), count, seed, job))
        )

    def counterexample(self) -> None:
        """Look for an input on which model and interpreter differ, or the two programs, in the worker.

        What is found becomes the input; `checked` says how many were tried.
        """
        self.submit("Searching", lambda job: self._checked(job, lambda: self._difference(job), show=True))

    def compress(self, width: int, steps: int = 500) -> None:
        """Train the program's stream into fewer dimensions, on from where that width was left, in the worker.

        What is found is on show for that `width`; `compression()` returns it.

        Raises:
            AttriumError: the stream has no such width, or the program does not compile.
        """
        at = self.side
        if self._wish is None:
            check_wish(self._present_side(), width, steps)
        self.submit("Compressing", lambda job: self._compress(job, at, width, steps))

    def compression(self, width: int | None = None) -> Compressed:
        """What was trained for a width, by default the one on show: W, W^T W, features, accuracy, the model.

        Raises:
            AttriumError: nothing was.
        """
        self.wait()
        with LOCK:
            first = next((each["width"] for each in self.trained if each["side"] == self.side), 0)
            return self._compressions.of(self.side, (self.width or first) if width is None else width).found

    def transformer_explorer(self, **traits: Any) -> TransformerExplorer:
        """The model on the input in a TransformerExplorer, which shows every number in it."""
        from .transformer_explorer import TransformerExplorer

        compiled = self.compiled
        ids = compiled.ids([self.input])[0].tolist()
        return TransformerExplorer(compiled.model, compiled.tokenizer, ids=ids, **{"tour": None, **traits})

    def attention_explorer(self, **traits: Any) -> AttentionExplorer:
        """The attention of the model on the input in an AttentionExplorer."""
        from attrium_kernel.tracing import trace

        from .attention_explorer import AttentionExplorer

        compiled = self.compiled
        return AttentionExplorer(trace(compiled, compiled.ids([self.input])), **traits)

    # The screen's questions

    def answer(self, question: str, args: dict[str, Any]) -> Answer:
        """The questions of protocol.ts."""
        with LOCK:  # of one moment
            side = self._side_of(args)
            tokens, names, cut = self._input(side.vocabulary), list(self.tokens), list(self.ablated)
        rest = {key: value for key, value in args.items() if key != "side"}
        answers: dict[str, Callable[..., Answer]] = {
            "graph": lambda: graph(side),
            "values": lambda: values(side, tokens, names, cut),
            "stream": lambda: stream(side, tokens, names, cut),
            "check": lambda: check(side, tokens),
            "compression": lambda width: compression(self._compressions, args.get("side", self.side), width),
            "node": lambda label: weights(side, label),
            "attribution": lambda position, method="": attribution(side, tokens, position, method, self.methods),
            "dependencies": lambda label, position: dependencies(side, tokens, label, position),
        }
        return answers[question](**rest) if question in answers else super().answer(question, args)

    def saved_questions(self) -> Iterable[tuple[str, dict[str, Any]]]:
        """All that stepping through the input takes, then the weights of each node, then what depends on what."""
        if self._sides:
            yield from saving.questions(
                self._sides, self.side, len(self.tokens), self.position, self.trained, self.methods
            )

    def _receive(self, widget: Any, content: Any, buffers: Any) -> None:
        kind = str(content.get("kind")) if isinstance(content, dict) else ""
        wishes: dict[str, Callable[[], None]] = {
            "input": lambda: self._take_input(content["tokens"]),
            "random": self.randomise,
            "counterexample": self.counterexample,
            "edit": lambda: self.edit(str(content["code"]), content["language"]),
            "load": lambda: self.load(content["name"]),
            "check": lambda: self.check(int(content["count"]), random.randrange(2**32)),
            "compile": lambda: self._change(None),
            "compress": lambda: self.compress(content["width"], content["steps"]),
        }
        if kind not in wishes:
            super()._receive(widget, content, buffers)
            return
        try:
            wishes[kind]()
        except (*ERRORS, KeyError, TypeError, ValueError) as error:
            self._show_status(failed(kind, error))

    def _take_input(self, tokens: Any) -> None:
        self.tokens = write_tokens(read_tokens(tokens, self._values, self.max_length), self._values)
        if self.status["state"] == "error" and self.last_error is None:  # the reader has put it right
            self._show_status(idle())

    # What is on show

    def _shown(self) -> Side:
        """The side on show, once it is there."""
        self.wait()
        return self._present_side()

    def _present_side(self) -> Side:
        return self._side_of({})

    def _side_of(self, args: dict[str, Any]) -> Side:
        with LOCK:
            sides, side = self._sides, args.get("side", self.side)
        if not sides:
            raise AttriumError("there is no program yet; call wait(), or look at problem")
        if side not in range(len(sides)):
            raise AttriumError(f"side={side!r}; pass 0 <= side < {len(sides)}")
        return sides[int(side)]

    def _input(self, vocabulary: Sequence[Value] | None = None) -> list[Value]:
        """The input as values, of the vocabulary that is wished for, or of another; without what is not in it."""
        vocabulary = self._values if vocabulary is None else vocabulary
        known = dict(zip(spelled(vocabulary), vocabulary))
        return [known[name] for name in self.tokens if name in known]

    def _cut(self, side: Side) -> list[str]:
        return [label for label in self.ablated if side.model.craft.space.of(label)]

    def _change(self, source: Source | None, **changes: Any) -> None:
        """Wish for another program in place of the one on show, or for other settings."""
        side = min(self.side, max(0, len(self._sides) - 1))
        sources = self._wish.sources if self._wish is not None else tuple(ready(each.given) for each in self._sides)
        if source is not None:
            sources = tuple(source if i == side else each for i, each in enumerate(sources or (source,)))
        if not sources:
            return
        wished: dict[str, Any] = {
            "vocabulary": self._values or None, "causal": self.causal, "keep": self.keep,
            "max_length": self.max_length, "before": self._input(),
        }  # fmt: skip
        wish = self._wish = Wish(sources, side, **{**wished, **changes})
        self._typed = None
        self.submit("Compiling", lambda job: self._make(job, wish))

    def _make(self, job: Job, wish: Wish) -> None:
        try:
            settled = settle(wish, job.check)
        except (RaspError, CodeError) as error:
            with job.turn():
                self._wish = None
                self._back(problem(error, self.code))
            return
        self._compile(job, settled)

    def _compile(self, job: Job, settled: Settled) -> None:
        sides = settled.sides(job.check)
        with job.turn():
            self._present(settled, sides)

    def _present(self, settled: Settled, sides: tuple[Side, ...]) -> None:
        """Show other programs: the reader stays where that is possible, or goes to the places asked for."""
        labels = frozenset[str]().union(*(side.program.labels for side in sides))
        typed = fitted(self._typed, settled.vocabulary, settled.max_length) if self._typed else None
        settled = settled if typed is None else replace(settled, tokens=tuple(typed))
        count = len(settled.tokens)
        steps = max((2 * side.compiled.forecast.layers for side in sides if side.compiled), default=-1)
        self._sides, self._wish, self._typed, self._labels = sides, None, None, ()
        self._compressions = Compressions(self._compressions.count)
        self._take(
            settled,
            programs=[side.label for side in sides],
            side=min(self.side, len(sides) - 1),
            checked=None,
            trained=[],
            cell=None,
            position=self.position if self.position < count else -1,
            selection=[i for i in self.selection if i < count],
            node=self.node if self.node in labels else "",
            focus=self.focus if self.focus in labels else "",
            ablated=[label for label in self.ablated if label in labels],
            step=min(self.step, steps),
            version=self.version + 1,
            run=self.run + 1,
        )
        self._labels = tuple(frozenset(side.program.labels) for side in sides)
        self._show_code()
        for name, value in settled.places.items():  # last: a place that does not exist spoils no more than itself
            setattr(self, name, value)

    def _back(self, wrong: dict[str, Any] | None) -> None:
        """Say what is wrong with a wish; settings that came with it are again those of what is on show."""
        for side in self._sides[:1]:
            self._settle_traits(
                vocabulary=self._spell(side.vocabulary), max_length=side.max_length, causal=side.causal, keep=side.keep
            )
        self._settle_traits(problem=wrong)

    def _take(self, settled: Settled, **more: Any) -> None:
        """Take vocabulary, settings and input over into the traits, and more of these."""
        self._settled = settled.vocabulary
        self._settle_traits(
            max_length=settled.max_length,
            causal=settled.causal,
            keep=settled.keep,
            vocabulary=self._spell(settled.vocabulary),
            tokens=write_tokens(settled.tokens, settled.vocabulary),
            **more,
        )

    def _settle_traits(self, **changes: Any) -> None:
        """Change traits at once, without taking them for wishes."""
        before, self._settling = self._settling, True
        try:
            with self.hold_sync():
                for name, value in changes.items():
                    setattr(self, name, value)
        finally:
            self._settling = before

    def _show_code(self) -> None:
        """The code of the side on show, and what is wrong with it."""
        side = self._present_side()
        given = side.given
        self._settle_traits(
            code=given.code,
            language=given.language,
            example=given.example,
            problem=problem(side.problem, given.code),
        )

    def _checked(self, job: Job, work: Callable[[], dict[str, Any]], show: bool = False) -> None:
        if (wish := self._wish) is not None:  # what this took the worker from comes first
            self._make(job, wish)
        found = work()
        with job.turn():
            self.checked = found
            if show and found["example"] is not None:
                self.tokens = found["example"]

    def _compress(self, job: Job, at: int, width: int, steps: int) -> None:
        if (wish := self._wish) is not None:  # what this took the worker from comes first
            self._make(job, wish)
        side, mine = self._side_of({"side": at}), self._compressions
        sample = mine.samples.get(at) or sample_of(side, job)
        found = train(side, sample, width, steps, mine.kept.get((at, width)), job)
        with job.turn():
            mine.samples[at], mine.kept[at, width] = sample, found
            with self.hold_sync():
                self.trained = mine.listed(self.trained, at, width)
                self.width = width

    def _difference(self, job: Job) -> dict[str, Any]:
        one = self._present_side()
        return find_difference((one, *(side for side in self._sides if side is not one)), job)

    # Traits that are wishes

    @t.observe("vocabulary", "max_length", "causal", "keep")
    def _settings_changed(self, _change: Any) -> None:
        if not self._settling:
            self._change(None)

    @t.observe("tokens", "ablated")
    def _values_changed(self, change: Any) -> None:
        if self._settling:
            return
        if change["name"] == "tokens" and self._wish is not None:
            self._typed = change["new"]
        count = len(self.tokens)
        with self.hold_sync():
            if self.position >= count:
                self.position = -1
            if self.cell is not None and max(self.cell) >= count:
                self.cell = None
            self.selection = [i for i in self.selection if i < count]
            self.run += 1

    @t.observe("side")
    def _side_changed(self, _change: Any) -> None:
        if not self._settling and self._sides:
            self._show_code()

    @t.observe("example")
    def _example_changed(self, change: Any) -> None:
        if not self._settling and change["new"]:
            self.load(change["new"])


def _written(code: str, language: Language, names: Mapping[str, Any]) -> Source:
    """The program of code, once it has run; it knows the reader's own names, and functions of what is on show."""

    def made(check: Check) -> Given:
        if language == "rasp":
            return of_code(from_text(code), code, language)
        own = {name: value for name, value in dict(vars(__main__)).items() if not name.startswith("_")}
        return of_code(from_python(code, check, {**own, **names}), code, language, names)

    return made
