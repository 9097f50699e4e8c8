"""Insights: predictions, filters, pages, targets, methods and errors on data whose answers are known."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
import traitlets as t
from PIL import Image
from torch import Tensor, nn

from attrium import FeatureAblation, Insights, Method, setting, zoo
from attrium.errors import DataError
from attrium.explanations import Explanations
from attrium.features import ImageFeature, TextFeature
from attrium.jobs import Job
from attrium.wishes import class_index
from attrium_kernel.attribution import SettingError
from attrium_kernel.attribution.case import Case
from attrium_kernel.attribution.method import Explained
from tests.widgets.comms import Screen
from tests.widgets.models import Brightness, WordSum, encode

COUNT = 30
CLASSES = ["dark", "bright"]


def pictures() -> np.ndarray:
    """Evenly grey pictures, ever brighter: the model calls the last ones bright (sum over the left half above 10)."""
    shades = np.linspace(0, 255, COUNT).round().astype(np.uint8)
    return np.broadcast_to(shades[:, None, None, None], (COUNT, 8, 8, 3)).copy()


def scores() -> np.ndarray:
    """What the model says of "bright": 3 channels x 8 rows x 4 columns of the shade."""
    return pictures()[:, 0, 0, 0] / 255 * 96


PREDICTED = (scores() > 10).astype(int)
LABELS = (scores() > 20).astype(int)  # so that those between 10 and 20 are predicted wrongly


def insights(**options) -> Insights:
    widget = Insights(
        options.pop("model", Brightness()),
        pictures(),
        CLASSES,
        **{"labels": LABELS, "page_size": 5, "method": "Saliency", **options},
    )
    assert widget.wait(60)
    return widget


def frame_values(heat) -> np.ndarray:
    return heat["frame"].values


def test_a_page_has_pictures_predictions_and_the_known_gradients():
    widget = insights()
    assert widget.status["state"] == "idle"
    assert [card["index"] for card in widget.cards] == [0, 1, 2, 3, 4]
    assert [card["predicted"] for card in widget.cards] == PREDICTED[:5].tolist()
    for card, heat in zip(widget.cards, widget.heats, strict=True):
        assert np.array_equal(card["image"].stored, pictures()[card["index"]])
        assert heat["target"] == card["target"] == card["predicted"]
        assert heat["method"] == "Saliency"
        left = 3.0 if card["target"] == 1 else 0.0
        assert frame_values(heat)[:, :4].tolist() == [[left] * 4] * 8
        assert not frame_values(heat)[:, 4:].any()


def test_probabilities_are_the_softmax_of_the_models_scores():
    card = insights(page=5).cards[-1]
    dark = 10 - scores()[card["index"]]
    wanted = 1 / (1 + np.exp(dark))
    assert card["top"][0] == [1, pytest.approx(wanted, abs=1e-6)]
    assert sum(share for _, share in card["top"]) == pytest.approx(1)


def test_the_pass_over_the_whole_data_set_counts_right_and_wrong():
    correct = int((PREDICTED == LABELS).sum())
    assert 0 < correct < COUNT
    assert insights().summary == {
        "accuracy": pytest.approx(correct / COUNT),
        "correct": correct,
        "wrong": COUNT - correct,
        "done": COUNT,
    }


def test_the_page_is_explained_before_the_rest_is_predicted():
    class Counting(Brightness):
        def forward(self, x: Tensor) -> Tensor:
            sizes.append(len(x))
            return super().forward(x)

    sizes: list[int] = []
    widget = insights(model=Counting())
    done = [summary["done"] for summary in Screen(widget).updates("summary")]
    assert sizes[0] == 5 and done[0] == 5 and done[-1] == COUNT
    order = [name for message in Screen(widget).comm.sent() for name in message.data.get("state", {})]
    last_heat = len(order) - 1 - order[::-1].index("heats")
    assert last_heat < len(order) - 1 - order[::-1].index("summary")


def test_turning_the_page_shows_the_next_examples():
    widget = insights()
    Screen(widget).set(page=1)
    assert widget.wait(60)
    assert [card["index"] for card in widget.cards] == [5, 6, 7, 8, 9]
    assert all(heat is not None for heat in widget.heats)


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        ({"outcome": "wrong"}, PREDICTED != LABELS),
        ({"outcome": "correct", "classes": [1]}, (PREDICTED == LABELS) & (LABELS == 1)),
        ({"predicted": [1]}, PREDICTED == 1),
        ({"classes": [0], "predicted": [1]}, (LABELS == 0) & (PREDICTED == 1)),
    ],
)
def test_a_filter_shows_exactly_those_that_pass(wanted, passes):
    widget = insights(page=2)
    Screen(widget).set(filter={"outcome": "all", "classes": [], "predicted": [], **wanted})
    assert widget.wait(60)
    passing = np.flatnonzero(passes).tolist()
    assert passing
    assert (widget.total, widget.page) == (len(passing), 0)
    assert [card["index"] for card in widget.cards] == passing[:5]


def test_a_page_beyond_the_last_becomes_the_last():
    widget = insights()
    widget.page = 99
    assert widget.wait(60)
    assert widget.page == 5
    assert [card["index"] for card in widget.cards] == [25, 26, 27, 28, 29]


def test_nothing_that_passes_is_an_empty_page_and_no_error():
    widget = insights()
    widget.filter = {"predicted": [0], "classes": [1]}
    assert widget.wait(60)
    assert (widget.total, widget.cards, widget.heats, widget.status["state"]) == (0, [], [], "idle")


def test_an_outcome_cannot_be_filtered_without_labels():
    widget = insights(labels=None)
    assert widget.summary["accuracy"] is None
    assert widget.cards[0]["label"] is None
    widget.filter = {"outcome": "wrong"}
    assert widget.wait(60)
    assert "needs labels; pass labels= to Insights" in widget.status["message"]


def test_a_filter_of_unknown_words_is_refused():
    with pytest.raises(t.TraitError, match=r"expected outcome \(all, correct, wrong\), classes and predicted"):
        insights().filter = {"outcome": "odd"}


def test_a_filter_takes_class_names_and_numbers_of_any_kind():
    widget = insights(filter={"classes": ["dark"], "predicted": (np.int64(1),)})
    assert widget.filter == {"outcome": "all", "classes": [0], "predicted": [1]}
    assert [card["index"] for card in widget.cards] == np.flatnonzero((LABELS == 0) & (PREDICTED == 1)).tolist()[:5]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"classes": ["cat"]}, r"filter\['classes'\]: there is no class 'cat'; the classes are dark, bright"),
        ({"predicted": 3}, r"filter\['predicted'\]=3; pass a list of classes, \[3\]"),
        ({"classes": "dark"}, "pass a list of classes"),
        ({"predicted": [2]}, "there is no class 2; pass 0 <= class < 2"),
        ({"predicted": [0.5]}, "0.5 is a float; pass a class, by index or name"),
    ],
)
def test_a_filter_of_classes_that_are_not_there_is_refused(wanted, words):
    widget = insights()
    with pytest.raises(t.TraitError, match=words):
        widget.filter = wanted
    assert widget.filter == {"outcome": "all", "classes": [], "predicted": []}


def test_a_name_that_two_classes_have_is_not_guessed():
    with pytest.raises(t.TraitError, match=r"the classes \[0, 2\] are all called 'crane'"):
        class_index("crane", ["crane", "cat", "crane"], "targets[0]")


def test_targets_may_have_numbers_for_keys_and_names_for_classes():
    widget = insights()
    widget.targets = {0: 1, np.int64(2): "bright"}
    assert widget.targets == {"0": 1, "2": 1}
    assert widget.wait(60)
    assert [card["target"] for card in widget.cards] == [1, PREDICTED[1], 1, *PREDICTED[3:5]]


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ({0: 2}, r"targets\[0\]: there is no class 2; pass 0 <= class < 2, or a name"),
        ({0: -1}, "there is no class -1"),
        ({COUNT: 1}, f"the key {COUNT}; pass the index of an example, 0 <= index < {COUNT}"),
        ({"first": 1}, "the key 'first'; pass the index"),
    ],
)
def test_targets_that_are_not_there_are_refused(targets, words):
    with pytest.raises(t.TraitError, match=words):
        insights().targets = targets


def test_another_target_is_explained_for_that_card_and_kept_for_the_others():
    widget = insights()
    before = list(widget.heats)
    Screen(widget).set(targets={"2": 1})
    assert widget.wait(60)
    assert widget.heats[2]["target"] == widget.cards[2]["target"] == 1
    assert frame_values(widget.heats[2])[:, :4].tolist() == [[3.0] * 4] * 8
    assert [widget.heats[i] is before[i] for i in range(5)] == [True, True, False, True, True]


def test_a_wrong_target_is_an_error_on_its_own_card_only():
    widget = Insights(Brightness(), pictures(), page_size=5, targets={"1": 7}, method="Saliency")  # no class names yet
    assert widget.wait(60)
    assert widget.heats[1] == {"error": "target=7, but the model has 2 classes (0 to 1); pass 0 <= target < 2"}
    assert "frame" in widget.heats[0] and "frame" in widget.heats[4]
    assert widget.status["state"] == "idle"


def test_another_method_starts_with_its_own_defaults_and_explains_the_page():
    widget = insights()
    Screen(widget).set(method="InputXGradient")
    assert widget.wait(60)
    assert widget.settings == {}
    assert {heat["method"] for heat in widget.heats} == {"Input x gradient"}
    widget.method = "IntegratedGradients"
    assert widget.settings == {"n_steps": 50, "rule": "gausslegendre", "multiply_by_inputs": True}
    assert widget.wait(60)
    assert all(heat["gap"] == pytest.approx(0, abs=1e-3) for heat in widget.heats)


def test_settings_reach_the_method_and_wrong_ones_are_shown_with_the_page_left_standing():
    widget = insights(method="IntegratedGradients")
    Screen(widget).set(settings={"n_steps": 7, "rule": "riemann_left", "multiply_by_inputs": False})
    assert widget.wait(60)
    assert widget.results[0].method.n_steps == 7
    Screen(widget).set(settings={"n_steps": 0})
    assert widget.wait(60)
    assert "n_steps=0" in widget.status["message"] and "out of bounds" in widget.status["message"]
    assert len(widget.cards) == 5
    Screen(widget).set(settings={"n_steps": 3})
    assert widget.wait(60)
    assert widget.status["state"] == "idle"


def test_feature_ablation_hides_squares_of_the_picture():
    widget = insights(method=FeatureAblation(), patch=4, page=5)
    heat, index = widget.heats[-1], widget.cards[-1]["index"]
    square = scores()[index] / 2  # two squares make the left half; each hides its 4 x 4 x 3 elements
    wanted = np.full((8, 8), square)  # each pixel shows the drop of its square, once
    wanted[:, 4:] = 0
    assert np.allclose(frame_values(heat), wanted, rtol=1e-4)


def test_grad_cam_names_its_layer_and_is_spread_over_the_picture():
    widget = insights(method="GradCAM")
    entry = next(method for method in widget.methods if method["name"] == "GradCAM")
    assert entry["needs"] == "feature maps: those of layer conv"
    assert widget.heats[0]["method"] == "Grad-CAM at conv"
    assert widget.heats[0]["frame"].shape == (8, 8)
    none = insights(model=Flat(), method="GradCAM")
    assert "pass layer=" in none.heats[0]["error"]
    assert "no convolution" in next(m for m in none.methods if m["name"] == "GradCAM")["needs"]


class Flat(nn.Module):
    """A classifier with no convolution."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([x.flatten(1).sum(1), -x.flatten(1).sum(1)], 1)


