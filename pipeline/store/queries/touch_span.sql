-- Rows have come into the tier below: the spans (ten minutes, hours) that hold these starts are to be sealed again.
--   tier: 'ten' or 'hour'; seconds: its length; starts: epoch seconds
INSERT INTO ent.marks (tier, start)
SELECT DISTINCT %(tier)s, toStartOfInterval(toDateTime(arrayJoin(%(starts)s), 'UTC'), toIntervalSecond(%(seconds)s));
