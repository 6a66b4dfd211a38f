-- The last change of each alert that is open and that a receiver was told of.
SELECT *
FROM
(
    SELECT
        alert_id, revision, toString(state) AS state, toString(direction) AS direction, toString(kind) AS kind, key,
        toUnixTimestamp(opened_at), toUnixTimestamp(since), toUnixTimestamp(changed_at), observed, expected, low, high,
        window_seconds, data_age_seconds, closure, sentence, look_at
    FROM ent.alerts
    WHERE alert_id IN
    (
        SELECT alert_id
        FROM ent.deliveries
        WHERE target = %(receiver)s AND outcome = 'delivered' AND at > now64(3, 'UTC') - INTERVAL 7 DAY
    )
    ORDER BY alert_id, revision DESC
    LIMIT 1 BY alert_id
)
WHERE state != 'closed';
