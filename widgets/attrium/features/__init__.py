"""Kinds of data that Insights can page through: what is drawn, what the model takes, where to attribute."""

from .base import Case, Feature
from .from_data import feature_of
from .image import ImageFeature
from .text import TextFeature

__all__ = ["Case", "Feature", "ImageFeature", "TextFeature", "feature_of"]
