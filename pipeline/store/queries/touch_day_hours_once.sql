-- One minute of each hour of a day that has events: its schools are to be sealed again.
INSERT INTO ent.marks (tier, start)
SELECT 'minute', min(start)
FROM ent.marks
WHERE tier = 'minute' AND toDate(start) = %(day)s
GROUP BY toStartOfHour(start);
