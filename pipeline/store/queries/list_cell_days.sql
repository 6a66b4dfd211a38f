-- Days that have cells, or events of schools, on disk; for how long (seconds) each has been closed, -1 while it is open.
SELECT toDate(partition) AS day, if(c.day = day, dateDiff('second', c.at, now('UTC')), -1) AS closed_for
FROM
(
    SELECT DISTINCT partition
    FROM system.parts
    WHERE database = 'ent' AND table IN ('cells', 'school_events') AND active
) AS p
LEFT JOIN (SELECT day, min(at) AS at FROM ent.closed GROUP BY day) AS c ON toDate(p.partition) = c.day
ORDER BY day;
