"""The syntax tree of a RASP text: what was written, nothing worked out. `at` is an offset into the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from .errors import Source


@dataclass(frozen=True)
class Literal:
    """A number, a string, True or False."""

    at: int
    value: int | float | str | bool


@dataclass(frozen=True)
class Name:
    """A name that is read."""

    at: int
    name: str


@dataclass(frozen=True)
class Sign:
    """A comparison as an argument: the `==` of `select(tokens, tokens, ==)`."""

    at: int
    sign: str


@dataclass(frozen=True)
class Unary:
    """`-x`, `+x`, `not x`."""

    at: int
    sign: str
    x: Node


@dataclass(frozen=True)
class Binary:
    """`x + y` and the like; `at` is where the sign stands. Signs as written, and `in`, `not in`."""

    at: int
    sign: str
    x: Node
    y: Node


@dataclass(frozen=True)
class Choice:
    """`x if condition else y`; `at` is where the `if` stands."""

    at: int
    condition: Node
    x: Node
    y: Node


@dataclass(frozen=True)
class Index:
    """`x[i]`; `at` is where the bracket stands."""

    at: int
    x: Node
    i: Node


@dataclass(frozen=True)
class Call:
    """`f(x, y, name=z)`; `at` is where `f` starts."""

    at: int
    f: Node
    arguments: tuple[Node, ...]
    keywords: tuple[tuple[str, Node], ...] = ()


@dataclass(frozen=True)
class Listing:
    """`[x, y]`, or `x, y` where several values are assigned or returned."""

    at: int
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Mapped:
    """`{key: value, ...}`."""

    at: int
    items: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True)
class Comprehension:
    """`[value for targets in over if condition]`, or with a key, in braces, a dict."""

    at: int
    key: Node | None
    value: Node
    targets: tuple[Name, ...]
    over: Node
    condition: Node | None


Node: TypeAlias = Literal | Name | Sign | Unary | Binary | Choice | Index | Call | Listing | Mapped | Comprehension


@dataclass(frozen=True)
class Assign:
    """`a, b = x, y;`."""

    at: int
    targets: tuple[Name, ...]
    value: Node


@dataclass(frozen=True)
class Define:
    """`def name(parameters) { body }`; a parameter may have a default."""

    at: int
    name: str
    parameters: tuple[Name, ...]
    defaults: tuple[Node | None, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Return:
    """`return x, y;`."""

    at: int
    value: Node


@dataclass(frozen=True)
class For:
    """`for a, b in over { body }`."""

    at: int
    targets: tuple[Name, ...]
    over: Node
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Draw:
    """`draw(x, input);`."""

    at: int
    x: Node
    input: Node | None


@dataclass(frozen=True)
class Load:
    """`load "name";`."""

    at: int
    name: str


@dataclass(frozen=True)
class SetExample:
    """`set example "hello";`, or for s-ops or selectors alone."""

    at: int
    of: str
    value: Node


@dataclass(frozen=True)
class Say:
    """An expression by itself; its value becomes `out`."""

    at: int
    x: Node


Statement: TypeAlias = Assign | Define | Return | For | Draw | Load | SetExample | Say


@dataclass(frozen=True)
class Text:
    """A whole program text."""

    source: Source
    statements: tuple[Statement, ...]
