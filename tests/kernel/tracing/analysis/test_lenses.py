"""The logit lens against the model's own modules, called by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from attrium_kernel.running import Cancelled
from attrium_kernel.tracing import Architecture, SiteError, Trace, trace
from attrium_kernel.tracing.analysis import lenses, logit_lens

from ..closeness import assert_close
from ..models import BATCH, LENGTH, SUBJECTS, VOCAB, ids, randn, shared
from ..oracles import expected

LAST = [
    "gpt2",
    "gpt-neox",
    "opt",
    "llama",
    "gemma2",
    "gemma3",
    "granite",
    "olmo2",
    "cohere",
    "mixtral",
    "t5",
    "t5 gated",
]


def traced(name: str) -> Trace:
    return trace(shared(name), SUBJECTS[name].inputs())


def by_hand(name: str, resid: Tensor) -> Tensor:
    """Logits of a vector of the stream, each family's own way."""
    model: Any = shared(name)
    stack = SUBJECTS[name].stacks[-1]
    normed = model.get_submodule(str(stack.ln_final))(resid)
    if name == "t5":
        normed = normed * model.config.d_model**-0.5
    return SUBJECTS[name].logits(model.get_submodule(SUBJECTS[name].unembed)(normed), model).detach()


@pytest.mark.parametrize("name", LAST)
def test_the_last_point_is_the_model_itself(name: str) -> None:
    with torch.no_grad():
        right = shared(name)(**SUBJECTS[name].inputs()).logits
    found = logit_lens(traced(name), keep_logits=True)
    assert found.all_logits is not None
    assert_close(found.all_logits[-1], right, 1e-5)
    assert found.kl[-1].abs().max() < 1e-6


@pytest.mark.parametrize("name", LAST)
def test_every_point_goes_through_the_models_own_norm_unembedding_and_softcap(name: str) -> None:
    subject = SUBJECTS[name]
    values = expected(subject, shared(name), subject.inputs())
    found = logit_lens(traced(name), "all", keep_logits=True)
    assert found.all_logits is not None
    prefix = subject.stacks[-1].prefix
    points = [f"{prefix}blocks.0.resid_pre"]
    for layer in range(subject.stacks[-1].layers):
        parallel = subject.stacks[-1].form == "parallel"
        names = ["resid_post"] if parallel else ["resid_mid", "resid_cross", "resid_post"]
        points += [p for p in (f"{prefix}blocks.{layer}.{n}" for n in names) if p in values]
    assert list(found.names) == points
    for logits, point in zip(found.all_logits, points, strict=True):
        assert_close(logits, by_hand(name, values[point]), 1e-4)


def test_what_is_said_of_a_distribution_is_true_of_it() -> None:
    found = logit_lens(traced("gpt2"), "all", top=4, keep_logits=True)
    logits = found.all_logits
    assert logits is not None
    p = logits.double().softmax(-1)
    assert_close(found.entropy.double(), -(p * p.log()).sum(-1), 1e-5)
    final = p[-1]
    assert_close(found.kl.double(), (final * (final.log() - p.log())).sum(-1), 1e-5)
    order = logits.argsort(-1, descending=True)
    assert torch.equal(found.top_tokens, order[..., :4])
    assert_close(found.top_probabilities.double(), p.gather(-1, order[..., :4]), 1e-6)
    following = ids(BATCH, LENGTH, seed=5)
    for token in (7, following):
        index = torch.as_tensor(token).expand(BATCH, LENGTH)[None, ..., None].expand(len(logits), -1, -1, 1)
        assert_close(found.logit(token), logits.gather(-1, index)[..., 0], 1e-5)
        assert_close(found.probability(token).double(), p.gather(-1, index)[..., 0], 1e-6)
        assert torch.equal(found.rank(token), (order == index).int().argmax(-1))
    assert_close(
        found.log_probabilities("blocks.1.resid_mid").double(), p[found.names.index("blocks.1.resid_mid")].log(), 1e-5
    )


def test_a_softcap_is_part_of_a_tokens_logit() -> None:
    found = logit_lens(traced("gemma2"), keep_logits=True)
    assert found.all_logits is not None
    assert_close(found.logit(9), found.all_logits[..., 9], 1e-5)


def test_logits_are_held_a_chunk_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = logit_lens(traced("gpt2"), "all", keep_logits=True)
    monkeypatch.setattr(lenses, "CHUNK_BYTES", 4 * VOCAB * 4)
    largest: list[int] = []
    plain = lenses.Readout.logits

    def watched(self: Any, resid: Tensor) -> Tensor:
        largest.append(resid.shape[0])
        return plain(self, resid)

    monkeypatch.setattr(lenses.Readout, "logits", watched)
    parts = logit_lens(traced("gpt2"), "all", keep_logits=True)
    assert max(largest) == 4
    assert whole.all_logits is not None and parts.all_logits is not None
    assert_close(parts.all_logits, whole.all_logits, 1e-5)
    assert_close(parts.kl, whole.kl, 1e-5)
    assert torch.equal(parts.rank(3), whole.rank(3))
    assert logit_lens(traced("gpt2")).all_logits is None


