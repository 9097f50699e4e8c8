"""The inputs that a compressed model is trained and measured on."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ..craft import Craft
from ..errors import RaspError
from ..expressions import Value

BOS, PAD = 0, 1
MOST_INPUTS = 4096
FEWEST_INPUTS = 4


def input_values(craft: Craft) -> list[Value]:
    """The token values that an input can be made of: those whose embedding is not zero, without BOS and PAD."""
    return [craft.vocabulary[token] for token in _tokens(craft)]


def some_inputs(craft: Craft, generator: torch.Generator) -> Tensor:
    """Token ids `(input, position)` of every input up to the longest, or of at most `MOST_INPUTS` random ones.

    Random ones have any length with the same chance; each input is there once.
    """
    tokens, longest = _tokens(craft), craft.positions - 1
    if sum(len(tokens) ** length for length in range(1, longest + 1)) <= MOST_INPUTS:
        lengths = range(1, longest + 1)
        return _padded(itertools.chain.from_iterable(itertools.product(tokens, repeat=n) for n in lengths), longest)
    choices = torch.tensor(tokens)
    rows = choices[torch.randint(len(tokens), (MOST_INPUTS, longest), generator=generator)]
    lengths_ = torch.randint(1, longest + 1, (MOST_INPUTS, 1), generator=generator)
    rows[torch.arange(longest) >= lengths_] = PAD
    rows = torch.unique(rows, dim=0)
    return torch.cat([torch.full((len(rows), 1), BOS), rows], 1)


def given_inputs(craft: Craft, inputs: Iterable[Sequence[Value]]) -> Tensor:
    """Token ids `(input, position)` of the caller's inputs.

    Raises:
        RaspError: an input is empty, too long, or has a value that is no input.
    """
    known = {(type(craft.vocabulary[token]), craft.vocabulary[token]): token for token in _tokens(craft)}
    longest, rows = craft.positions - 1, []
    for number, given in enumerate(inputs):
        if not 1 <= len(given) <= longest:
            raise RaspError(f"input {number} has {len(given)} tokens; pass from 1 to {longest}")
        for value in given:
            if (type(value), value) not in known:
                raise RaspError(f"{value!r} in input {number} is no input; those are {input_values(craft)}")
        rows.append(tuple(known[type(value), value] for value in given))
    return _padded(dict.fromkeys(rows), longest)


def split(ids: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Three quarters to train on and a quarter to hold out, at random.

    Raises:
        RaspError: there are fewer than four inputs.
    """
    if len(ids) < FEWEST_INPUTS:
        raise RaspError(f"there are {len(ids)} different inputs; {FEWEST_INPUTS} or more are needed to hold some out")
    shuffled = ids[torch.randperm(len(ids), generator=generator)]
    held = len(ids) // 4
    return shuffled[held:], shuffled[:held]


def _tokens(craft: Craft) -> list[int]:
    """Ids of the inputs; where the craft does not say, of the tokens that write something."""
    if craft.inputs:
        return list(range(2, 2 + len(craft.inputs)))
    return sorted({token for token, _ in craft.token_table} - {BOS, PAD})


def _padded(rows: Iterable[tuple[int, ...]], longest: int) -> Tensor:
    filled = [[BOS, *row, *[PAD] * (longest - len(row))] for row in rows]
    return torch.tensor(filled, dtype=torch.long).view(-1, longest + 1)
