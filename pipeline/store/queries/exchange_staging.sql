-- Both names change hands in one step (engine Atomic).
EXCHANGE TABLES ent.{table} AND ent.{staging};
