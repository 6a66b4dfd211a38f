-- The integers of some hours, from their sealed rows.
--   starts: epoch seconds of the hours
INSERT INTO ent.counts_hour (kind, start, key, hits, visits, visitors)
SELECT kind, start, key, hits, finalizeAggregation(visits), finalizeAggregation(visitors)
FROM ent.keys_hour FINAL
WHERE start IN (SELECT toDateTime(arrayJoin(%(starts)s), 'UTC'));
