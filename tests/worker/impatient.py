"""The worker's app, with less patience for a join than any real one has: a test would only take longer."""

from __future__ import annotations

from pipeline import settings
from pipeline.app import create_app

app = create_app(settings.load(), join_seconds=20.0)
