-- Tables of ent_staging that stand for one of ent, and their rows.
SELECT name FROM system.tables
WHERE database = 'ent_staging' AND name IN (SELECT name FROM system.tables WHERE database = 'ent')
ORDER BY name;
