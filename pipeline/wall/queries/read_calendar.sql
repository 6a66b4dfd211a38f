-- The days that a page may have to know: its own, the one of a week before, and the rentrées.
SELECT day, zone, kind, holiday, rentree
FROM bi.calendar
WHERE day IN %(days)s OR (rentree AND day <= %(last)s);
