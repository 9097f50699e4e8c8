"""Print constraints.txt: the version installed here of everything that `attrium` and its extras bring (`make lock`)."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOTS = ["attrium[demo,test,docs,dev]"]


def needed(roots: list[str]) -> dict[str, str]:
    """Name to version of the roots and all that they require in this environment."""
    versions: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [Requirement(text) for text in roots]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            sys.exit(f"{name} is required but not installed here: run `make lock`, which installs every extra first.")
        versions[name] = Version(found.version).public
        for extra in {"", *requirement.extras} - {extra for known, extra in seen if known == name}:
            seen.add((name, extra))
            further = [Requirement(text) for text in found.requires or []]
            waiting += [r for r in further if r.marker is None or r.marker.evaluate({"extra": extra})]
    versions.pop("attrium")
    return versions


def main() -> None:
    """Print the pins, torch first."""
    pins = needed(ROOTS)
    print("# Versions that `make demo` and `make test` install, written by `make lock`.")
    print(f"# Tested with Python {platform.python_version()}.")
    for name in sorted(pins, key=lambda name: (name != "torch", name)):
        print(f"{name}=={pins[name]}")


if __name__ == "__main__":
    main()
