"""RASP: write an algorithm as a program over sequences, evaluate it, and compile it into a transformer.

```python
same = select(tokens, tokens, "==")
hist = selector_width(same).named("hist")
hist("hello")  # [1, 1, 2, 2, 1]
```
"""

from . import library, text
from .compiling import Compiled, Disagreement, Forecast, Problem, compile, forecast, validate
from .errors import CompileError, EvaluationError, RaspError
from .expressions import (
    Aggregate,
    Constant,
    Elementwise,
    Expression,
    LinearSequenceMap,
    Map,
    Select,
    Selector,
    SelectorAnd,
    SelectorNot,
    SelectorOr,
    SelectorWidth,
    SequenceMap,
    SOp,
    aggregate,
    categorical,
    full,
    indices,
    length,
    numerical,
    select,
    selector_width,
    tokens,
    where,
)
from .functions import Function, function
from .interpreter import Evaluation, evaluate, run
from .program import Program

__all__ = [
    "Aggregate",
    "CompileError",
    "Compiled",
    "Constant",
    "Disagreement",
    "Elementwise",
    "Evaluation",
    "EvaluationError",
    "Expression",
    "Forecast",
    "Function",
    "LinearSequenceMap",
    "Map",
    "Problem",
    "Program",
    "RaspError",
    "SOp",
    "Select",
    "Selector",
    "SelectorAnd",
    "SelectorNot",
    "SelectorOr",
    "SelectorWidth",
    "SequenceMap",
    "aggregate",
    "categorical",
    "compile",
    "evaluate",
    "forecast",
    "full",
    "function",
    "indices",
    "length",
    "library",
    "numerical",
    "run",
    "select",
    "selector_width",
    "text",
    "tokens",
    "validate",
    "where",
]
