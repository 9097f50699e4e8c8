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
    blocks: int, positions: int, at: int, token: int | None, versus: int | None, edited: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every block's flow, every position's logits, all heads, contributions and the lens."""
    for which in ("run", "base") if edited else ("run",):
        for block in range(blocks):
            yield "flow", {"block": block, "which": which}
        for position in reversed(range(positions)):
            yield "logits", {"position": position, "which": which}
        yield "heads", {"which": which}
        yield "contributions", {"position": at, "token": token, "versus": versus, "which": which}
        for start in range(0, positions, LANES):
            yield "lens", {"start": start, "stop": min(start + LANES, positions), "token": token, "which": which}


def tensors(run: Trace, blocks: int) -> Iterator[str]:
    """Patterns and scores of all blocks, then what heads mix, then the stream, then weights."""
    assert run.architecture is not None
    prefix = run.architecture.main.prefix
    for stage in STAGES:
        yield from (f"run/{name}" for block in range(blocks) if (name := f"{prefix}blocks.{block}.{stage}") in run)
    for block in range(blocks):
        yield from (f"weights/{role}/{block}" for role in WEIGHTS)
