-- Days of which `ent` holds anything, and whether their cells are still there.
SELECT toDate(partition) AS day, countIf(table IN ('cells', 'school_events')) > 0 AS open
FROM system.parts
WHERE database = 'ent' AND active AND rows > 0
  AND table IN ('cells', 'marks', 'keys_minute', 'keys_ten', 'keys_hour', 'minutes', 'counts_hour', 'counts_day',
                'school_events', 'school_hours', 'school_days', 'school_visitors')
GROUP BY day;
