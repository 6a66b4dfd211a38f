"""A table manager that does not make an app without tables wait."""

from __future__ import annotations

from faust.tables.manager import TableManager


class QuickTableManager(TableManager):  # type: ignore[misc]
    """Faust's own sleeps a second before it starts, tables or not (faust/tables/manager.py, 0.15.3)."""

    async def on_start(self) -> None:
        """Start at once when there is no table to wait for."""
        if len(self):
            await super().on_start()
            return
        await self._update_channels()
        await self.recovery.start()
