"""Every wrong call is named: what was given, what was expected, what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from attrium_kernel.tracing import (
    Architecture,
    ArchitectureError,
    Capture,
    CaptureError,
    Edge,
    InterventionError,
    LoadError,
    Mean,
    Patch,
    Replace,
    Resample,
    Scale,
    Site,
    SiteError,
    Steer,
    TraceError,
    Zero,
    trace,
)

from . import models
from .test_parity import traced

ADVICE = re.compile(
    r"\b(pass|give|use|set|name|choose|put|leave|check|capture|read|raise|did you mean|must|needs?|expected|keep|"
    r"correct|write|add|load|say|fewer|shorten|is the tokenizer|instead|call|one of|Patch|they are like|this model has|"
    r"tracing sees|can't be traced|it is|(there|names|roles|receivers|senders|stacks|known|axes) are)\b",
    re.I,
)
IDS = models.text()["input_ids"]


def says(call: Callable[[], Any], error: type[Exception] | tuple[type[Exception], ...], *words: str) -> str:
    """The call raises `error`, whose words contain each of `words` and some advice; returns the message."""
    with pytest.raises(error) as caught:
        call()
    assert isinstance(caught.value, TraceError)
    message = str(caught.value)
    for word in words:
        assert word in message, f"{word!r} is missing in: {message}"
    assert ADVICE.search(message), f"no advice in: {message}"
    assert len(message) < 800, "an error is read, not studied"
    return message


def run(*interventions: Any, name: str = "gpt2", **arguments: Any) -> Callable[[], Any]:
    """A trace with interventions, for later."""
    return lambda: trace(models.shared(name), IDS, interventions=list(interventions), **arguments)


def test_all_errors_are_value_errors() -> None:
    for error in (ArchitectureError, SiteError, InterventionError, CaptureError, LoadError):
        assert issubclass(error, TraceError) and issubclass(error, ValueError)


# ---- names


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("blocks.0.attn.patern", "blocks.0.attn.pattern"),
        ("blocks.1.resid_pots", "blocks.1.resid_post"),
        ("block.0.mlp_out", "blocks.0.mlp_out"),
        ("logit", "logits"),
        ("blocks.0.attn.Z", "blocks.0.attn.z"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_nearest(wrong: str, near: str) -> None:
    t = traced("gpt2", "eager")
    says(lambda: t[wrong], SiteError, wrong, near)
    says(run(Zero(wrong)), (SiteError, InterventionError), wrong, near)
    says(run(capture=wrong), (CaptureError, SiteError), wrong, near)


@pytest.mark.parametrize("wrong", ["blocks.7.attn.z", "blocks.-1.attn.z", "encoder.blocks.0.attn.z", "", "*nothing*"])
def test_names_that_do_not_exist_are_refused_everywhere(wrong: str) -> None:
    t = traced("gpt2", "eager")
    says(lambda: t[wrong], SiteError)
    says(run(capture=wrong), (CaptureError, SiteError))
    says(lambda: trace(models.shared("gpt2"), IDS, interventions=[Zero(wrong)]), (SiteError, InterventionError))


def test_a_block_beyond_the_last_says_how_many_there_are() -> None:
    message = says(lambda: traced("gpt2", "eager")["blocks.3.attn.z"], SiteError, "blocks.3.attn.z")
    assert "3" in message.replace("blocks.3.attn.z", "") or "blocks.2" in message


def test_an_intervention_at_an_absent_name_says_why_it_is_absent() -> None:
    says(
        run(Zero("blocks.0.resid_mid"), name="gpt-neox"),
        (SiteError, InterventionError),
        "blocks.0.resid_mid",
        "parallel",
    )
    says(run(Zero("blocks.0.attn.rot_q")), (SiteError, InterventionError), "rot_q")


def test_the_scale_of_a_norm_is_read_and_not_written() -> None:
    for name in ("blocks.0.ln1.scale", "ln_final.scale"):
        says(run(Scale(name, 2.0)), (SiteError, InterventionError), name, name.replace("scale", "out"))


def test_an_intervention_that_matches_nothing_is_refused() -> None:
    says(run(Zero("blocks.*.cross.z")), (SiteError, InterventionError), "blocks.*.cross.z")
    says(run(Zero("blocks.*.attn.zz")), (SiteError, InterventionError), "blocks.*.attn.zz")


def test_capturing_nothing_that_exists_is_refused_by_name() -> None:
    says(run(capture=["blocks.0.attn.z", "blocks.*.attn.zzz"]), (CaptureError, SiteError), "blocks.*.attn.zzz")


# ---- indices


@pytest.mark.parametrize("head", [4, -5, (0, 7)])
def test_a_head_out_of_range_says_how_many_there_are(head: Any) -> None:
    wrong = head if isinstance(head, int) else head[-1]
    says(run(Zero(Site("blocks.0.attn.z", head=head))), (SiteError, InterventionError), str(wrong), "4")


def test_a_query_head_is_not_a_key_value_head() -> None:
    message = says(run(Zero(Site("blocks.0.attn.k", head=3)), name="llama"), (SiteError, InterventionError), "3", "2")
    assert "kv" in message or "key-value" in message


@pytest.mark.parametrize("position", [9, -10, (1, 30)])
def test_a_position_out_of_range_says_how_many_there_are(position: Any) -> None:
    wrong = position if isinstance(position, int) else position[-1]
    says(run(Zero(Site("blocks.0.resid_post", position=position))), (SiteError, InterventionError), str(wrong), "9")


@pytest.mark.parametrize(
    ("where", "size"),
    [({"rows": 3}, "3"), ({"rows": -4}, "3"), ({"index": 24}, "24"), ({"index": (0, -25)}, "24")],
    ids=str,
)
def test_rows_and_dimensions_out_of_range_are_named(where: dict[str, Any], size: str) -> None:
    says(run(Zero(Site("blocks.0.resid_post", **where))), (SiteError, InterventionError), size)


def test_heads_where_there_are_none_are_refused() -> None:
    says(run(Zero(Site("blocks.0.mlp_out", head=1))), (SiteError, InterventionError), "mlp_out", "head")
    says(run(Scale(Site("blocks.0.ln1.out", head=1), 2.0)), (SiteError, InterventionError), "head")


@pytest.mark.parametrize("value", ["three", 1.5, (), [0.5], {"a": 1}, True], ids=repr)
@pytest.mark.parametrize("field", ["head", "position", "index", "rows"])
def test_an_index_of_no_known_kind_is_refused_when_the_site_is_made(field: str, value: Any) -> None:
    says(lambda: Site("blocks.0.attn.z", **{field: value}), SiteError, field)


@pytest.mark.parametrize("name", ["", None, 3])
def test_a_site_without_a_name_is_refused(name: Any) -> None:
    says(lambda: Site(name), SiteError, repr(name))


@pytest.mark.parametrize(
    ("index", "words"),
    [
        ({"heads": 1}, ("heads", "head")),
        ({"position": 0}, ("position", "query")),
        ({"head": 4}, ("4",)),
        ({"head": -5}, ("-5", "4")),
        ({"head": [0, 9]}, ("9", "4")),
        ({"query": "first"}, ("query", "first")),
        ({"query": 1.5}, ("query", "1.5")),
        ({"head": True}, ("head",)),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["blocks.0.attn.pattern", "blocks.0.attn.scores"])
def test_a_part_that_cannot_be_read_is_named(name: str, index: dict[str, Any], words: tuple[str, ...]) -> None:
    says(lambda: traced("gpt2", "eager").read(name, **index), SiteError, *words)


@pytest.mark.parametrize("name", ["blocks.0.attn.z", "blocks.0.attn.result", "blocks.0.attn.q"])
@pytest.mark.parametrize(
    "index", [{"head": 4}, {"head": [1, 5]}, {"head": -5}, {"position": 99}, {"batch": 3}], ids=str
)
def test_parts_of_values_out_of_range_are_named(name: str, index: dict[str, Any]) -> None:
    says(lambda: traced("gpt2", "eager").read(name, **index), SiteError, next(iter(index)))


def test_stacking_an_unknown_name_or_stack_is_refused() -> None:
    t = traced("gpt2", "eager")
    says(lambda: t.stack("resid_pots"), SiteError, "resid_pots", "resid_post")
    says(lambda: t.stack("resid_post", stack="encoder"), TraceError, "encoder")


# ---- interventions


@pytest.mark.parametrize("size", [23, 25, 1 + 24 * 2])
def test_a_steering_vector_of_another_length_says_both_lengths(size: int) -> None:
    says(run(Steer("blocks.0.resid_post", torch.ones(size))), InterventionError, str(size), "24")
    says(run(Steer(Site("blocks.0.attn.z", head=1), torch.ones(24))), InterventionError, "24", "6")


def test_a_patch_of_another_shape_says_both_shapes() -> None:
    says(run(Patch("blocks.0.resid_post", torch.ones(3, 9, 23))), InterventionError, "(3, 9, 23)", "(3, 9, 24)")
    says(run(Patch("blocks.0.resid_post", torch.ones(2, 9, 24))), InterventionError, "(2, 9, 24)", "(3, 9, 24)")


@pytest.mark.parametrize("shape", [(3, 5), (3, 12), (2, 9)])
@pytest.mark.parametrize("site", ["blocks.0.resid_post", "blocks.0.attn.pattern"])
def test_a_source_of_another_length_or_batch_says_both(shape: tuple[int, int], site: str) -> None:
    source = trace(models.shared("gpt2"), models.ids(*shape))
    wrong = shape[1] if shape[1] != 9 else shape[0]
    says(run(Patch(site, source)), InterventionError, str(wrong), site)


def test_a_source_position_out_of_range_is_named() -> None:
    source = traced("gpt2", "eager")
    says(run(Patch(Site("blocks.0.resid_post", position=1), source, position=40)), (InterventionError, SiteError), "40")
    says(
        run(Patch(Site("blocks.0.resid_post", position=(1, 2)), source, position=(1, 2, 3))),
        (InterventionError, SiteError),
    )


def test_a_source_without_the_value_says_so() -> None:
    source = trace(models.shared("gpt2"), IDS, capture="embed")
    says(run(Patch("blocks.0.resid_post", source)), (InterventionError, SiteError), "blocks.0.resid_post", "captur")


def test_a_source_of_another_model_says_what_differs() -> None:
    source = traced("llama", "eager")
    says(run(Patch("blocks.0.attn.z", source)), (InterventionError, SiteError), "blocks.0.attn.z", "10", "6")


@pytest.mark.parametrize("source", [None, 3, "trace", [1.0]], ids=repr)
def test_a_source_of_no_known_kind_is_refused(source: Any) -> None:
    says(lambda: run(Patch("blocks.0.resid_post", source))(), InterventionError, repr(source))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Mean("embed", over="head"),
        lambda: Zero(3),
        lambda: Scale("embed", "two"),
        lambda: Steer("embed", "vector"),
        lambda: Replace("embed", 3),
        lambda: Resample("embed", None),
        lambda: Edge("embed", 3),
    ],
    ids=["mean over", "no site", "scale", "steer", "replace", "resample", "edge"],
)
def test_settings_of_no_known_kind_are_refused_when_made_or_run(make: Callable[[], Any]) -> None:
    says(lambda: run(make())(), TraceError)


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_factors_and_vectors_that_are_no_numbers_are_refused(factor: float) -> None:
    says(lambda: run(Scale("blocks.0.resid_post", factor))(), InterventionError, str(factor))
    vector = torch.ones(24)
    vector[3] = factor
    says(lambda: run(Steer("blocks.0.resid_post", vector))(), InterventionError, "finite")


@pytest.mark.parametrize(
    "result", [None, 3.0, torch.ones(3, 9, 23), torch.ones(24)], ids=["none", "number", "shape", "vector"]
)
def test_a_function_that_returns_something_else_is_refused(result: Any) -> None:
    says(run(Replace("blocks.0.resid_post", lambda v: result)), InterventionError, "blocks.0.resid_post")


def test_the_functions_own_error_is_what_the_caller_sees() -> None:
    def fails(value: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run(Replace("blocks.0.attn.pattern", fails))()


@pytest.mark.parametrize("wrong", ["Zero", 3, [3], [Zero], {"at": "embed"}], ids=repr)
def test_things_that_are_no_interventions_are_refused(wrong: Any) -> None:
    says(lambda: trace(models.shared("gpt2"), IDS, interventions=wrong), InterventionError)


@pytest.mark.parametrize(
    ("sender", "receiver"),
    [
        ("blocks.1.mlp_out", "blocks.0.attn.q"),
        ("blocks.0.attn.pattern", "blocks.1.attn.q"),
        ("blocks.0.mlp_out", "blocks.1.attn.pattern"),
        ("blocks.0.mlp_out", "blocks.5.attn.q"),
        ("blocks.0.mlp.post", "unembed"),
        ("nowhere", "unembed"),
    ],
)
def test_an_edge_that_is_no_path_is_refused(sender: str, receiver: str) -> None:
    message = says(run(Zero(Edge(Site(sender), Site(receiver)))), (InterventionError, SiteError))
    assert sender in message or receiver in message


def test_an_edge_through_a_normed_stream_is_refused() -> None:
    # In BERT every sum is normed: nothing that a block writes reaches a later one by addition alone.
    with pytest.raises(TraceError, match="post-norm"):
        run(Zero(Edge(Site("blocks.0.attn_out"), Site("blocks.1.attn.q"))), name="bert")()


# ---- inputs


def test_text_without_a_tokenizer_says_what_to_pass() -> None:
    says(lambda: trace(models.shared("gpt2"), "The keys to the cabinet"), TraceError, "tokenizer")
    says(lambda: trace(models.shared("gpt2"), ["one", "two"]), TraceError, "tokenizer")


@pytest.mark.parametrize(
    "wrong", [None, 3.5, object(), [], ""], ids=["none", "number", "object", "no texts", "no text"]
)
def test_inputs_of_no_known_kind_say_which_kinds_there_are(wrong: Any) -> None:
    says(lambda: trace(models.shared("gpt2"), wrong), TraceError)


def test_ids_beyond_the_vocabulary_are_named() -> None:
    says(lambda: trace(models.shared("gpt2"), torch.full((1, 4), models.VOCAB)), TraceError, "53")
    says(lambda: trace(models.shared("gpt2"), torch.full((1, 4), -1)), TraceError, "-1")


def test_texts_longer_than_the_models_positions_are_named() -> None:
    says(lambda: trace(models.shared("gpt2"), models.ids(1, 40)), TraceError, "40", "32")


def test_no_tokens_at_all_are_named() -> None:
    says(lambda: trace(models.shared("gpt2"), torch.zeros(1, 0, dtype=torch.long)), TraceError)


@pytest.mark.parametrize("model", [None, "gpt2", 3, lambda x: x], ids=["none", "name", "number", "function"])
def test_what_is_no_module_is_refused(model: Any) -> None:
    says(lambda: trace(model, IDS), TraceError)


@pytest.mark.parametrize("capture", [3, [3], {"names": "embed"}, True, [None]], ids=repr)
def test_a_capture_of_no_known_kind_is_refused(capture: Any) -> None:
    says(run(capture=capture), CaptureError)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: Capture(patterns="draw"), "draw"),
        (lambda: Capture(memory_budget=0), "0"),
        (lambda: Capture(memory_budget=-5), "-5"),
        (lambda: Capture(dtype=torch.int8), "int8"),
        (lambda: Capture(device="nowhere"), "nowhere"),
    ],
    ids=["patterns", "no budget", "negative budget", "dtype", "device"],
)
def test_settings_of_a_capture_out_of_bounds_are_refused(make: Callable[[], Capture], word: str) -> None:
    says(lambda: run(capture=make())(), CaptureError, word)


# ---- models that cannot be traced


class NoAttention(nn.Module):
    """An embedding and a linear map."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(53, 8), nn.Linear(8, 53)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.embed(ids).softmax(-1))
        return out


