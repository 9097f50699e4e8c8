"""Compile a program into a transformer, say beforehand how large it will be, and check the two against each other."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from .affine import is_number
from .craft import ABSENT, Craft
from .decode import decode_batch, read_nodes
from .errors import CompileError, EvaluationError, RaspError
from .expressions import Expression, SOp, Value
from .interpreter import is_value, listed_input, run
from .joining import joined
from .lower import Drafted, draft, place
from .model import AttentionMode, CompiledTransformer, assemble
from .plan import Keep, Plan, Planner
from .program import Program
from .schedule import Schedule, schedule
from .values import Values, ValueSet

if TYPE_CHECKING:
    from .gpt2 import Gpt2Export
    from .tokenizer import ProgramTokenizer

LARGEST_LENGTH = 4096


class Problem(NamedTuple):
    """Why a program does not compile.

    Attributes:
        node: label of the node at fault.
        reason: what is wrong, and what to change.
    """

    node: str
    reason: str


class Disagreement(NamedTuple):
    """The first node whose value in the model is not the interpreter's.

    Attributes:
        node: its label.
        position: where, counted without the BOS.
        expected: the interpreter's value.
        found: the model's.
    """

    node: str
    position: int
    expected: Value
    found: Value


class Forecast(NamedTuple):
    """How large a compiled program will be.

    Attributes:
        layers, heads, d_head, d_model, d_mlp: sizes of the model; heads, head size and MLP width are the largest of all
            layers.
        parameters: weights and biases, with the padding to equal sizes.
        bound: how far the output can be off.
    """

    layers: int
    heads: int
    d_head: int
    d_model: int
    d_mlp: int
    parameters: int
    bound: float


@dataclass(frozen=True, eq=False)
class Compiled:
    """A compiled program: the model, the tokenizer to use it with, and how it came about.

    Attributes:
        program: the program.
        model: the transformer.
        tokenizer: turns values or text into token ids.
        craft: the labelled matrices that the model was assembled from, in float64.
        schedule: what is done in which layer.
        forecast: its sizes.
        max_length: longest input, without the BOS.
    """

    program: Program
    model: CompiledTransformer
    tokenizer: ProgramTokenizer
    craft: Craft
    schedule: Schedule
    forecast: Forecast
    max_length: int
    _values: Values

    @property
    def name(self) -> str:
        """The label of the program's output."""
        return self.program.label(self.program.output)

    @property
    def causal(self) -> bool:
        """Whether a query sees only keys up to its own position."""
        return self.craft.causal

    @property
    def bound(self) -> float:
        """How far the output can be off: the share of the right value, or the number."""
        return self.forecast.bound

    @cached_property
    def values(self) -> Mapping[str, ValueSet]:
        """The values that each s-op can have."""
        whole = self._values.program
        return {whole.label(node): self._values.of(node) for node in whole if isinstance(node, SOp)}

    def __repr__(self) -> str:
        f = self.forecast
        sizes = f"{f.layers} layers, {f.heads} heads, d_model {f.d_model}, {f.parameters:,} parameters"
        return f"Compiled({self.name}: {sizes})"

    def ids(self, inputs: Sequence[Sequence[Value]]) -> Tensor:
        """Token ids `(batch, position)` of several inputs, BOS first and PAD after the shorter ones."""
        rows = [self.tokenizer.encode_values(each) for each in inputs]
        longest = max(map(len, rows), default=0)
        return torch.tensor([[*row, *[1] * (longest - len(row))] for row in rows], device=self.model.device)

    def __call__(self, tokens: Sequence[Value]) -> list[Value]:
        """The model's output on an input: a value per token, None where it is absent."""
        return self.decode_batch([tokens])[0]

    def decode_batch(self, inputs: Sequence[Sequence[Value]]) -> list[list[Value]]:
        """The model's outputs on several inputs at once."""
        given = [listed_input(each) for each in inputs]
        if not given:
            return []
        with torch.no_grad():
            logits = self.model(self.ids(given)).logits
        return decode_batch(self.craft, logits, [len(each) for each in given])

    def decode(self, logits: Tensor) -> list[Value]:
        """The values that logits `(position, output)` or `(1, position, output)` of one input stand for, BOS dropped.

        For logits of a run that was changed, or of the GPT-2 it was exported to.
        """
        rows = logits[None] if logits.dim() == 2 else logits
        if rows.dim() != 3 or len(rows) != 1:
            raise RaspError(f"logits of shape {tuple(logits.shape)}; pass those of one input, (position, output)")
        return decode_batch(self.craft, rows)[0]

    def to_gpt2(self) -> Gpt2Export:
        """A causal program as a transformers `GPT2LMHeadModel` with its tokenizer (see `gpt2.to_gpt2`).

        Raises:
            ExportError: it cannot be one; says why.
        """
        from .gpt2 import to_gpt2  # brings transformers along

        return to_gpt2(self)

    def streams(self, tokens: Sequence[Value]) -> list[Tensor]:
        """The residual stream `(position, dimension)` after the embedding and each half-layer of the craft model."""
        return [stream.values for stream in self.craft.run(self.ids([listed_input(tokens)])[0].cpu())]

    def node_values(self, tokens: Sequence[Value]) -> dict[str, list[Value]]:
        """The values of all nodes that live in the residual stream, read back from the torch model's."""
        with torch.no_grad():
            output = self.model(self.ids([listed_input(tokens)]), output_hidden_states=True)
        return read_nodes(self.craft, output.hidden_states[-1][0])

    def check(self, tokens: Sequence[Value], tolerance: float = 0.005) -> Disagreement | None:
        """Compare the model with the interpreter on one input.

        Returns:
            None if they agree, else the first node, in the order of the program, that differs.

        Raises:
            EvaluationError: the program has no value on this input.
        """
        wanted = run(self.program, tokens, causal=self.causal)
        found = self.node_values(tokens)
        found[self.name] = self(tokens)
        for label in self.program.labels:
            for position, value in enumerate(found.get(label, ())):
                if not agree(wanted[label][position], value, tolerance):
                    return Disagreement(label, position, wanted[label][position], value)
        return None


