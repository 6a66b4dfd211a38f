ALTER TABLE ent.cells DROP PARTITION %(day)s;
