"""What a newcomer tries first works, or says what to do."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from attrium import GradCAM, ImageAttribution, Insights, Saliency, zoo
from attrium.errors import DataError
from attrium_kernel.arrays import PictureError
from attrium_kernel.attribution import SettingError

CLASSES = ("cat", "dog", "cow")


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.LazyLinear(3)).eval()


def explained(**options: Any) -> ImageAttribution:
    net = model()
    net(torch.rand(1, 3, 8, 8))
    widget = ImageAttribution.explain(net, torch.rand(3, 8, 8), classes=CLASSES, **options)
    assert widget.wait(30)
    assert widget.last_error is None
    return widget


@pytest.mark.parametrize("method", ["Saliency", Saliency, Saliency()])
def test_a_method_is_an_instance_a_class_or_a_name(method):
    assert explained(method=method).attribution.method == Saliency()


def test_explain_again_takes_a_name_as_well():
    widget = explained(method="Saliency")
    widget.explain_again(method="GradCAM")
    assert widget.wait(30)
    assert widget.attribution.method == GradCAM()


def test_a_method_that_there_is_not_is_refused_with_those_that_there_are():
    with pytest.raises(SettingError, match="'Salience' is no attribution method; pass some of .*Saliency"):
        explained(method="Salience")


def test_a_target_may_be_a_class_name():
    assert explained(target="cow").attribution.target == 2
    with pytest.raises(DataError, match="target='horse'.*the classes are cat, dog, cow"):
        explained(target="horse")


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (np.zeros((8, 8, 3)), "a ndarray; pass the tensor that the model takes"),
        (Image.new("RGB", (8, 8)), "a Image; pass the tensor that the model takes"),
        (torch.zeros(8, 8, 3, dtype=torch.uint8), "pass floating-point numbers"),
        (torch.zeros(8), "shape \\(8,\\); pass floating-point numbers"),
    ],
)
def test_what_a_model_does_not_take_is_refused_in_words(inputs, words):
    with pytest.raises(DataError, match=words):
        ImageAttribution.explain(model(), inputs)


def test_floats_up_to_255_are_told_to_be_divided():
    with pytest.raises(PictureError, match="divide it by 255"):
        ImageAttribution(np.full((8, 8, 3), 200.0))


def test_a_bundle_without_held_out_classes_is_refused_in_words():
    with pytest.raises(DataError, match="LanguageBundle is no classifier"):
        Insights.from_bundle(zoo.tiny_gpt2())


def test_a_script_that_ends_while_a_widget_computes_ends_well():
    script = (
        "import time, torch, attrium\n"
        "net = torch.nn.Sequential(torch.nn.Conv2d(3, 64, 7), torch.nn.Flatten(), torch.nn.LazyLinear(3)).eval()\n"
        "x = torch.rand(1, 3, 64, 64); net(x)\n"
        "w = attrium.ImageAttribution.explain(net, x, method=attrium.Occlusion(window=3, stride=1))\n"
        "time.sleep(0.5)\n"
        "assert w.status['state'] == 'running', w.status\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
