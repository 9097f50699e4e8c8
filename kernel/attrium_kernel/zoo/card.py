"""Model cards: what a model is, how it was trained and how well it does, written by the recipe itself."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

WEIGHTS = "model.safetensors"
_MADE_WITH = ("torch", "numpy", "pillow", "scikit-learn", "tokenizers", "transformers")


@dataclass(frozen=True)
class Card:
    """A model card; `card.json` holds these fields, `card.md` the same for reading.

    Args:
        name: the model's name in the zoo.
        summary: one sentence.
        architecture: one sentence.
        parameters: how many numbers were trained.
        data: where training and held-out data come from, and what sets them apart.
        training: seed, steps, batch size and the like.
        scores: held-out scores by name; shares are in [0, 1], losses in nats.
        limits: what not to expect.
        weights_sha256: checksum of `model.safetensors`, in hex.
        made_with: versions of what the recipe ran on.
    """

    name: str
    summary: str
    architecture: str
    parameters: int
    data: str
    training: dict[str, int | float | str]
    scores: dict[str, float]
    limits: str
    weights_sha256: str = ""
    made_with: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def load(folder: Path) -> Card:
        """The card of a model's folder."""
        return Card(**json.loads((folder / "card.json").read_text(encoding="utf-8")))

    def save(self, folder: Path) -> Card:
        """Write `card.json` and `card.md`; the checksum and the versions are filled in here.

        Returns: the card as written.
        """
        (folder / WEIGHTS).chmod(0o644)  # safetensors writes it for its owner alone
        filled = {
            **asdict(self),
            "scores": {name: round(score, 6) for name, score in self.scores.items()},
            "weights_sha256": hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest(),
            "made_with": {"python": platform.python_version(), **{name: version(name) for name in _MADE_WITH}},
        }
        card = Card(**filled)
        (folder / "card.json").write_text(json.dumps(filled, indent=2) + "\n", encoding="utf-8")
        (folder / "card.md").write_text(card.to_markdown(), encoding="utf-8")
        return card

    def to_markdown(self) -> str:
        """The card as a page of Markdown."""
        training = "\n".join(f"- {name.replace('_', ' ')}: {value}" for name, value in self.training.items())
        scores = "\n".join(f"| {name} | {score:.4f} |" for name, score in self.scores.items())
        made_with = ", ".join(f"{name} {number}" for name, number in self.made_with.items())
        return (
            f"# {self.name}\n\n{self.summary}\n\n"
            f"**Architecture.** {self.architecture} {self.parameters:,} parameters.\n\n**Data.** {self.data}\n\n"
            f"## Held-out scores\n\n| score | value |\n| --- | ---: |\n{scores}\n\n"
            f"## Training\n\n{training}\n\nTrain it again with `python -m attrium_kernel.zoo.train {self.name}` "
            f"(one thread, made with {made_with}).\n\n"
            f"## Limits\n\n{self.limits}\n\nSHA-256 of `{WEIGHTS}`: `{self.weights_sha256}`\n"
        )
