-- Schools measured in two periods, by key.
SELECT toString(key), schools_both, schools_entered, schools_left, hidden
FROM bi.perimeter(
    kind = %(kind)s, period_first = %(first)s, period_last = %(last)s,
    reference_first = %(reference_first)s, reference_last = %(reference_last)s)
