"""The traffic of the country, as bytes. Read `traffic.py`, `walks.py`, `levels.py`; numbers: `calibration.py`."""
