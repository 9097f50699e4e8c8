"""The explorers on screen, beside BertViz and CircuitsVis: the cases, and how one is run."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from typing import Any

from . import rivals_screen_draw, screen_attention, screen_rasp, screen_transformer
from .networks import Scale
from .screen_browser import chromium
from .screen_case import Found, ScreenCase, Setting
from .screen_report import HEADING, print_screen

CASES = [
    ScreenCase("screen-transformer", "TransformerExplorer, GPT-2 with random weights", screen_transformer.measured),
    ScreenCase("screen-attention", "AttentionExplorer, GPT-2's sizes", screen_attention.measured),
    ScreenCase("screen-tiles", "AttentionExplorer, 8,192 tokens, 1 layer of 2 heads", screen_attention.tiled),
    ScreenCase("screen-rasp", "RaspGraph, a program of 300 nodes, and one of the library", screen_rasp.measured),
    ScreenCase("screen-rivals", "All attention of a forward of GPT-2, drawn", rivals_screen_draw.measured),
]


def run(cases: list[ScreenCase], options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Run cases and print them; one that fails says so, and the others go on."""
    scale = Scale.quick() if options.quick else Scale()
    setting = Setting(scale, options.rounds, options.quick, options.peers.parent.parent)
    results = {}
    if cases:
        print(f"\n{HEADING}")
    for case in cases:
        print(f"... {case.name}", file=sys.stderr, flush=True)
        before = os.getloadavg()[0]
        result = _measured(case, setting)
        result.load = (before, os.getloadavg()[0])
        print_screen(case, result)
        sys.stdout.flush()
        results[case.name] = result.as_dict() | {"agrees": not result.failed}
    return results


def _measured(case: ScreenCase, setting: Setting) -> Found:
    if chromium() is None:
        return Found(left_out=["left out, no Chromium here: run scripts/install_chromium.sh, or set CHROMIUM"])
    try:
        return case.run(setting)
    except Exception as error:  # a browser, a server and a kernel: much may fail, and no other case should with it
        traceback.print_exc()
        return Found(failed=f"{type(error).__name__}: {error}".splitlines()[0])
