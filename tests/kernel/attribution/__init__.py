"""Tests of the attribution engine: oracles are Captum, closed forms, naive loops and axioms."""
