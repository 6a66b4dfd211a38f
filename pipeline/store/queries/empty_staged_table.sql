-- {table} is a name of our own.
TRUNCATE TABLE ent_staging.{table} SYNC;
