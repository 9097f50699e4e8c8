"""Weights by role, against what the model's own modules did with their inputs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attrium_kernel.tracing.architecture import Architecture, Part
from attrium_kernel.tracing.errors import ArchitectureError, SiteError
from attrium_kernel.tracing.weights import Weights, in_heads, measured_map, plain_map

from ..closeness import assert_close
from ..models import HEADS, SUBJECTS, VOCAB, WIDTH, build, randn, shared
from ..oracles import Recording, split

FAMILIES = [
    "gpt2", "gpt-neo", "gpt-neox", "bloom", "falcon", "falcon multi-query", "mpt", "opt", "llama", "qwen2", "qwen3",
    "gemma2", "gemma3", "phi3", "olmo2", "bert", "vit", "t5", "bart",
]  # fmt: skip


def recorded(name: str) -> tuple[nn.Module, Recording]:
    model, subject = shared(name), SUBJECTS[name]
    with Recording().of(model) as recording, torch.no_grad():
        model(**subject.inputs())
    return model, recording


@pytest.mark.parametrize("name", FAMILIES)
def test_projections_of_heads_do_what_the_modules_did(name: str) -> None:
    model, recording = recorded(name)
    for stack in SUBJECTS[name].stacks:
        weights = Weights(model, stack=stack.name)
        for layer in range(stack.layers):
            for kind, a in (("self", stack.attention), ("cross", stack.cross)):
                if a is None:
                    continue
                path = stack.blocks.format(i=layer)
                outs = [recording.outputs[f"{path}.{p}"][0] for p in (a.q, a.k, a.v)]
                q, k, v = split(a.layout, outs[0], a) if a.layout != "separate" else outs
                for letter, module, seen, n in (
                    ("Q", a.q, q, a.heads), ("K", a.k, k, a.kv_heads), ("V", a.v, v, a.kv_heads),
                ):  # fmt: skip
                    x = recording.inputs[f"{path}.{module}"][0]
                    w, b = getattr(weights, f"W_{letter}")(layer, kind), getattr(weights, f"b_{letter}")(layer, kind)
                    assert w.shape == (n, WIDTH, a.d_head)
                    mine = torch.einsum("bpd,hde->bphe", x, w) + (0 if b is None else b)
                    assert_close(mine, seen.reshape(mine.shape), 1e-4)
                z = recording.inputs[f"{path}.{a.o}"][0]
                w, b = weights.W_O(layer, kind), weights.b_O(layer, kind)
                mine = torch.einsum("bphe,hed->bpd", z.reshape(*z.shape[:2], a.heads, -1), w) + (0 if b is None else b)
                assert_close(mine, recording.outputs[f"{path}.{a.o}"][0], 1e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_mlp_maps_do_what_the_modules_did(name: str) -> None:
    model, recording = recorded(name)
    for stack in SUBJECTS[name].stacks:
        weights, path = Weights(model, stack=stack.name), stack.blocks.format(i=1)
        checks: list[tuple[str, Tensor, Tensor, Tensor | None]] = []
        if stack.gate_up is not None:
            gate, up = recording.outputs[f"{path}.{stack.gate_up}"][0].chunk(2, -1)
            x = recording.inputs[f"{path}.{stack.gate_up}"][0]
            assert_close(x @ weights.W_gate(1), gate, 1e-4)
            assert_close(x @ weights.W_in(1), up, 1e-4)
        else:
            checks.append((str(stack.up), weights.W_in(1), torch.empty(0), weights.b_in(1)))
        if stack.gate is not None:
            checks.append((stack.gate, weights.W_gate(1), torch.empty(0), weights.b_gate(1)))
        checks.append((str(stack.down), weights.W_out(1), torch.empty(0), weights.b_out(1)))
        for module, w, _, b in checks:
            x, y = recording.inputs[f"{path}.{module}"][0], recording.outputs[f"{path}.{module}"][0]
            assert_close(x @ w + (0 if b is None else b), y, 1e-4)


@pytest.mark.parametrize("name", ["gpt2", "llama", "t5", "bart", "bert"])
def test_unembedding_does_what_the_module_did(name: str) -> None:
    model, recording = recorded(name)
    weights, path = Weights(model), SUBJECTS[name].unembed
    bias = 0 if weights.b_U is None else weights.b_U
    assert_close(recording.inputs[path][0] @ weights.W_U + bias, recording.outputs[path][0], 1e-4)


def test_embeddings_are_the_tables() -> None:
    weights = Weights(shared("gpt2"))
    assert torch.equal(weights.W_E, shared("gpt2").transformer.wte.weight)
    assert torch.equal(weights.W_pos, shared("gpt2").transformer.wpe.weight)
    with pytest.raises(ArchitectureError, match="no position embedding table"):
        _ = Weights(shared("llama")).W_pos


@pytest.mark.parametrize("name", ["gpt2", "gpt-neox", "llama", "phi3", "bert"])
def test_weights_are_views_of_the_model(name: str) -> None:
    model = build(name)
    weights = Weights(model)
    for tensor in (weights.W_Q(1), weights.W_V(1), weights.W_O(1), weights.W_in(1), weights.W_U):
        assert not tensor.requires_grad
        before = tensor.clone()
        with torch.no_grad():
            for p in model.parameters():
                p.mul_(2)
        assert torch.equal(tensor, 2 * before)


def test_shared_key_heads_are_repeated_in_turn() -> None:
    weights = Weights(shared("llama"))
    one, all_ = weights.W_K(0), weights.W_K(0, expanded=True)
    assert one.shape[0] == 2
    assert all_.shape[0] == HEADS
    for head in range(HEADS):
        assert torch.equal(all_[head], one[head // 2])


def test_irregular_columns_are_copied_in_order() -> None:
    tensor = randn(5, 12)
    columns = (3, 1, 0, 7, 11, 2)
    found = in_heads(tensor, columns, 2, 3)
    for h in range(2):
        for i in range(3):
            assert torch.equal(found[:, h, i], tensor[:, columns[3 * h + i]])


class LowRank(nn.Module):
    """An adapter: a base matrix and a product beside it. `weight` is the base alone, as in peft."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base, self.a, self.b = base, nn.Linear(base.in_features, 2, bias=False), nn.Linear(2, base.out_features)

    @property
    def weight(self) -> Tensor:
        return self.base.weight

    @property
    def bias(self) -> Tensor:
        return self.base.bias

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.b(self.a(x))


