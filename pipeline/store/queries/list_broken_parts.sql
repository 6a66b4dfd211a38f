-- Parts that the server has set aside as broken and that nobody has looked into yet; the day of their rows as
-- YYYYMMDD, '' where the table is not cut into days.
SELECT database, table, name, extract(name, '_(\\d{8})_\\d+_\\d+_\\d+') AS day
FROM system.detached_parts
WHERE database IN ('ent', 'ent_staging')
  AND startsWith(ifNull(reason, ''), 'broken')
  AND (database, table, name) NOT IN (SELECT database, table, part FROM ent.broken_parts)
ORDER BY database, table, name;
