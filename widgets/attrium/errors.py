"""What can go wrong in a widget, by name; each message says what was given, what was expected, what to do."""

from __future__ import annotations


class AttriumError(ValueError):
    """Base of every error that a widget raises on purpose."""


class BundleMissingError(AttriumError):
    """The front end of a widget has not been built."""


class LengthError(AttriumError):
    """Lists that belong together have different lengths."""


class DataError(AttriumError):
    """A data set, or what its model makes of it, cannot be shown."""
