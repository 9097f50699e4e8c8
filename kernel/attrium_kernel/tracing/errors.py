"""What can go wrong in a trace, by name. Each message says what was given, what was expected, what to do."""

from __future__ import annotations


class TraceError(ValueError):
    """Base of every error that tracing raises on purpose."""


class ArchitectureError(TraceError):
    """A part of the model (a block, a norm, a projection) was not found, or does not do what its role says."""


class SiteError(TraceError):
    """A name, head, position or neuron does not exist in this trace or model."""


class InterventionError(TraceError):
    """An intervention does not fit the place that it is applied to."""


class CaptureError(TraceError):
    """What was asked for cannot be captured: unknown names, too large, overwritten by the model."""


class LoadError(TraceError):
    """A model or tokenizer could not be loaded."""
