SELECT number, name, checksum FROM ent.migrations FINAL ORDER BY number;