@dataclass(frozen=True)
class LeftRight(Method):
    """Left is one, right is minus one, times a strength."""

    label: ClassVar[str] = "Left and right"
    strength: float = setting(2.0, low=0.0, doc="How much.")

    def explain(self, case: Case) -> Explained:
        (x,) = case.points()
        sign = torch.where(torch.arange(x.shape[-1]) < x.shape[-1] // 2, 1.0, -1.0)
        return Explained((self.strength * sign.expand_as(x),))


def test_a_method_of_the_users_own_is_offered_with_its_controls_and_runs():
    widget = insights()
    entry = next(method for method in widget.methods if method["name"] == "LeftRight")
    assert [(s["name"], s["default"], s["low"]) for s in entry["settings"]] == [("strength", 2.0, 0.0)]
    Screen(widget).set(method="LeftRight", settings={"strength": 0.5})
    assert widget.wait(60)
    assert frame_values(widget.heats[0])[0].tolist() == [1.5] * 4 + [-1.5] * 4
    assert widget.heats[0]["method"] == "Left and right (strength=0.5)"


def test_the_choice_of_methods_can_be_narrowed():
    assert [m["name"] for m in insights(methods=["Saliency", LeftRight]).methods] == ["Saliency", "LeftRight"]
    with pytest.raises(SettingError, match="is no attribution method"):
        insights(method="Guess")


def test_the_open_card_is_an_index_of_the_data_and_its_attribution_is_at_hand():
    widget = insights(page=1)
    Screen(widget).set(selection=7)
    assert widget.selection == 7
    assert pictures()[widget.selection].shape == (8, 8, 3)
    attribution = widget.attribution(widget.selection)
    assert attribution.values.shape == (1, 3, 8, 8)
    assert attribution.target == widget.cards[2]["target"]
    assert widget.attribution(29) is None
    assert len(widget.results) == 5


def test_what_was_explained_is_remembered_and_the_least_used_forgotten():
    class Counting(Brightness):
        def forward(self, x: Tensor) -> Tensor:
            calls.append(len(x))
            return super().forward(x)

    calls: list[int] = []
    widget = insights(model=Counting())
    seen = len(calls)
    for page in (1, 0):
        widget.page = page
        assert widget.wait(60)
    assert sum(calls[seen:]) == 5  # only page 1 cost anything, once
    kept = Explanations(Brightness(), ImageFeature(pictures()), kept=3)
    method = FeatureAblation()
    for index in range(5):
        list(kept.explain([(index, 0, method)], FreeJob()))
    assert len(kept) == 3
    assert kept.get((1, 0, method)) is None and kept.get((2, 0, method)) is not None
    list(kept.explain([(9, 0, method)], FreeJob()))
    assert kept.get((2, 0, method)) is not None, "it was looked at since"
    assert kept.get((3, 0, method)) is None


class FreeJob:
    """A job that nobody cancels."""

    def check(self) -> None: ...

    def cancelled(self) -> bool:
        return False

    def progress(self, done: int, total: int, label: str | None = None) -> None: ...


def test_cards_appear_one_group_after_another():
    widget = insights(page_size=12)
    found = [sum(heat is not None for heat in heats) for heats in Screen(widget).updates("heats")]
    assert found[0] == 0 and found[-1] == 12
    assert len(set(found)) > 2
    assert found == sorted(found)


def test_a_new_wish_gives_up_the_old_one_at_once():
    class Slow(Brightness):
        def forward(self, x: Tensor) -> Tensor:
            time.sleep(0.02)
            return super().forward(x)

    widget = Insights(Slow(), pictures(), CLASSES, page_size=5, method="IntegratedGradients")
    time.sleep(0.1)
    start = time.monotonic()
    for page in (1, 2, 3, 4):
        Screen(widget).set(page=page)
    assert time.monotonic() - start < 0.5
    Screen(widget).set(method="Saliency")
    assert widget.wait(60)
    shown = {tuple(card["index"] for card in cards) for cards in Screen(widget).updates("cards")}
    assert [card["index"] for card in widget.cards] == [20, 21, 22, 23, 24]
    assert not {(5, 6, 7, 8, 9), (10, 11, 12, 13, 14)} <= shown
    assert {heat["method"] for heat in widget.heats} == {"Saliency"}


def test_cancel_leaves_what_is_done_and_a_new_page_goes_on():
    class Stuck(Brightness):
        def forward(self, x: Tensor) -> Tensor:
            if len(x) > 8 and not go_on.is_set():
                started.set()
                stop.wait(10)
            return super().forward(x)

    started, stop, go_on = threading.Event(), threading.Event(), threading.Event()
    widget = Insights(Stuck(), pictures(), CLASSES, page_size=5, method="Saliency")
    assert started.wait(20)  # the page is done, the rest is under way
    Screen(widget).say({"kind": "cancel"})
    stop.set()
    assert widget.wait(20)
    assert widget.status["message"] == "Cancelled"
    assert widget.summary["done"] == 5
    assert all(heat is not None for heat in widget.heats)
    go_on.set()
    widget.page = 1
    assert widget.wait(60)
    assert widget.summary["done"] == COUNT


def test_state_survives_the_round_trip_to_the_screen():
    widget = insights()
    (cards, heats) = (Screen(widget).updates("cards")[-1], Screen(widget).updates("heats")[-1])
    assert np.frombuffer(cards[3]["image"]["data"], np.uint8).reshape(8, 8, 3).tolist() == pictures()[3].tolist()
    assert np.frombuffer(heats[4]["frame"]["data"], "<f4").tolist() == frame_values(widget.heats[4]).ravel().tolist()


def test_a_card_can_be_zoomed_into_beyond_what_it_shows():
    large = np.random.default_rng(3).integers(0, 256, (1, 300, 280, 3), dtype=np.uint8)
    widget = Insights(Flat(), large, CLASSES, method="InputXGradient")
    assert widget.wait(60)
    assert widget.cards[0]["image"].shape == (256, 256, 3)
    assert widget.heats[0]["frame"].pooled.kind == "absmax"
    corner = {"kind": "view", "pixels": [99, 99]}
    Screen(widget).say({**corner, "id": 1, "tensor": "image/0", "index": [[9, 20], [5, 9], [0, 3]]})
    Screen(widget).say({**corner, "id": 2, "tensor": "heat/0", "index": [[9, 20], [5, 9]]})
    Screen(widget).say({**corner, "id": 3, "tensor": "heat/7", "index": [[9, 20], [5, 9]]})
    (_, (image,)), (_, (heat,)), (refused, _) = Screen(widget).replies()
    assert image == large[0, 9:20, 5:9].tobytes()
    whole = widget.attribution(0).values[0].sum(0)
    assert np.array_equal(np.frombuffer(heat, "<f4").reshape(11, 4), whole[9:20, 5:9].numpy())
    assert refused["kind"] == "error"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda x: {"logits": x.flatten(1)}, "the model returned a dict with keys ['logits']"),
        (lambda x: x.flatten(1)[:, :2] * torch.nan, "the model's output holds NaN"),
        (lambda x: x.flatten(1)[:, :3], "there are 2 class names, but the model has 3 classes"),
        (lambda x: x.flatten(1)[:, 0], "Insights needs a classifier, (examples, classes)"),
    ],
    ids=["dict output", "NaN output", "other classes", "no classes"],
)
def test_a_model_that_does_not_fit_is_explained_on_screen(model, words):
    shown = Screen(insights(model=model)).updates("status")[-1]
    assert shown["state"] == "error"
    assert words in shown["message"]


