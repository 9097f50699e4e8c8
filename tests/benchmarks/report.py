"""The table, and the JSON with machine, versions and commit."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from .case import Case, Limit

LABELS = {
    "ours": "Attrium, untuned",
    "captum": "Captum, default",
    "captum tuned": "Captum, tuned",
    "hooks": "plain hooks",
    "outputs": "Hugging Face's outputs",
    "transformer_lens": "TransformerLens",
}
"""How a contender is called in the table, where its name does not say it."""

HEADING = """\
CPU: process time of all threads. Rounds are interleaved, and ratios taken within a round. A floor is the bare forwards,
or forwards with backwards to the input (parameters frozen), of the same rows at the best batch size.
MB extra: peak resident memory over the level after the model was built, in a fresh process whose allocator hands
freed blocks back at once; 1 MB is 10^6 bytes.
MB held: storages of the tensors that are alive after the run and were not before it, each once."""


def label(name: str) -> str:
    """The contender as the table calls it."""
    return LABELS.get(name) or re.sub("^ours", "Attrium", name)


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
    timings, memory = result["timings"], result.get("memory", {})
    rounds = len(timings["ours"]["cpu_s"])
    print(f"\n{case.title} [{case.name}], {result['input']}: {rounds} rounds")
    if present := [f"{label(name)} {result['versions'][name]}" for name in case.rivals if name in timings]:
        print(f"  beside {', '.join(present)}")
    if result["left_out"]:
        print(
            f"  left out, not installed: {', '.join(map(label, result['left_out']))} (make bench-peers installs them)"
        )
    unit, scale = ("ms", 1000) if statistics.median(timings[case.over]["cpu_s"]) < 1 else ("s", 1)
    columns = f"{'rows':>6}{'batch':>7}{f'CPU {unit}':>9}{f'wall {unit}':>9}{'MB extra':>10}{'MB held':>9}"
    print(f"  {'':<28}{columns}   CPU over {label(case.over)}, median (range)")
    for name, timing in timings.items():
        cpu, wall = (scale * statistics.median(timing[clock]) for clock in ("cpu_s", "wall_s"))
        extra, held = (f"{memory[name][key]:.0f}" if name in memory else "-" for key in ("extra_mb", "held_mb"))
        counts = f"{timing['rows'] or '-':>6}{timing['batch'] or '-':>7}"
        over = spread(ratios(timings, name, case.over))
        print(f"  {label(name):<28}{counts}{cpu:>9.3f}{wall:>9.3f}{extra:>10}{held:>9}   {over}")
    for name in (name for name in timings if not name.startswith("ours") and name != case.over):
        print(f"  Attrium over {label(name)}, CPU: {spread(ratios(timings, 'ours', name))}")
    print_values(case, result)
    for line in result["about"]:
        print(f"  {line}")
    for limit in result["limits"]:
        print(f"  {'holds ' if limit['holds'] else 'MISSES'} {limit['text']}")


def print_values(case: Case, result: dict[str, Any]) -> None:
    """How far apart the values are."""
    same = f"from those of {label(case.reference(result['timings']))}, as a share of the largest"
    print(f"  {'values agree' if result['agrees'] else 'VALUES DISAGREE'}; largest difference {same}:")
    for name, difference in result["differences"].items():
        print(f"    {label(name)}: {difference:.1e}{'' if name in case.judged else ' (not judged)'}")


def judged(limit: Limit, result: dict[str, Any]) -> dict[str, Any] | None:
    """The limit with its measured number, or None where it was not measured."""
    costs = costs_of(limit.what, result)
    others = (limit.other,) if isinstance(limit.other, str) else limit.other
    compared = [name for name in others if name in costs]
    if not compared or limit.mine not in costs:
        return None
    other = min(compared, key=lambda name: costs[name])
    if limit.what == "cpu ms":
        mine, theirs = (result["timings"][name]["cpu_s"] for name in (limit.mine, other))
        found = statistics.median(1000 * (a - b) for a, b in zip(mine, theirs, strict=True))
        says = f"{found:+.2f} ms over {label(other)}"
    elif limit.what == "cpu":
        found = statistics.median(ratios(result["timings"], limit.mine, other))
        says = f"{found:.3f} of {label(other)}"
    else:
        found = costs[limit.mine] / costs[other]
        says = f"{found:.3f} of {label(other)}"
    if limit.at_most is not None:
        bound, holds, wanted = limit.at_most, found <= limit.at_most, f"at most {limit.at_most} wanted"
    else:
        assert limit.saves_at_least is not None
        found, bound = 1 / found, limit.saves_at_least
        holds, wanted = found >= bound, f"at least {bound} wanted"
        says = f"{found:.2f} times less than {label(other)}"
    text = f"{MEASURES[limit.what]} of {label(limit.mine)}: {says}, {wanted}"
    return {"text": text, "found": found, "bound": bound, "holds": holds}


MEASURES = {"cpu": "CPU", "cpu ms": "CPU", "memory": "extra memory", "held": "memory held"}


def costs_of(what: str, result: dict[str, Any]) -> dict[str, float]:
    """What each contender cost in the limit's sense, where it was measured."""
    if what.startswith("cpu"):
        return {name: statistics.median(timing["cpu_s"]) for name, timing in result["timings"].items()}
    key = {"memory": "extra_mb", "held": "held_mb"}[what]
    return {name: found[key] for name, found in result.get("memory", {}).items()}


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
        "versions": versions("torch", "captum", "transformers", "numpy", "attrium"),
    }


def versions(*packages: str) -> dict[str, str | None]:
    """Those of Python and of these packages in this interpreter."""
    return {"python": platform.python_version()} | {name: _version(name) for name in packages}


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
