"""Widgets without a front end: their comms record what they send."""

from __future__ import annotations

from collections.abc import Iterator

import comm
import pytest
from comm.base_comm import CommManager
from ipywidgets import Widget

from tests.widgets.comms import RecordingComm


@pytest.fixture(autouse=True)
def recording_comms(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every widget of the test gets a recording comm, and is closed at its end."""
    manager = CommManager()
    monkeypatch.setattr(comm, "create_comm", lambda *args, **keywords: RecordingComm(*args, **keywords))
    monkeypatch.setattr(comm, "get_comm_manager", lambda: manager)
    yield
    Widget.close_all()
