"""Attrium beside Captum and beside the floor, the bare work on the same rows; `python -m tests.benchmarks --help`."""
