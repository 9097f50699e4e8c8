"""Blocks the network but for this machine's loopback.

Python imports a module of this name at its start, so a child process (a kernel, a notebook) with this folder on its
PYTHONPATH is blocked as well as the test process, which calls `block_network` itself.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path
from typing import Any


def is_local(address: Any) -> bool:
    """Whether an address is a Unix socket or on the loopback."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in {"", "localhost"}


def block_network() -> None:
    """Make every connection, and every look-up of a name, outside this machine an `OSError`."""

    def refuse(address: Any) -> OSError:
        return OSError(f"a test reached for the network ({address!r}); tests run offline, on the zoo and on fixtures")

    def guarded(original: Any) -> Any:
        def connect(self: socket.socket, address: Any) -> Any:
            if not is_local(address):
                raise refuse(address)
            return original(self, address)

        return connect

    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not is_local((name,)) and name not in {"0.0.0.0", "::"}:
            raise refuse(host)
        return look_up(host, *args, **kwargs)

    # Assigned on the Python class, which every library inherits from; the C class underneath stays as it is.
    socket.socket.connect = guarded(socket.socket.connect)  # type: ignore[method-assign]
    socket.socket.connect_ex = guarded(socket.socket.connect_ex)  # type: ignore[method-assign]
    socket.getaddrinfo = getaddrinfo


def environment(home: Path) -> dict[str, str]:
    """Variables for a child process that starts blocked, with `home` as its home."""
    path = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "ATTRIUM_TEST_OFFLINE": "1",
        "PYTHONPATH": os.pathsep.join(path),
        "HOME": str(home),
        "HF_HUB_OFFLINE": "1",
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_PLATFORM_DIRS": "1",
    }


if os.environ.get("ATTRIUM_TEST_OFFLINE") == "1":
    block_network()
