"""What is said to have made a number makes it: with the trace's own numbers, the weights', and nothing else."""

from __future__ import annotations

import copy
import functools
import math
import pickle
import random
import re
from dataclasses import asdict

import pytest
import torch
from torch import Tensor

from attrium_kernel import zoo
from attrium_kernel.tracing import (
    Origin,
    Origins,
    Replace,
    Scale,
    Site,
    SiteError,
    Trace,
    Weights,
    Zero,
    from_attention,
    origin,
    trace,
)

from . import models

PROMPT = "When Mary and John went to the store, John gave a drink to"
FAMILIES = ["tiny_gpt2", *models.SUBJECTS]
NORMED_QK = ("qwen3", "gemma3", "olmo2", "olmoe", "stablelm parallel")
MOE = ("mixtral", "qwen2-moe", "olmoe", "gpt-oss")
NO_FORMULA = {
    r"attn\.[qk]$": (NORMED_QK, r"a norm after its projection, and what it was before that is not captured"),
    r"mlp_out$": (MOE, r"mixture of experts"),
    r"^unembed$": (
        ("bert", "roberta", "distilbert", "opt post-norm"),
        r"the model does something else in between|The logits of OPTForCausalLM are not its unembedding",
    ),
    r"^embed$": (("vit", "opt post-norm"), r"looks nothing up|which the model projects to 24"),
}
"""Which numbers of which families have no formula, and what is said then."""
SUMS = re.compile(r"embed$|resid_\w+$|\.(q|k|v|rot_q|rot_k|z|result)$|\.out$|_out$|mlp\.pre|router|unembed$|norm\.out$")
"""Quantities that are the sum of their operands' terms."""


@functools.cache
def traced(name: str) -> Trace:
    if name == "tiny_gpt2":
        bundle = zoo.tiny_gpt2()
        return trace(bundle.model, PROMPT, bundle.tokenizer)
    return trace(models.shared(name, models.SUBJECTS[name].implementations[-1]), models.SUBJECTS[name].inputs())


def somewhere(t: Trace, name: str, draw: random.Random) -> tuple[tuple[int, ...], int]:
    """An index and an example."""
    example, *index = (draw.randrange(n) for n in t[name].shape)
    return tuple(index), example


def reason(family: str, name: str) -> str | None:
    """Why there is no formula for a name; None if there is one."""
    for pattern, (families, why) in NO_FORMULA.items():
        if family in families and re.search(pattern, name):
            return why
    return None


def near(found: float, right: float) -> bool:
    return abs(found - right) <= 1e-4 * (1 + abs(right))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_number_is_made_again_or_the_reason_is_known(family: str) -> None:
    t, draw, wrong = traced(family), random.Random(0), []
    origins = Origins(t)
    for name in t.names:
        for _ in range(3):
            index, example = somewhere(t, name, draw)
            found = origins.of(name, index, example=example)
            value = float(t[name][(example if t[name].shape[0] > 1 else 0, *index)].detach())
            assert found.value == pytest.approx(value, rel=1e-5, abs=1e-6)
            assert (found.axes, found.shape) == (t.axes(name)[1:], tuple(t[name].shape[1:]))
            why = reason(family, name)
            if why is not None:
                if found.recomputed is not None or not re.search(why, found.worked):
                    wrong.append(f"{name}: {found.worked} {found.recomputed}")
            elif found.recomputed is None or not near(found.recomputed, value):
                wrong.append(f"{name}{index} of {example}: {found.recomputed}, captured {value}; {found.worked}")
    assert not wrong, "\n".join(wrong[:10])


def looked_up(t: Trace, weights: Weights, name: str, index: tuple[int, ...], example: int) -> float:
    """A number by its name: of the trace, or of a weight."""
    if not name.startswith("weights/"):
        whole = t[name]
        return float(whole[(min(example, whole.shape[0] - 1), *index)])
    _, role, *layer = name.split("/")
    table = getattr(weights, role)
    tensor: Tensor = table(int(layer[0])) if layer else table
    return float(tensor[index])


