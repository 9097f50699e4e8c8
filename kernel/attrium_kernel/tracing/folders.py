"""Where a model's files are: a folder, or the hub and its cache; and what a folder lacks."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import LoadError

Progress = Callable[[int, int, str], None]

CONFIG = "config.json"
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
SMALL = ["*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken", "*.py"]
"""All that a repository of the hub holds beside weights and that a model may need."""

HUB_OPTIONS = ("cache_dir", "token", "force_download")
"""Options of `load` that say how to reach the hub; the others go to the model's `from_pretrained`."""

FAILURES = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError, AssertionError)


def find_folder(
    source: str | os.PathLike[str],
    revision: str | None,
    local: bool,
    options: dict[str, Any],
    progress: Progress | None,
) -> tuple[str, Path]:
    """The name to show and the folder that has the files; names of the hub are downloaded or found in the cache.

    Raises: `LoadError` for a folder that is not there, or a model that cannot be fetched.
    """
    text = os.fspath(source)
    path = Path(text).expanduser()
    if text and path.is_dir():
        if revision is not None:
            raise LoadError(f"got revision={revision!r} for the folder {text}; revisions are of models on the hub only")
        return path.resolve().name, path
    looks_like_path = not isinstance(source, str) or text.startswith((".", "/", "~")) or "\\" in text
    if path.exists() or looks_like_path or text.count("/") > 1 or not text:
        fact = "is a file" if path.is_file() else "does not exist"
        raise LoadError(
            f"{text!r} {fact}; expected a folder with {CONFIG}, weights and tokenizer, as "
            "model.save_pretrained(folder) and tokenizer.save_pretrained(folder) make it"
        )
    return text, _snapshot(text, revision, local, options, progress)


def _snapshot(repo: str, revision: str | None, local: bool, options: dict[str, Any], progress: Progress | None) -> Path:
    import huggingface_hub

    def fetch(weights: str) -> Path:
        return Path(
            huggingface_hub.snapshot_download(
                repo,
                revision=revision,
                local_files_only=local,
                allow_patterns=[*SMALL, weights],
                ignore_patterns=["*/*"],
                **{key: options[key] for key in HUB_OPTIONS if key in options},
                **({} if progress is None else {"tqdm_class": _download_bar(progress)}),
            )
        )

    try:
        folder = fetch("model*.safetensors")
        return folder if any((folder / name).exists() for name in WEIGHTS[:2]) else fetch("pytorch_model*.bin")
    except FAILURES as error:
        where = repo + (f" at revision {revision!r}" if revision else "")
        offline = local or huggingface_hub.constants.HF_HUB_OFFLINE
        why = "local_files_only or HF_HUB_OFFLINE is set" if offline else words_of(error)
        raise LoadError(
            f"the model {where} is not on this machine and could not be fetched from the hub ({why}); "
            f"{_provide(repo)} (If it is one of Attrium's own models, pass zoo.load({repo!r}).)"
        ) from error


def _provide(repo: str) -> str:
    short = repo.split("/")[-1]
    return (
        f"on a machine with a connection run `hf download {repo} --local-dir {short}` (`huggingface-cli download` in "
        "older versions), or model.save_pretrained(folder) and tokenizer.save_pretrained(folder), copy the folder here "
        "and pass its path. With a connection here, check the spelling, log in for private models, and see that "
        "HF_HUB_OFFLINE is not set."
    )


def check_folder(name: str, folder: Path) -> None:
    """See that a folder has a configuration and all weights, before anything is read.

    Raises: `LoadError` that names all that is missing.
    """
    present = sorted(path.name for path in folder.iterdir())
    missing = [] if CONFIG in present else [CONFIG]
    weights = next((file for file in WEIGHTS if file in present), None)  # what transformers would read
    if weights is None:
        missing.append("weights (model.safetensors, or an index with its parts)")
    elif weights.endswith(".index.json"):
        missing += [part for part in _parts(name, folder / weights) if part not in present]
    if missing:
        listed = ", ".join(present[:12]) + (", ..." if len(present) > 12 else "")
        hint = " (an adapter: load the model that it belongs to)" if "adapter_config.json" in present else ""
        raise LoadError(
            f"the files of {name} in {folder} lack {', '.join(missing)}; there is {listed or 'nothing'}{hint}. Write "
            "them with model.save_pretrained(folder), or download the model again"
        )


def _parts(name: str, index: Path) -> list[str]:
    try:
        return sorted(set(json.loads(index.read_text())["weight_map"].values()))
    except (ValueError, KeyError, AttributeError) as error:
        raise LoadError(f"{index.name} of {name} is damaged ({words_of(error)}); download it again") from error


def words_of(error: BaseException) -> str:
    """What an error says, on one line and not too long."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:300] + "..."


def _download_bar(progress: Progress) -> Any:
    """A class in place of tqdm for huggingface_hub, which tells the bytes that have come."""
    from tqdm import tqdm  # type: ignore[import-untyped]

    class Bar(tqdm):  # type: ignore[misc]  # tqdm has no types
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            # Bytes on the wire are counted in a second bar, of another total.
            name = str(kwargs.pop("name", ""))
            self.bytes = kwargs.get("unit") == "B" and "transfer" not in name
            kwargs.update(file=io.StringIO(), disable=False)
            super().__init__(*args, **kwargs)

        def display(self, *args: Any, **kwargs: Any) -> None:
            if self.bytes and self.total:
                progress(int(self.n), int(self.total), "downloading")

    return Bar