def test_a_fault_of_one_example_does_not_hide_the_others():
    images = [Image.fromarray(picture) for picture in pictures()[:5]]

    class Touchy(Brightness):
        def forward(self, x: Tensor) -> Tensor:
            third = (x[:, 0, 0, 0] - pictures()[3, 0, 0, 0] / 255).abs() < 1e-4
            return torch.where((third & faulty[0])[:, None], torch.nan, super().forward(x))

    faulty = [False]
    widget = Insights(Touchy(), images, CLASSES, method="Saliency")
    assert widget.wait(60)
    faulty[0] = True
    widget.method = "InputXGradient"
    assert widget.wait(60)
    assert [("error" in heat) for heat in widget.heats] == [False, False, False, True, False]
    assert "nan" in widget.heats[3]["error"]


@dataclass(frozen=True)
class Fragile(Method):
    """Ones, but a KeyError for a bright picture."""

    label: ClassVar[str] = "Fragile"

    def explain(self, case: Case) -> Explained:
        (x,) = case.points()
        if bool((x > 2.5 / COUNT).any()):
            raise KeyError("too bright")
        return Explained((torch.ones_like(x),))


def test_any_error_of_one_example_stays_on_its_card():
    widget = insights(method=Fragile())
    assert widget.status["state"] == "idle"
    assert [heat.get("error") for heat in widget.heats] == [None, None, None, *["KeyError: 'too bright'"] * 2]


