"""See through PyTorch models in Jupyter.

```python
import attrium

attrium.ImageAttribution.explain(model, image)
```

Widgets are here; the engine's attribution methods are too, and its small trained models under `attrium.zoo`. Names are
loaded when they are first used, so that the import itself is quick.
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

    from .export import save_html, to_html
    from .image_attribution import ImageAttribution
    from .insights import Insights
    from .text_attribution import TextAttribution

__version__ = "0.1.0"

__all__ = [
    "At",
    "Attribution",
    "AttributionError",
    "Cancelled",
    "FeatureAblation",
    "FromInputs",
    "GradCAM",
    "GradientShap",
    "ImageAttribution",
    "InputXGradient",
    "Insights",
    "IntegratedGradients",
    "Method",
    "Neuron",
    "NoiseTunnel",
    "Occlusion",
    "Saliency",
    "Setting",
    "TextAttribution",
    "all_methods",
    "save_html",
    "setting",
    "settings_of",
    "to_html",
    "zoo",
]

_HOMES = {
    "ImageAttribution": "attrium.image_attribution",
    "Insights": "attrium.insights",
    "TextAttribution": "attrium.text_attribution",
    "save_html": "attrium.export",
    "to_html": "attrium.export",
}


def __getattr__(name: str) -> Any:
    if name == "zoo":
        return importlib.import_module("attrium_kernel.zoo")
    if name not in __all__:
        raise AttributeError(f"module 'attrium' has no attribute {name!r}; it offers {', '.join(__all__)}")
    value = getattr(importlib.import_module(_HOMES.get(name, "attrium_kernel.attribution")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
