"""All of `attrium_kernel.tracing.analysis`: lenses, direct logit attribution, flow, head scores, composition."""

from attrium_kernel.tracing.analysis import *  # noqa: F403
from attrium_kernel.tracing.analysis import __all__ as __all__
