-- The shown figures of some schools in a week, in the order of their UAIs.
--   monday: a Date; first, last: UAIs, both included
SELECT uai, kind, key, visits, visitors
FROM bi.school_week(monday = %(monday)s)
WHERE uai >= %(first)s AND uai <= %(last)s
ORDER BY uai;
