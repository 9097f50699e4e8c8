"""The tuned lens: zero at first, better than the logit lens after, and the model as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from attrium_kernel import zoo
from attrium_kernel.running import Cancelled
from attrium_kernel.tracing import LoadError, SiteError, trace
from attrium_kernel.tracing.analysis import TunedLens, logit_lens

from ..closeness import assert_close
from ..models import BATCH, LENGTH, SUBJECTS, ids, padded, shared


def batches(n: int, vocab: int, length: int = 16, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(1, vocab, (4, length), generator=generator) for _ in range(n)]


def test_an_untrained_lens_is_the_logit_lens() -> None:
    model, inputs = shared("llama"), SUBJECTS["llama"].inputs()
    tuned = TunedLens.train(model, [inputs], steps=1, lr=0.0)
    run = trace(model, inputs)
    assert torch.count_nonzero(tuned.weight) == 0
    one, other = logit_lens(run, keep_logits=True, lens=tuned), logit_lens(run, keep_logits=True)
    assert one.all_logits is not None and other.all_logits is not None
    assert_close(one.all_logits, other.all_logits, 1e-5)


def test_the_first_loss_is_the_divergence_of_the_logit_lens_without_padding() -> None:
    model, inputs = shared("llama"), padded()
    tuned = TunedLens.train(model, [inputs], steps=1)
    kl = logit_lens(trace(model, inputs), list(tuned.names)).kl
    keep = inputs["attention_mask"].bool()
    assert_close(tuned.losses[0], kl[:, keep].mean(1), 1e-4)


def test_training_brings_held_out_text_nearer_to_the_models_answer() -> None:
    bundle = zoo.load("tiny_gpt2")
    state = {k: v.clone() for k, v in bundle.model.state_dict().items()}
    bundle.model.train()
    tuned = TunedLens.train(bundle.model, batches(12, 800), steps=60)
    assert bundle.model.training
    assert all(p.requires_grad and p.grad is None for p in bundle.model.parameters())
    assert all(torch.equal(v, state[k]) for k, v in bundle.model.state_dict().items())
    run = trace(bundle.model, batches(1, 800, seed=9)[0])
    points = list(tuned.names)
    before, after = logit_lens(run, points).kl.mean((1, 2)), logit_lens(run, points, lens=tuned).kl.mean((1, 2))
    assert (after < 0.8 * before).all(), (before, after)
    assert tuned.losses.shape == (60, len(points))


def test_one_step_goes_against_the_gradient_of_the_divergence() -> None:
    model, inputs = shared("gpt2"), SUBJECTS["gpt2"].inputs()
    tuned = TunedLens.train(model, [inputs], steps=1, lr=1e-3)
    run = trace(model, inputs)
    target = run.logits.log_softmax(-1)
    for i, name in enumerate(tuned.names):
        bias = torch.zeros(24, requires_grad=True)
        logits = model.lm_head(model.transformer.ln_f(run[name] + bias))
        kl = (target.exp() * (target - logits.log_softmax(-1))).sum(-1).mean()
        (gradient,) = torch.autograd.grad(kl, bias)
        clear = gradient.abs() > 1e-4  # Adam's first step is lr times the sign
        assert clear.any()
        assert_close(tuned.bias[i][clear], -1e-3 * gradient[clear].sign(), 1e-5)


def test_translators_apply_where_they_were_trained() -> None:
    model, inputs = shared("gpt2"), SUBJECTS["gpt2"].inputs()
    weight, bias = torch.randn(1, 24, 24), torch.randn(1, 24)
    tuned = TunedLens(("blocks.0.resid_post",), weight, bias, "blocks.2.resid_post")
    run = trace(model, inputs)
    found = logit_lens(run, ["blocks.0.resid_post", "blocks.2.resid_post"], keep_logits=True, lens=tuned)
    x = run["blocks.0.resid_post"]
    right = model.lm_head(model.transformer.ln_f(x + x @ weight[0] + bias[0]))
    assert found.all_logits is not None
    assert_close(found.all_logits[0], right.detach(), 1e-3)
    assert_close(found.all_logits[1], run.logits, 1e-5)
    assert_close(found.logit(3), found.all_logits[..., 3], 1e-3)
    with pytest.raises(SiteError, match="not trained for blocks.1.resid_post; it has blocks.0.resid_post"):
        logit_lens(run, "blocks.1.resid_post", lens=tuned)


def test_a_lens_comes_back_from_its_file(tmp_path: Path) -> None:
    tuned = TunedLens.train(shared("gpt2"), batches(2, 50), steps=3)
    tuned.save(tmp_path / "lens.safetensors")
    back = TunedLens.load(tmp_path / "lens.safetensors")
    assert back.names == tuned.names and back.last == tuned.last
    for one, other in ((back.weight, tuned.weight), (back.bias, tuned.bias), (back.losses, tuned.losses)):
        assert torch.equal(one, other)
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(1)}, str(tmp_path / "other.safetensors"))
    with pytest.raises(LoadError, match="not a tuned lens"):
        TunedLens.load(tmp_path / "other.safetensors")


def test_an_encoder_decoder_has_a_lens_of_its_decoder() -> None:
    tuned = TunedLens.train(shared("t5"), [SUBJECTS["t5"].inputs()], steps=2)
    assert tuned.names == ("decoder.blocks.0.resid_pre", "decoder.blocks.0.resid_post")
    assert torch.isfinite(tuned.losses).all()


def test_progress_cancel_and_no_batches() -> None:
    seen: list[tuple[int, int]] = []
    TunedLens.train(shared("gpt2"), ids(BATCH, LENGTH), steps=3, progress=lambda *s: seen.append(s))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(Cancelled):
        TunedLens.train(shared("gpt2"), ids(BATCH, LENGTH), steps=3, cancel=lambda: len(seen) > 0)
    with pytest.raises(SiteError, match="no batches to train on"):
        TunedLens.train(shared("gpt2"), [], steps=3)


def test_texts_are_batches_too() -> None:
    bundle = zoo.load("tiny_gpt2")
    tuned = TunedLens.train(
        bundle.model, [["The keys to the cabinet", "The war lasted"]], tokenizer=bundle.tokenizer, steps=2
    )
    assert torch.isfinite(tuned.losses).all()
