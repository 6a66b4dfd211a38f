-- Kinds of days by school zone, between two days included.
SELECT day, zone, toString(kind)
FROM bi.calendar
WHERE day BETWEEN %(first)s AND %(last)s
