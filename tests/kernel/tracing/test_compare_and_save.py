"""Two traces compared, and interventions that go to a file and come back."""

from __future__ import annotations

from typing import Any

import pytest

from attrium_kernel.tracing import (
    InterventionError,
    Mean,
    Patch,
    Replace,
    Scale,
    Site,
    Steer,
    Zero,
    compare,
    load_interventions,
    save_interventions,
    trace,
)

from . import models
from .closeness import assert_close
from .test_interventions import IDS, other
from .test_parity import traced


def test_compare_is_what_the_second_has_more() -> None:
    a, b = traced("gpt2", "eager"), other("gpt2")
    differences = compare(a, b)
    assert set(differences) >= {"blocks.1.resid_post", "blocks.0.attn.pattern", "logits"}
    for name in ("blocks.1.resid_post", "blocks.0.attn.pattern", "logits"):
        assert_close(differences[name], b[name] - a[name], 0.0)
    some = compare(a, b, names=["blocks.*.mlp_out"])
    assert list(some) == [f"blocks.{i}.mlp_out" for i in range(3)]


def test_saved_interventions_come_back_and_do_the_same(tmp_path: Any) -> None:
    vector, value = models.randn(models.WIDTH, seed=5), models.randn(6, seed=6)
    saved = [
        Zero(Site("blocks.1.attn.z", head=(1, 2), position=-1)),
        Scale("blocks.*.mlp_out", 0.5),
        Steer(Site("blocks.0.resid_post", rows=0), vector, 2.5),
        Patch(Site("blocks.2.attn.z", head=0), value),
        Mean("blocks.1.mlp.post", over="position"),
    ]
    save_interventions(tmp_path / "edits", saved)
    loaded = load_interventions(tmp_path / "edits")
    assert [type(each) for each in loaded] == [type(each) for each in saved]
    assert [each.at for each in loaded] == [each.at for each in saved]
    right = trace(models.shared("gpt2"), IDS, interventions=saved).logits
    assert_close(trace(models.shared("gpt2"), IDS, interventions=loaded).logits, right, 0.0)


def test_a_function_cannot_be_saved_and_says_so(tmp_path: Any) -> None:
    with pytest.raises(InterventionError, match="Replace"):
        save_interventions(tmp_path / "edits", [Replace("embed", lambda v: v)])
