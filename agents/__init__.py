"""Faust agents and timers: thin factories, wired in `pipeline/topology.py`."""
