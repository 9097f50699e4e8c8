"""Every intervention at every kind of site does what the same edit does in a forward by hand, or to a weight."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attrium_kernel.tracing import (
    Mean,
    Patch,
    Replace,
    Resample,
    Scale,
    Site,
    Steer,
    Trace,
    Zero,
    trace,
)

from . import handwritten, models, oracles
from .closeness import assert_close, assert_same, axes
from .test_parity import inputs, traced

IDS = models.ids(models.BATCH, models.LENGTH)
OTHER = models.ids(models.BATCH, models.LENGTH, seed=9)

BLOCK_SITES = (
    "resid_pre resid_mid resid_post ln1.out ln2.out attn.q attn.k attn.v attn.rot_q attn.rot_k attn.scores "
    "attn.pattern attn.z attn.result attn.out attn_out mlp.pre mlp.pre_linear mlp.post mlp_out"
).split()
SITES = {
    name: [
        "embed",
        "pos_embed",
        *[f"blocks.{i}.{site}" for i in (0, 1) for site in BLOCK_SITES],
        "ln_final.out",
        "unembed",
    ]
    for name in handwritten.FORWARDS
}
NAMED = {name: set(oracles.expected(models.SUBJECTS[name], models.shared(name), {"input_ids": IDS})) for name in SITES}
CASES = [(name, site) for name, sites in SITES.items() for site in sites if site in NAMED[name]]
PARTS = [(name, site) for name, site in CASES if site != "pos_embed" and not site.startswith("blocks.0")]


@functools.cache
def by_hand(name: str, ids: str = "IDS") -> handwritten.Values:
    """The unedited forward."""
    return handwritten.FORWARDS[name](models.shared(name), IDS if ids == "IDS" else OTHER)


@functools.cache
def other(name: str) -> Trace:
    """A trace of other texts."""
    return trace(models.shared(name), OTHER)


def chosen(value: Tensor, site: Site) -> Tensor:
    """Which entries a site means, as a mask of the value's shape; written from the words of the contract."""
    named, mask = axes(site.name), torch.ones(value.shape, dtype=torch.bool)
    for axis, numbers in (
        ("batch", site.rows),
        ("kv_head" if "kv_head" in named else "head", site.head),
        ("query" if "query" in named else "position", site.position),
        (named[-1], site.index),
    ):
        if numbers is None:
            continue
        where, picked = named.index(axis), torch.zeros(value.shape[named.index(axis)], dtype=torch.bool)
        picked[[numbers] if isinstance(numbers, int) else list(numbers)] = True
        mask &= picked.view([-1 if n == where else 1 for n in range(value.dim())])
    return mask


def edited(
    name: str, edits: list[tuple[Site, Callable[[Tensor], Tensor]]], ids: Tensor = IDS, **how: Any
) -> handwritten.Values:
    """The forward by hand with `(site, new values)` edits applied in order."""

    def edit(each: str, value: Tensor) -> Tensor:
        for site, new in edits:
            if site.name == each:
                value = torch.where(chosen(value, site), new(value), value)
        return value

    return handwritten.FORWARDS[name](models.shared(name), ids, edit=edit, **how)


def part_of(site: str) -> Site:
    """A part of a site along every axis that it has, one of them negative."""
    named = axes(site)
    heads: Any = (1, 3) if "head" in named else 1 if "kv_head" in named else None
    return Site(site, head=heads, position=(2, -1), rows=(0, 2), index=(1, 4) if site != "pos_embed" else None)


def assert_matches(t: Trace, right: handwritten.Values, tolerance: float = 3e-5) -> None:
    """The logits, and everything that was captured, are those of the edited forward."""
    assert_close(t.logits, right["logits"], tolerance)
    assert_same(t, right, tolerance)


def moved(before: handwritten.Values, after: handwritten.Values) -> bool:
    """Whether an edit did anything, lest a test compare nothing with nothing."""
    return bool((before["logits"] - after["logits"]).abs().max() > 1e-3)


