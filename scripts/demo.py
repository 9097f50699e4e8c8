"""Start JupyterLab on the demo notebooks, offline and apart from the user's own Jupyter settings (`make demo`)."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def environment(folder: Path) -> dict[str, str]:
    """Variables for a Jupyter server that keeps its settings, workspaces and history in `folder`."""
    return {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_CONFIG_PATH": str(ROOT / "scripts" / "jupyter"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_PLATFORM_DIRS": "1",
        "JUPYTER_PREFER_ENV_PATH": "1",
        "HF_HUB_OFFLINE": "1",
    }


def command(notebooks: Path, port: int | None, headless: bool) -> list[str]:
    """The server's command line; a port that was asked for is used or refused, never exchanged for another."""
    words = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={notebooks}", "--ServerApp.ip=127.0.0.1"]
    words.append("--LabApp.default_url=/lab/tree/quick_start.ipynb")
    if port is not None:
        words += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if headless:
        words.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        words.append("--allow-root")
    return words


def serve_and_watch(server: list[str], variables: dict[str, str]) -> int:
    """Run the server beside a bundler that rebuilds on every change of `js/src`."""
    watch = [sys.executable, str(ROOT / "hatch_build.py"), "npm", "run", "watch"]
    with subprocess.Popen(watch, stdin=subprocess.PIPE) as watcher:
        try:
            with subprocess.Popen(server, env={**variables, "ANYWIDGET_HMR": "1"}) as running:
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's, which asks first
                return running.wait()
        finally:
            watcher.terminate()


def main() -> int:
    """Run the server until it is interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, help="port to listen on (default: 8888 or the next free one)")
    parser.add_argument("--headless", action="store_true", help="print the address, open no browser")
    parser.add_argument("--watch", action="store_true", help="bundle the front ends on every change and swap them live")
    options = parser.parse_args()
    variables = environment(ROOT / "build" / "jupyter")
    server = command(ROOT / "demo_notebooks", options.port, options.headless)
    if options.watch:
        return serve_and_watch(server, variables)
    os.execve(server[0], server, variables)


if __name__ == "__main__":
    sys.exit(main())
