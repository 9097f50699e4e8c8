"""Run the benchmark: each case is timed in its own process or browser, each memory measurement in a fresh one."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

from .case import Case
from .networks import Scale

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".venv-peers/bin/python"


def main() -> int:
    """Parse, run, report; 1 if values disagree with the reference, or a screen shows nothing."""
    options = parsed()
    if options.worker:
        return work(options)
    from . import attribution, rasp, report, screen, sweep, tracing

    cases = [*attribution.CASES, *tracing.CASES, *sweep.CASES, *rasp.CASES]
    chosen = [case for case in cases if wanted(options, case.name)]
    results: dict[str, Any] = {}
    about = report.circumstances(options.threads, options.quick)
    print(report.heading(about))
    for case in chosen:
        result = measured(options, case)
        judged = [report.judged(limit, result) for limit in case.limits if not options.quick]
        result["limits"] = [found for found in judged if found]
        report.print_case(case, result)
        sys.stdout.flush()
        results[case.name] = result
    results |= screen.run([case for case in screen.CASES if wanted(options, case.name)], options)
    about["machine"]["load_after"] = os.getloadavg()
    path = report.write(about | {"cases": results}, options.out)
    print(f"\nwritten to {path}; quick sizes, no evidence" if options.quick else f"\nwritten to {path}")
    return 0 if all(result["agrees"] for result in results.values()) else 1


def wanted(options: argparse.Namespace, name: str) -> bool:
    """Whether a case was asked for."""
    return not options.case or any(map(name.startswith, options.case))


def measured(options: argparse.Namespace, case: Case) -> dict[str, Any]:
    """Times in one process; memory of each contender in one of its own."""
    result = worker(options, case, "time")
    if not options.no_memory:
        result["memory"] = {
            name: worker(options, case, "memory", name, timing["batch"]) for name, timing in result["timings"].items()
        }
    result["agrees"] = all(result["differences"][name] <= case.tolerance for name in case.judged)
    return result


def parsed() -> argparse.Namespace:
    """The command line; what starts with `worker` is for the processes that this one starts."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="small networks and two rounds: tries the benchmark itself"
    )
    parser.add_argument(
        "--case", action="append", help="only cases that start so (repeatable): ig-cnn, trace, trace-256, screen, ..."
    )
    parser.add_argument("--rounds", type=int, help="rounds for a case of usual length (default 5; quick 2)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (default 1: CPU times repeat best)")
    parser.add_argument("--no-memory", action="store_true", help="skip the memory measurements")
    parser.add_argument(
        "--occlusion-pixels", type=int, help="side of the occlusion's picture (default 224: 785 rows; 112: 197 rows)"
    )
    parser.add_argument(
        "--peers",
        type=Path,
        default=PEERS,
        help="Python with the rivals in tracing and on screen (default: .venv-peers, if it is there)",
    )
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="folder for the JSON")
    parser.add_argument("--worker", choices=["time", "memory"], help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    return options


def worker(
    options: argparse.Namespace, case: Case, what: str, contender: str | None = None, batch: int | None = None
) -> dict[str, Any]:
    """Start a process for one measurement and read its answer; beside rivals, in the interpreter that has them."""
    python = str(options.peers) if case.rivals and options.peers.exists() else sys.executable
    command = [python, "-m", "tests.benchmarks", "--worker", what, "--case", case.name, "--file", case.file]
    command += ["--rounds", str(options.rounds), "--threads", str(options.threads)]
    command += ["--quick"] if options.quick else []
    command += ["--occlusion-pixels", str(options.occlusion_pixels)] if options.occlusion_pixels else []
    command += ["--contender", contender] if contender else []
    command += ["--batch", str(batch)] if batch else []
    environment = os.environ | {"PYTHONPATH": str(ROOT / "kernel"), "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    if what == "memory":  # glibc: blocks go back when freed, so that the peak is of what was alive, not of holes
        environment["MALLOC_MMAP_THRESHOLD_"] = "65536"
    print(f"... {case.name}: {what} {contender or ''}", file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, cwd=ROOT, env=environment)
    if done.returncode != 0:
        ended = f"the process for {case.name} ({what} {contender or ''}) ended with {done.returncode}"
        raise SystemExit(f"{ended}; see above")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def work(options: argparse.Namespace) -> int:
    """In a worker: measure, and print the answer as one line of JSON."""
    import torch

    from . import measure, report

    cases: list[Case] = importlib.import_module(f".{options.file}", __package__).CASES
    warnings.filterwarnings("ignore", category=UserWarning, module="captum")
    torch.set_num_threads(options.threads)
    scale = Scale.quick() if options.quick else Scale()
    if options.occlusion_pixels:
        scale = dataclasses.replace(scale, occlusion_pixels=options.occlusion_pixels)
    (case,) = [case for case in cases if case.name in options.case]
    loaded = case.workload(scale)
    answer: dict[str, Any]
    if options.worker == "time":
        answer = dataclasses.asdict(measure.time_case(case, loaded, options.rounds))
        answer["input"] = f"input {tuple(loaded.x.shape)}"
        answer["left_out"] = [name for name in case.rivals if name not in answer["timings"]]
        answer["about"] = case.about(loaded) if case.about else []
        answer["versions"] = report.versions("torch", "transformers", "numpy", *case.rivals)
    else:
        contender = case.contenders(loaded)[options.contender]
        run = contender.at_batch(options.batch) if contender.at_batch and options.batch else contender.run
        answer = measure.memory(contender, run)
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
