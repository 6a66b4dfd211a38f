-- What the schools measured in both periods counted, by key and day.
SELECT toString(key), day, hits, visits
FROM bi.perimeter_day(
    kind = %(kind)s, period_first = %(first)s, period_last = %(last)s,
    reference_first = %(reference_first)s, reference_last = %(reference_last)s)
