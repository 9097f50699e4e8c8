"""Settings are read off the dataclass fields, so that a widget can draw the controls of any method."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pytest

from attrium_kernel.attribution import (
    FeatureAblation,
    GradCAM,
    GradientShap,
    InputXGradient,
    IntegratedGradients,
    Method,
    NoiseTunnel,
    Occlusion,
    Saliency,
    Setting,
    all_methods,
    setting,
    settings_of,
)

OURS: list[type[Method]] = [
    Saliency,
    InputXGradient,
    IntegratedGradients,
    GradientShap,
    NoiseTunnel,
    FeatureAblation,
    Occlusion,
    GradCAM,
]
KINDS = {
    Saliency: {"absolute": "bool"},
    InputXGradient: {},
    IntegratedGradients: {"n_steps": "int", "rule": "choice", "multiply_by_inputs": "bool"},
    GradientShap: {"n_samples": "int", "stdevs": "float", "multiply_by_inputs": "bool"},
    NoiseTunnel: {"method": "method", "kind": "choice", "n_samples": "int", "stdevs": "float", "where": "choice"},
    FeatureAblation: {},
    Occlusion: {"window": "ints", "stride": "ints"},
    GradCAM: {"relu": "bool"},
}


def by_name(method: Any) -> dict[str, Setting]:
    """Settings by their names."""
    return {found.name: found for found in settings_of(method)}


@pytest.mark.parametrize("method", OURS, ids=lambda m: m.__name__)
def test_every_field_is_a_setting_of_the_right_kind(method: type[Method]) -> None:
    assert {name: setting.kind for name, setting in by_name(method).items()} == KINDS[method]
    assert list(by_name(method)) == [field.name for field in dataclasses.fields(method)], "in the order of the fields"


@pytest.mark.parametrize("method", OURS, ids=lambda m: m.__name__)
def test_every_setting_has_a_doc_and_a_default_within_its_bounds(method: type[Method]) -> None:
    for found in settings_of(method):
        assert found.doc and found.doc[0] != " "
        if found.kind in ("int", "float"):
            assert found.low is None or found.low <= found.default
            assert found.high is None or found.default <= found.high
        if found.kind == "choice":
            assert found.default in found.choices and len(found.choices) > 1


def test_defaults_and_choices_are_those_of_the_method() -> None:
    found = by_name(IntegratedGradients)
    assert found["n_steps"].default == 50 and found["n_steps"].low == 1
    assert found["rule"].default == "gausslegendre"
    assert set(found["rule"].choices) == {
        "gausslegendre",
        "riemann_left",
        "riemann_middle",
        "riemann_right",
        "riemann_trapezoid",
    }
    assert found["multiply_by_inputs"].default is True
    assert set(by_name(NoiseTunnel)["kind"].choices) == {"smoothgrad", "smoothgrad_sq", "vargrad"}
    assert set(by_name(NoiseTunnel)["where"].choices) == {"inputs", "place"}
    assert by_name(GradientShap)["stdevs"].low == 0
    assert by_name(Occlusion)["window"].default == 8


def test_an_instances_settings_start_at_its_own_values() -> None:
    found = by_name(IntegratedGradients(n_steps=7, rule="riemann_left"))
    assert (found["n_steps"].default, found["rule"].default) == (7, "riemann_left")
    assert by_name(NoiseTunnel(Occlusion((1, 2, 3)), n_samples=9))["n_samples"].default == 9


def test_the_settings_build_the_method_again() -> None:
    for method in (IntegratedGradients(n_steps=7), Occlusion((1, 2), (1, 1)), NoiseTunnel(Saliency(), stdevs=0.5)):
        assert type(method)(**{s.name: s.default for s in settings_of(method)}) == method


@pytest.mark.parametrize("method", OURS, ids=lambda m: m.__name__)
def test_every_method_has_a_label_and_is_listed(method: type[Method]) -> None:
    assert method in all_methods().values()
    assert method.label[0].isupper()
    assert all_methods()[method.__name__] is method


def test_labels_are_the_fields_own_terms() -> None:
    assert IntegratedGradients.label == "Integrated gradients"
    assert len({method.label for method in OURS}) == len(OURS)


def test_a_users_subclass_gets_controls_and_a_place_in_the_list_without_registering() -> None:
    @dataclass(frozen=True)
    class Blended(Saliency):
        """A user's own method: one field with bounds and a line of text, the others plain."""

        label: ClassVar[str] = "Blended"
        share: float = setting(0.25, low=0.0, high=1.0, doc="How much of it.")
        mode: Literal["fast", "slow"] = "slow"
        repeats: int = 3
        sizes: tuple[int, ...] = (1, 2)

    found = by_name(Blended)
    assert {name: s.kind for name, s in found.items()} == {
        "absolute": "bool",
        "share": "float",
        "mode": "choice",
        "repeats": "int",
        "sizes": "ints",
    }
    assert found["share"] == Setting("share", "float", 0.25, 0.0, 1.0, (), "How much of it.")
    assert found["repeats"] == Setting("repeats", "int", 3)
    with pytest.raises(ValueError, match="share"):
        Blended(share=1.5)
    assert tuple(found["mode"].choices) == ("fast", "slow")
    assert Blended in all_methods().values()


def test_abstract_classes_are_not_listed() -> None:
    assert Method not in all_methods().values()
    for method in all_methods().values():
        assert not getattr(method, "__abstractmethods__", None)


def test_settings_are_values() -> None:
    first, second = settings_of(IntegratedGradients), settings_of(IntegratedGradients)
    assert first == second
    with pytest.raises(dataclasses.FrozenInstanceError):
        first[0].default = 3  # type: ignore[misc]


def test_a_subclass_of_a_method_has_a_name_of_its_own() -> None:
    @dataclass(frozen=True)
    class Sharper(Saliency):
        pass

    assert Sharper.label == "Sharper"
    assert Saliency.label == "Saliency"


def test_noise_is_averaged_around_the_gradient_unless_told_otherwise() -> None:
    assert NoiseTunnel().method == Saliency()
