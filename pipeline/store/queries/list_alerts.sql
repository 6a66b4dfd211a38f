-- Alerts of the days from `since` on, as their latest change left them; the partitions are days of opened_at.
SELECT
    alert_id, revision, state, direction, kind, key, opened_at, since, updated_at, closed_at, observed, expected, low,
    high, data_age_seconds, why_closed, closure, sentence, look_at
FROM bi.alerts
WHERE opened_at >= toDateTime(%(opened)s, 'UTC') AND (state = 'open' OR updated_at >= toDateTime(%(since)s, 'UTC'))
ORDER BY updated_at, alert_id;
