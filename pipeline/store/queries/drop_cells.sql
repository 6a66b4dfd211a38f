ALTER TABLE ent.school_events DROP PARTITION %(day)s;

ALTER TABLE ent.cells DROP PARTITION %(day)s;
