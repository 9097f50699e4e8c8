"""Head scores on patterns whose scores are known, on loops over every cell, and on a model whose heads are known."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from attrium_kernel import zoo
from attrium_kernel.tracing import SiteError, trace
from attrium_kernel.tracing.analysis import head_scores, induction_scores, induction_trace, repeated_tokens

from ..closeness import assert_close
from ..models import SUBJECTS, padded, shared


def pointing(keys: list[int]) -> Tensor:
    """A head whose query i attends to `keys[i]` alone: `(1, 1, 1, n, n)`."""
    return torch.nn.functional.one_hot(torch.tensor(keys), len(keys)).float()[None, None, None]


def value(given: Tensor, name: str, **how: Any) -> float:
    return float(head_scores(given, [name], **how)[name])


def test_each_score_is_one_on_the_head_it_is_named_after() -> None:
    assert value(pointing([0, 0, 1, 2]), "previous_token") == 1
    assert value(pointing([0, 1, 2, 3]), "current_token") == 1
    assert value(pointing([0, 0, 0, 0]), "first_token") == 1
    ids = torch.tensor([[5, 6, 5, 6, 5]])
    assert value(pointing([0, 0, 0, 1, 2]), "duplicate_token", ids=ids) == 1
    assert value(pointing([0, 0, 0, 1, 2, 3]), "induction", period=3) == 1
    assert value(pointing([0, 0, 0, 1, 2, 3]), "induction", period=4) == 0
    assert value(pointing([0, 0, 0, 1]), "entropy") == 0
    assert value(torch.full((1, 1, 1, 8, 8), 1 / 8), "entropy") == pytest.approx(math.log(8), rel=1e-5)
    assert value(pointing([0, 0, 0, 0]), "mean_distance") == pytest.approx((0 + 1 + 2 + 3) / 4)
    assert value(pointing([3, 3, 3, 3]), "mean_distance") == pytest.approx((3 + 2 + 1 + 0) / 4)


def test_scores_are_means_over_the_queries_that_count() -> None:
    inputs = padded("left")
    run = trace(shared("llama"), inputs)
    found = head_scores(run, period=4)
    mask, ids = inputs["attention_mask"].bool(), inputs["input_ids"]
    for layer in range(2):
        pattern = run[f"blocks.{layer}.attn.pattern"].double()
        for head in range(4):
            cells: dict[str, list[float]] = {name: [] for name in found}
            for b in range(len(ids)):
                real = [i for i in range(9) if mask[b, i]]
                for q in real:
                    row = pattern[b, head, q]
                    cells["entropy"].append(float(-(row[row > 0] * row[row > 0].log()).sum()))
                    cells["mean_distance"].append(sum(float(row[k]) * abs(q - k) for k in range(9)))
                    cells["current_token"].append(float(row[q]))
                    if q - 1 in real:
                        cells["previous_token"].append(float(row[q - 1]))
                    if q != real[0]:
                        cells["first_token"].append(float(row[real[0]]))
                    same = [k for k in real if k < q and ids[b, k] == ids[b, q]]
                    if same:
                        cells["duplicate_token"].append(sum(float(row[k]) for k in same))
                    if q - 4 in real and ids[b, q] == ids[b, q - 4]:
                        cells["induction"].append(float(row[q - 3]))
            for name, seen in cells.items():
                right = sum(seen) / len(seen) if seen else math.nan
                assert float(found[name][layer, head]) == pytest.approx(right, abs=1e-5, nan_ok=True), name


def test_repeated_tokens_repeat_and_are_seeded() -> None:
    made = repeated_tokens(50, period=10, batch=3, start=7, seed=2)
    assert made.shape == (3, 21)
    assert (made[:, 0] == 7).all() and (made[:, 1:] != 7).all()
    assert torch.equal(made[:, 1:11], made[:, 11:])
    assert all(len(set(row[1:11].tolist())) == 10 for row in made)
    assert torch.equal(made, repeated_tokens(50, period=10, batch=3, start=7, seed=2))
    assert not torch.equal(made, repeated_tokens(50, period=10, batch=3, start=7, seed=3))
    few = repeated_tokens([4, 9], period=6)
    assert set(few.flatten().tolist()) == {4, 9} and torch.equal(few[:, :6], few[:, 6:])


def test_the_zoo_models_heads_are_found() -> None:
    model = zoo.load("tiny_gpt2").model
    state = torch.get_rng_state()
    induction = induction_scores(model)
    assert torch.equal(torch.get_rng_state(), state)
    known = {(3, 0), (3, 2), (3, 3)}
    found = {divmod(int(i), 4) for i in induction.flatten().topk(3).indices}
    assert found == known, induction
    scores = head_scores(model)
    assert divmod(int(scores["previous_token"].argmax()), 4) == (2, 2)
    assert_close(scores["induction"], induction, 1e-6)


def test_induction_scores_are_the_mass_on_the_token_after_the_last_copy() -> None:
    model = shared("gpt2")
    run = induction_trace(model, period=6, batch=2, start=3, seed=4)
    assert run.tokens is not None
    ids = run.tokens.ids
    right = torch.zeros(3, 4)
    with torch.no_grad():
        seen = model(ids, output_attentions=True).attentions
    for layer, pattern in enumerate(seen):
        cells = [pattern[:, :, q, q - 5] for q in range(7, 13)]
        right[layer] = torch.stack(cells).mean((0, 1))
    assert_close(induction_scores(model, period=6, batch=2, start=3, seed=4), right, 1e-5)


def test_a_decoder_does_not_borrow_the_encoders_tokens() -> None:
    run = trace(shared("t5"), SUBJECTS["t5"].inputs())
    assert "duplicate_token" in head_scores(run, stack="encoder")
    assert "duplicate_token" not in head_scores(run)
    assert head_scores(run)["entropy"].shape == (2, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: head_scores(pointing([0, 0]), ["copying"]), "no head score 'copying'; there are previous_token"),
        (lambda: head_scores(pointing([0, 0]), ["induction"]), "induction needs the period"),
        (lambda: head_scores(pointing([0, 0]), ["duplicate_token"]), "duplicate_token needs the ids"),
        (lambda: head_scores(pointing([0, 0]), ids=torch.zeros(1, 3)), r"ids of shape \(1, 3\)"),
        (lambda: induction_scores(shared("t5")), "has an encoder and a decoder"),
        (
            lambda: head_scores([pointing([0, 0])[0], pointing([0, 0])[0].expand(1, 2, 2, 2)]),
            "different numbers of heads",
        ),
    ],
)
def test_mistakes_are_named(call: Any, message: str) -> None:
    with pytest.raises(SiteError, match=message):
        call()
