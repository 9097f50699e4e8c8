"""Tracr's recorded results: 58 programs it compiles, 8 it refuses and 3 with padding, as data.

`golden/tracr.json` was recorded from the reference compiler (Lindner et al. 2023, commit 9ce2b8c) and its interpreter;
its own `about` describes the fields. Where a case's status is "diverges", Tracr's model was wrong and only the
interpreter's values count.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from attrium_kernel import rasp

FILE = Path(__file__).parent / "golden" / "tracr.json"


@dataclass(frozen=True)
class Case:
    """One recorded program.

    Attributes:
        data: the entry of the file.
        program: the program it describes.
        vocabulary, max_length, causal: what it was compiled for.
    """

    data: dict[str, Any]
    program: rasp.Program
    vocabulary: tuple[Any, ...]
    max_length: int
    causal: bool

    @property
    def name(self) -> str:
        return str(self.data["id"])

    @property
    def rows(self) -> list[tuple[list[Any], list[Any]]]:
        """Inputs and the values that Tracr's interpreter gave for them."""
        return [(plain(row["input"]), plain(row["rasp"])) for row in self.data["io"]]

    def __repr__(self) -> str:
        return self.name


@cache
def _file() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def cases(kind: str) -> list[Case]:
    """All cases of a kind: "cases", "rejected" or "padding"."""
    return [_case(entry) for entry in _file()[kind]]


def _case(entry: dict[str, Any]) -> Case:
    program = rasp.Program.from_dict({"program": entry["program"], "output": entry["output"]})
    return Case(entry, program, tuple(plain(entry["vocab"])), entry["max_seq_len"], entry.get("causal", False))


def plain(value: Any) -> Any:
    """A recorded value as Python has it: the file writes tuples as `{"tuple": [...]}`."""
    if isinstance(value, dict):
        return tuple(plain(item) for item in value["tuple"])
    return [plain(item) for item in value] if isinstance(value, list) else value
