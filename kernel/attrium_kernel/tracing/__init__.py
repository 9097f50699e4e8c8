"""Tracing: run any transformer, name every activation, change any of them in the same run.

```python
model, tokenizer = load("gpt2")
t = trace(model, "The keys to the cabinet", tokenizer)
t["blocks.3.attn.pattern"]
trace(model, "The keys to the cabinet", tokenizer, interventions=[Zero(Site("blocks.3.attn.z", head=0))])
```
"""

from attrium_kernel.running import Cancelled

from .architecture import Architecture, Block, Heads, Part, Stack
from .capture import Capture
from .discover import forget
from .errors import ArchitectureError, CaptureError, InterventionError, LoadError, SiteError, TraceError
from .foreign import from_attention, from_transformer_lens, from_values
from .generation import Generation, Step, generate
from .interventions import Edge, Intervention, Mean, Patch, Replace, Resample, Scale, Site, Steer, Zero
from .loading import Loaded, load
from .metrics import LogitDifference, LogProbability
from .origins import Operand, Origin, Origins, origin
from .patching import (
    Table,
    ablation_sweep,
    activation_patching,
    attribution_patching,
    causal_tracing,
    gradients,
)
from .run import Run
from .sampling import Sampler
from .saving import compare, load_interventions, save_interventions
from .sweeps import sweep
from .tokens import Tokens, tokenize
from .trace import Trace, trace
from .weights import Weights

__all__ = [
    "Architecture",
    "ArchitectureError",
    "Block",
    "Cancelled",
    "Capture",
    "CaptureError",
    "Edge",
    "Generation",
    "Heads",
    "Intervention",
    "InterventionError",
    "LoadError",
    "Loaded",
    "LogProbability",
    "LogitDifference",
    "Mean",
    "Operand",
    "Origin",
    "Origins",
    "Part",
    "Patch",
    "Replace",
    "Resample",
    "Run",
    "Sampler",
    "Scale",
    "Site",
    "SiteError",
    "Stack",
    "Steer",
    "Step",
    "Table",
    "Tokens",
    "Trace",
    "TraceError",
    "Weights",
    "Zero",
    "ablation_sweep",
    "activation_patching",
    "attribution_patching",
    "causal_tracing",
    "compare",
    "forget",
    "from_attention",
    "from_transformer_lens",
    "from_values",
    "generate",
    "gradients",
    "load",
    "load_interventions",
    "origin",
    "save_interventions",
    "sweep",
    "tokenize",
    "trace",
]
