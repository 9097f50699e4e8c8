"""Guided tours of TransformerExplorer as data: steps that say something, show it, and ask for something."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .errors import AttriumError

HOME = Path(__file__).with_name("tours")

TRAITS = (
    "text", "ids", "block", "head", "position", "view", "selection", "token", "versus", "which", "edits", "sampler",
    "seed", "head_order",
)  # fmt: skip
"""Traits that a step may set and wait for."""
VIEWS = ("", "embedding", "qkv", "attention", "output", "mlp", "logits", "lens", "contributions", "heads")
PARTS = (
    "prompt", "embedding", "qkv", "attention", "output", "mlp", "blocks", "probabilities", "heads", "edits", "lens",
    "contributions", "generate",
)  # fmt: skip
"""Parts of the picture that a step may light."""
WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "name": "English", "next": "Next", "back": "Back", "close": "Close the tour", "finish": "Finish",
        "steps": "All steps", "turn": "Your turn", "done": "Done", "language": "Language", "move": "Move this card",
    },
    "zh-Hans": {
        "name": "简体中文", "next": "下一步", "back": "上一步", "close": "关闭导览", "finish": "完成",
        "steps": "全部步骤", "turn": "动手试试", "done": "完成了", "language": "语言", "move": "移动卡片",
    },
    "ja": {
        "name": "日本語", "next": "次へ", "back": "戻る", "close": "ツアーを閉じる", "finish": "終了",
        "steps": "すべてのステップ", "turn": "やってみましょう", "done": "できました", "language": "言語",
        "move": "カードを動かす",
    },
}  # fmt: skip
"""Words of the card, by language."""


class TourError(AttriumError):
    """A tour cannot be shown as it is written."""


@dataclass(frozen=True)
class TourStep:
    """One step of a tour.

    ```python
    TourStep(
        "A head looks back",
        "Each row of the matrix says where one token looks.",
        show={"view": "attention", "block": -1, "head": 0},
        light=["attention"],
        turn=("Look at another head.", {"head": {"changed": True}}),
    )
    ```

    Args:
        title: of the card.
        text: a paragraph, or several; `**bold**` and `` `code` `` are the only markup.
        show: traits that the step sets: `block`, `head`, `position`, `view`, `text`, ... Negative blocks, heads and
            positions count from the end, and one that the model lacks becomes its last, so that a tour fits any model.
        light: parts of the picture that stay bright: `"prompt"`, `"attention"`, ...; empty for all.
        turn: what the reader is asked to do, and the traits that say that it is done: values, or `{"changed":
            True}` for any other than when the step opened. A dict is compared by the keys that it names.
        terms: words elsewhere in the picture that open this step.

    Raises:
        TourError: for a trait, part or view that does not exist, or a value that JSON cannot hold.
    """

    title: str
    text: str | Sequence[str]
    show: Mapping[str, Any] = field(default_factory=dict)
    light: Sequence[str] = ()
    turn: tuple[str, Mapping[str, Any]] | Mapping[str, Any] | None = None
    terms: Sequence[str] = ()

    def __post_init__(self) -> None:
        where = f"Step {self.title!r}"
        for name in ("light", "terms"):
            if isinstance(getattr(self, name), str):
                raise TourError(f"{where}: {name}={getattr(self, name)!r}; pass a list of names")
        _check_traits(self.show, f"{where}: show")
        for part in self.light:
            _check_name(part, PARTS, f"{where}: light", "part")
        if self.turn is not None:
            _check_traits(self.done, f"{where}: turn")

    @property
    def paragraphs(self) -> list[str]:
        """The text by paragraphs."""
        return [self.text] if isinstance(self.text, str) else list(self.text)

    @property
    def ask(self) -> str:
        """What the reader is asked to do; empty for nothing."""
        if self.turn is None:
            return ""
        return str(self.turn["ask"] if isinstance(self.turn, Mapping) else self.turn[0])

    @property
    def done(self) -> Mapping[str, Any]:
        """Traits that say that it is done."""
        if self.turn is None:
            return {}
        found: Mapping[str, Any] = self.turn["done"] if isinstance(self.turn, Mapping) else self.turn[1]
        return found

    def facts(self) -> dict[str, Any]:
        """As the front end and files have it."""
        turn = None if self.turn is None else {"ask": self.ask, "done": dict(self.done)}
        return {
            "title": self.title, "text": self.paragraphs, "show": dict(self.show), "light": list(self.light),
            "turn": turn, "terms": list(self.terms),
        }  # fmt: skip

    def in_words_of(self, other: TourStep) -> TourStep:
        """The same step with another's title and text, and what it asks."""
        if self.turn is not None and not other.ask:
            raise TourError(f"Step {self.title!r} asks {self.ask!r}, and its translation {other.title!r} asks nothing")
        turn = None if self.turn is None else (other.ask, self.done)
        return replace(self, title=other.title, text=other.text, turn=turn)