def test_an_adapter_is_measured_with_what_it_adds() -> None:
    torch.manual_seed(0)
    module = LowRank(nn.Linear(7, 7))
    assert plain_map(module, "here") is None
    weight, bias = measured_map(module, "here", 7)
    assert_close(weight, (module.base.weight + module.b.weight @ module.a.weight).T.detach())
    assert bias is not None
    assert_close(bias, (module.base.bias + module.b.bias).detach())


def test_a_square_transposed_projection_is_not_mistaken() -> None:
    from transformers.pytorch_utils import Conv1D

    torch.manual_seed(0)
    module, x = Conv1D(6, 6), randn(3, 6)
    with torch.no_grad():
        module.bias.normal_()
    found = plain_map(module, "here")
    assert found is not None
    assert_close(x @ found[0] + found[1], module(x).detach())


def test_what_is_no_linear_map_is_refused() -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    assert plain_map(module, "here") is None
    with pytest.raises(ArchitectureError, match="here .* is not a linear map"):
        measured_map(module, "here", 4)


def test_weights_that_are_not_in_memory_are_refused() -> None:
    with pytest.raises(ArchitectureError, match="not in memory"):
        plain_map(nn.Linear(4, 4, device="meta"), "here")


class Packed(nn.Module):
    """A decoder of torch's own layers, whose attention keeps q, k and v in one parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCAB, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 40, dropout=0.0, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, VOCAB)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.layers(self.embed(ids)))


def test_packed_projections_are_split() -> None:
    torch.manual_seed(0)
    model = Packed().eval()
    columns = tuple(range(WIDTH, 2 * WIDTH))
    architecture = Architecture.of(model, torch.randint(VOCAB, (2, 7)))
    keys = architecture.corrected({"attn.k": Part("layers.layers.{i}.self_attn", columns=columns)})
    weights = Weights(model, keys)
    attention: Any = model.layers.layers[1].self_attn
    x = randn(5, WIDTH)
    right = nn.functional.linear(
        x, attention.in_proj_weight[WIDTH : 2 * WIDTH], attention.in_proj_bias[WIDTH : 2 * WIDTH]
    )
    bias = weights.b_K(1)
    assert bias is not None
    assert_close(torch.einsum("pd,hde->phe", x, weights.W_K(1)) + bias, right.detach().reshape(5, HEADS, -1))


def test_errors_name_what_there_is() -> None:
    weights = Weights(shared("gpt2"))
    with pytest.raises(SiteError, match="layer=3, but the stack has 3 blocks; pass 0 <= layer < 3"):
        weights.W_Q(3)
    with pytest.raises(SiteError, match="has no cross-attention"):
        weights.W_Q(0, "cross")
    with pytest.raises(ArchitectureError, match="no part 'mlp.gate'"):
        weights.W_gate(0)
    with pytest.raises(ArchitectureError, match="no stack 'encoder'"):
        Weights(shared("gpt2"), stack="encoder").W_Q(0)
