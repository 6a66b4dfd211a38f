SELECT DISTINCT toDate(partition) AS day
FROM system.parts
WHERE database = 'ent_staging' AND table = 'cells' AND active
ORDER BY day;
