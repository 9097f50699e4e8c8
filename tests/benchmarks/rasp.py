"""Compiling programs: all of Tracr's library by ours and by Tracr, what the models take to run, and growing graphs."""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from attrium_kernel import rasp

from . import rasp_tracr
from .case import Case, Contender, Limit
from .networks import Scale
from .rasp_programs import Item, items, shared_graph

INPUTS = 4
GRAPHS = (125, 250, 500, 1000)
REFERENCE = "ours, interpreted"
TRACR = "tracr-pypi"  # the package's name, by which its version is found

Outputs = dict[str, list[list[Any]]]


class Suite:
    """The programs with their inputs, and what was made of them: models by contender and program, and their times."""

    counted = None

    def __init__(self, scale: Scale) -> None:
        """Vocabulary 16 and length 20; 4 and 5 where it is quick."""
        quick = scale.layers < 12
        self.items = items(4, 5) if quick else items(16, 20)
        self.x = torch.zeros(len(self.items), INPUTS, self.items[0].max_length)  # only its shape is told
        self.inputs = {item.name: item.inputs(INPUTS) for item in self.items}
        self.models: dict[str, dict[str, Any]] = {"ours": {}, "tracr": {}}
        self.spent: dict[tuple[str, str, str], list[float]] = defaultdict(list)

    def clock(self, contender: str, what: str, item: Item, act: Callable[[], Any]) -> Any:
        """What `act` gives, its time noted."""
        began = time.process_time()
        found = act()
        self.spent[contender, what, item.name].append(time.process_time() - began)
        return found

    def compile(self, contender: str) -> dict[str, Any]:
        """All programs that both of them can compile, by one of the compilers."""
        compile_one = {"ours": compiled, "tracr": rasp_tracr.compiled}[contender]
        for item in filter(rasp_tracr.takes, self.items):
            self.models[contender][item.name] = self.clock(contender, "compile", item, partial(compile_one, item))
        return self.models[contender]

    def run(self, contender: str) -> Outputs:
        """All compiled models on all inputs, one by one, decoded."""
        models = self.models[contender] or self.compile(contender)
        run_one = {"ours": lambda model, given: model(given), "tracr": rasp_tracr.run}[contender]
        found = {}
        for item in (item for item in self.items if item.name in models):
            act = lambda item=item: [run_one(models[item.name], given) for given in self.inputs[item.name]]  # noqa: E731
            found[item.name] = self.clock(contender, "run", item, act)
        return found

    @cached_property
    def expected(self) -> Outputs:
        """What the interpreter gives."""
        return {item.name: [rasp.evaluate(item.program, x) for x in self.inputs[item.name]] for item in self.items}

    def values(self, outputs: Outputs) -> dict[str, Tensor]:
        """Decoded outputs as numbers; positions where the interpreter has no value are left out."""
        return {name: numbers(found, self.expected[name]) for name, found in outputs.items()}


def compiled(item: Item) -> Any:
    """Ours, nothing tuned."""
    return rasp.compile(item.program, item.vocabulary, item.max_length)


def numbers(found: list[list[Any]], expected: list[list[Any]]) -> Tensor:
    """A number for each value; a text is its first letter's."""
    pairs = zip(itertools.chain(*found), itertools.chain(*expected), strict=True)
    values = [math.nan if x is None else ord(x) if isinstance(x, str) else float(x) for x, y in pairs if y is not None]
    return torch.tensor([1.0, *values])


# ---- compiling and running


def compiling(suite: Suite) -> dict[str, Contender]:
    """Both compilers; what a model computes afterwards is compared with the interpreter."""

    def outputs(contender: str, models: dict[str, Any]) -> dict[str, Tensor]:
        return suite.values(suite.run(contender))

    found = {
        REFERENCE: Contender(partial(interpreted, suite), values=suite.values),
        "ours": Contender(
            partial(suite.compile, "ours"), values=partial(outputs, "ours"), warm=partial(compiled, suite.items[0])
        ),
    }
    if rasp_tracr.INSTALLED:
        warm = partial(rasp_tracr.compiled, suite.items[0])
        found[TRACR] = Contender(partial(suite.compile, "tracr"), values=partial(outputs, "tracr"), warm=warm)
    return found


def running(suite: Suite) -> dict[str, Contender]:
    """The compiled models, each on its inputs one by one: tokens in, values out."""
    found = {
        REFERENCE: Contender(partial(interpreted, suite), values=suite.values),
        "ours": Contender(partial(suite.run, "ours"), values=suite.values, warm=partial(suite.run, "ours")),
    }
    if rasp_tracr.INSTALLED:
        warm = partial(suite.run, "tracr")
        found[TRACR] = Contender(partial(suite.run, "tracr"), values=suite.values, warm=warm)
    return found


def interpreted(suite: Suite) -> Outputs:
    """As `Suite.expected`, each time anew."""
    return {item.name: [rasp.evaluate(item.program, x) for x in suite.inputs[item.name]] for item in suite.items}


SIZES = ("layers", "heads", "d_head", "d_model", "d_mlp", "parameters")


