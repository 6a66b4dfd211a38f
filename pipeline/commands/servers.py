"""Moved: import it from `pipeline.servers`."""

from pipeline.servers import store_url

__all__ = ["store_url"]