def test_a_model_without_attention_says_what_is_seen_as_attention() -> None:
    says(lambda: trace(NoAttention(), IDS), ArchitectureError, "attention", "NoAttention")
    says(lambda: Architecture.of(NoAttention(), IDS), ArchitectureError, "attention")


def test_a_recurrent_model_is_refused_by_name() -> None:
    from transformers import MambaConfig, MambaForCausalLM

    config = MambaConfig(vocab_size=53, hidden_size=16, num_hidden_layers=2, state_size=4, use_mambapy=False)
    model = MambaForCausalLM(config).eval()
    says(lambda: trace(model, IDS), ArchitectureError, "attention", "Mamba")


def test_shared_layers_are_refused_rather_than_mixed_up() -> None:
    from transformers import AlbertConfig, AlbertForMaskedLM

    config = AlbertConfig(
        vocab_size=53,
        hidden_size=24,
        embedding_size=24,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=40,
    )
    model = AlbertForMaskedLM(config).eval()
    says(lambda: trace(model, IDS), ArchitectureError)


def test_weights_that_are_not_finite_are_traced_to_where_they_are() -> None:
    model: Any = models.build("gpt2")
    with torch.no_grad():
        model.transformer.h[1].mlp.c_fc.weight[0, 0] = float("nan")
    t = trace(model, IDS)
    assert t["blocks.1.mlp.pre"].isnan().any() and not t["blocks.1.resid_mid"].isnan().any()


def test_an_architecture_of_another_model_is_refused() -> None:
    architecture = Architecture.of(models.shared("llama"))
    says(lambda: trace(models.shared("gpt2"), IDS, architecture=architecture), ArchitectureError, "GPT2")


def test_a_correction_that_names_nothing_is_refused() -> None:
    architecture = Architecture.of(models.shared("gpt2"))
    says(lambda: architecture.corrected({"mlp.dwon": "transformer.h.{i}.mlp.c_proj"}), ArchitectureError, "mlp.dwon")
    wrong = architecture.corrected({"mlp.down": "transformer.h.{i}.mlp.nowhere"})
    says(
        lambda: trace(models.shared("gpt2"), IDS, architecture=wrong), ArchitectureError, "transformer.h.0.mlp.nowhere"
    )
