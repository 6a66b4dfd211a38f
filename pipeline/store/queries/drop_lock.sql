DROP TABLE IF EXISTS ent_staging.{lock}_lock_{number} SYNC;
