"""Writing on, one token at a time: see the probabilities, choose a token, go back and take another way."""

from __future__ import annotations

import contextlib
import copy
import inspect
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from attrium_kernel.running import Cancelled, untouched

from .architecture import Architecture
from .capture import Capture
from .discover import discover, logits_of
from .errors import CaptureError, TraceError
from .inputs import Inputs, takes_ids_by_name
from .interventions import Edge, Intervention
from .names import catalog_of
from .prepare import prepared
from .run import Run
from .sampling import Sampler, Stages
from .tokens import Tokens, strings_of
from .trace import Trace

Progress = Callable[[int, int], None]
Cancel = Callable[[], bool]
Forward = Callable[[dict[str, Any], int, Tokens], tuple[Any, Trace | None]]
"""Arguments, the absolute position of the first token, and the tokens, to what the model returned and a trace."""


@dataclass(frozen=True, eq=False)
class Step:
    """One token, and what it was chosen from.

    Args:
        token: its id.
        string: how it reads.
        position: where it stands among the tokens of the model (the decoder's, in an encoder-decoder).
        logits: `(vocab,)` float32 (or float64), on the CPU: what the model said for this position.
        sampler: how it was drawn.
        forced: whether the caller chose it.
        trace: of the forward that gave the logits, over the positions that it ran; None if nothing was captured.
    """

    token: int
    string: str
    position: int
    logits: Tensor
    sampler: Sampler
    forced: bool
    trace: Trace | None

    def __repr__(self) -> str:
        return f"Step({self.position}: {self.string!r}, probability {float(self.model_probabilities[self.token]):.3f})"

    @property
    def stages(self) -> Stages:
        """What the sampler made of the logits, filter by filter."""
        return self.sampler.stages(self.logits)

    @property
    def model_probabilities(self) -> Tensor:
        """`(vocab,)` before temperature and filters."""
        return self.logits.softmax(-1)

    @property
    def sampler_probabilities(self) -> Tensor:
        """`(vocab,)` that the token was drawn from."""
        return self.sampler.probabilities(self.logits)


@dataclass(frozen=True, eq=False)
class _Setting:
    """What all branches of a generation share."""

    model: nn.Module
    tokenizer: Any
    strings: Callable[[list[int]], list[str]]
    prompt: tuple[int, ...]
    source: Tensor | None  # of an encoder-decoder: (1, position)
    sampler: Sampler
    seed: int
    interventions: tuple[Intervention, ...]
    capture: Capture | None
    architecture: Architecture | None
    example: Inputs
    use_cache: bool
    ends: frozenset[int]
    most: int | None


@dataclass(frozen=True, eq=False)
class _Memory:
    """What the model keeps from one forward to the next.

    Args:
        cache: keys and values, as the model made them, or None.
        length: positions in it.
        encoded: an encoder's output, or None.
    """

    cache: Any = None
    length: int = 0
    encoded: Any = None


