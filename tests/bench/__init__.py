"""Benchmarks: they print figures side by side in one run, and gate nothing. `make bench`, or one by name."""
