"""Nobody waits for ever: each scene runs in a process of its own, which is ended if it hangs."""

from __future__ import annotations

import subprocess
import sys

import pytest

LINKED = """
import contextlib, threading
import traitlets
from attrium.base import AttriumWidget

one, other = AttriumWidget(), AttriumWidget()
both = threading.Barrier(2)

def meet(change):
    with contextlib.suppress(threading.BrokenBarrierError):
        both.wait(0.5)  # until the other changes too, where that is possible

for widget in (one, other):
    widget.observe(meet, "height_px")
traitlets.dlink((one, "height_px"), (other, "height_px"))
traitlets.dlink((other, "height_px"), (one, "height_px"))

def work(widget, height):
    def run(job):
        with job.turn():
            widget.height_px = height
    return run

one.submit("1", work(one, 7))
other.submit("2", work(other, 8))
assert one.wait() and other.wait()
assert one.height_px == other.height_px in (7, 8)
"""

OBSERVED = """
import threading
import torch
from attrium import ImageAttribution, IntegratedGradients, Saliency

inside, released = threading.Event(), threading.Event()

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(48, 2)

    def forward(self, x):
        if threading.current_thread() is not threading.main_thread():
            inside.set()
            released.wait(0.5)
        return self.linear(x.flatten(1))

model, x = Model(), torch.rand(3, 4, 4)
widget = ImageAttribution.explain(model, x, method=IntegratedGradients(n_steps=3), target=0)
assert inside.wait(10)
widget.observe(lambda change: Saliency().attribute(model, x[None], target=0), "opacity")
widget.set_state({"opacity": 0.25})  # waits for the model under the widgets' lock
assert widget.wait()
assert widget.values is not None and widget.last_error is None
"""


@pytest.mark.parametrize("scene", [LINKED, OBSERVED], ids=["two linked widgets", "an observer that explains"])
def test_nobody_waits_for_ever(scene):
    run = subprocess.run([sys.executable, "-c", scene], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
