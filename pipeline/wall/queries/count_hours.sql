-- Older than the minutes kept: one row for each hour and value. Nothing is crossed there.
SELECT toUnixTimestamp(hour), kind, key, hits, visits, visitors
FROM bi.traffic_hour
WHERE hour >= %(since)s AND hour < %(until)s
    AND kind IN ('total', 'academie', 'famille', 'service', 'plateforme', 'exploitant', 'profil');