# ---- every kind of site, whole and in part


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize(("name", "site"), CASES)
def test_scaling_a_whole_site_is_scaling_it_by_hand(name: str, site: str, implementation: str) -> None:
    right = edited(name, [(Site(site), lambda v: v * -0.7)])
    t = trace(models.shared(name, implementation), IDS, interventions=[Scale(site, -0.7)])
    assert moved(by_hand(name), right)
    assert_matches(t, right)


@pytest.mark.parametrize(("name", "site"), PARTS)
def test_zeroing_a_part_of_a_site_is_zeroing_it_by_hand(name: str, site: str) -> None:
    part = part_of(site)
    right = edited(name, [(part, torch.zeros_like)])
    t = trace(models.shared(name, "sdpa"), IDS, interventions=[Zero(part)])
    assert_matches(t, right)
    assert (t[site][chosen(t[site], part)] == 0).all()


@pytest.mark.parametrize(("name", "site"), PARTS)
def test_patching_a_part_of_a_site_is_patching_it_by_hand(name: str, site: str) -> None:
    part = part_of(site)
    right = edited(name, [(part, lambda v: by_hand(name, "OTHER")[site])])
    t = trace(models.shared(name, "sdpa"), IDS, interventions=[Patch(part, other(name))])
    assert_matches(t, right)


@pytest.mark.parametrize(("name", "site"), PARTS)
def test_steering_is_adding_a_vector(name: str, site: str) -> None:
    size = by_hand(name)[site].shape[-1]
    vector = models.randn(size, seed=5)
    right = edited(name, [(Site(site), lambda v: v + 1.5 * vector)])
    assert_matches(trace(models.shared(name), IDS, interventions=[Steer(site, vector, 1.5)]), right)


@pytest.mark.parametrize(
    "site", ["blocks.0.resid_mid", "blocks.1.attn.z", "blocks.1.attn.pattern", "blocks.0.mlp.post", "embed"]
)
@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_replace_calls_a_function_with_the_value(name: str, site: str) -> None:
    seen: list[Tensor] = []

    def function(value: Tensor) -> Tensor:
        seen.append(value.clone())
        return value.flip(-1) * 2

    right = edited(name, [(Site(site), lambda v: v.flip(-1) * 2)])
    assert_matches(trace(models.shared(name), IDS, interventions=[Replace(site, function)]), right)
    assert len(seen) == 1, "one call for one site"
    assert_close(seen[0], by_hand(name)[site], 2e-5)


@pytest.mark.parametrize("name", ["gpt2", "llama"])
@pytest.mark.parametrize(
    "where",
    [
        {"head": 2},
        {"head": -1},
        {"head": (0, 3), "position": -2},
        {"position": 4, "rows": 1},
        {"rows": (2,)},
        {"index": 3, "head": 1},
        {"head": 1, "position": (0, 5), "rows": (1, 2), "index": (0, 2, 5)},
    ],
    ids=str,
)
def test_heads_positions_rows_and_dimensions_are_chosen_alone_and_together(name: str, where: dict[str, Any]) -> None:
    for each in ("attn.q", "attn.z", "attn.result", "attn.pattern", "attn.scores"):
        site = Site(f"blocks.1.{each}", **where)
        right = edited(name, [(site, lambda v: v * 3)])
        assert_matches(trace(models.shared(name, "sdpa"), IDS, interventions=[Scale(site, 3.0)]), right)


def test_a_mask_edited_by_hand_is_softmaxed_again() -> None:
    site = Site("blocks.1.attn.masked_scores", head=1, position=-1, index=(0, 1))
    right = edited("gpt2", [(site, lambda v: torch.full_like(v, -torch.inf))])
    t = trace(models.shared("gpt2"), IDS, interventions=[Replace(site, lambda v: torch.full_like(v, -torch.inf))])
    assert_close(t.logits, right["logits"], 2e-5)
    assert (t["blocks.1.attn.pattern"][:, 1, -1, :2] == 0).all()


