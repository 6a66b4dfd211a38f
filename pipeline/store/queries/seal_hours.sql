--   starts: epoch seconds of the hours
INSERT INTO ent.keys_hour (kind, start, key, hits, visits, visitors)
SELECT
    kind, toStartOfHour(start) AS begin, key,
    sum(hits), uniqCombined64MergeState(17)(visits), uniqCombined64MergeState(17)(visitors)
FROM ent.keys_ten FINAL
WHERE toStartOfHour(start) IN (SELECT toDateTime(arrayJoin(%(starts)s), 'UTC'))
GROUP BY kind, begin, key;
