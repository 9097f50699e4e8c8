"""ImageAttribution: frames against tensors, selection as an index, and work that runs aside."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
import traitlets as t
from torch import nn

from attrium import FeatureAblation, GradCAM, ImageAttribution, InputXGradient, IntegratedGradients, Method, Saliency
from attrium.captions import target_of, target_text
from attrium.errors import DataError
from attrium_kernel.arrays import PictureError
from tests.widgets.comms import Screen
from tests.widgets.models import Brightness, Faulty

PICTURE = np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8)
WRONG_MASK = torch.zeros(3, 9, 9, dtype=torch.long)


def sent_values(wire) -> np.ndarray:
    return np.frombuffer(wire["data"], {"float32": "<f4", "uint8": "<u1"}[wire["dtype"]]).reshape(wire["shape"])


def test_what_is_sent_is_what_was_given():
    values = torch.randn(3, 8, 8)
    state = Screen(ImageAttribution(PICTURE, values)).opened()
    assert state["heat"] is None  # values follow once the widget is open
    widget = ImageAttribution(PICTURE, values)
    (heat,) = Screen(widget).updates("heat")
    (image,) = Screen(widget).updates("image")
    assert np.array_equal(sent_values(heat), values.sum(0).numpy())
    assert np.array_equal(sent_values(image), PICTURE)


def test_setting_values_sends_the_new_heat_and_nothing_else():
    widget = ImageAttribution(PICTURE, torch.zeros(8, 8))
    screen = Screen(widget)
    before = len(screen.comm.sent())
    widget.values = torch.full((8, 8), 2.0)
    (message,) = screen.comm.sent()[before:]
    assert list(message.data["state"]) == ["heat"]
    assert np.frombuffer(message.buffers[0], "<f4").tolist() == [2.0] * 64


def test_the_selection_of_the_reader_indexes_the_values():
    values = torch.arange(64.0).reshape(8, 8)
    widget = ImageAttribution(PICTURE, values)
    Screen(widget).set(selection=[[2, 4], [1, 8]])
    assert widget.selection == (slice(2, 4), slice(1, 8))
    assert torch.equal(widget.values[widget.selection], values[2:4, 1:8])
    assert PICTURE[widget.selection].shape == (2, 7, 3)


def test_a_selection_that_reaches_beyond_the_picture_ends_at_its_edge():
    widget = ImageAttribution(PICTURE)
    Screen(widget).set(selection=[[-3, 4], [6, 99]])
    assert widget.selection == (slice(0, 4), slice(6, 8))


def test_a_selection_set_in_python_reaches_the_screen_as_numbers():
    widget = ImageAttribution(PICTURE)
    widget.selection = (slice(None, 3), slice(-2, None))
    assert Screen(widget).updates("selection") == [[[0, 3], [6, 8]]]
    widget.selection = None
    assert Screen(widget).updates("selection")[-1] is None


@pytest.mark.parametrize("bad", [3, (slice(0, 2),), ("a", "b"), (slice(0, 8, 2), slice(0, 8))])
def test_a_selection_that_is_no_rectangle_is_refused(bad):
    with pytest.raises(t.TraitError, match="tuple of slices"):
        ImageAttribution(PICTURE).selection = bad


def test_a_selection_needs_something_to_select_from():
    with pytest.raises(t.TraitError, match="nothing to select from yet"):
        ImageAttribution().selection = (slice(0, 1), slice(0, 1))


def test_changes_from_the_screen_are_read_and_arrays_are_not_echoed():
    widget = ImageAttribution(PICTURE, torch.zeros(8, 8))
    seen = []
    widget.observe(lambda change: seen.append(change["new"]), "opacity")
    Screen(widget).set(mode="contour", opacity=0.25, colors="magma", sign="negative", clip_percentile=5.0, split=0.5)
    assert (widget.mode, widget.opacity, widget.colors, widget.split) == ("contour", 0.25, "magma", 0.5)
    assert seen == [0.25]
    Screen(widget).set(heat=None, image=None)
    assert "opacity" in Screen(widget).echoes()
    assert {"heat", "image"} & set(Screen(widget).echoes()) == set()


def test_a_smaller_map_is_interpolated_and_the_caption_says_so():
    widget = ImageAttribution(PICTURE, torch.randn(1, 1, 2, 2))
    assert widget.values.shape == (8, 8)
    assert widget.caption == {"method": "Scores, 2 × 2 map, interpolated"}


def test_values_that_do_not_fit_the_picture_are_refused_and_nothing_changes():
    widget = ImageAttribution(PICTURE, torch.ones(8, 8))
    with pytest.raises(PictureError, match="values are 9 x 9 but the image 8 x 8"):
        widget.values = torch.zeros(9, 9)
    assert torch.equal(widget.values, torch.ones(8, 8))


def test_another_picture_of_another_size_drops_values_that_no_longer_fit():
    widget = ImageAttribution(PICTURE, torch.ones(8, 8))
    widget.image = PICTURE[:4, :4]
    assert widget.values is None and widget.heat is None
    widget.values = torch.ones(4, 4)
    assert widget.values.shape == (4, 4)


def test_nan_and_infinity_travel_exactly_and_the_range_is_finite():
    values = torch.zeros(8, 8)
    values[0, 0], values[0, 1], values[0, 2] = torch.nan, torch.inf, 3.0
    (heat,) = Screen(ImageAttribution(PICTURE, values)).updates("heat")
    assert np.array_equal(sent_values(heat), values.numpy(), equal_nan=True)
    assert heat["range"] == [0.0, 3.0]


def test_a_large_picture_is_pooled_and_its_regions_can_be_asked_for_exactly():
    values = torch.randn(600, 700)
    widget = ImageAttribution(np.zeros((600, 700, 3), np.uint8), values)
    (heat,) = Screen(widget).updates("heat")
    assert heat["shape"] == [512, 512] and heat["pooled"]["kind"] == "absmax"
    Screen(widget).say({"kind": "view", "id": 1, "tensor": "heat", "index": [[0, 64], [3, 99]], "pixels": [96, 96]})
    ((reply, (data,)),) = Screen(widget).replies()
    assert np.array_equal(np.frombuffer(data, "<f4").reshape(reply["frame"]["shape"]), values[0:64, 3:99].numpy())


def test_an_attribution_brings_its_caption():
    model, x = Brightness(), torch.rand(2, 3, 8, 8)
    attribution = IntegratedGradients(n_steps=7).attribute(model, x, target=[1, 0])
    widget = ImageAttribution.from_attribution(attribution, x[0], example=0, classes=["dark", "bright"])
    assert torch.equal(widget.values, attribution.values[0].sum(0))
    assert widget.caption["target"] == "bright"
    assert widget.caption["method"] == "Integrated gradients (n_steps=7)"
    assert widget.caption["score"] == pytest.approx(x[0, :, :, :4].sum().item(), rel=1e-5)
    assert widget.caption["gap"] == pytest.approx(0, abs=1e-4)
    other = ImageAttribution.from_attribution(attribution, x[1], example=1, classes=["dark", "bright"])
    assert other.caption["target"] == "dark"


def test_explain_shows_the_picture_at_once_and_the_known_gradient_when_it_is_there():
    x = torch.rand(3, 8, 8) + 0.0
    widget = ImageAttribution.explain(Brightness(), x, method=Saliency(), target=1, classes=["dark", "bright"])
    assert widget.image is not None
    assert widget.wait(20)
    assert widget.status["state"] == "idle"
    assert widget.values.tolist() == [[3.0] * 4 + [0.0] * 4] * 8
    assert widget.caption["target"] == "bright"
    assert widget.attribution.values.shape == (1, 3, 8, 8)


def test_explain_again_keeps_all_but_what_is_changed():
    widget = ImageAttribution.explain(Brightness(), torch.rand(3, 8, 8), method=Saliency(), target=1)
    widget.explain_again(method=InputXGradient())
    assert widget.wait(20)
    assert widget.caption["method"] == "Input x gradient" and widget.caption["target"] == 1
    widget.explain_again(target=0)
    assert widget.wait(20)
    assert widget.caption["target"] == 0
    with pytest.raises(TypeError, match="unknown keyword 'taget'"):
        widget.explain_again(taget=1)


def test_explain_without_target_explains_the_prediction():
    bright = ImageAttribution.explain(Brightness(), torch.ones(3, 8, 8), method=Saliency())
    dark = ImageAttribution.explain(Brightness(), torch.zeros(3, 8, 8), method=Saliency())
    assert bright.wait(20) and dark.wait(20)
    assert (bright.caption["target"], dark.caption["target"]) == (1, 0)


def test_grad_cam_finds_a_convolution_and_says_which():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(64, 2))
    widget = ImageAttribution.explain(model, torch.rand(3, 8, 8), method=GradCAM())
    assert widget.wait(20)
    assert widget.caption["method"] == "Grad-CAM at 2, 4 × 4 map, interpolated"
    assert widget.values.shape == (8, 8)


def test_the_newest_question_is_the_one_that_is_answered():
    class Slow(Brightness):
        def forward(self, x):
            gate.wait(0.2)
            return super().forward(x)

    gate = threading.Event()
    widget = ImageAttribution.explain(Slow(), torch.rand(3, 8, 8), method=IntegratedGradients(), target=0)
    for target in (0, 0, 1):
        widget.explain_again(target=target)
    gate.set()
    assert widget.wait(30)
    assert widget.caption["target"] == 1


def test_given_values_cannot_be_explained_again():
    with pytest.raises(TypeError, match="this widget shows given values; make it with ImageAttribution.explain"):
        ImageAttribution(PICTURE).explain_again(target=1)


def explain_badly(model, inputs=None, **keywords) -> ImageAttribution:
    widget = ImageAttribution.explain(
        model, torch.rand(3, 8, 8) if inputs is None else inputs, image=PICTURE, **{"target": 0, **keywords}
    )
    assert widget.wait(20)
    return widget


@pytest.mark.parametrize(
    ("widget", "words"),
    [
        (lambda: explain_badly(Faulty(lambda y: y), target=7), "target=7, but the model has 5 classes (0 to 4)"),
        (lambda: explain_badly(Faulty(lambda y: y * torch.nan)), "the score of example 0 is nan"),
        (lambda: explain_badly(Faulty(lambda y: {"logits": y})), "the model returned a dict with keys ['logits']"),
        (lambda: explain_badly(Faulty(lambda y: y), mask=WRONG_MASK, method=FeatureAblation()), "does not broadcast"),
        (lambda: explain_badly(Faulty(lambda y: y), baselines=torch.zeros(1, 3, 9, 9)), "baselines has shape"),
        (lambda: explain_badly(Faulty(lambda y: y), torch.zeros(0, 3, 8, 8)), "the batch is empty"),
        (lambda: explain_badly(Faulty(lambda y: y), method=GradCAM()), "at="),
    ],
    ids=["wrong target", "NaN output", "dict output", "mask mismatch", "wrong baseline", "empty batch", "no layer"],
)
def test_bad_input_is_explained_on_screen(widget, words):
    found = widget()
    shown = Screen(found).updates("status")[-1]
    assert shown["state"] == "error"
    assert words in shown["message"]
    assert found.last_error is not None
    assert found.heat is None


def test_another_picture_takes_the_scores_of_the_old_one_with_it():
    model, x = Brightness(), torch.rand(1, 3, 8, 8)
    widget = ImageAttribution.from_attribution(Saliency().attribute(model, x, target=1), x[0])
    widget.selection = (slice(0, 8), slice(0, 8))
    widget.image = PICTURE[:4, :4]
    assert (widget.values, widget.heat, widget.attribution, widget.caption) == (None, None, None, {})
    assert widget.selection is None


def test_a_picture_for_values_that_had_none_keeps_them_and_their_caption():
    widget = ImageAttribution(values=torch.ones(8, 8), caption={"target": "cat"})
    widget.image = PICTURE
    assert torch.equal(widget.values, torch.ones(8, 8))
    assert widget.caption == {"target": "cat"}


def test_another_picture_stops_the_explanation_of_the_old_one_for_good():
    class Slow(Brightness):
        def forward(self, x):
            inside.set()
            gate.wait(5)
            return super().forward(x)

    inside, gate = threading.Event(), threading.Event()
    widget = ImageAttribution.explain(Slow(), torch.rand(3, 8, 8), method=Saliency(), target=1)
    assert inside.wait(10)
    widget.image = PICTURE
    gate.set()
    assert widget.wait(20)
    widget.retry()
    assert widget.wait(20)
    assert (widget.values, widget.caption) == (None, {})
    with pytest.raises(TypeError, match="shows given values"):
        widget.explain_again(target=0)


def test_no_values_have_no_caption_and_no_attribution():
    x = torch.rand(1, 3, 8, 8)
    widget = ImageAttribution.from_attribution(Saliency().attribute(Brightness(), x, target=1), x[0])
    widget.values = torch.ones(8, 8)
    assert (widget.attribution, widget.caption) == (None, {})
    widget.caption = {"target": "mine"}
    widget.values = torch.zeros(8, 8)
    assert widget.caption == {"target": "mine"}
    widget.values = None
    assert (widget.heat, widget.caption) == (None, {})


def test_a_picture_that_is_refused_changes_nothing():
    def whole(widget):
        screen = Screen(widget)
        screen.say({"kind": "view", "id": 1, "tensor": "image", "index": [[0, 8], [0, 8], [0, 3]], "pixels": [8, 8]})
        return screen.replies()[-1][1]

    def both(widget):
        with widget.hold_trait_notifications():
            widget.image = PICTURE[:4, :4]
            widget.opacity = 7.0

    widget = ImageAttribution(PICTURE)
    with pytest.raises(t.TraitError):
        both(widget)
    with pytest.raises(PictureError):
        widget.image = np.zeros((2, 2, 7))
    assert whole(widget) == [PICTURE.tobytes()]
    widget.values = torch.ones(8, 8)
    assert widget.values.shape == (8, 8)


def test_values_that_were_refused_are_not_drawn_later():
    widget = ImageAttribution(values=torch.ones(4, 4))
    widget.image = PICTURE
    with pytest.raises(PictureError):
        widget.values = torch.zeros(9, 9)
    assert torch.equal(widget._scores, torch.ones(4, 4))


def test_explain_takes_one_example():
    with pytest.raises(DataError, match=r"inputs has 4 examples; pass one, inputs\[0\] say"):
        ImageAttribution.explain(Brightness(), torch.rand(4, 3, 8, 8))


def test_inputs_go_where_the_model_is():
    class Elsewhere(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1, device="meta"))

        def forward(self, x):
            seen.append(x.device.type)
            raise ValueError("seen")

    seen: list[str] = []
    assert ImageAttribution.explain(Elsewhere(), torch.rand(3, 8, 8)).wait(20)
    assert seen == ["meta"]


def test_grad_cam_finds_the_convolution_behind_a_function():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2))
    widget = ImageAttribution.explain(lambda x: model(x), torch.rand(3, 8, 8), method=GradCAM())
    assert widget.wait(20)
    assert widget.caption["method"].startswith("Grad-CAM at 0")


@dataclass(frozen=True)
class NoBaselines(Method):
    """Refuses baselines, as methods that use none do."""

    uses_baselines: ClassVar[bool] = False

    def attribute(self, *args, **keywords):
        assert keywords.get("baselines") is None and keywords.get("mask") is None
        return Saliency().attribute(*args, **keywords)

    def explain(self, case):
        raise NotImplementedError


def test_baselines_and_mask_wait_for_a_method_that_uses_them():
    model, x, grid = Brightness(), torch.rand(3, 8, 8), torch.zeros(1, 8, 8, dtype=torch.long)
    widget = ImageAttribution.explain(model, x, method=FeatureAblation(), target=1, baselines=x[None] / 2, mask=grid)
    assert widget.wait(20)
    first = widget.values
    widget.explain_again(method=NoBaselines())
    assert widget.wait(20)
    assert widget.last_error is None
    widget.explain_again(method=FeatureAblation())
    assert widget.wait(20)
    assert torch.equal(widget.values, first)


@pytest.mark.parametrize("target", [np.int64(1), [np.int64(1)], np.array([1]), torch.tensor(1), 1])
def test_a_class_has_its_name_whatever_kind_of_number_it_is(target):
    assert target_text(target_of(target, 0), ["dark", "bright"]) == "bright"