@pytest.mark.parametrize("family", ["tiny_gpt2", "gpt2", "llama", "bert", "gpt-neox", "gemma2", "granite", "falcon"])
def test_operands_are_the_numbers_that_stand_where_they_say(family: str) -> None:
    t, draw = traced(family), random.Random(1)
    assert t.model is not None
    weights = Weights(t.model, t.architecture)
    kinds = set()
    for name in t.names:
        index, example = somewhere(t, name, draw)
        for operand in origin(t, name, index, example=example, terms=5).operands:
            if operand.name is not None:
                assert operand.index is not None
                right = looked_up(t, weights, operand.name, operand.index, example)
                assert operand.value == pytest.approx(right, rel=1e-4, abs=1e-6)
                kinds.add(operand.name.partition("/")[0])
            if operand.factor_name is not None:
                assert operand.factor_index is not None
                right = looked_up(t, weights, operand.factor_name, operand.factor_index, example)
                assert operand.factor == pytest.approx(right)
    assert "weights" in kinds


def total(found: Origin) -> float:
    """All terms, listed or not."""
    return sum(o.term for o in found.operands if o.term is not None) + (found.rest.sum if found.rest else 0.0)


@pytest.mark.parametrize("family", ["tiny_gpt2", "gpt2", "llama", "bert", "gpt-neox", "gemma2", "bart", "gpt-oss"])
@pytest.mark.parametrize("terms", [2, 1000])
def test_terms_add_up_to_what_the_formula_says(family: str, terms: int) -> None:
    t, draw = traced(family), random.Random(2)
    for name in t.names:
        index, example = somewhere(t, name, draw)
        found = origin(t, name, index, example=example, terms=terms)
        if found.recomputed is None:
            continue
        summands = [o for o in found.operands if o.term is not None]
        assert len(summands) <= terms
        assert (found.rest is None) == (terms == 1000 or len(summands) < terms or name_has_few(found))
        quantity = name.rpartition(".")[2]
        others = {o.label: o.value for o in found.operands if o.term is None}
        if SUMS.search(name) and quantity != "scale":
            assert total(found) == pytest.approx(found.recomputed, rel=1e-6, abs=1e-9)
        elif quantity == "scale":
            assert math.sqrt(total(found) / t[name[:-6] + ".out"].shape[-1] + others["eps"]) == pytest.approx(
                found.recomputed
            )
        elif quantity == "scores" and "softcap" not in others and "bias" not in others:
            assert total(found) * others["scale"] == pytest.approx(found.recomputed)
        elif quantity == "pattern" and found.recomputed:
            assert found.operands[0].index == index
            assert found.operands[0].term is not None
            assert found.operands[0].term / total(found) == pytest.approx(found.recomputed)
        for operand in summands:
            if operand.factor is not None and operand.term is not None:
                assert operand.term == pytest.approx(operand.value * operand.factor)


def name_has_few(found: Origin) -> bool:
    """No more summands than listed."""
    return found.rest is None and sum(o.term is not None for o in found.operands) <= 2


@pytest.mark.parametrize("family", ["tiny_gpt2", "llama", "gemma2", "gpt-neox"])
def test_worked_formulas_end_in_the_number(family: str) -> None:
    t, draw = traced(family), random.Random(3)
    for name in t.names:
        index, example = somewhere(t, name, draw)
        found = origin(t, name, index, example=example)
        last = re.findall(r"−?\d[\d.]*(?:e[−+]?\d+)?", found.worked)[-1]
        assert float(last.replace("−", "-")) == pytest.approx(found.recomputed, rel=1e-3), found.worked
        assert found.title
        assert found.formula


