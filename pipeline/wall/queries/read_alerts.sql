-- Alerts that are open at an instant or closed shortly before it, and planned closures in force then. No alert stays open
-- for three days; days of opened_at are partitions.
WITH toDateTime(%(at)s, 'UTC') AS instant
SELECT
    'alert', alert_id, closed_at IS NULL OR closed_at > instant AS open, direction, kind, key, [] AS names,
    toUnixTimestamp(since), toUnixTimestamp(closed_at), sentence, look_at, scope
FROM bi.alerts
WHERE opened_at > instant - INTERVAL 3 DAY AND opened_at <= instant
    AND (closed_at IS NULL OR closed_at > instant - INTERVAL 30 MINUTE)
ORDER BY open DESC, opened_at DESC, alert_id
LIMIT 50
UNION ALL
SELECT
    'closure', closure_id, 1, '', '', '', [academie, plateforme, exploitant, famille, profil],
    toUnixTimestamp(starts_at), toUnixTimestamp(ends_at), why, '', []
FROM bi.closures
WHERE removed_at IS NULL AND starts_at <= instant AND ends_at > instant
ORDER BY starts_at, closure_id
LIMIT 50;
