-- Minutes to seal, the longest untouched first: ended, touched since they were sealed, and either quiet for ten
-- seconds, or never sealed and ended a minute ago, or sealed five minutes ago. While late events trickle in, a minute
-- is dirty again within a second of its seal and is read from the cells all the same: sealing it more often would
-- cost ten times as much and help nobody.
--   since, ended, now: epoch seconds; minutes that begin from `since` on and end by `ended`
SELECT toUnixTimestamp(start) AS minute
FROM
(
    SELECT start, max(touched) AS last_touch, max(sealed) AS last_seal
    FROM ent.marks
    WHERE tier = 'minute'
      AND start >= toDateTime(%(since)s, 'UTC')
      AND start + 60 <= toDateTime(%(ended)s, 'UTC')
      AND toDate(start) NOT IN (SELECT day FROM ent.closed)
    GROUP BY start
)
WHERE last_touch >= last_seal
  AND (last_touch <= toDateTime(%(now)s, 'UTC') - toIntervalSecond(10)
       OR greatest(toDateTime(last_seal, 'UTC') + 300, start + 120) <= toDateTime(%(now)s, 'UTC'))
ORDER BY last_touch
LIMIT %(most)s;
