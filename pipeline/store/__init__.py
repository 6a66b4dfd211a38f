"""ClickHouse: the client, the migrations, what is written, sealed and read."""
