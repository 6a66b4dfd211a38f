-- The marks go first: what has no mark is not read.
ALTER TABLE ent.marks DROP PARTITION %(day)s;

ALTER TABLE ent.keys_hour DROP PARTITION %(day)s;

ALTER TABLE ent.keys_ten DROP PARTITION %(day)s;

ALTER TABLE ent.keys_minute DROP PARTITION %(day)s;

ALTER TABLE ent.minutes DROP PARTITION %(day)s;