def agree(expected: Value, found: Value, tolerance: float = 0.005) -> bool:
    """Whether two values are the same; numbers may differ by the tolerance, relative above 1."""
    if is_number(expected) and is_number(found):
        return bool(abs(expected - found) <= tolerance * max(1.0, abs(expected)))
    return (type(expected) is type(found) and bool(expected == found)) or (expected is None and found is None)


def compile(
    program: Program | Expression,
    vocabulary: Sequence[Value],
    max_length: int,
    *,
    causal: bool = False,
    bos: str = "BOS",
    pad: str = "PAD",
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
    attention: AttentionMode = "soft",
    keep: Keep = "needed",
    most_parameters: int = 100_000_000,
) -> Compiled:
    """Compile a program into a transformer that computes it, for every input up to a length.

    Args:
        program: the s-op to compute.
        vocabulary: the values an input is made of, without BOS and PAD.
        max_length: the most tokens an input has, without the BOS.
        causal: each position sees only those up to its own, as in a GPT; the interpreter has the same option.
        bos, pad: names of the two special tokens.
        dtype: float32 or float64.
        device: where the model is put.
        attention: "soft", an ordinary softmax whose scores are far enough apart, or "hard", which cuts off what is not
            selected.
        keep: "needed" writes only what is read into the residual stream; "all" writes every s-op, so that all of them
            can be seen there. It takes no more layers, but more dimensions and hidden units.
        most_parameters: a larger model is refused before it is built.

    Raises:
        CompileError: the program cannot be compiled; names the node and says how to change it.
        RaspError: an option is wrong.
    """
    from .tokenizer import tokenizer_for  # transformers takes seconds to import, and only this needs it

    program = program if isinstance(program, Program) else Program(program)
    for name, given, known in (("attention", attention, ("soft", "hard")), ("keep", keep, ("needed", "all"))):
        if given not in known:
            raise RaspError(f"{name} is {given!r}; pass one of {', '.join(map(repr, known))}")
    _check_device(device)
    drafted, values, planned, plan = _drafted(program, vocabulary, max_length, causal, bos, pad, dtype, keep)
    forecast_ = _forecast(drafted)
    if forecast_.parameters > most_parameters:
        raise CompileError(
            f"the model would have {forecast_.parameters:,} parameters ({forecast_}), more than "
            f"most_parameters={most_parameters:,}; lower max_length or the vocabulary, or raise the limit",
            program.label(program.output),
        )
    craft = place(drafted, plan, max_length + 1)
    extra = list(drafted.vocabulary[2 + len(values.listed_tokens) :])
    tokenizer = tokenizer_for(values.listed_tokens, bos, pad, extra, max_length)
    model = assemble(craft, dtype=dtype, device=device, attention=attention)
    return Compiled(program, model, tokenizer, craft, planned, forecast_, max_length, values)


def _check_device(device: torch.device | str | None) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # what torch raises for a name it does not know, and for no CUDA
        reason = str(error).splitlines()[0]
        raise RaspError(f"device is {device!r}: {reason}; pass one that is there, such as 'cpu'") from None


def forecast(
    program: Program | Expression,
    vocabulary: Sequence[Value],
    max_length: int,
    *,
    causal: bool = False,
    dtype: torch.dtype = torch.float32,
) -> Forecast:
    """How large a program will be when compiled, without building its weights. Arguments and errors as `compile`."""
    drafted, *_ = _drafted(program, vocabulary, max_length, causal, "BOS", "PAD", dtype)
    return _forecast(drafted)


def validate(
    program: Program | Expression,
    vocabulary: Sequence[Value],
    max_length: int,
    *,
    causal: bool = False,
    dtype: torch.dtype = torch.float32,
) -> list[Problem]:
    """Everything that keeps a program from being compiled; empty if nothing does. Arguments as `compile`.

    Every node is looked at by itself, so that one problem does not hide the next.
    """
    program = program if isinstance(program, Program) else Program(program)
    if not isinstance(program.output, SOp):
        return [Problem(program.label(program.output), "it is a selector; aggregate over it or take its width")]
    problems: dict[str, Problem] = {}
    values = _values(program, vocabulary, max_length, causal, "BOS", "PAD")
    for node in program.nodes:
        try:
            if isinstance(node, SOp):
                values.of(node)
            else:
                values.selectors.cubes(node)
        except CompileError as error:
            _note(problems, error)
    try:
        _drafted(program, vocabulary, max_length, causal, "BOS", "PAD", dtype)
    except CompileError as error:
        _note(problems, error)
    return list(problems.values())