# ---- means, draws, other sources


@pytest.mark.parametrize("over", ["position", "batch", "all"])
@pytest.mark.parametrize("site", ["blocks.0.resid_mid", "blocks.1.attn.z", "blocks.0.attn.v", "blocks.1.mlp.post"])
@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_a_mean_is_taken_over_what_it_says(name: str, site: str, over: str) -> None:
    dims = {"position": (1,), "batch": (0,), "all": (0, 1)}[over]
    right = edited(name, [(Site(site), lambda v: v.mean(dims, keepdim=True).expand_as(v))])
    assert_matches(trace(models.shared(name), IDS, interventions=[Mean(site, over=over)]), right)
    mean = by_hand(name, "OTHER")[site].mean(dims, keepdim=True)
    right = edited(name, [(Site(site), lambda v: mean.expand_as(v))])
    assert_matches(trace(models.shared(name), IDS, interventions=[Mean(site, other(name), over=over)]), right)


@pytest.mark.parametrize("over", ["position", "batch", "all"])
@pytest.mark.parametrize(
    "where", [{"head": 1}, {"head": (0, 1)}, {"position": (3, -1)}, {"index": (0, 5)}, {"rows": 1}], ids=str
)
@pytest.mark.parametrize("site", ["blocks.1.attn.z", "blocks.0.attn.k"])
@pytest.mark.parametrize("source", [True, False], ids=["of another run", "of this run"])
def test_the_mean_of_a_part_is_that_part_of_the_mean(site: str, where: dict[str, Any], over: str, source: bool) -> None:
    dims, part = {"position": (1,), "batch": (0,), "all": (0, 1)}[over], Site(site, **where)

    def mean(v: Tensor) -> Tensor:
        return (by_hand("llama", "OTHER")[site] if source else v).mean(dims, keepdim=True).expand_as(v)

    right = edited("llama", [(part, mean)])
    t = trace(models.shared("llama"), IDS, interventions=[Mean(part, other("llama") if source else None, over=over)])
    assert_matches(t, right)


def test_the_mean_of_a_longer_source_is_the_mean_of_all_of_it() -> None:
    longer = trace(models.shared("gpt2"), models.ids(5, 14, seed=4))
    site = "blocks.1.mlp.post"
    mean = longer[site].mean((0, 1))
    right = edited("gpt2", [(Site(site), lambda v: mean.expand_as(v))])
    assert_matches(trace(models.shared("gpt2"), IDS, interventions=[Mean(site, longer, over="all")]), right)
    assert_matches(trace(models.shared("gpt2"), IDS, interventions=[Mean(site, mean)]), right)


def test_resampled_rows_are_rows_of_the_source_and_the_seed_decides_which() -> None:
    source = trace(models.shared("gpt2"), models.ids(20, models.LENGTH, seed=3))
    site = "blocks.1.attn.z"

    def run(seed: int, at: Any = site) -> Tensor:
        value = trace(models.shared("gpt2"), IDS, interventions=[Resample(at, source, seed=seed)])[site]
        return value

    first = run(0)
    for row in first:
        assert any(torch.equal(row, candidate) for candidate in source[site])
    torch.manual_seed(99)
    assert torch.equal(run(0), first)
    assert any(not torch.equal(run(seed), first) for seed in (1, 2, 3))
    part = run(0, Site(site, head=2, position=-1))
    assert_close(part[:, -1, 2], first[:, -1, 2], 0.0)
    assert_close(part[:, :, :2], by_hand("gpt2")[site][:, :, :2], 2e-5)


def test_sites_of_one_seed_are_drawn_from_one_example() -> None:
    source = trace(models.shared("gpt2"), models.ids(20, models.LENGTH, seed=3))
    t = trace(models.shared("gpt2"), IDS, interventions=[Resample("blocks.*.attn.z", source, seed=5)])
    for row in range(models.BATCH):
        rows = [
            next(n for n in range(20) if torch.equal(t[f"blocks.{i}.attn.z"][row], source[f"blocks.{i}.attn.z"][n]))
            for i in range(3)
        ]
        assert len(set(rows)) == 1, "values of several examples are mixed in one"


