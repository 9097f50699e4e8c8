"""RASP as text: the language of "Thinking Like Transformers" onto the same graph as the Python one.

```python
module = text.load('hist = selector_width(select(tokens, tokens, ==));')
module["hist"]("hello")  # [1, 1, 2, 2, 1]
```

Source: Weiss et al. 2021, "Thinking Like Transformers", and the language's documentation. Written anew; where it goes
further: `!=` everywhere, `not in`, default and named arguments, a default of `aggregate` that is an s-op.
"""

from .errors import Place, Source, TextError
from .flow import FlowHead, FlowLayer, flow
from .module import PROGRAMS, Module, load, program, program_text
from .parser import parse
from .runner import Drawing
from .scope import TextFunction
from .show import show
from .tree import Text

__all__ = [
    "PROGRAMS",
    "Drawing",
    "FlowHead",
    "FlowLayer",
    "Module",
    "Place",
    "Source",
    "Text",
    "TextError",
    "TextFunction",
    "flow",
    "load",
    "parse",
    "program",
    "program_text",
    "show",
]
