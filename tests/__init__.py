"""Tests of Attrium; helpers are imported as `tests.<folder>.<file>`."""
