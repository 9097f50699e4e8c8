"""Methods as the screen offers them, the user's own among them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar, Literal

import pytest

from attrium import GradCAM, IntegratedGradients, Method, NoiseTunnel, Occlusion, Saliency, setting
from attrium.methods import build, defaults, describe, offered, values_of
from attrium_kernel.attribution import SettingError
from attrium_kernel.attribution.case import Case
from attrium_kernel.attribution.method import Explained


@dataclass(frozen=True)
class Centred(Method):
    """The input less a constant, squashed.

    A second paragraph that no form needs.
    """

    label: ClassVar[str] = "Centred input"
    middle: float = setting(0.5, low=0.0, high=1.0, doc="What counts as nothing.")
    shape: Literal["tanh", "linear"] = setting("linear", doc="How values are squashed.")

    def explain(self, case: Case) -> Explained:
        return Explained(tuple(x - self.middle for x in case.points()))


def test_a_method_that_a_user_wrote_is_offered_with_its_controls():
    assert "Centred" in offered(None)
    entry = json.loads(json.dumps(describe(Centred, {}, None), allow_nan=False))
    assert (entry["label"], entry["doc"]) == ("Centred input", "The input less a constant, squashed.")
    assert entry["settings"][0] == {
        "name": "middle",
        "kind": "float",
        "default": 0.5,
        "low": 0.0,
        "high": 1.0,
        "choices": None,
        "doc": "What counts as nothing.",
    }
    assert entry["settings"][1]["choices"] == ["tanh", "linear"]


@pytest.mark.parametrize("name", sorted(offered(None)))
def test_every_method_can_be_described_and_made_from_its_defaults(name):
    known = offered(None)
    json.dumps(describe(known[name], {}, None), allow_nan=False)
    method = build(name, json.loads(json.dumps(defaults(known[name], {}))), known)
    assert type(method) is known[name]


def test_settings_come_back_from_json_as_the_method_had_them():
    known = offered(None)
    for method in (
        Occlusion(window=(3, 4, 4), stride=2),
        NoiseTunnel(GradCAM(), n_samples=3),
        Saliency(absolute=False),
    ):
        again = build(type(method).__name__, json.loads(json.dumps(values_of(method))), known)
        assert again == method


def test_javascripts_whole_numbers_are_integers_again():
    assert build("IntegratedGradients", {"n_steps": 20.0}, offered(None)) == IntegratedGradients(n_steps=20)


def test_defaults_that_fit_the_data_go_before_the_methods_own():
    assert defaults(Occlusion, {"window": 1}) == {"window": 1, "stride": None}


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("IntegratedGradients", {"n_steps": 0}, "0 is out of bounds"),
        ("IntegratedGradients", {"n_steps": "many"}, "expected whole numbers"),
        ("IntegratedGradients", {"steps": 3}, "no setting 'steps'; its settings are n_steps"),
        ("IntegratedGradients", {"rule": "simpson"}, "expected one of 'gausslegendre'"),
        ("Magic", {}, "'Magic' is no attribution method; pass some of"),
    ],
)
def test_settings_that_do_not_fit_say_what_would(name, settings, words):
    with pytest.raises(SettingError, match=words):
        build(name, settings, offered(None))


def test_the_choice_can_be_narrowed_by_name_or_class():
    assert list(offered(["Saliency", GradCAM])) == ["Saliency", "GradCAM"]
    with pytest.raises(SettingError, match="'Salience' is no attribution method"):
        offered(["Salience"])