@pytest.mark.parametrize(
    ("family", "ends"),
    [
        ("tiny_gpt2", {"embed", "pos_embed"}),
        ("gpt2", {"embed", "pos_embed"}),
        ("llama", {"embed"}),
        ("gpt-neox", {"embed"}),
        ("gemma2", {"embed"}),
        ("mistral", {"embed"}),
        ("bloom", {"embed"}),
        ("phi", {"embed"}),
    ],
)
def test_following_operands_from_a_logit_ends_at_the_embeddings(family: str, ends: set[str]) -> None:
    t, reached, last = traced(family), set(), set()
    position = t["logits"].shape[1] - 1
    waiting: list[tuple[str, tuple[int, ...]]] = [("logits", (position, 7))]
    while waiting:
        name, index = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        found = origin(t, name, index)
        places = [(o.name, o.index) for o in found.operands] + [(o.factor_name, o.factor_index) for o in found.operands]
        inner = [(n, i) for n, i in places if n is not None and i is not None and not n.startswith("weights/")]
        waiting += inner
        if not inner:
            last.add(name)
    assert last == ends
    assert reached == set(t.names)


def test_a_norm_after_the_embeddings_is_followed_through_segments_and_positions() -> None:
    t = traced("bert")
    found = origin(t, "blocks.0.resid_pre", (4, 11))
    assert {o.name for o in found.operands} == {"embed", "pos_embed", None}
    assert "token_type_embeddings[0]" in [o.label for o in found.operands]
    assert "LayerNorm of token embedding plus position" in found.title


def test_a_row_of_the_token_table_is_that_of_the_token() -> None:
    t = traced("tiny_gpt2")
    assert t.tokens is not None
    found = origin(t, "embed", (3, 5))
    assert found.operands[0].index == (int(t.tokens.ids[0, 3]), 5)


