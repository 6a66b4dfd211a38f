-- Rows have come into the tier below: the spans (ten minutes, hours, days) that hold these starts are to be
-- sealed again.
--   tier: 'ten', 'hour' or 'day'; seconds: its length; starts: epoch seconds
INSERT INTO ent.marks (tier, start)
SELECT DISTINCT %(tier)s, toStartOfInterval(toDateTime(arrayJoin(%(starts)s), 'UTC'), toIntervalSecond(%(seconds)s));
