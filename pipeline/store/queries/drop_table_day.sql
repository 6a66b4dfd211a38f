-- {database} and {table} are names of our own.
ALTER TABLE {database}.{table} DROP PARTITION %(day)s;