def test_the_rotation_is_the_models_own_angle() -> None:
    t = traced("llama")
    d_head = t["blocks.1.attn.q"].shape[-1]
    for feature in range(d_head // 2):
        found = origin(t, "blocks.1.attn.rot_q", (5, 2, feature))
        angle = math.degrees(5 * 10_000 ** (-2 * feature / d_head))
        turned = next(o.value for o in found.operands if o.label.startswith("angle"))
        assert math.cos(math.radians(turned)) == pytest.approx(math.cos(math.radians(angle)), abs=1e-4)
        assert {o.index for o in found.operands if o.name} == {(5, 2, feature), (5, 2, feature + d_head // 2)}


def test_softmax_names_its_own_key_first_and_leaves_hidden_keys_out() -> None:
    t = traced("tiny_gpt2")
    found = origin(t, "blocks.1.attn.pattern", (2, 5, 3))
    assert found.operands[0].index == (2, 5, 3)
    assert {o.index[2] for o in found.operands if o.index} == set(range(6))
    hidden = origin(t, "blocks.1.attn.pattern", (2, 3, 5))
    assert (hidden.recomputed, hidden.title) == (0.0, "a hidden key gets nothing")
    assert origin(t, "blocks.1.attn.masked_scores", (2, 3, 5)).title.startswith("hidden by the mask")


def test_activations_are_told_apart() -> None:
    named = {"tiny_gpt2": "GELU (tanh)", "bert": "GELU", "llama": "SiLU", "opt": "ReLU"}
    for family, activation in named.items():
        assert origin(traced(family), "blocks.1.mlp.post", (4, 3)).formula.startswith(f"{activation}(pre)"), family


def test_numbers_that_an_intervention_changed_say_so_and_others_do_not() -> None:
    bundle = zoo.tiny_gpt2()
    t = trace(
        bundle.model,
        PROMPT,
        bundle.tokenizer,
        interventions=[
            Zero(Site("blocks.1.attn.z", head=2)),
            Scale("blocks.2.mlp_out", 3.0),
            Replace(Site("blocks.3.attn.pattern", head=0, position=5, index=2), lambda pattern: pattern + 0.5),
        ],
    )
    for name, index in (
        ("blocks.1.attn.z", (5, 2, 7)),
        ("blocks.2.mlp_out", (5, 7)),
        ("blocks.3.attn.pattern", (0, 5, 2)),
    ):
        found = origin(t, name, index)
        assert "changed by an intervention" in found.title
        assert found.recomputed is not None
        assert not near(found.value, found.recomputed)
    draw = random.Random(4)
    for name in t.names:
        if name not in ("blocks.1.attn.z", "blocks.2.mlp_out", "blocks.3.attn.pattern"):
            index, _ = somewhere(t, name, draw)
            found = origin(t, name, index)
            assert "intervention" not in found.title, name
            assert found.recomputed is not None
            assert near(found.recomputed, found.value), name


def test_a_formula_that_misses_says_by_how_much() -> None:
    model = models.build("gpt2")
    t = trace(model, models.SUBJECTS["gpt2"].inputs())
    with torch.no_grad():
        model.transformer.h[1].mlp.c_fc.weight += 1  # after the trace: not what the run used
    found = origin(t, "blocks.1.mlp.pre", (3, 4))
    assert found.recomputed is not None
    assert "the formula misses it by" in found.title


def test_a_number_whose_operands_were_not_captured_says_what_is_missing() -> None:
    model, tokenizer = zoo.tiny_gpt2().model, zoo.tiny_gpt2().tokenizer
    t = trace(model, PROMPT, tokenizer, capture=["blocks.1.attn.q"])
    found = origin(t, "blocks.1.attn.q", (3, 2, 5))
    assert found.recomputed is None
    assert "blocks.1.ln1.out is not in this trace" in found.worked


def test_half_precision_stays_within_its_rounding() -> None:
    model = copy.deepcopy(models.shared("llama")).to(torch.bfloat16)
    t, draw = trace(model, models.SUBJECTS["llama"].inputs()), random.Random(5)
    for name in t.names:
        index, example = somewhere(t, name, draw)
        found = origin(t, name, index, example=example)
        assert found.recomputed is not None
        assert "misses" not in found.title, (name, found)


def test_padded_texts_are_made_again_too() -> None:
    t, draw = trace(models.shared("llama"), models.padded("left")), random.Random(6)
    for name in t.names:
        for _ in range(4):
            index, example = somewhere(t, name, draw)
            found = origin(t, name, index, example=example)
            assert found.recomputed is not None
            assert near(found.recomputed, found.value) or "pattern" in name, (name, index, example)


def test_traces_for_gradients_are_read_without_them() -> None:
    t, draw = trace(models.shared("gpt2"), models.SUBJECTS["gpt2"].inputs(), grad=True), random.Random(7)
    for name in t.names:
        index, example = somewhere(t, name, draw)
        found = origin(t, name, index, example=example)
        assert found.recomputed is not None
        assert near(found.recomputed, found.value)


def test_traces_without_a_model_say_why_there_is_no_formula() -> None:
    t = from_attention([torch.rand(1, 2, 4, 4).softmax(-1)])
    name = next(n for n in t.names if n.endswith("pattern"))
    found = origin(t, name, (1, 2, 3))
    assert found.value == float(t[name][0, 1, 2, 3])
    assert "values from elsewhere" in found.worked
    saved = pickle.loads(pickle.dumps(traced("llama")))
    assert "without a model" in origin(saved, "blocks.0.attn.v", (1, 0, 1)).worked
    assert origin(saved, "blocks.0.attn.pattern", (1, 3, 1)).recomputed is not None


def test_wrong_questions_say_what_is_wrong() -> None:
    t = traced("tiny_gpt2")
    with pytest.raises(SiteError, match="needs 3 numbers, one for each of head, query, key"):
        origin(t, "blocks.0.attn.pattern", (1, 2))
    with pytest.raises(SiteError, match="head 4 at blocks.0.attn.pattern is out of range"):
        origin(t, "blocks.0.attn.pattern", (4, 2, 2))
    with pytest.raises(SiteError, match="did you mean"):
        origin(t, "blocks.0.attn.patern", (1, 2, 2))
    with pytest.raises(SiteError, match="terms=0"):
        origin(t, "blocks.0.attn.pattern", (1, 2, 2), terms=0)
    assert origin(t, "blocks.0.attn.pattern", (1, -1, 2)).index == (1, t["embed"].shape[1] - 1, 2)


def test_an_origin_is_plain_data() -> None:
    found = asdict(origin(traced("tiny_gpt2"), "blocks.0.attn.q", (1, 2, 3), terms=2))
    assert set(found) == set("name index axes shape value recomputed title formula worked operands rest".split())
    assert set(found["rest"]) == {"count", "sum"}
    assert len(found["operands"]) == 2
