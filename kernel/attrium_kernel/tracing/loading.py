"""Get a model with its tokenizer: from the hub, a local folder, or from the caller's hands."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import threading
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .errors import LoadError
from .folders import CONFIG, FAILURES, HUB_OPTIONS, Progress, check_folder, find_folder, words_of

TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "vocab.json", "vocab.txt", "merges.txt", "spiece.model",
    "tokenizer.model", "sentencepiece.bpe.model", "tekken.json",
)  # fmt: skip
PROCESSOR = ("preprocessor_config.json", "processor_config.json")
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model ready to be traced; also unpacks as `model, tokenizer = load(...)`.

    Args:
        model: in eval mode, unless it came from the caller's hands.
        tokenizer: what makes its inputs (a tokenizer, image processor or processor), None if there is none.
        name: how to call it in a title.
    """

    model: nn.Module
    tokenizer: Any
    name: str

    def __repr__(self) -> str:
        size = sum(p.numel() for p in self.model.parameters())
        return f"Loaded({self.name}: {type(self.model).__name__}, {size:,} parameters, {type(self.tokenizer).__name__})"

    def __iter__(self) -> Iterator[Any]:
        return iter((self.model, self.tokenizer))


def load(
    source: Any,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | str | None = None,
    device_map: Any = None,
    tokenizer: Any = None,
    revision: str | None = None,
    local_files_only: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Loaded:
    """Load a model of transformers, or take one that is loaded.

    Args:
        source: a name on the hub ("gpt2"); a folder in Hugging Face format; a model; a pair `(model, tokenizer)`; or
            an object with `.model` and maybe `.tokenizer`, such as Attrium's own (`load(zoo.load("tiny_gpt2"))`).
        device: where the model goes; None leaves it on the CPU.
        dtype: of the weights, as a torch dtype or its name ("float16"); None is that of the file.
        device_map: how to spread the model over devices, CPU and disk, as in transformers; needs accelerate.
        tokenizer: one to use instead, or where to load it from; False for none.
        revision: branch, tag or commit on the hub.
        local_files_only: look only at what is on this machine.
        progress: called as `progress(done, total, text)`, counted anew for each text: bytes while downloading (from
            other threads), tensors while weights load. What it raises ends the load.
        **options: for the model's `from_pretrained` (`attn_implementation`, `quantization_config`,
            `trust_remote_code`, ...) and for the hub (`cache_dir`, `token`).

    Raises: `LoadError`, which says what is missing or does not fit, and how to provide it.
    """
    given = {"device": device, "dtype": dtype, "device_map": device_map, "revision": revision, **options}
    if not isinstance(source, (str, os.PathLike)):
        return _taken(source, tokenizer, [name for name, value in given.items() if value is not None])
    _check_placement(device, device_map)
    wanted = _dtype(dtype)
    report = progress or _silent
    name, folder = find_folder(source, revision, local_files_only, options, progress)
    check_folder(name, folder)
    options = {key: value for key, value in options.items() if key not in HUB_OPTIONS}
    trust = bool(options.get("trust_remote_code", False))  # said outright, or transformers asks at the keyboard
    report(0, 1, "reading the configuration")
    model_class = _model_class(name, folder, trust)
    made = {**options, **_dtype_option(wanted), **({} if device_map is None else {"device_map": device_map})}
    with _watching(progress):
        model = _model(name, folder, model_class, made, device)
    report(0, 1, "reading the tokenizer")
    reader = _tokenizer(name, folder, tokenizer, str(getattr(model, "main_input_name", "input_ids")), trust)
    report(1, 1, "ready")
    return Loaded(model, reader, name)


def _silent(done: int, total: int, text: str) -> None:
    pass


def _taken(source: Any, tokenizer: Any, given: list[str]) -> Loaded:
    """A model from the caller's hands: nothing about it is changed."""
    model: Any
    own: Any = None
    name: Any = None
    if isinstance(source, nn.Module):
        model = source
    elif isinstance(source, (tuple, list)) and len(source) == 2:
        model, own = source
    else:
        model, own, name = (getattr(source, key, None) for key in ("model", "tokenizer", "name"))
    if not isinstance(model, nn.Module):
        raise LoadError(
            f"got a {type(source).__name__} ({repr(source)[:60]}), expected a name on the hub, a folder, a model, a "
            "pair (model, tokenizer), or an object with .model and .tokenizer"
        )
    if given:
        raise LoadError(
            f"got {', '.join(given)} for a model that is loaded already; place or convert it first, with "
            "model.to(...), and pass it alone"
        )
    path = str(getattr(model, "name_or_path", "") or "")
    known = name if isinstance(name, str) else None
    reader = None if tokenizer is False else own if tokenizer is None else _given_tokenizer(tokenizer, False)
    return Loaded(model, reader, known or (Path(path).name if Path(path).exists() else path) or type(model).__name__)


def _check_placement(device: Any, device_map: Any) -> None:
    if device_map is None:
        return
    if device is not None:
        raise LoadError(f"got device={device!r} and device_map={device_map!r}; pass one of them")
    if importlib.util.find_spec("accelerate") is None:
        raise LoadError(
            f"device_map={device_map!r} needs the package accelerate, which is not installed; run "
            "`pip install accelerate`, or pass device=... to put the whole model on one device"
        )


def _dtype(dtype: torch.dtype | str | None) -> torch.dtype | str:
    if dtype is None or dtype == "auto":
        return "auto"
    found = getattr(torch, dtype.removeprefix("torch."), None) if isinstance(dtype, str) else dtype
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise LoadError(
            f"dtype={dtype!r} is no floating point type of torch; pass 'float32', 'float16', 'bfloat16', or None for "
            "that of the file"
        )
    return found


def _dtype_option(dtype: torch.dtype | str) -> dict[str, Any]:
    import transformers

    return {"dtype" if int(transformers.__version__.split(".")[0]) >= 5 else "torch_dtype": dtype}


def _model_class(name: str, folder: Path, trust: bool) -> Any:
    """The class that the configuration names; without a name, that of the first task the model is known to do."""
    import transformers

    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=trust)
    except FAILURES as error:
        raise LoadError(f"{CONFIG} of {name} cannot be used ({words_of(error)}); download or write it again") from error
    named = (config.architectures or [None])[0]
    found = getattr(transformers, named, None) if named else None
    if isinstance(found, type) and issubclass(found, transformers.PreTrainedModel):
        return found
    tasks = ("CausalLM", "Seq2SeqLM", "MaskedLM", "ImageClassification")
    autos = [getattr(transformers, f"AutoModelFor{task}") for task in tasks] + [transformers.AutoModel]
    if named and trust:
        known = [auto for auto in autos if auto.__name__ in (getattr(config, "auto_map", None) or {})]
    else:
        known = [] if named else [auto for auto in autos if type(config) in auto._model_mapping]
    if not known:
        raise LoadError(
            f"{name} is a {named or type(config).__name__}, which transformers {transformers.__version__} does not "
            "have; update transformers, pass trust_remote_code=True if you trust the code that comes with the model, "
            "or load it yourself and pass (model, tokenizer)"
        )
    return known[0]


