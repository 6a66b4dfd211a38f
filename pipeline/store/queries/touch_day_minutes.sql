-- Every minute of a day that has cells is to be sealed again, and is read from them until then.
INSERT INTO ent.marks (tier, start)
SELECT DISTINCT 'minute', toStartOfMinute(bucket)
FROM ent.cells
WHERE toDate(bucket) = %(day)s;
