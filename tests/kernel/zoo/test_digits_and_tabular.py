"""The models on scikit-learn's data sets."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits

from attrium_kernel import zoo
from attrium_kernel.zoo import train as training
from attrium_kernel.zoo.data import tables


def test_digits_reach_the_score_of_their_card():
    bundle = zoo.digits()
    with torch.inference_mode():
        answers = bundle.model(bundle.preprocess(bundle.test.images)).argmax(-1).numpy()
    assert bundle.card.scores["accuracy"] >= 0.98
    assert (answers == bundle.test.labels).mean() == pytest.approx(bundle.card.scores["accuracy"], abs=0.003)


def test_digits_are_those_of_scikit_learn():
    split, source = tables.digits(), load_digits()
    rows = {image.tobytes() for image in source.images}
    assert len(split.train.labels) + len(split.test.labels) == len(source.target)
    assert {image.tobytes() for part in (split.train, split.test) for image in part.rows} == rows


def test_ink_becomes_bytes_from_none_to_full():
    assert tables.ink_to_bytes(np.array([0.0, 8.0, 16.0])).tolist() == [0, 128, 255]


def test_tabular_reaches_the_score_of_its_card(tabular):
    with torch.inference_mode():
        answers = tabular.model(tabular.preprocess(tabular.test.rows)).argmax(-1).numpy()
    assert tabular.card.scores["accuracy"] >= 0.95
    assert (answers == tabular.test.labels).mean() == pytest.approx(tabular.card.scores["accuracy"], abs=0.008)


def test_the_standardisation_comes_from_the_training_rows(tabular):
    train = tables.breast_cancer().train.rows
    standard = tabular.preprocess(train)
    assert torch.allclose(standard.mean(0), torch.zeros(30), atol=1e-5)
    assert torch.allclose(standard.std(0, correction=0), torch.ones(30), atol=1e-5)
    assert tabular.features == list(load_breast_cancer().feature_names)


def test_rows_of_the_wrong_width_are_refused(tabular):
    with pytest.raises(ValueError, match=r"shape \(2, 29\), expected \(n, 30\)"):
        tabular.preprocess(np.zeros((2, 29)))


def test_training_twice_gives_the_same_bits(tmp_path, one_thread_afterwards_undone, capsys):
    cards = [training.train("tabular", tmp_path / run) for run in ("first", "second")]
    first, second = (hashlib.sha256((tmp_path / run / "model.safetensors").read_bytes()) for run in ("first", "second"))
    assert first.hexdigest() == second.hexdigest() and cards[0] == cards[1]
    assert cards[0].scores["accuracy"] == pytest.approx(zoo.tabular().card.scores["accuracy"], abs=0.02)


@pytest.fixture
def one_thread_afterwards_undone():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