def test_other_positions_of_the_source_are_patched_in() -> None:
    site = Site("blocks.1.resid_pre", position=(2, 3))
    source = by_hand("gpt2", "OTHER")[site.name][:, [6, -1]]

    def swap(v: Tensor) -> Tensor:
        v = v.clone()
        v[:, [2, 3]] = source
        return v

    right = edited("gpt2", [(site, swap)])
    t = trace(models.shared("gpt2"), IDS, interventions=[Patch(site, other("gpt2"), position=(6, -1))])
    assert_matches(t, right)


def test_a_tensor_is_a_source() -> None:
    value = models.randn(models.BATCH, models.LENGTH, models.WIDTH, seed=6)
    right = edited("gpt2", [(Site("blocks.1.resid_mid"), lambda v: value)])
    assert_matches(trace(models.shared("gpt2"), IDS, interventions=[Patch("blocks.1.resid_mid", value)]), right)


def test_one_example_is_patched_into_every_row() -> None:
    one = trace(models.shared("gpt2"), OTHER[:1])
    right = edited("gpt2", [(Site("blocks.1.attn.z"), lambda v: one["blocks.1.attn.z"].expand_as(v))])
    assert_matches(trace(models.shared("gpt2"), IDS, interventions=[Patch("blocks.1.attn.z", one)]), right)


# ---- whole runs


@pytest.mark.parametrize("name", dict.fromkeys(name for name, _ in models.TEXT_ONLY))
def test_a_stream_patched_from_another_run_gives_that_runs_logits(name: str) -> None:
    model = models.shared(name)
    there = trace(model, OTHER)
    t = trace(model, IDS, interventions=[Patch("blocks.0.resid_pre", there)])
    assert_close(t.logits, there.logits, 1e-6)
    last = models.SUBJECTS[name].stacks[0].layers - 1
    t = trace(model, IDS, interventions=[Patch(f"blocks.{last}.resid_post", there)])
    assert_close(t.logits, there.logits, 1e-6)


@pytest.mark.parametrize("name", ["gpt2", "llama", "gpt-neox", "gemma2", "bert", "olmo2", "granite", "falcon", "bloom"])
def test_every_writer_patched_from_another_run_gives_that_runs_logits(name: str) -> None:
    model = models.shared(name)
    there = trace(model, OTHER)
    first = "blocks.0.resid_pre" if name in ("bert",) else "embed"
    patches = [Patch(first, there), Patch("blocks.*.attn_out", there), Patch("blocks.*.mlp_out", there)]
    assert_close(trace(model, IDS, interventions=patches).logits, there.logits, 2e-5)


@pytest.mark.parametrize("site", ["attn.z", "attn.pattern", "attn.scores", "attn.q", "mlp.post", "ln1.out"])
def test_everything_patched_from_the_same_run_changes_nothing(site: str) -> None:
    for name in ("gpt2", "llama", "t5"):
        t = traced(name, "eager")
        again = trace(models.shared(name), inputs(name), interventions=[Patch(f"*blocks.*.{site}", t)])
        assert_close(again.logits, t.logits, 2e-5)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("name", ["gpt2", "llama", "bert", "gpt-neox", "mistral"])
def test_frozen_patterns_stay_while_the_values_change(name: str, implementation: str) -> None:
    model = models.shared(name, implementation)
    clean = trace(model, IDS)
    t = trace(model, OTHER, interventions=[Patch("blocks.*.attn.pattern", clean)])
    for i in range(2):
        assert_close(t[f"blocks.{i}.attn.pattern"], clean[f"blocks.{i}.attn.pattern"], 0.0)
        mixed = torch.einsum("bhqk,bkhd->bqhd", clean[f"blocks.{i}.attn.pattern"], repeated(t[f"blocks.{i}.attn.v"]))
        assert_close(t[f"blocks.{i}.attn.z"], mixed, 1e-5)
    assert (t.logits - trace(model, OTHER).logits).abs().max() > 1e-3


