"""All of `attrium_kernel.tracing`, with the `load` that also knows the models of the zoo."""

from attrium_kernel.tracing import *  # noqa: F403
from attrium_kernel.tracing import __all__ as __all__

from .loading import load as load
