-- The total of two periods by hour of Paris, summed over their days: what a plot of two single days shows.
SELECT
    hour >= %(start)s AND hour < %(end)s AS in_period,
    hour >= %(reference_start)s AND hour < %(reference_end)s AS in_reference,
    toHour(toTimeZone(hour, 'Europe/Paris')) AS local_hour, sum(hits), sum(visits), sum(visitors)
FROM bi.traffic_hour
WHERE kind = 'total' AND (in_period OR in_reference)
GROUP BY in_period, in_reference, local_hour
ORDER BY local_hour
