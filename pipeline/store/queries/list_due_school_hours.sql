-- Hours of schools to seal, the oldest first: touched since they were sealed, ended long enough ago, not sealed lately
-- and not begun by another sealer just now. Late events keep the last hours dirty nearly always, and to seal
-- the hour of 28,000 schools costs seconds: until it is sealed again, it is read from its events.
--   since, ended: epoch seconds, hours that begin from `since` on and end by `ended`
--   sealed_by, begun_by: epoch seconds, the latest seal and the latest attempt that let it be sealed again
SELECT toUnixTimestamp(hour) AS start
FROM
(
    SELECT hour, max(touched) AS last_touch, max(sealed) AS last_seal, max(begun) AS last_begun
    FROM
    (
        SELECT
            toStartOfHour(start) AS hour, touched, toDateTime64(0, 6, 'UTC') AS sealed,
            toDateTime64(0, 6, 'UTC') AS begun
        FROM ent.marks
        WHERE tier = 'minute'
          AND start >= toDateTime(%(since)s, 'UTC')
          AND toDate(start) NOT IN (SELECT day FROM ent.closed)
        UNION ALL
        SELECT hour, toDateTime64(0, 6, 'UTC'), sealed, begun FROM ent.school_marks
    )
    GROUP BY hour
)
WHERE last_touch > toDateTime64(0, 6, 'UTC')
  AND last_touch >= last_seal
  AND hour + 3600 <= toDateTime(%(ended)s, 'UTC')
  AND last_seal <= toDateTime(%(sealed_by)s, 'UTC')
  AND last_begun <= toDateTime(%(begun_by)s, 'UTC')
ORDER BY hour
LIMIT 1;