def repeated(kv: Tensor) -> Tensor:
    """Keys or values once for each query head."""
    return kv.repeat_interleave(models.HEADS // kv.shape[2], 2)


# ---- edits of weights


def rows_of(stack: models.Stack, part: str, layer: int, model: nn.Module) -> Any:
    """The output projection of an attention."""
    attention = stack.attention if part == "attn" else stack.cross
    assert attention is not None
    return model.get_submodule(f"{stack.blocks.format(i=layer)}.{attention.o}")


@pytest.mark.parametrize("name", models.SUBJECTS)
def test_zeroing_a_head_is_zeroing_its_slice_of_the_output_projection(name: str) -> None:
    model, head = models.shared(name), 2
    for stack in models.SUBJECTS[name].stacks:
        for part in ("attn", *(["cross"] if stack.cross else [])):
            edited_model = copy.deepcopy(model)
            o = rows_of(stack, part, 1, edited_model)
            d = stack.attention.d_head
            with torch.no_grad():
                if type(o).__name__ == "Conv1D":
                    o.weight[head * d : (head + 1) * d] = 0
                else:
                    o.weight[:, head * d : (head + 1) * d] = 0
            right = oracles.plain(edited_model, inputs(name)).logits
            assert (right - oracles.plain(model, inputs(name)).logits).abs().max() > 1e-4
            for each in ("z", "result"):
                site = Site(f"{stack.prefix}blocks.1.{part}.{each}", head=head)
                assert_close(trace(model, inputs(name), interventions=[Zero(site)]).logits, right, 2e-5)


@pytest.mark.parametrize("name", [n for n, s in models.SUBJECTS.items() if s.stacks[-1].down])
def test_zeroing_a_neuron_is_zeroing_its_row_of_the_down_projection(name: str) -> None:
    model, stack, edited_model = (
        models.shared(name),
        models.SUBJECTS[name].stacks[-1],
        copy.deepcopy(models.shared(name)),
    )
    down: Any = edited_model.get_submodule(f"{stack.blocks.format(i=0)}.{stack.down}")
    with torch.no_grad():
        (down.weight if type(down).__name__ == "Conv1D" else down.weight.T)[[7, 11]] = 0
    right = oracles.plain(edited_model, inputs(name)).logits
    site = Site(f"{stack.prefix}blocks.0.mlp.post", index=(7, 11))
    assert_close(trace(model, inputs(name), interventions=[Zero(site)]).logits, right, 2e-5)


@pytest.mark.parametrize("kv_head", [0, 1])
def test_a_key_value_head_is_two_query_heads(kv_head: int) -> None:
    model = models.shared("qwen2")
    edited_model = copy.deepcopy(model)
    attention: Any = edited_model.get_submodule("model.layers.1.self_attn")
    with torch.no_grad():
        attention.v_proj.weight[kv_head * 6 : (kv_head + 1) * 6] = 0
        attention.v_proj.bias[kv_head * 6 : (kv_head + 1) * 6] = 0
    right = oracles.plain(edited_model, inputs("qwen2")).logits
    t = trace(model, inputs("qwen2"), interventions=[Zero(Site("blocks.1.attn.v", head=kv_head))])
    assert_close(t.logits, right, 2e-5)
    both = Site("blocks.1.attn.z", head=(2 * kv_head, 2 * kv_head + 1))
    assert_close(trace(model, inputs("qwen2"), interventions=[Zero(both)]).logits, right, 2e-5)


@pytest.mark.parametrize("letter", ["q", "k", "v"])
@pytest.mark.parametrize(
    "name", ["gpt2", "gpt-neox", "bloom", "mpt", "llama", "qwen2", "phi3", "falcon", "bert", "vit", "t5"]
)
def test_a_zeroed_projection_of_one_head_is_its_zeroed_features(name: str, letter: str) -> None:
    model, stack = models.shared(name), models.SUBJECTS[name].stacks[-1]
    a, edited_model = stack.attention, copy.deepcopy(models.shared(name))
    features = oracles.columns(a)["qkv".index(letter)][a.d_head : 2 * a.d_head]
    module: Any = edited_model.get_submodule(f"{stack.blocks.format(i=1)}.{getattr(a, letter)}")
    with torch.no_grad():
        if type(module).__name__ == "Conv1D":
            module.weight[:, features] = 0
        else:
            module.weight[features] = 0
        if module.bias is not None:
            module.bias[features] = 0
    right = oracles.plain(edited_model, inputs(name)).logits
    site = Site(f"{stack.prefix}blocks.1.attn.{letter}", head=1)
    assert_close(trace(model, inputs(name), interventions=[Zero(site)]).logits, right, 2e-5)


@pytest.mark.parametrize("name", models.SUBJECTS)
@pytest.mark.parametrize("site", ["attn_out", "mlp_out"])
def test_a_silenced_sublayer_is_a_zeroed_weight(name: str, site: str) -> None:
    stack = models.SUBJECTS[name].stacks[-1]
    path = (stack.attn_post or stack.attention.o) if site == "attn_out" else (stack.mlp_post or stack.down)
    if path is None:
        pytest.skip("the experts' weights are in no single module")
    edited_model = copy.deepcopy(models.shared(name))
    module: Any = edited_model.get_submodule(f"{stack.blocks.format(i=1)}.{path}")
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(-1 if name.startswith("gemma") and path.endswith("layernorm") else 0)
    right = oracles.plain(edited_model, inputs(name)).logits
    zero = Zero(f"{stack.prefix}blocks.1.{site}")
    assert_close(trace(models.shared(name), inputs(name), interventions=[zero]).logits, right, 2e-5)


@pytest.mark.parametrize("name", ["gpt2", "llama", "bert", "t5", "vit", "gemma2", "falcon", "olmo2"])
@pytest.mark.parametrize("site", ["resid_pre", "resid_mid", "resid_post", "ln1.out", "ln2.out"])
def test_streams_edited_are_streams_edited_by_a_hook(name: str, site: str) -> None:
    stack = models.SUBJECTS[name].stacks[-1]
    full = f"{stack.prefix}blocks.1.{site}"
    if full not in traced(name, "eager").names or (stack.form == "post-norm" and site in ("resid_mid", "resid_post")):
        pytest.skip("this family has none that one hook can reach")
    if site == "resid_mid" and stack.form != "post-norm":
        pytest.skip("the sum between is no module's output")
    model, vector = models.build(name), models.randn(models.WIDTH, seed=8)
    block: Any = model.get_submodule(stack.blocks.format(i=1))

    def changed(value: Tensor) -> Tensor:
        value = value.clone()
        value[:, -1] += vector
        return value

    def after(module: nn.Module, args: Any, output: Any) -> Any:
        return changed(output) if isinstance(output, Tensor) else (changed(output[0]), *output[1:])

    def before(module: nn.Module, args: Any, kwargs: Any) -> Any:
        if args:
            return (changed(args[0]), *args[1:]), kwargs
        return args, kwargs | {"hidden_states": changed(kwargs["hidden_states"])}

    if site == "resid_pre":
        block.register_forward_pre_hook(before, with_kwargs=True)
    elif site == "resid_post":
        block.register_forward_hook(after)
    else:
        block.get_submodule(getattr(stack, site[:3])).register_forward_hook(after)
    right = oracles.plain(model, inputs(name)).logits
    steer = Steer(Site(full, position=-1), vector)
    assert_close(trace(models.shared(name), inputs(name), interventions=[steer]).logits, right, 2e-5)


@pytest.mark.parametrize("name", ["mixtral", "gpt-oss", "qwen2-moe", "olmoe"])
def test_a_router_patched_from_another_run_sends_tokens_as_it_did_there(name: str) -> None:
    model, there = models.shared(name), trace(models.shared(name), OTHER)
    t = trace(model, IDS, interventions=[Patch("blocks.1.mlp.router", there), Patch("blocks.1.ln2.out", there)])
    assert_close(t["blocks.1.mlp_out"], there["blocks.1.mlp_out"], 1e-6)


# ---- several, none, globs, batches


def test_interventions_at_one_site_act_in_the_order_given() -> None:
    vector = models.randn(models.WIDTH, seed=5)
    site = "blocks.1.resid_mid"
    add, double = Steer(site, vector), Scale(site, 2.0)
    right = edited("gpt2", [(Site(site), lambda v: (v + vector) * 2)])
    assert_matches(trace(models.shared("gpt2"), IDS, interventions=[add, double]), right)
    right = edited("gpt2", [(Site(site), lambda v: v * 2 + vector)])
    assert_matches(trace(models.shared("gpt2"), IDS, interventions=[double, add]), right)


def test_interventions_at_many_sites_act_together() -> None:
    vector = models.randn(models.WIDTH, seed=5)
    right = edited(
        "llama",
        [
            (Site("embed"), lambda v: v * 0.5),
            (Site("blocks.0.attn.rot_k", head=1), torch.zeros_like),
            (Site("blocks.0.attn.pattern", head=2, position=-1), torch.zeros_like),
            (Site("blocks.1.mlp.pre", index=3), lambda v: v * -1),
            (Site("blocks.1.resid_post", position=2), lambda v: v + vector),
        ],
    )
    t = trace(
        models.shared("llama", "sdpa"),
        IDS,
        interventions=[
            Steer(Site("blocks.1.resid_post", position=2), vector),
            Scale(Site("blocks.1.mlp.pre", index=3), -1.0),
            Zero(Site("blocks.0.attn.pattern", head=2, position=-1)),
            Zero(Site("blocks.0.attn.rot_k", head=1)),
            Scale("embed", 0.5),
        ],
    )
    assert_matches(t, right)


def test_a_star_means_every_block() -> None:
    right = edited("gpt2", [(Site(f"blocks.{i}.attn.z", head=1), torch.zeros_like) for i in range(3)])
    assert_matches(trace(models.shared("gpt2"), IDS, interventions=[Zero(Site("blocks.*.attn.z", head=1))]), right)
    right = edited(
        "gpt2", [(Site(f"blocks.{i}.{each}"), torch.zeros_like) for i in range(3) for each in ("attn_out", "mlp_out")]
    )
    assert_matches(trace(models.shared("gpt2"), IDS, interventions=[Zero("blocks.*.*_out")]), right)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("name", ["gpt2", "llama", "bert", "gemma3"])
def test_interventions_that_change_nothing_leave_every_bit(name: str, implementation: str) -> None:
    model = models.shared(name, implementation)
    plain = oracles.plain(model, inputs(name)).logits
    sites = ["blocks.0.resid_pre", "blocks.1.attn.q", "blocks.0.attn.z", "blocks.1.mlp.post", "blocks.1.attn_out"]
    for intervention in [Scale(site, 1.0) for site in sites] + [Replace(site, lambda v: v) for site in sites]:
        assert_close(trace(model, inputs(name), interventions=[intervention]).logits, plain, 0.0)
    assert_close(trace(model, inputs(name), interventions=[Scale("blocks.*.attn.pattern", 1.0)]).logits, plain, 2e-6)


def test_untouched_rows_and_earlier_positions_keep_their_bits() -> None:
    for name in ("gpt2", "llama"):
        clean = traced(name, "eager")
        t = trace(models.shared(name), IDS, interventions=[Zero(Site("blocks.0.resid_mid", position=4, rows=1))])
        assert torch.equal(t.logits[[0, 2]], clean.logits[[0, 2]])
        assert_close(t.logits[1, :4], clean.logits[1, :4], 1e-6)
        assert (t.logits[1, 4:] - clean.logits[1, 4:]).abs().max() > 1e-3


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", ["gpt2", "llama", "bert"])
def test_interventions_on_padded_batches_are_those_on_each_text_alone(name: str, side: str) -> None:
    batch = models.padded(side)
    keep = batch["attention_mask"].bool()
    sites = [Site("blocks.0.attn.pattern", head=1), Site("blocks.1.attn.z", head=2), Site("blocks.0.mlp.post", index=5)]

    def hand(each: str, value: Tensor) -> Tensor:
        for site in sites:
            if site.name == each:
                value = torch.where(chosen(value, site), value * 0.3, value)
        return value

    right = handwritten.FORWARDS[name](models.shared(name), batch["input_ids"], batch["attention_mask"], edit=hand)
    for implementation in ("eager", "sdpa"):
        t = trace(models.shared(name, implementation), batch, interventions=[Scale(site, 0.3) for site in sites])
        assert_close(t.logits[keep], right["logits"][keep], 3e-5)


def test_each_row_may_have_an_intervention_of_its_own() -> None:
    sites = [Site("blocks.1.attn.z", head=head, rows=row) for row, head in enumerate((0, 3, 1))]
    t = trace(models.shared("gpt2"), IDS, interventions=[Zero(site) for site in sites])
    for row, site in enumerate(sites):
        alone = trace(models.shared("gpt2"), IDS[row : row + 1], interventions=[Zero(Site(site.name, head=site.head))])
        assert_close(t.logits[row], alone.logits[0], 1e-5)


def test_encoders_and_cross_attention_are_reached() -> None:
    model, there = models.shared("t5"), trace(models.shared("t5"), models.source_and_target() | {"input_ids": OTHER})
    t = trace(model, inputs("t5"), interventions=[Patch("encoder.blocks.0.resid_pre", there)])
    right = oracles.plain(model, models.source_and_target() | {"input_ids": OTHER}).logits
    assert_close(t.logits, right, 1e-5)
    t = trace(
        model,
        inputs("t5"),
        interventions=[Patch("decoder.blocks.*.cross.v", there), Patch("decoder.blocks.*.cross.k", there)],
    )
    assert_close(t.logits, right, 1e-5)
    t = trace(model, inputs("t5"), interventions=[Patch("encoder.ln_final.out", there)])
    assert_close(t.logits, right, 1e-5)


def test_gradients_flow_through_interventions() -> None:
    model = models.shared("gpt2")
    vector = models.randn(models.WIDTH, seed=5).requires_grad_()
    t = trace(model, IDS, interventions=[Steer(Site("blocks.1.resid_pre", position=3), vector)], grad=True)
    (mine,) = torch.autograd.grad(t.logits[0, -1, 7], vector)
    step = 1e-3
    for j in (0, 11):
        moved_by = torch.zeros(models.WIDTH)
        moved_by[j] = step

        def logit(v: Tensor) -> float:
            values = edited("gpt2", [(Site("blocks.1.resid_pre", position=3), lambda x: x + v)])
            return float(values["logits"][0, -1, 7])

        numeric = (logit(vector.detach() + moved_by) - logit(vector.detach() - moved_by)) / (2 * step)
        assert abs(numeric - float(mine[j])) < 5e-3 * max(1.0, abs(numeric))


def test_interventions_are_values() -> None:
    assert Zero("blocks.1.attn.z") == Zero(Site("blocks.1.attn.z"))
    assert "blocks.1.attn.z" in repr(Zero(Site("blocks.1.attn.z", head=3))) and "3" in repr(Zero(Site("x", head=3)))
    with pytest.raises(AttributeError):
        Scale("embed", 2.0).factor = 3.0  # type: ignore[misc]
