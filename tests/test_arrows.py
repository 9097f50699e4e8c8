"""The arrows of the house: js <- widgets -> kernel, and no circle among the rooms of the kernel.

The first half asks a fresh interpreter what an import brought along; the second half reads the source. Each check has a
twin that gives it a house with the fault in it and expects a complaint.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
KERNEL = ROOT / "kernel" / "attrium_kernel"
FORBIDDEN = ["ipywidgets", "anywidget", "traitlets", "IPython", "plotly", "attrium"]
# Which rooms a room may import from; `attribution`, `tracing` and the like stand beside one another
# on `arrays` and `running`.
STANDS_ON = {"arrays", "running"}
FOUNDATIONS = {"arrays": set(), "running": set()}

IMPORT_ALL = """
import importlib, json, pkgutil, sys
package = importlib.import_module(sys.argv[1])
names = [m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
print(json.dumps({"modules": names, "loaded": sorted(sys.modules)}))
"""


def import_everything(package: str, folder: Path) -> dict[str, list[str]]:
    """Import a package and all its submodules in a fresh interpreter; which they are and what is loaded then."""
    code = f"import sys; sys.path.insert(0, {str(folder)!r})\n{IMPORT_ALL}"
    run = subprocess.run([sys.executable, "-c", code, package], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def trespassers(loaded: list[str]) -> list[str]:
    """Forbidden top-level packages among loaded modules."""
    return sorted({name.partition(".")[0] for name in loaded} & set(FORBIDDEN))


def test_the_kernel_brings_no_ui_package():
    seen = import_everything("attrium_kernel", KERNEL.parent)
    assert {"attrium_kernel.attribution", "attrium_kernel.zoo"} <= set(seen["modules"])
    assert trespassers(seen["loaded"]) == []


@pytest.mark.parametrize("culprit", ["traitlets", "ipywidgets", "IPython"])
def test_a_ui_import_deep_in_a_package_would_be_seen(tmp_path, culprit):
    room = tmp_path / "some_kernel" / "room"
    room.mkdir(parents=True)
    (room.parent / "__init__.py").touch()
    (room / "__init__.py").touch()
    (room / "deep.py").write_text(f"def f():\n    pass\n\nimport {culprit}\n")
    assert culprit in trespassers(import_everything("some_kernel", tmp_path)["loaded"])


def imported_modules(path: Path, package: str) -> set[str]:
    """Full names of the modules a file imports, at the top or inside a function, relative imports resolved."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            stem = ".".join([*base, *filter(None, [node.module])])
            names |= {stem, *(f"{stem}.{alias.name}" for alias in node.names)}
    return names


def room_arrows(kernel: Path) -> dict[str, set[str]]:
    """For each room of a kernel (a folder, or a file at the top), the other rooms that it imports from."""
    rooms = {p.stem for p in kernel.iterdir() if p.name not in {"__init__.py", "__pycache__", "py.typed"}}
    arrows: dict[str, set[str]] = {room: set() for room in rooms}
    for path in kernel.rglob("*.py"):
        parts = path.relative_to(kernel).parts
        room = parts[0].removesuffix(".py")
        if room not in rooms:
            continue
        for name in imported_modules(path, ".".join([kernel.name, *parts[:-1]])):
            head, _, rest = name.partition(".")
            target = rest.partition(".")[0]
            if head == kernel.name and target in rooms - {room}:
                arrows[room].add(target)
    return arrows


def test_rooms_stand_on_their_foundations_only():
    arrows = room_arrows(KERNEL)
    assert set(FOUNDATIONS) & set(arrows) >= {"arrays", "running"}
    astray = {room: extra for room, to in arrows.items() if (extra := to - FOUNDATIONS.get(room, STANDS_ON))}
    assert astray == {}
    tuple(TopologicalSorter(arrows).static_order())


def test_a_circle_between_rooms_would_be_seen(tmp_path):
    kernel = tmp_path / "some_kernel"
    for room in ("one", "two"):
        (kernel / room).mkdir(parents=True)
    (kernel / "one" / "a.py").write_text("from some_kernel.two.b import thing\n")
    (kernel / "two" / "b.py").write_text("def late():\n    from ..one import a\n")
    arrows = room_arrows(kernel)
    assert arrows == {"one": {"two"}, "two": {"one"}}
    with pytest.raises(CycleError):
        tuple(TopologicalSorter(arrows).static_order())


def test_the_front_end_sources_reach_for_nothing_outside_their_bundle():
    sources = [p for p in (ROOT / "js" / "src").rglob("*.ts*") if p.is_file()]
    assert sources
    for path in sources:
        text = path.read_text(encoding="utf-8")
        for host in ("unpkg.com", "jsdelivr", "esm.sh", "cdnjs", "esm.run"):
            assert host not in text, f"{path.name} names {host}: bundles carry all they need"
