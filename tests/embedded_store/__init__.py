"""Tests of the embedded ClickHouse gateway."""
