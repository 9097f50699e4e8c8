"""Pages without a kernel: what is written into them."""

from __future__ import annotations

import json
import re

import ipywidgets
import numpy as np
import torch

from attrium import ImageAttribution, TextAttribution, to_html
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
