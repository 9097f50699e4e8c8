"""A real JupyterLab or Notebook 7 with a live kernel, driven in Chromium as a person would.

The server runs with the demo's own settings (`scripts/jupyter`), on a temporary folder, without a network: its kernels
start blocked, and the suite's Chromium resolves no name.
"""

from __future__ import annotations

import ast
import json
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import nbformat
from playwright.sync_api import Browser, Locator, Page

from scripts.demo import environment
from tests.offline import sitecustomize as offline

App = Literal["lab", "notebook"]

KERNEL = "window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel"
NOTEBOOK = "window.jupyterapp.shell.currentWidget"

# Whether every code cell has run, or one has failed, after which the rest does not run.
CELLS_DONE = """cells => {
  const code = cells.map(cell => cell.model).filter(model => model.type === "code" && model.sharedModel.source.trim());
  return code.some(model => model.outputs.toJSON().some(output => output.output_type === "error"))
    || code.every(model => model.executionCount && model.executionState === "idle");
}"""


def free_port() -> int:
    """A port of the loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_notebook(path: Path, *cells: str) -> Path:
    """A notebook of code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path


def stop(process: subprocess.Popen[Any], patience_s: float = 20) -> None:
    """End a server and wait for it, by force if it takes too long."""
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until_up(url: str, process: subprocess.Popen[Any], log: Path, timeout_s: float = 90) -> None:
    """Until the server answers with whatever status; with its log in the error if it ends or stays silent."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end and process.poll() is None:
        with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(url, timeout=2).close()
            return
        time.sleep(0.2)
    raise RuntimeError(f"no Jupyter server at {url} after {timeout_s:.0f} s:\n{log.read_text()[-3000:]}")


@contextmanager
def serve(folder: Path, app: App = "lab") -> Iterator[str]:
    """A server on the notebooks of `folder`; gives its address and ends with the block."""
    home = folder.parent / f"{folder.name}-home"
    home.mkdir(exist_ok=True)
    port = free_port()
    words = [sys.executable, "-m", "jupyterlab" if app == "lab" else "notebook", "--no-browser", "--allow-root"]
    words += [f"--ServerApp.root_dir={folder}", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
    words += ["--ServerApp.port_retries=0", "--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True"]
    words += ["--expose-app-in-browser"]
    variables = {**environment(home), **offline.environment(home), "IPYTHONDIR": str(home / "ipython")}
    path = home / "server.log"
    with path.open("w") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, env=variables)
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until_up(f"{address}/api/status", process, path)
            yield address
        finally:
            stop(process)


@dataclass
class Lab:
    """One page of a Jupyter server: open a notebook, run it, look, and ask the kernel."""

    page: Page
    address: str
    app: App = "lab"
    page_errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.page_errors.append(error.stack or str(error)))
        self.page.on("request", lambda request: self._note(request.url))

    def _note(self, url: str) -> None:
        if re.match(r"(https?|wss?)://", url) and not re.match(r"\w+://(127\.0\.0\.1|localhost)[:/]", url):
            self.strangers.append(url)

    def open(self, name: str) -> None:
        """Open a notebook and wait until its kernel is idle."""
        self.page.goto(self.address + (f"/lab/tree/{name}?reset" if self.app == "lab" else f"/notebooks/{name}"))
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        self.page.wait_for_function("window.jupyterapp?.commands")
        self.page.wait_for_function(f"{KERNEL}?.status === 'idle'")

    def theme(self, name: str) -> None:
        """Switch the whole application to a theme, such as 'JupyterLab Dark'."""
        self.page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", name)
        light = "true" if "Light" in name else "false"
        self.page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")

    def run_all(self, timeout_s: float = 180) -> None:
        """Run every cell and wait; the first error of a cell is raised with its traceback."""
        self.page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        self.page.wait_for_function(f"({CELLS_DONE})({NOTEBOOK}.content.widgets)", timeout=timeout_s * 1000)
        outputs = self.page.evaluate(
            f"{NOTEBOOK}.content.widgets.flatMap(c => c.model.type === 'code' ? c.model.outputs.toJSON() : [])"
        )
        for output in outputs:
            if output["output_type"] == "error":
                raise AssertionError(re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(output["traceback"])))

    def show(self, cell: int) -> Locator:
        """Scroll a cell into sight, as JupyterLab draws only those near it, and give its output area."""
        self.page.evaluate(f"n => {NOTEBOOK}.content.scrollToItem(n, 'start')", cell)
        output = self.page.locator(f'.jp-Cell[data-windowed-list-index="{cell}"] .jp-OutputArea').first
        output.wait_for()
        return output

    def find(self, widget: str) -> Locator:
        """The first output that shows a widget of this Python class, scrolled into sight."""
        shown = self.page.evaluate(
            f"{NOTEBOOK}.content.widgets.flatMap((c, n) => (c.model.outputs?.toJSON() ?? [])"
            ".map(output => [n, output.data?.['application/vnd.jupyter.widget-view+json']?.model_id]))"
        )
        classes = self.python(
            "{key: type(widget).__name__ for key, widget in _instances.items()}",
            setup="from ipywidgets.widgets.widget import _instances",
        )
        for cell, model in shown:
            if classes.get(model) == widget:
                return self.show(cell)
        raise AssertionError(
            f"no cell shows a {widget}; there are {sorted({classes.get(m) for _, m in shown} - {None})}"
        )

    def clear(self, cell: int) -> None:
        """Clear a cell's outputs, which closes the views in them."""
        self.page.evaluate(f"n => {NOTEBOOK}.content.widgets[n].model.clearExecution()", cell)

    def python(self, expression: str, setup: str = "") -> Any:
        """The value of a JSON-able Python expression in the notebook's kernel, after running `setup` there."""
        code = f"import json as _json\n{setup}\n"
        reply = self.page.evaluate(
            f"""async ([code, expression]) => {{
                const future = {KERNEL}.requestExecute(
                    {{ code, silent: true, store_history: false, user_expressions: {{ value: expression }} }});
                return (await future.done).content; }}""",
            [code, f"_json.dumps({expression})"],
        )
        if reply["status"] == "error":
            raise AssertionError(f"{reply['ename']}: {reply['evalue']}\nin the kernel, running:\n{setup}")
        value = reply["user_expressions"]["value"]
        if value["status"] == "error":
            raise AssertionError(f"{value['ename']}: {value['evalue']}\nin the kernel, evaluating: {expression}")
        return json.loads(ast.literal_eval(value["data"]["text/plain"]))

    def wait_for_python(self, expression: str, timeout_s: float = 10) -> Any:
        """Until an expression is true in the kernel; gives its value."""
        end = time.monotonic() + timeout_s
        while not (value := self.python(expression)):
            if time.monotonic() > end:
                raise AssertionError(f"still {value!r} after {timeout_s:.0f} s in the kernel: {expression}")
            time.sleep(0.05)
        return value

    def check(self) -> None:
        """No script error on the page, and no request that left this machine."""
        assert not self.page_errors, f"errors of scripts on the page: {self.page_errors}"
        assert not self.strangers, f"requests that left this machine: {self.strangers}"


@contextmanager
def open_lab(browser: Browser, address: str, app: App = "lab", **options: Any) -> Iterator[Lab]:
    """A fresh page on a server; options go to the browser context (viewport, colour scheme)."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
    page = context.new_page()
    page.set_default_timeout(60_000)
    try:
        yield Lab(page, address, app)
    finally:
        context.close()
