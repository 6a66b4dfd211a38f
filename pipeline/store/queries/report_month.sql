-- Visits of the country on each measured day between two days, included.
SELECT day, visits
FROM bi.traffic_day
WHERE kind = 'total' AND day BETWEEN %(first)s AND %(last)s