@dataclass(frozen=True)
class Drawing(Method):
    """Random values."""

    label: ClassVar[str] = "Drawing"
    draws: ClassVar[bool] = True
    uses_baselines: ClassVar[bool] = False

    def attribute(self, model, inputs, **keywords):
        assert keywords.get("baselines") is None, "it uses none"
        return super().attribute(model, inputs, **keywords)

    def explain(self, case: Case) -> Explained:
        (x,) = case.points()
        return Explained((torch.rand(x.shape, generator=case.run.generator),))


def test_a_cards_random_values_do_not_depend_on_its_neighbours():
    one = insights(method=Drawing(), page=1, baselines=0.5)
    other = insights(method=Drawing(), page_size=8, baselines=0.5)
    assert "error" not in one.heats[0]
    assert np.array_equal(frame_values(one.heats[1]), frame_values(other.heats[6]))
    assert all("frame" in heat for heat in texts(method=Drawing()).heats)


def test_floats_reach_the_model_as_they_are():
    images = np.random.default_rng(5).random((2, 8, 6, 3))
    made = ImageFeature(images).inputs([0, 1])
    assert made.dtype == torch.float32
    assert np.array_equal(made.numpy(), images.astype(np.float32).transpose(0, 3, 1, 2))
    assert np.array_equal(ImageFeature(images.transpose(0, 3, 1, 2)).inputs([0, 1]).numpy(), made.numpy())


