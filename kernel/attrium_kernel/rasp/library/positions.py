"""Where a position stands: selectors and s-ops made from the positions alone."""

from __future__ import annotations

from ..expressions import aggregate, indices, select, selector_width

so_far = select(indices, indices, "<=").named("so_far")
"""Every position looks at itself and at those before it."""

earlier = select(indices, indices, "<").named("earlier")
"""Every position looks at those before it."""

later = select(indices, indices, ">").named("later")
"""Every position looks at those after it."""

here = select(indices, indices, "==").named("here")
"""Every position looks at itself."""

remaining = selector_width(later).named("remaining")
"""How many positions come after this one: 4, 3, 2, 1, 0. Counted by one head, so no difference of two nodes is made."""

is_last = (aggregate(later, 0, 1) == 1).named("is_last")
"""True at the last position: nothing comes after it."""
