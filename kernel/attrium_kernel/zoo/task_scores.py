"""How well a language model does the tasks of `task_text`, on combinations that training never saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attrium_kernel.zoo.data import task_text

SEED = 1_000_003


def task_scores(model: nn.Module, tokenizer: Any, examples: int = 500) -> dict[str, float]:
    """All held-out scores by name; shares are in [0, 1], differences of logits in nats.

    Args:
        model: maps token ids `(batch, position)` to an output with `.logits` `(batch, position, token)`.
        tokenizer: of Hugging Face's kind.
        examples: prompts per task; the same seed draws the same prompts.
    """
    rng = np.random.default_rng(SEED)
    return {
        **induction_scores(model, induction_prompts(tokenizer, rng, examples)),
        **_contrast(
            "indirect_object", model, tokenizer, [task_text.indirect_object(rng, test=True) for _ in range(examples)]
        ),
        **_greater_than(model, tokenizer, [task_text.greater_than(rng, test=True) for _ in range(examples)]),
        **_contrast("agreement", model, tokenizer, [task_text.agreement(rng, test=True) for _ in range(examples)]),
    }


def word_ids(tokenizer: Any) -> list[int]:
    """The tokens that are whole words of the templates, with their leading space."""
    return [int(tokenizer.encode(word, add_special_tokens=False)[0]) for word in task_text.vocabulary()]


def induction_prompts(tokenizer: Any, rng: np.random.Generator, examples: int, period: int = 25) -> Tensor:
    """Random words, then the same words again: ids `(examples, 2 * period)`."""
    first = rng.choice(word_ids(tokenizer), (examples, period))
    return torch.from_numpy(np.concatenate([first, first], axis=1))


def induction_scores(model: nn.Module, ids: Tensor) -> dict[str, float]:
    """Share of tokens named right in the second copy (its first token left out), and the loss in each copy."""
    period = ids.shape[1] // 2
    log_probs = _logits(model, ids)[:, :-1].log_softmax(-1)
    loss = -log_probs.gather(-1, ids[:, 1:, None])[..., 0]
    hits = (log_probs.argmax(-1) == ids[:, 1:]).double()
    return {
        "induction.accuracy": hits[:, period:].mean().item(),
        "induction.loss_first_copy": loss[:, : period - 1].mean().item(),
        "induction.loss_second_copy": loss[:, period:].mean().item(),
    }


def last_logits(model: nn.Module, tokenizer: Any, texts: Sequence[str]) -> Tensor:
    """Logits after the last token of each text: `(text, token)`. Padding on the right, which a causal model ignores."""
    rows = [tokenizer.encode(text, add_special_tokens=False) for text in texts]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    ends = torch.tensor([len(row) - 1 for row in rows])
    return _logits(model, ids)[torch.arange(len(rows)), ends]


def _contrast(name: str, model: nn.Module, tokenizer: Any, prompts: Sequence[task_text.Prompt]) -> dict[str, float]:
    logits = last_logits(model, tokenizer, [prompt.text for prompt in prompts])
    right = _first_ids(tokenizer, [prompt.right for prompt in prompts])
    wrong = _first_ids(tokenizer, [prompt.wrong for prompt in prompts])
    rows = torch.arange(len(prompts))
    difference = logits[rows, right] - logits[rows, wrong]
    scores = {
        f"{name}.right_over_wrong": (difference > 0).double().mean().item(),
        f"{name}.top1_right": _share_right(logits.argmax(-1).tolist(), tokenizer, prompts),
        f"{name}.logit_difference": difference.mean().item(),
    }
    for group in sorted({prompt.group for prompt in prompts}):
        chosen = torch.tensor([prompt.group == group for prompt in prompts])
        scores[f"{name}.right_over_wrong.{group}"] = (difference[chosen] > 0).double().mean().item()
    return scores


def _share_right(answers: Sequence[int], tokenizer: Any, prompts: Sequence[task_text.Prompt]) -> float:
    rights = [_first_ids(tokenizer, [prompt.right, *prompt.also_right]).tolist() for prompt in prompts]
    return sum(answer in right for answer, right in zip(answers, rights, strict=True)) / len(prompts)


def _greater_than(model: nn.Module, tokenizer: Any, prompts: Sequence[tuple[str, int]]) -> dict[str, float]:
    probs = last_logits(model, tokenizer, [text for text, _ in prompts]).softmax(-1)
    numbers = probs[:, _first_ids(tokenizer, [f"{n:02d}" for n in range(100)])]
    years = torch.tensor([year for _, year in prompts])
    later = torch.arange(100) > years[:, None]
    above, below = (numbers * later).sum(-1), (numbers * ~later).sum(-1)
    return {
        "greater_than.probability_above": above.mean().item(),
        "greater_than.probability_difference": (above - below).mean().item(),
        "greater_than.top1_above": (numbers.argmax(-1) > years).double().mean().item(),
    }


def _first_ids(tokenizer: Any, words: Sequence[str]) -> Tensor:
    return torch.tensor([tokenizer.encode(word, add_special_tokens=False)[0] for word in words])


def _logits(model: nn.Module, ids: Tensor, rows: int = 64) -> Tensor:
    with torch.inference_mode():
        return torch.cat([model(chunk).logits for chunk in torch.split(ids, rows)])
