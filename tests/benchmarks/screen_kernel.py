"""What the notebooks of the benchmark run in their kernels."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from . import measure
from .networks import Scale, gpt2

FORWARDS = 3
"""Bare forwards in a round; their median is the round's."""


class Subject:
    """GPT-2 of the small size with random weights, a tokenizer whose tokens are words, and when its runs ended."""

    def __init__(self, quick: bool = False, layers: int | None = None) -> None:
        torch.set_num_threads(1)
        scale = Scale.quick() if quick else Scale()
        self.model: Any = gpt2(scale)[0]
        if layers is not None:
            del self.model.transformer.h[layers:]
            self.model.config.n_layer = layers
        self.tokenizer = words(scale.vocabulary)
        self.vocabulary = scale.vocabulary
        self.ended_s: list[float] = []
        self.published_s: list[float] = []
        self.model.register_forward_hook(lambda *_: self.ended_s.append(time.time()))

    def watched(self, widget: Any) -> Any:
        """The widget, whose runs are noted as they are published."""
        widget.observe(lambda _: self.published_s.append(time.time()), "run")
        return widget

    def ids(self, count: int, seed: int) -> list[int]:
        """A prompt of its own for each seed."""
        return random.Random(seed).choices(range(1, self.vocabulary), k=count)

    def text(self, count: int, seed: int) -> str:
        """The same prompt as words."""
        return " ".join(map(word, self.ids(count, seed)))

    def forward_ms(self, ids: Sequence[int]) -> float:
        """The bare forward of these ids, without gradients or a cache: the median of some."""
        row = torch.tensor([list(ids)])
        times = []
        with torch.no_grad():
            for _ in range(FORWARDS):
                start = time.perf_counter()
                self.model(row, use_cache=False)
                times.append(time.perf_counter() - start)
        return 1000 * statistics.median(times)


def word(number: int) -> str:
    """The token of an id, as long as a common one."""
    return f"w{number}"


def words(vocabulary: int) -> Any:
    """A tokenizer of whole words."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel({word(n): n for n in range(vocabulary)}, unk_token=word(0)))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token=word(0))


def long_trace(tokens: int) -> Any:
    """One layer of two heads of 32 numbers on a long prompt; patterns are recomputed when they are looked at."""
    from transformers import GPT2Config, GPT2LMHeadModel

    import attrium

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=512, n_embd=64, n_layer=1, n_head=2, n_positions=tokens, bos_token_id=0, eos_token_id=0
    )
    return attrium.trace(GPT2LMHeadModel(config).eval(), torch.randint(1, 512, (1, tokens)))


class Peak:
    """Peak resident memory of the kernel since the start, over the level at the start."""

    def __init__(self) -> None:
        gc.collect()
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        self.level = measure.resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")

    def extra_mb(self) -> float:
        """In MB (10^6 bytes)."""
        return (measure.resident("VmHWM") - self.level) / 1e6
