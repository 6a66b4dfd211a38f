-- Changes of alerts at ticks after an instant, oldest first; columns as in pipeline/store/alerts.py. An alert is open for
-- a day at most, so older partitions are not looked at.
--   after: epoch seconds
SELECT
    alert_id, revision, toString(state), toString(direction), toString(kind), key, opened_at, since, changed_at,
    closed_at, observed, expected, low, high, window_seconds, data_age_seconds, neighbours, scope,
    toString(why_closed), closure, sentence, look_at
FROM ent.alerts FINAL
WHERE changed_at > toDateTime(%(after)s, 'UTC') AND opened_at + toIntervalDay(1) > toDateTime(%(after)s, 'UTC')
ORDER BY changed_at, opened_at, alert_id, revision;