def sizes(model: Any) -> dict[str, int]:
    """Those of our model, counted in its own parameters."""
    config = model.model.config
    counts = [config.n_layer, config.n_head, config.d_head, config.d_model, config.d_mlp]
    return dict(zip(SIZES, [*counts, sum(p.numel() for p in model.model.parameters())], strict=True))


def table(suite: Suite, what: str) -> Iterator[str]:
    """A line per program: sizes and times of ours and, where it took part, of Tracr."""
    for contender in suite.models:
        if not suite.models[contender] and contender != "ours":
            continue
        name = {"ours": "Attrium", "tracr": "Tracr"}[contender]
        yield f"{name:<20}{'layers':>7}{'heads':>6}{'d_head':>7}{'d_model':>8}{'d_mlp':>6}{'params':>9}{'CPU ms':>10}"
        for item in suite.items:
            if item.name not in suite.models[contender]:
                yield f"  {item.name:<18} left out: does not end in minutes at this size"
                continue
            model = suite.models[contender][item.name]
            found = sizes(model) if contender == "ours" else rasp_tracr.sizes(model)
            ms = 1000 * statistics.median(suite.spent[contender, what, item.name][1:] or [math.nan])
            layers, heads, d_head, d_model, d_mlp, parameters = (found[size] for size in SIZES)
            yield f"  {item.name:<18}{layers:>7}{heads:>6}{d_head:>7}{d_model:>8}{d_mlp:>6}{parameters:>9}{ms:>10.1f}"


def compiling_about(suite: Suite) -> list[str]:
    """Sizes, and what each program took to compile; of ours also those that Tracr does not compile."""
    for item in itertools.filterfalse(rasp_tracr.takes, suite.items * 2):
        suite.models["ours"][item.name] = suite.clock("ours", "compile", item, partial(compiled, item))
    return list(table(suite, "compile"))


def running_about(suite: Suite) -> list[str]:
    """Sizes, and what the inputs of each program took to run."""
    return [f"CPU ms: {INPUTS} inputs of full length, one by one", *table(suite, "run")]


# ---- growing graphs


class Graphs:
    """Programs of up to a thousand nodes, almost all of which are used twice."""

    counted = None

    def __init__(self, scale: Scale) -> None:
        """Sizes double up to a thousand; up to 250 where it is quick."""
        self.counts = GRAPHS[:2] if scale.layers < 12 else GRAPHS
        self.programs = {count: rasp.Program(shared_graph(count)) for count in self.counts}
        self.x = torch.zeros(len(self.counts), max(self.counts))  # only its shape is told
        self.spent: dict[int, list[float]] = defaultdict(list)
        self.models: dict[int, Any] = {}

    def compile(self) -> dict[int, Any]:
        """All of them, by ours."""
        for count, program in self.programs.items():
            began = time.process_time()
            self.models[count] = rasp.compile(program, "ab", 6)
            self.spent[count].append(time.process_time() - began)
        return self.models

    def interpret(self) -> dict[int, list[Any]]:
        """What the interpreter gives on one input."""
        return {count: rasp.evaluate(program, "abbab") for count, program in self.programs.items()}


def growing(graphs: Graphs) -> dict[str, Contender]:
    """Ours, checked against the interpreter."""

    def values(found: dict[int, Any]) -> dict[str, Tensor]:
        rows = {count: row if isinstance(row, list) else row("abbab") for count, row in found.items()}
        return {str(count): numbers([row], [row]) for count, row in rows.items()}

    return {
        REFERENCE: Contender(graphs.interpret, values=values),
        "ours": Contender(graphs.compile, values=values),
    }


def slope(graphs: Graphs) -> list[str]:
    """Seconds by size, and the power by which they grow: 1 is linear."""
    seconds = {count: min(times) for count, times in graphs.spent.items()}
    logs = [(math.log(count), math.log(spent)) for count, spent in seconds.items()]
    mean_x, mean_y = (statistics.fmean(column) for column in zip(*logs, strict=True))
    power = sum((x - mean_x) * (y - mean_y) for x, y in logs) / sum((x - mean_x) ** 2 for x, _ in logs)
    lines = [
        f"{count:>5} nodes: {1000 * spent:8.1f} ms, {graphs.models[count].model.config.n_layer} layers"
        for count, spent in seconds.items()
    ]
    return [*lines, f"time grows as size to the power {power:.2f}"]


CASES = [
    Case(
        "rasp-compile",
        "compiling Tracr's library, vocabulary 16, length 20",
        "rasp",
        Suite,
        compiling,
        same_as=REFERENCE,
        over="ours",
        rivals=(TRACR,),
        rounds=0.4,
        about=compiling_about,
        limits=(Limit("cpu", TRACR, saves_at_least=2.0),),
    ),
    Case(
        "rasp-run",
        "running Tracr's library, vocabulary 16, length 20",
        "rasp",
        Suite,
        running,
        same_as=REFERENCE,
        over="ours",
        rivals=(TRACR,),
        rounds=0.6,
        about=running_about,
        limits=(Limit("cpu", TRACR, saves_at_least=2.0),),
    ),
    Case(
        "rasp-graphs",
        "compiling shared graphs of 125 to 1,000 nodes",
        "rasp",
        Graphs,
        growing,
        same_as=REFERENCE,
        over="ours",
        about=slope,
    ),
]
