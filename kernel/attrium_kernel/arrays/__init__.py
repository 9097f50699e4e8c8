"""Arrays for the screen: frames of tensors, pictures, and heat maps fitted to them."""

from .errors import ArrayError, DtypeError, PictureError, RegionError
from .frame import Frame, Pooled, Quantised, make_frame
from .heat import fit_heat, sum_channels
from .lazy import Lazy
from .pictures import to_picture
from .pooling import Pooling

__all__ = [
    "ArrayError",
    "DtypeError",
    "Frame",
    "Lazy",
    "PictureError",
    "Pooled",
    "Pooling",
    "Quantised",
    "RegionError",
    "fit_heat",
    "make_frame",
    "sum_channels",
    "to_picture",
]
