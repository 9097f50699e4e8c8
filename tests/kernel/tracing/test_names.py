"""Every name has the value, the shape and the axes that an independent computation says."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import Tensor

from attrium_kernel.tracing import SiteError, trace

from . import handwritten, models, oracles
from .closeness import assert_close, assert_same, axes
from .test_parity import inputs, traced

GROUPS = {
    "stream": ("resid_pre", "resid_mid", "resid_cross", "resid_post", "attn_out", "mlp_out", "cross_out"),
    "norms": ("scale", "out"),
    "heads": ("q", "k", "v", "rot_q", "rot_k"),
    "scores": ("scores", "masked_scores", "pattern"),
    "mixes": ("z", "result"),
    "neurons": ("pre", "pre_linear", "post", "router"),
    "ends": ("embed", "pos_embed", "unembed", "logits"),
}
ALIBI = ("bloom", "mpt")  # a row of scores is known up to a number, which the softmax drops


@functools.cache
def expected(name: str, implementation: str, side: str | None = None) -> dict[str, Tensor]:
    """The oracle's values."""
    return oracles.expected(models.SUBJECTS[name], models.shared(name, implementation), inputs(name, side))


def in_group(group: str, right: dict[str, Tensor]) -> list[str]:
    """Names of a group; repeated keys of one head's group are left to their own test."""
    return [name for name in right if name.rpartition(".")[2] in GROUPS[group]]


def check(name: str, implementation: str, group: str, side: str | None) -> None:
    right = dict(expected(name, implementation, side))
    names = in_group(group, right)
    if name == "falcon":  # repeats its keys before it turns them
        names = [n for n in names if not n.endswith("rot_k")]
    if name in ALIBI:
        names = [n for n in names if not n.endswith("scores")]
    if not names:
        pytest.skip("this family has none")
    keep = None if side is None else models.padded(side)["attention_mask"]
    assert_same(traced(name, implementation, side), right, 2e-5, keep, names)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize(("name", "implementation"), models.CASES)
def test_names_have_the_oracles_values(name: str, implementation: str, group: str) -> None:
    check(name, implementation, group, None)


@pytest.mark.parametrize("group", ["stream", "scores", "mixes"])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("name", "implementation"), models.TEXT_ONLY)
def test_names_of_padded_batches_have_the_oracles_values(name: str, implementation: str, side: str, group: str) -> None:
    check(name, implementation, group, side)


@pytest.mark.parametrize("name", handwritten.FORWARDS)
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_names_are_those_of_a_forward_written_by_hand(name: str, implementation: str) -> None:
    values = handwritten.FORWARDS[name](models.shared(name), models.text()["input_ids"])
    assert_same(traced(name, implementation), values, 2e-5)


@pytest.mark.parametrize("name", ALIBI)
def test_scores_with_a_slope_are_right_up_to_a_number_per_row(name: str) -> None:
    t, right = traced(name, "eager"), expected(name, "eager")
    for i in range(2):
        found = t[f"blocks.{i}.attn.masked_scores"].log_softmax(-1).exp()
        assert_close(found, right[f"blocks.{i}.attn.pattern"], 1e-5)
        bare, theirs = t[f"blocks.{i}.attn.scores"], right[f"blocks.{i}.attn.scores"]
        assert_close((bare - bare[..., :1]).tril(), (theirs - theirs[..., :1]).tril(), 2e-5)


def test_what_enters_the_product_in_opt_is_the_scaled_query() -> None:
    t = traced("opt", "sdpa")
    assert_close(t["blocks.1.attn.rot_q"], t["blocks.1.attn.q"] * 6**-0.5, 1e-6)
    assert_close(t["blocks.1.attn.rot_k"], t["blocks.1.attn.k"], 0.0)


def test_falcons_turned_keys_are_those_of_its_groups() -> None:
    t, right = traced("falcon", "eager")["blocks.1.attn.rot_k"], expected("falcon", "eager")["blocks.1.attn.rot_k"]
    assert_close(t if t.shape == right.shape else t[:, :, ::2], right, 2e-5)


@pytest.mark.parametrize(("name", "implementation"), models.CASES)
def test_axes_and_shapes_agree(name: str, implementation: str) -> None:
    t = traced(name, implementation)
    sizes: dict[tuple[str, str], int] = {}
    for each in t.names:
        value, named = t[each], t.axes(each)
        assert value.dim() == len(named), each
        stack = each.partition("blocks")[0]
        for axis, size in zip(named, value.shape):
            if axis in ("d_model", "head", "d_head", "d_mlp") and "router" not in each:
                assert sizes.setdefault((stack, axis), size) == size, (each, axis)
            elif axis == "batch" and "pos_embed" not in each:
                assert size == models.BATCH, each


@pytest.mark.parametrize(("name", "implementation"), models.CASES)
def test_axes_are_those_of_the_contract(name: str, implementation: str) -> None:
    t = traced(name, implementation)
    for each in expected(name, implementation):
        if each.endswith("router") or (name == "vit" and each in ("unembed", "logits")):
            continue
        assert t.axes(each) == axes(each), each


@pytest.mark.parametrize(
    "name", ["gpt2", "gpt-neox", "llama", "mistral", "qwen2", "qwen3", "phi", "phi3", "bert", "t5", "t5 gated", "bart"]
)
def test_nothing_else_is_named(name: str) -> None:
    right = set(expected(name, "eager"))
    assert set(traced(name, "eager").names) == right


