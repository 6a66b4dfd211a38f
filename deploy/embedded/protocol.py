"""The numbers of ClickHouse's native protocol."""

from __future__ import annotations

REVISION = 54453
"""The last one in which a column on the wire is what chDB's FORMAT Native writes: from the next one on, a byte about
custom serialization stands before each column's data."""

# Packets of the client, and of the server (src/Core/Protocol.h).
HELLO, QUERY, DATA, CANCEL, PING, TABLES_STATUS = range(6)
S_DATA, S_EXCEPTION, S_PROGRESS, S_PONG, S_END, S_PROFILE, S_TABLES_STATUS = 1, 2, 3, 4, 5, 6, 9
# From which revision on a field is there (src/Core/ProtocolDefines.h).
WITH_BLOCK_INFO, WITH_CLIENT_INFO, WITH_TIMEZONE, WITH_QUOTA_KEY = 51903, 54032, 54058, 54060
WITH_DISPLAY_NAME, WITH_PATCH, WITH_WRITE_PROGRESS, WITH_NAMED_SETTINGS = 54372, 54401, 54420, 54429
WITH_SECRET, WITH_TRACE, WITH_DEPTH, WITH_START_TIME, WITH_REPLICAS = 54441, 54442, 54448, 54449, 54453
