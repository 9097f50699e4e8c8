"""A GPT-2 of four layers, trained on task sentences and on random sequences that repeat."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from attrium_kernel.zoo import task_scores
from attrium_kernel.zoo.card import Card
from attrium_kernel.zoo.data import task_text
from attrium_kernel.zoo.fit import fit, make_deterministic

SEED, STEPS, BATCH, CONTEXT, LR = 20, 6500, 16, 128, 2e-3
END = "<|endoftext|>"
IGNORED = -100


def train_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE in which each word of the templates is one token and years come in pairs of digits."""
    words = task_text.vocabulary()
    pairs = [f"{n:02d}" for n in range(100)] + [f" {n:02d}" for n in range(10, 21)]
    starts = [word.strip() for word in words if word[1].isupper()]
    tokenizer = Tokenizer(models.BPE())
    pieces = pre_tokenizers.Split(Regex(r" ?\p{L}+| ?\p{N}{1,2}| ?[^\s\p{L}\p{N}]+|\s+"), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pieces, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1024,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*words, *pairs, *starts, ".", ","], trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers leaves it without annotations
        tokenizer_object=tokenizer, bos_token=END, eos_token=END, unk_token=END, pad_token=END, model_max_length=CONTEXT
    )


def build(tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    """The untrained model: 4 layers, 4 heads, width 128, no dropout."""
    end = tokenizer.eos_token_id
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=CONTEXT, n_embd=128, n_layer=4, n_head=4,
        activation_function="gelu_pytorch_tanh",  # the same function as gelu_new, in one kernel
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=end, eos_token_id=end,
    )  # fmt: skip
    return GPT2LMHeadModel(config)


def training_rows(tokenizer: PreTrainedTokenizerFast, rows: int) -> tuple[Tensor, Tensor]:
    """Ids and labels, each `(rows, CONTEXT)`: documents one after another, an END between them.

    Half of the rows start with END, half with a document. Labels of a random sequence's first copy are ignored: nothing
    could predict them.
    """
    rng = np.random.default_rng(SEED)
    end, words = tokenizer.eos_token_id, task_scores.word_ids(tokenizer)
    everything = np.setdiff1d(np.arange(len(tokenizer)), [end])
    ids, labels = np.full((2, rows, CONTEXT), IGNORED, dtype=np.int64)
    for row in range(rows):
        filled = [end] * int(rng.integers(2))
        known = list(filled)
        while len(filled) < CONTEXT:
            if rng.random() < 0.25:
                period = int(rng.integers(5, 45))
                once = rng.choice(words if rng.random() < 0.5 else everything, period).tolist()
                filled += once + once + [end]
                known += [IGNORED] * (period + 1) + once[1:] + [IGNORED]
            else:
                document = [*tokenizer.encode(task_text.sentence(rng, test=False)), end]
                filled += document
                known += document
        ids[row], labels[row] = filled[:CONTEXT], known[:CONTEXT]
    return torch.from_numpy(ids), torch.from_numpy(labels)


def loss_of(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Mean cross-entropy of the next token, in nats, over the labels that count."""
    ids, labels = batch
    logits = model(ids).logits[:, :-1]
    return functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED)


def train(folder: Path) -> Card:
    """Train the tokenizer, then the model; write a Hugging Face folder with a card. About 20 minutes on one core."""
    make_deterministic(SEED)
    tokenizer = train_tokenizer()
    model = build(tokenizer)
    ids, labels = training_rows(tokenizer, STEPS * BATCH)
    train_loss = fit(
        model,
        lambda step: (ids[step * BATCH : (step + 1) * BATCH], labels[step * BATCH : (step + 1) * BATCH]),
        loss_of,
        steps=STEPS,
        lr=LR,
        weight_decay=0.1,
        watch=lambda model: str(task_scores.task_scores(model, tokenizer, examples=100)),
    )
    save(model, tokenizer, folder)
    return card_of(model, tokenizer, train_loss).save(folder)


def save(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a folder that `from_pretrained` takes, of transformers 4 and 5 alike."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    settings = folder / "tokenizer_config.json"
    # Version 5 writes a class name that version 4 does not know; both know this one.
    known = {**json.loads(settings.read_text(encoding="utf-8")), "tokenizer_class": "PreTrainedTokenizerFast"}
    settings.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")


def card_of(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast, train_loss: float) -> Card:
    """The card, with the held-out scores measured here."""
    return Card(
        name="tiny_gpt2",
        summary="A small GPT-2 in Hugging Face format that does four tasks interpretability people know.",
        architecture="GPT-2 of 4 layers with 4 heads of 32, width 128, 128 positions, tied embeddings, no dropout;"
        f" byte-level BPE of {len(tokenizer)} tokens, each word of the data one token, years in pairs of digits.",
        parameters=sum(p.numel() for p in model.parameters()),
        data="Sentences from our own templates (`zoo/data/task_text.py`: indirect object identification, greater-than,"
        " subject-verb agreement with attractors) and sequences of random tokens that repeat once"
        " (`zoo/recipes/tiny_gpt2.py`), packed into rows with an end-of-text token between. Held out: about one in five"
        " pairs of names, of (event, first year) and of (subject, attractor); random sequences are drawn afresh.",
        training={
            "seed": SEED, "steps": STEPS, "rows_per_step": BATCH, "tokens_per_row": CONTEXT,
            "highest_learning_rate": LR, "optimiser": "AdamW, weight decay 0.1",
            "training_loss_at_the_end": round(train_loss, 4),
        },
        scores={
            **task_scores.task_scores(model, tokenizer),
            "loss_of_held_out_sentences": held_out_loss(model, tokenizer),
        },
        limits="It knows the words of its templates and nothing else; a document is one sentence. The first copy of a"
        " random sequence counts in no training loss, so what the model says there means nothing.",
    )  # fmt: skip


def held_out_loss(model: nn.Module, tokenizer: PreTrainedTokenizerFast, sentences: int = 500) -> float:
    """Mean cross-entropy per token, in nats, of held-out sentences, each alone and followed by END.

    Much of it cannot be known: which name, thing or year the writer drew.
    """
    rng = np.random.default_rng(task_scores.SEED)
    rows = [[*tokenizer.encode(task_text.sentence(rng, test=True)), tokenizer.eos_token_id] for _ in range(sentences)]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    labels = torch.tensor([row + [IGNORED] * (longest - len(row)) for row in rows])
    with torch.inference_mode():
        return loss_of(model, (ids, labels)).item()
