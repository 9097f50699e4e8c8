"""Pages without a kernel: widgets as they are now in one HTML file that needs no network and stays interactive."""

from __future__ import annotations

import base64
import html
import json
import os
from pathlib import Path
from typing import Any

from ipywidgets import Widget
from ipywidgets.embed import dependency_state, escape_script
from ipywidgets.widgets.widget import _instances

from attrium_kernel.arrays import Frame

from .channel import as_json, words_of
from .jobs import LOCK, idle

SAVED_BYTES = 8 * 2**20
"""About how much of a widget's answers and tensors a page takes along, before encoding."""

HOST = Path(__file__).parent / "export_host.js"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 24px; font-family: system-ui, sans-serif; }}
main > div {{ margin-bottom: 24px; }}
</style>
</head>
<body>
<main></main>
<script type="application/json" id="attrium-state">{state}</script>
<script>{host}</script>
</body>
</html>
"""


def to_html(*widgets: Widget, title: str = "") -> str:
    """A page with these widgets, one below the other, as text.

    Args:
        widgets: Attrium widgets, or ipywidgets boxes and links of them.
        title: of the page; by default the title of the first widget.
    """
    with LOCK:  # state and answers of one moment, also while a job runs
        states = dependency_state(widgets, drop_defaults=False)  # anywidget's code is a default
        sources: list[str] = []
        models = {model_id: _model(state, sources) for model_id, state in states.items()}
        for model_id, model in models.items():
            model["kept"] = _kept(_instances.get(model_id))
    saved = {"views": [widget.model_id for widget in widgets], "models": models, "sources": sources}
    name = title or str(getattr(widgets[0], "title", "") or type(widgets[0]).__name__) if widgets else title
    return PAGE.format(
        title=html.escape(name),
        state=escape_script(json.dumps(saved, allow_nan=False)),
        host=escape_script(HOST.read_text(encoding="utf-8")),
    )


def save_html(path: str | os.PathLike[str], *widgets: Widget, title: str = "") -> Path:
    """Write `to_html(*widgets)` to a file and return its path."""
    target = Path(path)
    target.write_text(to_html(*widgets, title=title), encoding="utf-8")
    return target


def _model(saved: dict[str, Any], sources: list[str]) -> dict[str, Any]:
    """One model's state, its code and style replaced by their place in `sources`, which holds each once."""
    state = dict(saved["state"])
    if isinstance(state.get("status"), dict) and state["status"].get("state") == "running":
        state["status"] = idle()
    code = {}
    for key in ("_esm", "_css"):
        if text := state.pop(key, ""):
            if text not in sources:
                sources.append(text)
            code[key] = sources.index(text)
    return {"name": saved["model_name"], "state": state, "buffers": saved.get("buffers", []), "code": code}


def _kept(widget: Any) -> dict[str, Any]:
    """What a widget would say to the questions that its view may ask, as far as there is room.

    Answers come first, then tensors, each in the order in which the widget lists them; one that does not fit is left
    out, and the page says that it needs a kernel. Once an answer does not fit, its question is not asked again.
    """
    kept: dict[str, Any] = {"answers": {}, "tensors": {}}
    if not hasattr(widget, "saved_questions"):
        return kept
    room = SAVED_BYTES
    full: set[str] = set()
    for question, args in widget.saved_questions():
        key = question_key(question, args)
        if key in kept["answers"] or question in full:
            continue
        try:
            answer = widget.answer(question, args)
        except Exception as error:  # a question without an answer has its reason, on the page too
            kept["answers"][key] = {"error": words_of(error)}
            continue
        facts = as_json(answer.facts)
        size = sum(len(frame.data) for frame in answer.frames.values()) + len(json.dumps(facts))
        if size > room:
            full.add(question)
            continue
        room -= size
        frames = [[name, _frame(frame)] for name, frame in answer.frames.items()]
        kept["answers"][key] = {"facts": facts, "frames": frames}
    for name in widget.saved_tensors():
        frame = widget.saved_frame(name, room)
        if frame is not None:
            room -= len(frame.data)
            kept["tensors"][name] = _frame(frame)
    return kept


def question_key(question: str, args: dict[str, Any]) -> str:
    """What a page finds an answer by: as the page's `JSON.stringify` writes it, with sorted keys."""
    return f"{question}\n{json.dumps(_plain(args), sort_keys=True, separators=(',', ':'), ensure_ascii=False)}"


def _plain(value: Any) -> Any:
    """Whole floats as ints, which JavaScript does not tell apart."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _frame(frame: Frame) -> dict[str, Any]:
    return {**frame.header, "data": base64.b64encode(frame.data).decode()}
