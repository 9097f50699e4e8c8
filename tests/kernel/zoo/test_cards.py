"""The files of every model: what the card says is what lies beside it."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch
from safetensors.torch import load_file

from attrium_kernel import zoo

MEBIBYTE = 2**20


@pytest.mark.parametrize("name", zoo.names())
def test_the_card_names_these_very_weights(name):
    card = zoo.Card.load(zoo.path(name))
    assert card.name == name
    assert card.weights_sha256 == hashlib.sha256((zoo.path(name) / "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize("name", zoo.names())
def test_both_forms_of_the_card_say_the_same(name):
    folder = zoo.path(name)
    assert zoo.Card.load(folder).to_markdown() == (folder / "card.md").read_text(encoding="utf-8")
    assert json.loads((folder / "card.json").read_text(encoding="utf-8"))["scores"]


@pytest.mark.parametrize("name", zoo.names())
def test_loading_gives_a_model_in_eval_mode_with_the_parameters_the_card_counts(name):
    bundle = zoo.load(name)
    assert bundle.name == name
    assert not any(module.training for module in bundle.model.modules())
    assert sum(p.numel() for p in bundle.model.parameters()) == bundle.card.parameters
    assert all(torch.isfinite(p).all() for p in bundle.model.parameters())


def test_each_load_gives_a_model_of_its_own():
    first, second = zoo.digits(), zoo.digits()
    with torch.no_grad():
        first.model.head.bias.fill_(7)
    assert not (second.model.head.bias == 7).any()


@pytest.mark.parametrize("name", zoo.names())
def test_loading_leaves_the_random_state_and_the_output_alone(name, capsys):
    before = torch.get_rng_state()
    zoo.load(name)
    assert torch.equal(torch.get_rng_state(), before)
    assert capsys.readouterr() == ("", "")


def test_weights_are_float32_and_the_zoo_stays_small():
    files = [path for name in zoo.names() for path in zoo.path(name).iterdir()]
    assert sum(path.stat().st_size for path in files) < 8 * MEBIBYTE
    shipped = load_file(zoo.path("scenes") / "model.safetensors")
    assert {t.dtype for t in shipped.values()} == {torch.float32, torch.int64}  # int64: batch norm's counter


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no model named 'cats'; choose one of scenes, digits, reviews"):
        zoo.path("cats")
    with pytest.raises(ValueError, match=r"no model named 'cats'"):
        zoo.load("cats")
