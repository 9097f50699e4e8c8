"""Loading a text: its names with their values, and what it asks to be drawn."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..errors import RaspError
from ..expressions import SOp
from .builtins import VALUES
from .errors import Place, Source, TextError
from .examples import Trial
from .parser import parse_source
from .runner import Drawing, Runner
from .scope import Scope
from .tree import Text

PROGRAMS = (
    "dyck1_ptf", "dyck2_ptf", "dyck3_ptf", "dyckk_ptf", "hist2_bos", "hist_bos", "hist_nobos", "long_addition",
    "reverse", "rover", "sort_bos", "sort_by_most_freq",
)  # fmt: skip


class Module(Mapping[str, Any]):
    """What a text defines: s-ops, selectors, functions and plain values, by name.

    Attributes:
        tree: the syntax tree.
        draws: what the text asks to be drawn.
        example: the running example for s-ops, a string or a list; the last one that the text sets.
        selector_example: the running example for selectors.
    """

    def __init__(self, tree: Text, values: Mapping[str, Any], draws: Sequence[Drawing], trial: Trial) -> None:
        self.tree, self.draws = tree, list(draws)
        self.example, self.selector_example = trial.example, trial.selector_example
        self._values = dict(values)

    @property
    def sops(self) -> dict[str, SOp]:
        """The s-ops alone."""
        return {name: value for name, value in self._values.items() if isinstance(value, SOp)}

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            near = difflib.get_close_matches(name, self._values, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it defines {', '.join(self._values) or 'nothing'}"
            raise KeyError(f"the text does not define {name!r}{hint}")
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Module({', '.join(self._values)})"


def load(
    source: str,
    *,
    path: str | None = None,
    modules: Mapping[str, str] | str | Path | None = None,
    example: str | Sequence[Any] | None = None,
) -> Module:
    """Run a RASP text.

    `tokens` are the input's tokens as they are: characters where the input is a string, as in RASP, and numbers where
    it is a list of numbers; `tokens_str` are strings always. Every value is tried on the running example, so that
    errors of type show where they are written.

    Args:
        source: the text, not a file's name.
        path: what to call it in messages.
        modules: texts for its `load "name";` statements, by name, or the folder where they lie as `name.rasp`.
        example: the running example until the text sets another; "hello" if None. A program that reads numbers or
            looks tokens up need not fit "hello", any other error there counts.

    Raises:
        TextError: the text cannot be read or run; says where.
    """
    written = Source(source, path)
    tree = parse_source(written)
    trial = Trial()
    if example is not None:
        trial.set(example if isinstance(example, str) else list(example))
    runner = new_runner(Path(modules) if isinstance(modules, str) else modules, trial)
    try:
        scope = runner.run_text(tree.statements, written)
        trial.check()
    except RecursionError:
        raise TextError("the text is nested too deeply; give parts of it names", Place(written, 0)) from None
    return Module(tree, scope.values, runner.draws, trial)


def new_runner(modules: Mapping[str, str] | Path | None = None, trial: Trial | None = None) -> Runner:
    """Something to run a text with, with the library around it."""
    return Runner(library(), modules, trial)


@functools.cache
def library() -> Scope:
    """The scope of built-ins and library functions that is around every text."""
    builtins = Scope(Source("", is_library=True))
    builtins.values.update(VALUES)
    source = Source(_packaged("library.rasp"), "library.rasp", is_library=True)
    written = Runner(builtins).run_text(parse_source(source).statements, source)
    outermost = Scope(source)
    public = {name: value for name, value in written.values.items() if not name.startswith("_")}
    outermost.values.update({**VALUES, **public})
    return outermost


def program(name: str) -> Module:
    """One of the package's own texts; what it is about has its name, `program("reverse")["reverse"]`.

    That is an s-op, except for `dyckk_ptf`, a function of a list of pairs.
    """
    if name not in PROGRAMS:
        raise RaspError(f"there is no program {name!r}; there are {', '.join(PROGRAMS)}")
    return load(program_text(name), path=f"{name}.rasp", modules={other: program_text(other) for other in PROGRAMS})


def program_text(name: str) -> str:
    """The text of one of the package's own programs."""
    return _packaged("programs", f"{name}.rasp")


def _packaged(*parts: str) -> str:
    return files(__package__).joinpath(*parts).read_text(encoding="utf-8")
