"""Run the benchmark: each case is timed in its own process, each memory measurement in a fresh one."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

from .networks import Scale

AGREEMENT = 1e-3
"""Float32 through eighteen layers, in batches of other sizes, kinks of ReLU included; the unit tests are at 1e-5."""


def main() -> int:
    """Parse, run, report; 1 if values disagree with Captum's."""
    options = parsed()
    if options.worker:
        return work(options)
    from . import report
    from .cases import CASES

    chosen = [case for case in CASES if not options.case or case.name in options.case]
    results: dict[str, Any] = {}
    about = report.circumstances(options.threads, options.quick)
    print(report.heading(about))
    for case in chosen:
        result = worker(options, case.name, "time")
        if not options.no_memory:
            result["memory_mb"] = {
                name: worker(options, case.name, "memory", name, timing["batch"])["extra_mb"]
                for name, timing in result["timings"].items()
            }
        result["agrees"] = result["disagreement"] <= AGREEMENT
        judged = [report.judged(limit, result) for limit in case.limits if not options.quick]
        result["limits"] = [found for found in judged if found]
        report.print_case(case, result)
        sys.stdout.flush()
        results[case.name] = result
    about["machine"]["load_after"] = os.getloadavg()
    path = report.write(about | {"cases": results}, options.out)
    print(f"\nwritten to {path}; quick sizes, no evidence" if options.quick else f"\nwritten to {path}")
    return 0 if all(result["agrees"] for result in results.values()) else 1


def parsed() -> argparse.Namespace:
    """The command line; what starts with `worker` is for the processes that this one starts."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="small networks and two rounds: tries the benchmark itself"
    )
    parser.add_argument("--case", action="append", help="only this case (repeatable): ig-cnn, ig-gpt2, ablation, ...")
    parser.add_argument("--rounds", type=int, help="rounds for a case of usual length (default 5; quick 2)")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (default 1: CPU times repeat best)")
    parser.add_argument("--no-memory", action="store_true", help="skip the memory measurements")
    parser.add_argument(
        "--occlusion-pixels", type=int, help="side of the occlusion's picture (default 224: 785 rows; 112: 197 rows)"
    )
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="folder for the JSON")
    parser.add_argument("--worker", choices=["time", "memory"], help=argparse.SUPPRESS)
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    return options


def worker(
    options: argparse.Namespace, case: str, what: str, contender: str | None = None, batch: int | None = None
) -> dict[str, Any]:
    """Start a process for one measurement and read its answer."""
    command = [sys.executable, "-m", "tests.benchmarks", "--worker", what, "--case", case]
    command += ["--rounds", str(options.rounds), "--threads", str(options.threads)]
    command += ["--quick"] if options.quick else []
    command += ["--occlusion-pixels", str(options.occlusion_pixels)] if options.occlusion_pixels else []
    command += ["--contender", contender] if contender else []
    command += ["--batch", str(batch)] if batch else []
    print(f"... {case}: {what} {contender or ''}", file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the process for {case} ({what} {contender or ''}) ended with {done.returncode}; see above")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def work(options: argparse.Namespace) -> int:
    """In a worker: measure, and print the answer as one line of JSON."""
    import torch

    from . import measure
    from .cases import CASES, workload

    warnings.filterwarnings("ignore", category=UserWarning, module="captum")
    torch.set_num_threads(options.threads)
    scale = Scale.quick() if options.quick else Scale()
    if options.occlusion_pixels:
        scale = dataclasses.replace(scale, occlusion_pixels=options.occlusion_pixels)
    (case,) = [case for case in CASES if case.name in options.case]
    loaded = workload(case, scale)
    answer: dict[str, Any]
    if options.worker == "time":
        answer = dataclasses.asdict(measure.time_case(case, loaded, options.rounds))
        answer["input"] = f"input {tuple(loaded.x.shape)}"
    else:
        contender = case.contenders(loaded)[options.contender]
        run = contender.at_batch(options.batch) if contender.at_batch and options.batch else contender.run
        answer = {"extra_mb": measure.extra_peak_mb(run)}
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
