"""From numbers back to values: the logits of a program's output, and any node's directions in the residual stream."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .craft import ABSENT, Craft, Direction
from .expressions import Value

SHARPNESS = 20.0
"""The logit of a value that is certain; tokens that are no output have minus this."""


def decode(craft: Craft, logits: Tensor) -> list[Value]:
    """The output of one input: a value for each token, the BOS left out.

    As `decode_batch`, for logits `(position, output)`.
    """
    return decode_batch(craft, logits[None])[0]


def decode_batch(craft: Craft, logits: Tensor, lengths: Sequence[int] | None = None) -> list[list[Value]]:
    """The outputs of several inputs.

    A number is a float. A category is the value that has all of the share (up to half of what one of several averaged
    values has), else None where "absent" leads, else the mean of the values if all are numbers (a head has averaged a
    one-hot), else the value that leads.

    Args:
        craft: the model that the logits are from.
        logits: `(batch, position, output)`, position 0 being the BOS.
        lengths: tokens of each input without its BOS, where rows are padded; None if none is.

    Returns:
        For each input a value for each of its tokens.
    """
    given = logits.detach().double().cpu()[:, 1:]
    rows: list[list[Value]] = given[..., 0].tolist() if craft.numerical else _categories(craft, given)
    return rows if lengths is None else [row[:length] for row, length in zip(rows, lengths, strict=True)]


def _categories(craft: Craft, logits: Tensor) -> list[list[Value]]:
    shares = logits / SHARPNESS
    absent = next((i for i, value in enumerate(craft.outputs) if value is ABSENT), None)
    gone = torch.zeros(shares.shape[:2], dtype=torch.bool)
    if absent is not None:
        gone = shares.argmax(-1) == absent
        shares = shares.clone()
        shares[..., absent] = 0
    return [
        folded_rows(craft.outputs, row, missing, craft.positions) for row, missing in zip(shares, gone, strict=True)
    ]


def folded_rows(values: Sequence[Value], shares: Tensor, absent: Tensor, positions: int) -> list[Value]:
    """What each row of shares stands for.

    Args:
        values: what the columns stand for.
        shares: `(position, value)`, the share of each value.
        absent: `(position,)` bool, where there is no value unless one is certain.
        positions: how many values can have been averaged.
    """
    largest, place = shares.max(-1)
    faint = 0.5 / positions  # half of the least share that one of several averaged values can have
    found: list[Value] = []
    for row, top, index, missing in zip(shares, largest.tolist(), place.tolist(), absent.tolist(), strict=True):
        if top >= 1 - faint:
            found.append(values[index])
        else:
            found.append(None if missing else _mixture(values, row, index, faint))
    return found


def _mixture(values: Sequence[Value], shares: Tensor, leading: int, faint: float) -> Value:
    """The mean of values that are numbers, else the one that leads."""
    mixed = [(values[i], float(shares[i])) for i in (shares > faint).nonzero().flatten().tolist()]
    if mixed and all(isinstance(value, (bool, int, float)) for value, _ in mixed):
        return sum(value * share for value, share in mixed) / sum(share for _, share in mixed)
    return values[leading]


def read_nodes(craft: Craft, residual: Tensor) -> dict[str, list[Value]]:
    """The values of all nodes that live in the residual stream, read from it.

    A node with a dimension per value is read as in `decode_batch`, absent where the shares add up to less than a half.
    A node that is a number is a float, or None where its "present" dimension, if it has one, is less than a half.

    Args:
        craft: the model that the stream is from.
        residual: `(position, dimension)`, position 0 being the BOS, after any half-layer; a node that is written
            later reads as absent, or as whatever its number is before.

    Returns:
        By label, a value for each token, the BOS left out.
    """
    x = residual.detach().double().cpu()[1:]
    directions = craft.space.directions
    nodes = dict.fromkeys(d.node for d in directions if d.role in ("value", "number"))
    return {node: _node(craft, node, x) for node in nodes}


def _node(craft: Craft, node: str, x: Tensor) -> list[Value]:
    places = craft.space.of(node)
    directions = [craft.space.directions[i] for i in places]
    columns = [i for i, d in zip(places, directions, strict=True) if d.role == "value"]
    if not columns:
        return _numbers(x[:, places], directions)
    shares = x[:, columns]
    values = [craft.space.directions[i].value for i in columns]
    return folded_rows(values, shares, shares.sum(-1) < 0.5, craft.positions)


def _numbers(x: Tensor, directions: Sequence[Direction]) -> list[Value]:
    """A node that is a number, from its own columns."""
    roles = [d.role for d in directions]
    column = roles.index("number")
    found: list[Value] = (x[:, column] - directions[column].offset).tolist()
    if "present" not in roles:
        return found
    there = x[:, roles.index("present")] >= 0.5
    return [value if here else None for value, here in zip(found, there.tolist(), strict=True)]
