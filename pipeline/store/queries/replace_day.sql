-- In one step: nobody sees the table without the day. {table} is a name of our own.
ALTER TABLE ent.{table} REPLACE PARTITION %(day)s FROM ent_staging.{table};
