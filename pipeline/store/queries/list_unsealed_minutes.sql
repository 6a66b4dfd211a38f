-- Minutes of a span that are not sealed as they are now: by their marks, or because their cells hold more hits than
-- their sealed row does (whatever the reason: this is the last look before the cells go).
--   since, till: epoch seconds, both on the hour
SELECT toUnixTimestamp(start) AS minute
FROM
(
    SELECT start
    FROM ent.marks
    WHERE tier = 'minute' AND start >= toDateTime(%(since)s, 'UTC') AND start < toDateTime(%(till)s, 'UTC')
    GROUP BY start
    HAVING max(touched) >= max(sealed)
    UNION DISTINCT
    SELECT counted.start AS start
    FROM
    (
        SELECT toStartOfMinute(bucket) AS start, sum(length(hits)) AS hits
        FROM ent.cells FINAL
        WHERE bucket >= toDateTime(%(since)s, 'UTC') AND bucket < toDateTime(%(till)s, 'UTC')
        GROUP BY start
    ) AS counted
    LEFT JOIN
    (
        SELECT start, max(hits) AS hits
        FROM ent.keys_minute
        WHERE kind = 'total' AND start >= toDateTime(%(since)s, 'UTC') AND start < toDateTime(%(till)s, 'UTC')
        GROUP BY start
    ) AS kept ON counted.start = kept.start
    WHERE counted.hits > kept.hits
)
ORDER BY minute;
