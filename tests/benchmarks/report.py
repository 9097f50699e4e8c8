"""The table, and the JSON with machine, versions and commit."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from .cases import Case, Limit

ORDER = ["ours", "floor", "captum", "captum tuned"]
LABELS = {"ours": "Attrium, untuned", "floor": "floor", "captum": "Captum, default", "captum tuned": "Captum, tuned"}


HEADING = """\
CPU: process time of all threads. Rounds are interleaved, and ratios taken within a round. A floor is the bare forwards,
or forwards with backwards to the input (parameters frozen), of the same rows at the best batch size.
MB extra: peak resident memory over the level after the model was built, in a fresh process; 1 MB is 10^6 bytes."""


def heading(about: dict[str, Any]) -> str:
    """What was measured where."""
    machine, versions = about["machine"], ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return f"{machine['cpu']}, {machine['cores']} cores; torch threads: {about['threads']}\n{versions}\n{HEADING}"


def ratios(timings: dict[str, Any], name: str, other: str) -> list[float]:
    """CPU time of `name` over `other`, round by round: what ran side by side is compared."""
    return [a / b for a, b in zip(timings[name]["cpu_s"], timings[other]["cpu_s"], strict=True)]


def spread(values: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(values):.3f} ({min(values):.3f}-{max(values):.3f})"


def print_case(case: Case, result: dict[str, Any]) -> None:
    """One block of the table."""
    timings, memory = result["timings"], result.get("memory_mb", {})
    rounds = len(timings["ours"]["cpu_s"])
    print(f"\n{case.title} [{case.name}], {result['input']}: {rounds} rounds")
    columns = f"{'rows':>6}{'batch':>7}{'CPU s':>9}{'wall s':>9}{'MB extra':>10}"
    print(f"  {'':<18}{columns}   CPU over floor, median (range)")
    for name in (n for n in ORDER if n in timings):
        timing = timings[name]
        cpu, wall = statistics.median(timing["cpu_s"]), statistics.median(timing["wall_s"])
        extra = f"{memory[name]:.0f}" if name in memory else "-"
        batch = timing["batch"] or "-"
        over = spread(ratios(timings, name, "floor"))
        print(f"  {LABELS[name]:<18}{timing['rows']:>6}{batch:>7}{cpu:>9.3f}{wall:>9.3f}{extra:>10}   {over}")
    for name in ("captum", "captum tuned"):
        if name in timings:
            print(f"  Attrium over {LABELS[name]}, CPU: {spread(ratios(timings, 'ours', name))}")
    agree = "agrees" if result["agrees"] else "DISAGREES"
    print(f"  {agree} with Captum: largest difference {result['disagreement']:.1e} of the largest value")
    for limit in result["limits"]:
        print(f"  {'holds ' if limit['holds'] else 'MISSES'} {limit['text']}")


def judged(limit: Limit, result: dict[str, Any]) -> dict[str, Any] | None:
    """The limit with its measured number, or None where it was not measured."""
    if limit.what == "memory":
        memory = result.get("memory_mb", {})
        if "ours" not in memory or limit.other not in memory:
            return None
        found = memory["ours"] / memory[limit.other]
    else:
        found = statistics.median(ratios(result["timings"], "ours", limit.other))
    if limit.at_most is not None:
        text = f"{limit.what}: {found:.3f} of {LABELS[limit.other]}, at most {limit.at_most} wanted"
        return {"text": text, "found": found, "bound": limit.at_most, "holds": found <= limit.at_most}
    assert limit.saves_at_least is not None
    wanted = f"at least {limit.saves_at_least} wanted"
    text = f"{limit.what}: {1 / found:.2f} times less than {LABELS[limit.other]}, {wanted}"
    return {"text": text, "found": 1 / found, "bound": limit.saves_at_least, "holds": 1 / found >= limit.saves_at_least}


def circumstances(threads: int, quick: bool) -> dict[str, Any]:
    """Machine, versions, commit and load, without which the numbers mean nothing."""
    total = _field("/proc/meminfo", "MemTotal") or "0"
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": _git("rev-parse", "HEAD"),
        "changed_files": len((_git("status", "--porcelain", "--untracked-files=no") or "").splitlines()),
        "machine": {
            "cpu": _field("/proc/cpuinfo", "model name") or platform.processor(),
            "cores": os.cpu_count(),
            "memory_gb": round(int(total.split()[0]) / 1e6, 1),
            "system": platform.platform(),
            "load": os.getloadavg(),
        },
        "threads": threads,
        "quick": quick,
        "versions": {"python": platform.python_version()}
        | {name: _version(name) for name in ("torch", "captum", "transformers", "numpy", "attrium")},
    }


def write(report: dict[str, Any], folder: Path) -> Path:
    """The report as JSON, under its time and as `latest.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=1)
    path = folder / f"{report['time'].replace(':', '')}.json"
    path.write_text(text)
    (folder / "latest.json").write_text(text)
    return path


def _field(path: str, key: str) -> str | None:
    """The first `key: value` of a file of /proc."""
    lines = Path(path).read_text().splitlines() if Path(path).exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), None)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None
