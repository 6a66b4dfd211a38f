"""The pure core: what an event means, and which cell it belongs to. No I/O, no clock; see pipeline/README.md."""
