"""Hugging Face models and other outputs, as they come."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from attrium_kernel.attribution import (
    FeatureAblation,
    IntegratedGradients,
    Saliency,
)

from . import models
from .closeness import assert_close
from .oracles import gradient, picked

F64 = torch.float64


def test_a_hugging_face_model_explains_a_token_at_its_embedding() -> None:
    model = models.tiny_gpt2()
    ids = torch.randint(1, 31, (2, 7), generator=torch.Generator().manual_seed(1))
    result = IntegratedGradients(n_steps=30).attribute(
        model, {"input_ids": ids}, target=(-1, 4), at=model.transformer.wte
    )
    assert isinstance(result.values, Tensor)
    assert result.values.shape == (2, 7, 16)
    assert result.at == "transformer.wte"
    with torch.no_grad():
        scores = model(input_ids=ids).logits[:, -1, 4]
        at_zero = model(inputs_embeds=torch.zeros(2, 7, 16)).logits[:, -1, 4]
    assert torch.allclose(result.scores, scores, atol=1e-6)
    assert result.gap is not None and result.gap.abs().max() < 1e-4
    assert torch.allclose(result.values.sum((1, 2)), scores - at_zero, atol=1e-4)


@pytest.mark.parametrize("target", [(2, 4), (-1, 4), (0, -1), [(6, 3), (1, 30)]])
def test_every_position_of_a_language_model_is_a_target(target: Any) -> None:
    model = models.tiny_gpt2()
    ids = torch.randint(1, 31, (2, 7), generator=torch.Generator().manual_seed(1))
    pairs = target if isinstance(target, list) else [target, target]
    embedded = model.transformer.wte(ids).detach()
    expected = torch.cat(
        [
            gradient(picked(lambda e: model(inputs_embeds=e).logits, p, t), embedded[i : i + 1])
            for i, (p, t) in enumerate(pairs)
        ]
    )
    for inputs in ({"input_ids": ids}, ids, (ids,)):
        result = Saliency(absolute=False).attribute(model, inputs, target=target, at="transformer.wte")
        assert_close(result.values, expected, 1e-5)


def test_an_attention_mask_follows_its_sentence() -> None:
    model = models.tiny_gpt2()
    ids = torch.randint(1, 31, (2, 7), generator=torch.Generator().manual_seed(1))
    mask = torch.tensor([[0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1]])
    result = IntegratedGradients(n_steps=4).attribute(
        model,
        {"input_ids": ids},
        target=(-1, 4),
        at="transformer.wte",
        kwargs={"attention_mask": mask, "use_cache": False},
        memory_budget=1,
    )
    assert isinstance(result.values, Tensor)
    assert result.values[0, :2].abs().max() == 0
    assert (result.values[1].abs().amax(1) > 0).all()
    with torch.no_grad():
        scores = model(input_ids=ids, attention_mask=mask).logits[:, -1, 4]
    assert torch.allclose(result.scores, scores, atol=1e-6)


def test_token_ids_are_ablated_as_they_are() -> None:
    model = models.tiny_gpt2()
    ids = torch.randint(1, 31, (1, 5), generator=torch.Generator().manual_seed(1))
    result = FeatureAblation().attribute(model, {"input_ids": ids}, target=(-1, 4), baselines={"input_ids": 30})
    assert isinstance(result.values, dict)
    values = result.values["input_ids"]
    assert values.shape == (1, 5) and values.is_floating_point()
    for position in range(5):
        changed = ids.clone()
        changed[0, position] = 30
        with torch.no_grad():
            drop = (model(ids).logits - model(changed).logits)[0, -1, 4]
        assert float(values[0, position] - drop) == pytest.approx(0, abs=1e-6)


def test_a_callable_target_reads_any_output() -> None:
    model = models.tiny_gpt2()
    ids = torch.randint(1, 31, (2, 5), generator=torch.Generator().manual_seed(1))
    by_callable = Saliency().attribute(model, ids, target=lambda out: out["logits"][:, -1, 3], at="transformer.wte")
    by_tuple = Saliency().attribute(model, ids, target=(-1, 3), at="transformer.wte")
    assert_close(by_callable.values, by_tuple.values, 1e-5)
    dictionary = Saliency(absolute=False).attribute(
        lambda x: {"a": x, "b": x**2}, models.randn(2, 3, dtype=F64), target=lambda out: out["b"].sum(1)
    )
    assert_close(dictionary.values, 2 * models.randn(2, 3, dtype=F64), 1e-12)
