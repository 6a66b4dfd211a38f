"""The wall, asked over HTTP and looked at with a real browser."""
