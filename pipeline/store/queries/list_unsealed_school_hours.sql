-- Hours of a day whose events of schools are more than their sealed rows hold. Rows of events are distinct, and as many
-- as their hits at the least: where this does not name an hour, nothing is missing from it.
--   since, till: epoch seconds, the day's
SELECT toUnixTimestamp(hour) AS start
FROM
(
    SELECT hour, count() AS events
    FROM ent.school_events FINAL
    WHERE hour >= toDateTime(%(since)s, 'UTC') AND hour < toDateTime(%(till)s, 'UTC')
    GROUP BY hour
) AS counted
LEFT JOIN
(
    SELECT hour, sum(hits) AS hits
    FROM ent.school_hours FINAL
    WHERE hour >= toDateTime(%(since)s, 'UTC') AND hour < toDateTime(%(till)s, 'UTC')
    GROUP BY hour
) AS kept USING hour
WHERE events > hits
ORDER BY hour;
