"""Attribution: which parts of an input, or of a layer, made the model answer as it did.

    IntegratedGradients(n_steps=50).attribute(model, inputs, target=3)

A method is a value; every method has the same call, `Method.attribute`.
"""

from attrium_kernel.running import Cancelled

from .case import Case
from .errors import (
    AttributionError,
    ModelOutputError,
    NonFiniteError,
    PlaceError,
    SettingError,
    ShapeError,
    TargetError,
)
from .evaluate import Chunk, Plan
from .feature_ablation import FeatureAblation
from .grad_cam import GradCAM
from .gradient_shap import GradientShap
from .input_x_gradient import InputXGradient
from .integrated_gradients import IntegratedGradients
from .method import Explained, Method, all_methods
from .noise_tunnel import NoiseTunnel
from .occlusion import Occlusion
from .places import At, FromInputs, Shared
from .result import Attribution, Timing
from .saliency import Saliency
from .settings import Setting, setting, settings_of
from .targets import Neuron

__all__ = [
    "At",
    "Attribution",
    "AttributionError",
    "Cancelled",
    "Case",
    "Chunk",
    "Explained",
    "FeatureAblation",
    "FromInputs",
    "GradCAM",
    "GradientShap",
    "InputXGradient",
    "IntegratedGradients",
    "Method",
    "ModelOutputError",
    "Neuron",
    "NoiseTunnel",
    "NonFiniteError",
    "Occlusion",
    "PlaceError",
    "Plan",
    "Saliency",
    "Setting",
    "SettingError",
    "ShapeError",
    "Shared",
    "TargetError",
    "Timing",
    "all_methods",
    "setting",
    "settings_of",
]
