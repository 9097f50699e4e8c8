"""All short inputs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product


def every(alphabet: str, longest: int, start: str = "") -> Iterator[str]:
    """All texts over an alphabet up to a length, after a start; those of length 0 are left out."""
    for length in range(longest + 1):
        for letters in product(alphabet, repeat=length):
            if start or letters:
                yield start + "".join(letters)
