"""The pages that BertViz and CircuitsVis make of the attention of one forward of GPT-2.

`python -m tests.benchmarks.rivals_screen FOLDER LENGTHS ROUNDS full|quick` runs in the interpreter that has them, and
leaves their HTML in a folder; Chromium draws it from there.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from . import report
from .networks import Scale, gpt2

PACKAGES = ("bertviz", "circuitsvis")
LAYER = 5
"""The layer that CircuitsVis is given: it draws one."""
ENOUGH_S = 5.0
"""A call that takes longer is timed once."""

Maker = Callable[[list[Tensor], list[str]], str]


@dataclass(frozen=True)
class Page:
    """What a rival makes of all attention.

    Args:
        package: that it needs.
        make: the HTML of patterns, one `(1, head, query, key)` a layer, and tokens.
        ready: a script that is true once something is drawn.
        needs_scripts: of `SCRIPTS`.
    """

    package: str
    title: str
    make: Maker
    ready: str
    needs_scripts: bool = True


def by_head_view(patterns: list[Tensor], tokens: list[str]) -> str:
    """BertViz, head view: all layers in the page, one on show."""
    from bertviz import head_view

    html: str = head_view(patterns, tokens, html_action="return").data
    return html


def by_model_view(patterns: list[Tensor], tokens: list[str]) -> str:
    """BertViz, model view: all layers and heads at once."""
    from bertviz import model_view

    html: str = model_view(patterns, tokens, html_action="return").data
    return html


def by_circuitsvis(patterns: list[Tensor], tokens: list[str]) -> str:
    """CircuitsVis, the heads of one layer, with its script in the page, as it does offline."""
    from circuitsvis.attention import attention_heads

    html: str = attention_heads(patterns[min(LAYER, len(patterns) - 1)][0], tokens).local_src
    return html


LINE = "document.querySelector('svg line')"
PAGES = {
    "head_view": Page("bertviz", "BertViz head_view, 12 layers", by_head_view, LINE),
    "model_view": Page("bertviz", "BertViz model_view, 12 layers", by_model_view, LINE),
    "heads": Page(
        "circuitsvis", "CircuitsVis attention_heads, 1 layer", by_circuitsvis, "document.querySelector('canvas')", False
    ),
}

SCRIPTS = {
    "https://cdnjs.cloudflare.com/ajax/libs/require.js/2.3.6/require.min.js": "requirejs/require.js",
    "https://cdnjs.cloudflare.com/ajax/libs/d3/5.7.0/d3.min.js": "d3/dist/d3.min.js",
    "https://cdnjs.cloudflare.com/ajax/libs/jquery/2.0.0/jquery.min.js": "jquery/dist/jquery.min.js",
}
"""What BertViz fetches from a CDN, and the file of an npm package that stands in for it."""


def installed() -> dict[str, Page]:
    """Those whose package is in this interpreter."""
    return {name: page for name, page in PAGES.items() if importlib.util.find_spec(page.package)}


def attention(tokens: int, scale: Scale) -> tuple[list[Tensor], list[str]]:
    """The patterns of GPT-2 on one sequence, one tensor `(1, head, query, key)` a layer; and its tokens."""
    model, ids = gpt2(dataclasses.replace(scale, tokens=tokens))
    model.set_attn_implementation("eager")
    with torch.no_grad():
        patterns = list(model(ids, use_cache=False, output_attentions=True).attentions)
    return patterns, [f"t{number}" for number in ids[0].tolist()]


def made(page: Page, patterns: list[Tensor], tokens: list[str], rounds: int, target: Path) -> dict[str, Any]:
    """Make a page some times, and write it."""
    seconds: list[float] = []
    html = page.make([pattern[..., :2, :2] for pattern in patterns], tokens[:2])  # imports what it needs
    while len(seconds) < rounds and (not seconds or seconds[0] < ENOUGH_S):
        start = time.perf_counter()
        html = page.make(patterns, tokens)
        seconds.append(time.perf_counter() - start)
    head = f'<!doctype html><meta charset="utf-8"><title>{page.title}</title>\n'
    return {"python_s": seconds, "bytes": target.write_bytes((head + html).encode())}


def main() -> int:
    """Make every page at every length, and say what it cost as one line of JSON."""
    folder, lengths, rounds, quick = Path(sys.argv[1]), sys.argv[2].split(","), int(sys.argv[3]), sys.argv[4] == "quick"
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    scale = Scale.quick() if quick else Scale()
    answer: dict[str, Any] = {"versions": report.versions("torch", "transformers", *PACKAGES), "pages": {}}
    pages = installed()
    for length in map(int, lengths if pages else []):
        patterns, tokens = attention(length, scale)
        for name, page in pages.items():
            file = folder / f"{name}-{length}.html"
            answer["pages"][f"{name} {length}"] = made(page, patterns, tokens, rounds, file)
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
