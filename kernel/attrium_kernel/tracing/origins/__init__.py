"""What made a number of a trace: operands, formula, and the number computed again from them.

```python
found = origin(t, "blocks.3.attn.pattern", (5, 7, 2))
found.worked                 # "exp(−0.31) / (exp(0) + exp(−0.31) + ...) = 0.2871"
origin(t, found.operands[0].name, found.operands[0].index)
```
"""

from .ask import Origins, origin
from .facts import Operand, Origin, Rest

__all__ = ["Operand", "Origin", "Origins", "Rest", "origin"]
