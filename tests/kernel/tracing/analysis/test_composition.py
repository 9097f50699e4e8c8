"""Composition and copying from weights, against the full products that the code avoids."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attrium_kernel import zoo
from attrium_kernel.tracing import ArchitectureError
from attrium_kernel.tracing.analysis import composition_scores, copying_scores
from attrium_kernel.tracing.weights import Weights

from ..closeness import assert_close
from ..models import SUBJECTS, WIDTH, shared

FAMILIES = ["gpt2", "gpt-neox", "llama", "gemma2", "opt", "t5"]


def norm_matrix(name: str, module: Any) -> Tensor:
    """`(d_model, d_model)` a norm without scale and bias, as a matrix on row vectors."""
    if module is None:
        return torch.eye(WIDTH, dtype=torch.float64)
    weight = module.weight.detach().double()
    if name.startswith("gemma"):
        weight = 1 + weight
    matrix = torch.diag(weight)
    if type(module) is nn.LayerNorm:
        matrix = (torch.eye(WIDTH, dtype=torch.float64) - 1 / WIDTH) @ matrix
    return matrix


def circuits(name: str, fold: bool) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
    """Query-key and output-value maps `(d_model, d_model)` of every layer and head."""
    model, stack = shared(name), SUBJECTS[name].stacks[-1]
    weights = Weights(model)
    qk: list[list[Tensor]] = []
    ov: list[list[Tensor]] = []
    for layer in range(stack.layers):
        block = stack.blocks.format(i=layer)
        before = norm_matrix(name, model.get_submodule(f"{block}.{stack.ln1}") if fold else None)
        post = f"{block}.{stack.attn_post}" if stack.attn_post else None
        after = norm_matrix(name, model.get_submodule(post) if fold and post else None)
        q, k, v, o = (
            w.double() for w in (weights.W_Q(layer), weights.W_K(layer), weights.W_V(layer), weights.W_O(layer))
        )
        shared_by = len(q) // len(k)
        qk.append([before @ q[h] @ k[h // shared_by].T @ before.T for h in range(len(q))])
        ov.append([before @ v[h // shared_by] @ o[h] @ after for h in range(len(q))])
    return qk, ov


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("name", FAMILIES)
def test_composition_is_the_ratio_of_the_full_products(name: str, fold: bool) -> None:
    found = composition_scores(shared(name), fold_norms=fold)
    qk, ov = circuits(name, fold)
    layers, heads = len(qk), len(qk[0])
    for which, table in (("q", found.q), ("k", found.k), ("v", found.v)):
        assert table is not None and table.shape == (layers, heads, layers, heads)
        for s in range(layers):
            for t in range(layers):
                for a in range(heads):
                    for b in range(heads):
                        written = ov[s][a]
                        read = {"q": qk[t][b], "k": qk[t][b].T, "v": ov[t][b]}[which]
                        right = (written @ read).norm() / (written.norm() * read.norm()) if s < t else torch.tensor(0.0)
                        assert float(table[s, a, t, b]) == pytest.approx(float(right), abs=1e-5)


def test_only_what_is_asked_for_is_computed() -> None:
    found = composition_scores(shared("gpt2"), kinds=["k"])
    assert found.q is None and found.v is None and found.k is not None
    assert found.baseline == {}


def test_the_baseline_is_what_random_heads_score() -> None:
    found = composition_scores(shared("gpt2"), random_draws=40, seed=1)
    again = composition_scores(shared("gpt2"), random_draws=40, seed=1)
    assert found.baseline == again.baseline
    generator = torch.Generator().manual_seed(5)

    def circuit() -> Tensor:
        return torch.randn(24, 6, generator=generator) @ torch.randn(6, 24, generator=generator)

    ratios = []
    for _ in range(300):
        a, b = circuit(), circuit()
        ratios.append(float((a @ b).norm() / (a.norm() * b.norm())))
    right = sum(ratios) / len(ratios)
    for score in found.baseline.values():
        assert score == pytest.approx(right, rel=0.03)


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma2", "t5"])
def test_copying_is_read_from_the_eigenvalues_of_the_full_map(name: str, fold: bool) -> None:
    model, stack = shared(name), SUBJECTS[name].stacks[-1]
    weights = Weights(model)
    _, ov = circuits(name, fold)
    final = norm_matrix(name, model.get_submodule(str(stack.ln_final)) if fold else None)
    found = copying_scores(model, fold_norms=fold)
    for layer, heads in enumerate(ov):
        for head, circuit in enumerate(heads):
            full = weights.W_E.double() @ circuit @ final @ weights.W_U.double()
            values = torch.linalg.eigvals(full)
            right = values.real.sum() / values.abs().sum()
            assert float(found[layer, head]) == pytest.approx(float(right), abs=1e-4)


def test_a_head_that_copies_scores_one_and_its_opposite_minus_one() -> None:
    torch.manual_seed(0)
    from ..models import build

    model = build("gpt2")
    with torch.no_grad():
        block = model.transformer.h[0]
        value = torch.linalg.qr(torch.randn(24, 6))[0]
        for head, sign in ((0, 1.0), (1, -1.0)):
            block.attn.c_attn.weight[:, 48 + 6 * head : 54 + 6 * head] = value
            block.attn.c_proj.weight[6 * head : 6 * head + 6] = sign * value.T
    found = copying_scores(model, fold_norms=False)
    assert_close(found[0, :2], torch.tensor([1.0, -1.0]), 1e-5)


def test_a_model_of_pictures_has_no_tokens_to_copy() -> None:
    with pytest.raises(ArchitectureError, match="no embedding table"):
        copying_scores(shared("vit"))


def test_in_the_zoo_model_induction_heads_read_keys_from_the_previous_token_head() -> None:
    model = zoo.load("tiny_gpt2").model
    found = composition_scores(model, kinds=["k"], random_draws=20)
    assert found.k is not None
    for reader in (2, 3):
        writers = found.k[2, :, 3, reader]  # of the layer before
        assert int(writers.argmax()) == 2
        assert float(writers[2]) > 2 * found.baseline["k"]
