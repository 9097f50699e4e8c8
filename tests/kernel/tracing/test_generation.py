"""Writing on, against transformers' own `generate`, plain forwards, and generation without a cache."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor, nn

from attrium_kernel import zoo
from attrium_kernel.running import Cancelled
from attrium_kernel.tracing import generation as module_under_test
from attrium_kernel.tracing.errors import CaptureError, SiteError, TraceError
from attrium_kernel.tracing.generation import generate
from attrium_kernel.tracing.interventions import Patch, Scale, Site, Steer, Zero
from attrium_kernel.tracing.loading import load
from attrium_kernel.tracing.sampling import Sampler
from attrium_kernel.tracing.tokens import Tokens
from attrium_kernel.tracing.trace import trace

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32, "vocab_size": 50}
PROMPT = [5, 17, 31, 8, 40]
GREEDY = Sampler(greedy=True)
NO_END = {"ends": ()}


def prepared(model: Any) -> Any:
    """Weights large enough that each change shows in the logits."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


def gpt2() -> Any:
    return prepared(transformers.GPT2LMHeadModel(transformers.GPT2Config(
        n_embd=16, n_head=4, n_layer=2, vocab_size=50, n_positions=24, bos_token_id=0, eos_token_id=0
    )))  # fmt: skip


def llama() -> Any:
    """Rotary, two heads to each key-value head."""
    return prepared(transformers.LlamaForCausalLM(transformers.LlamaConfig(**SMALL, num_key_value_heads=2)))


def mistral() -> Any:
    """A window that slides: its cache cannot be cut."""
    config = transformers.MistralConfig(**SMALL, num_key_value_heads=2, sliding_window=4)
    return prepared(transformers.MistralForCausalLM(config))


def t5() -> Any:
    return prepared(transformers.T5ForConditionalGeneration(transformers.T5Config(
        d_model=16, d_kv=4, d_ff=32, num_layers=2, num_heads=4, vocab_size=50, decoder_start_token_id=0
    )))  # fmt: skip


class Bare(nn.Module):
    """A language model that is none of transformers', without attention: each token with the mean of those before."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.out = nn.Embedding(50, 8), nn.Linear(8, 50)
        self.calls: list[int] = []

    def forward(self, ids: Tensor) -> Tensor:
        self.calls.append(ids.shape[1])
        x = self.embed(ids)
        return self.out(x.cumsum(1) / torch.arange(1, ids.shape[1] + 1)[None, :, None] + x)


CAUSAL = [gpt2, llama, mistral]


def plain_logits(model: Any, ids: list[int], source: list[int] | None = None) -> Tensor:
    """The last position's, from one forward over everything."""
    inputs = {"input_ids": torch.tensor([source or ids])}
    if source is not None:
        inputs["decoder_input_ids"] = torch.tensor([ids])
    with torch.no_grad():
        return model(**inputs, use_cache=False).logits[0, -1]


@pytest.mark.parametrize("make", [*CAUSAL, t5])
@pytest.mark.parametrize("use_cache", [True, False])
def test_greedy_tokens_are_those_of_transformers(make: Any, use_cache: bool) -> None:
    model = make()
    expected = model.generate(
        torch.tensor([PROMPT]), do_sample=False, max_new_tokens=8, min_new_tokens=8, pad_token_id=0,
        attention_mask=torch.ones(1, 5),
    )[0].tolist()  # fmt: skip
    end = model.generation_config.eos_token_id
    forbidden = [] if end is None else [end]  # `min_new_tokens` rules the end out; so must we
    made = generate(model, PROMPT, sampler=GREEDY, use_cache=use_cache, **NO_END)
    while len(made.ids) < len(expected):
        logits = made.branch(len(made.ids)).step().logits
        logits[forbidden] = -torch.inf
        made.step(int(logits.argmax()))
    assert made.ids == expected


