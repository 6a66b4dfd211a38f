INSERT INTO ent_staging.load_lock_{number} (at) SELECT now('UTC');
