"""The engine of Attrium: torch in, tensors out. Imports no UI package."""

__version__ = "0.1.0"
