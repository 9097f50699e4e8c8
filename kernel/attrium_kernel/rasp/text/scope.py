"""Where names are looked up, and functions that a text defines."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .errors import Source
from .tree import Define


class Scope:
    """Names and their values; a name that is not here is looked up in the scope around it.

    Attributes:
        values: the names of this scope.
        around: the scope outside it, None for the outermost.
        source: the text that its names are written in.
    """

    def __init__(self, source: Source, around: Scope | None = None) -> None:
        self.values: dict[str, Any] = {}
        self.source, self.around = source, around

    def _outward(self) -> Iterator[Scope]:
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.around

    def find(self, name: str) -> Any:
        """The value of a name. Raises: `KeyError`."""
        for scope in self._outward():
            if name in scope.values:
                return scope.values[name]
        raise KeyError(name)

    def nearest(self, name: str) -> str | None:
        """The known name most like an unknown one."""
        known = [known for scope in self._outward() for known in scope.values]
        return next(iter(difflib.get_close_matches(name, known, 1)), None)


@dataclass(frozen=True, eq=False)
class TextFunction:
    """A function that a text defines; called with s-ops, selectors and plain values.

    Attributes:
        definition: its part of the syntax tree.
        scope: where its body looks up names.
        defaults: value of each parameter that has one, by name.
    """

    definition: Define
    scope: Scope
    defaults: dict[str, Any]

    @property
    def name(self) -> str:
        """What it is called."""
        return self.definition.name

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call it from Python."""
        from .module import new_runner  # runs functions, and so stands on this file

        return new_runner().called(self, list(arguments), keywords)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(parameter.name for parameter in self.definition.parameters)})"