@pytest.mark.parametrize("name", models.SUBJECTS)
def test_names_come_in_the_order_of_the_forward(name: str) -> None:
    names = traced(name, "eager").names
    assert len(set(names)) == len(names)
    rank = {each: i for i, each in enumerate(names)}
    for stack in models.SUBJECTS[name].stacks:
        p = f"{stack.prefix}blocks."
        order = ["0.resid_pre", "0.attn.q", "0.attn.scores", "0.attn.masked_scores", "0.attn.pattern", "0.attn.z"]
        order += [
            "0.attn.result",
            "0.attn.out",
            "0.attn_out",
            "0.mlp_out",
            "0.resid_post",
            "1.resid_pre",
            "1.resid_post",
        ]
        found = [rank[p + each] for each in order]
        assert found == sorted(found), [names[i] for i in found]
    assert names[-1] == "logits" and names[-2] == "unembed"


# ---- absent names


@pytest.mark.parametrize(
    ("name", "absent"),
    [
        ("gpt-neox", "blocks.0.resid_mid"),
        ("gpt2", "blocks.0.attn.rot_q"),
        ("gpt2", "blocks.0.mlp.pre_linear"),
        ("llama", "pos_embed"),
        ("phi", "blocks.1.ln2.out"),
        ("olmo2", "blocks.0.ln1.out"),
        ("mixtral", "blocks.0.mlp.post"),
        ("bert", "ln_final.out"),
        ("gpt2", "blocks.0.cross.q"),
        ("llama", "blocks.0.mlp.router"),
    ],
)
def test_an_absent_name_says_why_it_is_absent(name: str, absent: str) -> None:
    t = traced(name, "eager")
    assert absent not in t.names
    why = t.why(absent)
    assert len(why) > 15
    with pytest.raises(SiteError) as caught:
        t[absent]
    assert absent in str(caught.value) and why.rstrip(".") in str(caught.value)


def test_parallel_blocks_say_so() -> None:
    assert "parallel" in traced("gpt-neox", "eager").why("blocks.0.resid_mid")
    assert "expert" in traced("mixtral", "eager").why("blocks.0.mlp.post").lower()


# ---- reading parts


INDICES = [
    ("blocks.1.attn.pattern", {"head": 3, "query": slice(0, 4), "batch": 0}),
    ("blocks.1.attn.pattern", {"head": [0, 2], "key": slice(2, 7)}),
    ("blocks.1.attn.pattern", {"query": -1}),
    ("blocks.1.attn.pattern", {"batch": [2, 0], "head": -1, "query": [1, 5, 8], "key": 0}),
    ("blocks.1.attn.scores", {"head": 1, "query": slice(None, None, 2)}),
    ("blocks.1.attn.masked_scores", {"batch": 1, "query": slice(3, None)}),
    ("blocks.1.attn.z", {"head": 2, "position": slice(2, 5)}),
    ("blocks.1.attn.z", {"batch": 1, "d_head": [0, 3]}),
    ("blocks.1.attn.result", {"head": 1}),
    ("blocks.1.attn.result", {"head": [3, 1], "position": -1, "batch": slice(0, 2)}),
    ("blocks.1.attn.k", {"kv_head": 1, "position": 0}),
    ("blocks.1.attn.rot_q", {"head": 3, "position": [1, 2]}),
    ("blocks.1.ln1.scale", {"batch": 2}),
    ("blocks.1.ln2.out", {"position": -1}),
    ("blocks.1.mlp.post", {"d_mlp": [5, 7]}),
    ("blocks.1.resid_mid", {"batch": 0, "position": slice(-3, None)}),
    ("logits", {"position": -1, "vocab": [3, 4, 5]}),
    ("blocks.1.resid_post", {}),
]


@pytest.mark.parametrize(("name", "index"), INDICES, ids=str)
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("model", ["llama", "qwen3"])
def test_a_part_read_alone_is_that_part_of_the_whole(
    model: str, implementation: str, name: str, index: dict[str, object]
) -> None:
    t = trace(models.shared(model, implementation), models.padded())
    whole, right = t[name], t[name]
    for axis in reversed(t.axes(name)):
        if axis in index:
            where = t.axes(name).index(axis)
            chosen = index[axis]
            picked = chosen if isinstance(chosen, int) else torch.arange(whole.shape[where])[chosen]
            right = right.select(where, picked) if isinstance(picked, int) else right.index_select(where, picked)
    assert_close(t.read(name, **index), right, 1e-6)


def test_stack_puts_the_layers_first() -> None:
    t = traced("gpt2", "eager")
    for name in ("resid_post", "attn.pattern", "ln1.scale"):
        stacked = t.stack(name)
        assert stacked.shape[0] == 3
        for i in range(3):
            assert_close(stacked[i], t[f"blocks.{i}.{name}"], 0.0)
    both = traced("t5", "eager")
    assert_close(both.stack("attn.z", stack="encoder")[1], both["encoder.blocks.1.attn.z"], 0.0)
    assert_close(both.stack("cross.pattern", stack="decoder")[0], both["decoder.blocks.0.cross.pattern"], 0.0)


def test_the_names_do_not_depend_on_the_attention_implementation() -> None:
    for name, subject in models.SUBJECTS.items():
        if len(subject.implementations) == 2:
            assert traced(name, "eager").names == traced(name, "sdpa").names, name


def test_rows_of_a_pattern_sum_to_one_but_for_what_sinks_take() -> None:
    for name in models.SUBJECTS:
        t = traced(name, "eager")
        for each in (n for n in t.names if n.endswith("pattern")):
            total = t[each].sum(-1)
            if name == "gpt-oss":
                assert (total < 0.999).all()
            else:
                assert_close(total, torch.ones_like(total), 1e-5)