def test_class_names_are_found_in_a_turn_of_the_job(monkeypatch):
    held: list[bool] = []
    turn = Job.turn

    @contextlib.contextmanager
    def watched(job):
        with turn(job):
            held.append(True)
            try:
                yield
            finally:
                held.pop()

    monkeypatch.setattr(Job, "turn", watched)
    seen = []
    monkeypatch.setattr(Insights, "_check_classes", lambda self, given: seen.append(bool(held)))
    insights()
    assert seen and all(seen)


def test_pictures_of_different_sizes_say_what_to_do():
    images = [Image.new("RGB", (8, 8)), Image.new("RGB", (9, 8))]
    widget = Insights(Brightness(), images, CLASSES)
    assert widget.wait(60)
    assert "different shapes" in widget.status["message"] and "resize them in preprocess" in widget.status["message"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Insights(Brightness(), [], CLASSES), "the data set is empty"),
        (
            lambda: Insights(Brightness(), pictures(), CLASSES, labels=[0]),
            "1 labels for 30 examples; pass one for each",
        ),
        (lambda: Insights(Brightness(), 3, CLASSES), "data is a int; pass images"),
        (lambda: Insights(WordSum(), "a text", CLASSES), "data is one text, 'a text'; pass a list of texts"),
        (lambda: Insights(WordSum(), ["1"], CLASSES), "texts need a tokenizer; pass tokenizer="),
        (lambda: Insights(WordSum(), ["1"], CLASSES, tokenizer=object()), "tokenizer is a object"),
    ],
)
def test_data_that_cannot_be_shown_is_refused_at_once(make, words):
    with pytest.raises(DataError, match=words):
        make()


