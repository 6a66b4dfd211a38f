"""The traffic of a scenario, as bytes. Read `traffic.py`, then `walks.py`; the numbers are in `calibration.py`."""
