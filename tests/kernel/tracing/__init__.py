"""Tests of tracing: oracles are forwards written by hand, plain hooks, edited weights and the library's own outputs."""