def test_positions_and_names_choose_what_is_read() -> None:
    run = traced("gpt2")
    whole = logit_lens(run, "all")
    part = logit_lens(run, ["blocks.1.resid_post", "blocks.0.resid_pre"], positions=[2, -1])
    assert part.names == ("blocks.0.resid_pre", "blocks.1.resid_post")
    assert part.positions == (2, LENGTH - 1)
    points = [whole.names.index(name) for name in part.names]
    assert torch.equal(part.top_tokens, whole.top_tokens[points][:, :, [2, -1]])
    assert torch.equal(part.rank(4), whole.rank(4)[points][:, :, [2, -1]])
    assert logit_lens(run, positions=-1).entropy.shape == (3, BATCH, 1)
    assert logit_lens(run, "blocks.*.attn_out").names == tuple(f"blocks.{i}.attn_out" for i in range(3))


def test_a_post_norm_model_is_read_after_its_norms_with_the_bias_of_its_logits() -> None:
    model, inputs = shared("bart"), SUBJECTS["bart"].inputs()
    architecture = Architecture.of(model).corrected({"unembed": "lm_head"})
    run = trace(model, inputs, architecture=architecture)
    found = logit_lens(run, "ln2.out", keep_logits=True)
    assert found.names == ("decoder.blocks.0.ln2.out", "decoder.blocks.1.ln2.out")
    assert found.all_logits is not None
    assert_close(found.all_logits[-1], run.logits, 1e-5)
    right = model.lm_head(run["decoder.blocks.0.ln2.out"]) + model.final_logits_bias
    assert_close(found.all_logits[0], right.detach(), 1e-5)
    assert_close(found.logit(9), found.all_logits[..., 9], 1e-5)


def test_a_picture_is_read_at_every_position() -> None:
    run = traced("vit")
    found = logit_lens(run, keep_logits=True)
    assert found.all_logits is not None
    assert_close(found.all_logits[-1][:, 0], run.logits, 1e-5)


def test_progress_ends_at_its_total_and_cancel_stops() -> None:
    seen: list[tuple[int, int]] = []
    logit_lens(traced("gpt2"), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (3 * BATCH * LENGTH, 3 * BATCH * LENGTH)
    with pytest.raises(Cancelled):
        logit_lens(traced("gpt2"), cancel=lambda: True)


def test_uniform_logits_have_the_largest_entropy() -> None:
    run = traced("gpt2")
    silent = torch.nn.Linear(24, VOCAB, bias=False)
    torch.nn.init.zeros_(silent.weight)

    class Flat:
        def translate(self, name: str, resid: Tensor) -> Tensor:
            return torch.zeros_like(resid)

    found = logit_lens(run, "blocks.0.resid_pre", lens=Flat())
    # a stream of zeros is the final norm's bias alone, the same at every place
    assert found.entropy.std() < 1e-6
    assert (found.entropy <= math.log(VOCAB)).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda run: logit_lens(run, "blocks.9.resid_post"), "blocks.9"),
        (lambda run: logit_lens(run, "attn.z"), r"has axes .*a lens reads \(batch, position, d_model\)"),
        (lambda run: logit_lens(run, positions=20), "position 20, but there are 9"),
        (lambda run: logit_lens(run).probability(VOCAB), f"token {VOCAB}, but the vocabulary has {VOCAB}"),
        (lambda run: logit_lens(run).rank(torch.zeros(5, dtype=torch.long)), "do not broadcast"),
        (lambda run: logit_lens(run).log_probabilities("blocks.0.resid_pre"), "not a point of this lens"),
    ],
)
def test_mistakes_are_named(call: Any, message: str) -> None:
    with pytest.raises(SiteError, match=message):
        call(traced("gpt2"))


def test_a_model_whose_logits_take_another_way_is_refused() -> None:
    with pytest.raises(SiteError, match=r"not its unembedding \(cls.predictions.decoder\) of its last stream"):
        logit_lens(traced("bert"), "ln2.out")
    with pytest.raises(SiteError, match="values from elsewhere"):
        logit_lens(Trace.of_values({"blocks.0.resid_post": randn(2, 3, 4)}, axes={}))


def test_a_stream_that_was_not_captured_is_named() -> None:
    run = trace(shared("gpt2"), SUBJECTS["gpt2"].inputs(), capture=["unembed", "logits", "blocks.2.resid_post"])
    assert logit_lens(run, "blocks.2.resid_post").kl.abs().max() < 1e-6
    with pytest.raises(SiteError, match="blocks.0.resid_mid.*not captured"):
        logit_lens(run, "blocks.0.resid_mid")
