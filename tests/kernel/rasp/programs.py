"""Random programs: well typed, of every kind of node, and often with a value on most inputs.

A program grows step by step from a pool of what there is already, so that nodes are shared and chains get deep. All
choices come from one `random.Random`: a seed names a program, and hypothesis can shrink one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from attrium_kernel import rasp
from attrium_kernel.rasp import Elementwise, LinearSequenceMap, Map, SequenceMap, SOp, aggregate, select, where

Kind = Literal["number", "bool", "text", "pair"]

VOCABULARIES: tuple[tuple[tuple[Any, ...], int], ...] = (
    (("a", "b"), 5),
    (("a", "b", "c"), 4),
    (("(", ")", "x"), 4),
    ((0, 1), 5),
    ((1, 2, 3), 4),
    ((-2, -1, 0, 3), 3),
    ((0.5, 1.5, -1.0), 3),
    ((False, True), 4),
    ((1, 2, 3, 4), 3),
    (("1", 1, "a"), 3),
    (("a",), 5),
    ((2, 5), 1),
)
"""Small vocabularies, each with a length up to which all inputs can be tried."""

NUMBERS = ["x + {c}", "{c} - x", "-x", "x * {c}", "abs(x)", "x % 2", "x // 2", "round(x)", "x / 2", "x ** 2",
           "max(x, {c})", "min(x, {c})", "{c}", "x if x > {c} else {c}", "x * x - x"]  # fmt: skip
TESTS = ["x > {c}", "x <= {c}", "x == {c}", "x != {c}", "x in (0, {c})", "not x", "x % 2 == 1", "0 <= x < {c}"]
TWO_NUMBERS = ["x + y", "x - y", "x * y", "max(x, y)", "min(x, y)", "abs(x - y)", "2 * x - 3 * y", "x if y > 0 else -x"]
TWO_TESTS = ["x < y", "x <= y", "x == y", "x != y", "x > y", "x + y > 1"]
PREDICATES = ["==", "!=", "<", "<=", ">", ">="]
BY_DISTANCE = ["key == query - 1", "key == query + 1", "key <= query", "key < query", "0 <= query - key < 3",
               "key == 0", "key % 2 == query % 2", "abs(key - query) <= 1", "key != query"]  # fmt: skip


@dataclass(frozen=True)
class Typed:
    """An s-op, the kind of its values, and whether some may be absent."""

    sop: SOp
    kind: Kind
    absent: bool = False


@dataclass(frozen=True)
class Sample:
    """A random program with what it is to be compiled for."""

    output: SOp
    vocabulary: tuple[Any, ...]
    max_length: int
    causal: bool

    @property
    def program(self) -> rasp.Program:
        return rasp.Program(self.output)


@dataclass
class Grower:
    """Makes one program. Attributes: `pool`, the s-ops so far; `selectors`, the selectors so far."""

    random: Random
    vocabulary: tuple[Any, ...]
    pool: list[Typed] = field(default_factory=list)
    selectors: list[rasp.Selector] = field(default_factory=list)

    def __post_init__(self) -> None:
        kind: Kind = "text" if isinstance(self.vocabulary[0], str) else "number"
        self.pool = [Typed(rasp.tokens, kind), Typed(rasp.indices, "number")]
        if kind == "number" and self.chance(0.2):
            self.pool.append(Typed(rasp.numerical(rasp.tokens), "number"))
        if self.chance(0.1):
            self.pool.append(Typed(rasp.numerical(rasp.indices).named("place"), "number"))

    # ---- choices

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def constant(self) -> Any:
        return self.random.choice([-1, 0, 1, 2, 3, 0.5])

    def text(self, templates: Sequence[str]) -> str:
        constant = self.constant()
        return self.random.choice(templates).format(c=f"({constant})" if constant < 0 else constant)

    def operand(self, *kinds: Kind) -> Typed:
        """One of the pool, of one of the kinds; the younger the likelier, so that programs get deep."""
        fitting = [x for x in self.pool if x.kind in kinds]
        return self.random.choice(fitting[-3:] if self.chance(0.75) else fitting)

    def number(self) -> Typed:
        return self.operand("number", "bool")

    def anything(self) -> Typed:
        return self.operand("number", "bool", "text", "pair")

    # ---- elementwise

    def mapped(self) -> Typed:
        x = self.number()
        if self.chance(0.5):
            return Typed(Map(self.text(NUMBERS), x.sop), "number", x.absent)
        return Typed(Map(self.text(TESTS), x.sop), "bool", x.absent)

    def looked_up(self) -> Typed:
        """A function of values of any kind, with texts as values, or absent for one of them."""
        x, token = self.anything(), self.random.choice(self.vocabulary)
        choice = self.random.randrange(4)
        if choice == 0:
            return Typed(Map(f"x == {token!r}", x.sop), "bool", x.absent)
        if choice == 1:
            return Typed(Map(f"'p' if x == {token!r} else 'q'", x.sop), "text", x.absent)
        if choice == 2:
            return Typed(Map(f"None if x == {token!r} else x", x.sop), x.kind, True)
        return Typed(x.sop.isin(self.vocabulary[:2]), "bool", x.absent)

    def combined(self) -> Typed:
        x, y = self.number(), self.number()
        absent = x.absent or y.absent
        choice = self.random.randrange(4)
        if choice == 0:
            return Typed(SequenceMap(self.text(TWO_NUMBERS), x.sop, y.sop), "number", absent)
        if choice == 1:
            return Typed(SequenceMap(self.text(TWO_TESTS), x.sop, y.sop), "bool", absent)
        if choice == 2:
            factors = [self.random.choice([-2, -1, 0, 0.5, 1, 3]) for _ in range(2)]
            return Typed(LinearSequenceMap(x.sop, y.sop, *factors), "number", absent)
        z = self.number()
        return Typed(Elementwise("x + y - z", x.sop, y.sop, z.sop), "number", absent or z.absent)

    def paired(self) -> Typed:
        x, y = self.anything(), self.anything()
        absent = x.absent or y.absent
        if self.chance(0.5):
            return Typed(SequenceMap("x == y", x.sop, y.sop), "bool", absent)
        return Typed(SequenceMap("(x, y)", x.sop, y.sop), "pair", absent)

    def chosen(self) -> Typed:
        condition, x = self.number(), self.anything()
        y = self.operand(x.kind)
        return Typed(where(condition.sop, x.sop, y.sop), x.kind, condition.absent or x.absent or y.absent)

    def logical(self) -> Typed:
        x, y = self.number(), self.number()
        sop = self.random.choice([lambda: x.sop & y.sop, lambda: x.sop | y.sop, lambda: ~x.sop])()
        return Typed(sop, "number", x.absent or y.absent)

    def with_constant(self) -> Typed:
        x = self.number()
        constant = rasp.Constant(self.constant())
        return Typed(SequenceMap(self.random.choice(["x + y", "x * y", "x > y"]), x.sop, constant), "number", x.absent)

    # ---- selectors and what reads them

    def compared(self) -> rasp.Selector:
        """A selector that is no combination."""
        choice = self.random.randrange(5)
        if choice == 0:
            return select(rasp.indices, rasp.indices, self.random.choice(BY_DISTANCE))
        if choice == 1:
            keys = self.number()
            tests = ["key is None"] if keys.absent else ["key", "key > 0", "key is not None and key >= 1"]
            return select(keys.sop, rasp.tokens, self.random.choice(tests))
        keys = self.anything()
        fitting = [x for x in self.pool if x.kind == keys.kind or {x.kind, keys.kind} <= {"number", "bool"}]
        queries = self.random.choice(fitting)
        sign = self.random.choice(PREDICATES)
        if keys.absent or queries.absent:
            if self.chance(0.2):  # may have no value
                return select(keys.sop, queries.sop, sign)
            return select(keys.sop, queries.sop, f"key is not None and query is not None and key {sign} query")
        return select(keys.sop, queries.sop, sign)

    def selector(self) -> rasp.Selector:
        if self.selectors and self.chance(0.25):
            return self.random.choice(self.selectors)
        found = self.compared()
        while self.chance(0.3):
            other = self.random.choice(self.selectors) if self.selectors and self.chance(0.3) else self.compared()
            found = self.random.choice([lambda a, b: a & b, lambda a, b: a | b, lambda a, b: ~a])(found, other)
        if self.chance(0.05):
            found = self.random.choice([rasp.full, select(rasp.tokens, rasp.tokens, "false")])
        self.selectors.append(found)
        return found

    def width(self) -> Typed:
        return Typed(rasp.selector_width(self.selector()), "number")

    def aggregated(self) -> Typed:
        x = self.anything()
        if x.kind in ("number", "bool") and not (x.absent and self.chance(0.9)):
            reduce = self.random.choice(["mean", "mean", "mean", "sum", "max", "min"])
            default = self.random.choice([None, 0, 0, 2, -1])
            kind = x.kind if reduce in ("max", "min") and default is None else "number"
            absent = x.absent or (default is None and reduce != "sum")
            return Typed(aggregate(self.selector(), x.sop, default, reduce), kind, absent)
        at = self.random.choice(["key == query - 1", "key == 1", "key == query + 1"])
        one = select(rasp.indices, rasp.indices, at)
        return Typed(aggregate(one if self.chance(0.9) else self.selector(), x.sop), x.kind, True)

    # ---- the whole

    def step(self) -> Typed:
        kinds: list[Callable[[], Typed]] = [
            self.mapped, self.mapped, self.looked_up, self.combined, self.paired, self.chosen, self.logical,
            self.with_constant, self.width, self.width, self.aggregated, self.aggregated, self.aggregated,
        ]  # fmt: skip
        made = self.random.choice(kinds)()
        if made.kind in ("number", "bool") and self.chance(0.15):
            encoding: Any = self.random.choice(["numerical", "categorical"])
            made = Typed(made.sop.encoded(encoding), made.kind, made.absent)
        return made


def grow(random: Random, steps: int | None = None) -> Sample:
    """A random program of up to eleven steps, each of which adds one to four nodes."""
    vocabulary, max_length = random.choice(VOCABULARIES)
    grower = Grower(random, vocabulary)
    for _ in range(steps or random.randint(1, 11)):
        grower.pool.append(grower.step())
    output = grower.pool[-1].sop
    if random.random() < 0.6:  # the one that stands on most
        output = max((made.sop for made in grower.pool), key=lambda sop: len(rasp.Program(sop)))
    return Sample(output, vocabulary, max_length, random.random() < 0.3)
