-- Minutes to seal, the longest untouched first: ended, touched since they were sealed, and either quiet for ten
-- seconds or sealed (or, the first time, ended) over a minute ago, so that a trickle of late events does not seal
-- the same minutes at every flush.
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
       OR greatest(toDateTime(last_seal, 'UTC'), start + 60) <= toDateTime(%(now)s, 'UTC') - toIntervalSecond(60))
ORDER BY last_touch
LIMIT %(most)s;
