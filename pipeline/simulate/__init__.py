"""The traffic of a scenario, as bytes: start reading at `traffic.py`, then `walks.py`; numbers are in `calibration.py`."""
