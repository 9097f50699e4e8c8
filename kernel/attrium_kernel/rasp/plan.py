"""What a program needs a transformer to do, and the earliest half-layer each part can be done in.

Half-layers are counted as times: 0 is the embedding, layer i has its attention half at 2i + 1 and its MLP half at
2i + 2. What is written at one time can be read at any later one. Elementwise nodes are not computed where they stand:
they are read through linear maps or fused into the MLP of what reads them, so most need no half-layer at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .affine import Affine, Sums, is_number
from .errors import CompileError
from .expressions import Aggregate, SelectorWidth, SOp, Value
from .selectors import Cube
from .values import UNDEFINED, Values

Form = Literal["value", "number"]
Keep = Literal["needed", "all"]
MOST_UNITS = 20_000
MOST_KEPT = 256


@dataclass(frozen=True, eq=False)
class Fetch:
    """A source that attention computes.

    Attributes:
        node: the aggregate or width.
        cubes: the heads, whose results add up.
        form: how the result is written, one-hot ("value") or as a number.
        x: what is moved; None for a width, which counts.
        moved: how `x` is read.
        time: earliest attention half.
    """

    node: SOp
    cubes: tuple[Cube, ...]
    form: Form
    x: SOp | None
    moved: Form
    time: int

    @property
    def counts(self) -> bool:
        """Whether the head counts or sums, with a heavy BOS, rather than averages."""
        return self.x is None or (isinstance(self.node, Aggregate) and self.node.reduce == "sum")


@dataclass(frozen=True, eq=False)
class Write:
    """An elementwise node that an MLP writes.

    Attributes:
        node: the node.
        form: one-hot ("value") or number.
        carrier: a node that is a sum and that the MLP takes steps along; None for products of one-hot vectors only.
        sum: the carrier as a sum.
        along: the carrier's values.
        joint: whether they are sums of means, whose floats have a rounding of their own.
        bases: nodes read as one-hot vectors, besides the carrier.
        time: earliest MLP half.
        units: hidden units it takes, about.
    """

    node: SOp
    form: Form
    carrier: SOp | None
    sum: Affine | None
    along: tuple[float, ...]
    joint: bool
    bases: tuple[SOp, ...]
    time: int
    units: int


@dataclass(frozen=True, eq=False)
class Plan:
    """All parts, each with its earliest time.

    Attributes:
        values: value sets.
        sums: which nodes are sums.
        fetches: the sources, by node id.
        writes: the nodes that MLPs write, by node id and form.
        through: nodes that are read through another one, which they are a function of, by node id.
        output_form: how the output is read.
        time: after which the output can be read.
    """

    values: Values
    sums: Sums
    fetches: dict[int, Fetch]
    writes: dict[tuple[int, Form], Write]
    through: dict[int, SOp]
    output_form: Form
    time: int


class Planner:
    """Plans one program, from its output backwards."""

    def __init__(self, values: Values, output: SOp) -> None:
        self.values, self.output = values, output
        self.program = values.program
        self.selectors = values.selectors
        self._users: dict[int, int] = {}
        for node in self.program.nodes:
            for child in self.program.inputs(node):
                self._users[id(child)] = self._users.get(id(child), 0) + 1
        self.sums = Sums(values, lambda source: self.form(source) == "number")
        self._forms: dict[int, Form] = {}
        self._fetches: dict[int, Fetch] = {}
        self._writes: dict[tuple[int, Form], Write] = {}
        self._through: dict[int, SOp] = {}
        self._inner: dict[int, SOp | None] = {}

    def plan(self, keep: Keep = "needed") -> Plan:
        """The parts that the output needs, or with "all" those that write every s-op.

        Raises:
            CompileError: the program cannot be compiled; names the node.
        """
        form = self.output_form()
        time = self.readable(self.output, form)
        fetches: dict[int, Fetch] = {}
        writes: dict[tuple[int, Form], Write] = {}
        self._collect([(self.output, form)], fetches, writes)
        if keep == "all":
            self._keep(fetches, writes)
        return Plan(self.values, self.sums, fetches, writes, self._through, form, time)

    def _keep(self, fetches: dict[int, Fetch], writes: dict[tuple[int, Form], Write]) -> None:
        """Write every s-op, where that takes no more layers and no more than `MOST_KEPT` dimensions."""
        times = [part.time for part in fetches.values()] + [part.time for part in writes.values()]
        last = max((time + time % 2 for time in times), default=2)
        for node in self.program.nodes:
            if not isinstance(node, SOp) or not self.values.sources(node) or node.kind in ("tokens", "indices"):
                continue
            if isinstance(node, Aggregate) and self.form(node) == "value":
                continue
            found = self.values.of(node)
            listed = found.values is not None and len(found.values) <= MOST_KEPT
            form: Form = "value" if listed else "number"
            if not listed and (not found.numeric or found.absent or isinstance(node, Aggregate)):
                continue
            try:
                part = self.write(node, form)
            except CompileError:
                continue
            if part.time <= last:
                writes.setdefault((id(node), form), part)
                self._collect(self.reads(part), fetches, writes)

    # How things are written

    def form(self, source: SOp) -> Form:
        """How a source is written into the residual stream."""
        if id(source) not in self._forms:
            self._forms[id(source)] = self._form(source)
        return self._forms[id(source)]

    def _form(self, source: SOp) -> Form:
        if source.kind in ("tokens", "indices"):
            return "value"
        if isinstance(source, SelectorWidth):
            return "number"
        assert isinstance(source, Aggregate)
        found = self.values.of(source)
        x = self.program.inputs(source)[1]
        assert isinstance(x, SOp)
        last = source is self.output and not self._users.get(id(source))
        if source.reduce == "sum":
            return "number"
        if found.averages or found.values is None:
            one_hot = source.encoding != "numerical" and (found.absent or source.encoding == "categorical")
            if last and one_hot and self.values.of(x).values is not None:
                return "value"  # an averaged one-hot; nobody reads it but the decoder, which takes its mean
            return "number"
        if last and source.encoding == "numerical" and found.numeric and not found.absent:
            return "number"
        return "value"

    def output_form(self) -> Form:
        """How the output is read."""
        found = self.values.of(self.output)
        label = self.values.label(self.output)
        if found.values is not None and not found.values:
            raise CompileError(
                "it has no value on any input, because its function or one under it raises; evaluate it on an input "
                "to see the error",
                label,
            )
        wanted = self.output.encoding
        if wanted == "numerical":
            if found.absent or not found.numeric:
                why = "can be absent" if found.absent else "has values that are not numbers"
                raise CompileError(
                    f"it is numerical and {why}; give the aggregate a default (a number), or make it categorical", label
                )
            return "number"
        if self.values.steps(self.output) is None and self.form(self.output) == "value":
            return "value"
        if not found.numeric:
            self.values.listed(self.output)  # raises if they are too many
        fractions = self._averages(self.output)
        if found.values is None or (fractions and wanted is None and not found.absent and found.numeric):
            if found.absent:
                raise CompileError(
                    "it has too many values for a dimension each and can be absent; give the aggregate a default", label
                )
            return "number"
        return "value"

    def _averages(self, node: SOp) -> bool:
        """Whether a node is a sum of means: better one number than a dimension for every fraction."""
        if not any(self.values.of(source).averages for source in self.values.sources(node)):
            return False
        return self.sums.of(node) is not None

    # When things can be read

    def readable(self, node: SOp, form: Form) -> int:
        """The time after which a linear map can read a node."""
        return self.as_value(node) if form == "value" else self.as_number(node)

    def as_value(self, node: SOp) -> int:
        """The time after which a node's one-hot vector can be read."""
        sources = self.values.sources(node)
        if not sources:
            return 0
        if len(sources) == 1 and self.form(sources[0]) == "value":
            return self.source(sources[0])
        inner = self.inner(node)
        return self.write(node, "value").time if inner is None else self.as_value(inner)

    def inner(self, node: SOp) -> SOp | None:
        """The only input of a node, where reading the node through it is sooner, or as soon and smaller."""
        if id(node) not in self._inner:
            self._inner[id(node)] = self._find_inner(node)
        found = self._inner[id(node)]
        if found is not None:
            self._through[id(node)] = found
        return found

    def _find_inner(self, node: SOp) -> SOp | None:
        how = self.values.steps(node)
        if how is None:
            return None
        varying = list({id(child): child for child in how.inputs if self.values.sources(child)}.values())
        if len(varying) != 1 or self.values.of(varying[0]).values is None:
            return None
        (inner,) = varying
        own, other = self.write(node, "value").time, self.as_value(inner)
        if other != own:
            return inner if other < own else None
        return inner if len(self.values.listed(inner)) < len(self.values.listed(node)) else None

    def as_number(self, node: SOp) -> int:
        """The time after which a node's number can be read."""
        if self.adds_up(node):
            return max((self.source(source) for source in self.values.sources(node)), default=0)
        if self.values.of(node).absent:
            return self.as_value(node)
        return self.write(node, "number").time

    def adds_up(self, node: SOp) -> bool:
        """Whether a node's number is a linear map of what its sources write."""
        return self.sums.of(node) is not None and not self._gated(node)

    def _gated(self, node: SOp) -> bool:
        """Whether a sum has parts that may be absent, so that it cannot simply be added up."""
        sources = self.values.sources(node)
        return len(sources) > 1 and any(self.values.of(source).absent for source in sources)

    def source(self, source: SOp) -> int:
        """The time at which a source is written."""
        return 0 if source.kind in ("tokens", "indices") else self.fetch(source).time

    # Attention

    def fetch(self, source: SOp) -> Fetch:
        """The heads of an aggregate or width."""
        if id(source) not in self._fetches:
            self._fetches[id(source)] = self._fetch(source)
        return self._fetches[id(source)]

    def _fetch(self, source: SOp) -> Fetch:
        inputs = self.program.inputs(source)
        form = self.form(source)
        adds = isinstance(source, SelectorWidth) or (isinstance(source, Aggregate) and source.reduce == "sum")
        x: SOp | None = None
        moved: Form = "number"
        ready = 0
        if isinstance(source, Aggregate):
            assert isinstance(inputs[1], SOp)
            x, moved = inputs[1], form
            self.values.of(source)
            if moved == "number" and not self.values.of(x).numeric:
                raise CompileError("its values are not all numbers", self.values.label(source))
            ready = self.readable(x, moved)
            if source.reduce in ("max", "min"):
                ready = max(ready, self.as_value(x))
        time, cubes = self._heads(source, adds)
        time = max(time, ready)
        return Fetch(source, cubes, form, x, moved, time + 1 + time % 2)

    def _heads(self, source: SOp, adds: bool) -> tuple[int, tuple[Cube, ...]]:
        """The cubes that can be read first; of those, the ones that need the fewest new dimensions."""
        selector = self.program.inputs(source)[0]
        several = adds or self.selectors.at_most_one(selector)
        one_head = isinstance(source, Aggregate) and (
            source.reduce in ("max", "min") or (source.reduce == "sum" and bool(source.default))
        )
        options: list[tuple[int, int, int, tuple[Cube, ...]]] = []
        refused: CompileError | None = None
        for number, cubes in enumerate((self.selectors.cubes(selector), self.selectors.split(selector))):
            if cubes is None or (len(cubes) > 1 and (one_head or not several)):
                continue
            try:
                nodes = [node for cube in cubes for t in cube.terms for node in (t.keys, t.queries) if node is not None]
                time = max((self.as_value(node) for node in nodes), default=0)
                options.append((time, self._new_dimensions(nodes), number, cubes))
            except CompileError as error:
                refused = refused or error
        if not options:
            raise refused or CompileError(
                "its selector is an 'or' of comparisons that can hold together or select several positions, so that "
                "no single head averages over it; make one s-op of the keys and one of the queries, or take widths",
                self.values.label(source),
            )
        time, _, _, cubes = min(options, key=lambda option: option[:3])
        return time, cubes

    def _new_dimensions(self, nodes: Sequence[SOp]) -> int:
        distinct = {id(node): node for node in nodes}.values()
        return sum(len(self.values.listed(node)) for node in distinct if self._written(node))

    def _written(self, node: SOp) -> bool:
        sources = self.values.sources(node)
        return len(sources) > 1 or (len(sources) == 1 and self.form(sources[0]) == "number")

    # MLPs

    def write(self, node: SOp, form: Form) -> Write:
        """The MLP that writes a node."""
        if (id(node), form) not in self._writes:
            self._writes[id(node), form] = self._write(node, form)
        return self._writes[id(node), form]

    def _write(self, node: SOp, form: Form) -> Write:
        if form == "value":
            self.values.listed(node)
        elif not self.values.of(node).numeric:
            raise CompileError("it is read as a number and has values that are not numbers", self.values.label(node))
        options = [
            option
            for make in (self._along, self._products)
            if (option := make(node, form)) is not None and option.units <= MOST_UNITS
        ]
        if not options:
            options = [self._from_inputs(node, form)]
        elif self._inputs_are_there(node):
            options.append(self._from_inputs(node, form))
        return min(options, key=lambda option: (option.time, option.units))

    def _inputs_are_there(self, node: SOp) -> bool:
        """Whether all inputs of a node are one-hot in the stream anyway, and few enough to take their products."""
        how = self.values.steps(node)
        bases = [] if how is None else [child for child in how.inputs if self.values.sources(child)]
        if not bases or math.prod(len(self.values.of(base).values or range(MOST_UNITS)) for base in bases) > MOST_UNITS:
            return False
        return all((id(base), "value") in self._writes or not self._written(base) for base in bases)

    def _along(self, node: SOp, form: Form) -> Write | None:
        """Steps along a sum, for each joint value of what the node depends on besides."""
        for carrier in self._carriers(node):
            total = self.sums.of(carrier)
            assert total is not None
            beside = [s for s in self._sources_beside(node, carrier) if s is not carrier]
            if any(self.form(source) == "number" for source in beside):
                continue
            along = self._positions(carrier)
            if along is None or not along:
                continue
            sources = {id(s): s for s in (*self.values.sources(carrier), *beside)}.values()
            time = max(self.source(source) for source in sources)
            combinations = math.prod(self.classes(node, source, carrier) for source in beside)
            units = combinations * (2 * len(along) + 1)
            if combinations * len(along) <= MOST_UNITS * 4:
                joint = sum(self.values.of(total.nodes[key]).averages for key in total.factors) > 1
                return Write(node, form, carrier, total, along, joint, tuple(beside), time + 2 - time % 2, units)
        return None

    def _carriers(self, node: SOp) -> list[SOp]:
        """Sums that everything numerical reaches the node through, the nearest first."""
        if not any(self.form(source) == "number" for source in self.values.sources(node)):
            total = self.sums.of(node)
            return [node] if total is not None and len(total.nodes) > 1 else []
        order = {id(each): i for i, each in enumerate(self.values.cone(node, {}))}
        by_order = {order[id(each)]: each for each in self.values.cone(node, {})}
        frontier, found = {order[id(node)]}, []
        while frontier:
            top = max(frontier)
            if len(frontier) == 1 and self.sums.of(by_order[top]) is not None:
                found.append(by_order[top])
            how = self.values.steps(by_order[top])
            if how is None:
                break
            frontier.remove(top)
            frontier |= {order[id(child)] for child in how.inputs if self._numeric(child)}
        return found

    def _numeric(self, node: SOp) -> bool:
        return any(self.form(source) == "number" for source in self.values.sources(node))

    def _sources_beside(self, node: SOp, carrier: SOp) -> list[SOp]:
        """Sources that a node depends on otherwise than through the carrier."""
        cone = self.values.cone(node, {}, frozenset({id(carrier)}))
        return [each for each in cone if each is not carrier and self.values.steps(each) is None]

    def _positions(self, carrier: SOp) -> tuple[float, ...] | None:
        """The values of a sum, None if they cannot be listed."""
        found = self.values.of(carrier)
        return None if found.values is None else tuple(v for v in found.values if is_number(v))

    def classes(self, node: SOp, source: SOp, carrier: SOp | None) -> int:
        """How many kinds of values of a one-hot source a node tells apart."""
        return len(set(self.class_of(node, source, carrier).values()))

    def class_of(self, node: SOp, source: SOp, carrier: SOp | None, bases: Sequence[SOp] = ()) -> dict[Value, object]:
        """For each value of a one-hot source, what of it matters to a node."""
        stop = frozenset(id(each) for each in (*bases, *((carrier,) if carrier is not None else ())))
        leaves = self._leaves(node, source, stop)
        listed = self.values.listed(source)
        if any(leaf is source for leaf in leaves) or not leaves:
            return {value: value for value in listed}
        columns = [self.values.column(leaf) for leaf in leaves]
        return {value: tuple(_hashed(column[i]) for column in columns) for i, value in enumerate(listed)}

    def _leaves(self, node: SOp, source: SOp, stop: frozenset[int]) -> list[SOp]:
        """The largest parts of a node that depend on one source only, of those on this source."""
        found: dict[int, SOp] = {}
        stack, seen = [node], set()
        while stack:
            each = stack.pop()
            if id(each) in seen or (id(each) in stop and each is not source):
                continue
            seen.add(id(each))
            own = self.values.sources(each)
            if len(own) == 1 and own[0] is source:
                found[id(each)] = each
            elif (how := self.values.steps(each)) is not None:
                stack.extend(how.inputs)
        return list(found.values())

    def _products(self, node: SOp, form: Form) -> Write | None:
        """A unit for each joint value of one-hot sources."""
        sources = self.values.sources(node)
        if any(self.form(source) == "number" for source in sources):
            return None
        units = math.prod(self.classes(node, source, None) for source in sources)
        if units > MOST_UNITS:
            return None
        time = max(self.source(source) for source in sources)
        return Write(node, form, None, None, (), False, sources, time + 2 - time % 2, units)

    def _from_inputs(self, node: SOp, form: Form) -> Write:
        """From the node's own inputs, written as one-hot vectors by an MLP before."""
        how = self.values.steps(node)
        if how is None:
            raise CompileError(
                "its values are too many to tell apart one by one; compare or round them, or lower max_length",
                self.values.label(node),
            )
        bases = tuple({id(child): child for child in how.inputs if self.values.sources(child)}.values())
        units = math.prod(len(self.values.listed(base)) for base in bases)
        if units > MOST_UNITS:
            sizes = " x ".join(f"{self.values.label(base)} {len(self.values.listed(base))}" for base in bases)
            raise CompileError(
                f"it needs a hidden unit for each joint value of what it is made from ({sizes} = {units:,}, at most "
                f"{MOST_UNITS:,}); make it from s-ops with fewer values, such as comparisons",
                self.values.label(node),
            )
        time = max(self.as_value(base) for base in bases)
        return Write(node, form, None, None, (), False, bases, time + 2 - time % 2, units)

    # What is needed

    def _collect(
        self,
        wanted: list[tuple[SOp, Form]],
        fetches: dict[int, Fetch],
        writes: dict[tuple[int, Form], Write],
    ) -> None:
        """All parts that reading some nodes takes."""
        stack = list(wanted)
        seen: set[tuple[int, Form]] = set()
        while stack:
            each, how = stack.pop()
            if (id(each), how) in seen:
                continue
            seen.add((id(each), how))
            for part in self.parts(each, how):
                if isinstance(part, Fetch):
                    new = fetches.setdefault(id(part.node), part) is part
                else:
                    new = writes.setdefault((id(part.node), part.form), part) is part
                if new:
                    stack.extend(self.reads(part))

    def reads(self, part: Fetch | Write) -> list[tuple[SOp, Form]]:
        """What a part reads, and how."""
        if isinstance(part, Write):
            found: list[tuple[SOp, Form]] = [(base, "value") for base in part.bases]
            if part.sum is not None:
                found += [(source, self.form(source)) for source in part.sum.nodes.values()]
            return found
        terms = [term for cube in part.cubes for term in cube.terms]
        found = [(node, "value") for term in terms for node in (term.keys, term.queries) if node is not None]
        if part.x is not None:
            found.append((part.x, part.moved))
            if isinstance(part.node, Aggregate) and part.node.reduce in ("max", "min"):
                found.append((part.x, "value"))
        return found

    def needs(self, part: Fetch | Write) -> list[Fetch | Write]:
        """The parts that must be done before a part."""
        return [before for node, form in self.reads(part) for before in self.parts(node, form)]

    def parts(self, node: SOp, form: Form) -> list[Fetch | Write]:
        """The parts that write what reading a node takes."""
        sources = self.values.sources(node)
        if not sources:
            return []
        if form == "number" and self.adds_up(node):
            return self._fetched(sources)
        if form == "number" and not self.values.of(node).absent:
            return [self.write(node, "number")]
        if len(sources) == 1 and self.form(sources[0]) == "value":
            return self._fetched(sources)
        inner = self.inner(node)
        return [self.write(node, "value")] if inner is None else self.parts(inner, "value")

    def _fetched(self, sources: Sequence[SOp]) -> list[Fetch | Write]:
        return [self.fetch(source) for source in sources if source.kind not in ("tokens", "indices")]


def _hashed(value: Value) -> object:
    return "undefined" if value is UNDEFINED else value
