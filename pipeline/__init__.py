"""instant-t: the live picture of every French school portal (ENT). Start reading at `topology.py`."""
