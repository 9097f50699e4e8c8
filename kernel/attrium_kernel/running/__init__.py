"""Running somebody's model: it comes back as it was, one thread at a time, in batches that fit the memory."""

from __future__ import annotations

from .guard import Cancelled, modules_behind, parameter_bytes, untouched
from .memory import ChunkSizer, Meter, default_budget

__all__ = ["Cancelled", "ChunkSizer", "Meter", "default_budget", "modules_behind", "parameter_bytes", "untouched"]
