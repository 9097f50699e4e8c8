"""The review classifier: a WordPiece tokenizer and a small transformer encoder on written reviews."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor, nn
from torch.nn import functional

from attrium_kernel.zoo.card import WEIGHTS, Card
from attrium_kernel.zoo.data import review_text
from attrium_kernel.zoo.data.review_text import CLASSES, Review
from attrium_kernel.zoo.encoding import encode_texts
from attrium_kernel.zoo.fit import fit, make_deterministic
from attrium_kernel.zoo.models.review_net import ReviewNet
from attrium_kernel.zoo.scores import classification_scores, shuffled_batches

SEED, EPOCHS, BATCH, LR = 3, 4, 64, 2e-3
VOCABULARY, TOKENS = 540, 96
SPECIAL = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}  # the trainer numbers them first, in this order


def train_tokenizer(texts: list[str]) -> Tokenizer:
    """Lower-case WordPiece, with [CLS] before and [SEP] after; rarer words come in pieces."""
    learner = _untrained(models.WordPiece(unk_token="[UNK]"))
    # The trainer numbers the letters inside words in a hash map's order, another one in each run, and breaks ties by
    # number. Named first, as if they were special, they have fixed numbers; the tokenizer itself is then built anew.
    letters = [f"##{letter}" for letter in sorted(set("".join(texts).lower())) if letter.isalpha()]
    learner.train_from_iterator(
        texts,
        trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=[*SPECIAL, *letters], show_progress=False),
    )
    tokenizer = _untrained(models.WordPiece(learner.get_vocab(), unk_token="[UNK]"))
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, SPECIAL[name]) for name in ("[CLS]", "[SEP]")]
    )
    return tokenizer


def _untrained(model: models.WordPiece) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def train(folder: Path) -> Card:
    """Train tokenizer and model on written reviews, score; write weights, tokenizer and card. About 4 minutes."""
    make_deterministic(SEED)
    written, unseen = review_text.training_reviews(), review_text.held_out_reviews()
    tokenizer = train_tokenizer([review.text for review in written])
    model = ReviewNet(tokenizer.get_vocab_size(), len(CLASSES), TOKENS)
    rows, held_out = tensors(tokenizer, written), tensors(tokenizer, unseen)
    batches = shuffled_batches(len(written), BATCH, EPOCHS, SEED)
    train_loss = fit(
        model,
        lambda step: blanked(rows.of(batches[step]), step),
        loss_of,
        steps=len(batches),
        lr=LR,
        weight_decay=0.05,
        watch=lambda model: str(classification_scores(model, held_out.ids, held_out.mask, held_out.labels)),
    )
    save_file(model.state_dict(), folder / WEIGHTS)
    tokenizer.save(str(folder / "tokenizer.json"))
    return Card(
        name="reviews",
        summary="Tells whether a short review is negative, mixed or positive.",
        architecture="A transformer encoder of 2 layers with 4 heads, width 64, mean over tokens, linear head;"
        f" lower-case WordPiece of {tokenizer.get_vocab_size()} tokens.",
        parameters=sum(p.numel() for p in model.parameters()),
        data=f"Reviews of our own generator (`zoo/data/review_text.py`): {len(written):,} to train, {len(unseen)} held"
        " out, no text in both; the held-out ones also use the pairs of aspect and opinion word (about one in five)"
        " that were kept from training. The generator also gives the words that decide each label.",
        training={
            "seed": SEED, "epochs": EPOCHS, "batch": BATCH, "highest_learning_rate": LR,
            "optimiser": "AdamW, weight decay 0.05",
            "blanking": "words that tell nothing at random; all words, or all telling ones, with even targets",
            "training_loss_at_the_end": round(train_loss, 4),
        },
        scores=classification_scores(model, held_out.ids, held_out.mask, held_out.labels),
        limits="It knows the words and turns of its generator; irony, other topics and long texts mean nothing to it.",
    ).save(folder)  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """Reviews as tensors: `ids`, `mask`, `telling` (deciding words and hearsay) `(n, T)`, `labels` `(n,)`."""

    ids: Tensor
    mask: Tensor
    telling: Tensor
    labels: Tensor

    def of(self, numbers: Tensor) -> Rows:
        """Some of the rows."""
        return Rows(self.ids[numbers], self.mask[numbers], self.telling[numbers], self.labels[numbers])


def tensors(tokenizer: Tokenizer, reviews: list[Review]) -> Rows:
    """Reviews as tensors."""
    encoded = encode_texts(tokenizer, [review.text for review in reviews], TOKENS)
    telling = torch.zeros_like(encoded.input_ids, dtype=torch.bool)
    for row, review in enumerate(reviews):
        flags = encoded.key_tokens(row, review.spans + review.hearsay)
        telling[row, : len(flags)] = torch.tensor(flags)
    labels = torch.tensor([review.label for review in reviews])
    return Rows(encoded.input_ids, encoded.attention_mask, telling, labels)


def blanked(rows: Rows, step: int) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, mask and target probabilities `(n, classes)`, with some tokens blanked: [PAD], yet attended to.

    In half of the reviews a random share of the words that tell nothing is blanked, and the label stays. In some all
    words are blanked, or all that tell something; then the three classes are equally right. So a blank comes to mean
    "nothing said", which makes `baseline_ids` a neutral text and taking words away a fair question.
    """
    generator = torch.Generator().manual_seed(step)
    count = len(rows.labels)
    share = torch.rand(count, 1, generator=generator) * (torch.rand(count, 1, generator=generator) < 0.5)
    blank = (torch.rand(rows.ids.shape, generator=generator) < share) & ~rows.telling
    fate = torch.rand(count, 1, generator=generator)
    everything, telling = fate < 0.08, (fate >= 0.08) & (fate < 0.16)
    blank = torch.where(everything, True, torch.where(telling, rows.telling, blank)) & (
        rows.ids > max(SPECIAL.values())
    )
    targets = functional.one_hot(rows.labels, len(CLASSES)).float()
    targets = torch.where(everything | telling, torch.full_like(targets, 1 / len(CLASSES)), targets)
    return rows.ids.masked_fill(blank, SPECIAL["[PAD]"]), rows.mask, targets


def loss_of(model: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Mean cross-entropy with target probabilities, in nats."""
    ids, mask, targets = batch
    return functional.cross_entropy(model(ids, mask), targets)