def _model(name: str, folder: Path, model_class: Any, options: dict[str, Any], device: Any) -> nn.Module:
    from safetensors import SafetensorError

    try:
        model, info = model_class.from_pretrained(folder, local_files_only=True, output_loading_info=True, **options)
        if device is not None:
            model = model.to(device)
    except (*FAILURES, SafetensorError) as error:
        raise LoadError(
            f"{name} could not be loaded as {model_class.__name__} ({type(error).__name__}: {words_of(error)}); check "
            "the options and the device; if the files are damaged, download them again"
        ) from error
    if lacking := sorted({str(key) for kind in ("missing_keys", "mismatched_keys") for key in info[kind]}):
        warnings.warn(
            f"the weights of {name} lack {len(lacking)} tensors of {model_class.__name__}, which are random now: "
            f"{', '.join(lacking[:5])}{', ...' if len(lacking) > 5 else ''}",
            stacklevel=3,
        )
    model.eval()
    return model  # type: ignore[no-any-return]  # the class is known at run time only


def _tokenizer(name: str, folder: Path, given: Any, main_input: str, trust: bool) -> Any:
    import transformers

    if given is False:
        return None
    if given is not None:
        return _given_tokenizer(given, trust)
    texts = any((folder / file).exists() for file in TOKENIZER)
    others = any((folder / file).exists() for file in PROCESSOR)
    pictures = transformers.AutoImageProcessor if "pixel" in main_input else transformers.AutoFeatureExtractor
    kinds = {(True, True): transformers.AutoProcessor, (True, False): transformers.AutoTokenizer,
             (False, True): pictures}  # fmt: skip
    maker = kinds.get((texts, others))
    return None if maker is None else _read_tokenizer(name, folder, maker, trust)


def _read_tokenizer(name: str, folder: str | Path, maker: Any, trust: bool) -> Any:
    try:
        made = maker.from_pretrained(folder, trust_remote_code=trust, local_files_only=Path(folder).is_dir())
    except FAILURES as error:
        raise LoadError(
            f"the tokenizer or processor of {name} could not be loaded ({type(error).__name__}: {words_of(error)}); "
            "pass tokenizer=... (an object or a folder), or tokenizer=False to go without"
        ) from error
    if getattr(made, "vocab_size", None) == 0:  # transformers makes an empty one rather than say what is missing
        raise LoadError(
            f"the tokenizer of {name} has no vocabulary: {folder} lacks tokenizer.json (or vocab.json and merges.txt, "
            "vocab.txt, spiece.model); write it with tokenizer.save_pretrained(folder), or pass tokenizer=..."
        )
    return made


def _given_tokenizer(given: Any, trust: bool) -> Any:
    if not isinstance(given, (str, os.PathLike)):
        return given
    import transformers

    text = os.fspath(given)
    folder = Path(text).expanduser()
    if folder.is_dir() and not any((folder / file).exists() for file in TOKENIZER):
        raise LoadError(
            f"tokenizer={text!r} has no tokenizer; expected one of {', '.join(TOKENIZER[:4])}, ... as "
            "tokenizer.save_pretrained(folder) writes them"
        )
    return _read_tokenizer(text, folder if folder.is_dir() else text, transformers.AutoTokenizer, trust)


@contextlib.contextmanager
def _watching(progress: Progress | None) -> Iterator[None]:
    """Report the tensors that transformers loads in this thread, in place of its own bar."""
    from transformers.utils import logging

    set_hook = getattr(logging, "set_tqdm_hook", None)
    if progress is None or set_hook is None:
        if progress is not None:
            progress(0, 1, "loading the weights")
        yield
        return
    me = threading.get_ident()

    def hook(factory: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if threading.get_ident() == me and args and hasattr(args[0], "__len__"):
            return _reported(args[0], progress)
        return previous(factory, args, kwargs) if previous else factory(*args, **kwargs)

    with _one_at_a_time:  # the hook is one for the whole process
        previous = set_hook(hook)
        try:
            yield
        finally:
            set_hook(previous)


def _reported(items: Any, progress: Progress) -> Iterable[Any]:
    total = len(items)
    for done, item in enumerate(items):
        progress(done, total, "loading the weights")
        yield item
    progress(total, total, "loading the weights")
