-- The same for a part of the days of Paris, hours summed. A key that was seen on the day, but not in the asked hours,
-- has a row of zeros.
WITH
    toHour(toTimeZone(hour, 'Europe/Paris')) AS local_hour,
    local_hour >= %(from_hour)s AND local_hour < %(to_hour)s
        AND (hour >= %(start)s AND hour < %(end)s OR hour >= %(reference_start)s AND hour < %(reference_end)s) AS asked
SELECT
    toString(kind), toString(key), toDate(toTimeZone(hour, 'Europe/Paris')) AS day,
    sumIf(hits, asked), sumIf(visits, asked), sumIf(visitors, asked)
FROM bi.traffic_hour
WHERE kind IN ('total', %(kind)s)
    AND (hour >= %(day_start)s AND hour < %(day_end)s
        OR hour >= %(reference_day_start)s AND hour < %(reference_day_end)s)
GROUP BY kind, key, day
