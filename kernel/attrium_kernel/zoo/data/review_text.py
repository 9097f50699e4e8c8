"""Short reviews of restaurants, films and hotels, written by templates, with the words that decide their label.

The rule: every opinion is positive or negative; "not", "never" and "hardly" turn it round; what was only expected or
heard from others ("I expected the soup to be bland, but ...") does not count. A review whose counting opinions are all
positive is positive, all negative is negative, both is mixed. Filler and intensifiers change nothing.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

import numpy as np

CLASSES = ["negative", "mixed", "positive"]
TRAIN_SEED, TRAIN_COUNT = 3, 60_000
TEST_SEED, TEST_COUNT = 4, 999


Span = tuple[int, int]


@dataclass(frozen=True)
class Review:
    """A text, its label (an index into `CLASSES`) and where its words stand, as spans `(start, stop)` in characters.

    Args:
        spans: the words that decide the label.
        hearsay: the words that tell of an opinion which does not count.
    """

    text: str
    label: int
    spans: tuple[Span, ...]
    hearsay: tuple[Span, ...]


@dataclass(frozen=True)
class Topic:
    """What a kind of review speaks of, and the words for it; `words[0]` are negative, `words[1]` positive."""

    aspects: list[str]
    words: tuple[list[str], list[str]]


GENERAL = (
    "bad terrible awful poor disappointing mediocre horrible".split(),
    "good great wonderful excellent lovely fantastic superb".split(),
)
TOPICS = [
    Topic(
        "soup pasta curry dessert coffee bread salad pizza".split(),
        (
            "bland soggy overcooked stale tasteless greasy".split(),
            "delicious tasty fresh flavourful crispy mouthwatering".split(),
        ),
    ),
    Topic(
        "waiter staff service manager receptionist barman".split(),
        (
            "rude careless unfriendly dismissive unhelpful impatient".split(),
            "friendly attentive charming helpful thoughtful welcoming".split(),
        ),
    ),
    Topic(
        "plot acting dialogue ending soundtrack script film story".split(),
        (
            "boring predictable clumsy tedious underwhelming forgettable".split(),
            "gripping touching brilliant clever unforgettable captivating".split(),
        ),
    ),
    Topic(
        "room bed breakfast pool lobby balcony bathroom".split(),
        (
            "dirty noisy cramped shabby uncomfortable smelly".split(),
            "comfortable spotless cosy quiet spacious relaxing".split(),
        ),
    ),
]
# What a restaurant, a film and a hotel are judged by.
VISITS = [[TOPICS[0], TOPICS[1]], [TOPICS[2]], [TOPICS[3], TOPICS[1]]]
INTENSIFIERS = ["", "", "", "very ", "truly ", "really ", "so ", "absolutely ", "quite ", "rather "]
NEGATORS = ["not", "not", "never", "hardly"]
FELT = (["hated", "disliked", "regretted"], ["loved", "enjoyed", "adored"])
NOT_FELT = (["like", "enjoy", "love"], ["mind", "regret", "dislike"])  # after "did not": negative, positive
HEARSAY = [
    "<I expected the {a} to be {x}, but> it was {i}[{w}]",
    "<everyone told me the {a} was {x}, yet> I found it {i}[{w}]",
    "<I had read that the {a} was {x}, but> to me it seemed {i}[{w}]",
]
FILLERS = [
    "We went there on a {d}.",
    "My {p} came along.",
    "It was raining all {t}.",
    "We paid by card.",
    "I had an hour to spare.",
    "We were there in {m}.",
    "My {p} chose it.",
    "It is next to the station.",
    "We stayed until the {t}.",
    "I walked there on a {d}.",
    "It was our second visit in {m}.",
    "My {p} and I sat near the window.",
]
FILLER_WORDS = {
    "d": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    "p": "sister brother cousin neighbour colleague daughter grandfather".split(),
    "t": "morning evening afternoon night".split(),
    "m": "January March April June August October December".split(),
}


def training_reviews(count: int = TRAIN_COUNT) -> list[Review]:
    """Reviews to train on, a third of each label; the same ones each time."""
    rng = np.random.default_rng(TRAIN_SEED)
    return [_drawn(rng, index % 3, test=False) for index in range(count)]


def held_out_reviews(count: int = TEST_COUNT) -> list[Review]:
    """Held-out reviews, a third of each label.

    No text is among those to train on, and about one in five pairs of aspect and opinion word is new.
    """
    rng = np.random.default_rng(TEST_SEED)
    return [_drawn(rng, index % 3, test=True) for index in range(count)]


def _drawn(rng: np.random.Generator, label: int, *, test: bool) -> Review:
    """A review from the part of all texts that is held out (about a quarter, by checksum), or from the rest."""
    while True:
        review = draw_review(rng, label, everything=test)
        if (zlib.crc32(review.text.encode()) % 4 == 0) == test:
            return review


def draw_review(rng: np.random.Generator, label: int, *, everything: bool) -> Review:
    """One review of the given label: one to three opinions between up to two fillers.

    Args:
        everything: False leaves out the pairs of aspect and word that are kept from training (about one in five).
    """
    signs = _signs(rng, label)
    topics = VISITS[int(rng.integers(len(VISITS)))]
    opinions = [_opinion(rng, topics[int(rng.integers(len(topics)))], sign, everything) for sign in signs]
    sentences = _joined(rng, opinions, signs)
    for filler in rng.choice(FILLERS, int(rng.integers(3)), replace=False):
        sentences.insert(int(rng.integers(len(sentences) + 1)), _filled(rng, str(filler)))
    return _marked(" ".join(sentences), label)


def _signs(rng: np.random.Generator, label: int) -> list[int]:
    """0 for a negative opinion, 1 for a positive one."""
    if label != 1:
        return [label // 2] * int(rng.integers(1, 4))
    return [int(sign) for sign in rng.permutation([0, 1] if rng.random() < 0.6 else [0, 1, int(rng.integers(2))])]


def _opinion(rng: np.random.Generator, topic: Topic, sign: int, everything: bool) -> str:
    """A clause with square brackets around what decides and angle brackets around hearsay."""
    kind = rng.random()
    if kind < 0.15:
        return f"I [{_pick(rng, FELT[sign])}] the {_pick(rng, topic.aspects)}"
    if kind < 0.3:
        return f"I did [not {_pick(rng, NOT_FELT[sign])}] the {_pick(rng, topic.aspects)}"
    if kind < 0.5:
        aspect, word = _pair(rng, topic, 1 - sign, everything)
        return f"the {aspect} was [{_pick(rng, NEGATORS)} {word}]"
    aspect, word = _pair(rng, topic, sign, everything)
    if kind < 0.65:
        _, other = _pair(rng, topic, 1 - sign, everything)
        return _pick(rng, HEARSAY).format(a=aspect, x=other, w=word, i=_pick(rng, INTENSIFIERS))
    return f"the {aspect} was {_pick(rng, INTENSIFIERS)}[{word}]"


def _pair(rng: np.random.Generator, topic: Topic, sign: int, everything: bool) -> tuple[str, str]:
    while True:
        aspect = _pick(rng, topic.aspects)
        word = _pick(rng, GENERAL[sign] if rng.random() < 0.4 else topic.words[sign])
        if everything or zlib.crc32(f"{aspect} {word}".encode()) % 5:
            return aspect, word


def _joined(rng: np.random.Generator, opinions: list[str], signs: list[int]) -> list[str]:
    """Sentences; neighbours are sometimes one sentence, with "but" where they disagree and "and" where they agree."""
    sentences = [opinions[0]]
    for before, after, opinion in zip(signs[:-1], signs[1:], opinions[1:], strict=True):
        if rng.random() < 0.5:
            sentences[-1] += (", and " if before == after else ", but ") + opinion
        else:
            sentences.append(opinion)
    ended = [sentence + ("!" if rng.random() < 0.15 else ".") for sentence in sentences]
    return [re.sub("[A-Za-z]", lambda first: first[0].upper(), sentence, count=1) for sentence in ended]


def _filled(rng: np.random.Generator, filler: str) -> str:
    return filler.format(**{slot: _pick(rng, words) for slot, words in FILLER_WORDS.items()})


def _marked(text: str, label: int) -> Review:
    """Take the brackets out and keep where they stood."""
    plain = ""
    found: dict[str, list[Span]] = {"[": [], "<": []}
    for piece in re.split(r"(\[[^]]*\]|<[^>]*>)", text):
        words = piece.strip("[]<>")
        if piece[:1] in found:
            found[piece[0]].append((len(plain), len(plain) + len(words)))
        plain += words
    return Review(plain, label, spans=tuple(found["["]), hearsay=tuple(found["<"]))


def _pick(rng: np.random.Generator, choices: list[str]) -> str:
    return choices[int(rng.integers(len(choices)))]