def test_a_misspelt_option_names_the_nearest():
    with pytest.raises(TypeError, match="unknown keyword 'preproces'; did you mean 'preprocess'"):
        Insights(Brightness(), pictures(), CLASSES, preproces=None)
    with pytest.raises(TypeError, match="unknown keyword 'pagesize'; did you mean 'page_size'"):
        Insights(Brightness(), pictures(), CLASSES, pagesize=3)


TEXTS = ["1", "27", "345", "99", "8"]


def texts(**options) -> Insights:
    widget = Insights(WordSum(), TEXTS, ["few", "many"], **{"encode": encode, "method": "FeatureAblation", **options})
    assert widget.wait(60)
    return widget


def test_texts_of_any_length_are_predicted_without_padding():
    widget = texts()
    sums = [sum(map(int, text)) for text in TEXTS]
    assert widget.kind == "text"
    assert [card["predicted"] for card in widget.cards] == [int(total > 9) for total in sums]
    assert widget.cards[2]["tokens"] == ["^", "3", "4", "5", "$"]
    assert widget.cards[2]["words"] == [-1, 0, 1, 2, -1]
    assert widget.cards[2]["special"] == [True, False, False, False, True]


@pytest.mark.parametrize("method", ["FeatureAblation", "IntegratedGradients", "Occlusion", "InputXGradient"])
def test_each_token_of_a_text_gets_its_known_weight(method):
    widget = texts(method=method, targets={str(i): 1 for i in range(5)})
    for card, heat in zip(widget.cards, widget.heats, strict=True):
        wanted = [0, *map(int, TEXTS[card["index"]]), 0]
        assert frame_values(heat).tolist() == pytest.approx(wanted, abs=1e-3)