@dataclass(frozen=True)
class Tour:
    """A guided tour: `TransformerExplorer(model, tokenizer, tour=Tour("My lesson", [TourStep(...), ...]))`.

    Args:
        title: of the whole.
        steps: in order.
        language: a tag such as "en", "zh-Hans", "ja".
        words: of the card's buttons, for a language that has none here; see `WORDS`.
        others: the same tour in other languages; see `translated`.

    Raises:
        TourError: for no steps, or what is no language tag.
    """

    title: str
    steps: Sequence[TourStep]
    language: str = "en"
    words: Mapping[str, str] = field(default_factory=dict)
    others: tuple[Tour, ...] = ()

    def __post_init__(self) -> None:
        given: tuple[Any, ...] = tuple(self.steps)
        object.__setattr__(self, "steps", given)
        if not given:
            raise TourError(f"Tour {self.title!r} has no steps; pass a list of TourStep")
        strangers = [step for step in given if not isinstance(step, TourStep)]
        if strangers:
            raise TourError(f"Tour {self.title!r}: {strangers[0]!r} is no TourStep")
        if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", self.language):
            raise TourError(f"language={self.language!r} is no language tag; pass one such as {', '.join(WORDS)}")
        for word in self.words:
            _check_name(word, tuple(WORDS["en"]), f"Tour {self.title!r}: words", "word")

    @classmethod
    def load(cls, source: str | Path) -> Tour:
        """A tour that ships (`"basics"`, in all its languages), or one from a file that `save` wrote.

        Raises:
            TourError: there is none, or the file holds no tour.
        """
        if isinstance(source, str) and source in shipped():
            first, *others = sorted(map(_read, HOME.glob(f"{source}.*.json")), key=lambda tour: tour.language != "en")
            for other in others:
                first = first.translated(other)
            return first
        path = Path(source)
        if not path.is_file():
            raise TourError(f"no tour {str(source)!r}; pass the path of a file, or one of {', '.join(shipped())}")
        return _read(path)

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that it speaks, its own first."""
        return (self.language, *(tour.language for tour in self.others))

    def translated(self, other: Tour) -> Tour:
        """With the words of another tour in its language; what the steps show, light and wait for stays.

        Args:
            other: as many steps; only titles, texts and what they ask are read, so it need hold no more.

        Raises:
            TourError: it has another number of steps, asks nothing where this does, or speaks a language that is
                there already.
        """
        if other.language in self.languages:
            raise TourError(f"Tour {self.title!r} is there in {other.language!r} already; pass another language")
        if len(other.steps) != len(self.steps):
            raise TourError(
                f"Tour {self.title!r} has {len(self.steps)} steps, and its translation to {other.language!r} "
                f"{len(other.steps)}; a translation has the same steps"
            )
        steps = tuple(mine.in_words_of(theirs) for mine, theirs in zip(self.steps, other.steps))
        alone = replace(other, steps=steps, others=())
        return replace(self, others=(*self.others, alone))

    def facts(self) -> dict[str, Any]:
        """As the front end and files have it: the title, and per language the words and the steps."""
        return {
            "title": self.title,
            "languages": {
                tour.language: {
                    "name": tour._words()["name"],
                    "title": tour.title,
                    "words": {key: word for key, word in tour._words().items() if key != "name"},
                    "steps": [step.facts() for step in tour.steps],
                }
                for tour in (self, *self.others)
            },
        }

    def _words(self) -> dict[str, str]:
        """Those given, then those of the language, then English."""
        known = WORDS.get(self.language) or WORDS.get(self.language.partition("-")[0]) or {"name": self.language}
        return {**WORDS["en"], **known, **self.words}

    def save(self, path: str | Path) -> None:
        """Write it as JSON, for `load`."""
        Path(path).write_text(json.dumps(self.facts(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def shipped() -> tuple[str, ...]:
    """Names of the tours that ship."""
    return tuple(sorted({path.name.split(".")[0] for path in HOME.glob("*.json")}))


def _read(path: Path) -> Tour:
    """A tour from a file: as `facts` gives it, or one language of one that ships."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        languages = given["languages"]
        tours = [
            Tour(entry.get("title", given["title"]), [TourStep(**step) for step in entry["steps"]], tag, _own(entry))
            for tag, entry in languages.items()
        ]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise TourError(
            f"{path.name} holds no tour ({error!r}); it should be JSON with title and languages, as Tour.save writes it"
        ) from error
    first, *others = tours
    for tour in others:
        first = first.translated(tour)
    return first


def _own(entry: Mapping[str, Any]) -> dict[str, str]:
    """The words of a language in a file."""
    return {**entry.get("words", {}), **({"name": entry["name"]} if "name" in entry else {})}


def _check_traits(values: Any, where: str) -> None:
    if not isinstance(values, Mapping):
        raise TourError(f"{where}={values!r}; pass a dict of traits")
    for name in values:
        _check_name(name, TRAITS, where, "trait")
    if isinstance(values.get("view"), str):
        _check_name(values["view"], VIEWS, f"{where}: view", "view")
    try:
        json.dumps(values)
    except (TypeError, ValueError) as error:
        raise TourError(f"{where}: {error}; pass numbers, texts, lists and dicts") from error


def _check_name(name: Any, known: Iterable[str], where: str, kind: str) -> None:
    known = tuple(known)
    if name in known:
        return
    near = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(repr(n) for n in known)}"
    raise TourError(f"{where}: no {kind} {name!r}; {hint}")
