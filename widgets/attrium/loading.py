"""Load a model by name: the zoo's, or any that `attrium_kernel.tracing.load` finds."""

from __future__ import annotations

import difflib
import functools
from typing import Any

from attrium_kernel import tracing, zoo
from attrium_kernel.tracing import Loaded, LoadError


@functools.wraps(tracing.load, assigned=())  # shows the options of the one that does the work
def load(source: Any, **options: Any) -> Loaded:
    """A language model of the zoo by its name ("tiny_gpt2"), or what `attrium_kernel.tracing.load` takes.

    Args:
        source: a name of the zoo, a name on the hub, a folder, a model, or a pair `(model, tokenizer)`. A folder that
            has the name of a zoo model is given as "./tiny_gpt2".
        **options: as for `attrium_kernel.tracing.load`: `device`, `dtype`, `tokenizer`, ...

    Returns:
        A `Loaded`, which unpacks as `model, tokenizer`.

    Raises:
        LoadError: what is missing or does not fit, and how to provide it.
    """
    if not isinstance(source, str) or source not in zoo.names():
        return _from_elsewhere(source, options)
    folder = zoo.path(source)
    if not (folder / "config.json").is_file():
        models = ", ".join(name for name in zoo.names() if (zoo.path(name) / "config.json").is_file())
        raise LoadError(
            f"{source!r} in the zoo is no transformer in Hugging Face format, and load expects one ({models}); "
            f"zoo.load({source!r}) gives it with its data, and explanations take its .model"
        )
    return tracing.load(folder, **{"progress": _silent, **options})  # its files are here: no bar for milliseconds


def _from_elsewhere(source: Any, options: dict[str, Any]) -> Loaded:
    try:
        return tracing.load(source, **options)
    except LoadError as error:
        near = difflib.get_close_matches(source, zoo.names(), n=1) if isinstance(source, str) else []
        if not near:
            raise
        raise LoadError(f"{error} Did you mean {near[0]!r}, which comes with Attrium?") from error


def _silent(done: int, total: int, text: str) -> None:
    pass
