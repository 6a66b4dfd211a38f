-- Hours whose integers hold less than their sealed rows do: sealed by a release that had no integers, or by a sealer
-- that died in between.
SELECT toUnixTimestamp(s.start) AS begin
FROM (SELECT start, max(hits) AS hits FROM ent.keys_hour WHERE kind = 'total' GROUP BY start) AS s
LEFT JOIN (SELECT start, max(hits) AS hits FROM ent.counts_hour WHERE kind = 'total' GROUP BY start) AS c
    ON s.start = c.start
WHERE s.hits > c.hits
ORDER BY begin DESC
LIMIT %(most)s;
