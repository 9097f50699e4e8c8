"""The built distributions: the wheel carries all it needs, installs and works offline; the sdist needs no Node."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WIDGETS = [
    "image_attribution", "text_attribution", "insights", "transformer_explorer", "attention_explorer", "rasp_graph",
]  # fmt: skip

IMPORT_AND_SHOW = """
import json, attrium, attrium_kernel, numpy as np, torch
from attrium import rasp
from attrium_kernel import zoo
bundle = zoo.scenes()
widget = attrium.ImageAttribution(bundle.test.images[0], np.ones((64, 64), dtype=np.float32))
state = widget.get_state()
print(json.dumps({
    "files": [attrium.__file__, attrium_kernel.__file__],
    "esm": len(str(state["_esm"])),
    "css": len(str(state["_css"])),
    "heat": state["heat"]["shape"],
    "classes": len(bundle.classes),
    "reversed": rasp.compile(rasp.text.program("reverse")["reverse"], "abc", 3)("abc"),
}))
"""


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    """The sdist of this tree, and the wheel that is built from that sdist."""
    out = tmp_path_factory.mktemp("dist")
    words = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    run = subprocess.run(words, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return out


@pytest.fixture(scope="module")
def wheel(dist) -> Path:
    (path,) = dist.glob("attrium-*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_it_carries_the_bundle_of_every_widget(wheel, names):
    folders = {p.name.replace("-", "_") for p in (ROOT / "js" / "src" / "widgets").iterdir() if p.is_dir()}
    assert folders == set(WIDGETS)
    with zipfile.ZipFile(wheel) as archive:
        for name in WIDGETS:
            for kind in ("js", "css"):
                assert archive.getinfo(f"attrium/static/{name}.{kind}").file_size > 500


def test_it_carries_the_zoo_with_weights_and_cards(names):
    zoo = [name for name in names if name.startswith("attrium_kernel/zoo/")]
    weights = [name for name in zoo if name.endswith((".safetensors", ".pt", ".npz"))]
    cards = [name for name in zoo if name.endswith(".md")]
    assert len(weights) >= 5
    assert len(cards) >= 5
    gpt2 = {Path(name).name for name in zoo if "/tiny_gpt2/" in name}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= gpt2


def test_it_carries_the_tours_and_what_saved_pages_run_on(names):
    tours = sorted(path.name for path in (ROOT / "widgets" / "attrium" / "tours").glob("*.json"))
    assert "basics.en.json" in tours
    assert sorted(Path(name).name for name in names if name.startswith("attrium/tours/")) == tours
    assert "attrium/export_host.js" in names


def test_it_carries_the_programs_that_are_rasp_text(names):
    texts = ROOT / "kernel" / "attrium_kernel" / "rasp" / "text"
    written = {path.relative_to(ROOT / "kernel").as_posix() for path in texts.rglob("*.rasp")}
    assert "attrium_kernel/rasp/text/library.rasp" in written
    assert {name for name in names if name.endswith(".rasp")} == written


def test_it_is_typed_and_licensed(wheel, names):
    assert {"attrium/py.typed", "attrium_kernel/py.typed"} <= set(names)
    with zipfile.ZipFile(wheel) as archive:
        (path,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        metadata = message_from_bytes(archive.read(path))
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [need for need in metadata.get_all("Requires-Dist") if "@" in need]


def test_it_carries_nothing_else(wheel, names):
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"attrium", "attrium_kernel"}
    for name in names:
        assert not {"node_modules", "tests", "__pycache__", ".ipynb_checkpoints"} & set(Path(name).parts), name
        assert not name.endswith((".ts", ".tsx", ".map")), name
    assert wheel.stat().st_size < 25e6


def test_installed_elsewhere_it_shows_a_widget_offline(wheel, tmp_path, offline_environment):
    target = tmp_path / "site"
    words = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*words, str(wheel)], check=True)
    variables = dict(offline_environment)
    variables["PYTHONPATH"] = os.pathsep.join([str(target), variables["PYTHONPATH"]])
    run = subprocess.run(
        [sys.executable, "-c", IMPORT_AND_SHOW], cwd=tmp_path, env=variables, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout.splitlines()[-1])
    assert all(Path(path).is_relative_to(target) for path in seen["files"]), seen["files"]
    assert seen["heat"] == [64, 64]
    assert seen["esm"] > 500
    assert seen["css"] > 100
    assert seen["classes"] > 1
    assert seen["reversed"] == ["c", "b", "a"]


def test_the_sdist_carries_bundles_and_needs_no_node(dist, tmp_path, monkeypatch):
    (path,) = dist.glob("attrium-*.tar.gz")
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path, filter="data")
    (root,) = tmp_path.iterdir()
    spec = importlib.util.spec_from_file_location("hatch_build_of_sdist", root / "hatch_build.py")
    hatch_build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hatch_build)
    monkeypatch.setattr(hatch_build, "machine_npm", lambda: None)
    monkeypatch.setattr(hatch_build.importlib.util, "find_spec", lambda name: None)
    hook = hatch_build.BundleHook(str(root), {}, None, None, str(root / "dist"), "wheel")
    assert hook.dependencies() == []
    hook.initialize("standard", {})
    assert not (root / "js" / "node_modules").exists()
    (root / "js" / "src" / "widgets" / "insights" / "index.ts").write_text("// edited\n")
    with pytest.raises(RuntimeError, match=r"install Node\.js"):
        hook.initialize("standard", {})
