"""What a saved page takes along of a TransformerExplorer, the most looked at first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrium_kernel.tracing import Trace

STAGES = (
    "attn.pattern", "attn.masked_scores", "attn.scores", "attn.v", "attn.z", "attn.q", "attn.k",
    "cross.pattern", "cross.k",
    "ln1.out", "resid_pre", "attn_out", "resid_mid", "ln2.out", "mlp_out", "mlp.pre", "mlp.post",
)  # fmt: skip
"""Of every block."""
WEIGHTS = ("W_Q", "W_K", "W_V", "W_O", "b_Q", "b_K", "b_V", "b_O", "W_in", "W_gate", "W_out", "b_in", "b_out")
"""Where there is room left, as in small models."""
LANES = 8
"""Positions that the lens is asked for at once, as the view does."""


def questions(
    blocks: int, block: int, positions: int, at: int, token: int | None, versus: int | None, edited: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is on show, then every block's flow, then the lens and the logits of all positions, the last first.

    Args:
        blocks, positions: how many there are.
        block, at, token, versus: where the reader is.
        edited: whether the run without interventions is another one.
    """
    runs = ("run", "base") if edited else ("run",)
    for which in runs:
        yield "flow", {"block": block, "which": which}
        yield "logits", {"position": at, "which": which}
        yield "heads", {"which": which}
        yield "contributions", {"position": at, "token": token, "versus": versus, "which": which}
    for which in runs:
        yield from (("flow", {"block": other, "which": which}) for other in range(blocks) if other != block)
        for start in range(0, positions, LANES):
            stop = min(start + LANES, positions)
            yield "lens", {"start": start, "stop": stop, "token": token, "which": which}
        others = (position for position in reversed(range(positions)) if position != at)
        yield from (("logits", {"position": position, "which": which}) for position in others)


def tensors(run: Trace, blocks: int) -> Iterator[str]:
    """Patterns and scores of all blocks, then what heads mix, then the stream, then weights."""
    assert run.architecture is not None
    prefix = run.architecture.main.prefix
    for stage in STAGES:
        yield from (f"run/{name}" for block in range(blocks) if (name := f"{prefix}blocks.{block}.{stage}") in run)
    for block in range(blocks):
        yield from (f"weights/{role}/{block}" for role in WEIGHTS)
