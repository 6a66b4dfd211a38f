-- A dimension table's next rows are written beside it. {table} and {staging} are names of our own.
CREATE TABLE ent.{staging} AS ent.{table};
