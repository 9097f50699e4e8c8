"""Tracing: run any transformer, name every activation, change any of them in the same run.

    t = trace(model, "The keys to the cabinet", tokenizer)
    t["blocks.3.attn.pattern"]
    trace(model, text, tokenizer, interventions=[Zero(Site("blocks.3.attn.z", head=0))])
"""

from .architecture import Architecture, Block, Heads, Part, Stack
from .capture import Capture
from .errors import ArchitectureError, CaptureError, InterventionError, LoadError, SiteError, TraceError
from .interventions import Edge, Intervention, Mean, Patch, Replace, Resample, Scale, Site, Steer, Zero
from .run import Run
from .tokens import Tokens, tokenize
from .trace import Trace, trace

__all__ = [
    "Architecture",
    "ArchitectureError",
    "Block",
    "Capture",
    "CaptureError",
    "Edge",
    "Heads",
    "Intervention",
    "InterventionError",
    "LoadError",
    "Mean",
    "Part",
    "Patch",
    "Replace",
    "Resample",
    "Run",
    "Scale",
    "Site",
    "SiteError",
    "Stack",
    "Steer",
    "Tokens",
    "Trace",
    "TraceError",
    "Zero",
    "tokenize",
    "trace",
]
