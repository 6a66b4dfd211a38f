"""One worker beside other stream processors: the same events, the same counting (see ../README.md)."""
