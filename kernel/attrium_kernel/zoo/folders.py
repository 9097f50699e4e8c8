"""Where the zoo keeps its files."""

from __future__ import annotations

from pathlib import Path

_WEIGHTS = Path(__file__).parent / "weights"
_NAMES = ("scenes", "digits", "reviews", "tabular", "tiny_gpt2")


def names() -> list[str]:
    """The models of the zoo."""
    return list(_NAMES)


def path(name: str) -> Path:
    """The folder of a model: weights, card and, for text models, tokenizer files.

    Raises: `ValueError` for a name that is not in `names()`.
    """
    if name not in _NAMES:
        raise ValueError(f"the zoo has no model named {name!r}; choose one of {', '.join(_NAMES)}")
    return _WEIGHTS / name
