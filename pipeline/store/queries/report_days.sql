-- Figures of the days of two periods (days included), for one kind and for the total: growth and ranking reports.
SELECT toString(kind), toString(key), day, hits, visits, visitors
FROM bi.traffic_day
WHERE kind IN ('total', %(kind)s)
    AND (day BETWEEN %(first)s AND %(last)s OR day BETWEEN %(reference_first)s AND %(reference_last)s)
