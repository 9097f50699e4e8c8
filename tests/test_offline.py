"""The network block works, in the test process and in its children; without this the block could be dead."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest


def test_a_connection_outside_this_machine_is_refused_by_name():
    with pytest.raises(OSError, match="tests run offline"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(OSError, match="tests run offline"):
        socket.create_connection(("attrium.invalid", 80), timeout=1)


def test_the_loopback_stays_open():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as client,
    ):
        assert client.getpeername() == server.getsockname()


def test_a_child_process_is_blocked_too(offline_environment):
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    run = subprocess.run([sys.executable, "-c", code], env=offline_environment, capture_output=True, text=True)
    assert run.returncode == 1
    assert "tests run offline" in run.stderr
