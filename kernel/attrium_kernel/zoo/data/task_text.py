"""Text with the small tasks that interpretability people know, written by templates.

Three kinds of sentence, each with a split that keeps some combinations out of training:

- indirect object identification (Wang et al. 2022): "When Mary and John went to the store, John gave a drink to Mary."
- greater-than (Hanna et al. 2023): "The war lasted from the year 1732 to the year 1745."
- subject-verb agreement with attractors (Linzen et al. 2016): "The keys near the door are small."

Random sequences that repeat (for induction, Olsson et al. 2022) are made of token ids in `recipes/tiny_gpt2.py`.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

NAMES = (
    "Mary John Alice Tom Anna Paul Emma Peter Laura James Julia David Sarah Mark Kate Simon Grace Adam Rose Henry "
    "Clara Jack Nina Oscar Helen Felix Ruth Leo Martha Victor Lucy George Eva Robert Amy Daniel Jane Frank Sophie Ben"
).split()
PLACES = (
    "store park school beach library garden market station museum office hospital farm church theater kitchen zoo"
).split()
OBJECTS = "drink book ring ball letter apple basket kiss cake ticket key flower lamp coat map bottle".split()
GIVING = [
    "gave {o} to",
    "handed {o} to",
    "offered {o} to",
    "passed {o} to",
    "decided to give {o} to",
    "wanted to show {o} to",
]
IOI_FRAMES = [
    "When {a} and {b} went to the {p}, {s} {g}",
    "After {a} and {b} left the {p}, {s} {g}",
    "While {a} and {b} were at the {p}, {s} {g}",
    "Then, {a} and {b} had a long day at the {p}, and {s} {g}",
    "Yesterday {a} and {b} met near the {p}. Later {s} {g}",
    "The friends {a} and {b} came to the {p}, where {s} {g}",
]
EVENTS = "war strike siege voyage project festival trial storm journey treaty drought reign".split()
YEAR_FRAMES = [
    "The {e} lasted from the year {c}{y} to the year {c}",
    "The {e} lasted from {c}{y} to {c}",
    "The {e} began in {c}{y} and ended in {c}",
]
CENTURIES = range(11, 20)
NOUNS = {
    "key": "keys", "dog": "dogs", "cat": "cats", "author": "authors", "pilot": "pilots", "farmer": "farmers",
    "teacher": "teachers", "doctor": "doctors", "car": "cars", "door": "doors", "table": "tables", "king": "kings",
    "bird": "birds", "boy": "boys", "girl": "girls", "tree": "trees", "window": "windows", "painter": "painters",
}  # fmt: skip
BETWEEN = ["near", "behind", "with", "beside"]
EMBEDDED = [("likes", "like"), ("sees", "see"), ("knows", "know")]
VERBS = [("is", "are"), ("was", "were"), ("has", "have")]
ADJECTIVES = "small old red tall quiet new strange lovely".split()
THINGS = "friends time money luck problems plans".split()


@dataclass(frozen=True)
class Prompt:
    """A prompt with one right next word and one wrong one, both with their leading space where they have one.

    `group` tells the variant: "ABBA" or "BABA" for indirect objects; whether the attractor has the "same" number as the
    subject or the "opposite" one for agreement. `also_right`: more words that would be right, other verbs.
    """

    text: str
    right: str
    wrong: str
    group: str
    also_right: tuple[str, ...] = ()


def held_out(*key: object) -> bool:
    """Whether a combination is kept out of training: about one in five, the same on every machine."""
    return zlib.crc32(" ".join(map(str, key)).encode()) % 5 == 0


def vocabulary() -> list[str]:
    """Every word the templates can write, with its leading space; each is one token."""
    words = [*NAMES, *PLACES, *OBJECTS, *EVENTS, *NOUNS, *NOUNS.values(), *BETWEEN, *ADJECTIVES, *THINGS]
    words += [form for pair in (*EMBEDDED, *VERBS) for form in pair]
    frames = " ".join([*GIVING, *IOI_FRAMES, *YEAR_FRAMES, "The the that a an their his"])
    words += [word.strip(".,") for word in frames.split() if "{" not in word]
    return [f" {word}" for word in dict.fromkeys(words)]


def indirect_object(rng: np.random.Generator, *, test: bool) -> Prompt:
    """A sentence with two names, one of them again; the other one comes next. Held out: pairs of names."""
    while True:
        a, b = (str(name) for name in rng.choice(NAMES, 2, replace=False))
        if held_out(*sorted((a, b))) == test:
            break
    subject, other = (a, b) if rng.random() < 0.5 else (b, a)
    thing = str(rng.choice(OBJECTS))
    giving = str(rng.choice(GIVING)).format(o=f"{_article(thing)} {thing}")
    text = str(rng.choice(IOI_FRAMES)).format(a=a, b=b, p=rng.choice(PLACES), s=subject, g=giving)
    return Prompt(text, f" {other}", f" {subject}", "BABA" if subject == a else "ABBA")


def greater_than(rng: np.random.Generator, *, test: bool) -> tuple[str, int]:
    """A span of years up to the second century, and the first year's last two digits. Held out: (event, first year)."""
    while True:
        event, century, year = str(rng.choice(EVENTS)), int(rng.choice(CENTURIES)), int(rng.integers(2, 98))
        if held_out(event, century, year) == test:
            break
    return str(rng.choice(YEAR_FRAMES)).format(e=event, c=century, y=f"{year:02d}"), year


def agreement(rng: np.random.Generator, *, test: bool) -> Prompt:
    """A subject, an attractor, then the verb that must agree with the subject. Held out: pairs of nouns."""
    while True:
        subject, attractor = (str(noun) for noun in rng.choice(list(NOUNS), 2, replace=False))
        if held_out(subject, attractor) == test:
            break
    many, many_attractor = bool(rng.random() < 0.5), bool(rng.random() < 0.5)
    head = NOUNS[subject] if many else subject
    noun = NOUNS[attractor] if many_attractor else attractor
    kind = rng.random()
    if kind < 0.6:
        text = f"The {head} {rng.choice(BETWEEN)} the {noun}"
    else:
        embedded = EMBEDDED[int(rng.integers(len(EMBEDDED)))]
        text = f"The {head} that the {noun} {embedded[many_attractor]}"
    forms = VERBS[int(rng.integers(len(VERBS)))]
    group = "same" if many == many_attractor else "opposite"
    also_right = tuple(f" {verb[many]}" for verb in VERBS if verb != forms)
    return Prompt(text, f" {forms[many]}", f" {forms[not many]}", group, also_right)


def sentence(rng: np.random.Generator, *, test: bool) -> str:
    """One whole sentence of one of the three kinds."""
    kind = rng.random()
    if kind < 0.45:
        prompt = indirect_object(rng, test=test)
        return f"{prompt.text}{prompt.right}."
    if kind < 0.7:
        text, year = greater_than(rng, test=test)
        return f"{text}{rng.integers(year + 1, 100):02d}."
    prompt = agreement(rng, test=test)
    rest = rng.choice(THINGS) if prompt.right in (" has", " have") else rng.choice(ADJECTIVES)
    return f"{prompt.text}{prompt.right} {rest}."


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"
