"""Compress a compiled program's residual stream, so that features have to share directions.

```python
from attrium_kernel.rasp.superposition import compress, tracr_frac_prevs

found = compress(tracr_frac_prevs(), 6, seeds=10)
found.accuracy, found.features(), found.overlaps[found.best]
```

Source: Lindner et al. 2023, "Tracr", section 5.
"""

from .compressed_model import CompressedTransformer, Halves
from .measures import Feature
from .result import Compressed
from .tracr_models import tracr_frac_prevs, tracr_sort_unique
from .training import compress

__all__ = [
    "Compressed",
    "CompressedTransformer",
    "Feature",
    "Halves",
    "compress",
    "tracr_frac_prevs",
    "tracr_sort_unique",
]
