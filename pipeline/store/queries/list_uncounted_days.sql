-- Closed days whose integers hold less than their sealed hours do, as midnights (UTC); as list_uncounted_hours.sql.
SELECT toUnixTimestamp(toStartOfDay(max(first))) AS begin
FROM
(
    SELECT toDate(start) AS day, min(start) AS first, sum(most) AS hits
    FROM (SELECT start, max(hits) AS most FROM ent.keys_hour WHERE kind = 'total' GROUP BY start)
    GROUP BY day
) AS s
LEFT JOIN (SELECT day, max(hits) AS hits FROM ent.counts_day WHERE kind = 'total' GROUP BY day) AS c ON s.day = c.day
WHERE s.day IN (SELECT day FROM ent.closed)
GROUP BY s.day
HAVING max(s.hits) > max(c.hits)
ORDER BY begin DESC
LIMIT %(most)s;
