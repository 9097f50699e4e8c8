"""Train a model of the zoo again: `python -m attrium_kernel.zoo.train scenes|digits|reviews|tabular|tiny_gpt2`."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path

from attrium_kernel.zoo.card import Card
from attrium_kernel.zoo.folders import names, path


def train(name: str, folder: Path | None = None) -> Card:
    """Train a model and write its weights and card to `folder` (by default the package's own).

    Raises: `ValueError` for a name that is not in `names()`.
    """
    folder = folder or path(name)
    if name not in names():
        raise ValueError(f"no recipe for {name!r}; choose one of {', '.join(names())}")
    folder.mkdir(parents=True, exist_ok=True)
    recipe = importlib.import_module(f"attrium_kernel.zoo.recipes.{name}")
    card: Card = recipe.train(folder)
    return card


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m attrium_kernel.zoo.train", description="Train a model of the zoo.")
    parser.add_argument("name", choices=names())
    parser.add_argument("--out", type=Path, help="folder to write to (default: the package's own)")
    chosen = parser.parse_args(arguments)
    print(train(chosen.name, chosen.out).to_markdown())


if __name__ == "__main__":
    main()
