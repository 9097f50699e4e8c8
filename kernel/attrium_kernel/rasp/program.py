"""A program: the graph under one s-op, in order, with stable labels, to save, compare and open again."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import RaspError
from .expressions import (
    Aggregate,
    Constant,
    Elementwise,
    Expression,
    LinearSequenceMap,
    Map,
    Select,
    Selector,
    SelectorAnd,
    SelectorNot,
    SelectorOr,
    SelectorWidth,
    SequenceMap,
    SOp,
    indices,
    tokens,
)

COMBINED = {"selector_and": SelectorAnd, "selector_or": SelectorOr, "selector_not": SelectorNot}


class Program:
    """The graph under an expression.

    What is written twice in the same way is one node here, so that nothing is computed twice. Labels are the names
    that were given, else the kind and a running number in the order of the program; they are the same in every session.

    Attributes:
        output: the node whose value the program gives.
        nodes: all nodes, each after its inputs.
    """

    def __init__(self, output: Expression | Program) -> None:
        if isinstance(output, Program):
            output = output.output
        if not isinstance(output, Expression):
            raise RaspError(
                f"a program was given as {reprlib.repr(output)} ({type(output).__name__}); {_instead_of(output)}"
            )
        ordered = _in_order(output)
        self._canonical: dict[int, Expression] = {}
        self._originals = ordered  # keeps them alive, since _canonical knows them by id
        keys: dict[Hashable, Expression] = {}
        names: dict[int, str] = {}
        self._inputs: dict[int, tuple[Expression, ...]] = {}
        for node in ordered:
            inputs = tuple(self._canonical[id(child)] for child in node.inputs)
            encoding = node.encoding if isinstance(node, SOp) else None
            kind = "elementwise" if isinstance(node, Elementwise) else node.kind
            key = (kind, encoding, node.settings, tuple(id(child) for child in inputs))
            mine = keys.setdefault(key, node)
            self._canonical[id(node)] = mine
            self._inputs.setdefault(id(mine), inputs)
            if node.name is not None:
                names.setdefault(id(mine), node.name)
        self.output: Expression = self._canonical[id(output)]
        kept = {id(node) for node in keys.values()}
        self.nodes: tuple[Expression, ...] = tuple(node for node in ordered if id(node) in kept)
        self._labels = _labels(self.nodes, names)
        self._named = frozenset(names)
        self._by_label = {label: node for node, label in zip(self.nodes, self._labels.values(), strict=True)}
        self._index = {id(node): i for i, node in enumerate(self.nodes)}

    def __reduce__(self) -> Any:
        """A copy or pickle is made anew from the output, since nodes are known by their ids."""
        return (Program, (self.output,))

    def node(self, label: str | Expression) -> Expression:
        """The node of a label, or the one that an expression became."""
        if isinstance(label, Expression):
            if id(label) not in self._canonical:
                raise RaspError(f"{label!r} is not in this program; its nodes are {', '.join(self._by_label)}")
            return self._canonical[id(label)]
        if label not in self._by_label:
            raise RaspError(f"no node is labelled {label!r}; the nodes are {', '.join(self._by_label)}")
        return self._by_label[label]

    def label(self, node: Expression) -> str:
        """The label of a node."""
        return self._labels[id(self.node(node))]

    def inputs(self, node: Expression) -> tuple[Expression, ...]:
        """The nodes that a node is made from."""
        return self._inputs[id(self.node(node))]

    def index(self, node: Expression) -> int:
        """The place of a node in the order of the program."""
        return self._index[id(self.node(node))]

    def is_named(self, node: Expression) -> bool:
        """Whether the writer gave the node a name."""
        return id(self.node(node)) in self._named

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of all nodes, in order."""
        return tuple(self._by_label)

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Expression]:
        return iter(self.nodes)

    def same_as(self, other: Expression | Program) -> bool:
        """Whether both are written alike: the same nodes, functions and encodings; names aside."""
        mine, yours = self, other if isinstance(other, Program) else Program(other)
        if len(mine) != len(yours):
            return False
        return all(mine._shape(a) == yours._shape(b) for a, b in zip(mine.nodes, yours.nodes, strict=True))

    def _shape(self, node: Expression) -> Hashable:
        kind = "elementwise" if isinstance(node, Elementwise) else node.kind
        encoding = node.encoding if isinstance(node, SOp) else None
        return (kind, encoding, node.settings, tuple(self.index(child) for child in self.inputs(node)))

    def __repr__(self) -> str:
        return f"Program({self.label(self.output)}: {len(self)} nodes)"

    def to_text(self) -> str:
        """The program as one line per node, for reading and for comparing two versions."""
        lines = []
        for node in self.nodes:
            inputs = ", ".join(self.label(child) for child in self.inputs(node))
            extra = ""
            if isinstance(node, Elementwise):
                extra = f"  {', '.join(node.f.arguments)}: {node.f.text}"
            elif isinstance(node, Select):
                extra = f"  {node.predicate.text}"
            elif isinstance(node, Aggregate):
                extra = f"  {node.reduce}, default {node.default!r}"
            elif isinstance(node, Constant):
                extra = f"  {node.value!r}"
            encoding = node.encoding if isinstance(node, SOp) else None
            lines.append(f"{self.label(node)} = {node.kind}({inputs}){extra}{f'  [{encoding}]' if encoding else ''}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The program as plain data: `{"program": [node, ...], "output": label}`.

        Raises:
            RaspError: a function is not in the expression language (names the node), so it cannot be saved.
        """
        return {"program": [self._entry(node) for node in self.nodes if node.kind not in ("tokens", "indices")],
                "output": self.label(self.output)}  # fmt: skip

    def to_json(self, path: str | Path | None = None) -> str:
        """`to_dict` as text, also written to a file if a path is given."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False)
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    def _entry(self, node: Expression) -> dict[str, Any]:
        refs = [self.label(child) for child in self.inputs(node)]
        entry: dict[str, Any] = {"id": self.label(node), "op": node.kind}
        if isinstance(node, Constant):
            entry.update(op="full", fill=_packed(node.value))
        elif isinstance(node, LinearSequenceMap):
            entry.update(a=refs[0], b=refs[1], fa=node.factors[0], fb=node.factors[1])
        elif isinstance(node, Elementwise):
            short = node.f.arguments == ("x", "y")[: len(refs)] and len(refs) <= 2
            entry["f"] = self._text(node, node.f)
            if short:
                entry.update(
                    op="map" if len(refs) == 1 else "sequence_map",
                    **dict(zip(("x",) if len(refs) == 1 else ("a", "b"), refs, strict=True)),
                )
            else:
                entry.update(op="elementwise", inputs=refs, arguments=list(node.f.arguments))
        elif isinstance(node, Select):
            entry.update(keys=refs[0], queries=refs[1], predicate=self._text(node, node.predicate))
            if node.predicate.arguments != ("key", "query"):
                entry["arguments"] = list(node.predicate.arguments)
        elif isinstance(node, Aggregate):
            entry.update(selector=refs[0], x=refs[1], default=_packed(node.default))
            if node.reduce != "mean":
                entry["reduce"] = node.reduce
        elif isinstance(node, SelectorWidth):
            entry["selector"] = refs[0]
        else:
            entry.update(zip(("a", "b"), refs, strict=False))
        if isinstance(node, SOp) and node.encoding is not None:
            entry["encoding"] = node.encoding
        if not self.is_named(node):
            entry["anonymous"] = True
        return entry

    def _text(self, node: Expression, f: Any) -> str:
        if not f.portable:
            raise RaspError(
                f"its function ({f.text}) is Python and cannot be saved; write it as text in the expression language, "
                "such as 'x + 1'",
                self.label(node),
            )
        return str(f.text)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Program:
        """Open a program that `to_dict` wrote.

        Each node has an `id`, an `op` and what the op needs: `map` (x, f), `sequence_map` (a, b, f), `elementwise`
        (inputs, f, arguments), `linear_sequence_map` (a, b, fa, fb), `full` (fill), `select` (keys, queries,
        predicate), `selector_and`, `selector_or`, `selector_not` (a, b), `selector_width` (selector), `aggregate`
        (selector, x, default, reduce). References are ids, or the built-in `tokens` and `indices`. `encoding` is
        optional, and `anonymous` marks ids that are no names.
        """
        known: dict[str, Expression] = {"tokens": tokens, "indices": indices}
        for key in ("program", "output"):
            if key not in data:
                raise RaspError(f"{key!r} is missing; a program has 'program', a list of nodes, and 'output', an id")
        for entry in data["program"]:
            try:
                known[entry["id"]] = _opened(entry, known)
            except KeyError as error:
                raise RaspError(
                    f"{error.args[0]!r} is missing: neither a key of this node nor an earlier node's id",
                    entry.get("id"),
                ) from None
        if data["output"] not in known:
            raise RaspError(f"the output {data['output']!r} is not one of the nodes: {', '.join(known)}")
        return cls(known[data["output"]])

    @classmethod
    def from_json(cls, text_or_path: str | Path) -> Program:
        """Open a program from text in JSON, or from a file of it."""
        text = str(text_or_path)
        if not text.lstrip().startswith("{"):
            text = Path(text).read_text(encoding="utf-8")
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise RaspError(f"the text is not JSON: {error}; pass what to_json wrote, or a file of it") from None
        return cls.from_dict(data)


def _instead_of(given: Any) -> str:
    """What to pass for something that is no program."""
    if isinstance(given, Mapping):
        return f"pass one of its s-ops: {', '.join(map(str, given))}"
    if callable(getattr(given, "build", None)):
        return "pass what its build() makes"
    if isinstance(given, str):
        return "pass an s-op or a selector; a text in RASP becomes s-ops by rasp.text.load"
    return "pass an s-op or a selector"


def _opened(entry: Mapping[str, Any], known: Mapping[str, Expression]) -> Expression:
    from .functions import function, predicate

    made: Any
    op = entry["op"]
    if op == "map":
        made = Map(entry["f"], known[entry["x"]])
    elif op == "sequence_map":
        made = SequenceMap(entry["f"], known[entry["a"]], known[entry["b"]])
    elif op == "elementwise":
        made = Elementwise(function(entry["f"], *entry["arguments"]), *(known[ref] for ref in entry["inputs"]))
    elif op == "linear_sequence_map":
        made = LinearSequenceMap(_an_sop(known[entry["a"]]), _an_sop(known[entry["b"]]), entry["fa"], entry["fb"])
    elif op == "full":
        made = Constant(_unpacked(entry["fill"]))
    elif op == "select":
        arguments = entry.get("arguments")
        test = function(entry["predicate"], *arguments) if arguments else predicate(entry["predicate"])
        made = Select(known[entry["keys"]], known[entry["queries"]], test)
    elif op in COMBINED:
        made = COMBINED[op](*(known[entry[key]] for key in ("a", "b") if key in entry))
    elif op == "selector_width":
        made = SelectorWidth(_a_selector(known[entry["selector"]]))
    elif op == "aggregate":
        made = Aggregate(_a_selector(known[entry["selector"]]), known[entry["x"]],
                         _unpacked(entry.get("default")), entry.get("reduce", "mean"))  # fmt: skip
    else:
        raise RaspError(f"{op!r} is not an op of a program", entry["id"])
    if "encoding" in entry:
        made = made.encoded(entry["encoding"])
    return made if entry.get("anonymous") else made.named(entry["id"])  # type: ignore[no-any-return]


def _an_sop(node: Expression) -> SOp:
    if not isinstance(node, SOp):
        raise RaspError(f"{node!r} is a selector; expected an s-op")
    return node


def _a_selector(node: Expression) -> Selector:
    if not isinstance(node, Selector):
        raise RaspError(f"{node!r} is an s-op; expected a selector")
    return node


def _packed(value: Any) -> Any:
    return {"tuple": [_packed(item) for item in value]} if isinstance(value, tuple) else value


def _unpacked(value: Any) -> Any:
    return tuple(_unpacked(item) for item in value["tuple"]) if isinstance(value, dict) else value


def _in_order(output: Expression) -> list[Expression]:
    """Every expression once, inputs first. A walk with its own stack: a chain of a thousand is no problem."""
    done: set[int] = set()
    ordered: list[Expression] = []
    stack: list[tuple[Expression, bool]] = [(output, False)]
    while stack:
        node, ready = stack.pop()
        if id(node) in done:
            continue
        if ready:
            done.add(id(node))
            ordered.append(node)
        else:
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(node.inputs) if id(child) not in done)
    return ordered


def _labels(nodes: Sequence[Expression], names: Mapping[int, str]) -> dict[int, str]:
    """A label for each node: its name, with a number where the name is taken, or its kind with a running number."""
    given = {"tokens", "indices"}
    taken = {names[id(node)] for node in nodes if id(node) in names} | given
    used: set[str] = set()
    counts: dict[str, int] = {}
    found: dict[int, str] = {}
    for node in nodes:
        name = names.get(id(node))
        label = name
        own = node.kind in given
        while label is None or label in used or (not own and label in (taken if label != name else given)):
            stem = name or node.kind
            counts[stem] = counts.get(stem, 1 if name else 0) + 1
            label = f"{stem}_{counts[stem]}"
        used.add(label)
        found[id(node)] = label
    return found
