"""Jupyter server settings of the demo and of the browser tests; the user's own configuration is not touched.

Small messages leave at once (TCP_NODELAY): with Nagle's delay, the default, a round trip to the kernel takes about
50 ms instead of 10. The notebooks of the repository are saved without outputs, as they are committed.
"""

from __future__ import annotations

import subprocess
import warnings
from pathlib import Path
from typing import Any

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

SHIPPED = Path(__file__).resolve().parents[2] / "demo_notebooks"


class PromptConnection(ZMQChannelsWebsocketConnection):
    """The server's connection between page and kernel, without Nagle's delay."""

    def connect(self) -> Any:
        """Open the connection and send every message at once from then on."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()


def shipped_notebooks() -> frozenset[str]:
    """Paths of the notebooks under version control; a user's own notebooks keep their outputs."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=SHIPPED, capture_output=True, text=True, check=False)
    return frozenset(str(SHIPPED / name) for name in listed.stdout.split("\0") if name.endswith(".ipynb"))


def drop_outputs(model: dict[str, Any], path: str, contents_manager: Any, **_: Any) -> None:
    """Before a shipped notebook is saved: no outputs, no counts, no widget state."""
    if model["type"] != "notebook" or str(Path(contents_manager.root_dir, path).resolve()) not in SHIPPED_NOTEBOOKS:
        return
    model["content"]["metadata"].pop("widgets", None)
    for cell in model["content"]["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)


# Jupyter reads this file twice, and then says that the second reading replaces the hook of the first.
warnings.filterwarnings("ignore", "Overriding existing pre_save_hook", UserWarning)
SHIPPED_NOTEBOOKS = shipped_notebooks()
c = get_config()  # type: ignore[name-defined] # noqa: F821  (Jupyter puts get_config here)
c.ServerApp.kernel_websocket_connection_class = PromptConnection
c.ContentsManager.pre_save_hook = drop_outputs
# Offline: no news, no search for updates, no extension index.
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"