def test_gradients_of_texts_are_taken_at_the_embedding_of_the_tokens_not_of_the_positions():
    assert texts(method="IntegratedGradients").results[0].at == "embedding"


def test_what_stands_for_no_token_can_be_chosen():
    widget = texts(baselines=3, targets={"3": 1})
    assert frame_values(widget.heats[3]).tolist() == pytest.approx([0, 6, 6, 0])  # 9 less the 3 that stands in
    widget = texts(baselines=lambda ids: ids.clamp(max=5), targets={"3": 1})
    assert frame_values(widget.heats[3]).tolist() == pytest.approx([0, 4, 4, 0])


def test_texts_are_not_offered_methods_for_feature_maps_and_noise_lands_on_the_embedding():
    widget = texts()
    assert "GradCAM" not in [method["name"] for method in widget.methods]
    widget.method = "NoiseTunnel"
    assert widget.wait(60)
    assert widget.settings["where"] == "place"
    assert all("frame" in heat for heat in widget.heats)


def test_a_text_model_without_an_embedding_says_what_to_pass():
    def model(input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return torch.stack([input_ids.float().sum(1), 9 - input_ids.float().sum(1)], 1)

    widget = Insights(model, TEXTS, ["many", "few"], encode=encode, method="Saliency")
    assert widget.wait(60)
    assert "pass at=, the module that embeds them" in widget.heats[0]["error"]
    assert "pass at=" in next(m for m in widget.methods if m["name"] == "Saliency")["needs"]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"input_ids": torch.tensor([1, 2]), "tokens": ["a"]}, "2 input_ids and 1 tokens"),
        ({"input_ids": torch.tensor([1]), "tokens": ["a"], "words": [0, 1]}, "2 words and 1 tokens"),
        ({"tokens": ["a"]}, "without input_ids and tokens; give both"),
    ],
)
def test_an_encoding_that_does_not_fit_together_is_told(found, words):
    with pytest.raises(DataError, match=words):
        TextFeature(["a"], encode=lambda text: found).encoded(0)


@pytest.mark.parametrize("name", ["scenes", "digits"])
def test_the_zoo_of_pictures_can_be_looked_at(name):
    bundle = zoo.load(name)
    widget = Insights.from_bundle(bundle, page_size=4, method="GradCAM")
    assert widget.wait(120)
    assert widget.status["state"] == "idle"
    assert widget.summary["accuracy"] > 0.9
    assert re.fullmatch(rf"Grad-CAM at {bundle.grad_cam}, \d+ × \d+ map, interpolated", widget.heats[0]["method"])


def test_the_zoo_of_texts_can_be_looked_at_and_its_own_tokenizer_says_the_same():
    bundle = zoo.reviews()
    widget = Insights.from_bundle(bundle, page_size=4, method="IntegratedGradients")
    assert widget.wait(120)
    assert widget.summary["accuracy"] > 0.9
    assert widget.heats[0]["gap"] == pytest.approx(0, abs=0.05)
    again = TextFeature(bundle.test.texts[:20], tokenizer=bundle.tokenizer)
    ours = TextFeature(bundle.test.texts[:20], encode=bundle.encode)
    for index in range(20):
        assert again.card(index) == ours.card(index)
        assert torch.equal(again.encoded(index).ids, ours.encoded(index).ids)
