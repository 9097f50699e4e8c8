"""Programs to use, read and learn from: functions that return s-ops and selectors, and `PROGRAMS`, ready to compile.

```python
from attrium_kernel.rasp import library

library.reverse()("hello")  # ["o", "l", "l", "e", "h"]
library.PROGRAMS["dyck2_ptf"].build()("({)}")  # ["P", "P", "F", "F"]
```
"""

from ..expressions import full, length, where
from .arithmetic import addition, caesar, digit_sum
from .automata import ALTERNATING, DIVISIBLE_BY_3, NO_TWO_B, Automaton, accepts, state_after
from .brackets import depth, dyck1_ptf, dyck_ptf, is_dyck, pair_balance, shuffle_dyck, step
from .causal import (
    argmax,
    argmin,
    cumsum,
    first_true,
    firsts,
    has_seen,
    induct,
    induction,
    lasts,
    maximum,
    minimum,
    mode,
    next_is,
    num_prev,
    shift_right,
)
from .counting import (
    average,
    count,
    count_less_freq,
    distinct_count,
    double_histogram,
    frac_prevs,
    histogram,
    majority,
    modular_sum,
    parity,
)
from .example import Example
from .occurrences import (
    contains,
    deduplicate,
    earlier_same,
    has_focus,
    is_first_occurrence,
    mark_first_instance,
    mark_last_instance,
    next_identical,
    select_from_first,
    select_from_last,
    select_next_identical,
    unique,
)
from .positions import earlier, here, is_last, later, remaining, so_far
from .programs import PROGRAMS
from .runs import longest_run, run_length
from .shifting import detect_pattern, index_select, load_from_location, palindrome, reverse, rotate, shift_by
from .sorting import is_sorted, median, most_frequent, most_frequent_first, rank, sort, sort_by_frequency, sort_unique
from .widths import histogram_by_share, histogram_with_bos

__all__ = [
    "ALTERNATING",
    "DIVISIBLE_BY_3",
    "NO_TWO_B",
    "PROGRAMS",
    "Automaton",
    "Example",
    "accepts",
    "addition",
    "argmax",
    "argmin",
    "average",
    "caesar",
    "contains",
    "count",
    "count_less_freq",
    "cumsum",
    "deduplicate",
    "depth",
    "detect_pattern",
    "digit_sum",
    "distinct_count",
    "double_histogram",
    "dyck1_ptf",
    "dyck_ptf",
    "earlier",
    "earlier_same",
    "first_true",
    "firsts",
    "frac_prevs",
    "full",
    "has_focus",
    "has_seen",
    "here",
    "histogram",
    "histogram_by_share",
    "histogram_with_bos",
    "index_select",
    "induct",
    "induction",
    "is_dyck",
    "is_first_occurrence",
    "is_last",
    "is_sorted",
    "lasts",
    "later",
    "length",
    "load_from_location",
    "longest_run",
    "majority",
    "mark_first_instance",
    "mark_last_instance",
    "maximum",
    "median",
    "minimum",
    "mode",
    "modular_sum",
    "most_frequent",
    "most_frequent_first",
    "next_identical",
    "next_is",
    "num_prev",
    "pair_balance",
    "palindrome",
    "parity",
    "rank",
    "remaining",
    "reverse",
    "rotate",
    "run_length",
    "select_from_first",
    "select_from_last",
    "select_next_identical",
    "shift_by",
    "shift_right",
    "shuffle_dyck",
    "so_far",
    "sort",
    "sort_by_frequency",
    "sort_unique",
    "state_after",
    "step",
    "unique",
    "where",
]
