-- Every ten minutes (or hour, or the day) of a day is to be sealed again, and is read from below until then.
--   tier: 'ten', 'hour' or 'day'; seconds: its length
INSERT INTO ent.marks (tier, start)
SELECT DISTINCT %(tier)s, toStartOfInterval(start, toIntervalSecond(%(seconds)s))
FROM ent.marks
WHERE tier = 'minute' AND toDate(start) = %(day)s;
