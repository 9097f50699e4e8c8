"""What can go wrong on the way from a tensor to the screen, by name."""

from __future__ import annotations


class ArrayError(ValueError):
    """Base of every error that this room raises on purpose."""


class DtypeError(ArrayError):
    """The numbers are of a kind that no frame can hold."""


class RegionError(ArrayError):
    """The asked-for ranges or pixels do not fit the tensor."""


class PictureError(ArrayError):
    """The array cannot be read as a picture, or a heat map does not fit one."""
