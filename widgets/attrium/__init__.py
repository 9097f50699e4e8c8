"""See through PyTorch models in Jupyter.

```python
import attrium

attrium.ImageAttribution.explain(model, image)

model, tokenizer = attrium.load("tiny_gpt2")
attrium.trace(model, "The keys near the door", tokenizer)["blocks.3.attn.pattern"]
```

Widgets are here, and so are the engine's attribution methods and the main names for tracing transformers. All of
tracing is in `attrium.tracing`, what a trace says in `attrium.analysis`, small trained models in `attrium.zoo`, and
algorithms compiled into transformers in `attrium.rasp`. Names are loaded when they are first used, so that the import
itself is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attrium_kernel import zoo
    from attrium_kernel.attribution import (
        At,
        Attribution,
        AttributionError,
        Cancelled,
        FeatureAblation,
        FromInputs,
        GradCAM,
        GradientShap,
        InputXGradient,
        IntegratedGradients,
        Method,
        Neuron,
        NoiseTunnel,
        Occlusion,
        Saliency,
        Setting,
        all_methods,
        setting,
        settings_of,
    )
    from attrium_kernel.tracing import (
        Architecture,
        Capture,
        Edge,
        LogitDifference,
        LogProbability,
        Mean,
        Patch,
        Replace,
        Resample,
        Sampler,
        Scale,
        Site,
        Steer,
        Trace,
        Zero,
        ablation_sweep,
        activation_patching,
        attribution_patching,
        causal_tracing,
        compare,
        generate,
        sweep,
        trace,
    )

    from . import analysis, rasp, tracing
    from .attention_explorer import AttentionExplorer
    from .export import save_html, to_html
    from .image_attribution import ImageAttribution
    from .insights import Insights
    from .loading import load
    from .rasp_graph import RaspGraph
    from .text_attribution import TextAttribution
    from .tour import Tour, TourStep
    from .transformer_explorer import TransformerExplorer

__version__ = "0.1.0"

__all__ = [
    "Architecture",
    "At",
    "AttentionExplorer",
    "Attribution",
    "AttributionError",
    "Cancelled",
    "Capture",
    "Edge",
    "FeatureAblation",
    "FromInputs",
    "GradCAM",
    "GradientShap",
    "ImageAttribution",
    "InputXGradient",
    "Insights",
    "IntegratedGradients",
    "LogProbability",
    "LogitDifference",
    "Mean",
    "Method",
    "Neuron",
    "NoiseTunnel",
    "Occlusion",
    "Patch",
    "RaspGraph",
    "Replace",
    "Resample",
    "Saliency",
    "Sampler",
    "Scale",
    "Setting",
    "Site",
    "Steer",
    "TextAttribution",
    "Tour",
    "TourStep",
    "Trace",
    "TransformerExplorer",
    "Zero",
    "ablation_sweep",
    "activation_patching",
    "all_methods",
    "analysis",
    "attribution_patching",
    "causal_tracing",
    "compare",
    "generate",
    "load",
    "rasp",
    "save_html",
    "setting",
    "settings_of",
    "sweep",
    "to_html",
    "trace",
    "tracing",
    "zoo",
]

_MODULES = {
    "analysis": "attrium.analysis",
    "rasp": "attrium.rasp",
    "tracing": "attrium.tracing",
    "zoo": "attrium_kernel.zoo",
}
_HOMES = {
    "AttentionExplorer": "attrium.attention_explorer",
    "ImageAttribution": "attrium.image_attribution",
    "Insights": "attrium.insights",
    "RaspGraph": "attrium.rasp_graph",
    "TextAttribution": "attrium.text_attribution",
    "Tour": "attrium.tour",
    "TourStep": "attrium.tour",
    "TransformerExplorer": "attrium.transformer_explorer",
    "load": "attrium.loading",
    "save_html": "attrium.export",
    "to_html": "attrium.export",
}
_TRACING = frozenset(
    "Architecture Capture Edge LogProbability LogitDifference Mean Patch Replace Resample Sampler Scale Site "
    "Steer Trace Zero ablation_sweep activation_patching attribution_patching causal_tracing compare generate "
    "sweep trace".split()
)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name not in __all__:
        raise AttributeError(f"module 'attrium' has no attribute {name!r}; it offers {', '.join(__all__)}")
    engine = "attrium_kernel.tracing" if name in _TRACING else "attrium_kernel.attribution"
    value = getattr(importlib.import_module(_HOMES.get(name, engine)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
