"""The traffic of the country, as bytes. Read `traffic.py`, then `walks.py` and `levels.py`; numbers: `calibration.py`."""
