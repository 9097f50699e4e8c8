"""What can go wrong in an attribution, by name. Each message says what was given, what was expected, what to do."""

from __future__ import annotations


class AttributionError(ValueError):
    """Base of every error that an attribution raises on purpose."""


class SettingError(AttributionError):
    """A setting of a method is out of its bounds or of the wrong type."""


class ShapeError(AttributionError):
    """Inputs, baselines, masks or windows do not fit one another."""


class TargetError(AttributionError):
    """The target does not name one scalar for every example."""


class PlaceError(AttributionError):
    """The place (`at=`) or a neuron's layer cannot be found, is not reached, or is ambiguous."""


class ModelOutputError(AttributionError):
    """The model returned something that no score can be read from."""


class NonFiniteError(AttributionError):
    """The score is NaN or infinite, so no attribution of it would mean anything."""
