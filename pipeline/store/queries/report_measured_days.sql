-- Days on which anything was counted.
--   first, last: Dates, both included
SELECT DISTINCT day
FROM bi.traffic_day
WHERE kind = 'total' AND day >= %(first)s AND day <= %(last)s AND hits > 0
ORDER BY day;