class Generation:
    """A text that a model writes on, step by step; made by `generate`. Nothing is computed before the first `step`.

    One text at a time (a batch of one). The random numbers are its own. It may be stepped in one thread and stopped
    from another; a second thread that steps waits.
    """

    def __init__(self, setting: _Setting, steps: Sequence[Step] = (), generator: torch.Generator | None = None) -> None:
        self._setting = setting
        self._steps = list(steps)
        self._generator = torch.Generator().manual_seed(setting.seed) if generator is None else generator
        self._memory = _Memory()
        self._known: tuple[Tensor, Trace | None] | None = None  # logits that a branch has from its parent
        self._stopped = threading.Event()
        self._lock = threading.RLock()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps so far, those before a branch included."""
        return tuple(self._steps)

    @property
    def ids(self) -> list[int]:
        """All tokens so far: the prompt (in an encoder-decoder the decoder's start), then one for each step."""
        return [*self._setting.prompt, *(step.token for step in self._steps)]

    @property
    def tokens(self) -> Tokens:
        """All tokens so far, as `ids`, with their strings."""
        ids = self.ids
        return Tokens(torch.tensor([ids]), [self._setting.strings(ids)])

    @property
    def text(self) -> str:
        """All tokens so far as a text; without a tokenizer, their ids in a row. A decoder's start is left out."""
        ids = self.ids[1:] if self._setting.source is not None else self.ids
        reader: Any = self._setting.tokenizer
        if reader is not None and not hasattr(reader, "decode"):
            reader = getattr(reader, "tokenizer", None)
        if reader is None:
            return " ".join(str(i) for i in ids)
        return str(reader.decode(ids)) if ids else ""

    @property
    def finished(self) -> bool:
        """Whether the last token ends the text, or the model takes no more positions."""
        most = self._setting.most
        full = most is not None and len(self.ids) > most
        return full or bool(self._steps and self._steps[-1].token in self._setting.ends)

    def step(self, token: int | None = None) -> Step:
        """One more token.

        Args:
            token: the id to take, instead of drawing one.

        Raises: `TraceError` if the id is not in the vocabulary, the model takes no more positions, or its logits are
        NaN. After an error the generation is as before.
        """
        with self._lock, self._ready() as forward:
            return self._step(forward, token)

    def run(self, n: int, progress: Progress | None = None, cancel: Cancel | None = None) -> list[Step]:
        """Up to `n` more tokens; fewer if the text ends, or `stop` is called.

        Args:
            progress: called as `progress(done, total)` in tokens, after each.
            cancel: asked before each token; True raises `Cancelled`, and the steps so far stay.

        Returns: the new steps.
        """
        made: list[Step] = []
        self._stopped.clear()
        with self._lock, self._ready() as forward:
            while len(made) < n and not self.finished and not self._stopped.is_set():
                if cancel is not None and cancel():
                    raise Cancelled(f"cancelled after {len(made)} of {n} tokens")
                made.append(self._step(forward, None))
                if progress is not None:
                    progress(len(made), n)
        return made

    def stop(self) -> None:
        """End a `run` in another thread after the token that it is at."""
        self._stopped.set()

    def branch(self, position: int, token: int | None = None, *, seed: int | None = None) -> Generation:
        """A generation that goes another way from an earlier position on; this one stays as it is.

        The steps before it are shared, and the choice at `position` is made from the logits that are known there, so
        that nothing is computed until the token after it.

        Args:
            position: of the token to choose anew, as in `Step.position`; the position after the last goes on from here.
            token: the id to take there; None leaves the choice to the next `step`.
            seed: of the branch's own random numbers; None goes on from those of this generation as they are now.

        Raises: `TraceError` for a position that is not of this generation, or an id that is not in the vocabulary.
        """
        first = len(self._setting.prompt)
        with self._lock:
            if not first <= position <= first + len(self._steps):
                raise TraceError(
                    f"got position={position}, expected one from {first} (the first that was generated) to "
                    f"{first + len(self._steps)} (the next); for another prompt call generate again"
                )
            generator = torch.Generator()
            if seed is None:
                generator.set_state(self._generator.get_state())
            else:
                generator.manual_seed(seed)
            made = Generation(self._setting, self._steps[: position - first], generator)
            made._memory = _shortened(self._memory, position)
            if position - first < len(self._steps):
                step = self._steps[position - first]
                made._known = (step.logits, step.trace)
            elif self._known is not None:
                made._known = self._known
        if token is not None:
            made.step(token)
        return made

    @contextlib.contextmanager
    def _ready(self) -> Iterator[Forward]:
        """The model with its hooks on, for as many steps as the caller takes."""
        with contextlib.ExitStack() as stack:
            on: dict[bool, Forward] = {}

            def forward(kwargs: dict[str, Any], offset: int, tokens: Tokens) -> tuple[Any, Trace | None]:
                later = "encoder_outputs" in kwargs
                if later not in on:  # an encoder runs once; after it, the hooks are others
                    stack.close()
                    on.clear()
                    on[later] = stack.enter_context(_runner(self._setting, later))
                return on[later](kwargs, offset, tokens)

            yield forward

    def _step(self, forward: Forward, token: int | None) -> Step:
        setting, position = self._setting, len(self.ids)
        logits, trace = self._known if self._known is not None else self._computed(forward)
        self._known = (logits, trace)  # kept if the choice fails
        if token is not None and not 0 <= token < len(logits):
            raise TraceError(f"got token={token!r}, expected an id from 0 to {len(logits) - 1}")
        chosen = int(setting.sampler.sample(logits, self._generator)) if token is None else int(token)
        string = setting.strings([chosen])[0]
        self._steps.append(Step(chosen, string, position, logits, setting.sampler, token is not None, trace))
        self._known = None
        return self._steps[-1]

    def _computed(self, forward: Forward) -> tuple[Tensor, Trace | None]:
        """The logits for the next position."""
        setting, memory, ids = self._setting, self._memory, self.ids
        if setting.most is not None and len(ids) > setting.most:
            raise TraceError(
                f"the model takes at most {setting.most} positions and has {len(ids)}; branch from an earlier "
                "position, or start with a shorter text"
            )
        fed = torch.tensor([ids[memory.length :]])
        tokens = Tokens(fed, [setting.strings(fed[0].tolist())])
        self._memory = _Memory()  # a forward that fails may leave the cache between two states
        output, trace = forward(_arguments(setting, fed, memory), memory.length, tokens)
        found = logits_of(output)
        if found is None or found.ndim != 3:
            raise CaptureError(
                f"{type(setting.model).__name__} returned {'no' if found is None else tuple(found.shape)} logits, "
                "expected (batch, position, vocab); generate needs a language model"
            )
        self._memory = _remembered(setting, output, len(ids))
        logits = found[0, -1].detach().to("cpu")
        return logits if logits.dtype == torch.float64 else logits.float(), trace


def generate(
    model: Any,
    text_or_ids: Any,
    tokenizer: Any = None,
    *,
    sampler: Sampler | None = None,
    seed: int = 0,
    interventions: Sequence[Intervention] | Intervention = (),
    capture: Any = None,
    architecture: Architecture | None = None,
    use_cache: bool = True,
    ends: Collection[int] | None = None,
) -> Generation:
    """Let a language model write on, under the caller's hand.

        g = generate(model, "The keys to the cabinet", tokenizer, sampler=Sampler(temperature=0.8), seed=3)
        g.step().model_probabilities
        g.run(20)
        g.branch(7, token=318).run(20)

    Args:
        model: any `torch.nn.Module` that returns logits `(batch, position, vocab)`, or a `Loaded`.
        text_or_ids: one text (with a tokenizer), or its ids `(position,)` or `(1, position)`, or `Tokens`. For an
            encoder-decoder, what the encoder reads.
        tokenizer: as for `trace`; also shows the tokens.
        sampler: how tokens are drawn; the model's own probabilities by default.
        seed: of the random numbers, which are the generation's own.
        interventions: on in every forward. Their positions are those of the whole text; negative ones, and means over
            positions, count in what one forward runs, which with a cache is the newest token alone.
        capture: what each step's trace keeps, as for `trace`; None keeps none. With a cache a trace covers the
            positions that were run for it: the whole prompt first, then one.
        architecture: where the model's parts are; found by default, and only if there are interventions or a capture.
        use_cache: keep keys and values from step to step, where the model can; else every step runs the whole text.
        ends: ids that end the text; those of the model's configuration by default.

    Raises: `TraceError`, one of its kinds, for inputs that do not fit.
    """
    if tokenizer is None and not isinstance(model, nn.Module):
        tokenizer = getattr(model, "tokenizer", None)
    module, inputs, tokens = prepared(model, text_or_ids, tokenizer)
    if tokens is None or tokens.ids.shape[0] != 1:
        got = "no token ids" if tokens is None else f"ids of shape {tuple(tokens.ids.shape)}"
        raise CaptureError(
            f"got {got}, expected one text, or ids (position,) or (1, position); generate one text at a time"
        )
    ids = tokens.ids[:, tokens.mask[0]] if tokens.mask is not None else tokens.ids
    config = getattr(module, "config", None)
    two_stacks = bool(getattr(config, "is_encoder_decoder", False))
    start = _start_of(module) if two_stacks else 0
    if two_stacks:
        inputs = Inputs((), {"input_ids": ids, "decoder_input_ids": torch.tensor([[start]])})
    given = (interventions,) if isinstance(interventions, Intervention) else tuple(interventions)
    kept = None if capture is None else Capture.of(capture)
    return Generation(
        _Setting(
            model=module,
            tokenizer=tokenizer,
            strings=strings_of(tokenizer),
            prompt=(start,) if two_stacks else tuple(ids[0].tolist()),
            source=ids if two_stacks else None,
            sampler=Sampler() if sampler is None else sampler,
            seed=seed,
            interventions=given,
            capture=kept,
            architecture=architecture,
            example=inputs,
            use_cache=use_cache and _can_cache(module) and not any(isinstance(i.at, Edge) for i in given),
            ends=frozenset(ends_of(module, tokenizer) if ends is None else ends),
            most=getattr(config, "max_position_embeddings", None),
        )
    )


def _start_of(model: nn.Module) -> int:
    config: Any = model.config
    for name in ("decoder_start_token_id", "bos_token_id", "pad_token_id"):
        found = getattr(config, name, None)
        if found is not None:
            return int(found)
    raise TraceError(
        f"the configuration of {type(model).__name__} names no decoder_start_token_id; set model.config."
        "decoder_start_token_id to the id that its decoder begins with"
    )


def ends_of(model: nn.Module, tokenizer: Any) -> list[int]:
    """Ids that end a text, by the model's configuration, else by the tokenizer."""
    for holder in (getattr(model, "generation_config", None), getattr(model, "config", None), tokenizer):
        found = getattr(holder, "eos_token_id", None)
        if found is not None:
            return [int(i) for i in (found if isinstance(found, (list, tuple)) else [found])]
    return []


def _can_cache(model: nn.Module) -> bool:
    """Whether the forward takes and returns `past_key_values`, as in transformers."""
    takes = inspect.signature(model.forward).parameters
    return getattr(model, "config", None) is not None and {"past_key_values", "use_cache"} <= takes.keys()


def _arguments(setting: _Setting, fed: Tensor, memory: _Memory) -> dict[str, Any]:
    """What the model is called with; `"args"` are arguments by position, where ids are not taken as `input_ids`."""
    if not takes_ids_by_name(setting.model):
        return {"args": (fed,)}
    kwargs: dict[str, Any] = {}
    if "use_cache" in inspect.signature(setting.model.forward).parameters:
        kwargs["use_cache"] = setting.use_cache
    if memory.cache is not None:
        kwargs["past_key_values"] = memory.cache
    if setting.source is None:
        return {"input_ids": fed, **kwargs}
    kwargs["decoder_input_ids"] = fed
    if memory.encoded is None:
        return {"input_ids": setting.source, **kwargs}
    return {"encoder_outputs": memory.encoded, **kwargs}


def _remembered(setting: _Setting, output: Any, length: int) -> _Memory:
    encoded = None
    if setting.source is not None:
        from transformers.modeling_outputs import BaseModelOutput

        encoded = BaseModelOutput(last_hidden_state=output.encoder_last_hidden_state)
    cache = getattr(output, "past_key_values", None) if setting.use_cache else None
    return _Memory(cache, 0 if cache is None else length, encoded)


def _shortened(memory: _Memory, position: int) -> _Memory:
    """A copy that knows only what comes before a position; empty where the cache cannot be cut (sliding windows)."""
    length = min(memory.length, position)
    layers = getattr(getattr(memory.cache, "self_attention_cache", memory.cache), "layers", None)
    cuttable = layers is not None and all(type(layer).__name__ == "DynamicLayer" for layer in layers)
    if memory.cache is None or not cuttable:
        return _Memory(encoded=memory.encoded)
    cache = copy.deepcopy(memory.cache)
    if length < memory.length:
        cache.crop(length - memory.length)  # negative: that many less
    return _Memory(cache, length, memory.encoded)


@contextlib.contextmanager
def _runner(setting: _Setting, later: bool) -> Iterator[Forward]:
    """How to run the model: with the hooks of a `Run` if anything is changed or captured, else alone."""
    if not setting.interventions and setting.capture is None:

        def plain(kwargs: dict[str, Any], offset: int, tokens: Tokens) -> tuple[Any, None]:
            args, named = Inputs(kwargs.pop("args", ()), kwargs).on(setting.model)
            return setting.model(*args, **named), None

        with untouched(setting.model, False), torch.inference_mode(False), torch.no_grad():
            yield plain
        return
    architecture = setting.architecture or discover(setting.model, setting.example)
    shown = (architecture, setting.interventions, setting.capture)
    if later:
        shown = _decoder_alone(*shown)
    growing = not any(isinstance(i.at, Edge) for i in setting.interventions)
    with Run(setting.model, *shown, growing=growing) as run:

        def hooked(kwargs: dict[str, Any], offset: int, tokens: Tokens) -> tuple[Any, Trace | None]:
            return run.forward(Inputs(kwargs.pop("args", ()), kwargs), offset=offset, tokens=tokens)

        yield hooked


def _decoder_alone(
    architecture: Architecture, interventions: tuple[Intervention, ...], capture: Capture | None
) -> tuple[Architecture, tuple[Intervention, ...], Capture | None]:
    """For steps after the first of an encoder-decoder: what concerns the encoder was done in the first."""
    whole, decoder = catalog_of(architecture), architecture.main
    if decoder.embed is not None and decoder.embed.call is not None:
        decoder = replace(decoder, embed=replace(decoder.embed, call=None))  # the encoder's calls are gone
    alone = replace(architecture, stacks=(decoder,))
    left = catalog_of(alone)
    kept = tuple(i for i in interventions if any(name in left for name in whole.matching(i.site.name)))
    if capture is None:
        return alone, kept, None
    chosen = {name for pattern in capture.names for name in whole.matching(pattern)}
    names = tuple(name for name in left if name in chosen)
    return alone, kept, replace(capture, names=names) if names else None
