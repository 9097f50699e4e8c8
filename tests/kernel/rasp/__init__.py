"""Tests of RASP: oracles are brute force in plain Python, Tracr's recorded results, and closed forms."""
