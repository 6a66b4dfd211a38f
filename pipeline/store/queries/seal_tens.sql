--   starts: epoch seconds of the ten-minute spans
INSERT INTO ent.keys_ten (kind, start, key, hits, visits, visitors)
SELECT
    kind, toStartOfTenMinutes(start) AS begin, key,
    sum(hits), uniqCombined64MergeState(17)(visits), uniqCombined64MergeState(17)(visitors)
FROM ent.keys_minute FINAL
WHERE toStartOfTenMinutes(start) IN (SELECT toDateTime(arrayJoin(%(starts)s), 'UTC'))
GROUP BY kind, begin, key;
