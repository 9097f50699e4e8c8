"""What a selector selects, as a sum of AND-heads.

A selector is a logical formula over tables: which (key value, query value) pairs a select takes. It is rewritten as
*cubes* that exclude one another, each an AND of tables. One cube is one attention head: the scores of its tables add
up, and the pairs that are in all of them, and only those, reach the top (Tracr refuses composites; here AND costs
nothing, and OR one more head where results can be added).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import CompileError
from .expressions import Expression, Select, Selector, SelectorAnd, SelectorNot, SelectorOr, SOp, Value
from .values import MOST_COMBINATIONS

if TYPE_CHECKING:
    from .values import Values

Table = NDArray[np.bool_]
MOST_PAIRS = 6
MOST_CUBES = 4
MOST_LETTERS = 64
MOST_CELLS = 30_000_000
LARGEST_ORDER = 4000
NUMPY: dict[str, Callable[[Any, Any], Any]] = {
    "key == query": np.equal, "key != query": np.not_equal, "key < query": np.less, "key <= query": np.less_equal,
    "key > query": np.greater, "key >= query": np.greater_equal,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Term:
    """One table of a cube.

    Attributes:
        keys, queries: the s-ops that are compared; None for "any position".
        key_values, query_values: their values in order, None last where the s-op can be absent.
        table: which pairs are taken, `(query value, key value)`.
    """

    keys: SOp | None
    queries: SOp | None
    key_values: tuple[Value, ...]
    query_values: tuple[Value, ...]
    table: Table


class Cube(NamedTuple):
    """Pairs that are in all of the terms; with no term, all pairs."""

    terms: tuple[Term, ...]


class _Pair(NamedTuple):
    """A key s-op with a query s-op, and the tables of the selects that compare these two."""

    keys: SOp
    queries: SOp
    selects: tuple[int, ...]


class Selectors:
    """Cubes and properties of the selectors of one program."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.program = values.program
        self._tables: dict[int, Table] = {}
        self.cubes = lru_cache(maxsize=None)(self._cubes)
        self.at_most_one = lru_cache(maxsize=None)(self._at_most_one)
        self.never_empty = lru_cache(maxsize=None)(self._never_empty)
        self.ranks = lru_cache(maxsize=None)(self._ranks)

    def domain(self, node: SOp) -> tuple[Value, ...]:
        """The values of a key or query, None last where it can be absent."""
        return (*self.values.listed(node), *((None,) if self.values.of(node).absent else ()))

    def table(self, select: Select) -> Table:
        """Which pairs of values a select takes, `(query value, key value)`; a predicate that raises takes none."""
        if id(select) not in self._tables:
            keys, queries = self.program.inputs(select)
            k, q = self.domain(keys), self.domain(queries)  # type: ignore[arg-type]
            self._tables[id(select)] = self._taken(select, k, q)
            if _comparison(select) not in NUMPY:
                self._check_variants(select, k, q)
        return self._tables[id(select)]

    def _taken(self, select: Select, keys: Sequence[Value], queries: Sequence[Value]) -> Table:
        plain = all(isinstance(value, (int, float)) for value in (*keys, *queries))
        fast = NUMPY.get(_comparison(select))
        if plain and fast is not None:
            return np.asarray(fast(np.array(keys, dtype=float)[None, :], np.array(queries, dtype=float)[:, None]))
        if len(keys) * len(queries) > MOST_COMBINATIONS:
            raise CompileError(
                f"its predicate has {len(keys):,} x {len(queries):,} pairs of values to decide, more than "
                f"{MOST_COMBINATIONS:,}; compare with one of == != < <= > >=, or s-ops with fewer values",
                self.program.label(select),
            )
        return np.array([[_holds(select, key, query) for key in keys] for query in queries], dtype=bool)

    def _check_variants(self, select: Select, keys: Sequence[Value], queries: Sequence[Value]) -> None:
        """Refuse a predicate that tells apart what is one value in the stream, as `str` tells 2 from 2.0."""
        of_keys, of_queries = (self.values.of(node).variants for node in self.program.inputs(select))  # type: ignore[arg-type]
        for value, other in of_keys:
            if any(_holds(select, value, query) != _holds(select, other, query) for query in queries):
                raise self.values.tells_apart(select, "predicate", value, other)
        for value, other in of_queries:
            if any(_holds(select, key, value) != _holds(select, key, other) for key in keys):
                raise self.values.tells_apart(select, "predicate", value, other)

    def selects(self, selector: Expression) -> list[Select]:
        """The selects under a selector, each once."""
        found: dict[int, Select] = {}
        stack: list[Expression] = [selector]
        seen: set[int] = set()
        while stack:
            node = stack.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if isinstance(node, Select):
                found[id(node)] = node
            else:
                stack.extend(self.program.inputs(node))
        return sorted(found.values(), key=self.program.index)

    def holds(self, selector: Expression, truth: Mapping[int, Any]) -> Any:
        """The formula of a selector for the truth of its selects (bools or arrays)."""
        known: dict[int, Any] = dict(truth)
        order: list[tuple[Expression, bool]] = [(selector, False)]
        while order:
            node, ready = order.pop()
            if id(node) in known:
                continue
            inputs = self.program.inputs(node)
            if not ready:
                order.append((node, True))
                order.extend((child, False) for child in inputs)
                continue
            values = [known[id(child)] for child in inputs]
            if isinstance(node, SelectorAnd):
                known[id(node)] = values[0] & values[1]
            elif isinstance(node, SelectorOr):
                known[id(node)] = values[0] | values[1]
            else:
                assert isinstance(node, SelectorNot)
                known[id(node)] = values[0] ^ True
        return known[id(selector)]

    def _cubes(self, selector: Selector) -> tuple[Cube, ...]:
        """A selector as cubes that exclude one another; none if it selects nothing, ever.

        Raises:
            CompileError: it combines too many comparisons, or compares s-ops with too many values.
        """
        selects = self.selects(selector)
        by_pair: dict[tuple[int, int], list[Select]] = {}
        for each in selects:
            keys, queries = self.program.inputs(each)
            by_pair.setdefault((id(keys), id(queries)), []).append(each)
        if len(by_pair) > MOST_PAIRS:
            raise CompileError(
                f"it combines comparisons of {len(by_pair)} pairs of s-ops, more than {MOST_PAIRS}; "
                "aggregate over some of them first",
                self.program.label(selector),
            )
        groups = list(by_pair.values())
        orders = itertools.permutations(groups) if len(groups) <= 3 else iter([tuple(groups)])
        best = min((self._expanded(selector, order) for order in orders), key=_cost)
        return tuple(best)

    def _expanded(self, selector: Selector, groups: Sequence[Sequence[Select]]) -> list[Cube]:
        letters = [self._letters(group) for group in groups]
        if math.prod(len(found) for found, _ in letters) > 4096:
            raise CompileError(
                "it combines too many comparisons; aggregate over some of them first", self.program.label(selector)
            )
        truth: dict[int, Any] = {}

        def cofactor(i: int) -> tuple[tuple[tuple[int, frozenset[int]], ...], ...]:
            """Cubes over groups i and later, as (group, letters) terms."""
            if i == len(groups):
                return ((),) if self.holds(selector, truth) else ()
            alike: dict[Any, set[int]] = {}
            for number, letter in enumerate(letters[i][0]):
                truth.update({id(each): on for each, on in zip(groups[i], letter, strict=True)})
                alike.setdefault(cofactor(i + 1), set()).add(number)
            found: list[tuple[tuple[int, frozenset[int]], ...]] = []
            for rest, mine in alike.items():
                own = () if len(mine) == len(letters[i][0]) else ((i, frozenset(mine)),)
                found.extend((*own, *cube) for cube in rest)
            return tuple(found)

        return [Cube(tuple(self._term(groups[i], letters[i][1], mine) for i, mine in cube)) for cube in cofactor(0)]

    def _letters(self, group: Sequence[Select]) -> tuple[list[tuple[bool, ...]], NDArray[np.int64]]:
        """The joint truths that selects of one pair of s-ops can have, and which of them each pair of values gives."""
        stacked = np.stack([self.table(each) for each in group], axis=-1)
        flat, index = np.unique(stacked.reshape(-1, len(group)), axis=0, return_inverse=True)
        return [tuple(bool(on) for on in row) for row in flat], index.reshape(stacked.shape[:2])

    def _term(self, group: Sequence[Select], index: NDArray[np.int64], letters: frozenset[int]) -> Term:
        keys, queries = self.program.inputs(group[0])
        assert isinstance(keys, SOp) and isinstance(queries, SOp)
        return Term(keys, queries, self.domain(keys), self.domain(queries), np.isin(index, list(letters)))

    def all_true(self, selector: Expression) -> bool:
        """Whether every query selects every key."""
        return any(not cube.terms for cube in self.cubes(selector))

    def _never_empty(self, selector: Expression) -> bool:
        """Whether every query surely selects a key, namely itself."""
        if self.all_true(selector) or self._finds(selector):
            return True
        truths: list[list[dict[int, bool]]] = []
        for each in self.selects(selector):
            keys, queries = self.program.inputs(each)
            if keys is not queries:
                return False
            diagonal = set(np.diagonal(self.table(each)).tolist())
            truths.append([{id(each): on} for on in diagonal])
        if len(truths) > 8:
            return False
        choices = itertools.product(*truths)
        return all(bool(self.holds(selector, {k: v for part in chosen for k, v in part.items()})) for chosen in choices)

    def _finds(self, selector: Expression) -> bool:
        """Whether keys and queries are both 0, 1, 2, ... in some order, so that every query finds its equal."""
        if not isinstance(selector, Select) or self.values.causal:
            return False
        keys, queries = self.program.inputs(selector)
        both = all(isinstance(node, SOp) and self.values.permutes(node) for node in (keys, queries))
        if not both:
            return False
        k, q = self.domain(keys), self.domain(queries)  # type: ignore[arg-type]
        return all(self.table(selector)[q.index(value), k.index(value)] for value in q if value in k)

    def _at_most_one(self, selector: Expression) -> bool:
        """Whether a query is known to select no more than one key."""
        if isinstance(selector, SelectorAnd):
            return any(self.at_most_one(child) for child in self.program.inputs(selector))
        if isinstance(selector, Select):
            keys = self.program.inputs(selector)[0]
            assert isinstance(keys, SOp)
            table = self.table(selector)
            lone = bool((table.sum(axis=1) <= 1).all())
            if self.values.of(keys).absent:
                lone = lone and not table[:, -1].any()
            return (lone and self.values.distinct(keys)) or self.values.max_length == 1
        return not self.cubes(selector)

    def _ranks(self, selector: Expression) -> bool:
        """Whether the selector puts all positions in a strict order, so that its widths are 0, 1, 2, ... once each."""
        if self.values.causal:
            return False
        nodes: dict[int, SOp] = {}
        for each in self.selects(selector):
            keys, queries = self.program.inputs(each)
            if keys is not queries or not isinstance(keys, SOp) or self.values.of(keys).absent:
                return False
            nodes[id(keys)] = keys
        try:
            return self._total(selector, list(nodes.values()))
        except CompileError:
            return False

    def _total(self, selector: Expression, nodes: list[SOp]) -> bool:
        if not any(self.values.distinct(node) for node in nodes):
            return False
        plain = isinstance(selector, Select) and _comparison(selector) in ("key < query", "key > query")
        if plain and self.values.of(nodes[0]).numeric:
            return True
        rows = self._joint(nodes)
        if rows is None:
            return False
        truth = {}
        for each in self.selects(selector):
            column = next(i for i, node in enumerate(nodes) if node is self.program.inputs(each)[0])
            places = {value: i for i, value in enumerate(self.values.listed(nodes[column]))}
            index = np.array([places[row[column]] for row in rows])
            truth[id(each)] = self.table(each)[np.ix_(index, index)]
        below = self.holds(selector, truth)
        rank = below.sum(axis=1)
        return len(set(rank.tolist())) == len(rows) and bool((below == (rank[None, :] < rank[:, None])).all())

    def _joint(self, nodes: list[SOp]) -> list[tuple[Value, ...]] | None:
        """Joint values of some s-ops at one position; None if they are too many to order."""
        if len(nodes) == 1:
            rows = [(value,) for value in self.values.listed(nodes[0])]
        else:
            sources = list({id(s): s for node in nodes for s in self.values.sources(node)}.values())
            columns = [
                dict(self.values.table(node, sources))
                for node in nodes
                if math.prod(len(self.values.listed(s)) for s in sources) <= LARGEST_ORDER
            ]
            if len(columns) < len(nodes):
                return None
            rows = list(dict.fromkeys(tuple(column[key] for column in columns) for key in columns[0]))
        return rows if len(rows) <= LARGEST_ORDER else None

    def split(self, selector: Expression) -> tuple[Cube, ...] | None:
        """A select whose keys or queries are functions of two sources, as cubes over the sources themselves.

        `(a, b) < (c, d)` in dictionary order is "a < c" or, apart from that, "a == c and b < d": two heads and no pairs
        of values in the residual stream. None where it does not fall apart into few cubes.
        """
        if not isinstance(selector, Select):
            return None
        keys, queries = self.program.inputs(selector)
        assert isinstance(keys, SOp) and isinstance(queries, SOp)
        mine, yours = self.values.sources(keys), self.values.sources(queries)
        if max(len(mine), len(yours)) != 2 or min(len(mine), len(yours)) == 0:
            return None
        if any(self.values.of(node).absent for node in (keys, queries, *mine, *yours)):
            return None
        try:
            found = [self._split(selector, mine, yours, swap) for swap in (False, True)]
        except CompileError:
            return None
        fitting = [cubes for cubes in found if cubes is not None]
        return min(fitting, key=_cost) if fitting else None

    def _split(
        self, selector: Select, mine: tuple[SOp, ...], yours: tuple[SOp, ...], swap: bool
    ) -> tuple[Cube, ...] | None:
        a, b = (*mine, None)[:2]
        c, d = (*yours, None)[:2]
        if swap:
            c, d = d, c
        sets = {id(s): self.values.listed(s) for s in (*mine, *yours)}
        sizes = [len(sets[id(s)]) if s is not None else 1 for s in (c, d, a, b)]
        if math.prod(sizes) > MOST_CELLS:
            return None
        keys, queries = self.program.inputs(selector)
        key_at = self._places(keys, (a, b))  # type: ignore[arg-type]
        query_at = self._places(queries, (c, d))  # type: ignore[arg-type]
        table = np.pad(self.table(selector), ((0, 1), (0, 1)))  # a last row and column for what cannot occur
        whole = table[query_at[:, :, None, None], key_at[None, None, :, :]].transpose(0, 2, 1, 3)
        patterns: dict[bytes, tuple[Table, Table]] = {}
        for i, j in itertools.product(range(sizes[0]), range(sizes[2])):
            inner = whole[i, j]
            if inner.any():
                _, outer = patterns.setdefault(inner.tobytes(), (inner, np.zeros((sizes[0], sizes[2]), dtype=bool)))
                outer[i, j] = True
                if len(patterns) > MOST_CUBES:
                    return None
        first, second = self._source_term(a, c), self._source_term(b, d)
        return tuple(
            Cube(tuple(term for term in (first(outer), second(inner)) if not term.table.all()))
            for inner, outer in patterns.values()
        )

    def _places(self, node: SOp, sources: tuple[SOp | None, SOp | None]) -> NDArray[np.int64]:
        """For each joint value of two sources, the place of the node's value in its set; -1 if it cannot occur."""
        places = {value: i for i, value in enumerate(self.values.listed(node))}
        bases = [source for source in sources if source is not None]
        index = [{value: i for i, value in enumerate(self.values.listed(base))} for base in bases]
        found = np.full([len(i) for i in index], -1, dtype=np.int64)
        for row, value in self.values.table(node, bases):
            try:
                found[tuple(at[v] for at, v in zip(index, row, strict=True))] = places.get(value, -1)
            except TypeError:
                continue
        return found.reshape([len(self.values.listed(s)) if s is not None else 1 for s in sources])

    def _source_term(self, keys: SOp | None, queries: SOp | None) -> Callable[[Table], Term]:
        k = self.values.listed(keys) if keys is not None else (0,)
        q = self.values.listed(queries) if queries is not None else (0,)
        return lambda table: Term(keys, queries, k, q, table)


def _cost(cubes: Sequence[Cube]) -> tuple[int, int]:
    return (len(cubes), sum(len(cube.terms) for cube in cubes))


def _comparison(select: Select) -> str:
    """The text of a predicate in terms of key and query; "" where a function names its arguments otherwise."""
    return select.predicate.text if select.predicate.arguments == ("key", "query") else ""


def _holds(select: Select, key: Value, query: Value) -> bool:
    try:
        return bool(select.predicate(key, query))
    except Exception:
        return False
