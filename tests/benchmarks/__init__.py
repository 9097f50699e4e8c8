"""Attrium beside its rivals and beside the bare work, in one run; `python -m tests.benchmarks --help`."""