def _note(problems: dict[str, Problem], error: CompileError) -> None:
    label = error.node or ""
    problems.setdefault(label, Problem(label, str(error).removeprefix(f"{label}: ")))


def _values(program: Program, vocabulary: Sequence[Value], max_length: int, causal: bool, bos: str, pad: str) -> Values:
    if not isinstance(vocabulary, Iterable):
        raise RaspError(f"the vocabulary is {vocabulary!r}; pass the values that an input is made of, such as 'abc'")
    given = list(vocabulary)
    if not isinstance(program.output, SOp):
        raise CompileError("a selector has no value per position; aggregate over it or take its width",
                           program.label(program.output))  # fmt: skip
    if not given:
        raise RaspError("the vocabulary is empty; pass the values that an input is made of")
    if type(max_length) is not int or not 1 <= max_length <= LARGEST_LENGTH:
        raise RaspError(f"max_length is {max_length!r}; pass a whole number from 1 to {LARGEST_LENGTH}")
    for value in given:
        if value is None or not is_value(value):
            raise RaspError(
                f"{value!r} ({type(value).__name__}) is in the vocabulary; pass plain finite numbers, strings, bools "
                "or tuples of these"
            )
    if len(set(given)) != len(given):
        raise RaspError("the vocabulary has a value twice (1, 1.0 and True are the same value)")
    if not (isinstance(bos, str) and isinstance(pad, str)):  # type: ignore[redundant-expr]
        raise RaspError(f"bos={bos!r} and pad={pad!r} are names of tokens; pass two texts")
    if bos == pad or bos in given or pad in given:
        raise RaspError(f"bos={bos!r} and pad={pad!r} must be different and not in the vocabulary")
    return Values(program, given, max_length, causal)


def _drafted(
    program: Program | Expression,
    vocabulary: Sequence[Value],
    max_length: int,
    causal: bool,
    bos: str,
    pad: str,
    dtype: torch.dtype,
    keep: Keep = "needed",
) -> tuple[Drafted, Values, Schedule, Plan]:
    """All passes up to the parts: value sets, plan, schedule, heads and hidden units."""
    if dtype not in (torch.float32, torch.float64):
        raise RaspError(f"dtype is {dtype}; pass torch.float32 or torch.float64, others are too coarse to be exact")
    program = program if isinstance(program, Program) else Program(program)
    values = _values(program, vocabulary, max_length, causal, bos, pad)
    try:
        whole = joined(program, values)
        if whole is not program:
            values = Values(whole, values.vocabulary, max_length, causal)
        assert isinstance(whole.output, SOp)
        planner = Planner(values, whole.output)
        plan = planner.plan(keep)
        planned = schedule(plan, planner)
        drafted = draft(plan, planner, planned.times, planned.layers, bos=bos, pad=pad, dtype=dtype)
    except CompileError as error:
        raise _of_program(error, program) from None
    limit = 0.3 if not drafted.numerical else sys.float_info.max
    if not drafted.bound <= limit:
        raise CompileError(
            f"its one-hot vector can be off by {drafted.bound:.2g}; pass dtype=torch.float64 or lower max_length",
            program.label(program.output),
        )
    made = Counter((layer, unit.label.node) for layer, half in enumerate(drafted.layers) for unit in half.units)
    return drafted, values, planned.with_units(made), plan


def _of_program(error: CompileError, program: Program) -> CompileError:
    """An error at a node that the compiler added ("or keys"), told of the selector that it was added for."""
    if error.node is None or error.node in program.labels:
        return error
    reason = str(error).removeprefix(f"{error.node}: ")
    owner = error.node.removesuffix(" keys").removesuffix(" queries")
    return CompileError(f"{error.node}, joined for its 'or': {reason}", owner if owner in program.labels else None)


def _forecast(drafted: Drafted) -> Forecast:
    heads = max(1, *(len(layer.heads) for layer in drafted.layers))
    d_mlp = max(1, *(len(layer.units) for layer in drafted.layers))
    layers, size, d_head = len(drafted.layers), len(drafted.space), drafted.d_head
    inner = heads * d_head
    positions = drafted.readings.values.max_length + 1
    attention = 4 * size * inner + 3 * inner + size
    mlp = 2 * size * d_mlp + d_mlp + size
    outputs = len(drafted.outputs)
    embeddings = (len(drafted.vocabulary) + positions) * size
    parameters = embeddings + layers * (attention + mlp) + size * outputs + outputs
    return Forecast(layers, heads, d_head, size, d_mlp, parameters, drafted.bound)


__all__ = [
    "ABSENT",
    "Compiled",
    "Disagreement",
    "EvaluationError",
    "Forecast",
    "Problem",
    "compile",
    "forecast",
    "validate",
]
