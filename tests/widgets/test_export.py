"""Pages without a kernel: what is written into them."""

from __future__ import annotations

import json
import math
import re
import threading
from typing import Any

import ipywidgets
import numpy as np
import torch

from attrium import ImageAttribution, TextAttribution, TransformerExplorer, load, to_html
from attrium.base import AttriumWidget
from attrium.channel import Answer
from attrium.export import question_key
from attrium_kernel.arrays import make_frame
from tests.widgets.models import Brightness

PICTURE = np.zeros((8, 8, 3), np.uint8)


def saved_state(page: str) -> dict:
    found = re.search(r'<script type="application/json" id="attrium-state">(.*?)</script>', page, re.S)
    return json.loads(found[1])


def test_a_page_carries_state_code_and_style_and_asks_the_network_for_nothing(tmp_path):
    widget = ImageAttribution(PICTURE, torch.ones(8, 8), title="A <title> & more")
    path = widget.to_html(tmp_path / "page.html")
    page = path.read_text(encoding="utf-8")
    assert "<title>A &lt;title&gt; &amp; more</title>" in page
    assert re.findall(r"""(?:src|href)=["']?https?:""", page) == []
    state = saved_state(page)
    assert state["views"] == [widget.model_id]
    model = state["models"][widget.model_id]
    assert "export" in state["sources"][model["code"]["_esm"]]
    assert ".attrium" in state["sources"][model["code"]["_css"]]
    assert sorted(buffer["path"] for buffer in model["buffers"]) == [["heat", "data"], ["image", "data"]]


def test_text_that_looks_like_markup_cannot_end_the_script(tmp_path):
    page = to_html(TextAttribution(["</script><script>alert(1)</script>", "<!--"], [1.0, 2.0]))
    assert "alert(1)</script>" not in page
    assert page.count("</script>") == 2
    state = saved_state(page)
    assert next(iter(m for m in state["models"].values() if "tokens" in m["state"]))["state"]["tokens"][1] == "<!--"


def test_several_widgets_share_one_copy_of_their_code():
    one, other = ImageAttribution(PICTURE), ImageAttribution(PICTURE)
    state = saved_state(to_html(one, other, TextAttribution(["a"], [1.0])))
    assert len(state["views"]) == 3
    assert len(state["sources"]) == 4
    assert state["models"][one.model_id]["code"] == state["models"][other.model_id]["code"]


def test_a_box_of_widgets_is_saved_with_its_children():
    box = ipywidgets.HBox([ImageAttribution(PICTURE), TextAttribution(["a"], [1.0])])
    state = saved_state(to_html(box))
    assert state["views"] == [box.model_id]
    assert {child.model_id for child in box.children} <= set(state["models"])


def test_a_job_that_runs_is_not_saved_as_running():
    widget = ImageAttribution.explain(Brightness(), torch.rand(3, 8, 8))
    widget.status = {**widget.status, "state": "running"}
    state = saved_state(to_html(widget))
    assert state["models"][widget.model_id]["state"]["status"]["state"] == "idle"
    assert widget.wait(20)


class Asked(AttriumWidget):
    """Answers questions as a test needs it."""

    bundle = "image_attribution"

    def __init__(self, answers: dict[str, Any], questions: list[tuple[str, dict[str, Any]]]) -> None:
        super().__init__()
        self.answers, self.questions, self.told = answers, questions, list[str]()

    def saved_questions(self) -> Any:
        return self.questions

    def saved_tensors(self) -> list[str]:
        return ["gone"]

    def find_source(self, name: str) -> Any:
        raise RuntimeError(f"no {name}")

    def answer(self, question: str, args: dict[str, Any]) -> Answer:
        self.told.append(question)
        found = self.answers[question]
        if isinstance(found, Exception):
            raise found
        return found


def kept_of(widget: AttriumWidget) -> dict[str, Any]:
    return saved_state(to_html(widget))["models"][widget.model_id]["kept"]


def test_numbers_that_json_lacks_are_saved_as_javascript_calls_them():
    widget = Asked({"sum": Answer({"values": [math.nan, math.inf, -math.inf, 1.5]})}, [("sum", {})])
    (answer,) = kept_of(widget)["answers"].values()
    assert answer["facts"] == {"values": ["NaN", "Infinity", "-Infinity", 1.5]}


def test_an_answer_that_fails_and_a_tensor_that_cannot_be_made_do_not_spoil_the_page():
    widget = Asked({"bad": IndexError("off the end"), "good": Answer({})}, [("bad", {}), ("good", {})])
    kept = kept_of(widget)
    assert kept["answers"]["bad\n{}"] == {"error": "IndexError: off the end"}
    assert kept["answers"]["good\n{}"]["facts"] == {}
    assert kept["tensors"] == {}


def test_what_does_not_fit_is_not_worked_out_a_hundred_times():
    big = Answer({}, {"all": make_frame(np.zeros(3 * 2**20, np.uint8))})
    questions = [("big", {"n": n}) for n in range(100)] + [("small", {})]
    widget = Asked({"big": big, "small": Answer({"fits": True})}, questions)
    kept = kept_of(widget)
    assert len(kept["answers"]) == 3
    assert "small\n{}" in kept["answers"]
    assert widget.told.count("big") == 3


def test_answers_are_found_by_the_key_that_the_page_makes():
    """`JSON.stringify` writes 2.0 as 2 and letters as they are."""
    key = question_key("which", {"b": [2.0, 0.5], "a": "\u00e9\u4e2d", "c": {"z": True, "y": None}})
    assert key == 'which\n{"a":"\u00e9\u4e2d","b":[2,0.5],"c":{"y":null,"z":true}}'


def test_a_page_saved_while_a_job_publishes_is_of_one_moment():
    model, tokenizer = load("tiny_gpt2")
    widget = TransformerExplorer(model, tokenizer, "The keys near the door were old.")
    assert widget.wait(30)
    stop = threading.Event()

    def rewrite() -> None:
        while not stop.is_set():
            for text in ("The keys", "The keys near the door were old."):
                widget.text = text
                widget.wait(30)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        for _ in range(4):
            saved = saved_state(to_html(widget))["models"][widget.model_id]
            count = len(saved["state"]["tokens"])
            positions = [json.loads(key.split("\n")[1])["position"] for key in saved["kept"]["answers"]
                         if key.startswith("logits")]  # fmt: skip
            assert sorted(positions) == list(range(count))
            answers = [answer for answer in saved["kept"]["answers"].values() if "error" in answer]
            assert answers == []
    finally:
        stop.set()
        writer.join(60)
