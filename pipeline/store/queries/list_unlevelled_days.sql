-- Closed days that have sealed minutes and no levels: sealed by a release that had none. Midnights (UTC), newest first.
SELECT toUnixTimestamp(toDateTime(toDate(partition), 'UTC')) AS begin
FROM system.parts
WHERE database = 'ent' AND table IN ('minutes', 'levels') AND active
  AND toDate(partition) IN (SELECT day FROM ent.closed)
GROUP BY partition
HAVING countIf(table = 'levels') = 0
ORDER BY begin DESC
LIMIT %(most)s;