@pytest.mark.parametrize("make", [*CAUSAL, t5])
@pytest.mark.parametrize("use_cache", [True, False])
def test_each_steps_probabilities_are_those_of_a_plain_forward(make: Any, use_cache: bool) -> None:
    model, sampler = make(), Sampler(temperature=0.7, top_k=9)
    source = PROMPT if make is t5 else None
    made = generate(model, PROMPT, sampler=sampler, use_cache=use_cache, **NO_END)
    for _ in range(7):
        before = made.ids
        step = made.step()
        logits = plain_logits(model, before, source)
        torch.testing.assert_close(step.logits, logits, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(step.model_probabilities, logits.softmax(-1), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(step.sampler_probabilities, sampler.probabilities(logits), rtol=1e-4, atol=1e-5)
        assert step.position == len(before) and made.ids == [*before, step.token]
        assert step.sampler_probabilities[step.token] > 0 and step.trace is None


def test_nothing_is_computed_before_the_first_step_and_each_step_runs_one_token() -> None:
    model = llama()
    lengths: list[int] = []
    model.model.embed_tokens.register_forward_hook(lambda m, args, out: lengths.append(args[0].shape[1]))
    made = generate(model, PROMPT, interventions=[Scale("blocks.0.attn_out", 0.5)], **NO_END)
    assert lengths == []
    made.step()
    lengths.clear()  # finding the parts takes runs of its own
    made.run(3)
    assert lengths == [1, 1, 1]


def test_an_encoder_runs_once() -> None:
    model, runs = t5(), []
    model.encoder.register_forward_hook(lambda *_: runs.append(1))
    made = generate(model, PROMPT, **NO_END)
    made.run(4)
    made.branch(3, 7).run(2)
    assert len(runs) == 1
    uncached = generate(model, PROMPT, use_cache=False, **NO_END)
    uncached.run(4)
    assert len(runs) == 2


def test_one_seed_one_text_and_the_global_random_state_is_left_alone() -> None:
    model = gpt2()
    state = torch.get_rng_state()
    texts = [[s.token for s in generate(model, PROMPT, seed=seed, **NO_END).run(10)] for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert torch.get_rng_state().equal(state)


# Interventions stay on.


def steering(model: Any) -> list[Any]:
    return [Steer("blocks.0.resid_post", torch.linspace(-1, 1, 16), 3.0)]


def ablation(model: Any) -> list[Any]:
    return [Zero(Site("blocks.1.attn.z", head=2)), Zero(Site("blocks.0.attn.result", head=1))]


def patching(model: Any) -> list[Any]:
    other = trace(model, torch.tensor([[9, 9, 9, 9, 9]]))
    return [Patch(Site("blocks.0.resid_post", position=2), other), Patch(Site("blocks.1.attn.v", position=1), other)]


def later(model: Any) -> list[Any]:
    """A position that is only reached while the text grows."""
    return [Zero(Site("blocks.0.mlp_out", position=7)), Scale(Site("blocks.1.attn.k", position=6), 3.0)]


def patterns(model: Any) -> list[Any]:
    return [Zero(Site("blocks.0.attn.pattern", head=0, position=(3, 6)))]


@pytest.mark.parametrize("make", CAUSAL[:2])
@pytest.mark.parametrize("change", [steering, ablation, patching, later, patterns])
def test_with_and_without_a_cache_interventions_give_the_same_logits(make: Any, change: Any) -> None:
    model = make()
    changes, runs = change(model), []
    for use_cache in (True, False):
        made = generate(model, PROMPT, interventions=changes, use_cache=use_cache, **NO_END)
        runs.append(torch.stack([made.step(token).logits for token in (3, 12, 44, 21, 30, 2)]))
    torch.testing.assert_close(runs[0], runs[1], rtol=1e-5, atol=1e-5)
    plain = generate(model, PROMPT, **NO_END)
    assert not torch.allclose(runs[0][-1], [plain.step(t) for t in (3, 12, 44, 21, 30, 2)][-1].logits, atol=1e-2)


@pytest.mark.parametrize("make", CAUSAL[:2])
def test_steering_is_what_a_hook_by_hand_does(make: Any) -> None:
    model, vector = make(), torch.linspace(-1, 1, 16)
    made = generate(model, PROMPT, interventions=Steer("blocks.0.resid_post", vector, 3.0), **NO_END)
    ours = [made.step(token).logits for token in (3, 12, 44)]
    block = model.transformer.h[0] if make is gpt2 else model.model.layers[0]

    def add(module: nn.Module, args: Any, output: Any) -> Any:
        return (output[0] + 3 * vector, *output[1:]) if isinstance(output, tuple) else output + 3 * vector

    handle = block.register_forward_hook(add)
    theirs = [plain_logits(model, PROMPT + [3, 12, 44][:n]) for n in range(3)]
    handle.remove()
    torch.testing.assert_close(torch.stack(ours), torch.stack(theirs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("at", ["encoder.blocks.0.resid_post", "decoder.blocks.1.cross.z", "decoder.embed"])
def test_interventions_on_both_stacks_of_an_encoder_decoder(at: str) -> None:
    model = t5()
    runs = []
    for use_cache in (True, False):
        made = generate(model, PROMPT, interventions=Scale(at, 0.3), use_cache=use_cache, **NO_END)
        runs.append(torch.stack([made.step(token).logits for token in (3, 12, 44)]))
    torch.testing.assert_close(runs[0], runs[1], rtol=1e-5, atol=1e-5)
    inputs = {"input_ids": torch.tensor([PROMPT]), "decoder_input_ids": torch.tensor([[0, 3, 12]])}
    whole = trace(model, inputs, interventions=[Scale(at, 0.3)]).logits[0]
    torch.testing.assert_close(runs[0], whole, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(whole, trace(model, inputs).logits[0], atol=1e-2)


def test_traces_of_steps_show_what_one_whole_trace_shows() -> None:
    model = llama()
    made = generate(model, PROMPT, capture=["blocks.*.attn.pattern", "blocks.*.resid_post"], **NO_END)
    steps = [made.step(token) for token in (3, 12)]
    whole = trace(model, torch.tensor([[*PROMPT, 3]]))
    for name in ("blocks.1.attn.pattern", "blocks.0.resid_post"):
        first, second = steps[0].trace, steps[1].trace
        axis = whole.axes(name).index("query" if "pattern" in name else "position")
        torch.testing.assert_close(second[name], whole[name].narrow(axis, 5, 1), rtol=1e-5, atol=1e-5)
        part = {"query": slice(0, 5), "key": slice(0, 5)} if "pattern" in name else {"position": slice(0, 5)}
        torch.testing.assert_close(first[name], whole.read(name, **part), rtol=1e-5, atol=1e-5)
    assert first.tokens.ids.tolist() == [PROMPT] and second.tokens.ids.tolist() == [[3]]


def test_traces_of_an_encoder_decoder_have_the_encoder_once() -> None:
    made = generate(t5(), PROMPT, capture="all", **NO_END)
    first, second = made.run(2)
    assert "encoder.blocks.0.attn.pattern" in first.trace
    assert "encoder.blocks.0.attn.pattern" not in second.trace
    assert second.trace["decoder.blocks.1.cross.pattern"].shape == (1, 4, 1, 5)
    assert second.trace["decoder.blocks.1.attn.pattern"].shape == (1, 4, 1, 2)


# Branches.


@pytest.mark.parametrize("make", [*CAUSAL, t5])
@pytest.mark.parametrize("use_cache", [True, False])
def test_a_branch_goes_on_as_if_it_had_been_so_from_the_start(make: Any, use_cache: bool) -> None:
    model, source = make(), PROMPT if make is t5 else None
    made = generate(model, PROMPT, sampler=GREEDY, use_cache=use_cache, **NO_END)
    made.run(6)
    before, first = made.ids, len(made.ids) - 6
    branch = made.branch(first + 2, token=11)
    assert branch.ids == [*before[: first + 2], 11] and branch.steps[:2] == made.steps[:2]
    assert branch.steps[2].forced and branch.steps[2].logits.equal(made.steps[2].logits)
    for _ in range(3):
        ids = branch.ids
        torch.testing.assert_close(branch.step().logits, plain_logits(model, ids, source), rtol=1e-5, atol=1e-5)
    assert made.ids == before
    torch.testing.assert_close(made.step().logits, plain_logits(model, before, source), rtol=1e-5, atol=1e-5)


def test_a_branch_computes_nothing_until_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    model = gpt2()
    lengths: list[int] = []
    model.transformer.wte.register_forward_hook(lambda m, args, out: lengths.append(args[0].shape[1]))
    made = generate(model, PROMPT, **NO_END)
    made.run(6)
    lengths.clear()
    branch = made.branch(7, token=3)
    again = made.branch(7)
    again.step()
    assert lengths == []
    branch.step()
    assert lengths == [1]  # the keys and values before it are the parent's


def test_random_numbers_of_a_branch_are_its_own() -> None:
    model = gpt2()
    made, twin = (generate(model, PROMPT, seed=4, **NO_END) for _ in range(2))
    made.run(4)
    twin.run(4)
    made.branch(6).run(5)
    made.branch(7, seed=9).run(5)
    assert [s.token for s in made.run(6)] == [s.token for s in twin.run(6)]
    draws = [tuple(s.token for s in made.branch(6, seed=seed).run(8)) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_a_branch_at_the_end_is_a_copy_that_goes_on() -> None:
    made = generate(gpt2(), PROMPT, sampler=GREEDY, **NO_END)
    made.run(3)
    branch = made.branch(len(made.ids))
    assert branch.ids == made.ids
    assert [s.token for s in branch.run(3)] == [s.token for s in made.run(3)]
    fresh = generate(gpt2(), PROMPT, **NO_END)
    assert fresh.branch(5, token=7).ids == [*PROMPT, 7] and fresh.ids == PROMPT


def test_a_branch_elsewhere_is_refused() -> None:
    made = generate(gpt2(), PROMPT, **NO_END)
    made.run(2)
    for position in (4, 8, -1):
        with pytest.raises(TraceError, match=rf"got position={position}, expected one from 5 .* to 7"):
            made.branch(position)


# Where a text ends.


def test_a_run_ends_with_the_text() -> None:
    model = gpt2()
    greedy = [s.token for s in generate(model, PROMPT, sampler=GREEDY, **NO_END).run(12)]
    last = next(n for n, token in enumerate(greedy) if n >= 2 and token not in greedy[:n])
    made = generate(model, PROMPT, sampler=GREEDY, ends=[greedy[last]])
    assert [s.token for s in made.run(12)] == greedy[: last + 1] and made.finished
    assert made.run(3) == []
    assert made.step().token == greedy[last + 1]  # a step of its own goes on all the same


def test_the_ends_of_the_configuration_count() -> None:
    model = gpt2()
    made = generate(model, PROMPT)
    made.step(0)
    assert made.finished
    model.generation_config.eos_token_id = [7, 8]
    made = generate(model, PROMPT)
    made.step(8)
    assert made.finished
    assert not generate(Bare(), PROMPT).finished


def test_a_model_that_is_full_says_so() -> None:
    made = generate(gpt2(), PROMPT, **NO_END)
    steps = made.run(100)
    assert len(steps) == 24 - 5 + 1 and made.finished
    with pytest.raises(TraceError, match="takes at most 24 positions and has 25; branch from an earlier position"):
        made.step()
    assert len(made.branch(20).run(2)) == 2


def test_progress_stop_and_cancel() -> None:
    made = generate(gpt2(), PROMPT, **NO_END)
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 2:
            made.stop()

    assert len(made.run(5, progress)) == 2 and seen == [(1, 5), (2, 5)]
    with pytest.raises(Cancelled, match="cancelled after 3 of 6 tokens"):
        made.run(6, cancel=lambda: len(made.steps) == 5)
    assert len(made.steps) == 5 and len(made.run(2)) == 2


def test_another_thread_stops_a_run() -> None:
    made = generate(Bare(), PROMPT)
    begun = threading.Event()
    thread = threading.Thread(target=lambda: made.run(100_000, lambda done, total: begun.set()))
    thread.start()
    assert begun.wait(20)
    made.stop()
    thread.join(20)
    assert not thread.is_alive() and 0 < len(made.steps) < 100_000


# Kinds of input and model.


def test_a_plain_module_runs_the_whole_text_each_time() -> None:
    model = Bare()
    made = generate(model, torch.tensor(PROMPT))
    for _ in range(3):
        ids = made.ids
        torch.testing.assert_close(made.step().logits, model(torch.tensor([ids]))[0, -1].detach())
    assert model.calls == [5, 5, 6, 6, 7, 7]


def test_texts_and_strings() -> None:
    bundle = zoo.load("tiny_gpt2")
    for model, tokenizer in ((bundle.model, bundle.tokenizer), (bundle, None), (load(bundle), None)):
        made = generate(model, "The keys to the", tokenizer, sampler=GREEDY)
        steps = made.run(4)
        assert made.text == "The keys to the" + "".join(step.string for step in steps)
        assert made.tokens.strings[0][-4:] == [step.string for step in steps]
        assert "".join(made.tokens.strings[0]) == made.text
    best = bundle.next_words("The keys to the", 1)[0]
    assert steps[0].string == best[0] and float(steps[0].model_probabilities.max()) == pytest.approx(best[1], abs=1e-5)


def test_a_decoders_text_begins_after_its_start() -> None:
    made = generate(t5(), PROMPT, **NO_END)
    assert made.ids == [0] and made.text == ""
    made.step(7)
    assert made.ids == [0, 7] and made.text == "7" and made.steps[0].position == 1


def test_padding_in_the_tokens_is_left_out() -> None:
    model = gpt2()
    padded = Tokens.of_ids([[0, 0, *PROMPT]], mask=torch.tensor([[0, 0, 1, 1, 1, 1, 1]]))
    assert generate(model, padded).step(3).logits.equal(generate(model, PROMPT).step(3).logits)


def test_the_model_is_left_as_it_was() -> None:
    model = gpt2().train()
    model.transformer.wte.weight.requires_grad_(False)
    flags = {name: p.requires_grad for name, p in model.named_parameters()}
    values = {name: p.clone() for name, p in model.state_dict().items()}
    state = torch.get_rng_state()
    made = generate(model, PROMPT, interventions=steering(model), capture="blocks.*.attn.pattern", **NO_END)
    made.run(4)
    made.branch(6, 3).run(2)
    with pytest.raises(SiteError):
        generate(model, PROMPT, interventions=[Zero("blocks.7.attn.z")]).step()
    assert model.training and all(m.training for m in model.modules())
    assert flags == {name: p.requires_grad for name, p in model.named_parameters()}
    assert all(value.equal(model.state_dict()[name]) for name, value in values.items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert torch.get_rng_state().equal(state)
    assert not made.steps[-1].logits.requires_grad


def test_a_failed_step_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = gpt2()
    made = generate(model, PROMPT, **NO_END)
    made.run(2)
    with pytest.raises(TraceError, match="got token=50, expected an id from 0 to 49"):
        made.step(50)
    assert len(made.steps) == 2
    monkeypatch.setattr(module_under_test, "logits_of", lambda output: None)
    with pytest.raises(CaptureError, match="GPT2LMHeadModel returned no logits, expected"):
        made.branch(7).step(3) and made.branch(7, 3).step()
    monkeypatch.undo()
    ids = made.ids
    torch.testing.assert_close(made.step().logits, plain_logits(model, ids), rtol=1e-5, atol=1e-5)


def test_logits_that_are_broken_are_refused() -> None:
    model = gpt2()
    with torch.no_grad():
        model.transformer.ln_f.weight.fill_(torch.nan)
    made = generate(model, PROMPT)
    with pytest.raises(TraceError, match="50 of 50 logits are NaN"):
        made.step()
    assert made.steps == ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (torch.ones(2, 3, dtype=torch.long), r"got ids of shape \(2, 3\), expected one text"),
        (["a cat", "a dog"], r"got ids of shape \(2, .\), expected one text"),
        (torch.zeros(1, 3), "got no token ids, expected one text"),
        ("", "the text '' has no token"),
    ],
)
def test_what_is_not_one_text_is_refused(given: Any, words: str) -> None:
    bundle = zoo.load("tiny_gpt2")
    with pytest.raises(CaptureError, match=words):
        generate(bundle.model, given, bundle.tokenizer)


def test_a_text_without_a_tokenizer_is_refused() -> None:
    with pytest.raises(CaptureError, match="needs a tokenizer"):
        generate(gpt2(), "the cat")
