INSERT INTO ent_staging.{lock}_lock_{number} (at) SELECT now('UTC');
