"""What every widget has: traits, keywords, the channel, and a front end that is really there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import traitlets as t

import attrium
from attrium import AttentionExplorer, ImageAttribution, Insights, RaspGraph, TextAttribution, TransformerExplorer
from attrium import base as base_module
from attrium import channel as channel_module
from attrium.base import AttriumWidget
from attrium.channel import MAX_CELLS, Answer, Source
from attrium.errors import BundleMissingError
from attrium_kernel.arrays import make_frame
from tests.widgets.comms import Screen

ROOT = Path(__file__).resolve().parents[2]
WIDGETS = [ImageAttribution, TextAttribution, Insights, TransformerExplorer, AttentionExplorer, RaspGraph]


def interface_names(source: str, name: str) -> list[str]:
    """Field names of one TypeScript interface."""
    body = re.search(rf"export interface {name}[^{{]*\{{(.*?)\n\}}", source, re.S)
    assert body, f"no interface {name}"
    without_comments = re.sub(r"/\*.*?\*/|//[^\n]*", "", body[1], flags=re.S)
    return re.findall(r"^\s*(\w+)\??:", without_comments, re.M)


@pytest.mark.parametrize("widget", WIDGETS, ids=lambda cls: cls.__name__)
def test_both_sides_of_the_wire_name_the_same_traits(widget):
    source = (ROOT / "js" / "src" / "widgets" / widget.bundle / "protocol.ts").read_text(encoding="utf-8")
    names = set(interface_names(source, "Traits"))
    if "extends BaseTraits" in source:
        names |= set(interface_names((ROOT / "js/src/lib/model.ts").read_text(encoding="utf-8"), "BaseTraits"))
    assert len(names) > 10
    assert {name for name in names if not name.startswith("_")} == set(widget._own_traits())


@pytest.mark.parametrize("widget", WIDGETS, ids=lambda cls: cls.__name__)
def test_every_trait_says_what_it_is(widget):
    traits = widget.class_traits(sync=True)
    assert [name for name in widget._own_traits() if not traits[name].help] == []


def test_an_unknown_keyword_names_the_nearest_trait():
    with pytest.raises(TypeError, match="ImageAttribution.. got an unknown keyword 'opactiy'; did you mean 'opacity'"):
        ImageAttribution(opactiy=0.5)
    with pytest.raises(TypeError, match="unknown keyword 'zzz'; it takes caption, clip_percentile"):
        TextAttribution(zzz=1)


def test_widgets_open_with_their_code_and_style():
    state = Screen(ImageAttribution()).opened()
    assert "export" in state["_esm"] and len(state["_css"]) > 100
    assert state["status"] == {"state": "idle", "label": "", "done": 0, "total": 0, "message": ""}


def test_a_missing_front_end_says_what_to_run(monkeypatch, tmp_path):
    monkeypatch.setattr(base_module, "STATIC", tmp_path)

    class Unbuilt(AttriumWidget):
        bundle = "unbuilt"

    with pytest.raises(BundleMissingError, match=r"unbuilt\.js is not in .*Run `make bundles`.*`pip install \.`"):
        Unbuilt()


def test_the_import_is_quick_because_it_loads_no_torch():
    code = "import sys, attrium; assert 'torch' not in sys.modules and 'anywidget' not in sys.modules; print('light')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout == "light\n", run.stderr


@pytest.mark.parametrize("name", attrium.__all__)
def test_every_public_name_is_there(name):
    assert getattr(attrium, name) is not None
    assert name in dir(attrium)


def test_a_name_that_is_not_there_says_what_is():
    with pytest.raises(AttributeError, match="no attribute 'ImageAtribution'; it offers .*ImageAttribution"):
        attrium.ImageAtribution  # noqa: B018


class Holder(AttriumWidget):
    """A widget with a tensor that the front end may look at."""

    heat = t.Int(0).tag(sync=True)


def ask(widget: AttriumWidget, **request):
    screen = Screen(widget)
    before = len(screen.replies())
    screen.say({"kind": "view", "id": 5, **request})
    (answer,) = screen.replies()[before:]
    return answer


def test_a_view_is_answered_with_that_region_of_the_tensor():
    widget, tensor = Holder(), torch.randn(40, 30)
    widget.register("heat", Source(tensor))
    reply, (data,) = ask(widget, tensor="heat", index=[[10, 20], [0, 30]], pixels=[100, 100])
    assert reply["kind"] == "view" and reply["id"] == 5
    assert reply["frame"]["name"] == "heat" and "data" not in reply["frame"]
    assert np.array_equal(np.frombuffer(data, "<f4").reshape(reply["frame"]["shape"]), tensor[10:20].numpy())


def test_a_view_is_pooled_as_the_tensor_was_registered_and_to_the_pixels_asked_for():
    widget, tensor = Holder(), torch.randn(40, 30)
    widget.register("heat", Source(tensor, pooling="mean"))
    reply, (data,) = ask(widget, tensor="heat", index=[[0, 40], [0, 30]], pixels=[4, 3])
    assert reply["frame"]["pooled"] == {"kind": "mean", "factor": [10.0, 10.0]}
    wanted = tensor.reshape(4, 10, 3, 10).mean((1, 3))
    assert np.allclose(np.frombuffer(data, "<f4").reshape(4, 3), wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"tensor": "haet", "index": [], "pixels": [1, 1]}, "no tensor 'haet' here; ask for heat"),
        ({"tensor": "heat", "index": [[0, 99], [0, 1]], "pixels": [1, 1]}, "does not fit axis 0, which has 4 cells"),
        ({"tensor": "heat", "index": [[0, 4], [0, 4]], "pixels": [0, 1]}, "at least 1"),
        ({"tensor": "heat", "index": 7, "pixels": [1, 1]}, "TypeError"),
        ({"tensor": None}, "no tensor None"),
        ({"kind": "veiw"}, "is not understood"),
    ],
)
def test_a_request_that_cannot_be_answered_gets_one_error(request_, words):
    widget = Holder()
    widget.register("heat", Source(torch.zeros(4, 4)))
    reply, buffers = ask(widget, **request_)
    assert reply["kind"] == "error" and reply["id"] == 5 and buffers == []
    assert words in reply["message"]


def test_a_message_that_is_no_object_is_answered_too():
    widget = Holder()
    Screen(widget).say("hello")
    assert [reply["kind"] for reply, _ in Screen(widget).replies()] == ["error"]


class Oracle(AttriumWidget):
    """Answers one question."""

    def answer(self, question: str, args: dict[str, Any]) -> Answer:
        if question != "sum":
            return super().answer(question, args)
        total = np.asarray(args["terms"], np.float32).sum(keepdims=True)
        return Answer({"count": len(args["terms"])}, {"total": make_frame(total, "total")})


def test_a_question_is_answered_with_facts_and_frames():
    screen = Screen(Oracle())
    screen.say({"kind": "ask", "id": 7, "question": "sum", "args": {"terms": [1, 2.5]}})
    ((content, (data,)),) = screen.replies()
    assert (content["kind"], content["id"], content["facts"]) == ("answer", 7, {"count": 2})
    ((name, header),) = content["frames"]
    assert (name, header["dtype"], header["shape"]) == ("total", "float32", [1])
    assert np.frombuffer(data, "<f4").tolist() == [3.5]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"question": "product", "args": {}}, "Oracle has no answer to 'product'"),
        ({"question": "sum", "args": None}, "the question 'sum' with None is not understood here"),
        ({"question": "sum", "args": {}}, "KeyError: 'terms'"),
    ],
)
def test_a_question_without_an_answer_gets_one_error(asked, words):
    screen = Screen(Oracle())
    screen.say({"kind": "ask", "id": 1, **asked})
    assert [reply for reply, _ in screen.replies()] == [{"kind": "error", "id": 1, "message": words}]


def test_a_view_larger_than_any_screen_is_refused():
    widget = Holder()
    widget.register("heat", Source(torch.zeros(1).expand(MAX_CELLS // 1000 + 1, 1000)))
    reply, _ = ask(widget, tensor="heat", index=[[0, MAX_CELLS // 1000 + 1], [0, 1000]], pixels=[10**6, 10**6])
    assert "ask for at most" in reply["message"]


def test_a_view_that_is_too_large_is_refused_before_it_is_made(monkeypatch):
    made = []
    monkeypatch.setattr(channel_module, "make_frame", lambda *args, **keywords: made.append(1))
    widget = Holder()
    widget.register("heat", Source(torch.zeros(1).expand(3, 5000, 5000)))
    assert "ask for at most" in ask(widget, tensor="heat", index=[[0, 3], [0, 5000], [0, 5000]])[0]["message"]
    wide = {"index": [[0, 3], [0, 5000], [0, 5000]], "pixels": [4000, 4000]}
    assert "48000000 cells" in ask(widget, tensor="heat", **wide)[0]["message"]
    assert made == []


def test_a_tensor_that_was_taken_away_is_no_longer_shown():
    widget = Holder()
    widget.register("heat", Source(torch.zeros(4)))
    widget.register("heat", None)
    assert "nothing is shown yet" in ask(widget, tensor="heat", index=[[0, 4]], pixels=[4, 4])[0]["message"]
