"""Small trained models that ship with the package, with their data, their cards and the recipes that made them.

```python
from attrium_kernel import zoo

bundle = zoo.scenes()
logits = bundle.model(bundle.preprocess(bundle.test.images[:8]))
```

Nothing is downloaded: generators make pictures and reviews, tables come with scikit-learn, weights are in the package.
Train one again with `python -m attrium_kernel.zoo.train scenes`.
"""

from __future__ import annotations

from attrium_kernel.zoo.bundles import (
    ImageBundle,
    ImageTest,
    LanguageBundle,
    TableBundle,
    TableTest,
    TextBundle,
    TextTest,
)
from attrium_kernel.zoo.card import Card
from attrium_kernel.zoo.encoding import EncodedTexts
from attrium_kernel.zoo.folders import names, path
from attrium_kernel.zoo.loading import digits, load, reviews, scenes, tabular, tiny_gpt2

__all__ = [
    "Card",
    "EncodedTexts",
    "ImageBundle",
    "ImageTest",
    "LanguageBundle",
    "TableBundle",
    "TableTest",
    "TextBundle",
    "TextTest",
    "digits",
    "load",
    "names",
    "path",
    "reviews",
    "scenes",
    "tabular",
    "tiny_gpt2",
]
