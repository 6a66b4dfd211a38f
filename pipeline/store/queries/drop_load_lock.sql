DROP TABLE IF EXISTS ent_staging.load_lock_{number} SYNC;
