-- The integers of some days, from their sealed hours.
--   starts: epoch seconds of the days' midnights (UTC)
INSERT INTO ent.counts_day (kind, day, key, hits, visits, visitors)
SELECT kind, toDate(start) AS of, key, sum(hits), uniqCombined64Merge(17)(visits), uniqCombined64Merge(17)(visitors)
FROM ent.keys_hour FINAL
WHERE toDate(start) IN (SELECT toDate(toDateTime(arrayJoin(%(starts)s), 'UTC')))
GROUP BY kind, of, key;
